/**
 * Events that hang on their connection's row: the row names its newest (last_event), each event the
 * one before it (previous), and so nothing has to be written for each into an index whose leaves no
 * two connections of a group share. Events with an index entry (event_subject) are all others:
 *
 * - what a stamp names, since it stays when those before it are purged;
 * - what is not appended right behind the put of its connection, in the same write;
 * - those of a connection that is new or not connected: it may be forgotten before they are.
 *
 * One write with several puts has one chain at a time:
 *
 *     put c-1, append (c-1) → hangs, put c-2, append (c-2) → hangs, append (c-1) → index
 */
#ifndef IO_STORE_SQLITE_CHAIN_H
#define IO_STORE_SQLITE_CHAIN_H

#include "io/store_sqlite_db.h"
#include "port/store.h"

/** The connection that was put last in a write, while events hang on it. Begins as {0}. */
struct sqlite_chain {
    struct str connection; /* borrowed from the write; STR_NONE: nothing hangs on it */
    int64_t newest;        /* event that hangs on it; 0: none */
};

/** Carry out ops[at] of a write, a STORE_OP_PUT_CONNECTION; as sqlite_connection_put(). */
MUST_CHECK enum status sqlite_chain_put(struct sqlite_db *db, struct store_write *write, size_t at,
                                        struct sqlite_chain *chain);
/** Carry out ops[at], a STORE_OP_APPEND_EVENT; sets first_event_seq where it is the first. */
MUST_CHECK enum status sqlite_chain_append(struct sqlite_db *db, struct store_write *write,
                                           size_t at, struct sqlite_chain *chain);

#endif
