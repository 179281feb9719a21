/**
 * Signed client assertions (RFC 7521 §4.2, RFC 7523 §2.2): a JWT under an RSA (RS256; PS256 where
 * the server takes no RS256), P-256 (ES256), P-384 (ES384) or Ed25519 (EdDSA) key, or under the
 * client secret (HS256; HS384 or HS512 where it takes no HS256). The only file of this folder that
 * knows OpenSSL.
 *
 *     struct client_assertion about = {.issuer = id, .subject = id, .audience = endpoint, …};
 *     client_assertion_sign_key(&about, pem, &arena, &jwt, err);
 */
#ifndef OAUTH_CLIENT_ASSERTION_H
#define OAUTH_CLIENT_ASSERTION_H

#include "common/arena.h"

enum { CLIENT_ASSERTION_LIFETIME_S = 300, CLIENT_RSA_BITS_MIN = 2048 };

struct client_assertion {
    struct str issuer, subject, audience;
    struct str id;          /* jti: never used before */
    struct str key_id;      /* kid; empty: none */
    struct str certificate; /* PEM; its SHA-256 goes into x5t#S256; empty: none */
    /* What the server understands (RFC 8414 §2); none: the first choice of the key's kind. */
    const struct str *algorithms;
    size_t algorithm_count;
    int64_t now_wall_ms;
};

/** STATUS_INVALID: the key can't be read, is of another kind or too small; never with key bytes. */
MUST_CHECK enum status client_assertion_sign_key(const struct client_assertion *about,
                                                 struct str key_pem, struct arena *arena,
                                                 struct str *ret_jwt, struct error *err);
MUST_CHECK enum status client_assertion_sign_secret(const struct client_assertion *about,
                                                    struct str secret, struct arena *arena,
                                                    struct str *ret_jwt, struct error *err);

enum { CLIENT_MAC_BYTES = 32 };

/** HMAC-SHA256 under the client secret, for providers with a scheme of their own. */
MUST_CHECK enum status client_mac(struct str secret, struct str text,
                                  uint8_t ret_mac[CLIENT_MAC_BYTES], struct error *err);

/** Can assertions be signed with it? */
MUST_CHECK enum status client_key_check(struct str key_pem, struct error *err);
/** Is it a certificate, and the key its own? (RFC 8705 §2.1) */
MUST_CHECK enum status client_certificate_check(struct str certificate_pem, struct str key_pem,
                                                struct error *err);

#endif
