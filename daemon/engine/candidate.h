/**
 * Whom to ask about a client's credentials: a connection of that client whose refresh would tell
 * something. They are looked for along the due index, a page at a time; that index also holds
 * connections that can't be refreshed and dead ones that are tried daily, so each record is looked
 * at.
 *
 *     page = candidate_read_page(entry, NULL)               → due rows
 *     records = candidate_read_records(page)                → their records
 *     candidate_rate(entry, &records->connections[i], now)  → will it do?
 *     page = candidate_read_page(entry, records)            → the next ones
 *
 * Each read is the caller's: to be submitted, and freed.
 */
#ifndef ENGINE_CANDIDATE_H
#define ENGINE_CANDIDATE_H

#include "engine/catalog.h"

enum { CANDIDATE_PAGE = 64 };

/** How much a connection's refresh would tell about the current client; the best comes last. */
enum candidate_rating {
    CANDIDATE_NONE,    /* dead, or nothing to present */
    CANDIDATE_FOREIGN, /* its refresh token belongs to a client id that was replaced */
    CANDIDATE_BUSY,    /* an attempt is open, or an answer of its own was lost: not now */
    CANDIDATE_DOUBTED, /* it was refused without a verdict: its own affair, perhaps */
    CANDIDATE_GOOD,
};

enum candidate_rating candidate_rate(const struct catalog_entry *entry,
                                     const struct connection *connection, struct now now);

/** @last the records before; NULL: from the beginning */
struct store_read *candidate_read_page(const struct catalog_entry *entry,
                                       const struct store_read *last);
/** NULL: the page is empty, all have been looked at. */
struct store_read *candidate_read_records(const struct store_read *page);

#endif
