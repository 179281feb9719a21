/**
 * What the control socket asks of the engine: one entry for all methods. Parameters have passed
 * rpc_params_check() and the caller's role has been looked at; what remains (an owner that fits the
 * connector's type, whose personal connection it is) is the engine's to judge.
 *
 *     struct reply_sink sink = {.ctx = call, .result = call_result, .failure = call_failure};
 *     engine_call(engine, RPC_TOKEN, params, &caller, sink, now);
 *
 * Exactly one of result and failure is called, once, now or on a later turn. A sink whose client
 * has gone must stay callable: the session keeps calls until they are answered.
 */
#ifndef ENGINE_API_H
#define ENGINE_API_H

#include "common/json.h"
#include "common/rpc_methods.h"
#include "core/types.h"

struct engine;

/** Who asks, by the kernel's word, for the audit. */
struct caller {
    int64_t uid, gid, pid;
    unsigned roles; /* of enum rpc_role */
};

struct rpc_failure {
    int code;            /* RPC_ERROR_…; RPC_ERROR_REFRESHD has a word */
    enum rpc_code word;  /* data.code, with RPC_ERROR_REFRESHD */
    const char *message; /* for people, one line; borrowed */
    struct json *data;   /* further members of error.data (reason, remedy, path …) or NULL;
                            taken by the sink */
};

struct reply_sink {
    void *ctx;
    void (*result)(void *ctx, struct json *take_result);
    void (*failure)(void *ctx, struct rpc_failure failure);
};

/** @params borrowed; NULL counts as {}. Every method but watch, reload and rpc.discover. */
void engine_call(struct engine *engine, enum rpc_method_id method, const struct json *params,
                 const struct caller *caller, struct reply_sink sink, struct now now);

/** For the audit: a call that control itself refused (its roles, its parameters) or carried out
 * (`reload`). Refused ones are bounded. @outcome "ok" or an error's data.code */
void engine_audit(struct engine *engine, enum rpc_method_id method, const struct caller *caller,
                  struct str subject, struct str outcome, struct now now);

/**
 * `watch`: events after a sequence, in order, without gaps, until cancelled. The watcher gets at
 * most `room` events at a time, fewer where it says that it has enough, and asks for more with
 * engine_watch_more() once they are written out: that is the flow control.
 */
struct watcher;
struct watch_sink {
    void *ctx;
    void (*started)(void *ctx, int64_t last);               /* once, before all events */
    void (*failure)(void *ctx, struct rpc_failure failure); /* instead of started (gone) or
                                                               later; the watcher is over */
    /** @cloudevent  JSON text. False: enough, until engine_watch_more(). */
    bool (*event)(void *ctx, int64_t seq, struct str cloudevent);
};
struct watcher *engine_watch(struct engine *engine, const struct json *params,
                             struct watch_sink sink, struct now now);
void engine_watch_more(struct watcher *watcher, size_t room, struct now now);
void engine_watch_cancel(struct watcher *watcher);

#endif
