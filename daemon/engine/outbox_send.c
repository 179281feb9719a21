#include "engine/outbox_send.h"

/* ---- what Redis has taken ---- */

static void save(struct outbox *outbox, struct now now);

static void on_saved(struct completion *completion, struct now now)
{
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct outbox *outbox = write->user;
    bool worked = write->status == STATUS_OK;
    outbox->engine->background--;
    outbox->saving = false;
    if (worked)
        outbox->saved = MAX_OF(outbox->saved, write->ops[0].number);
    store_write_free(write);
    if (worked) /* else made good by the next, or by the next look at Redis */
        save(outbox, now);
}

static void save(struct outbox *outbox, struct now now)
{
    if (outbox->saving || outbox->published <= outbox->saved)
        return;
    struct engine *engine = outbox->engine;
    struct store_write *write = store_write_new(now.ms);
    store_write_set_published(write, outbox->published);
    write->user = outbox;
    write->completion.resume = on_saved;
    outbox->saving = true;
    engine->background++;
    engine->store.write(engine->store.ctx, write);
}

void outbox_send_acknowledge(struct outbox *outbox, int64_t seq, struct now now)
{
    outbox->published = MAX_OF(outbox->published, seq);
    save(outbox, now);
}

/* ---- batches ---- */

static void batch_arrived(struct outbox *outbox, const struct publish_request *request,
                          struct now now)
{
    outbox->at = MAX_OF(outbox->at, request->events[request->event_count - 1].seq);
    outbox->start = outbox->refused_start = OUTBOX_GOES_ON;
    if (outbox->in_step)
        outbox_step_worked(outbox, now);
    if (request->kind != PUBLISH_EVENTS)
        return;
    outbox->engine->metrics->events_published += request->event_count;
    outbox_send_acknowledge(outbox, outbox->at, now);
}

/* Redis stands elsewhere, and nobody knows why before it is asked. */
static void batch_refused(struct outbox *outbox, struct now now)
{
    outbox->refused_start = outbox->start;
    outbox_step_lost(outbox);
    outbox->retry_ms = now.ms + OUTBOX_RETRY_MIN_MS;
}

static void on_published(struct completion *completion, struct now now)
{
    struct publish_request *request = CONTAINER_OF(completion, struct publish_request, completion);
    struct outbox *outbox = request->user;
    outbox->under_way--;
    if (request->status == STATUS_OK)
        batch_arrived(outbox, request, now);
    else if (!outbox->in_step)
        ; /* it fell with the one in front of it */
    else if (request->status == STATUS_CONFLICT)
        batch_refused(outbox, now);
    else
        outbox_step_failed(outbox, &request->error, now);
    publish_request_free(request);
}

static void send_batch(struct outbox *outbox, const struct stored_event *events, size_t count,
                       enum publish_kind kind)
{
    struct publish_request *request = outbox_request_new(outbox, kind, on_published);
    request->expected_last = outbox->expected;
    outbox_request_fill(request, events, count, str_c(outbox->engine->source));
    outbox->sent = outbox->expected = events[count - 1].seq;
    outbox_request_send(outbox, request);
}

/* A refill ends where new events begin, and those come with messages on the channels. */
static size_t count_of_refill(const struct outbox *outbox, const struct store_read *read)
{
    size_t count = read->event_count;
    while (count > 0 && read->events[count - 1].seq > outbox->refill_to)
        count--;
    return count;
}

static void take_refill(struct outbox *outbox, const struct store_read *read)
{
    size_t count = count_of_refill(outbox, read);
    outbox->looked = false;
    if (count == 0)
        outbox->refill_to = 0; /* retention holds no more */
    else
        send_batch(outbox, read->events, count, PUBLISH_HISTORY);
}

static void take_new(struct outbox *outbox, const struct store_read *read)
{
    if (read->event_count == 0)
        return;
    outbox->looked = false; /* there may be more */
    send_batch(outbox, read->events, read->event_count, PUBLISH_EVENTS);
}

static bool is_full(const struct store_read *read)
{
    return read->event_count == read->limit || read->event_bytes >= read->bytes_max;
}

static void on_events(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct outbox *outbox = read->user;
    if (outbox_read_failed(outbox, read, now))
        return;
    if (outbox->in_step) { /* else a batch in front of these has failed meanwhile */
        int64_t last = read->event_count > 0 ? read->events[read->event_count - 1].seq : 0;
        outbox->newest = MAX_OF(MAX_OF(outbox->newest, outbox->published), last);
        outbox->last_was_full = is_full(read);
        if (outbox->refill_to > outbox->sent)
            take_refill(outbox, read);
        else
            take_new(outbox, read);
    }
    store_read_free(read);
}

bool outbox_send_has_room(const struct outbox *outbox)
{
    size_t room = outbox->last_was_full ? OUTBOX_BATCHES_UNDER_WAY_MAX : 1;
    return outbox->under_way < room;
}

/* `looked` is set before the read and taken back by a kick or a find: no event slips between. */
void outbox_send_next(struct outbox *outbox)
{
    outbox->looked = true;
    struct store_read *read = store_read_new(STORE_READ_EVENTS);
    read->after = outbox->sent;
    read->limit = OUTBOX_BATCH;
    read->bytes_max = OUTBOX_BATCH_BYTES;
    outbox_read_send(outbox, read, on_events);
}
