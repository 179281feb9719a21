/* The log of events: numbered, stamped into the records that tell of them, restarted, purged. */
#include "common/memory.h"
#include "support/fake_store_state.h"

#include <stdlib.h>

static void insert_event(struct fake_store *store, size_t place, int64_t seq,
                         const struct event_draft *draft)
{
    struct fake_event *event = memory_new(sizeof(*event));
    event->event = (struct stored_event){.seq = seq, .draft = *draft};
    struct event_draft *own = &event->event.draft;
    own->type = arena_copy(&event->arena, draft->type);
    own->subject = arena_copy(&event->arena, draft->subject);
    own->data = arena_copy(&event->arena, draft->data);
    if (store->event_count == store->event_capacity) {
        store->event_capacity = store->event_capacity == 0 ? 256 : store->event_capacity * 2;
        store->events =
            memory_grow(store->events, store->event_capacity * sizeof(struct fake_event *));
    }
    for (size_t i = store->event_count++; i > place; i--)
        store->events[i] = store->events[i - 1];
    store->events[place] = event;
}

void fake_store_append_event(struct fake_store *store, struct store_write *write,
                             const struct store_op *op)
{
    int64_t seq = ++store->last;
    insert_event(store, store->event_count, seq, op->event);
    if (write->first_event_seq == 0)
        write->first_event_seq = seq;
}

void fake_store_add_events(struct fake_store *store, const struct event_draft *draft, size_t count)
{
    for (; count > 0; count--)
        insert_event(store, store->event_count, ++store->last, draft);
}

static void stamp(struct fake_store *store, const struct store_op *op, int64_t seq)
{
    struct fake_row *row;
    struct fake_connector_row *connector;
    switch (op->stamp) {
    case STAMP_NONE:
        return;
    case STAMP_CONNECTION_ALERT:
        row = fake_store_row(store, op->event->subject);
        if (row != NULL)
            row->connection.alert_seq = seq;
        return;
    case STAMP_CONNECTOR_ROTATED:
    case STAMP_CONNECTOR_RESCOPED:
        connector = fake_store_connector_row(store, op->event->subject);
        if (connector != NULL && op->stamp == STAMP_CONNECTOR_ROTATED)
            connector->connector.rotated_seq = seq;
        else if (connector != NULL)
            connector->connector.rescoped_seq = seq;
        return;
    }
}

static void move(int64_t *seq, int64_t first, int64_t by)
{
    if (*seq >= first)
        *seq += by;
}

void fake_store_restart_log(struct fake_store *store, const struct store_op *op)
{
    int64_t first = op->number, by = op->number_b + 1 - op->number;
    size_t place = 0;
    while (place < store->event_count && store->events[place]->event.seq < first)
        place++;
    for (size_t i = place; i < store->event_count; i++)
        store->events[i]->event.seq += by;
    struct fake_node *node = NULL;
    while ((node = fake_tree_after(&store->by_id, node)) != NULL)
        move(&CONTAINER_OF(node, struct fake_row, by_id)->connection.alert_seq, first, by);
    for (size_t i = 0; i < store->connector_count; i++) {
        move(&store->connectors[i]->connector.rotated_seq, first, by);
        move(&store->connectors[i]->connector.rescoped_seq, first, by);
    }
    store->last += by;
    insert_event(store, place, op->number_b, op->event);
}

static bool is_an_alert(const struct fake_store *store, int64_t seq)
{
    const struct fake_node *node = NULL;
    while ((node = fake_tree_after(&store->by_id, node)) != NULL) {
        if (FAKE_ROW(node, struct fake_row, by_id)->connection.alert_seq == seq)
            return true;
    }
    return false;
}

void fake_store_purge_events(struct fake_store *store, int64_t before_wall_ms)
{
    size_t stays = 0;
    while (stays < store->event_count &&
           (store->events[stays]->event.seq <= store->purged ||
            (store->events[stays]->event.draft.wall_ms < before_wall_ms &&
             store->events[stays]->event.seq <= store->published)))
        stays++;
    int64_t bound = stays < store->event_count ? store->events[stays]->event.seq : store->last + 1;
    size_t kept = 0;
    for (size_t i = 0; i < store->event_count; i++) {
        struct fake_event *event = store->events[i];
        if (event->event.seq >= bound || is_an_alert(store, event->event.seq)) {
            store->events[kept++] = event;
            continue;
        }
        arena_deinit(&event->arena);
        free(event);
    }
    store->event_count = kept;
    store->purged = MAX_OF(store->purged, bound - 1);
}

void fake_store_stamp(struct fake_store *store, const struct store_write *write)
{
    int64_t seq = write->first_event_seq;
    for (size_t i = 0; i < write->op_count; i++) {
        if (write->ops[i].kind == STORE_OP_APPEND_EVENT)
            stamp(store, &write->ops[i], seq++);
    }
}
