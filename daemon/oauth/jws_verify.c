#include "oauth/jws_verify.h"

#include "common/encoding.h"
#include "common/macros.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

enum { COORDINATE_BYTES = 32, NUMBER_BYTES_MAX = JWS_RSA_BITS_MAX / 8, DER_MAX = 80 };

static void key_freep(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void number_freep(BIGNUM **number)
{
    BN_free(*number);
}

static void builder_freep(OSSL_PARAM_BLD **builder)
{
    OSSL_PARAM_BLD_free(*builder);
}

static void params_freep(OSSL_PARAM **params)
{
    OSSL_PARAM_free(*params);
}

static void context_freep(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
}

static void digest_freep(EVP_MD_CTX **digest)
{
    EVP_MD_CTX_free(*digest);
}

static void ecdsa_freep(ECDSA_SIG **signature)
{
    ECDSA_SIG_free(*signature);
}

static bool is_or_absent(const struct json *jwk, const char *name, struct str wanted)
{
    return !json_has(jwk, name) || str_eq(json_text(json_get(jwk, name)), wanted);
}

bool jws_key_fits(const struct json *jwk, struct str algorithm)
{
    struct str kind = json_text(json_get(jwk, "kty"));
    if (!is_or_absent(jwk, "use", STR("sig")) || !is_or_absent(jwk, "alg", algorithm))
        return false;
    if (str_eq(algorithm, STR("RS256")))
        return str_eq(kind, STR("RSA"));
    return str_eq(algorithm, STR("ES256")) && str_eq(kind, STR("EC")) &&
           str_eq(json_text(json_get(jwk, "crv")), STR("P-256"));
}

/* ---- the key ---- */

/* RFC 7518 §2: Base64urlUInt. */
static bool decode(const struct json *jwk, const char *name, struct buf *out)
{
    struct str text = json_text(json_get(jwk, name));
    return !str_is_empty(text) && encoding_unbase64url(text, out) == STATUS_OK && out->len > 0 &&
           out->len <= NUMBER_BYTES_MAX;
}

static EVP_PKEY *make_key(const char *kind, OSSL_PARAM_BLD *builder)
{
    CLEANUP(params_freep) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    CLEANUP(context_freep) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    EVP_PKEY *key = NULL;
    if (params == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return NULL;
    return key;
}

static EVP_PKEY *read_rsa(const struct json *jwk)
{
    CLEANUP(buf_deinit) struct buf modulus = {0};
    CLEANUP(buf_deinit) struct buf exponent = {0};
    if (!decode(jwk, "n", &modulus) || !decode(jwk, "e", &exponent) || exponent.len > 8)
        return NULL;
    CLEANUP(number_freep)
    BIGNUM *n = BN_bin2bn((const unsigned char *)modulus.data, (int)modulus.len, NULL);
    CLEANUP(number_freep)
    BIGNUM *e = BN_bin2bn((const unsigned char *)exponent.data, (int)exponent.len, NULL);
    CLEANUP(builder_freep) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (n == NULL || e == NULL || builder == NULL || BN_num_bits(n) < JWS_RSA_BITS_MIN ||
        BN_num_bits(n) > JWS_RSA_BITS_MAX || !BN_is_odd(n) || !BN_is_odd(e) || BN_is_one(e) ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) != 1)
        return NULL;
    return make_key("RSA", builder);
}

/* The point as SEC 1 §2.3.3 writes it uncompressed; one that is not on the curve is refused. */
static EVP_PKEY *read_ec(const struct json *jwk)
{
    CLEANUP(buf_deinit) struct buf x = {0};
    CLEANUP(buf_deinit) struct buf y = {0};
    if (!decode(jwk, "x", &x) || !decode(jwk, "y", &y) || x.len != COORDINATE_BYTES ||
        y.len != COORDINATE_BYTES)
        return NULL;
    unsigned char point[1 + 2 * COORDINATE_BYTES] = {0x04};
    memcpy(point + 1, x.data, COORDINATE_BYTES);
    memcpy(point + 1 + COORDINATE_BYTES, y.data, COORDINATE_BYTES);
    CLEANUP(builder_freep) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (builder == NULL ||
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) !=
            1 ||
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) !=
            1)
        return NULL;
    return make_key("EC", builder);
}

/* ---- the signature ---- */

/* RFC 7518 §3.4: two plain numbers; OpenSSL wants them as ASN.1. */
static int to_der(struct str raw, unsigned char der[DER_MAX])
{
    CLEANUP(ecdsa_freep) ECDSA_SIG *parts = ECDSA_SIG_new();
    const unsigned char *bytes = (const unsigned char *)raw.data;
    BIGNUM *r = BN_bin2bn(bytes, COORDINATE_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(bytes + COORDINATE_BYTES, COORDINATE_BYTES, NULL);
    if (parts == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(parts, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return -1;
    }
    unsigned char *to = der;
    return i2d_ECDSA_SIG(parts, NULL) <= DER_MAX ? i2d_ECDSA_SIG(parts, &to) : -1;
}

static bool is_signed_by(EVP_PKEY *key, const unsigned char *signature, size_t len,
                         struct str input)
{
    CLEANUP(digest_freep) EVP_MD_CTX *digest = EVP_MD_CTX_new();
    return digest != NULL && EVP_DigestVerifyInit(digest, NULL, EVP_sha256(), NULL, key) == 1 &&
           EVP_DigestVerify(digest, signature, len, (const unsigned char *)input.data, input.len) ==
               1;
}

enum status jws_verify(struct str algorithm, const struct json *jwk, struct str input,
                       struct str signature)
{
    if (!jws_key_fits(jwk, algorithm) || str_is_empty(signature))
        return STATUS_INVALID;
    bool is_rsa = str_eq(algorithm, STR("RS256"));
    CLEANUP(key_freep) EVP_PKEY *key = is_rsa ? read_rsa(jwk) : read_ec(jwk);
    bool is_good = false;
    if (key != NULL && is_rsa) {
        is_good = is_signed_by(key, (const unsigned char *)signature.data, signature.len, input);
    } else if (key != NULL && signature.len == (size_t)2 * COORDINATE_BYTES) {
        unsigned char der[DER_MAX];
        int len = to_der(signature, der);
        is_good = len > 0 && is_signed_by(key, der, (size_t)len, input);
    }
    ERR_clear_error();
    return is_good ? STATUS_OK : STATUS_INVALID;
}
