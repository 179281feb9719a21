/**
 * An authorization server's metadata document (RFC 8414, OpenID Connect Discovery 1.0): where it
 * is, whether it is the one that was asked for, and the profile that it makes. Pure.
 *
 *     metadata_url(METADATA_OAUTH, STR("https://as.example.com/a"), &url);
 *       → https://as.example.com/.well-known/oauth-authorization-server/a
 *     if (metadata_to_profile(document, &about, &profile, &remarks, err) == STATUS_OK) …
 */
#ifndef CTL_METADATA_H
#define CTL_METADATA_H

#include "common/json.h"

enum metadata_place {
    METADATA_OAUTH,  /* RFC 8414 §3.1: between host and path */
    METADATA_OPENID, /* OpenID Connect Discovery §4: behind the path */
    METADATA_PLACE_COUNT,
};

/** An issuer that may be asked: https, or http to a loopback address where that is allowed, without
 * query and fragment (RFC 8414 §2). STATUS_INVALID says what was expected. */
MUST_CHECK enum status metadata_check_issuer(struct str issuer, bool allow_plain_loopback,
                                             struct error *err);
void metadata_url(enum metadata_place place, struct str issuer, struct buf *out);

struct metadata_about {
    struct str issuer; /* as it was asked for */
    struct str url;    /* where the document was found */
    struct str id;     /* of the profile; empty: the issuer's host */
    bool allow_plain_loopback;
};

/**
 * RFC 8414 §3.3: the issuer in the document must be the very one asked for.
 *
 * @out      must point to NULL; on STATUS_OK the caller's to free
 * @remarks  appended: lines for people on what the profile will not do
 * STATUS_INVALID: not a metadata document, of another issuer, or without a token endpoint.
 */
MUST_CHECK enum status metadata_to_profile(const struct json *document,
                                           const struct metadata_about *about, struct json **out,
                                           struct buf *remarks, struct error *err);
/** For people: a member a line. */
void metadata_write_profile(const struct json *profile, struct buf *out);

#endif
