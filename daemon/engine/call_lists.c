/* The reads: connectors, connections, events, the audit. */
#include "engine/calls.h"
#include "engine/cursor.h"
#include "engine/event_json.h"
#include "engine/owner_json.h"
#include "engine/view.h"
#include "engine/watch.h"

enum {
    LIST_LIMIT_DEFAULT = 100,
    REFUSED_PAGE = 1000,
    EVENTS_BYTES_MAX =
        2 * 1024 * 1024, /* a page of large events ends early: one answer has 4 MiB */
};

static size_t limit_of(const struct op *op)
{
    return (size_t)json_i64(json_get(op->params, "limit"), LIST_LIMIT_DEFAULT);
}

static struct json *list_new(struct json *take_items, struct str next_cursor)
{
    struct json *result = json_new_object();
    json_set(result, "items", take_items);
    json_set_text(result, "next_cursor", str_is_empty(next_cursor) ? STR_NONE : next_cursor);
    return result;
}

/* @last id of the last one shown, where there are more */
static struct json *page_new(const char *list, struct json *take_items, struct str last)
{
    CLEANUP(buf_deinit) struct buf cursor = {0};
    if (!str_is_empty(last))
        cursor_write(list, last, &cursor);
    return list_new(take_items, buf_str(&cursor));
}

static bool read_failed(struct op *op)
{
    if (op->read->status == STATUS_OK)
        return false;
    op_fail_store(op, &op->read->error);
    return true;
}

/* ---- connectors ---- */

/* The rows of one connector among those of all, which come in order of the connector. */
static struct view_counts counts_of(const struct store_read *read, struct str connector)
{
    size_t first = 0;
    while (first < read->count_count && !str_eq(read->counts[first].connector, connector))
        first++;
    size_t end = first;
    while (end < read->count_count && str_eq(read->counts[end].connector, connector))
        end++;
    static const struct count_row none;
    return (struct view_counts){
        .rows = end > first ? &read->counts[first] : &none,
        .count = end - first,
    };
}

static void on_connector_counts(struct op *op, struct now now)
{
    if (read_failed(op))
        return;
    struct engine *engine = op->engine;
    struct str behind;
    if (!cursor_take(op, "connectors", &behind))
        return;
    size_t limit = limit_of(op), taken = 0;
    struct json *items = json_new_array();
    struct str last = STR_NONE;
    for (size_t i = 0; i < engine->entry_count; i++) {
        const struct catalog_entry *entry = engine->entries[i];
        if (str_is_set(behind) && str_compare(entry->connector.id, behind) <= 0)
            continue;
        if (taken++ == limit)
            break;
        struct view_counts counts = counts_of(op->read, entry->connector.id);
        json_append(items, view_connector(entry, &counts, now));
        last = entry->connector.id;
    }
    op_result(op, page_new("connectors", items, taken > limit ? last : STR_NONE), now);
}

void call_list_connectors(struct op *op, struct now now)
{
    (void)now;
    op_read(op, store_read_new(STORE_READ_COUNTS), on_connector_counts);
}

/* Who was refused after which rotation: read first, and kept as long as the call. */
struct refused_list {
    struct view_refused of[VIEW_ROTATIONS_MAX];
    struct str cursor;
};

static void on_one_counts(struct op *op, struct now now)
{
    if (read_failed(op))
        return;
    const struct refused_list *refused = op->extra;
    struct view_counts counts = counts_of(op->read, op->entry->connector.id);
    counts.refused = refused->of;
    op_result(op, view_connector(op->entry, &counts, now), now);
}

static void read_one_counts(struct op *op)
{
    struct store_read *read = store_read_new(STORE_READ_COUNTS);
    read->connector = arena_copy(&read->arena, op->entry->connector.id);
    op_read(op, read, on_one_counts);
}

/* The rotation that was the last one when it happened; of those too old to be listed, the oldest.
 */
static struct view_refused *rotation_of(struct op *op, const struct connection *connection)
{
    struct refused_list *refused = op->extra;
    size_t last = MIN_OF(op->entry->credential_count - 1, (size_t)VIEW_ROTATIONS_MAX) - 1;
    size_t i = 0;
    while (i < last && op->entry->credentials[i].created_ms > connection->trouble_ms)
        i++;
    return &refused->of[i];
}

static void read_refused(struct op *op);

static void on_refused(struct op *op, struct now now)
{
    (void)now;
    if (read_failed(op))
        return;
    struct refused_list *refused = op->extra;
    size_t count = op->entry->credential_count < 2 ? 0 : op->read->connection_count;
    for (size_t i = 0; i < count; i++) {
        const struct connection *connection = &op->read->connections[i];
        struct view_refused *of = rotation_of(op, connection);
        of->count++;
        if (of->id_count < VIEW_REFUSED_MAX)
            of->ids[of->id_count++] = arena_copy(&op->arena, connection->id);
        refused->cursor = arena_copy(&op->arena, connection->id);
    }
    if (count == op->read->limit)
        read_refused(op);
    else
        read_one_counts(op);
}

static void read_refused(struct op *op)
{
    const struct refused_list *refused = op->extra;
    struct store_read *read = store_read_new(STORE_READ_CONNECTION_PAGE);
    read->filter = (struct connection_filter){
        .connector = arena_copy(&read->arena, op->entry->connector.id),
        .state = -1,
        .reason = REASON_SECRET_ROTATED,
    };
    read->cursor = arena_copy(&read->arena, refused->cursor);
    read->limit = REFUSED_PAGE;
    op_read(op, read, on_refused);
}

void call_show_connector(struct op *op, struct now now)
{
    (void)now;
    if (!op_take_entry(op))
        return;
    op->extra = arena_alloc(&op->arena, sizeof(struct refused_list));
    *(struct refused_list *)op->extra = (struct refused_list){0};
    if (op->entry->credential_count < 2)
        read_one_counts(op);
    else
        read_refused(op);
}

/* ---- connections ---- */

static void on_connections(struct op *op, struct now now)
{
    if (read_failed(op))
        return;
    struct json *items = json_new_array();
    struct str last = STR_NONE;
    for (size_t i = 0; i < op->read->connection_count; i++) {
        const struct connection *connection = &op->read->connections[i];
        const struct catalog_entry *entry = catalog_find(op->engine, connection->connector);
        last = connection->id;
        if (entry != NULL)
            json_append(items, view_connection(op->engine, connection, entry, false, now));
    }
    bool is_full = op->read->connection_count == op->read->limit;
    op_result(op, page_new("connections", items, is_full ? last : STR_NONE), now);
}

/* An owner filter needs no connector: the members say which key is meant. */
static bool take_owner_filter(struct op *op, struct store_read *read)
{
    const struct json *json = json_get(op->params, "owner");
    if (json == NULL)
        return true;
    if (json_count(json) == 1 && json_get(json, "app") != NULL) {
        read->filter.app = arena_copy(&read->arena, json_text(json_get(json, "app")));
        return true;
    }
    enum connector_type type = CONNECTOR_SHARED;
    if (json_get(json, "superagent") != NULL)
        type = CONNECTOR_SUPERAGENT;
    else if (json_get(json, "user") != NULL)
        type = CONNECTOR_APP_USER;
    struct owner owner;
    struct error err = {0};
    if (owner_from_json(&read->arena, type, json, &owner, &err) != STATUS_OK) {
        op_fail(op, RPC_CODE_INVALID_OWNER, "%s", err.text);
        return false;
    }
    char key[OWNER_KEY_MAX];
    read->filter.owner_key = arena_copy(&read->arena, owner_key(type, &owner, key));
    return true;
}

static void take_state_filter(const struct op *op, struct store_read *read)
{
    enum connection_state state;
    enum reason reason;
    read->filter.state = -1;
    read->filter.reason = -1;
    if (connection_state_parse(op_text(op, "state"), &state) == STATUS_OK)
        read->filter.state = (int)state;
    if (reason_parse(op_text(op, "reason"), &reason) == STATUS_OK)
        read->filter.reason = (int)reason;
}

enum { EXPIRING_AHEAD_DAYS = 7 };

void call_list_connections(struct op *op, struct now now)
{
    struct str behind;
    if (!cursor_take(op, "connections", &behind))
        return;
    struct store_read *read = store_read_new(STORE_READ_CONNECTION_PAGE);
    take_state_filter(op, read);
    read->filter.connector = arena_copy(&read->arena, op_text(op, "connector"));
    if (op_bool(op, "expiring", false))
        read->filter.expiring_before_ms = now.ms + EXPIRING_AHEAD_DAYS * SCHEDULE_DAILY_MS;
    read->cursor = arena_copy(&read->arena, behind);
    read->limit = limit_of(op);
    if (!take_owner_filter(op, read)) { /* the op is gone */
        store_read_free(read);
        return;
    }
    op_read(op, read, on_connections);
}

static void on_connection(struct op *op, struct now now)
{
    const struct connection *connection = op_connection(op);
    if (connection == NULL || !op_take_entry_of(op, connection))
        return;
    op_result(op, view_connection(op->engine, connection, op->entry, true, now), now);
}

void call_show_connection(struct op *op, struct now now)
{
    (void)now;
    op_read_connection(op, on_connection);
}

/* ---- events ---- */

static void on_events(struct op *op, struct now now)
{
    if (read_failed(op))
        return;
    struct rpc_failure failure;
    if (!watch_has_place(&op->read->bounds, op->read->after, &failure)) {
        op_fail_data(op, failure.word, failure.data, "%s", failure.message);
        return;
    }
    struct json *items = json_new_array();
    int64_t last = 0;
    for (size_t i = 0; i < op->read->event_count; i++) {
        CLEANUP(buf_deinit) struct buf text = {0};
        event_write_cloudevent(&op->read->events[i], str_c(op->engine->source), &text);
        struct json *event = NULL;
        if (json_parse(buf_str(&text), JSON_LIMITS_DEFAULT, &event, NULL) == STATUS_OK)
            json_append(items, event);
        last = op->read->events[i].seq;
    }
    CLEANUP(buf_deinit) struct buf cursor = {0};
    if (!store_read_is_last(op->read))
        buf_printf(&cursor, "%lld", (long long)last);
    op_result(op, list_new(items, buf_str(&cursor)), now);
}

/** Behind which number? False where the call has ended: with an error, or with nothing. */
static bool take_after(struct op *op, int64_t *ret_after, struct now now)
{
    struct str cursor = op_text(op, "cursor");
    if (str_is_set(cursor)) {
        if (str_to_i64(cursor, ret_after) == STATUS_OK && *ret_after >= 0)
            return true;
        cursor_fail(op);
        return false;
    }
    *ret_after = json_i64(json_get(op->params, "after"), -1);
    if (*ret_after < 0) /* from now on: that is nothing yet */
        op_result(op, list_new(json_new_array(), STR_NONE), now);
    return *ret_after >= 0;
}

void call_list_events(struct op *op, struct now now)
{
    int64_t after;
    if (!take_after(op, &after, now))
        return;
    struct store_read *read = store_read_new(STORE_READ_EVENTS);
    read->after = after;
    read->types = watch_types_text(&read->arena, json_get(op->params, "types"));
    read->subject = arena_copy(&read->arena, op_text(op, "connection"));
    read->limit = limit_of(op);
    read->bytes_max = EVENTS_BYTES_MAX;
    op_read(op, read, on_events);
}
