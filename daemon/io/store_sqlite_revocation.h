/** Grants that wait to be revoked at their provider. */
#ifndef IO_STORE_SQLITE_REVOCATION_H
#define IO_STORE_SQLITE_REVOCATION_H

#include "io/store_sqlite_db.h"
#include "port/store.h"

MUST_CHECK enum status
sqlite_revocation_put(struct sqlite_db *db, const struct revocation *revocation, struct error *err);
MUST_CHECK enum status sqlite_revocation_drop(struct sqlite_db *db, struct str connection,
                                              int64_t generation, struct error *err);
/** STORE_READ_REVOCATIONS. */
MUST_CHECK enum status sqlite_revocations_read(struct sqlite_db *db, struct store_read *read);

#endif
