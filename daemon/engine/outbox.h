/**
 * The log's way to Redis. The log in the store is the truth; this keeps Redis its projection: asks
 * where the stream stands, rebuilds the hash, refills what it has lost, sends what is new, in
 * order.
 *
 *     unknown → probe → (rebuild hash → refill) → send new events … → anything odd → unknown
 *
 * outbox.c says what is next; outbox_stand.h finds out where Redis stands, outbox_send.h sends the
 * log in batches, several of them under way at a time, outbox_hash.h makes the hash anew.
 *
 * Redis down, slow, full or emptied delays events and nothing else. What is in memory is what is
 * under way: a backlog waits in the log, however long it is.
 */
#ifndef ENGINE_OUTBOX_H
#define ENGINE_OUTBOX_H

#include "engine/state.h"

enum {
    OUTBOX_BATCH = 256,               /* events in one */
    OUTBOX_BATCH_BYTES = 256 * 1024,  /* of their data, beyond which none more is taken */
    OUTBOX_BATCHES_UNDER_WAY_MAX = 4, /* sent and not yet answered */
    OUTBOX_RETRY_MIN_MS = 100,
    OUTBOX_RETRY_MAX_MS = 5000,
    OUTBOX_HEARTBEAT_MS = 5000, /* an emptied Redis is noticed though nothing happens */
    OUTBOX_PROBE_MS = 10000,    /* and though too much happens: the hash may be gone alone */
    /* Single fields of the hash may have gone or come by other hands, which nothing tells: it is
     * made anew so often, but never more than a hundredth of the time. */
    OUTBOX_HASH_ANEW_MS = 5 * 60 * 1000,
    OUTBOX_HASH_REST = 100, /* times what it took */
    /* So long Redis is waited for when all else has ended; the rest stays in the log. */
    OUTBOX_DRAIN_MS = 2000,
};

struct outbox *outbox_new(struct engine *engine);
void outbox_free(struct outbox *outbox);
/** There may be new events. */
void outbox_kick(struct engine *engine, struct now now);
void outbox_turn(struct engine *engine, struct now now);
int64_t outbox_next_ms(const struct engine *engine);
/** Is a request or a read under way? */
bool outbox_is_busy(const struct engine *engine);

/** For status and metrics. */
struct outbox_lag {
    int64_t events; /* written and not yet in Redis */
    int64_t ms;     /* age of the oldest of them */
    int64_t newest, published;
};

#endif
