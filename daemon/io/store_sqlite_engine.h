/**
 * What the store's thread works with: the files, the handle, and how well they are. Opening and
 * reopening are here; one group of requests is store_sqlite_group.h's.
 */
#ifndef IO_STORE_SQLITE_ENGINE_H
#define IO_STORE_SQLITE_ENGINE_H

#include "io/store_sqlite.h"
#include "io/store_sqlite_db.h"
#include "io/store_sqlite_file.h"

struct sqlite_engine {
    struct sqlite_file file;
    struct sqlite_db db; /* handle NULL: it failed, and is opened anew for the next group */
    size_t cache_bytes;
    int64_t (*monotonic_us)(void); /* or NULL */

    bool is_full;             /* the disk was: no refresh is begun until there is ballast again */
    int64_t ballast_tried_ms; /* timeline of the last write when it was last tried */
    bool writable;            /* the last commit worked */
    struct error last_error;  /* STATUS_OK: none */
    uint64_t commits, writes, reads, commit_us_total;
};

/** As store_sqlite_open(), without the thread. On failure there is nothing to close. */
MUST_CHECK enum status sqlite_engine_open(struct sqlite_engine *engine,
                                          const struct store_sqlite_options *options,
                                          struct error *err, int *ret_exit_status);
void sqlite_engine_close(struct sqlite_engine *engine);

/**
 * A new handle after one that can't be trusted. What is read through it afterwards is durable
 * (sqlite_db_settle), so that the answer to "did it happen?" can be acted on.
 */
MUST_CHECK enum status sqlite_engine_reopen(struct sqlite_engine *engine, struct error *err);

/** Between groups: move the log into the database where it has grown long. @idle: nothing waits,
 * and nothing is about to come as after a group of a load. */
void sqlite_engine_checkpoint(struct sqlite_engine *engine, bool idle);
bool sqlite_engine_wants_checkpoint(const struct sqlite_engine *engine, bool idle);

#endif
