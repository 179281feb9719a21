/**
 * The challenges of a WWW-Authenticate header (RFC 9110 §11.6.1), as an API sends them that refuses
 * an access token (RFC 6750 §3, RFC 9449 §7.1).
 *
 *     challenge_says(STR("Bearer realm=\"api\", error=\"invalid_token\""), STR("invalid_token"))
 */
#ifndef OAUTH_CHALLENGE_H
#define OAUTH_CHALLENGE_H

#include "common/str.h"

enum { CHALLENGE_HEADER_MAX = 8192 }; /* longer ones say nothing */

/** Has a Bearer or DPoP challenge this error? Whatever else the header holds does not matter; one
 * that is no list of challenges says nothing from where it breaks off. */
bool challenge_says(struct str header, struct str error);

#endif
