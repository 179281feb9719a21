/**
 * The store over SQLite: one file, one process, one thread. The thread takes all requests that
 * wait and carries them out in their order inside one transaction, so that the fsync is shared by
 * all of them; completions come back through the inbox once it is durable. Why the schema is as it
 * is: docs/store.md.
 *
 *     struct store_sqlite_options options = {.path = "/var/lib/refreshd/refreshd.db",
 *                                            .inbox = inbox, .source = STR("refreshd/host-1")};
 *     if (store_sqlite_open(&options, &port, &store, &err, &exit_status) != STATUS_OK)
 *         return exit_status;                            // err.text says what to do next
 *     …
 *     store_sqlite_close(store);                         // what waits is still carried out
 *
 * Files beside PATH: PATH-wal and PATH-shm (SQLite's), PATH.lock (who has it), PATH.marker (a store
 * was here: an empty one is never made over a lost one), PATH.ballast (given up when the disk is
 * full), PATH.v<n>.backup (before a migration).
 */
#ifndef IO_STORE_SQLITE_H
#define IO_STORE_SQLITE_H

#include "common/buf.h"
#include "port/store.h"

struct store_sqlite;

enum { STORE_SQLITE_BALLAST_BYTES = 4 * 1024 * 1024 };

/** The master key, as far as the store has to know it: is it the one this store was made with? */
struct store_sqlite_key {
    void *ctx;
    /* A value for a new store; log_id is the store's identity. */
    void (*make)(void *ctx, struct str log_id, struct buf *ret_check);
    /* STATUS_OK, or STATUS_INVALID: another key. Asked before anything is written. */
    enum status (*check)(void *ctx, struct str log_id, struct str check);
};

struct store_sqlite_options {
    const char *path;                   /* of the database */
    struct inbox *inbox;                /* where completions go; outlives the store */
    struct str source;                  /* kept in a new store: "refreshd/<name>" */
    const struct store_sqlite_key *key; /* NULL: not checked (tests) */
    size_t ballast_bytes;               /* 0: none; else STORE_SQLITE_BALLAST_BYTES */
    size_t cache_bytes;                 /* SQLite's page cache; 0: 32 MiB */
    int64_t (*monotonic_us)(void);      /* for commit_us_total; NULL: not measured; any thread */
    bool must_exist;                    /* do not make a new one: STATUS_NOT_FOUND, 65 */
    bool check_all;                     /* read every page (--check): slow on a large store */
};

/**
 * Open or make the store and start its thread. Blocks on the disk. All pointers of options are
 * borrowed until it returns, but inbox and monotonic_us.
 *
 * On failure ret_exit_status says how the process ends (docs/operations.md): 65 not a store,
 * damaged, lost, or of a newer schema; 73 no directory; 74 input or output; 75 another daemon has
 * it; 77 wrong key, or modes that let others in.
 */
MUST_CHECK enum status store_sqlite_open(const struct store_sqlite_options *options,
                                         struct store_port *ret_port, struct store_sqlite **out,
                                         struct error *err, int *ret_exit_status);
/** Carries out what waits, then stops the thread: completions may be in the inbox after it. Takes
 * NULL. */
void store_sqlite_close(struct store_sqlite *store);

#endif
