/**
 * Is a text a host at all: what a name or an address can be made of. Not whether it exists; no I/O.
 *
 *     host_is_valid(STR("redis.internal"))   → true
 *     host_is_valid(STR("fe80::1%eth0"))     → true: an address stands here without its brackets
 *     host_is_valid(STR(".internal"))        → false
 */
#ifndef COMMON_HOST_H
#define COMMON_HOST_H

#include "common/str.h"

/** A name's length in text (RFC 1035 §2.3.4: 255 on the wire). */
enum { HOST_BYTES_MAX = 253 };

/** A name that begins with a dot would fit the certificate of everything below it: none. */
bool host_is_valid(struct str host);

#endif
