/**
 * What the engine's parts share. Each part keeps its own corner; this header is for files in
 * engine/ only.
 *
 *     catalog   the connectors, in memory           schedule  which connection is next
 *     job       one refresh from due to saved       credentials  refused, probed, recovered
 *     op        one admin call                      outbox    the log towards Redis
 *     sweep     a rescope, page by page             watch     the log towards the socket
 *     revocation  grants to be ended over there
 */
#ifndef ENGINE_STATE_H
#define ENGINE_STATE_H

#include "core/lifecycle.h"
#include "engine/engine.h"
#include "engine/heap.h"

struct catalog_entry;
struct connector_write;
struct job;
struct outbox;
struct report_memory;
struct set_source;
struct task;
struct watcher;

/** Lists of tasks by their connections' hash: short ones, whatever ENGINE_TASKS_MAX allows. */
enum { SCHEDULE_BUCKETS = 4096 };

/** The connections in memory: the near future of the schedule and what is under way. */
struct schedule_state {
    struct task *by_id[SCHEDULE_BUCKETS]; /* each a list by next_by_id */
    size_t task_count;
    struct heap upcoming; /* of tasks, by due time */
    struct heap resting;  /* of tasks whose verdict settles, by when */
    bool reading;
    bool all_read;           /* the window reaches to the end of the index */
    int64_t frontier_due_ms; /* the window holds all that is due up to here … */
    char frontier_id[144];   /* … and, at that very time, up to this id */
    int64_t missed_due_ms;   /* least due time let go while the window was being read; or none */
    bool missed;
    int64_t next_tick_ms;
    int64_t retry_read_ms;
};

/** Grants to be revoked at their providers: the queue stands in the store (engine/revocation.h). */
struct revocation_state {
    bool reading;
    int64_t next_ms; /* when the queue is looked at; 0: at once, INT64_MAX: nothing waits */
    struct revocation_run *runs; /* under way */
    size_t run_count;
};

/** Transmitters of security events (engine/sets.h). */
struct sets_state {
    struct set_source *sources;
    size_t count;
    bool is_synced; /* they are those that the profiles name */
    int64_t forget_ms;
};

/** engine/readers.h */
struct readers_state {
    void *readings; /* tsearch(3) tree, by connection */
    size_t count;
    bool flushing, is_unsaved;
    int64_t flush_due_ms;
};

/** What the audit counts between writes (engine/audit.h). */
struct audit_state {
    int64_t minute_ms; /* when the minute began that refused calls are counted in */
    int refused_in_minute;
    int64_t left_out; /* refused calls without a record */
    void *uses;       /* tsearch(3) tree of counters */
    size_t use_count;
    int64_t flush_due_ms;
    bool flushing, is_unsaved; /* unsaved: the last flush did not work */
};

/** The mass-failure guard (engine/guard.h). */
struct guard_state {
    int64_t started_ms; /* it has heard of no answer before */
    struct hold *holds;
    struct guard_sweep *sweeps; /* the first is under way */
    bool is_dirty;              /* what is in memory is to be saved */
    struct guard_save *save;    /* under way; NULL: none */
    int64_t serial;             /* of the last save */
    int64_t retry_ms;
    bool looking; /* a read for the holds that may be over is under way */
};

/** Attempts that a crash left open are read first; routine work waits until they are known. */
enum recovery { RECOVERY_WAITS, RECOVERY_READS, RECOVERY_DONE };

/** Authorizations under way (engine/flow.h). */
struct flow_state {
    int64_t look_ms; /* when the first of them may be over */
    bool busy;
};

enum engine_phase { ENGINE_NEW, ENGINE_LOADING, ENGINE_RUNNING, ENGINE_FAILED };

struct engine {
    struct engine_settings settings;
    struct store_port store;
    struct http_port http;
    struct publisher_port publisher;
    struct entropy_port entropy;
    struct inbox *inbox;
    const struct vault *vault;
    struct profile_set *profiles;
    const struct log *log;
    struct metrics *metrics;
    char *log_id, *source;
    bool memory_locked, clock_was_unset;
    int64_t started_wall_ms;

    enum engine_phase phase;
    struct error failure;
    bool draining;
    bool turn_cut_short; /* the last turn left completions in the inbox */
    enum recovery recovery;
    char recovery_cursor[144];
    int64_t recovery_retry_ms;
    struct catalog_entry **entries; /* sorted by id */
    size_t entry_count, entry_capacity;
    void *endpoints; /* tsearch(3) tree of struct endpoint */
    struct guard_state guard;
    struct schedule_state schedule;
    size_t in_flight;          /* token requests on the wire */
    size_t errands;            /* other requests under way (engine/errand.h) … */
    size_t background_errands; /* … and how many of them nobody waits for */
    size_t jobs;               /* from read to saved */
    size_t unsaved_answers;    /* received, and not durable yet */
    struct heap unsaved;       /* of jobs whose save is repeated, by when */
    size_t ops;                /* admin calls under way */
    struct heap op_retries;
    size_t background; /* writes and reads of the engine's own under way */
    struct revocation_state revocations;
    struct readers_state readers;
    struct sets_state sets;
    struct report_memory *reports; /* NULL: none yet */
    struct audit_state audit;
    struct now now; /* of the turn or the call that runs: for what is handed none */
    struct outbox *outbox;
    struct watcher *watchers;
    struct connector_write *reloads; /* changes whose row has to be read again */
    int64_t purge_due_ms;
    struct flow_state flows;
};

uint64_t engine_random(struct engine *engine);
/** A fresh random id "<prefix><16 hex digits>" into text. */
enum { ENGINE_ID_SIZE = 32 };
struct str engine_new_id(struct engine *engine, const char *prefix, char text[ENGINE_ID_SIZE]);

#endif
