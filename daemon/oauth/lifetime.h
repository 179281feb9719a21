/**
 * How long a token lives, out of every form in which servers say it: relative seconds as number or
 * text, milliseconds, seconds or milliseconds since 1970, ISO 8601, "177:05:38", null, nothing. A
 * silly value is an unknown one; it never spoils the answer that it stands in.
 *
 *     struct lifetime life = lifetime_read(&rule, tokens, whole, now_wall_ms);
 *     if (life.kind == LIFETIME_KNOWN) expires_in_s = life.seconds;
 */
#ifndef OAUTH_LIFETIME_H
#define OAUTH_LIFETIME_H

#include "oauth/profile_data.h"

enum { LIFETIME_MAX_S = 315360000 }; /* ten years */

enum lifetime_kind {
    LIFETIME_MISSING, /* the answer has none of the members */
    LIFETIME_NULL,    /* said to be unknown */
    LIFETIME_NEVER,   /* it does not end */
    LIFETIME_ZERO,
    LIFETIME_INVALID, /* not positive, garbage, of a wrong type */
    LIFETIME_CLAMPED, /* over ten years: cut to ten */
    LIFETIME_PAST,    /* an absolute end that has been: 0 seconds */
    LIFETIME_KNOWN,
};

struct lifetime {
    enum lifetime_kind kind;
    int64_t seconds; /* -1 unless KNOWN, CLAMPED or PAST */
};

/** @tokens the object in which the tokens sit; @whole the body: a path may count from either */
struct lifetime lifetime_read(const struct expiry_rule *rule, const struct json *tokens,
                              const struct json *whole, int64_t now_wall_ms);

#endif
