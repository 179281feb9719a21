/**
 * Where a browser comes back to after an authorization (RFC 8252 §7.3): a listener on 127.0.0.1
 * that answers one path, and waits for the one request that carries the expected `state`. Whatever
 * else comes (a favicon, an opened and silent connection, somebody's guess) is turned away and does
 * not hold it up.
 *
 *     CLEANUP(loopback_freep) struct loopback *loopback = NULL;
 *     status = loopback_open(0, &loopback, &err);
 *     … http://127.0.0.1:<loopback_port()>/callback is the redirect URI …
 *     end = loopback_wait(loopback, state, 300000, &query);
 *     loopback_answer(loopback, true);          // a page for the person who waits in the browser
 *
 * From opening to freeing, interrupts end the wait instead of the process.
 */
#ifndef CTL_LOOPBACK_H
#define CTL_LOOPBACK_H

#include "common/buf.h"

#define LOOPBACK_PATH "/callback"

enum {
    LOOPBACK_REQUEST_MAX = 32 * 1024, /* bytes of a request's head */
    LOOPBACK_BROWSERS_MAX = 16,       /* connections at a time; the oldest makes way */
};

enum loopback_end {
    LOOPBACK_CAME,
    LOOPBACK_TIMEOUT,
    LOOPBACK_INTERRUPTED, /* SIGINT, SIGTERM, SIGHUP */
    LOOPBACK_FAILED,
};

struct loopback;

/** @port  0: any free one. STATUS_UNAVAILABLE: it can't be listened on; err says why. */
MUST_CHECK enum status loopback_open(uint16_t port, struct loopback **out, struct error *err);
/** Takes NULL. A signal that came meanwhile is delivered now. */
void loopback_free(struct loopback *loopback);
void loopback_freep(struct loopback **loopback);
uint16_t loopback_port(const struct loopback *loopback);

/** Blocks. @ret_query  what stands behind the question mark; the browser waits for the answer */
enum loopback_end loopback_wait(struct loopback *loopback, struct str state, int64_t timeout_ms,
                                struct buf *ret_query);
/** Tell the browser that waits: it went well, or nothing was changed. */
void loopback_answer(struct loopback *loopback, bool is_good);

/** A parameter of a query, decoded; STR_NONE where it is missing or broken. */
struct str loopback_param(struct str query, const char *name, struct buf *out);

#endif
