/**
 * The claims of a JWT, read and not verified: good for hints (when does this access token end?) and
 * for what came straight from the token endpoint over TLS (OpenID Connect Core §3.1.3.7, 6).
 */
#ifndef OAUTH_JWT_CLAIMS_H
#define OAUTH_JWT_CLAIMS_H

#include "common/json.h"

/** STATUS_INVALID: it is no JWT with a JSON object for claims. */
MUST_CHECK enum status jwt_claims_read(struct str token, struct json **out);

/** Seconds until `exp` (RFC 7519 §4.1.4) from now; -1: no JWT, no `exp`, or past. */
int64_t jwt_lifetime_s(struct str token, int64_t now_wall_ms);

#endif
