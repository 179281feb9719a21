#include "engine/outbox_hash.h"

/* ---- is it there? ---- */

/* The store is read after Redis was asked, so what Redis has not been sent yet is no reason: of an
 * alert the number tells, and the end of the last one is in the log, which is looked at first. */
static bool is_lost(const struct outbox *outbox, const struct store_read *read)
{
    if (read->event_count > 0)
        return !outbox->hash_exists && read->events[0].seq <= outbox->sent;
    return outbox->hash_exists && outbox->looked;
}

static void on_first_alert(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct outbox *outbox = read->user;
    if (outbox_read_failed(outbox, read, now))
        return;
    if (is_lost(outbox, read)) {
        log_plain(outbox->engine->log, LOG_LEVEL_WARNING, "publish.hash_lost",
                  outbox->hash_exists
                      ? "the hash names connections though none is in need: it is made anew"
                      : "Redis has lost the hash of connections in need: it is made anew");
        outbox->rebuild_hash = true;
    }
    store_read_free(read);
}

void outbox_hash_check(struct outbox *outbox, bool exists)
{
    outbox->hash_exists = exists;
    struct store_read *read = store_read_new(STORE_READ_ALERTS);
    read->cursor = arena_copy(&read->arena, STR(""));
    read->limit = 1;
    read->bytes_max = OUTBOX_BATCH_BYTES;
    outbox_read_send(outbox, read, on_first_alert);
}

/* ---- made anew ---- */

static int64_t next_time(const struct outbox *outbox, struct now now)
{
    int64_t took_ms = now.ms - outbox->hash_begun_ms;
    return now.ms + MAX_OF(took_ms * OUTBOX_HASH_REST, (int64_t)OUTBOX_HASH_ANEW_MS);
}

static void on_step(struct completion *completion, struct now now)
{
    struct publish_request *request = CONTAINER_OF(completion, struct publish_request, completion);
    struct outbox *outbox = request->user;
    outbox->under_way--;
    if (request->status != STATUS_OK) {
        outbox->hash_in_doubt = true;
        outbox_step_failed(outbox, &request->error, now);
    } else if (request->kind == PUBLISH_HASH_BEGIN) {
        outbox->hash_begun = true;
        outbox->hash_cursor[0] = '\0';
    } else if (request->kind == PUBLISH_HASH_COMMIT) {
        outbox->hash_begun = false;
        outbox->rebuild_hash = false;
        outbox->hash_due_ms = next_time(outbox, now);
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
    if (outbox_read_failed(outbox, read, now))
        return;
    bool is_end = read->event_count == 0;
    struct publish_request *request =
        outbox_request_new(outbox, is_end ? PUBLISH_HASH_COMMIT : PUBLISH_HASH_ADD, on_step);
    outbox_request_fill(request, read->events, read->event_count, str_c(outbox->engine->source));
    store_read_free(read);
    outbox_request_send(outbox, request);
}

void outbox_hash_next(struct outbox *outbox)
{
    if (!outbox->hash_begun) {
        outbox->hash_begun_ms = outbox->engine->now.ms;
        outbox_request_send(outbox, outbox_request_new(outbox, PUBLISH_HASH_BEGIN, on_step));
        return;
    }
    struct store_read *read = store_read_new(STORE_READ_ALERTS);
    read->cursor = arena_copy(&read->arena, str_c(outbox->hash_cursor));
    read->limit = OUTBOX_BATCH;
    read->bytes_max = OUTBOX_BATCH_BYTES;
    outbox_read_send(outbox, read, on_alerts);
}
