/**
 * Does a grant still live? Two questions that do not use it up: introspection (RFC 7662) of its
 * token, and the userinfo endpoint under its access token. What they answer is a hint: an answer
 * that is not clearly one or the other says nothing.
 */
#ifndef OAUTH_GRANT_PROBE_H
#define OAUTH_GRANT_PROBE_H

#include "oauth/classify.h"
#include "oauth/token_request.h"

/** May this provider's introspection endpoint be asked? */
bool profile_has_introspection(const struct profile *profile);

struct oauth_introspection {
    const struct profile *profile;
    const struct oauth_client *client;
    const struct json *config; /* the connector's variables; NULL: none */
    struct str token;
    bool is_access_token;
    int64_t now_wall_ms;
    uint8_t random[16];
};

/**
 * RFC 7662 §2.1, with the client's authentication.
 *
 * @ret_message zeroed by the caller; on STATUS_OK the caller deinits it
 * STATUS_INVALID: the profile names no endpoint, a variable is missing, or the key can't be read.
 */
MUST_CHECK enum status oauth_build_introspection(const struct oauth_introspection *about,
                                                 struct oauth_message *ret_message,
                                                 struct error *err);

enum grant_probe {
    GRANT_PROBE_NOTHING, /* unclear: a 5xx, a refused client, no JSON */
    GRANT_PROBE_ALIVE,
    GRANT_PROBE_SUSPICIOUS, /* it may be over: a refresh will tell */
};

/** RFC 7662 §2.2: a 200 whose `active` is true or false. */
enum grant_probe oauth_read_introspection(const struct profile *profile,
                                          const struct oauth_answer *answer);
/** A 401, or a 403 that says invalid_token (RFC 6750 §3.1), is suspicious; a 2xx is alive. */
enum grant_probe oauth_read_userinfo_probe(const struct oauth_answer *answer);

/** Does an API's answer say that the access token itself is not good? A 401 does, a 403 only by its
 * challenge. @challenge WWW-Authenticate; STR_NONE: there was none */
bool oauth_status_blames_token(int64_t status, struct str challenge);

#endif
