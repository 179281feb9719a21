/**
 * The engine joins core, oauth and vault with the world behind the ports. It has no I/O and no
 * clock of its own: it is handed completions and the time, a turn at a time, so that the whole of
 * it runs under simulation.
 *
 *     struct engine *engine = engine_new(&options);
 *     engine_start(engine, now);                 // reads the catalog, resolves open attempts
 *     for (;;) {
 *         … io waits until engine_next_ms(engine) or a completion …
 *         engine_turn(engine, now);
 *     }
 *
 * One refresh: due → task (engine/schedule) → job: read, intent, request, verdict, save
 * (engine/job) → waiters answered, events published (engine/outbox). Disk is the truth, memory an
 * index of the near future, Redis a projection.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "common/log.h"
#include "core/schedule.h"
#include "engine/api.h"
#include "metrics/metrics.h"
#include "oauth/profile.h"
#include "port/entropy.h"
#include "port/http.h"
#include "port/inbox.h"
#include "port/publisher.h"
#include "port/store.h"
#include "vault/vault.h"

enum {
    ENGINE_TICK_MS = 50,          /* due connections are started in ticks: fewer wake-ups */
    ENGINE_WINDOW = 512,          /* due entries read at a time */
    ENGINE_TASKS_MAX = 16 * 1024, /* connections in memory at a time */
    ENGINE_LANE_READY_MAX = 256,  /* of one connector: due, not started */
    ENGINE_JOBS_MAX = 1024,       /* refreshes under way at a time, over all connectors */
    ENGINE_WAITERS_MAX = 64 * 1024,
};

/** What the configuration decides; can be replaced while running. */
struct engine_settings {
    struct schedule_rules rules;
    int64_t retention_ms;
    bool account_labels;
    size_t max_in_flight;    /* of one provider */
    int64_t guard_window_ms; /* so far back told verdicts are checked again when the guard trips */
    bool allow_plain_loopback; /* for inline profiles */
};

struct engine_options {
    struct engine_settings settings;
    struct store_port store;
    struct http_port http;
    struct publisher_port publisher;
    struct entropy_port entropy;
    struct inbox *inbox;          /* borrowed; what the ports complete into */
    const struct vault *vault;    /* borrowed */
    struct profile_set *profiles; /* taken */
    const struct log *log;        /* borrowed */
    struct metrics *metrics;      /* borrowed */
    struct str log_id;            /* of the event log; copied */
    struct str source;            /* `source` of events, fixed in the store; copied */
    bool memory_locked;           /* for status */
    bool clock_was_unset;         /* at start: nothing overdue is called expired */
    int64_t started_wall_ms;
};

struct engine *engine_new(struct engine_options *take_options);
/** Only when drained, or with ports that will complete nothing any more. */
void engine_free(struct engine *engine);

/** Read the catalog; refreshing begins on a later turn. */
void engine_start(struct engine *engine, struct now now);
/** Has the catalog been read, so that calls can be answered? STATUS_UNAVAILABLE: not yet; a failure
 * to read it is STATUS_INTERNAL with its text. */
MUST_CHECK enum status engine_ready(const struct engine *engine, struct error *err);

/** One turn: resume all that completed, start all that is due. */
void engine_turn(struct engine *engine, struct now now);
/** When the next turn is needed though nothing completes; INT64_MAX: not at all. */
int64_t engine_next_ms(const struct engine *engine);

/** Is every connector's profile among these? STATUS_INVALID names one whose is not. */
MUST_CHECK enum status engine_accepts_profiles(const struct engine *engine,
                                               const struct profile_set *profiles,
                                               struct error *err);
/** After a reload: new settings and accepted profiles. Requests under way end under the old ones.
 */
void engine_reconfigure(struct engine *engine, const struct engine_settings *settings,
                        struct profile_set *take_profiles);

/** Start no further request. */
void engine_drain(struct engine *engine, struct now now);
/** The ports are about to go: send nothing any more, only take what still comes back. */
void engine_close(struct engine *engine);
/** Is nothing in flight and nothing unsaved? */
bool engine_is_drained(const struct engine *engine);
/** Requests under way and answers not yet saved, for the log. */
size_t engine_in_flight(const struct engine *engine);
/** Has an answer been received that is not durable yet? The process must not exit then: it may be
 * the only one who knows a new token. */
bool engine_has_unsaved(const struct engine *engine);
/** Connections in memory: the near future of the schedule and what is under way. */
size_t engine_task_count(const struct engine *engine);

/** Is anything overdue that nobody has touched past a named bound? The watchdog is fed only if not.
 */
bool engine_is_stuck(const struct engine *engine, struct now now);

#endif
