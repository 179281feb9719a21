/**
 * Writing one connection: the row by compare-and-set, the keys its owner is found by, and the tally
 * that makes counting free of reading rows.
 */
#ifndef IO_STORE_SQLITE_CONNECTION_H
#define IO_STORE_SQLITE_CONNECTION_H

#include "core/connection.h"
#include "io/store_sqlite_db.h"

/**
 * version 0 inserts, else updates where the stored version is the given one. CONFLICT: neither
 * went; keys or tally may have been changed by then.
 *
 * before: the record as it was read, or NULL. With it a refresh neither looks at the row first
 * (owner, counts: all as they were) nor touches indexes but that of the due times.
 * last_event: the number that the newest of the events to be appended with it will have, if they
 * hang on the row (sqlite_log_append); 0: none do, always so when inserting.
 * ret_previous_event: the newest that hangs on it now; 0: none.
 */
MUST_CHECK enum status sqlite_connection_put(struct sqlite_db *db,
                                             const struct connection *connection,
                                             const struct connection *before, int64_t last_event,
                                             int64_t *ret_previous_event, struct error *err);
/** Forget one that is pending. CONFLICT: there is none, or it is not pending. */
MUST_CHECK enum status sqlite_connection_drop_pending(struct sqlite_db *db, struct str id,
                                                      struct error *err);

#endif
