#include "oauth/client_assertion.h"

#include "common/assert.h"
#include "common/encoding.h"
#include "common/json.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

enum { SIGNATURE_MAX = 1024 };

static void key_freep(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void certificate_freep(X509 **certificate)
{
    X509_free(*certificate);
}

static void digest_freep(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static void ecdsa_freep(ECDSA_SIG **signature)
{
    ECDSA_SIG_free(*signature);
}

/** A key with a passphrase is refused rather than asked about on the terminal. */
static int no_passphrase(UNUSED char *buffer, UNUSED int size, UNUSED int writing,
                         UNUSED void *context)
{
    return -1;
}

static EVP_PKEY *read_key(struct str pem)
{
    if (pem.len == 0 || pem.len > INT_MAX)
        return NULL;
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

static X509 *read_certificate(struct str pem)
{
    if (pem.len == 0 || pem.len > INT_MAX)
        return NULL;
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return certificate;
}

/** RFC 7518 §3.1 and RFC 8037 §3.1: how a key of this kind signs. */
struct algorithm {
    const char *name;
    const EVP_MD *digest; /* NULL: the algorithm has its own */
    size_t half_bytes;    /* of the raw ECDSA signature; 0: no ECDSA */
    bool is_pss;          /* RSASSA-PSS, its salt as long as the digest (RFC 7518 §3.5) */
};

static bool takes(const struct client_assertion *about, const char *name)
{
    for (size_t i = 0; i < about->algorithm_count; i++) {
        if (str_eq(about->algorithms[i], str_c(name)))
            return true;
    }
    return false;
}

/** Only where the server says that it takes this one and not the usual one. */
static bool prefers(const struct client_assertion *about, const char *name, const char *usual)
{
    return takes(about, name) && !takes(about, usual);
}

static bool find_algorithm(const EVP_PKEY *key, struct algorithm *ret)
{
    enum { GROUP_NAME_MAX = 64 };
    char group[GROUP_NAME_MAX] = "";
    *ret = (struct algorithm){0};
    if (EVP_PKEY_is_a(key, "EC"))
        (void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
    if (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= CLIENT_RSA_BITS_MIN)
        *ret = (struct algorithm){.name = "RS256", .digest = EVP_sha256()};
    else if (strcmp(group, "prime256v1") == 0)
        *ret = (struct algorithm){.name = "ES256", .digest = EVP_sha256(), .half_bytes = 32};
    else if (strcmp(group, "secp384r1") == 0)
        *ret = (struct algorithm){.name = "ES384", .digest = EVP_sha384(), .half_bytes = 48};
    else if (EVP_PKEY_is_a(key, "ED25519"))
        *ret = (struct algorithm){.name = "EdDSA"};
    return ret->name != NULL;
}

/** Says what is wrong with it, as far as can be seen without showing any of it. */
static enum status fail_key(struct str key_pem, struct error *err)
{
    CLEANUP(key_freep) EVP_PKEY *key = read_key(key_pem);
    const char *got = "no PEM block";
    if (key != NULL && EVP_PKEY_is_a(key, "RSA"))
        got = "an RSA key of less than 2048 bits";
    else if (key != NULL)
        got = "a key of another kind";
    else if (str_contains(key_pem, STR("ENCRYPTED")))
        got = "an encrypted key: decrypt it first (openssl pkey -in KEY)";
    else if (str_contains(key_pem, STR("-----BEGIN CERTIFICATE")))
        got = "a certificate";
    else if (str_contains(key_pem, STR("-----BEGIN PUBLIC KEY")) ||
             str_contains(key_pem, STR("-----BEGIN RSA PUBLIC KEY")))
        got = "a public key";
    else if (str_contains(key_pem, STR("-----BEGIN ")))
        got = "a PEM block that can't be read";
    return error_set(err, STATUS_INVALID,
                     "private_key: expected a PEM private key without passphrase: RSA of at least "
                     "2048 bits, EC P-256 or P-384, or Ed25519; got %s",
                     got);
}

enum status client_key_check(struct str key_pem, struct error *err)
{
    struct algorithm algorithm;
    CLEANUP(key_freep) EVP_PKEY *key = read_key(key_pem);
    return key != NULL && find_algorithm(key, &algorithm) ? STATUS_OK : fail_key(key_pem, err);
}

enum status client_certificate_check(struct str certificate_pem, struct str key_pem,
                                     struct error *err)
{
    CLEANUP(certificate_freep) X509 *certificate = read_certificate(certificate_pem);
    CLEANUP(key_freep) EVP_PKEY *key = read_key(key_pem);
    if (certificate == NULL)
        return error_set(err, STATUS_INVALID, "certificate: expected a PEM certificate, got %s",
                         certificate_pem.len == 0 ? "none" : "something else");
    if (key == NULL)
        return fail_key(key_pem, err);
    bool fits = X509_check_private_key(certificate, key) == 1;
    ERR_clear_error();
    return fits ? STATUS_OK
                : error_set(err, STATUS_INVALID,
                            "private_key: expected the certificate's own key, got another one");
}

static void add_part(const struct json *json, struct buf *out)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    json_write(json, &text);
    encoding_base64url(buf_str(&text), out);
}

/** The certificate's SHA-256 (RFC 7515 §4.1.8): Entra finds the key by it. */
static enum status add_thumbprint(const struct client_assertion *about, struct json *header,
                                  struct error *err)
{
    if (about->certificate.len == 0)
        return STATUS_OK;
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    CLEANUP(certificate_freep) X509 *certificate = read_certificate(about->certificate);
    if (certificate == NULL || X509_digest(certificate, EVP_sha256(), hash, &len) != 1)
        return error_set(err, STATUS_INVALID, "certificate: expected a PEM certificate");
    CLEANUP(buf_deinit) struct buf text = {0};
    encoding_base64url((struct str){.data = (const char *)hash, .len = len}, &text);
    json_set_text(header, "x5t#S256", buf_str(&text));
    return STATUS_OK;
}

/** RFC 7523 §3: iss, sub, aud, exp, iat, jti. Appends "header.claims". */
static enum status add_unsigned(const struct client_assertion *about, const char *algorithm,
                                struct buf *out, struct error *err)
{
    CLEANUP(json_freep) struct json *header = json_new_object();
    CLEANUP(json_freep) struct json *claims = json_new_object();
    int64_t now_s = about->now_wall_ms / 1000;
    json_set_text(header, "alg", str_c(algorithm));
    json_set_text(header, "typ", STR("JWT"));
    if (about->key_id.len > 0)
        json_set_text(header, "kid", about->key_id);
    enum status status = add_thumbprint(about, header, err);
    if (status != STATUS_OK)
        return status;
    json_set_text(claims, "iss", about->issuer);
    json_set_text(claims, "sub", about->subject);
    json_set_text(claims, "aud", about->audience);
    json_set_text(claims, "jti", about->id);
    json_set_i64(claims, "iat", now_s);
    json_set_i64(claims, "exp", now_s + CLIENT_ASSERTION_LIFETIME_S);
    add_part(header, out);
    buf_append_byte(out, '.');
    add_part(claims, out);
    return STATUS_OK;
}

/** ASN.1 to the two plain numbers of RFC 7518 §3.4. */
static bool to_raw_ecdsa(unsigned char *signature, size_t *len, size_t half_bytes)
{
    const unsigned char *from = signature;
    CLEANUP(ecdsa_freep) ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &from, (long)*len);
    if (parts == NULL)
        return false;
    int half = (int)half_bytes;
    bool fits = BN_bn2binpad(ECDSA_SIG_get0_r(parts), signature, half) == half &&
                BN_bn2binpad(ECDSA_SIG_get0_s(parts), signature + half, half) == half;
    *len = half_bytes * 2;
    return fits;
}

static bool sign(EVP_PKEY *key, const struct algorithm *algorithm, struct str text,
                 unsigned char signature[SIGNATURE_MAX], size_t *ret_len)
{
    CLEANUP(digest_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL; /* the digest's own */
    *ret_len = SIGNATURE_MAX;
    bool signed_ = context != NULL &&
                   EVP_DigestSignInit(context, &key_context, algorithm->digest, NULL, key) == 1;
    if (signed_ && algorithm->is_pss)
        signed_ = EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1 &&
                  EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) == 1;
    signed_ = signed_ && EVP_DigestSign(context, signature, ret_len,
                                        (const unsigned char *)text.data, text.len) == 1;
    if (signed_ && algorithm->half_bytes > 0)
        signed_ = to_raw_ecdsa(signature, ret_len, algorithm->half_bytes);
    ERR_clear_error();
    return signed_;
}

static void add_signature(struct buf *jwt, const unsigned char *signature, size_t len)
{
    buf_append_byte(jwt, '.');
    encoding_base64url((struct str){.data = (const char *)signature, .len = len}, jwt);
}

enum status client_assertion_sign_key(const struct client_assertion *about, struct str key_pem,
                                      struct arena *arena, struct str *ret_jwt, struct error *err)
{
    CLEANUP(buf_deinit) struct buf jwt = {0};
    CLEANUP(key_freep) EVP_PKEY *key = read_key(key_pem);
    struct algorithm algorithm;
    unsigned char signature[SIGNATURE_MAX];
    size_t len = 0;
    if (key == NULL || !find_algorithm(key, &algorithm))
        return fail_key(key_pem, err);
    if (strcmp(algorithm.name, "RS256") == 0 && prefers(about, "PS256", "RS256")) {
        algorithm.name = "PS256";
        algorithm.is_pss = true;
    }
    enum status status = add_unsigned(about, algorithm.name, &jwt, err);
    if (status != STATUS_OK)
        return status;
    if (!sign(key, &algorithm, buf_str(&jwt), signature, &len))
        return error_set(err, STATUS_INTERNAL, "the client assertion could not be signed");
    add_signature(&jwt, signature, len);
    *ret_jwt = arena_copy(arena, buf_str(&jwt));
    return STATUS_OK;
}

enum status client_assertion_sign_secret(const struct client_assertion *about, struct str secret,
                                         struct arena *arena, struct str *ret_jwt,
                                         struct error *err)
{
    CLEANUP(buf_deinit) struct buf jwt = {0};
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    if (secret.len == 0 || secret.len > INT_MAX)
        return error_set(err, STATUS_INVALID, "client_secret: expected a secret, got none");
    const char *name = "HS256";
    const EVP_MD *digest = EVP_sha256();
    if (prefers(about, "HS512", name)) {
        name = "HS512";
        digest = EVP_sha512();
    } else if (prefers(about, "HS384", name)) {
        name = "HS384";
        digest = EVP_sha384();
    }
    enum status status = add_unsigned(about, name, &jwt, err);
    if (status != STATUS_OK)
        return status;
    if (HMAC(digest, secret.data, (int)secret.len, (const unsigned char *)jwt.data, jwt.len, mac,
             &len) == NULL)
        return error_set(err, STATUS_INTERNAL, "the client assertion could not be signed");
    add_signature(&jwt, mac, len);
    *ret_jwt = arena_copy(arena, buf_str(&jwt));
    return STATUS_OK;
}

enum status client_mac(struct str secret, struct str text, uint8_t ret_mac[CLIENT_MAC_BYTES],
                       struct error *err)
{
    unsigned int len = 0;
    if (secret.len == 0 || secret.len > INT_MAX)
        return error_set(err, STATUS_INVALID, "client_secret: expected a secret, got none");
    if (HMAC(EVP_sha256(), secret.data, (int)secret.len, (const unsigned char *)text.data, text.len,
             ret_mac, &len) == NULL ||
        len != CLIENT_MAC_BYTES)
        return error_set(err, STATUS_INTERNAL, "the request could not be signed");
    return STATUS_OK;
}
