#include "io/store_sqlite_read.h"

#include "common/assert.h"
#include "io/store_sqlite_columns.h"
#include "io/store_sqlite_flow.h"
#include "io/store_sqlite_log.h"
#include "io/store_sqlite_places.h"
#include "io/store_sqlite_revocation.h"
#include "io/store_sqlite_tally.h"
#include "io/store_sqlite_write.h"

#include <string.h>

void *sqlite_read_grow(struct store_read *read, void *items, size_t count, size_t size)
{
    bool is_full = (count & (count - 1)) == 0; /* 0, 1, 2, 4, 8 … */
    if (!is_full)
        return items;
    void *more = arena_alloc(&read->arena, size * MAX_OF(count * 2, (size_t)1));
    if (count > 0)
        memcpy(more, items, size * count);
    return more;
}

size_t sqlite_read_limit(const struct store_read *read)
{
    if (read->limit == 0)
        return STORE_READ_LIMIT_DEFAULT;
    return MIN_OF(read->limit, (size_t)STORE_READ_LIMIT_MAX);
}

void sqlite_bind_text_or_empty(sqlite3_stmt *statement, int at, struct str text)
{
    sqlite_bind_str(statement, at, str_is_set(text) ? text : STR(""));
}

void sqlite_read_note_bad(struct store_read *read, const struct error *err)
{
    if (read->error.status == STATUS_OK)
        read->error = *err;
}

void sqlite_read_add_connection(struct store_read *read, sqlite3_stmt *row)
{
    struct connection c = {0};
    struct error err = {0};
    enum status status =
        sqlite_columns_read(&sqlite_connection_type, row, 0, &read->arena, &c, &err);
    int after = (int)sqlite_connection_type.count;
    c.version = sqlite3_column_int64(row, after);
    c.attempt_id = (uint64_t)sqlite3_column_int64(row, after + 1);
    c.attempt_started_ms = sqlite3_column_int64(row, after + 2);
    if (status == STATUS_OK && (c.version < 1 || str_is_empty(c.id)))
        status = error_set(&err, STATUS_INVALID, "damaged record: connection without id, version");
    if (status != STATUS_OK) {
        error_prefix(&err, STR_FMT, STR_ARG(c.id));
        sqlite_read_note_bad(read, &err);
        return;
    }
    read->connections = sqlite_read_grow(read, read->connections, read->connection_count,
                                         sizeof(read->connections[0]));
    read->connections[read->connection_count++] = c;
}

static void note_place(struct sqlite_db *db, sqlite3_stmt *row, struct connection *connection)
{
    int after = (int)sqlite_connection_type.count + 3;
    connection->mark = (struct record_mark){
        .epoch = db->epoch,
        .place = sqlite3_column_int64(row, after),
        .last_event = sqlite3_column_int64(row, after + 1),
    };
    sqlite_places_note(db->places, connection->id, connection->mark.place);
}

/** place 0: wherever it is. */
static enum status read_at(struct sqlite_db *db, struct store_read *read, struct str id,
                           int64_t place, bool *ret_found)
{
    CLEANUP(sqlite_statement_reset)
    sqlite3_stmt *statement =
        sqlite_db_statement(db, place != 0 ? SQL_CONNECTION_AT : SQL_CONNECTION_BY_ID);
    if (statement != NULL)
        sqlite_bind_str(statement, 1, id);
    if (statement != NULL && place != 0)
        sqlite3_bind_int64(statement, 2, place);
    size_t before = read->connection_count;
    enum status status = sqlite_db_step(db, statement, ret_found, &read->error);
    if (*ret_found)
        sqlite_read_add_connection(read, statement);
    if (read->connection_count > before)
        note_place(db, statement, &read->connections[before]);
    return status;
}

/* Who is due was seen in the list of those just before. */
static enum status read_by_id(struct sqlite_db *db, struct store_read *read, struct str id)
{
    int64_t place = sqlite_places_find(db->places, id);
    bool found = false;
    enum status status = place != 0 ? read_at(db, read, id, place, &found) : STATUS_OK;
    return status == STATUS_OK && !found ? read_at(db, read, id, 0, &found) : status;
}

static enum status read_connections(struct sqlite_db *db, struct store_read *read)
{
    for (size_t i = 0; i < read->id_count; i++) {
        enum status status = read_by_id(db, read, read->ids[i]);
        if (status != STATUS_OK)
            return status;
    }
    bool only_a_bad_one = read->id_count == 1 && read->error.status != STATUS_OK;
    return only_a_bad_one ? read->error.status : STATUS_OK;
}

static enum status read_owner(struct sqlite_db *db, struct store_read *read)
{
    CLEANUP(sqlite_statement_reset)
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_CONNECTION_BY_OWNER);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, read->connector);
        sqlite_bind_str(statement, 2, read->owner_key);
    }
    bool row;
    enum status status = sqlite_db_step(db, statement, &row, &read->error);
    if (row)
        sqlite_read_add_connection(read, statement);
    return status == STATUS_OK ? read->error.status : status;
}

static void add_due(struct sqlite_db *db, struct store_read *read, sqlite3_stmt *row)
{
    struct due_entry entry = {
        .id = arena_copy(&read->arena, sqlite_column_str(row, 0)),
        .connector = arena_copy(&read->arena, sqlite_column_str(row, 1)),
        .due_ms = sqlite3_column_int64(row, 2),
        .expires_ms = sqlite3_column_int64(row, 3),
    };
    read->due = sqlite_read_grow(read, read->due, read->due_count, sizeof(read->due[0]));
    read->due[read->due_count++] = entry;
    sqlite_places_note(db->places, entry.id, sqlite3_column_int64(row, 4));
}

/* From here on it is cheaper to walk the due times of all than the rows of one connector. */
enum { SMALL_CONNECTOR_PART = 50 };

static enum status choose_due(struct sqlite_db *db, struct store_read *read, enum sqlite_sql *ret)
{
    *ret = SQL_DUE;
    if (str_is_empty(read->connector))
        return STATUS_OK;
    enum status status = sqlite_tally_keep(db, &read->error);
    if (status != STATUS_OK)
        return status;
    CLEANUP(sqlite_statement_reset)
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_TALLY_SHARE);
    if (statement != NULL)
        sqlite_bind_str(statement, 1, read->connector);
    bool row;
    status = sqlite_db_step(db, statement, &row, &read->error);
    if (status == STATUS_OK && row) {
        int64_t own = sqlite3_column_int64(statement, 0), all = sqlite3_column_int64(statement, 1);
        *ret = own < all / SMALL_CONNECTOR_PART ? SQL_DUE_OF_SMALL : SQL_DUE_OF;
    }
    return status;
}

static enum status read_due(struct sqlite_db *db, struct store_read *read)
{
    enum sqlite_sql sql;
    enum status status = choose_due(db, read, &sql);
    if (status != STATUS_OK)
        return status;
    CLEANUP(sqlite_statement_reset) sqlite3_stmt *statement = sqlite_db_statement(db, sql);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, read->until_ms);
        sqlite3_bind_int64(statement, 2, read->after_due_ms);
        sqlite_bind_text_or_empty(statement, 3, read->cursor);
        if (sql != SQL_DUE)
            sqlite_bind_str(statement, 4, read->connector);
    }
    bool row = true;
    while (read->due_count < sqlite_read_limit(read)) {
        status = sqlite_db_step(db, statement, &row, &read->error);
        if (status != STATUS_OK || !row)
            return status;
        add_due(db, read, statement);
    }
    return STATUS_OK;
}

static enum status read_account(struct sqlite_db *db, struct store_read *read)
{
    CLEANUP(buf_deinit) struct buf key = {0};
    if (str_is_empty(read->subject))
        buf_printf(&key, "label:" STR_FMT, STR_ARG(read->name));
    else
        buf_printf(&key, "id:" STR_FMT, STR_ARG(read->subject));
    CLEANUP(sqlite_statement_reset)
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_CONNECTIONS_BY_ACCOUNT);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, buf_str(&key));
        sqlite_bind_text_or_empty(statement, 2, read->cursor);
    }
    bool row = true;
    while (read->connection_count < sqlite_read_limit(read)) {
        enum status status = sqlite_db_step(db, statement, &row, &read->error);
        if (status != STATUS_OK || !row)
            return status;
        sqlite_read_add_connection(read, statement);
    }
    return STATUS_OK;
}

static enum status read_seen(struct sqlite_db *db, struct store_read *read)
{
    CLEANUP(sqlite_statement_reset) sqlite3_stmt *statement = sqlite_db_statement(db, SQL_SEEN);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, read->name);
        sqlite_bind_str(statement, 2, read->subject);
    }
    bool row;
    enum status status = sqlite_db_step(db, statement, &row, &read->error);
    read->value = row ? arena_copy(&read->arena, sqlite_column_str(statement, 0)) : STR_NONE;
    return status;
}

static enum status read_attempts(struct sqlite_db *db, struct store_read *read)
{
    CLEANUP(sqlite_statement_reset) sqlite3_stmt *statement = sqlite_db_statement(db, SQL_ATTEMPTS);
    if (statement != NULL)
        sqlite_bind_text_or_empty(statement, 1, read->cursor);
    bool row = true;
    while (read->connection_count < sqlite_read_limit(read)) {
        enum status status = sqlite_db_step(db, statement, &row, &read->error);
        if (status != STATUS_OK || !row)
            return status;
        sqlite_read_add_connection(read, statement);
    }
    return STATUS_OK;
}

/** connections[i] and events[i] belong together. */
static enum status read_alerts(struct sqlite_db *db, struct store_read *read)
{
    CLEANUP(sqlite_statement_reset) sqlite3_stmt *statement = sqlite_db_statement(db, SQL_ALERTS);
    if (statement != NULL)
        sqlite_bind_text_or_empty(statement, 1, read->cursor);
    bool row = true;
    while (sqlite_read_wants_event(read)) {
        enum status status = sqlite_db_step(db, statement, &row, &read->error);
        if (status != STATUS_OK || !row)
            return status;
        size_t before = read->connection_count;
        sqlite_read_add_connection(read, statement);
        if (read->connection_count > before)
            sqlite_read_add_event(read, statement, (int)sqlite_connection_type.count + 3);
    }
    return STATUS_OK;
}

static enum status answer(struct sqlite_db *db, struct store_read *read)
{
    switch (read->kind) {
    case STORE_READ_CONNECTIONS:
        return read_connections(db, read);
    case STORE_READ_CONNECTION_OWNER:
        return read_owner(db, read);
    case STORE_READ_CONNECTION_PAGE:
        return sqlite_read_page(db, read);
    case STORE_READ_DUE:
        return read_due(db, read);
    case STORE_READ_OPEN_ATTEMPTS:
        return read_attempts(db, read);
    case STORE_READ_CONNECTORS:
        return sqlite_read_connectors(db, read);
    case STORE_READ_COUNTS:
        return sqlite_read_counts(db, read);
    case STORE_READ_EVENTS:
        return sqlite_read_events(db, read);
    case STORE_READ_EVENT_BOUNDS:
        return sqlite_log_bounds(db, &read->bounds, &read->error);
    case STORE_READ_ALERTS:
        return read_alerts(db, read);
    case STORE_READ_AUDIT:
        return sqlite_read_audit(db, read);
    case STORE_READ_META:
        return sqlite_meta_get(db, read->name, &read->arena, &read->value, &read->error);
    case STORE_READ_SEEN:
        return read_seen(db, read);
    case STORE_READ_ACCOUNT:
        return read_account(db, read);
    case STORE_READ_REVOCATIONS:
        return sqlite_revocations_read(db, read);
    case STORE_READ_TOKEN_USES:
        return sqlite_read_token_uses(db, read);
    case STORE_READ_FLOW:
        return sqlite_flow_read(db, read);
    case STORE_READ_FLOW_BOUNDS:
        return sqlite_flow_read_bounds(db, read);
    }
    return error_set(&read->error, STATUS_INTERNAL, "store read %d", (int)read->kind);
}

/** Nothing of an earlier answer (of a group that did not commit) stays. */
static void clear(struct store_read *read)
{
    read->connections = NULL;
    read->due = NULL;
    read->connectors = NULL;
    read->credentials = NULL;
    read->counts = NULL;
    read->events = NULL;
    read->audit = NULL;
    read->revocations = NULL;
    read->token_uses = NULL;
    read->flow = NULL;
    read->flow_bounds = (struct flow_bounds){0};
    read->connection_count = read->due_count = read->connector_count = 0;
    read->credential_count = read->count_count = read->event_count = read->audit_count = 0;
    read->revocation_count = read->token_use_count = 0;
    read->bounds = (struct event_bounds){0};
    read->value = STR_NONE;
    read->error = (struct error){0};
}

enum status sqlite_read_answer(struct sqlite_db *db, struct store_read *read)
{
    db->fault = SQLITE_OK;
    clear(read);
    read->status = answer(db, read);
    if (read->status != STATUS_OK) {
        struct error err = read->error;
        clear(read);
        read->error = err;
    }
    return read->status;
}
