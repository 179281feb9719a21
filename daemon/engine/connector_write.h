/**
 * One change of a connector's row: a copy to work on, compare-and-set in the store, and the catalog
 * follows once it is committed. One at a time for each connector.
 *
 *     struct connector_write *change = connector_write_begin(engine, entry, now);   // NULL: busy
 *     change->next.disabled = true;
 *     event_append_connector(change->write, EVENT_CONNECTOR_DISABLED, &change->next, -1,
 * now); connector_write_commit(change, on_disabled, op);
 */
#ifndef ENGINE_CONNECTOR_WRITE_H
#define ENGINE_CONNECTOR_WRITE_H

#include "engine/catalog.h"

struct connector_write {
    struct engine *engine;
    struct catalog_entry *entry; /* NULL: a new connector */
    struct store_write *write;   /* further operations of the same transaction go here */
    struct connector next;
    struct credential *credentials; /* newest first; room for one more */
    size_t credential_count;
    bool *credential_changed;             /* which of them are written */
    struct arena arena;                   /* for texts of next */
    bool stamps_rotated, stamps_rescoped; /* the first event of the write is that one */
    bool removes;                         /* unregister */
    void (*done)(struct connector_write *change, enum status status, const struct error *err,
                 struct now now);
    void *user;
    int64_t reload_ms; /* a read of the row that did not work is repeated then */
    struct connector_write *next_reload;
};

enum { CONNECTOR_RELOAD_MS = 250 };

struct connector_write *connector_write_begin(struct engine *engine, struct catalog_entry *entry,
                                              struct now now);
/** Put a credential in front of the others; it is written. */
void connector_write_add_credential(struct connector_write *change,
                                    const struct credential *credential);
/** @done called on a later turn, the catalog being up to date; the change is freed after it. Where
 * the store can't say whether it was done the row is read again first: the status is never
 * STATUS_UNCERTAIN. */
void connector_write_commit(struct connector_write *change,
                            void (*done)(struct connector_write *change, enum status status,
                                         const struct error *err, struct now now),
                            void *user);
/** Repeat the reads whose time has come. */
void connector_write_turn(struct engine *engine, struct now now);
int64_t connector_write_next_ms(const struct engine *engine);
/** Give it up before commit. */
void connector_write_abandon(struct connector_write *change);

#endif
