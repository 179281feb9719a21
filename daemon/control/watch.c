#include "control/watch.h"

#include "common/assert.h"
#include "common/memory.h"

#include <stdlib.h>

struct watch {
    struct session *session;
    struct watcher *watcher;
    struct call *call; /* not answered yet; else NULL */
    size_t room;       /* events that the engine may still send */
    bool starting;     /* inside engine_watch(): the watcher is not known yet */
    bool is_over;      /* by the engine's word, while starting */
    bool is_stopped;   /* by ours, while starting */
};

static void forget(struct watch *watch)
{
    watch->session->watch = NULL;
    watch->session->control->watchers--;
    free(watch);
}

static void on_started(void *ctx, int64_t last)
{
    struct watch *watch = ctx;
    struct json *result = json_new_object();
    json_set_bool(result, "watching", true);
    json_set_i64(result, "last", last);
    ASSERT(watch->call != NULL);
    call_result(TAKE_PTR(watch->call), result);
}

static bool on_event(void *ctx, int64_t seq UNUSED, struct str cloudevent)
{
    struct watch *watch = ctx;
    struct session *session = watch->session;
    ASSERT(watch->call == NULL && watch->room > 0);
    watch->room--;
    CLEANUP(buf_deinit) struct buf line = {0};
    buf_append(&line, STR("{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":"));
    buf_append(&line, cloudevent);
    buf_append(&line, STR("}\n"));
    session_enter(session);
    session_write(session, buf_str(&line));
    if (session->output.backlog(session->output.ctx) > CONTROL_WATCH_BACKLOG_MAX)
        watch->room = 0;
    bool wants_more = watch->room > 0;
    session_leave(session); /* both may be gone now */
    return wants_more;
}

static void on_failure(void *ctx, struct rpc_failure failure)
{
    struct watch *watch = ctx;
    struct session *session = watch->session;
    struct call *call = TAKE_PTR(watch->call);
    session_enter(session);
    watch->watcher = NULL;
    if (watch->starting)
        watch->is_over = true;
    else
        forget(watch);
    if (call != NULL) {
        call_failure(call, failure);
    } else {
        session_refuse(session, NULL, &failure);
        json_free(failure.data);
    }
    session_leave(session);
}

void watch_start(struct session *session, struct call *call, const struct json *params,
                 struct now now)
{
    ASSERT(session->entered > 0);
    if (session->watch != NULL) {
        call_fail(call, RPC_CODE_TOO_MANY, "this connection watches already; open another one");
        return;
    }
    struct watch *watch = memory_new(sizeof(*watch));
    *watch = (struct watch){.session = session, .call = call, .starting = true};
    session->watch = watch;
    session->control->watchers++;
    const struct watch_sink sink = {
        .ctx = watch, .started = on_started, .failure = on_failure, .event = on_event};
    struct watcher *watcher = engine_watch(session->control->engine, params, sink, now);
    watch->starting = false;
    if (watch->is_over) {
        forget(watch);
        return;
    }
    watch->watcher = watcher;
    if (watch->is_stopped)
        watch_stop(session);
    else
        watch_pump(session, now);
}

void watch_pump(struct session *session, struct now now)
{
    struct watch *watch = session->watch;
    if (watch == NULL || watch->watcher == NULL || watch->room > 0)
        return;
    if (session->output.backlog(session->output.ctx) > CONTROL_WATCH_BACKLOG_MAX)
        return;
    watch->room = CONTROL_WATCH_ROOM;
    engine_watch_more(watch->watcher, CONTROL_WATCH_ROOM, now);
}

/** Returns its call where that is not answered yet. */
static struct call *cancel(struct session *session)
{
    struct watch *watch = session->watch;
    struct call *call = TAKE_PTR(watch->call);
    if (watch->watcher != NULL)
        engine_watch_cancel(watch->watcher);
    forget(watch);
    return call;
}

void watch_stop(struct session *session)
{
    if (session->watch == NULL)
        return;
    if (session->watch->starting) {
        session->watch->is_stopped = true;
        return;
    }
    struct call *call = cancel(session);
    if (call != NULL)
        call_fail(call, RPC_CODE_BUSY, "the connection is being closed; open another one");
}

void watch_drop(struct session *session)
{
    if (session->watch == NULL)
        return;
    struct call *call = cancel(session);
    if (call != NULL)
        call_drop(call);
}
