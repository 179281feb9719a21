/** Where the password for Redis comes from: the URL, or a file that may be replaced meanwhile. */
#ifndef IO_PUBLISH_REDIS_PASSWORD_H
#define IO_PUBLISH_REDIS_PASSWORD_H

#include "common/secret.h"

enum { PUBLISH_REDIS_PASSWORD_MAX = 4096 };

/**
 * The file where there is one (its first line), else the text. Reads a small local file: blocks as
 * long as that takes.
 *
 * @key  for errors: "password_file"
 * @out  must point to NULL; the caller owns *out; stays NULL where neither is set
 * STATUS_UNAVAILABLE: the file can't be read, is empty or too long.
 */
MUST_CHECK enum status publish_redis_password_read(const char *key, struct str text,
                                                   struct str file, struct secret **out,
                                                   struct error *err);

#endif
