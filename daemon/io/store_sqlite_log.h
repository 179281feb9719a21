/**
 * The event log: numbers without gaps that are never used again, not even after a purge, since the
 * last one is kept apart from the rows. The log up to `purged` is gone but for the events that a
 * connection in needs_reconnect still points to.
 */
#ifndef IO_STORE_SQLITE_LOG_H
#define IO_STORE_SQLITE_LOG_H

#include "io/store_sqlite_db.h"
#include "port/store.h"

/**
 * Numbers are given from memory inside a transaction. sqlite_log_begin() forgets what is known of
 * an earlier one, and sqlite_log_keep() writes the last number given, before COMMIT at the latest.
 */
void sqlite_log_begin(struct sqlite_db *db);
MUST_CHECK enum status sqlite_log_keep(struct sqlite_db *db, struct error *err);
/** The last number given, in this transaction or before. */
MUST_CHECK enum status sqlite_log_last(struct sqlite_db *db, int64_t *ret_last, struct error *err);
/**
 * previous: the event hangs on its connection's row, behind this one (0: it is the first); the
 * row's last_event has to become the event's number. Negative: it stands in the index of subjects.
 */
MUST_CHECK enum status sqlite_log_append(struct sqlite_db *db, const struct event_draft *event,
                                         int64_t previous, int64_t *ret_seq, struct error *err);
/** Write the number into its subject's column. */
MUST_CHECK enum status sqlite_log_stamp(struct sqlite_db *db, enum event_stamp stamp,
                                        struct str subject, int64_t seq, struct error *err);
MUST_CHECK enum status sqlite_log_set_published(struct sqlite_db *db, int64_t seq,
                                                struct error *err);
/** store_write_restart_log(): CONFLICT where `first` is published or past the next number. */
MUST_CHECK enum status sqlite_log_restart(struct sqlite_db *db, int64_t first, int64_t new_first,
                                          const struct event_draft *event, struct error *err);
MUST_CHECK enum status sqlite_log_purge(struct sqlite_db *db, int64_t before_wall_ms,
                                        struct error *err);
/** Only the numbers of the bounds. */
MUST_CHECK enum status sqlite_log_edges(struct sqlite_db *db, struct event_bounds *ret,
                                        struct error *err);
MUST_CHECK enum status sqlite_log_bounds(struct sqlite_db *db, struct event_bounds *ret,
                                         struct error *err);

#endif
