#include "engine/watch.h"

#include "common/memory.h"
#include "engine/event_json.h"

#include <stdlib.h>

struct watcher {
    struct engine *engine;
    struct watcher *next;
    struct watch_sink sink;
    struct arena arena;
    struct str types, connection;
    int64_t after; /* -1: from now on, not known yet */
    size_t room;
    bool started, busy, cancelled;
    bool looked; /* nothing is behind `after` as of the last read; a grown log takes it back */
};

struct str watch_types_text(struct arena *arena, const struct json *types)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    for (size_t i = 0; i < json_count(types); i++) {
        if (i > 0)
            buf_append_byte(&text, ' ');
        buf_append(&text, json_text(json_at(types, i)));
    }
    return text.len > 0 ? arena_copy(arena, buf_str(&text)) : STR_NONE;
}

bool watch_has_place(const struct event_bounds *bounds, int64_t after,
                     struct rpc_failure *ret_failure)
{
    int64_t oldest = bounds->oldest == 0 ? bounds->newest + 1 : bounds->oldest;
    if (after >= oldest - 1 && after <= bounds->newest)
        return true;
    bool is_beyond = after > bounds->newest;
    *ret_failure = (struct rpc_failure){
        .code = RPC_ERROR_REFRESHD,
        .word = RPC_CODE_GONE,
        .message = is_beyond ? "the log ends before that number: it is of an older store, or of "
                               "another one; begin at \"oldest\""
                             : "the log does not reach back that far: begin at \"oldest\"",
        .data = json_new_object(),
    };
    json_set_i64(ret_failure->data, "oldest", oldest);
    json_set_i64(ret_failure->data, "last", bounds->newest);
    return false;
}

static void watcher_free(struct watcher *watcher)
{
    struct watcher **link = &watcher->engine->watchers;
    while (*link != watcher)
        link = &(*link)->next;
    *link = watcher->next;
    arena_deinit(&watcher->arena);
    free(watcher);
}

static void watcher_read(struct watcher *watcher);

/* `busy` around each call of the sink: a cancel from within only marks the watcher. */
static void watcher_fail(struct watcher *watcher, struct rpc_failure failure)
{
    watcher->busy = true;
    watcher->sink.failure(watcher->sink.ctx, failure);
    watcher->cancelled = true;
    watcher_free(watcher);
}

static bool resumed_cancelled(struct store_read *read)
{
    struct watcher *watcher = read->user;
    watcher->busy = false;
    if (!watcher->cancelled)
        return false;
    store_read_free(read);
    watcher_free(watcher);
    return true;
}

static struct rpc_failure store_failure(const struct store_read *read)
{
    return (struct rpc_failure){
        .code = RPC_ERROR_REFRESHD,
        .word = RPC_CODE_STORE_UNAVAILABLE,
        .message = read->error.text,
    };
}

static void on_bounds(struct completion *completion, struct now now)
{
    (void)now;
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct watcher *watcher = read->user;
    if (resumed_cancelled(read))
        return;
    struct rpc_failure failure;
    if (read->status != STATUS_OK) {
        watcher_fail(watcher, store_failure(read));
    } else if (watcher->after >= 0 && !watch_has_place(&read->bounds, watcher->after, &failure)) {
        watcher_fail(watcher, failure);
    } else {
        if (watcher->after < 0)
            watcher->after = read->bounds.newest;
        watcher->started = true;
        watcher->busy = true;
        watcher->sink.started(watcher->sink.ctx, read->bounds.newest);
        watcher->busy = false;
        if (!watcher->cancelled)
            watcher_read(watcher);
        else
            watcher_free(watcher);
    }
    store_read_free(read);
}

/** False where the watcher has had enough before the last of them. */
static bool give_events(struct watcher *watcher, const struct store_read *read)
{
    for (size_t i = 0; i < read->event_count; i++) {
        if (watcher->cancelled || watcher->room == 0)
            return false;
        CLEANUP(buf_deinit) struct buf json = {0};
        event_write_cloudevent(&read->events[i], str_c(watcher->engine->source), &json);
        watcher->after = read->events[i].seq;
        watcher->room--;
        if (!watcher->sink.event(watcher->sink.ctx, read->events[i].seq, buf_str(&json)))
            watcher->room = 0;
    }
    return true;
}

static void on_events(struct completion *completion, struct now now)
{
    (void)now;
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct watcher *watcher = read->user;
    if (resumed_cancelled(read))
        return;
    if (read->status != STATUS_OK) {
        watcher_fail(watcher, store_failure(read));
        store_read_free(read);
        return;
    }
    struct rpc_failure failure;
    if (!watch_has_place(&read->bounds, watcher->after, &failure)) { /* it read too slowly */
        store_read_free(read);
        watcher_fail(watcher, failure);
        return;
    }
    watcher->busy = true;
    bool all = give_events(watcher, read);
    /* The log was looked through to its end: not again for what did not pass the filters. */
    if (all && store_read_is_last(read))
        watcher->after = MAX_OF(watcher->after, read->bounds.newest);
    else
        watcher->looked = false;
    store_read_free(read);
    watcher->busy = false;
    if (watcher->cancelled)
        watcher_free(watcher);
    else
        watcher_read(watcher);
}

static void submit(struct watcher *watcher, struct store_read *read,
                   void (*resume)(struct completion *, struct now))
{
    watcher->busy = true;
    read->user = watcher;
    read->completion.resume = resume;
    watcher->engine->store.read(watcher->engine->store.ctx, read);
}

static void watcher_read(struct watcher *watcher)
{
    if (watcher->busy || watcher->looked || watcher->room == 0 || !watcher->started)
        return;
    watcher->looked = true;
    struct store_read *read = store_read_new(STORE_READ_EVENTS);
    read->after = watcher->after;
    read->types = arena_copy(&read->arena, watcher->types);
    read->subject = arena_copy(&read->arena, watcher->connection);
    read->limit = MIN_OF(watcher->room, (size_t)WATCH_BATCH);
    read->bytes_max = WATCH_BATCH_BYTES;
    submit(watcher, read, on_events);
}

struct watcher *engine_watch(struct engine *engine, const struct json *params,
                             struct watch_sink sink, struct now now)
{
    (void)now;
    struct watcher *watcher = memory_new(sizeof(*watcher));
    watcher->engine = engine;
    watcher->sink = sink;
    watcher->after = json_i64(json_get(params, "after"), -1);
    watcher->types = watch_types_text(&watcher->arena, json_get(params, "types"));
    watcher->connection = arena_copy(&watcher->arena, json_text(json_get(params, "connection")));
    watcher->next = engine->watchers;
    engine->watchers = watcher;
    submit(watcher, store_read_new(STORE_READ_EVENT_BOUNDS), on_bounds);
    return watcher;
}

void engine_watch_more(struct watcher *watcher, size_t room, struct now now)
{
    (void)now;
    watcher->room = room;
    watcher_read(watcher);
}

void engine_watch_cancel(struct watcher *watcher)
{
    watcher->cancelled = true;
    if (!watcher->busy)
        watcher_free(watcher);
}

void watch_free(struct engine *engine)
{
    while (engine->watchers != NULL)
        watcher_free(engine->watchers); /* NOLINT(clang-analyzer-unix.Malloc): it unlinks itself */
}

void watch_log_grew(struct engine *engine, struct now now)
{
    (void)now;
    for (struct watcher *watcher = engine->watchers; watcher != NULL; watcher = watcher->next) {
        watcher->looked = false;
        watcher_read(watcher);
    }
}
