/**
 * A signature made by somebody else's key (RFC 7515, RFC 7517): RS256 and ES256, which is what
 * transmitters of security events use. The key says what it may be used for, and the algorithm has
 * to be of the key's kind: nobody signs with a public key as if it were a shared secret here.
 *
 *     status = jws_verify(STR("ES256"), jwk, signed_text, signature);
 */
#ifndef OAUTH_JWS_VERIFY_H
#define OAUTH_JWS_VERIFY_H

#include "common/json.h"

enum { JWS_RSA_BITS_MIN = 2048, JWS_RSA_BITS_MAX = 8192 };

/** Is it a key for that algorithm (RFC 7517 §4: kty, use, alg; RFC 7518 §6: crv)? */
bool jws_key_fits(const struct json *jwk, struct str algorithm);

/**
 * @input  "header.claims" as it came
 * @signature  decoded
 * STATUS_INVALID: the key does not fit or can't be read, or the signature is not its own.
 */
MUST_CHECK enum status jws_verify(struct str algorithm, const struct json *jwk, struct str input,
                                  struct str signature);

#endif
