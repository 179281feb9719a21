#include "unit/control/fake_engine.h"

#include "common/assert.h"
#include "common/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct held_call {
    enum rpc_method_id method;
    struct json *params;
    struct reply_sink sink;
};

struct watcher {
    struct engine *engine;
    struct watch_sink sink;
    bool used, started, busy;
    size_t room;
    int64_t given; /* number of the last event given */
};

struct engine {
    size_t called;
    struct held_call held[FAKE_ENGINE_HELD_MAX];
    size_t held_count;
    struct watcher watchers[FAKE_ENGINE_WATCHERS_MAX];
    int64_t last;
    size_t pad;
    char audited[256];
    size_t audits;
};

struct engine *fake_engine_new(void)
{
    struct engine *engine = memory_new(sizeof(*engine));
    engine->last = FAKE_ENGINE_LAST;
    return engine;
}

void fake_engine_free(struct engine *engine)
{
    while (engine->held_count > 0)
        fake_engine_resume(engine, 0);
    free(engine);
}

/* Calls. */

static struct json *text_of(size_t len)
{
    char *bytes = memory_new(len);
    memset(bytes, 'x', len);
    struct json *text = json_new_text((struct str){.data = bytes, .len = len});
    free(bytes);
    return text;
}

static void answer(enum rpc_method_id method, const struct json *params, struct reply_sink sink)
{
    struct str connection = json_text(json_get(params, "connection"));
    struct json *object = json_new_object();
    if (str_eq(connection, STR("dead"))) {
        json_set_text(object, "reason", STR("grant_rejected"));
        sink.failure(sink.ctx, (struct rpc_failure){
                                   .code = RPC_ERROR_REFRESHD,
                                   .word = RPC_CODE_NEEDS_RECONNECT,
                                   .message = "the grant is dead",
                                   .data = object,
                               });
        return;
    }
    json_set_text(object, "called", str_c(rpc_method_at(method)->name));
    json_set_text(object, "connection", connection);
    if (str_eq(connection, STR("large")))
        json_set(object, "text", text_of(FAKE_ENGINE_LARGE));
    if (str_eq(connection, STR("huge")))
        json_set(object, "text", text_of(FAKE_ENGINE_HUGE));
    sink.result(sink.ctx, object);
}

void engine_call(struct engine *engine, enum rpc_method_id method, const struct json *params,
                 const struct caller *caller, struct reply_sink sink, struct now now UNUSED)
{
    ASSERT(caller != NULL);
    engine->called++;
    if (!str_starts_with(json_text(json_get(params, "connection")), STR("later"))) {
        answer(method, params, sink);
        return;
    }
    if (engine->held_count == FAKE_ENGINE_HELD_MAX)
        fake_engine_resume(engine, 0);
    engine->held[engine->held_count++] =
        (struct held_call){.method = method, .params = json_copy(params), .sink = sink};
}

void engine_audit(struct engine *engine, enum rpc_method_id method,
                  const struct caller *caller UNUSED, struct str subject, struct str outcome,
                  struct now now UNUSED)
{
    snprintf(engine->audited, sizeof(engine->audited), "%s %.*s %.*s", rpc_method_at(method)->name,
             (int)subject.len, str_is_set(subject) ? subject.data : "", (int)outcome.len,
             outcome.data);
    engine->audits++;
}

const char *fake_engine_audited(const struct engine *engine)
{
    return engine->audited;
}

size_t fake_engine_audits(const struct engine *engine)
{
    return engine->audits;
}

size_t fake_engine_called(const struct engine *engine)
{
    return engine->called;
}

size_t fake_engine_held(const struct engine *engine)
{
    return engine->held_count;
}

void fake_engine_resume(struct engine *engine, size_t nth)
{
    ASSERT(nth < engine->held_count);
    struct held_call call = engine->held[nth];
    engine->held_count--;
    memmove(&engine->held[nth], &engine->held[nth + 1], (engine->held_count - nth) * sizeof(call));
    answer(call.method, call.params, call.sink);
    json_free(call.params);
}

/* Watching. */

static void give_event(struct watcher *watcher)
{
    CLEANUP(buf_deinit) struct buf event = {0};
    watcher->given++;
    buf_printf(&event, "{\"id\":\"%lld\"", (long long)watcher->given);
    if (watcher->engine->pad > 0) {
        buf_append(&event, STR(",\"pad\":\""));
        memset(buf_extend(&event, watcher->engine->pad), 'x', watcher->engine->pad);
        buf_append_byte(&event, '"');
    }
    buf_append_byte(&event, '}');
    watcher->room--;
    if (!watcher->sink.event(watcher->sink.ctx, watcher->given, buf_str(&event)))
        watcher->room = 0;
}

/** Not from within itself: a sink may ask for more while it is given an event. */
static void pump(struct watcher *watcher)
{
    if (watcher->busy)
        return;
    watcher->busy = true;
    while (watcher->used && watcher->started && watcher->room > 0 &&
           watcher->given < watcher->engine->last)
        give_event(watcher);
    watcher->busy = false;
}

struct watcher *engine_watch(struct engine *engine, const struct json *params,
                             struct watch_sink sink, struct now now UNUSED)
{
    struct str connection = json_text(json_get(params, "connection"));
    struct watcher *watcher = engine->watchers;
    while (watcher->used || watcher->busy) {
        watcher++;
        ASSERT(watcher < engine->watchers + FAKE_ENGINE_WATCHERS_MAX);
    }
    if (str_eq(connection, STR("gone"))) {
        struct json *data = json_new_object();
        json_set_i64(data, "oldest", 5);
        sink.failure(sink.ctx, (struct rpc_failure){
                                   .code = RPC_ERROR_REFRESHD,
                                   .word = RPC_CODE_GONE,
                                   .message = "older than retention",
                                   .data = data,
                               });
        return NULL;
    }
    *watcher = (struct watcher){
        .engine = engine,
        .sink = sink,
        .used = true,
        .started = !str_eq(connection, STR("later")),
        .given = json_i64(json_get(params, "after"), engine->last),
    };
    if (watcher->started)
        sink.started(sink.ctx, engine->last);
    return watcher;
}

void engine_watch_more(struct watcher *watcher, size_t room, struct now now UNUSED)
{
    ASSERT(watcher->used);
    watcher->room += room;
    pump(watcher);
}

void engine_watch_cancel(struct watcher *watcher)
{
    ASSERT(watcher->used);
    watcher->used = false;
}

size_t fake_engine_watchers(const struct engine *engine)
{
    size_t count = 0;
    for (size_t i = 0; i < FAKE_ENGINE_WATCHERS_MAX; i++)
        count += engine->watchers[i].used ? 1 : 0;
    return count;
}

void fake_engine_start_watch(struct engine *engine)
{
    for (size_t i = 0; i < FAKE_ENGINE_WATCHERS_MAX; i++) {
        struct watcher *watcher = &engine->watchers[i];
        if (!watcher->used || watcher->started)
            continue;
        watcher->started = true;
        watcher->sink.started(watcher->sink.ctx, engine->last);
        pump(watcher);
    }
}

void fake_engine_fail_watch(struct engine *engine)
{
    for (size_t i = 0; i < FAKE_ENGINE_WATCHERS_MAX; i++) {
        struct watcher *watcher = &engine->watchers[i];
        if (!watcher->used)
            continue;
        watcher->used = false;
        watcher->sink.failure(watcher->sink.ctx, (struct rpc_failure){
                                                     .code = RPC_ERROR_REFRESHD,
                                                     .word = RPC_CODE_STORE_UNAVAILABLE,
                                                     .message = "the store cannot be read",
                                                 });
    }
}

void fake_engine_publish(struct engine *engine, size_t count, size_t pad)
{
    engine->last += (int64_t)count;
    engine->pad = pad;
    for (size_t i = 0; i < FAKE_ENGINE_WATCHERS_MAX; i++)
        pump(&engine->watchers[i]);
}
