#include "engine/outbox.h"

#include "common/memory.h"
#include "engine/catalog.h"
#include "engine/event_json.h"
#include "engine/watch.h"

#include <stdlib.h>

struct outbox {
    struct engine *engine;
    bool busy;    /* a read or a request is under way */
    bool in_step; /* we know where the stream stands */
    bool have_bounds;
    bool looked;      /* the log was read up to its end since the last kick */
    int64_t at;       /* last sequence in Redis, of our log */
    int64_t expected; /* what Redis says itself: less than `at` only while our log takes over */
    bool takeover_refused; /* the stream is foreign, and our next event is no log.restarted */
    int64_t published;     /* highest ever acknowledged, as the store has it … */
    int64_t unsaved;       /* … but for this one: writing it down has failed; 0: none */
    int64_t newest;        /* last sequence in the log */
    int64_t oldest_waiting_wall_ms;
    int64_t refill_to; /* 0: no refill */
    bool rebuild_hash, hash_begun;
    char hash_cursor[144];
    int64_t retry_ms, retry_interval_ms, heartbeat_ms;
};

struct outbox *outbox_new(struct engine *engine)
{
    struct outbox *outbox = memory_new(sizeof(*outbox));
    outbox->engine = engine;
    outbox->retry_interval_ms = OUTBOX_RETRY_MIN_MS;
    outbox->rebuild_hash = true; /* an earlier life may have stopped half-way */
    return outbox;
}

void outbox_free(struct outbox *outbox)
{
    free(outbox);
}

bool outbox_is_busy(const struct engine *engine)
{
    return engine->outbox->busy;
}

struct outbox_lag outbox_lag(const struct engine *engine, struct now now)
{
    const struct outbox *outbox = engine->outbox;
    struct outbox_lag lag = {.newest = outbox->newest, .published = outbox->published};
    lag.events = MAX_OF(outbox->newest - outbox->published, 0);
    if (lag.events > 0 && outbox->oldest_waiting_wall_ms != TIME_NONE)
        lag.ms = MAX_OF(now.wall_ms - outbox->oldest_waiting_wall_ms, 0);
    return lag;
}

static bool has_redis(const struct engine *engine)
{
    return engine->publisher.ctx != NULL;
}

/* ---- shared by all steps ---- */

static void step_failed(struct outbox *outbox, const struct error *err, struct now now)
{
    outbox->in_step = false;
    outbox->looked = false;
    outbox->hash_begun = false;
    outbox->engine->metrics->publish_failures++;
    outbox->retry_ms = now.ms + outbox->retry_interval_ms;
    if (outbox->retry_interval_ms == OUTBOX_RETRY_MIN_MS)
        log_write(outbox->engine->log, LOG_LEVEL_WARNING, "publish.unavailable",
                  "events wait in the log until Redis takes them",
                  LOG_TEXT("error", str_c(err->text)));
    outbox->retry_interval_ms = MIN_OF(outbox->retry_interval_ms * 2, OUTBOX_RETRY_MAX_MS);
}

static void step_worked(struct outbox *outbox, struct now now)
{
    if (outbox->retry_interval_ms != OUTBOX_RETRY_MIN_MS)
        log_plain(outbox->engine->log, LOG_LEVEL_NOTICE, "publish.available",
                  "Redis takes events again");
    outbox->retry_interval_ms = OUTBOX_RETRY_MIN_MS;
    outbox->heartbeat_ms = now.ms + OUTBOX_HEARTBEAT_MS;
}

static struct publish_request *request_new(struct outbox *outbox, enum publish_kind kind,
                                           void (*resume)(struct completion *, struct now))
{
    struct publish_request *request = publish_request_new(kind);
    request->log_id = arena_copy(&request->arena, str_c(outbox->engine->log_id));
    request->user = outbox;
    request->completion.resume = resume;
    return request;
}

static void send(struct outbox *outbox, struct publish_request *request)
{
    outbox->busy = true;
    outbox->engine->publisher.send(outbox->engine->publisher.ctx, request);
}

static void read_store(struct outbox *outbox, struct store_read *read,
                       void (*resume)(struct completion *, struct now))
{
    outbox->busy = true;
    read->user = outbox;
    read->completion.resume = resume;
    outbox->engine->store.read(outbox->engine->store.ctx, read);
}

static bool read_failed(struct outbox *outbox, struct store_read *read, struct now now)
{
    outbox->busy = false;
    if (read->status == STATUS_OK)
        return false;
    outbox->looked = false;
    outbox->retry_ms = now.ms + OUTBOX_RETRY_MAX_MS;
    store_read_free(read);
    return true;
}

static void fill_events(struct publish_request *request, const struct stored_event *events,
                        size_t count, struct str source)
{
    request->events = arena_alloc(&request->arena, (count + 1) * sizeof(*request->events));
    request->event_count = count;
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buf_deinit) struct buf json = {0};
        event_write_cloudevent(&events[i], source, &json);
        request->events[i] = (struct publish_event){
            .seq = events[i].seq,
            .type = arena_copy(&request->arena, events[i].draft.type),
            .subject = arena_copy(&request->arena, events[i].draft.subject),
            .json = arena_copy(&request->arena, buf_str(&json)),
            .hash = event_hash_change(events[i].draft.type),
        };
    }
}

static void acknowledge(struct outbox *outbox, int64_t seq, struct now now);

/* ---- the log's own bounds ---- */

static void on_bounds(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct outbox *outbox = read->user;
    if (read_failed(outbox, read, now))
        return;
    outbox->newest = read->bounds.newest;
    outbox->published = MAX_OF(outbox->published, read->bounds.published);
    outbox->oldest_waiting_wall_ms = read->bounds.oldest_unpublished_wall_ms;
    outbox->have_bounds = true;
    store_read_free(read);
    /* Nobody waits for them: retention may drop them all the same. */
    if (!has_redis(outbox->engine) && outbox->newest > outbox->published)
        acknowledge(outbox, outbox->newest, now);
    watch_log_grew(outbox->engine, now);
}

/* ---- where does Redis stand? ---- */

static void on_restarted(struct completion *completion, struct now now)
{
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct outbox *outbox = write->user;
    outbox->busy = false;
    outbox->have_bounds = false;
    if (write->status != STATUS_OK) {
        outbox->published = 0; /* as the store has it: the bounds will tell */
        step_failed(outbox, &write->error, now);
    } else {
        catalog_renumber(outbox->engine, write->ops[0].number, write->ops[0].number_b + 1);
    }
    store_write_free(write);
}

/* The stream is another log's, or ahead of ours (a restored store): what it has not seen is
 * renumbered above it, so that nothing is dropped and no number means two things. */
static void restart_log(struct outbox *outbox, const struct publish_request *probe, struct now now)
{
    struct engine *engine = outbox->engine;
    int64_t first = outbox->published + 1;
    int64_t new_first = MAX_OF(MAX_OF(probe->remote_last, probe->stream_last), outbox->newest) + 1;
    log_write(engine->log, LOG_LEVEL_WARNING, "publish.log_restarted",
              "the stream in Redis belongs to another log or is ahead of ours",
              LOG_TEXT("previous_log_id", str_c(probe->remote_log_id)),
              LOG_I64("stream_last", probe->stream_last), LOG_I64("new_first", new_first));

    CLEANUP(json_freep) struct json *data = json_new_object();
    json_set_text(data, "previous_log_id",
                  probe->remote_known ? str_c(probe->remote_log_id) : STR_NONE);
    json_set_i64(data, "from", first);
    json_set_i64(data, "to", new_first);
    CLEANUP(buf_deinit) struct buf text = {0};
    json_write(data, &text);
    const struct event_draft draft = {.type = STR("log.restarted"),
                                      .subject = str_c(engine->log_id),
                                      .wall_ms = now.wall_ms,
                                      .data = buf_str(&text)};
    struct store_write *write = store_write_new(now.ms);
    store_write_restart_log(write, first, new_first, &draft);
    store_write_set_published(write, new_first - 1);
    write->user = outbox;
    write->completion.resume = on_restarted;
    outbox->busy = true;
    outbox->published = new_first - 1;
    outbox->takeover_refused = false;
    outbox->rebuild_hash = true;
    engine->store.write(engine->store.ctx, write);
}

static void compare(struct outbox *outbox, const struct publish_request *probe, struct now now)
{
    bool is_ours =
        probe->remote_known && str_eq(str_c(probe->remote_log_id), str_c(outbox->engine->log_id));
    bool is_foreign = probe->remote_known && !is_ours;
    /* A log that was restarted above a foreign stream goes on with its log.restarted event: the
     * script lets that pass and refuses all else. */
    bool may_take_over = is_foreign && !outbox->takeover_refused &&
                         outbox->published >= probe->stream_last &&
                         outbox->newest > outbox->published;
    if ((is_foreign && !may_take_over) || probe->stream_last > outbox->newest) {
        restart_log(outbox, probe, now);
        return;
    }
    outbox->in_step = true;
    if (may_take_over) {
        outbox->at = outbox->published;
        outbox->expected = probe->stream_last;
        return;
    }
    outbox->at = is_ours ? MIN_OF(probe->remote_last, probe->stream_last) : probe->stream_last;
    outbox->expected = outbox->at;
    if (outbox->at > outbox->published)
        acknowledge(outbox, outbox->at, now);
    if (outbox->at < outbox->published) {
        log_write(outbox->engine->log, LOG_LEVEL_WARNING, "publish.refill",
                  "Redis has lost events: it gets what the log still holds",
                  LOG_I64("at", outbox->at), LOG_I64("published", outbox->published));
        outbox->refill_to = outbox->published;
        outbox->rebuild_hash = true;
    }
}

static void on_probed(struct completion *completion, struct now now)
{
    struct publish_request *request = CONTAINER_OF(completion, struct publish_request, completion);
    struct outbox *outbox = request->user;
    outbox->busy = false;
    if (request->status != STATUS_OK) {
        step_failed(outbox, &request->error, now);
    } else {
        step_worked(outbox, now);
        bool stands = outbox->in_step && request->stream_last == outbox->expected &&
                      (request->remote_known || outbox->expected == 0);
        if (!stands)
            compare(outbox, request, now);
    }
    publish_request_free(request);
}

/* ---- sending ---- */

static void on_acknowledged(struct completion *completion, struct now now)
{
    (void)now;
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct engine *engine = write->user;
    engine->background--;
    if (write->status != STATUS_OK) /* made good by the next, or by the next look at Redis */
        engine->outbox->unsaved = engine->outbox->published;
    store_write_free(write);
}

static void acknowledge(struct outbox *outbox, int64_t seq, struct now now)
{
    struct engine *engine = outbox->engine;
    outbox->published = seq;
    outbox->unsaved = 0;
    struct store_write *write = store_write_new(now.ms);
    store_write_set_published(write, seq);
    write->user = engine;
    write->completion.resume = on_acknowledged;
    engine->background++;
    engine->store.write(engine->store.ctx, write);
}

static void on_published(struct completion *completion, struct now now)
{
    struct publish_request *request = CONTAINER_OF(completion, struct publish_request, completion);
    struct outbox *outbox = request->user;
    outbox->busy = false;
    if (request->status == STATUS_OK) {
        step_worked(outbox, now);
        outbox->at = outbox->expected = request->events[request->event_count - 1].seq;
        outbox->takeover_refused = false;
        if (request->kind == PUBLISH_EVENTS) {
            outbox->engine->metrics->events_published += request->event_count;
            acknowledge(outbox, outbox->at, now);
        }
    } else if (request->status == STATUS_CONFLICT) {
        outbox->takeover_refused = outbox->expected < outbox->at;
        outbox->in_step = false;
        outbox->looked = false;
        outbox->retry_ms = now.ms + OUTBOX_RETRY_MIN_MS;
    } else {
        step_failed(outbox, &request->error, now);
    }
    publish_request_free(request);
}

static void on_events(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct outbox *outbox = read->user;
    if (read_failed(outbox, read, now))
        return;
    bool is_refill = outbox->refill_to > outbox->at;
    size_t count = read->event_count;
    if (count > 0 || is_refill)
        outbox->looked = false; /* there may be more */
    while (is_refill && count > 0 && read->events[count - 1].seq > outbox->refill_to)
        count--;
    if (count == 0) {
        if (is_refill)
            outbox->refill_to = 0; /* retention holds no more */
        outbox->newest = MAX_OF(outbox->newest, outbox->published);
        store_read_free(read);
        return;
    }
    outbox->newest = MAX_OF(outbox->newest, read->events[read->event_count - 1].seq);
    outbox->oldest_waiting_wall_ms = read->events[0].draft.wall_ms;
    struct publish_request *request =
        request_new(outbox, is_refill ? PUBLISH_HISTORY : PUBLISH_EVENTS, on_published);
    request->expected_last = outbox->expected;
    fill_events(request, read->events, count, str_c(outbox->engine->source));
    store_read_free(read);
    send(outbox, request);
}

/* `looked` is set before the read and taken back by a kick or a find: no event slips between. */
static void read_events(struct outbox *outbox)
{
    outbox->looked = true;
    struct store_read *read = store_read_new(STORE_READ_EVENTS);
    read->after = outbox->at;
    read->limit = OUTBOX_BATCH;
    read_store(outbox, read, on_events);
}

/* ---- the hash, made anew ---- */

static void on_hash_step(struct completion *completion, struct now now)
{
    struct publish_request *request = CONTAINER_OF(completion, struct publish_request, completion);
    struct outbox *outbox = request->user;
    outbox->busy = false;
    if (request->status != STATUS_OK) {
        step_failed(outbox, &request->error, now);
    } else if (request->kind == PUBLISH_HASH_BEGIN) {
        outbox->hash_begun = true;
        outbox->hash_cursor[0] = '\0';
    } else if (request->kind == PUBLISH_HASH_COMMIT) {
        outbox->hash_begun = false;
        outbox->rebuild_hash = false;
    } else {
        str_copy_cut(request->events[request->event_count - 1].subject, outbox->hash_cursor,
                     sizeof(outbox->hash_cursor));
    }
    publish_request_free(request);
}

static void on_alerts(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct outbox *outbox = read->user;
    if (read_failed(outbox, read, now))
        return;
    bool is_end = read->event_count == 0;
    struct publish_request *request =
        request_new(outbox, is_end ? PUBLISH_HASH_COMMIT : PUBLISH_HASH_ADD, on_hash_step);
    fill_events(request, read->events, read->event_count, str_c(outbox->engine->source));
    store_read_free(read);
    send(outbox, request);
}

static void rebuild_hash(struct outbox *outbox)
{
    if (!outbox->hash_begun) {
        send(outbox, request_new(outbox, PUBLISH_HASH_BEGIN, on_hash_step));
        return;
    }
    struct store_read *read = store_read_new(STORE_READ_ALERTS);
    read->cursor = arena_copy(&read->arena, str_c(outbox->hash_cursor));
    read->limit = OUTBOX_BATCH;
    read_store(outbox, read, on_alerts);
}

/* ---- the turn ---- */

void outbox_kick(struct engine *engine, struct now now)
{
    engine->outbox->looked = false;
    watch_log_grew(engine, now);
}

static void beat(struct outbox *outbox, struct now now)
{
    if (outbox->unsaved != 0 && !outbox->engine->draining)
        acknowledge(outbox, outbox->published, now);
    send(outbox, request_new(outbox, PUBLISH_PROBE, on_probed));
}

void outbox_turn(struct engine *engine, struct now now)
{
    struct outbox *outbox = engine->outbox;
    if (outbox->busy || now.ms < outbox->retry_ms)
        return;
    if (!outbox->have_bounds || (!has_redis(engine) && !outbox->looked)) {
        outbox->looked = !has_redis(engine); /* the bounds alone send nothing */
        read_store(outbox, store_read_new(STORE_READ_EVENT_BOUNDS), on_bounds);
        return;
    }
    if (!has_redis(engine))
        return;
    if (!outbox->in_step)
        send(outbox, request_new(outbox, PUBLISH_PROBE, on_probed));
    else if (outbox->refill_to > outbox->at)
        read_events(outbox);
    else if (outbox->rebuild_hash)
        rebuild_hash(outbox);
    else if (!outbox->looked)
        read_events(outbox);
    else if (now.ms >= outbox->heartbeat_ms)
        beat(outbox, now);
}

int64_t outbox_next_ms(const struct engine *engine)
{
    const struct outbox *outbox = engine->outbox;
    if (outbox->busy || !has_redis(engine))
        return INT64_MAX;
    bool has_work = !outbox->have_bounds || !outbox->in_step || outbox->refill_to > outbox->at ||
                    outbox->rebuild_hash || !outbox->looked;
    return has_work ? outbox->retry_ms : MAX_OF(outbox->heartbeat_ms, outbox->retry_ms);
}
