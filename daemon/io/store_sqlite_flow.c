#include "io/store_sqlite_flow.h"

#include "io/store_sqlite_columns.h"
#include "io/store_sqlite_connection.h"
#include "io/store_sqlite_read.h"

enum status sqlite_flow_put(struct sqlite_db *db, const struct flow *flow, struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_FLOW_INSERT);
    if (statement != NULL)
        sqlite_columns_bind(&sqlite_flow_type, statement, 1, flow);
    return sqlite_db_run(db, statement, err);
}

enum status sqlite_flow_take(struct sqlite_db *db, struct str print, struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_FLOW_TAKE);
    if (statement != NULL)
        sqlite_bind_blob(statement, 1, print);
    enum status status = sqlite_db_run(db, statement, err);
    if (status == STATUS_OK && sqlite3_changes64(db->handle) == 0)
        return error_set(err, STATUS_CONFLICT, "that authorization is not under way");
    return status;
}

static enum status drop_flows_of(struct sqlite_db *db, struct str connection, struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_FLOWS_DROP);
    if (statement != NULL)
        sqlite_bind_str(statement, 1, connection);
    return sqlite_db_run(db, statement, err);
}

enum status sqlite_flow_drop_pending(struct sqlite_db *db, struct str connection, struct error *err)
{
    enum status status = sqlite_connection_drop_pending(db, connection, err);
    return status == STATUS_OK ? drop_flows_of(db, connection, err) : status;
}

/* First whose time is over, then drop them: not the rows that a statement walks over. */
static enum status find_over(struct sqlite_db *db, int64_t before_ms, struct arena *arena,
                             struct str *ids, size_t *ret_count, struct error *err)
{
    CLEANUP(sqlite_statement_reset)
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_PENDING_OVER);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, before_ms);
        sqlite3_bind_int64(statement, 2, STORE_FLOWS_PURGED_MAX);
    }
    bool row = true;
    *ret_count = 0;
    while (*ret_count < STORE_FLOWS_PURGED_MAX) {
        enum status status = sqlite_db_step(db, statement, &row, err);
        if (status != STATUS_OK || !row)
            return status;
        ids[(*ret_count)++] = arena_copy(arena, sqlite_column_str(statement, 0));
    }
    return STATUS_OK;
}

static enum status purge_pending(struct sqlite_db *db, int64_t before_ms, struct error *err)
{
    struct arena arena = {0};
    struct str ids[STORE_FLOWS_PURGED_MAX];
    size_t count;
    enum status status = find_over(db, before_ms, &arena, ids, &count, err);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = sqlite_flow_drop_pending(db, ids[i], err);
    arena_deinit(&arena);
    return status;
}

enum status sqlite_flow_purge(struct sqlite_db *db, int64_t now_ms, struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_FLOW_PURGE);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, now_ms);
        sqlite3_bind_int64(statement, 2, STORE_FLOWS_PURGED_MAX);
    }
    enum status status = sqlite_db_run(db, statement, err);
    return status == STATUS_OK ? purge_pending(db, now_ms - FLOW_LIFETIME_MS, err) : status;
}

enum status sqlite_flow_read(struct sqlite_db *db, struct store_read *read)
{
    CLEANUP(sqlite_statement_reset)
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_FLOW_BY_PRINT);
    if (statement != NULL)
        sqlite_bind_blob(statement, 1, read->name);
    bool row;
    enum status status = sqlite_db_step(db, statement, &row, &read->error);
    if (status != STATUS_OK || !row)
        return status;
    struct flow *flow = arena_alloc(&read->arena, sizeof(*flow));
    read->flow = flow;
    return sqlite_columns_read(&sqlite_flow_type, statement, 0, &read->arena, flow, &read->error);
}

/* One number of the first row; TIME_NONE where there is no row. */
static enum status first_number(struct sqlite_db *db, enum sqlite_sql sql, int64_t *ret,
                                struct error *err)
{
    CLEANUP(sqlite_statement_reset) sqlite3_stmt *statement = sqlite_db_statement(db, sql);
    bool row;
    enum status status = sqlite_db_step(db, statement, &row, err);
    *ret = row ? sqlite3_column_int64(statement, 0) : TIME_NONE;
    return status;
}

static enum status count_open(struct sqlite_db *db, struct store_read *read)
{
    CLEANUP(sqlite_statement_reset)
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_FLOW_COUNT);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, read->until_ms);
        sqlite_bind_text_or_empty(statement, 2, read->subject);
    }
    bool row;
    enum status status = sqlite_db_step(db, statement, &row, &read->error);
    if (status == STATUS_OK && row) {
        read->flow_bounds.open = sqlite3_column_int64(statement, 0);
        read->flow_bounds.of_connection = sqlite3_column_int64(statement, 1);
    }
    return status;
}

enum status sqlite_flow_read_bounds(struct sqlite_db *db, struct store_read *read)
{
    int64_t flow_ms = TIME_NONE, pending_ms = TIME_NONE;
    enum status status = count_open(db, read);
    if (status == STATUS_OK)
        status = first_number(db, SQL_FLOW_FIRST_END, &flow_ms, &read->error);
    if (status == STATUS_OK)
        status = first_number(db, SQL_PENDING_FIRST, &pending_ms, &read->error);
    if (pending_ms != TIME_NONE)
        pending_ms += FLOW_LIFETIME_MS;
    read->flow_bounds.first_end_ms = flow_ms == TIME_NONE ? pending_ms : flow_ms;
    if (pending_ms != TIME_NONE && pending_ms < read->flow_bounds.first_end_ms)
        read->flow_bounds.first_end_ms = pending_ms;
    return status;
}
