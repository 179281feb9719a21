/**
 * A host name's addresses without blocking the loop: the system's resolver may take half a minute
 * over a dead name server, so it is asked on a thread of its own. Numeric addresses need none.
 *
 *     lookup = publish_redis_resolve(loop, STR("redis.internal"), on_addresses, link);
 *     …                                          → on_addresses(link, &addresses)
 *     publish_redis_resolve_cancel(lookup);      never asked again; the thread ends by itself
 */
#ifndef IO_PUBLISH_REDIS_RESOLVE_H
#define IO_PUBLISH_REDIS_RESOLVE_H

#include "io/loop.h"

enum { PUBLISH_REDIS_ADDRESSES_MAX = 8, PUBLISH_REDIS_ADDRESS_SIZE = 64 };

struct publish_redis_addresses {
    char text[PUBLISH_REDIS_ADDRESSES_MAX][PUBLISH_REDIS_ADDRESS_SIZE]; /* numeric */
    size_t count;                                                       /* 0: see error */
    struct error error;                                                 /* why there is none */
};

struct publish_redis_lookup;

/** Called on the loop's thread, on a later round, once; the lookup is over then.
 * @addresses borrowed for the call */
typedef void publish_redis_resolve_fn(void *ctx, const struct publish_redis_addresses *addresses);

/** NULL where no thread could be had; else cancel it before the loop is freed, unless it is over.
 */
struct publish_redis_lookup *publish_redis_resolve(struct loop *loop, struct str host,
                                                   publish_redis_resolve_fn *fn, void *ctx);
/** Takes NULL. */
void publish_redis_resolve_cancel(struct publish_redis_lookup *lookup);

/** Is it an IPv4 or IPv6 address as it stands? */
bool publish_redis_address_is_numeric(struct str host);

#endif
