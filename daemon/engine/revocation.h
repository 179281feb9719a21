/**
 * Grants that are to be ended at their provider (RFC 7009, or the profile's own way): a queue in
 * the store, so that a crash loses none, sent in the background and again with back-off for a
 * bounded time. refreshd revokes because a person said so (`disconnect`, `switch`), never because a
 * refresh failed.
 *
 *     why = revocation_append(engine, write, entry, before, now);   // in the write that ends it
 * here … the write is durable … revocation_kick(engine, now);
 *
 * Repeating one is harmless: a server answers an unknown token as it answers a known one (RFC 7009
 * §2.2). The token stays sealed as it was in the connection's record and is erased with its row.
 */
#ifndef ENGINE_REVOCATION_H
#define ENGINE_REVOCATION_H

#include "engine/catalog.h"

enum {
    REVOCATION_WINDOW = 128,        /* read at a time, the earliest due first */
    REVOCATIONS_UNDER_WAY_MAX = 16, /* at a time, over all connectors */
    REVOCATION_BACKOFF_MIN_MS = 1000,
    REVOCATION_BACKOFF_MAX_MS = 3600 * 1000,
    REVOCATION_KEEP_MS = 24 * 3600 * 1000, /* then it is given up */
    REVOCATION_STORE_RETRY_MS = 1000,
};

/**
 * Queue the end of the grant that this record holds.
 *
 * @before  read whole, with its sealed tokens; its generation is the one to be revoked
 * NULL: it is queued with this write. Else nothing is, and this says why, in words for people.
 */
const char *revocation_append(struct engine *engine, struct store_write *write,
                              const struct catalog_entry *entry, const struct connection *before,
                              struct now now);
/** The same question without a write: NULL where it could be queued. */
const char *revocation_why_not(const struct engine *engine, const struct catalog_entry *entry,
                               const struct connection *before);
/** Something was queued, durably: it is sent soon. */
void revocation_kick(struct engine *engine, struct now now);

void revocation_turn(struct engine *engine, struct now now);
int64_t revocation_next_ms(const struct engine *engine);

#endif
