#include "engine/sweep.h"

#include "common/memory.h"
#include "engine/connector_write.h"
#include "engine/event_json.h"
#include "engine/schedule.h"
#include "oauth/scope_set.h"

#include <stdlib.h>

struct scope_change sweep_compare(struct arena *arena, const struct connection *connection,
                                  struct str scopes, bool only_missing)
{
    return (struct scope_change){
        .added = scope_set_minus(arena, scopes, connection->scopes_asked),
        .removed = scope_set_minus(arena, connection->scopes_asked, scopes),
        .spared = only_missing && scope_set_covers(connection->scopes_granted, scopes),
    };
}

static struct catalog_entry *page_end(struct store_read *read, struct now now, int64_t wait_ms)
{
    struct engine *engine = read->user;
    struct catalog_entry *entry = catalog_find(engine, read->connector);
    engine->background--;
    if (entry != NULL) {
        entry->sweeping = false;
        entry->sweep_retry_ms = now.ms + wait_ms;
    }
    return entry;
}

/* Refresh tokens belong to the client that they were issued to (RFC 6749 §6). */
static bool is_of_replaced_client(const struct catalog_entry *entry,
                                  const struct connection *connection)
{
    return catalog_is_of_old_client(entry, connection_client_version(connection));
}

bool sweep_concerns(const struct catalog_entry *entry, struct arena *arena,
                    const struct connection *connection, struct str scopes, bool only_missing)
{
    if (connection->phase != PHASE_CONNECTED)
        return false;
    if (is_of_replaced_client(entry, connection))
        return connection->advisory_reason != REASON_CLIENT_REPLACED;
    struct scope_change change = sweep_compare(arena, connection, scopes, only_missing);
    return !change.spared && !(str_is_empty(change.added) && str_is_empty(change.removed));
}

/* A new grant under the new client asks for the new scopes too: that request says it all. */
static bool decide(const struct catalog_entry *entry, const struct connection *connection,
                   struct arena *arena, struct now now, struct decision *ret_decision)
{
    const struct connector *connector = &entry->connector;
    if (is_of_replaced_client(entry, connection))
        return lifecycle_client_changed(connection, true, now, ret_decision);
    struct scope_change scopes =
        sweep_compare(arena, connection, connector->scopes, connector->only_missing);
    struct decision back;
    if (!lifecycle_client_changed(connection, false, now, &back))
        return lifecycle_rescoped(connection, connector, scopes.added, scopes.removed,
                                  scopes.spared, now, ret_decision);
    /* Its client is the current one again; it may have missed a rescope meanwhile. */
    if (lifecycle_rescoped(&back.next, connector, scopes.added, scopes.removed, scopes.spared, now,
                           ret_decision)) {
        ret_decision->fact_count = 0;
        lifecycle_facts(connection, ret_decision);
    } else {
        *ret_decision = back;
    }
    return true;
}

/* Another rescope may have begun while the page was read: its sweep begins at the beginning. */
static bool is_same_sweep(const struct catalog_entry *entry, const struct store_read *read)
{
    return entry->connector.sweep.scopes_version == read->after &&
           str_eq(entry->connector.sweep.cursor, read->cursor);
}

static void on_page_written(struct connector_write *change, enum status status,
                            const struct error *err, struct now now)
{
    (void)err;
    struct catalog_entry *entry = change->entry;
    entry->sweeping = false;
    entry->sweep_retry_ms = now.ms + (status == STATUS_OK ? SWEEP_PACE_MS : SWEEP_RETRY_MS);
    if (status == STATUS_OK && change->next.sweep.scopes_version == 0)
        log_write(change->engine->log, LOG_LEVEL_INFO, "rescope.swept",
                  "all connections have been told", LOG_TEXT("connector", change->next.id),
                  LOG_I64("affected", change->next.sweep.affected));
}

static void on_records(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct engine *engine = read->user;
    struct catalog_entry *entry = page_end(read, now, SWEEP_RETRY_MS);
    struct connector_write *change = NULL;
    if (entry != NULL && read->status == STATUS_OK && is_same_sweep(entry, read))
        change = connector_write_begin(engine, entry, now);
    if (change == NULL) {
        store_read_free(read);
        return;
    }
    struct sweep *sweep = &change->next.sweep;
    for (size_t i = 0; i < read->connection_count; i++) {
        const struct connection *connection = &read->connections[i];
        struct decision decision;
        if (!decide(entry, connection, &read->arena, now, &decision))
            continue;
        store_write_put_connection(change->write, &decision.next);
        event_append_facts(engine, change->write, entry, connection, &decision, now);
        sweep->affected += decision.fact_count > 0; /* a dead one is told when it revives */
    }
    sweep->done += (int64_t)read->id_count;
    sweep->cursor = arena_copy(&change->arena, read->ids[read->id_count - 1]);
    store_read_free(read);
    entry->sweeping = true;
    connector_write_commit(change, on_page_written, NULL);
}

/* A page is read without tokens; what is to be written is read whole. */
static void read_records(struct store_read *page, struct catalog_entry *entry)
{
    struct engine *engine = page->user;
    struct store_read *read = store_read_new(STORE_READ_CONNECTIONS);
    read->connector = arena_copy(&read->arena, page->connector);
    read->ids = arena_alloc(&read->arena, page->connection_count * sizeof(*read->ids));
    read->id_count = page->connection_count;
    read->after = page->after;
    read->cursor = arena_copy(&read->arena, page->cursor);
    for (size_t i = 0; i < page->connection_count; i++)
        read->ids[i] = arena_copy(&read->arena, page->connections[i].id);
    read->user = engine;
    read->completion.resume = on_records;
    entry->sweeping = true;
    engine->background++;
    engine->store.read(engine->store.ctx, read);
}

static void on_page(struct completion *completion, struct now now)
{
    struct store_read *page = CONTAINER_OF(completion, struct store_read, completion);
    struct engine *engine = page->user;
    struct catalog_entry *entry = page_end(page, now, SWEEP_RETRY_MS);
    if (entry != NULL && page->status == STATUS_OK && page->connection_count > 0) {
        read_records(page, entry);
    } else if (entry != NULL && page->status == STATUS_OK && is_same_sweep(entry, page)) {
        struct connector_write *change = connector_write_begin(engine, entry, now);
        if (change != NULL) {
            change->next.sweep.scopes_version = 0;
            entry->sweeping = true;
            connector_write_commit(change, on_page_written, NULL);
        }
    }
    store_read_free(page);
}

static void read_page(struct engine *engine, struct catalog_entry *entry)
{
    struct store_read *page = store_read_new(STORE_READ_CONNECTION_PAGE);
    page->connector = arena_copy(&page->arena, entry->connector.id);
    page->filter =
        (struct connection_filter){.connector = page->connector, .state = -1, .reason = -1};
    page->cursor = arena_copy(&page->arena, entry->connector.sweep.cursor);
    page->after = entry->connector.sweep.scopes_version;
    page->limit = SWEEP_PAGE;
    page->user = engine;
    page->completion.resume = on_page;
    entry->sweeping = true;
    engine->background++;
    engine->store.read(engine->store.ctx, page);
}

static bool wants_sweep(const struct catalog_entry *entry)
{
    return entry->connector.sweep.scopes_version != 0 && !entry->sweeping && !entry->row_busy;
}

void sweep_turn(struct engine *engine, struct now now)
{
    for (size_t i = 0; i < engine->entry_count && !engine->draining; i++) {
        struct catalog_entry *entry = engine->entries[i];
        if (wants_sweep(entry) && now.ms >= entry->sweep_retry_ms)
            read_page(engine, entry);
    }
}

int64_t sweep_next_ms(const struct engine *engine)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < engine->entry_count && !engine->draining; i++) {
        if (wants_sweep(engine->entries[i]))
            next_ms = MIN_OF(next_ms, engine->entries[i]->sweep_retry_ms);
    }
    return next_ms;
}
