#include "engine/outbox_step.h"

#include "engine/event_json.h"

void outbox_step_lost(struct outbox *outbox)
{
    outbox->in_step = false;
    outbox->have_bounds = false; /* what Redis says is compared with the log as it is then */
    outbox->looked = false;
    outbox->hash_begun = false;
}

void outbox_step_failed(struct outbox *outbox, const struct error *err, struct now now)
{
    outbox_step_lost(outbox);
    outbox->engine->metrics->publish_failures++;
    outbox->retry_ms = now.ms + outbox->retry_interval_ms;
    if (outbox->retry_interval_ms == OUTBOX_RETRY_MIN_MS)
        log_write(outbox->engine->log, LOG_LEVEL_WARNING, "publish.unavailable",
                  "events wait in the log until Redis takes them",
                  LOG_TEXT("error", str_c(err->text)));
    outbox->retry_interval_ms = MIN_OF(outbox->retry_interval_ms * 2, OUTBOX_RETRY_MAX_MS);
}

void outbox_step_worked(struct outbox *outbox, struct now now)
{
    if (outbox->retry_interval_ms != OUTBOX_RETRY_MIN_MS)
        log_plain(outbox->engine->log, LOG_LEVEL_NOTICE, "publish.available",
                  "Redis takes events again");
    outbox->retry_interval_ms = OUTBOX_RETRY_MIN_MS;
    outbox->heartbeat_ms = now.ms + OUTBOX_HEARTBEAT_MS;
}

/* ---- to Redis ---- */

struct publish_request *outbox_request_new(struct outbox *outbox, enum publish_kind kind,
                                           void (*resume)(struct completion *, struct now))
{
    struct publish_request *request = publish_request_new(kind);
    request->log_id = arena_copy(&request->arena, str_c(outbox->engine->log_id));
    request->user = outbox;
    request->completion.resume = resume;
    return request;
}

void outbox_request_fill(struct publish_request *request, const struct stored_event *events,
                         size_t count, struct str source)
{
    CLEANUP(buf_deinit) struct buf json = {0};
    request->events = arena_alloc(&request->arena, (count + 1) * sizeof(*request->events));
    request->event_count = count;
    for (size_t i = 0; i < count; i++) {
        buf_clear(&json);
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

void outbox_request_send(struct outbox *outbox, struct publish_request *take_request)
{
    outbox->under_way++;
    outbox->engine->publisher.send(outbox->engine->publisher.ctx, take_request);
}

/* ---- to the store ---- */

void outbox_read_send(struct outbox *outbox, struct store_read *take_read,
                      void (*resume)(struct completion *, struct now))
{
    outbox->reading = true;
    take_read->user = outbox;
    take_read->completion.resume = resume;
    outbox->engine->store.read(outbox->engine->store.ctx, take_read);
}

bool outbox_read_failed(struct outbox *outbox, struct store_read *read, struct now now)
{
    outbox->reading = false;
    if (read->status == STATUS_OK)
        return false;
    outbox->looked = false;
    outbox->retry_ms = now.ms + OUTBOX_RETRY_MAX_MS;
    store_read_free(read);
    return true;
}
