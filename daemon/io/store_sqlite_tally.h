/**
 * How many connections are alike, by which they are counted (struct count_row). What the writes of
 * one group change is added up in memory and written once, before COMMIT and before anything reads
 * the counts: a group of refreshes then touches a row or two, not two rows each.
 *
 *     status = sqlite_tally_add(db, &tally, -1, err);     // in a transaction
 *     …
 *     status = sqlite_tally_keep(db, err);                // before COMMIT at the latest
 */
#ifndef IO_STORE_SQLITE_TALLY_H
#define IO_STORE_SQLITE_TALLY_H

#include "core/connection.h"
#include "io/store_sqlite_db.h"

/** Kinds of which changes are kept at a time (more are written at once), and the longest connector
 * of one that is. */
enum { SQLITE_TALLY_MAX = 32, SQLITE_TALLY_CONNECTOR_MAX = 128 };

struct tally {
    struct str connector;
    int64_t phase, dead_reason, advisory_reason, retrying, credential_version;
};

struct tally sqlite_tally_of(const struct connection *connection);

struct sqlite_tallies;

struct sqlite_tallies *sqlite_tallies_new(void);
void sqlite_tallies_free(struct sqlite_tallies *tallies);

/** So many more (negative: fewer) are like this. */
MUST_CHECK enum status sqlite_tally_add(struct sqlite_db *db, const struct tally *tally,
                                        int64_t count, struct error *err);
/** One is like `to` that was like `from`. */
MUST_CHECK enum status sqlite_tally_move(struct sqlite_db *db, const struct tally *from,
                                         const struct tally *to, struct error *err);
/** Write what has been added up. Nothing is left; where that failed, the transaction must be rolled
 * back. */
MUST_CHECK enum status sqlite_tally_keep(struct sqlite_db *db, struct error *err);
/** A transaction begins, or was rolled back. at_once: nothing is added up, so that each write has
 * its own failures and can be taken back alone. */
void sqlite_tally_begin(struct sqlite_db *db, bool at_once);
/** Grows with each change, and with what is written of them: has anything happened since? */
uint64_t sqlite_tally_changes(const struct sqlite_db *db);

#endif
