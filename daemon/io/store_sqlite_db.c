#include "io/store_sqlite_db.h"

#include "common/assert.h"
#include "io/store_sqlite_places.h"
#include "io/store_sqlite_tally.h"
#include "io/store_sqlite_vfs.h"

#include <stdio.h>

/** Called after each commit: how long has the log become? */
static int note_wal(void *ctx, UNUSED sqlite3 *handle, UNUSED const char *name, int frames)
{
    ((struct sqlite_db *)ctx)->wal_frames = frames;
    return SQLITE_OK;
}

static enum status set_pragmas(struct sqlite_db *db, size_t cache_bytes, struct error *err)
{
    char cache[64];
    snprintf(cache, sizeof(cache), "PRAGMA cache_size = -%zu",
             (cache_bytes == 0 ? (size_t)SQLITE_CACHE_BYTES_DEFAULT : cache_bytes) / 1024);
    const char *const pragmas[] = {
        "PRAGMA trusted_schema = OFF",
        "PRAGMA cell_size_check = ON",
        "PRAGMA mmap_size = 0", /* a truncated file would be a SIGBUS */
        "PRAGMA synchronous = EXTRA",
        "PRAGMA wal_autocheckpoint = 0",
        "PRAGMA journal_size_limit = 67108864",
        "PRAGMA secure_delete = FAST",
        "PRAGMA temp_store = MEMORY",
        "PRAGMA foreign_keys = OFF",
        cache,
    };
    for (size_t i = 0; i < ARRAY_LEN(pragmas); i++) {
        enum status status = sqlite_db_exec(db, pragmas[i], err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status sqlite_db_open(struct sqlite_db *db, const char *path, size_t cache_bytes,
                           struct error *err)
{
    ASSERT(db->handle == NULL);
    /* SQLITE_OPEN_NOFOLLOW would refuse a link anywhere in the path, and systemd's DynamicUser=
     * makes /var/lib/refreshd one; the last part is checked by store_sqlite_file.c. */
    int code = sqlite3_open_v2(path, &db->handle,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                                   SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
                               sqlite_vfs_name());
    if (code != SQLITE_OK) {
        enum status status = sqlite_db_failed(db, code, err);
        sqlite_db_close(db);
        return status;
    }
    sqlite3_busy_timeout(db->handle, SQLITE_BUSY_MS);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    db->places = sqlite_places_new();
    sqlite3_randomness(sizeof(db->epoch), &db->epoch); /* no other handle's, nor zero */
    db->tallies = sqlite_tallies_new();
    enum status status = set_pragmas(db, cache_bytes, err);
    if (status != STATUS_OK)
        sqlite_db_close(db);
    else
        sqlite3_wal_hook(db->handle, note_wal, db); /* wal_autocheckpoint takes the hook away */
    return status;
}

void sqlite_db_close(struct sqlite_db *db)
{
    for (size_t i = 0; i < SQL_COUNT; i++) {
        sqlite3_finalize(db->statements[i]);
        db->statements[i] = NULL;
    }
    int code = sqlite3_close(db->handle);
    ASSERT(code == SQLITE_OK); /* a statement was left behind */
    db->handle = NULL;
    sqlite_places_free(db->places);
    db->places = NULL;
    sqlite_tallies_free(db->tallies);
    db->tallies = NULL;
    db->wal_frames = 0;
}

sqlite3_stmt *sqlite_db_statement(struct sqlite_db *db, enum sqlite_sql sql)
{
    ASSERT(db->handle != NULL);
    if (db->statements[sql] == NULL) {
        int code = sqlite_statement_prepare(db->handle, sql, &db->statements[sql]);
        if (code != SQLITE_OK)
            db->fault = code;
    }
    return db->statements[sql];
}

void sqlite_db_forget_marks(struct sqlite_db *db)
{
    db->epoch++;
}

void sqlite_db_forget(struct sqlite_db *db)
{
    sqlite_db_forget_marks(db);
    sqlite_places_forget(db->places);
}

void sqlite_statement_reset(sqlite3_stmt **statement)
{
    sqlite3_reset(*statement);
}

int sqlite_db_errno(struct sqlite_db *db)
{
    sqlite3_file *log = NULL;
    int failure = 0;
    if (db->handle == NULL)
        return 0;
    sqlite3_file_control(db->handle, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log != NULL && log->pMethods != NULL)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &failure);
    return failure != 0 ? failure : sqlite3_system_errno(db->handle);
}

enum status sqlite_db_failed(struct sqlite_db *db, int code, struct error *err)
{
    db->fault = code;
    const char *text = db->handle != NULL ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code);
    enum status status = STATUS_INTERNAL;
    switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        status = STATUS_UNAVAILABLE;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        status = STATUS_INVALID;
        break;
    default: /* an int of SQLite's, not an enum of ours */
        break;
    }
    if ((code & 0xff) != SQLITE_IOERR && (code & 0xff) != SQLITE_CANTOPEN)
        return error_set(err, status, "SQLite: %s (%d)", text, code);
    return error_set(err, status, "SQLite: %s (%d, errno %d)", text, code, sqlite_db_errno(db));
}

enum status sqlite_db_step(struct sqlite_db *db, sqlite3_stmt *statement, bool *ret_row,
                           struct error *err)
{
    *ret_row = false;
    if (statement == NULL)
        return sqlite_db_failed(db, db->fault, err);
    int code = sqlite3_step(statement);
    *ret_row = code == SQLITE_ROW;
    if (code == SQLITE_ROW || code == SQLITE_DONE)
        return STATUS_OK;
    if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
        return error_set(err, STATUS_CONFLICT, "it exists already");
    return sqlite_db_failed(db, code, err);
}

enum status sqlite_db_run(struct sqlite_db *db, sqlite3_stmt *statement, struct error *err)
{
    bool row;
    enum status status = sqlite_db_step(db, statement, &row, err);
    sqlite3_reset(statement);
    return status;
}

enum status sqlite_db_exec(struct sqlite_db *db, const char *sql, struct error *err)
{
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? STATUS_OK : sqlite_db_failed(db, code, err);
}

enum status sqlite_db_number(struct sqlite_db *db, const char *sql, int64_t *ret, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    *ret = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    enum status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? STATUS_OK : sqlite_db_failed(db, code, err);
    sqlite3_finalize(statement);
    return status;
}

static enum status checkpoint(struct sqlite_db *db, int mode, struct error *err)
{
    int code = sqlite3_wal_checkpoint_v2(db->handle, NULL, mode, NULL, NULL);
    if (code != SQLITE_OK)
        return sqlite_db_failed(db, code, err);
    db->wal_frames = 0;
    return STATUS_OK;
}

enum status sqlite_db_settle(struct sqlite_db *db, struct error *err)
{
    return checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE, err);
}

enum status sqlite_db_checkpoint(struct sqlite_db *db, struct error *err)
{
    return checkpoint(db, SQLITE_CHECKPOINT_PASSIVE, err);
}

void sqlite_bind_str(sqlite3_stmt *statement, int at, struct str text)
{
    if (text.data == NULL)
        sqlite3_bind_null(statement, at);
    else
        sqlite3_bind_text64(statement, at, text.data, text.len, SQLITE_STATIC, SQLITE_UTF8);
}

void sqlite_bind_blob(sqlite3_stmt *statement, int at, struct str bytes)
{
    if (bytes.data == NULL)
        sqlite3_bind_null(statement, at);
    else
        sqlite3_bind_blob64(statement, at, bytes.data, bytes.len, SQLITE_STATIC);
}

struct str sqlite_column_str(sqlite3_stmt *statement, int at)
{
    if (sqlite3_column_type(statement, at) == SQLITE_NULL)
        return STR_NONE;
    /* The pointer first, then the length: the other order may convert in between. A blob of no
     * bytes is a NULL pointer. */
    const char *data = sqlite3_column_blob(statement, at);
    return (struct str){.data = data == NULL ? "" : data,
                        .len = (size_t)sqlite3_column_bytes(statement, at)};
}
