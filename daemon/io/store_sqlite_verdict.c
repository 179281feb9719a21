#include "io/store_sqlite_verdict.h"

#include <errno.h>

static bool is_io_error(int fault)
{
    return (fault & 0xff) == SQLITE_IOERR;
}

bool sqlite_fault_is_of_page(int fault)
{
    return fault == SQLITE_IOERR_READ || fault == SQLITE_IOERR_SHORT_READ ||
           fault == SQLITE_IOERR_CORRUPTFS || (fault & 0xff) == SQLITE_CORRUPT;
}

/** No room, in any of the ways a file system says so to write(): then the frame that commits is
 * surely not there. From fsync() the same errors mean nothing of the kind. */
static bool is_full(struct sqlite_db *db)
{
    if ((db->fault & 0xff) == SQLITE_FULL)
        return true;
    int failure = db->fault == SQLITE_IOERR_WRITE ? sqlite_db_errno(db) : 0;
    return failure == ENOSPC || failure == EDQUOT || failure == EFBIG;
}

static bool is_read_only(struct sqlite_db *db)
{
    return (db->fault & 0xff) == SQLITE_READONLY ||
           (db->fault == SQLITE_IOERR_WRITE && sqlite_db_errno(db) == EROFS);
}

enum verdict sqlite_verdict_of(struct sqlite_db *db)
{
    if (is_full(db))
        return VERDICT_FULL;
    if (is_io_error(db->fault) && !is_read_only(db))
        return VERDICT_BROKEN;
    return VERDICT_NOT_DONE;
}

enum verdict sqlite_verdict_of_commit(struct sqlite_db *db)
{
    if (is_full(db))
        return VERDICT_FULL;
    bool did_not_begin = is_read_only(db) || (db->fault & 0xff) == SQLITE_BUSY;
    return did_not_begin ? VERDICT_NOT_DONE : VERDICT_UNCERTAIN;
}

bool sqlite_fault_is_of_request(int fault)
{
    int kind = fault & 0xff;
    return fault == SQLITE_OK || kind == SQLITE_CONSTRAINT || kind == SQLITE_TOOBIG ||
           kind == SQLITE_MISMATCH || kind == SQLITE_ERROR;
}
