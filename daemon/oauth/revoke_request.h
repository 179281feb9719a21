/**
 * The request that ends a grant at its provider (RFC 7009 §2.1, or as the profile's `revoke` habit
 * has it), and what its answer means.
 *
 *     if (profile_can_revoke(profile)) …
 *     status = oauth_build_revocation(&revocation, &message, err);
 *     enum revoke_outcome outcome = oauth_read_revocation(profile, &answer, &verdict);
 */
#ifndef OAUTH_REVOKE_REQUEST_H
#define OAUTH_REVOKE_REQUEST_H

#include "oauth/classify.h"
#include "oauth/token_request.h"

/** Does this provider have a way to revoke a grant, as far as is known? */
bool profile_can_revoke(const struct profile *profile);
/** Is the access token what is presented there? Else it is the refresh token, where there is one:
 * a server that ends it ends the access tokens of the same grant too (RFC 7009 §2.1). */
bool profile_revokes_access_token(const struct profile *profile);

struct oauth_revocation {
    const struct profile *profile;
    const struct oauth_client *client;
    const struct json *config; /* the connector's variables; NULL: none */
    struct str token;
    bool is_access_token;
    int64_t now_wall_ms;
    uint8_t random[16];
};

/**
 * @ret_message zeroed by the caller; on STATUS_OK the caller deinits it
 * STATUS_INVALID: the profile names no way, a variable is missing, or the key can't be read.
 */
MUST_CHECK enum status oauth_build_revocation(const struct oauth_revocation *revocation,
                                              struct oauth_message *ret_message, struct error *err);

enum revoke_outcome {
    REVOKE_DONE,    /* it is revoked, or was not good any more */
    REVOKE_LATER,   /* nothing is known, or the client was not accepted: again later */
    REVOKE_REFUSED, /* asking again would not help */
};

struct revoke_verdict {
    enum revoke_outcome outcome;
    char reason[OAUTH_REASON_MAX]; /* "ok", "http_503", the provider's error word */
    int64_t retry_after_s;         /* -1: none said; else 0..3600 */
};

/** RFC 7009 §2.2: an unknown token is answered with 200 too. */
void oauth_read_revocation(const struct profile *profile, const struct oauth_answer *answer,
                           struct revoke_verdict *ret_verdict);

#endif
