/**
 * Signs security event tokens as a transmitter does, and as a forger would: its keys, its JWKS, and
 * tokens whose header and claims a test writes by hand.
 *
 *     struct fake_transmitter *transmitter = fake_transmitter_new("key-1");
 *     fake_transmitter_sign(transmitter, FAKE_SIGN_ES256, header, claims, &jwt);
 */
#ifndef SUPPORT_FAKE_TRANSMITTER_H
#define SUPPORT_FAKE_TRANSMITTER_H

#include "common/buf.h"

struct fake_transmitter;

enum fake_signature {
    FAKE_SIGN_ES256,
    FAKE_SIGN_RS256,
    FAKE_SIGN_HS256_PUBLIC, /* by HMAC, the public RSA key's modulus for a secret */
    FAKE_SIGN_NOT,          /* an empty signature */
    FAKE_SIGN_ZEROS,        /* r = s = 0 (CVE-2022-21449) */
    FAKE_SIGN_DER,          /* ES256 as ASN.1, which is not how JWS has it */
    FAKE_SIGN_FLIPPED,      /* ES256 with its last bit turned */
};

/** An EC P-256 key under that id and an RSA key under "<id>-rsa". */
struct fake_transmitter *fake_transmitter_new(const char *key_id);
void fake_transmitter_free(struct fake_transmitter *transmitter);
/** {"keys":[…]} */
void fake_transmitter_jwks(const struct fake_transmitter *transmitter, struct buf *out);
/** @header, @claims  JSON texts */
void fake_transmitter_sign(const struct fake_transmitter *transmitter, enum fake_signature how,
                           const char *header, const char *claims, struct buf *jwt);

#endif
