#include "io/store_sqlite_revocation.h"

#include "io/store_sqlite_columns.h"
#include "io/store_sqlite_read.h"

enum status sqlite_revocation_put(struct sqlite_db *db, const struct revocation *revocation,
                                  struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_REVOCATION_PUT);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, revocation->connection);
        sqlite3_bind_int64(statement, 2, revocation->generation);
        sqlite_bind_str(statement, 3, revocation->connector);
        sqlite3_bind_int64(statement, 4, revocation->credential_version);
        sqlite_bind_blob(statement, 5, revocation->sealed_token);
        sqlite3_bind_int64(statement, 6, revocation->is_access_token);
        sqlite3_bind_int64(statement, 7, revocation->created_ms);
        sqlite3_bind_int64(statement, 8, revocation->due_ms);
        sqlite3_bind_int64(statement, 9, revocation->tries);
    }
    return sqlite_db_run(db, statement, err);
}

enum status sqlite_revocation_drop(struct sqlite_db *db, struct str connection, int64_t generation,
                                   struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_REVOCATION_DROP);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, connection);
        sqlite3_bind_int64(statement, 2, generation);
    }
    return sqlite_db_run(db, statement, err);
}

static void add(struct store_read *read, sqlite3_stmt *row)
{
    const struct revocation revocation = {
        .connection = arena_copy(&read->arena, sqlite_column_str(row, 0)),
        .generation = sqlite3_column_int64(row, 1),
        .connector = arena_copy(&read->arena, sqlite_column_str(row, 2)),
        .credential_version = sqlite3_column_int64(row, 3),
        .sealed_token = arena_copy(&read->arena, sqlite_column_str(row, 4)),
        .is_access_token = sqlite3_column_int64(row, 5) != 0,
        .created_ms = sqlite3_column_int64(row, 6),
        .due_ms = sqlite3_column_int64(row, 7),
        .tries = sqlite3_column_int64(row, 8),
    };
    read->revocations = sqlite_read_grow(read, read->revocations, read->revocation_count,
                                         sizeof(read->revocations[0]));
    read->revocations[read->revocation_count++] = revocation;
}

enum status sqlite_revocations_read(struct sqlite_db *db, struct store_read *read)
{
    CLEANUP(sqlite_statement_reset)
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_REVOCATIONS);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, read->until_ms);
        sqlite_bind_text_or_empty(statement, 2, read->connector);
    }
    bool row = true;
    while (read->revocation_count < sqlite_read_limit(read)) {
        enum status status = sqlite_db_step(db, statement, &row, &read->error);
        if (status != STATUS_OK || !row)
            return status;
        add(read, statement);
    }
    return STATUS_OK;
}
