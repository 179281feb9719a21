/**
 * One handle of the database and its prepared statements. The pragmas are set here, and here
 * SQLite's result codes become our words.
 *
 *     CLEANUP(sqlite_statement_reset) sqlite3_stmt *find = sqlite_db_statement(db, SQL_META_GET);
 *     sqlite_bind_str(find, 1, name);
 *     if (sqlite_db_step(db, find, err) …
 *
 * Bound texts are borrowed (SQLITE_STATIC): they outlive the step, since they live in the request.
 */
#ifndef IO_STORE_SQLITE_DB_H
#define IO_STORE_SQLITE_DB_H

#include "common/str.h"
#include "io/store_sqlite_statements.h"

#include <sqlite3.h>

enum {
    SQLITE_APPLICATION_ID = 0x72667264, /* "rfrd" in the file's header */
    SQLITE_PAGE_BYTES = 8192,           /* three or four connections to a page */
    SQLITE_CACHE_BYTES_DEFAULT = 32 * 1024 * 1024,
    SQLITE_BUSY_MS = 5000, /* somebody's backup or shell holds a lock */
};

/** The last event's number: as given in this transaction, and as written. store_sqlite_log.h. */
struct sqlite_log {
    bool is_known;
    int64_t last, stored;
};

struct sqlite_places;
struct sqlite_tallies;

struct sqlite_db {
    sqlite3 *handle; /* NULL: closed */
    sqlite3_stmt *statements[SQL_COUNT];
    struct sqlite_log log;
    struct sqlite_places *places;   /* of rows that were read: store_sqlite_places.h */
    uint64_t epoch;                 /* in which the mark of a record that was read is good */
    struct sqlite_tallies *tallies; /* changes of counts, not yet written: store_sqlite_tally.h */
    int wal_frames;                 /* after the last commit */
    int fault; /* SQLite's extended code of the last failure that was the database's own;
                  SQLITE_OK after a mere CONFLICT */
};

/** Open an existing (maybe empty) file and set what is not kept in it. Does not write. */
MUST_CHECK enum status sqlite_db_open(struct sqlite_db *db, const char *path, size_t cache_bytes,
                                      struct error *err);
/** Without a checkpoint: after a failed fsync this handle must never sync again. */
void sqlite_db_close(struct sqlite_db *db);

/** Prepared at first use; NULL where that failed (then fault is set). */
sqlite3_stmt *sqlite_db_statement(struct sqlite_db *db, enum sqlite_sql sql);
/** For CLEANUP: ends a statement, so that it can be used again. Takes NULL. */
void sqlite_statement_reset(sqlite3_stmt **statement);

/** What was read is not known to be so any more: something was rolled back, deleted or changed
 * without a new version. Records that were read before are looked at again when they are put. */
void sqlite_db_forget(struct sqlite_db *db);
/** The same where all rows stay at their places. */
void sqlite_db_forget_marks(struct sqlite_db *db);

/** One step: STATUS_OK and *ret_row; STATUS_CONFLICT where it would break a UNIQUE; else as
 * sqlite_db_failed(). statement may be NULL (it could not be prepared). */
MUST_CHECK enum status sqlite_db_step(struct sqlite_db *db, sqlite3_stmt *statement, bool *ret_row,
                                      struct error *err);
/** Run a statement that returns no rows. */
MUST_CHECK enum status sqlite_db_run(struct sqlite_db *db, sqlite3_stmt *statement,
                                     struct error *err);
/** Run SQL text. */
MUST_CHECK enum status sqlite_db_exec(struct sqlite_db *db, const char *sql, struct error *err);
/** One number from SQL text ("PRAGMA user_version"). */
MUST_CHECK enum status sqlite_db_number(struct sqlite_db *db, const char *sql, int64_t *ret,
                                        struct error *err);

/** Remember the code and say it: UNAVAILABLE (full, busy, read-only, I/O), INVALID (damaged),
 * INTERNAL (the rest). */
enum status sqlite_db_failed(struct sqlite_db *db, int code, struct error *err);

/** errno of the last failed call on the log or, where that knows none, on the database: what
 * sqlite3_system_errno() does not say after a failed COMMIT. */
int sqlite_db_errno(struct sqlite_db *db);

/**
 * Bring everything that can be read into the database file, synced, and empty the log. Only then
 * is it durable what a process that died, or a handle whose fsync failed, left in the page cache.
 */
MUST_CHECK enum status sqlite_db_settle(struct sqlite_db *db, struct error *err);
/** Between groups: copy what is committed from the log to the database. */
MUST_CHECK enum status sqlite_db_checkpoint(struct sqlite_db *db, struct error *err);

void sqlite_bind_str(sqlite3_stmt *statement, int at, struct str text);
void sqlite_bind_blob(sqlite3_stmt *statement, int at, struct str bytes);
/** Borrowed until the next step; STR_NONE for NULL. */
struct str sqlite_column_str(sqlite3_stmt *statement, int at);

#endif
