/**
 * The schema and how it came about: a list of migrations, each taking the store from version n-1 to
 * n (PRAGMA user_version). All that are missing run in one transaction, after a backup copy.
 *
 *     status = sqlite_schema_migrate(db, sqlite_migrations, SQLITE_SCHEMA_VERSION, backup, err);
 */
#ifndef IO_STORE_SQLITE_SCHEMA_H
#define IO_STORE_SQLITE_SCHEMA_H

#include "io/store_sqlite_db.h"

enum { SQLITE_SCHEMA_VERSION = 3 };

/** Statements of version i + 1, up to NULL. */
extern const char *const *const sqlite_migrations[SQLITE_SCHEMA_VERSION];

enum sqlite_kind {
    SQLITE_KIND_EMPTY,   /* nothing in it: to be made */
    SQLITE_KIND_OURS,    /* of a version that we know */
    SQLITE_KIND_NEWER,   /* of a later refreshd */
    SQLITE_KIND_FOREIGN, /* somebody else's database */
};

/** What is in the file? STATUS_INVALID: damaged or no database. */
MUST_CHECK enum status sqlite_schema_look(struct sqlite_db *db, int known_version,
                                          enum sqlite_kind *ret_kind, int *ret_version,
                                          struct error *err);
/** Set page size and log mode of an empty file, in the only order that survives a power cut. */
MUST_CHECK enum status sqlite_schema_prepare(struct sqlite_db *db, struct error *err);
/** Run the migrations after `from` up to `count`; opens a transaction and leaves it open, so that
 * what belongs to a new store can join it. */
MUST_CHECK enum status sqlite_schema_migrate(struct sqlite_db *db,
                                             const char *const *const *migrations, int from,
                                             int count, struct error *err);
/** Copy the database to a new file of mode 0600 and sync it. */
MUST_CHECK enum status sqlite_schema_backup(struct sqlite_db *db, const char *to,
                                            struct error *err);
/** Structure of every page and index; reads the whole file. STATUS_INVALID: damaged. */
MUST_CHECK enum status sqlite_schema_verify(struct sqlite_db *db, struct error *err);

#endif
