#include "support/fake_transmitter.h"

#include "common/assert.h"
#include "common/encoding.h"
#include "common/memory.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <stdlib.h>
#include <string.h>

enum { SIGNATURE_MAX = 1024 };

struct fake_transmitter {
    char key_id[64];
    EVP_PKEY *ec, *rsa;
};

struct fake_transmitter *fake_transmitter_new(const char *key_id)
{
    struct fake_transmitter *transmitter = memory_new(sizeof(*transmitter));
    str_copy_cut(str_c(key_id), transmitter->key_id, sizeof(transmitter->key_id));
    transmitter->ec = EVP_EC_gen("P-256");
    transmitter->rsa = EVP_RSA_gen(2048);
    ASSERT(transmitter->ec != NULL && transmitter->rsa != NULL);
    return transmitter;
}

void fake_transmitter_free(struct fake_transmitter *transmitter)
{
    if (transmitter == NULL)
        return;
    EVP_PKEY_free(transmitter->ec);
    EVP_PKEY_free(transmitter->rsa);
    free(transmitter);
}

static void add_number(EVP_PKEY *key, const char *param, int width, struct buf *out)
{
    BIGNUM *number = NULL;
    unsigned char bytes[SIGNATURE_MAX];
    ASSERT(EVP_PKEY_get_bn_param(key, param, &number) == 1);
    int len = width > 0 ? BN_bn2binpad(number, bytes, width) : BN_bn2bin(number, bytes);
    ASSERT(len > 0);
    encoding_base64url((struct str){.data = (const char *)bytes, .len = (size_t)len}, out);
    BN_free(number);
}

void fake_transmitter_jwks(const struct fake_transmitter *transmitter, struct buf *out)
{
    buf_printf(
        out, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"kid\":\"%s\",\"x\":\"",
        transmitter->key_id);
    add_number(transmitter->ec, OSSL_PKEY_PARAM_EC_PUB_X, 32, out);
    buf_append(out, STR("\",\"y\":\""));
    add_number(transmitter->ec, OSSL_PKEY_PARAM_EC_PUB_Y, 32, out);
    buf_printf(out,
               "\"},{\"kty\":\"RSA\",\"alg\":\"RS256\",\"kid\":\"%s-rsa\",\"e\":\"AQAB\",\"n\":\"",
               transmitter->key_id);
    add_number(transmitter->rsa, OSSL_PKEY_PARAM_RSA_N, 0, out);
    buf_append(out, STR("\"}]}"));
}

static size_t sign_with(EVP_PKEY *key, struct str input, unsigned char signature[SIGNATURE_MAX])
{
    size_t len = SIGNATURE_MAX;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ASSERT(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1);
    ASSERT(EVP_DigestSign(context, signature, &len, (const unsigned char *)input.data, input.len) ==
           1);
    EVP_MD_CTX_free(context);
    return len;
}

static size_t to_raw(unsigned char signature[SIGNATURE_MAX], size_t len)
{
    const unsigned char *from = signature;
    ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &from, (long)len);
    ASSERT(parts != NULL);
    BN_bn2binpad(ECDSA_SIG_get0_r(parts), signature, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(parts), signature + 32, 32);
    ECDSA_SIG_free(parts);
    return 64;
}

static size_t sign_by_hmac(EVP_PKEY *rsa, struct str input, unsigned char signature[SIGNATURE_MAX])
{
    unsigned int len = 0;
    struct buf secret = {0};
    add_number(rsa, OSSL_PKEY_PARAM_RSA_N, 0, &secret);
    HMAC(EVP_sha256(), secret.data, (int)secret.len, (const unsigned char *)input.data, input.len,
         signature, &len);
    buf_deinit(&secret);
    return len;
}

static size_t make_signature(const struct fake_transmitter *transmitter, enum fake_signature how,
                             struct str input, unsigned char signature[SIGNATURE_MAX])
{
    size_t len = 0;
    switch (how) {
    case FAKE_SIGN_ES256:
        return to_raw(signature, sign_with(transmitter->ec, input, signature));
    case FAKE_SIGN_FLIPPED:
        len = to_raw(signature, sign_with(transmitter->ec, input, signature));
        signature[len - 1] ^= 1;
        return len;
    case FAKE_SIGN_DER:
        return sign_with(transmitter->ec, input, signature);
    case FAKE_SIGN_RS256:
        return sign_with(transmitter->rsa, input, signature);
    case FAKE_SIGN_HS256_PUBLIC:
        return sign_by_hmac(transmitter->rsa, input, signature);
    case FAKE_SIGN_ZEROS:
        memset(signature, 0, 64);
        return 64;
    case FAKE_SIGN_NOT:
        return 0;
    }
    UNREACHABLE("a way to sign");
}

void fake_transmitter_sign(const struct fake_transmitter *transmitter, enum fake_signature how,
                           const char *header, const char *claims, struct buf *jwt)
{
    unsigned char signature[SIGNATURE_MAX];
    encoding_base64url(str_c(header), jwt);
    buf_append_byte(jwt, '.');
    encoding_base64url(str_c(claims), jwt);
    size_t len = make_signature(transmitter, how, buf_str(jwt), signature);
    buf_append_byte(jwt, '.');
    encoding_base64url((struct str){.data = (const char *)signature, .len = len}, jwt);
}
