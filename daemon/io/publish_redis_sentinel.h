/**
 * Which Redis is the master, as its sentinels have it. All of them are asked at once, and the
 * address that most of them name counts, so that neither a dead sentinel delays the answer nor one
 * that is cut off from the others leads to a master that was replaced: the others outvote it.
 *
 *     sentinels = publish_redis_sentinels_new(&options, on_master, session);
 *     publish_redis_sentinels_ask(sentinels, NULL);      → on_master(session, &master, NULL)
 *                                                      or  on_master(session, NULL, &why)
 *
 * An answer is given as soon as more than half of all sentinels agree, else when each has answered
 * or has been given up. Each time anew by connections of their own: a sentinel is asked seldom, and
 * one that hangs is noticed that way. That the address is a master is for whoever connects there
 * to see: sentinels may be behind (redis.io, "Sentinel client spec").
 */
#ifndef IO_PUBLISH_REDIS_SENTINEL_H
#define IO_PUBLISH_REDIS_SENTINEL_H

#include "common/host.h"
#include "io/publish_redis_link.h"

enum {
    PUBLISH_REDIS_SENTINELS_MAX = 16,
    PUBLISH_REDIS_SENTINEL_TIMEOUT_MS = 1000, /* for connecting, and for an answer */
    PUBLISH_REDIS_HOST_SIZE = HOST_BYTES_MAX + 1,
};

struct publish_redis_sentinel {
    struct str host; /* name or address */
    uint16_t port;
};

struct publish_redis_sentinels_options {
    struct loop *loop;
    const struct publish_redis_sentinel *sentinels; /* 1 to PUBLISH_REDIS_SENTINELS_MAX */
    size_t count;
    struct str master_name;
    struct str username;           /* unset: the default user */
    struct str password_file;      /* unset: none; read each time they are asked */
    struct publish_redis_tls *tls; /* borrowed as the texts are; NULL: in the clear */
    int64_t timeout_ms;
};

struct publish_redis_master {
    char host[PUBLISH_REDIS_HOST_SIZE]; /* name or address, as the sentinels announce it */
    uint16_t port;
};

bool publish_redis_master_eq(const struct publish_redis_master *a,
                             const struct publish_redis_master *b);

/** One of both is NULL. @why names what each sentinel said. Both borrowed for the call. */
typedef void publish_redis_master_fn(void *ctx, const struct publish_redis_master *master,
                                     const struct error *why);

struct publish_redis_sentinels;

/** @options its texts and sentinels are borrowed as long as the result lives */
struct publish_redis_sentinels *
publish_redis_sentinels_new(const struct publish_redis_sentinels_options *options,
                            publish_redis_master_fn *fn, void *ctx);
/** fn is not called. Not from within a callback. Takes NULL. */
void publish_redis_sentinels_free(struct publish_redis_sentinels *sentinels);

/**
 * Ask, unless that is under way. fn is called once, on a later round.
 * @current  who wins where as many name it as name another; NULL: whichever
 */
void publish_redis_sentinels_ask(struct publish_redis_sentinels *sentinels,
                                 const struct publish_redis_master *current);
/** Nobody wants to know any more: fn is not called before the next ask(). */
void publish_redis_sentinels_cancel(struct publish_redis_sentinels *sentinels);

#endif
