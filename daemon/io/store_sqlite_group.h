/**
 * One group: what waited together, carried out in order inside one transaction. Each write is
 * atomic by itself, each read sees the writes before it, and nothing is answered before the fsync.
 *
 *     sqlite_group_run(engine, requests, count);     // fills every status
 *
 * The first try takes no savepoints, since hardly any write fails after it has changed something.
 * One that does is found out, everything is rolled back, and the group is run again with a
 * savepoint around each write. A request that hits an unreadable page is answered alone and left
 * out of the next try. A failed commit is answered UNAVAILABLE where it surely did not happen, else
 * UNCERTAIN, and then the handle is never used again.
 */
#ifndef IO_STORE_SQLITE_GROUP_H
#define IO_STORE_SQLITE_GROUP_H

#include "io/store_sqlite_engine.h"

enum { SQLITE_GROUP_MAX = 1024 };

/** One of the two. */
struct sqlite_request {
    struct store_write *write;
    struct store_read *read;
    bool is_answered; /* alone, with an error of its own: not part of the group any more */
};

void sqlite_group_run(struct sqlite_engine *engine, struct sqlite_request *requests, size_t count);

#endif
