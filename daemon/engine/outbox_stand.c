#include "engine/outbox_stand.h"

#include "common/assert.h"
#include "engine/catalog.h"
#include "engine/outbox_hash.h"
#include "engine/outbox_send.h"
#include "engine/watch.h"

/* ---- the log's own bounds ---- */

static void on_bounds(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct outbox *outbox = read->user;
    if (outbox_read_failed(outbox, read, now))
        return;
    outbox->newest = read->bounds.newest;
    outbox->published = MAX_OF(outbox->published, read->bounds.published);
    outbox->saved = read->bounds.published;
    outbox->have_bounds = true;
    store_read_free(read);
    /* Nobody waits for them: retention may drop them all the same. */
    if (outbox->engine->publisher.ctx == NULL)
        outbox_send_acknowledge(outbox, outbox->newest, now);
    watch_log_grew(outbox->engine, now);
}

void outbox_stand_read_bounds(struct outbox *outbox)
{
    outbox_read_send(outbox, store_read_new(STORE_READ_EVENT_BOUNDS), on_bounds);
}

/* ---- the log begins anew ---- */

static void on_restarted(struct completion *completion, struct now now)
{
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct outbox *outbox = write->user;
    outbox->reading = false;
    outbox->have_bounds = false;
    if (write->status != STATUS_OK) {
        outbox->published = 0; /* as the store has it: the bounds will tell */
        outbox_step_failed(outbox, &write->error, now);
    } else {
        catalog_renumber(outbox->engine, write->ops[0].number, write->ops[0].number_b + 1);
    }
    store_write_free(write);
}

static struct store_write *write_restart(struct outbox *outbox, const struct publish_request *probe,
                                         int64_t first, int64_t new_first, struct now now)
{
    CLEANUP(json_freep) struct json *data = json_new_object();
    json_set_text(data, "previous_log_id",
                  probe->remote_known ? str_c(probe->remote_log_id) : STR_NONE);
    json_set_i64(data, "from", first);
    json_set_i64(data, "to", new_first);
    CLEANUP(buf_deinit) struct buf text = {0};
    json_write(data, &text);
    const struct event_draft draft = {.type = STR("log.restarted"),
                                      .subject = str_c(outbox->engine->log_id),
                                      .wall_ms = now.wall_ms,
                                      .data = buf_str(&text)};
    struct store_write *write = store_write_new(now.ms);
    store_write_restart_log(write, first, new_first, &draft);
    store_write_set_published(write, new_first - 1);
    return write;
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
    struct store_write *write = write_restart(outbox, probe, first, new_first, now);
    write->user = outbox;
    write->completion.resume = on_restarted;
    outbox->reading = true;
    outbox->in_step = false;
    outbox->published = new_first - 1;
    outbox->refused_start = OUTBOX_GOES_ON;
    outbox->rebuild_hash = true;
    engine->store.write(engine->store.ctx, write);
}

/* ---- where does Redis stand? ---- */

static void stand_at(struct outbox *outbox, int64_t at, int64_t expected)
{
    outbox->in_step = true;
    outbox->at = outbox->sent = at;
    outbox->expected = expected;
    outbox->refill_to = 0;
    outbox->last_was_full = false;
}

/* Redis has less than it ever acknowledged: what the log still holds of that comes again. */
static void refill(struct outbox *outbox)
{
    log_write(outbox->engine->log, LOG_LEVEL_WARNING, "publish.refill",
              "Redis has lost events: it gets what the log still holds", LOG_I64("at", outbox->at),
              LOG_I64("published", outbox->published));
    outbox->refill_to = outbox->published;
    outbox->rebuild_hash = true;
}

/* A log that was restarted above a foreign stream goes on with its log.restarted event: the script
 * lets that pass and refuses all else. */
static bool may_take_over(const struct outbox *outbox, const struct publish_request *probe)
{
    return outbox->refused_start != OUTBOX_TAKES_OVER && outbox->published >= probe->stream_last &&
           outbox->newest > outbox->published;
}

/* A run that stopped half-way has put more into the stream than it wrote down. Its batch is sent
 * again from its beginning, but where that does not reach as far as the stream. */
static int64_t at_of_ours(struct outbox *outbox, const struct publish_request *probe)
{
    bool is_half = probe->remote_known && probe->remote_last < probe->stream_last &&
                   outbox->refused_start != OUTBOX_REPEATS;
    outbox->start = is_half ? OUTBOX_REPEATS : OUTBOX_GOES_ON;
    return is_half ? probe->remote_last : probe->stream_last;
}

static void compare(struct outbox *outbox, const struct publish_request *probe, struct now now)
{
    bool is_foreign =
        probe->remote_known && !str_eq(str_c(probe->remote_log_id), str_c(outbox->engine->log_id));
    if ((is_foreign && !may_take_over(outbox, probe)) || probe->stream_last > outbox->newest) {
        restart_log(outbox, probe, now);
    } else if (is_foreign) {
        outbox->start = OUTBOX_TAKES_OVER;
        stand_at(outbox, outbox->published, probe->stream_last);
    } else {
        int64_t at = at_of_ours(outbox, probe);
        stand_at(outbox, at, at);
        outbox_send_acknowledge(outbox, at, now);
        if (at < outbox->published)
            refill(outbox);
    }
}

static void on_probed(struct completion *completion, struct now now)
{
    struct publish_request *request = CONTAINER_OF(completion, struct publish_request, completion);
    struct outbox *outbox = request->user;
    outbox->under_way--;
    if (request->status != STATUS_OK) {
        outbox_step_failed(outbox, &request->error, now);
    } else {
        outbox_step_worked(outbox, now);
        bool stands = request->stream_last == outbox->expected &&
                      (request->remote_known || outbox->expected == 0);
        if (!outbox->in_step)
            compare(outbox, request, now);
        else if (!stands)
            outbox_step_lost(outbox);
        else if (!outbox->rebuild_hash)
            outbox_hash_check(outbox, request->hash_exists);
    }
    publish_request_free(request);
}

void outbox_stand_probe(struct outbox *outbox)
{
    ASSERT(outbox->under_way == 0);
    outbox->probe_ms = outbox->engine->now.ms + OUTBOX_PROBE_MS;
    outbox_request_send(outbox, outbox_request_new(outbox, PUBLISH_PROBE, on_probed));
}
