/**
 * The files that a connection to Redis will need, looked at beforehand: `refreshd --check` tells
 * what else would only be known at the first connection. Nobody is connected to.
 */
#ifndef IO_PUBLISH_REDIS_CHECK_H
#define IO_PUBLISH_REDIS_CHECK_H

#include "io/publish_redis.h"

/** One file that won't do; @why, borrowed for the call, names its key, its path and what is wrong.
 */
typedef void publish_redis_check_fn(void *ctx, const struct error *why);

/**
 * Certificates, keys and passwords, as each connection reads them. Reads small local files: blocks
 * as long as that takes. fn is called once for each purpose that fails: TLS, the password for
 * Redis, the one for its sentinels.
 *
 * @options  of them only what names a file, tls and private_directory count
 * @ret      true where all will do
 */
MUST_CHECK bool publish_redis_check_files(const struct publish_redis_options *options,
                                          publish_redis_check_fn *fn, void *ctx);

#endif
