/**
 * One connection to a Redis: commands out, replies in, in order, never waiting for anybody. Over
 * publish_redis_wire.h; hiredis' asynchronous half is not used, because it resolves names on the
 * calling thread, knows no timeouts and aborts on a reply that nobody asked for.
 *
 *     link = publish_redis_link_new(loop, &target, events);
 *     publish_redis_link_open(link);                 → opened(ctx)  or  lost(ctx, why)
 *     publish_redis_link_send(link, &command, on_reply, call);      → on_reply(call, reply)
 *
 * A peer that stays silent longer than the times below is given up; so is one that says what no
 * Redis says: an answer past the caps, a nested one, one that nobody asked for. No redirection is
 * followed. When a link is lost, every command not yet answered is told so (reply NULL), then
 * lost() is called; never from within open() or send().
 */
#ifndef IO_PUBLISH_REDIS_LINK_H
#define IO_PUBLISH_REDIS_LINK_H

#include "io/loop.h"
#include "io/publish_redis_command.h"

struct redisReply;
struct publish_redis_link;
struct publish_redis_tls;

struct publish_redis_target {
    const char *called; /* for errors; NULL: "Redis" */
    struct str host;    /* name or address; unset: socket_path counts */
    uint16_t port;
    struct str socket_path;
    struct publish_redis_tls *tls; /* borrowed as long as the link lives; NULL: in the clear */
    int64_t connect_timeout_ms;    /* name, connection, TLS and all */
    int64_t command_timeout_ms;    /* without any reply while one is due */
};

struct publish_redis_link_events {
    void *ctx;
    void (*opened)(void *ctx);
    void (*lost)(void *ctx, const struct error *why);
};

/** @reply borrowed for the call; NULL: the link was lost, it may or may not have been carried out
 */
typedef void publish_redis_reply_fn(void *user, const struct redisReply *reply);

/** @target its texts are borrowed as long as the link lives */
struct publish_redis_link *publish_redis_link_new(struct loop *loop,
                                                  const struct publish_redis_target *target,
                                                  struct publish_redis_link_events events);
/** Commands on their way are told so, lost() is not called. Not from within a callback. Takes NULL.
 */
void publish_redis_link_free(struct publish_redis_link *link);

/** Another host from the next open() on. Only when it is closed; host is borrowed as the target is.
 */
void publish_redis_link_set_address(struct publish_redis_link *link, struct str host,
                                    uint16_t port);
/** Only when it is closed. */
void publish_redis_link_open(struct publish_redis_link *link);
/** Only when it is open. */
void publish_redis_link_send(struct publish_redis_link *link,
                             const struct publish_redis_command *command,
                             publish_redis_reply_fn *fn, void *user);
/** Why it was lost, for a publish_redis_reply_fn that got no reply; borrowed. */
const struct error *publish_redis_link_why(const struct publish_redis_link *link);
/** Give it up for a reason of the caller's own; lost() follows on a later round. */
void publish_redis_link_abandon(struct publish_redis_link *link, const struct error *why);

#endif
