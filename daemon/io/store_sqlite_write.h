/** Carrying out the operations of one write, in their order, inside an open transaction. */
#ifndef IO_STORE_SQLITE_WRITE_H
#define IO_STORE_SQLITE_WRITE_H

#include "io/store_sqlite_db.h"
#include "port/store.h"

/**
 * Stops at the first operation that does not go; what was changed until then is the caller's to
 * roll back. Fills write->status, error and first_event_seq; db->fault is SQLITE_OK where the
 * database is well (a CONFLICT, say).
 */
enum status sqlite_write_apply(struct sqlite_db *db, struct store_write *write);
/** Does it begin a refresh? Such a write needs room for the answer too. */
bool sqlite_write_opens_attempt(const struct store_write *write);

MUST_CHECK enum status sqlite_meta_put(struct sqlite_db *db, struct str name, struct str value,
                                       struct error *err);
/** Into arena; *ret is STR_NONE where there is none. */
MUST_CHECK enum status sqlite_meta_get(struct sqlite_db *db, struct str name, struct arena *arena,
                                       struct str *ret, struct error *err);

#endif
