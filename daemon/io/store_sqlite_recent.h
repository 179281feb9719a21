/**
 * The connections that were read last, as far as a refresh does not change them. Who saves one has
 * nearly always read it just before: where only what a refresh changes differs then, the save
 * neither has to look at the row (owner, counts: all as they were) nor to touch indexes but that of
 * the due times. A row is known from its read by id to its next put; all are forgotten when
 * anything is rolled back or a row is deleted. The version is compared in the UPDATE all the same:
 * this only saves work.
 *
 *     sqlite_recent_note(recent, &connection, place, last_event);         // read
 *     const struct recent_row *known = sqlite_recent_find(recent, &next); // to be put
 *     if (known != NULL) …                                                // WHERE place = …
 *
 * Holds no tokens and no prints of tokens.
 */
#ifndef IO_STORE_SQLITE_RECENT_H
#define IO_STORE_SQLITE_RECENT_H

#include "core/connection.h"

/** Rows known at a time (more than a daemon has jobs), and the most bytes of each: a longer one is
 * not kept. */
enum { SQLITE_RECENT_MAX = 2048, SQLITE_RECENT_BYTES_MAX = 1024, SQLITE_HINTS_MAX = 8192 };

struct recent_row {
    uint64_t epoch;       /* of an earlier one: forgotten */
    uint64_t place_epoch; /* the same, but a drop leaves it: nobody moves */
    int64_t version, place, last_event;
    int64_t credential_version; /* which a refresh may change, and by which it is counted */
    size_t len;
    char bytes[SQLITE_RECENT_BYTES_MAX];
};

struct sqlite_recent;

struct sqlite_recent *sqlite_recent_new(void);
void sqlite_recent_free(struct sqlite_recent *recent);

/** A connection as it is stored. */
void sqlite_recent_note(struct sqlite_recent *recent, const struct connection *connection,
                        int64_t place, int64_t last_event);
/** NULL unless a row of this id and version is known and is like it but for what is refreshed.
 * Borrowed until the next call. */
const struct recent_row *sqlite_recent_find(struct sqlite_recent *recent,
                                            const struct connection *connection);
/** Where a row was seen, of which nothing else is known: a hint, to be looked at again. */
void sqlite_recent_hint(struct sqlite_recent *recent, struct str id, int64_t place);
/** 0: no hint. */
int64_t sqlite_recent_hinted(const struct sqlite_recent *recent, struct str id);
/** Where its row is; 0: not known. */
int64_t sqlite_recent_place(const struct sqlite_recent *recent, struct str id);
void sqlite_recent_drop(struct sqlite_recent *recent, struct str id);
void sqlite_recent_clear(struct sqlite_recent *recent);

#endif
