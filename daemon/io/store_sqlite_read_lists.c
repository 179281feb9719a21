/* Reads of what is not a connection: connectors, counts, events, the audit. */
#include "io/store_sqlite_columns.h"
#include "io/store_sqlite_log.h"
#include "io/store_sqlite_read.h"
#include "io/store_sqlite_tally.h"

void sqlite_read_add_event(struct store_read *read, sqlite3_stmt *row, int first)
{
    struct stored_event event = {
        .seq = sqlite3_column_int64(row, first),
        .draft =
            {
                .type = arena_copy(&read->arena, sqlite_column_str(row, first + 1)),
                .subject = arena_copy(&read->arena, sqlite_column_str(row, first + 2)),
                .wall_ms = sqlite3_column_int64(row, first + 3),
                .data = arena_copy(&read->arena, sqlite_column_str(row, first + 4)),
            },
    };
    read->events = sqlite_read_grow(read, read->events, read->event_count, sizeof(read->events[0]));
    read->events[read->event_count++] = event;
    read->event_bytes += event.draft.data.len;
}

bool sqlite_read_wants_event(const struct store_read *read)
{
    return read->event_count < sqlite_read_limit(read) &&
           (read->bytes_max == 0 || read->event_bytes < read->bytes_max);
}

static void add_connector(struct store_read *read, sqlite3_stmt *row)
{
    struct connector connector = {0};
    struct error err = {0};
    enum status status =
        sqlite_columns_read(&sqlite_connector_type, row, 0, &read->arena, &connector, &err);
    connector.version = sqlite3_column_int64(row, (int)sqlite_connector_type.count);
    if (status != STATUS_OK) {
        error_prefix(&err, STR_FMT, STR_ARG(connector.id));
        sqlite_read_note_bad(read, &err);
        return;
    }
    read->connectors = sqlite_read_grow(read, read->connectors, read->connector_count,
                                        sizeof(read->connectors[0]));
    read->connectors[read->connector_count++] = connector;
}

static void add_credential(struct store_read *read, sqlite3_stmt *row)
{
    struct credential credential = {0};
    struct error err = {0};
    if (sqlite_columns_read(&sqlite_credential_type, row, 0, &read->arena, &credential, &err) !=
        STATUS_OK) {
        error_prefix(&err, STR_FMT, STR_ARG(credential.connector));
        sqlite_read_note_bad(read, &err);
        return;
    }
    read->credentials = sqlite_read_grow(read, read->credentials, read->credential_count,
                                         sizeof(read->credentials[0]));
    read->credentials[read->credential_count++] = credential;
}

/** All rows of a statement without parameters. */
static enum status read_all(struct sqlite_db *db, struct store_read *read, enum sqlite_sql sql,
                            void (*add)(struct store_read *read, sqlite3_stmt *row))
{
    CLEANUP(sqlite_statement_reset) sqlite3_stmt *statement = sqlite_db_statement(db, sql);
    bool row = true;
    for (;;) {
        enum status status = sqlite_db_step(db, statement, &row, &read->error);
        if (status != STATUS_OK || !row)
            return status;
        add(read, statement);
    }
}

enum status sqlite_read_connectors(struct sqlite_db *db, struct store_read *read)
{
    enum status status = read_all(db, read, SQL_CONNECTORS, add_connector);
    return status == STATUS_OK ? read_all(db, read, SQL_CREDENTIALS, add_credential) : status;
}

static void add_count(struct store_read *read, sqlite3_stmt *row)
{
    int64_t phase = sqlite3_column_int64(row, 1), dead = sqlite3_column_int64(row, 2),
            advisory = sqlite3_column_int64(row, 3);
    if (phase < 0 || phase > PHASE_DISCONNECTED || dead < 0 || dead >= REASON_COUNT ||
        advisory < 0 || advisory >= REASON_COUNT) {
        struct error err = {0};
        (void)error_set(&err, STATUS_INVALID, "damaged record: a count of connections");
        sqlite_read_note_bad(read, &err);
        return;
    }
    struct count_row count = {
        .connector = arena_copy(&read->arena, sqlite_column_str(row, 0)),
        .phase = (enum phase)phase,
        .dead_reason = (enum reason)dead,
        .advisory_reason = (enum reason)advisory,
        .retrying = sqlite3_column_int64(row, 4) != 0,
        .credential_version = sqlite3_column_int64(row, 5),
        .count = sqlite3_column_int64(row, 6),
    };
    read->counts = sqlite_read_grow(read, read->counts, read->count_count, sizeof(read->counts[0]));
    read->counts[read->count_count++] = count;
}

enum status sqlite_read_counts(struct sqlite_db *db, struct store_read *read)
{
    enum status status = sqlite_tally_keep(db, &read->error);
    if (status != STATUS_OK)
        return status;
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_TALLY_READ);
    if (statement != NULL)
        sqlite_bind_text_or_empty(statement, 1, read->connector);
    return read_all(db, read, SQL_TALLY_READ, add_count);
}

static bool type_is_wanted(struct str types, struct str type)
{
    struct str rest = types, word;
    bool any = true;
    while (str_next_word(&rest, STR(" "), &word)) {
        any = false;
        if (str_eq(word, type))
            return true;
    }
    return any;
}

enum status sqlite_read_events(struct sqlite_db *db, struct store_read *read)
{
    enum status status = sqlite_log_edges(db, &read->bounds, &read->error);
    if (status != STATUS_OK)
        return status;
    bool of_one = !str_is_empty(read->subject);
    CLEANUP(sqlite_statement_reset)
    sqlite3_stmt *statement = sqlite_db_statement(db, of_one ? SQL_EVENTS_OF_SUBJECT : SQL_EVENTS);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, read->after);
        if (of_one)
            sqlite_bind_str(statement, 2, read->subject);
    }
    bool row = true;
    while (sqlite_read_wants_event(read)) {
        status = sqlite_db_step(db, statement, &row, &read->error);
        if (status != STATUS_OK || !row)
            return status;
        if (type_is_wanted(read->types, sqlite_column_str(statement, 1)))
            sqlite_read_add_event(read, statement, 0);
    }
    return STATUS_OK;
}

static void add_audit(struct store_read *read, sqlite3_stmt *row)
{
    struct audit_entry entry = {
        .seq = sqlite3_column_int64(row, 0),
        .wall_ms = sqlite3_column_int64(row, 1),
        .uid = sqlite3_column_int64(row, 2),
        .gid = sqlite3_column_int64(row, 3),
        .pid = sqlite3_column_int64(row, 4),
        .method = arena_copy(&read->arena, sqlite_column_str(row, 5)),
        .subject = arena_copy(&read->arena, sqlite_column_str(row, 6)),
        .outcome = arena_copy(&read->arena, sqlite_column_str(row, 7)),
        .detail = arena_copy(&read->arena, sqlite_column_str(row, 8)),
    };
    read->audit = sqlite_read_grow(read, read->audit, read->audit_count, sizeof(read->audit[0]));
    read->audit[read->audit_count++] = entry;
}

enum status sqlite_read_audit(struct sqlite_db *db, struct store_read *read)
{
    CLEANUP(sqlite_statement_reset) sqlite3_stmt *statement = sqlite_db_statement(db, SQL_AUDIT);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, read->after);
        sqlite_bind_text_or_empty(statement, 2, read->audit_filter.method);
        sqlite_bind_text_or_empty(statement, 3, read->audit_filter.subject);
        sqlite_bind_text_or_empty(statement, 4, read->audit_filter.outcome);
        sqlite3_bind_int64(statement, 5, read->audit_filter.uid);
    }
    bool row = true;
    while (read->audit_count < sqlite_read_limit(read)) {
        enum status status = sqlite_db_step(db, statement, &row, &read->error);
        if (status != STATUS_OK || !row)
            return status;
        add_audit(read, statement);
    }
    return STATUS_OK;
}

static void add_token_use(struct store_read *read, sqlite3_stmt *row)
{
    const struct token_use use = {
        .uid = sqlite3_column_int64(row, 0),
        .connection = arena_copy(&read->arena, sqlite_column_str(row, 1)),
        .hour_wall_ms = sqlite3_column_int64(row, 2),
        .count = sqlite3_column_int64(row, 3),
    };
    read->token_uses = sqlite_read_grow(read, read->token_uses, read->token_use_count,
                                        sizeof(read->token_uses[0]));
    read->token_uses[read->token_use_count++] = use;
}

enum status sqlite_read_token_uses(struct sqlite_db *db, struct store_read *read)
{
    CLEANUP(sqlite_statement_reset)
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_TOKEN_USES);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, read->after);
        sqlite_bind_text_or_empty(statement, 2, read->cursor);
        sqlite3_bind_int64(statement, 3, read->after_uid);
        sqlite_bind_text_or_empty(statement, 4, read->audit_filter.subject);
        sqlite3_bind_int64(statement, 5, read->audit_filter.uid);
    }
    bool row = true;
    while (read->token_use_count < sqlite_read_limit(read)) {
        enum status status = sqlite_db_step(db, statement, &row, &read->error);
        if (status != STATUS_OK || !row)
            return status;
        add_token_use(read, statement);
    }
    return STATUS_OK;
}
