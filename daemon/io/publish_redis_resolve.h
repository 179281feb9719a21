/**
 * A host name's addresses without blocking the loop: the system's resolver may take half a minute
 * over a dead name server, so it is asked on a thread of its own. Numeric addresses need none.
 *
 *     resolver = publish_redis_resolver_new(loop);
 *     lookup = publish_redis_resolve(resolver, STR("redis.internal"), on_addresses, link, &err);
 *     …                                          → on_addresses(link, &addresses)
 *     publish_redis_resolve_cancel(lookup);      never asked again; the thread ends by itself
 *
 * A look-up that was given up keeps its thread until the system's resolver does too, so a resolver
 * that answers nobody would gather them: PUBLISH_REDIS_LOOKUPS_MAX is all that one of ours has.
 */
#ifndef IO_PUBLISH_REDIS_RESOLVE_H
#define IO_PUBLISH_REDIS_RESOLVE_H

#include "io/loop.h"

enum {
    PUBLISH_REDIS_ADDRESSES_MAX = 8,
    PUBLISH_REDIS_ADDRESS_SIZE = 64,
    PUBLISH_REDIS_LOOKUPS_MAX = 4, /* threads of one resolver: of one link, that is */
};

struct publish_redis_addresses {
    char text[PUBLISH_REDIS_ADDRESSES_MAX][PUBLISH_REDIS_ADDRESS_SIZE]; /* numeric */
    size_t count;                                                       /* 0: see error */
    struct error error;                                                 /* why there is none */
};

struct publish_redis_resolver;
struct publish_redis_lookup;

/** @loop  borrowed until the last look-up is over or cancelled */
struct publish_redis_resolver *publish_redis_resolver_new(struct loop *loop);
/** Takes NULL. Look-ups are cancelled before. */
void publish_redis_resolver_free(struct publish_redis_resolver *resolver);

/** Called on the loop's thread, on a later round, once; the lookup is over then.
 * @addresses borrowed for the call */
typedef void publish_redis_resolve_fn(void *ctx, const struct publish_redis_addresses *addresses);

/**
 * NULL where no thread could be had, and err says why (STATUS_UNAVAILABLE); else cancel it before
 * the loop is freed, unless it is over.
 */
struct publish_redis_lookup *publish_redis_resolve(struct publish_redis_resolver *resolver,
                                                   struct str host, publish_redis_resolve_fn *fn,
                                                   void *ctx, struct error *err);
/** Takes NULL. */
void publish_redis_resolve_cancel(struct publish_redis_lookup *lookup);

/** Is it an IPv4 or IPv6 address as it stands? */
bool publish_redis_address_is_numeric(struct str host);

#endif
