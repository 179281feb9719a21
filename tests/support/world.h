/**
 * An engine in a world of fakes: a store that outlives it, a provider, a Redis, a clock that jumps.
 * What a test says reads as: given these connections, when that happens, then this is what people
 * see.
 *
 *     struct world *world = world_new(1);
 *     world_register(world, "gcal", "app_user", "rotating", "client-1", "s1");
 *     struct fake_grant *ana = world_import(world, "gcal", "c-ana");
 *     world_run(world, HOUR);
 *     assert_int_equal(ana->refreshed, 1);
 */
#ifndef SUPPORT_WORLD_H
#define SUPPORT_WORLD_H

#include "engine/engine.h"
#include "support/fake_provider.h"
#include "support/fake_redis.h"
#include "support/fake_store.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

/** One call of the control socket's, under way or answered. */
struct world_call {
    struct world_call *next;
    struct world *world;
    bool is_done, is_lost; /* lost: the process died first */
    struct json *result;   /* of a success */
    int code;              /* of a failure: RPC_ERROR_… */
    const char *word;      /* data.code, "" for a success */
    struct json *data;
    int64_t asked_ms, done_ms;
};

struct world {
    uint64_t seed;
    struct fake_clock clock;
    struct fake_random entropy, ghost_entropy;
    struct inbox *inbox;
    struct fake_store *store;
    struct fake_provider *provider;
    struct fake_redis *redis;
    bool has_redis;
    bool has_transmitter; /* of the profile "watched"; from the next start on */
    struct vault *vault;
    struct log log;
    struct metrics metrics;
    struct engine_settings settings;
    struct engine *engine;
    bool is_failed;   /* the engine could not start */
    bool wants_crash; /* the process dies before its next turn */
    int crashes;
    struct world_call *calls;
    unsigned roles; /* of the caller */
    size_t tasks_peak;
    /** Called after each turn; NULL: none. */
    void (*watch)(void *ctx, struct world *world);
    void *watch_ctx;
    uint64_t trace; /* hash of all that was sent and written, in its order */
};

struct world *world_new(uint64_t seed);
/** Ends it in good order: drains, so that whatever is left open shows. */
void world_free(struct world *world);

/** The process dies now, and a new one starts. */
void world_crash(struct world *world);
/** Stop in good order, then start anew. */
void world_restart(struct world *world);
/** Let that much time pass. */
void world_run(struct world *world, int64_t ms);
/** Until the call is answered, an hour at most. */
void world_wait(struct world *world, const struct world_call *call);
/** Until nothing is due at this instant and nothing is under way. */
void world_settle(struct world *world);
struct now world_now(const struct world *world);

/** Ask; params a printf format of JSON. The world keeps and frees the call. */
struct world_call *world_ask(struct world *world, enum rpc_method_id method, const char *format,
                             ...) PRINTF_LIKE(3, 4);
/** Ask and wait. */
struct world_call *world_do(struct world *world, enum rpc_method_id method, const char *format, ...)
    PRINTF_LIKE(3, 4);
/** A member of the result (or, with "data." before it, of the failure's data), by dotted path. */
struct str world_text(const struct world_call *call, const char *path);
int64_t world_number(const struct world_call *call, const char *path);

/** A connector of one of the world's profiles: "rotating" (always, window 10 s), "static" (never
 * rotates), "plain" (nothing is known), "bare" (a token endpoint alone). The provider accepts the
 * secret. Must succeed. */
void world_register(struct world *world, const char *connector, const char *type,
                    const char *profile, const char *client_id, const char *secret);
/** A grant at the provider, with the habits of that profile. */
struct fake_grant *world_grant(struct world *world, const char *profile, const char *client_id);
/** Import that grant's tokens. @more further members, ",\"account\":…"; may be "" */
struct world_call *world_import_grant(struct world *world, const struct fake_grant *grant,
                                      const char *connector, const char *id, const char *owner,
                                      const char *more);
/** Both, for person `id` of app crm; must succeed. */
struct fake_grant *world_import(struct world *world, const char *connector, const char *id);

/** How many events of this type (of this subject; NULL: of any). */
size_t world_events(const struct world *world, const char *type, const char *subject);
/** A member of the data of the newest such event, as text; NULL: there is none. The caller frees.
 */
char *world_event_text(const struct world *world, const char *type, const char *subject,
                       const char *path);
const struct connection *world_connection(const struct world *world, const char *id);
/** "active", "needs_reconnect" … as the store has it. */
const char *world_state(const struct world *world, const char *id);
const char *world_reason(const struct world *world, const char *id);

#endif
