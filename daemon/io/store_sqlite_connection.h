/**
 * Writing one connection: the row by compare-and-set, the keys its owner is found by, and the tally
 * that makes counting free of reading rows.
 */
#ifndef IO_STORE_SQLITE_CONNECTION_H
#define IO_STORE_SQLITE_CONNECTION_H

#include "core/connection.h"
#include "io/store_sqlite_db.h"

/** version 0 inserts, else updates where the stored version is the given one. CONFLICT: neither
 * went; keys or tally may have been changed by then. */
MUST_CHECK enum status
sqlite_connection_put(struct sqlite_db *db, const struct connection *connection, struct error *err);
/** Forget one that is pending. CONFLICT: there is none, or it is not pending. */
MUST_CHECK enum status sqlite_connection_drop_pending(struct sqlite_db *db, struct str id,
                                                      struct error *err);

#endif
