/**
 * Answering reads. A row that somebody has changed into what can't be is left out; where just one
 * record was asked for, that is STATUS_INVALID, else the rest is served and error names the first
 * bad one (with status STATUS_OK).
 */
#ifndef IO_STORE_SQLITE_READ_H
#define IO_STORE_SQLITE_READ_H

#include "io/store_sqlite_db.h"
#include "port/store.h"

/** Fills read->status, error and results; earlier results are dropped. */
enum status sqlite_read_answer(struct sqlite_db *db, struct store_read *read);

MUST_CHECK enum status sqlite_read_connectors(struct sqlite_db *db, struct store_read *read);
MUST_CHECK enum status sqlite_read_counts(struct sqlite_db *db, struct store_read *read);
MUST_CHECK enum status sqlite_read_events(struct sqlite_db *db, struct store_read *read);
MUST_CHECK enum status sqlite_read_audit(struct sqlite_db *db, struct store_read *read);
MUST_CHECK enum status sqlite_read_token_uses(struct sqlite_db *db, struct store_read *read);
/** STORE_READ_CONNECTION_PAGE: its statement is written for its filter. */
MUST_CHECK enum status sqlite_read_page(struct sqlite_db *db, struct store_read *read);

/** Add the connection in a row of sqlite_statement_select_connection(), or note that it is bad. */
void sqlite_read_add_connection(struct store_read *read, sqlite3_stmt *row);
/** Add the event that stands from column `first` on. */
void sqlite_read_add_event(struct store_read *read, sqlite3_stmt *row, int first);
/** By the read's limit and bytes_max. */
bool sqlite_read_wants_event(const struct store_read *read);
/** The first bad record of a read is named; the rest is served. */
void sqlite_read_note_bad(struct store_read *read, const struct error *err);
/** Room for one more element of a result array: it lives in the read's arena and doubles. */
void *sqlite_read_grow(struct store_read *read, void *items, size_t count, size_t size);
size_t sqlite_read_limit(const struct store_read *read);
/** A cursor or text for a comparison: never NULL, which compares with nothing. */
void sqlite_bind_text_or_empty(sqlite3_stmt *statement, int at, struct str text);

#endif
