/**
 * The bytes of one connection to a Redis: formatted commands out, replies taken apart, in the clear
 * or by TLS, never waiting. hiredis connects, formats and reads; TLS is ours
 * (publish_redis_tls_stream.h), since Debian 12's hiredis has none. Whose turn it is, who is told
 * and how long anything may take is the link's.
 *
 *     status = publish_redis_wire_open_tcp("10.0.0.5", 6379, &wire, &err);
 *     … writable …  publish_redis_wire_finish_connecting(wire, &err);
 *     … TLS …       publish_redis_wire_shake_hands(wire, tls, host, &is_done, &err);
 *     … readable …  publish_redis_wire_receive(wire, &err);
 *                   while (publish_redis_wire_next(wire, &reply, &err) == STATUS_OK && reply) …
 *
 * After each step publish_redis_wire_wants() says what to wait for. Every failure is
 * STATUS_UNAVAILABLE with a text without the peer's name, and only publish_redis_wire_free() may
 * follow.
 */
#ifndef IO_PUBLISH_REDIS_WIRE_H
#define IO_PUBLISH_REDIS_WIRE_H

#include "io/publish_redis_command.h"
#include "io/publish_redis_tls.h"

struct redisReply;
struct publish_redis_wire;

enum {
    PUBLISH_REDIS_REPLY_BYTES_MAX = 64 * 1024,
    PUBLISH_REDIS_REPLY_ELEMENTS_MAX = 16,
    PUBLISH_REDIS_UNSENT_BYTES_MAX = 64 * 1024 * 1024,
};

/* @out must point to NULL; owned by the caller on STATUS_OK. The connection is on its way: writable
 * when it stands or has failed. */

/** @address numeric */
MUST_CHECK enum status publish_redis_wire_open_tcp(const char *address, uint16_t port,
                                                   struct publish_redis_wire **out,
                                                   struct error *err);
MUST_CHECK enum status
publish_redis_wire_open_unix(struct str path, struct publish_redis_wire **out, struct error *err);
/** Says goodbye where TLS has one. Takes NULL. */
void publish_redis_wire_free(struct publish_redis_wire *wire);

int publish_redis_wire_fd(const struct publish_redis_wire *wire);
/** What to watch for: LOOP_READ, LOOP_WRITE or both. */
unsigned publish_redis_wire_wants(const struct publish_redis_wire *wire);

/** Once it is writable. */
MUST_CHECK enum status publish_redis_wire_finish_connecting(struct publish_redis_wire *wire,
                                                            struct error *err);
/**
 * A step of TLS' handshake; again when the socket is ready, until *ret_is_done. Nothing else may be
 * done in between. The first step reads the files that tls names.
 * @tls  borrowed as long as the wire lives
 */
MUST_CHECK enum status publish_redis_wire_shake_hands(struct publish_redis_wire *wire,
                                                      struct publish_redis_tls *tls,
                                                      struct str host, bool *ret_is_done,
                                                      struct error *err);

/** Queue a command; false past PUBLISH_REDIS_UNSENT_BYTES_MAX. */
MUST_CHECK bool publish_redis_wire_append(struct publish_redis_wire *wire,
                                          const struct publish_redis_command *command);
/** Send what the socket takes. */
MUST_CHECK enum status publish_redis_wire_flush(struct publish_redis_wire *wire, struct error *err);
/** Read what there is, one buffer at most. */
MUST_CHECK enum status publish_redis_wire_receive(struct publish_redis_wire *wire,
                                                  struct error *err);
/**
 * The next whole reply of what was received.
 * @ret  the caller's, for freeReplyObject(); NULL: there is none yet
 */
MUST_CHECK enum status publish_redis_wire_next(struct publish_redis_wire *wire,
                                               struct redisReply **ret, struct error *err);

#endif
