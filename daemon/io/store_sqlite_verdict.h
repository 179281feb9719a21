/**
 * What a failure of SQLite means for a group of requests: did it happen, may it be tried again, can
 * the handle still be trusted? Looks at db->fault and errno; changes nothing.
 */
#ifndef IO_STORE_SQLITE_VERDICT_H
#define IO_STORE_SQLITE_VERDICT_H

#include "io/store_sqlite_db.h"

enum verdict {
    VERDICT_COMMITTED,
    VERDICT_AGAIN_CAREFULLY, /* a write failed with something changed: take savepoints */
    VERDICT_AGAIN,           /* a request was answered alone: go on without it */
    VERDICT_FULL,            /* no room; nothing happened */
    VERDICT_NOT_DONE,        /* nothing happened */
    VERDICT_BROKEN,          /* nothing happened, but the handle is not to be trusted */
    VERDICT_UNCERTAIN,       /* it may have happened, and the handle is not to be trusted */
};

/** What a failure before COMMIT means. */
enum verdict sqlite_verdict_of(struct sqlite_db *db);
/** A failed COMMIT: only where write() itself was refused do we know that it did not happen. */
enum verdict sqlite_verdict_of_commit(struct sqlite_db *db);

/** It did not go, and the database is well: a conflict, a value it does not take, a table that
 * somebody has dropped. */
bool sqlite_fault_is_of_request(int fault);
/** A page that can't be read or makes no sense: the fault of one record, not of the disk. */
bool sqlite_fault_is_of_page(int fault);

#endif
