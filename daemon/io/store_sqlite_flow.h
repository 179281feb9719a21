/** Authorizations under way, and the connections that wait for their first grant. */
#ifndef IO_STORE_SQLITE_FLOW_H
#define IO_STORE_SQLITE_FLOW_H

#include "io/store_sqlite_db.h"
#include "port/store.h"

/** CONFLICT: there is one of that print. */
MUST_CHECK enum status sqlite_flow_put(struct sqlite_db *db, const struct flow *flow,
                                       struct error *err);
/** CONFLICT: there is none. */
MUST_CHECK enum status sqlite_flow_take(struct sqlite_db *db, struct str print, struct error *err);
MUST_CHECK enum status sqlite_flow_purge(struct sqlite_db *db, int64_t now_ms, struct error *err);
/** A pending connection goes, with its flows. CONFLICT: there is none. */
MUST_CHECK enum status sqlite_flow_drop_pending(struct sqlite_db *db, struct str connection,
                                                struct error *err);
/** STORE_READ_FLOW. */
MUST_CHECK enum status sqlite_flow_read(struct sqlite_db *db, struct store_read *read);
/** STORE_READ_FLOW_BOUNDS. */
MUST_CHECK enum status sqlite_flow_read_bounds(struct sqlite_db *db, struct store_read *read);

#endif
