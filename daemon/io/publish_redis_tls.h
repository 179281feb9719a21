/**
 * Whom a Redis over TLS must be vouched for by, and who we are: what all its connections share.
 * The files are looked at for each connection and taken apart only when they have changed, so that
 * a renewed certificate needs no restart and a large file is not parsed again and again.
 *
 *     struct publish_redis_tls *tls = publish_redis_tls_new(&(struct publish_redis_tls_options){
 *         .ca_file = STR("/etc/refreshd/redis-ca.pem")});
 *     status = publish_redis_tls_stream_new(tls, fd, STR("redis.internal"), &stream, &err);
 *
 * TLS 1.2 or later (RFC 8996), the peer always verified: there is no switch for less.
 */
#ifndef IO_PUBLISH_REDIS_TLS_H
#define IO_PUBLISH_REDIS_TLS_H

#include "common/error.h"
#include "common/str.h"

struct ssl_ctx_st;
struct publish_redis_tls;

struct publish_redis_tls_options {
    struct str ca_file; /* PEM, trusted instead of the system's; unset: the system's */
    struct str certificate_file, key_file; /* PEM, ours; both or none */
    const char *private_directory;         /* as in io/files.h; NULL: none */
};

enum { PUBLISH_REDIS_TLS_FILE_MAX = 1024 * 1024 };

/** @options its texts are copied. Reads nothing yet. */
struct publish_redis_tls *publish_redis_tls_new(const struct publish_redis_tls_options *options);
/** Streams that were made from it may outlive it. Takes NULL. */
void publish_redis_tls_free(struct publish_redis_tls *tls);

/**
 * What the files say now. Reads small local files: blocks as long as that takes.
 *
 * @ret  on STATUS_OK borrowed, good until the next call
 * STATUS_UNAVAILABLE: a file is missing, loose, no PEM, or key and certificate don't fit; err names
 * the configuration's key and the path. The next call looks again.
 */
MUST_CHECK enum status publish_redis_tls_load(struct publish_redis_tls *tls,
                                              struct ssl_ctx_st **ret, struct error *err);

/** For errors: "[redis] ca_file /etc/…" or "the system's certificates"; borrowed. */
const char *publish_redis_tls_trust_text(const struct publish_redis_tls *tls);
bool publish_redis_tls_has_certificate(const struct publish_redis_tls *tls);

#endif
