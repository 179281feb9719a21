/**
 * Sending a person to the authorization server (RFC 6749 §4.1.1): the URL with state, PKCE (RFC
 * 7636) and, where an ID token is asked for, a nonce; and which addresses an answer may come back
 * to.
 *
 *     struct oauth_authorization about = {.profile = profile, .client_id = id, …};
 *     oauth_build_authorization_url(&about, &arena, &url, err);
 */
#ifndef OAUTH_AUTHORIZATION_H
#define OAUTH_AUTHORIZATION_H

#include "common/arena.h"
#include "oauth/profile.h"

enum { OAUTH_URL_MAX = 16 * 1024 };

/** All borrowed. */
struct oauth_authorization {
    const struct profile *profile;
    const struct json *config; /* the connector's variables; NULL: none */
    struct str client_id;
    struct str redirect_uri;
    struct str scopes; /* blank-separated */
    struct str state;
    struct str verifier;   /* PKCE; only its hash goes into the URL */
    struct str nonce;      /* sent where the scopes say openid */
    struct str login_hint; /* STR_NONE: none */
    struct str claims;     /* what the provider asked of the person; STR_NONE: nothing */
};

/**
 * @ret_url  in arena
 * STATUS_INVALID: the profile names no authorization endpoint, or a variable of it is missing; or
 * the URL would pass OAUTH_URL_MAX.
 */
MUST_CHECK enum status oauth_build_authorization_url(const struct oauth_authorization *about,
                                                     struct arena *arena, struct str *ret_url,
                                                     struct error *err);

/** Is this set of scopes a request for an ID token (OpenID Connect Core §3.1.2.1)? */
bool oauth_asks_for_id_token(struct str scopes);

/** RFC 7636 §4.2, S256: BASE64URL(SHA256(verifier)). Appends. */
void oauth_pkce_challenge(struct str verifier, struct buf *out);

/**
 * May a code be sent there? https; or http to a loopback address (RFC 8252 §7.3); or a private-use
 * scheme that is a domain name turned round (§7.1). Absolute, without fragment, user name, blanks.
 *
 * @ret_expected  on false: what was expected, a static text
 */
bool oauth_redirect_uri_check(struct str uri, const char **ret_expected);

#endif
