/**
 * The one script that writes events, how it is called and what its answer says. No I/O here.
 *
 * Redis scripts are no transactions: one that fails half-way leaves what it did. So everything is
 * read and checked first, and then written in an order of which every prefix is right:
 *
 *     1. SET {prefix}log         only where our log takes over: "ours, up to expected_last"
 *     2. HSET/HDEL the hash      idempotent, so a batch that comes again does no harm
 *     3. XADD                    what the stream has generated already is left out
 *     4. SET {prefix}log         "ours, up to the batch's last"
 *     5. PUBLISH                 past any repetition, hence at most once an event
 *
 * A batch is taken where {prefix}log says expected_last and the stream stands between that and the
 * batch's last (more than expected_last: an earlier run stopped in step 3), or where the stream
 * stands at expected_last exactly and {prefix}log is missing, is ours with another number, or the
 * batch begins with log.restarted, which is how a log takes over from another. All else is a
 * conflict and writes nothing. A sequence number in the stream therefore always has its hash change
 * behind it, and {prefix}log is never ahead of the stream unless somebody deleted the stream.
 *
 *     publish_redis_script_call(&call, sha, keys, request);   → EVALSHA …
 *     publish_redis_script_answer(reply, request);            → request->status, remote_*
 */
#ifndef IO_PUBLISH_REDIS_SCRIPT_H
#define IO_PUBLISH_REDIS_SCRIPT_H

#include "common/arena.h"
#include "io/publish_redis_command.h"
#include "port/publisher.h"

struct redisReply;

/** The Lua source, for SCRIPT LOAD. */
extern const char publish_redis_script_lua[];

/** All names under the prefix. */
struct publish_redis_keys {
    struct str events;   /* stream */
    struct str hash;     /* needs_reconnect */
    struct str hash_new; /* the hash while it is rebuilt */
    struct str log;      /* "log_id last" */
    struct str channel;  /* what stands before a type */
    int64_t stream_maxlen;
};
void publish_redis_keys_init(struct publish_redis_keys *keys, struct arena *arena,
                             struct str prefix, int64_t stream_maxlen);

/**
 * EVALSHA for a PROBE, EVENTS or HISTORY. Sequences rise and lie above expected_last.
 * @call  empty; borrows from request and keys
 */
void publish_redis_script_call(struct publish_redis_command *call, struct str sha,
                               const struct publish_redis_keys *keys,
                               const struct publish_request *request);

/**
 * Read the script's answer, which is anything that the peer chose to send: fills status, error and
 * remote_* and hash_exists. An error reply is the caller's (publish_redis_error.h).
 * @ret_refused  why PUBLISH was refused though all else was done; STR_NONE else; borrows from reply
 */
void publish_redis_script_answer(const struct redisReply *reply, struct publish_request *request,
                                 struct str *ret_refused);

#endif
