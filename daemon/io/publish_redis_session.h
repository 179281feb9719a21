/**
 * A connection that is ready for work, when there is any: connects on demand, greets (see
 * publish_redis_greeting.h), and after a failure waits before it tries again.
 *
 *     IDLE → want() → OPENING → GREETING → READY → (lost) → WAITING → IDLE or, wanted, OPENING
 *
 * Where sentinels know the master, they are asked before each opening (ASKING → OPENING), and again
 * every PUBLISH_REDIS_LOOK_MS while it is ready: a master that was replaced may live on, and take
 * what is then lost, until somebody tells it.
 *
 *     session = publish_redis_session_new(&options, &keys, events);
 *     publish_redis_session_want(session);        → ready(ctx)  or  lost(ctx, why), a while later
 *     publish_redis_session_send(session, &command, on_reply, call);
 */
#ifndef IO_PUBLISH_REDIS_SESSION_H
#define IO_PUBLISH_REDIS_SESSION_H

#include "io/publish_redis.h"
#include "io/publish_redis_link.h"
#include "io/publish_redis_script.h"
#include "io/publish_redis_sentinel.h"

struct publish_redis_session;

enum { PUBLISH_REDIS_PEER_SIZE = PUBLISH_REDIS_HOST_SIZE + 6 };

struct publish_redis_session_events {
    void *ctx;
    void (*ready)(void *ctx);
    /** A try failed or the connection was lost; commands on their way have been told before. */
    void (*lost)(void *ctx, const struct error *why);
    /** What the sentinels say while all else works: the reason they name no master; NULL: they do.
     */
    void (*looked)(void *ctx, const struct error *why);
    /** Asked when the time to wait is over. */
    bool (*is_wanted)(void *ctx);
};

/** @options, @keys borrowed as long as the session lives; no field of options is 0 for "default" */
struct publish_redis_session *publish_redis_session_new(const struct publish_redis_options *options,
                                                        const struct publish_redis_keys *keys,
                                                        struct publish_redis_session_events events);
/** Commands on their way are told. Takes NULL. */
void publish_redis_session_free(struct publish_redis_session *session);

/** There is work: connect, unless that is under way or has to wait. */
void publish_redis_session_want(struct publish_redis_session *session);
bool publish_redis_session_is_ready(const struct publish_redis_session *session);
/** Only when it is ready. */
void publish_redis_session_send(struct publish_redis_session *session,
                                const struct publish_redis_command *command,
                                publish_redis_reply_fn *fn, void *user);
/** Give the connection up; lost() follows. */
void publish_redis_session_abandon(struct publish_redis_session *session, const struct error *why);
/** Why it was lost, for a publish_redis_reply_fn that got no reply; borrowed. */
const struct error *publish_redis_session_why(const struct publish_redis_session *session);
/** The script's digest, since it is ready. */
struct str publish_redis_session_sha(const struct publish_redis_session *session);
/** Whom it is connected to, "host:port" or a path, since it is ready; borrowed. */
const char *publish_redis_session_peer(const struct publish_redis_session *session);
/** How often it has been ready. */
uint64_t publish_redis_session_connections(const struct publish_redis_session *session);

#endif
