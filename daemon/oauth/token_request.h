/** The refresh request of RFC 6749 §6, bent as the profile says; and its client authentication. */
#ifndef OAUTH_TOKEN_REQUEST_H
#define OAUTH_TOKEN_REQUEST_H

#include "oauth/message.h"
#include "oauth/profile.h"

/** One credential, opened. All borrowed. */
struct oauth_client {
    struct str client_id;
    enum auth_method method;
    struct str secret;      /* client secret, or the PEM private key */
    struct str certificate; /* PEM, tls_client_auth; with a private key: told as x5t#S256 */
    struct str key_id;      /* `kid` of assertions; empty: none */
};

struct oauth_refresh {
    const struct profile *profile;
    const struct oauth_client *client;
    const struct json *config; /* the connector's variables; NULL: none */
    struct str refresh_token;
    struct str access_token; /* some providers want the one in use; STR_NONE: none */
    struct str scopes;       /* blank-separated; sent only where the profile says so */
    int64_t now_wall_ms;     /* iat of assertions */
    uint8_t random[16];      /* jti of assertions, correlation ids */
};

/**
 * @ret_message zeroed by the caller; on STATUS_OK the caller deinits it
 * STATUS_INVALID: a variable is missing or does not match, the key can't be read: nothing was
 * built.
 */
MUST_CHECK enum status oauth_build_refresh(const struct oauth_refresh *refresh,
                                           struct oauth_message *ret_message, struct error *err);

/** RFC 6749 §4.1.3, with RFC 7636's code_verifier. */
struct oauth_code_exchange {
    const struct profile *profile;
    const struct oauth_client *client;
    const struct json *config; /* the connector's variables; NULL: none */
    struct str code;
    struct str redirect_uri; /* byte for byte that of the authorization request */
    struct str verifier;
    int64_t now_wall_ms;
    uint8_t random[16];
};

/** As oauth_build_refresh(). What the profile says of refreshes alone (an address of their own,
 * added parameters, a grant_type) is left out. */
MUST_CHECK enum status oauth_build_code_exchange(const struct oauth_code_exchange *exchange,
                                                 struct oauth_message *ret_message,
                                                 struct error *err);

/** A client id, secret or key that can be used with this method? Texts say what was expected. */
MUST_CHECK enum status oauth_client_check(const struct oauth_client *client, struct error *err);

#endif
