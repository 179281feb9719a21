/**
 * What is said on a new connection before any work: who we are, which database, and a proof that
 * the keys under the prefix have the right types and that we may do with them what we must. The
 * proofs write nothing: each is a command that Redis checks for rights, memory and role and then
 * refuses for its arguments, or one whose effect is none.
 *
 *     AUTH · SELECT · CLIENT SETNAME · SCRIPT LOAD · SET … NX XX → "ERR syntax error" · …
 *
 * Two things are left to the script, which does them before it writes anything, or last: it reads
 * the log and the stream (GET, XINFO: their types), and PUBLISH, which can't be tried without a
 * message to subscribers and is reported when it is refused.
 */
#ifndef IO_PUBLISH_REDIS_GREETING_H
#define IO_PUBLISH_REDIS_GREETING_H

#include "common/secret.h"
#include "io/publish_redis_script.h"

enum {
    PUBLISH_REDIS_SHA_HEX = 40,
    PUBLISH_REDIS_GREETING_MAX = 16,
};

struct publish_redis_identity {
    struct str username;           /* unset: the default user */
    const struct secret *password; /* NULL: none */
    int64_t database;
    struct str client_name; /* without blanks */
};

/** One step: what is said and what a good Redis answers to it. */
struct publish_redis_step {
    const char *name; /* for errors: "AUTH" */
    int reply_type;   /* REDIS_REPLY_…; 0: any, an error too */
    const char *text; /* how the reply begins (OK, an error); NULL: any */
    bool is_script;   /* its answer is the script's digest */
    struct publish_redis_command command;
};

struct publish_redis_greeting {
    struct publish_redis_step steps[PUBLISH_REDIS_GREETING_MAX];
    size_t count;
};

/** Borrows from identity and keys as long as the commands are used. */
void publish_redis_greeting_init(struct publish_redis_greeting *greeting,
                                 const struct publish_redis_identity *identity,
                                 const struct publish_redis_keys *keys);
void publish_redis_greeting_deinit(struct publish_redis_greeting *greeting);

struct redisReply;
/** STATUS_UNAVAILABLE and err where the reply is not what the step expects. */
MUST_CHECK enum status publish_redis_step_check(const struct publish_redis_step *step,
                                                const struct redisReply *reply, struct error *err);

#endif
