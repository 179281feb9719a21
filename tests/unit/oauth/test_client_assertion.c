#include "oauth/client_assertion.h"

#include "common/encoding.h"
#include "common/json.h"
#include "oauth/token_request.h"
#include "unit/oauth/support_profiles.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/** A new key as PEM, into to. */
static void key_to_pem(EVP_PKEY *key, struct buf *to)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    buf_append(to, (struct str){.data = data, .len = (size_t)len});
    BIO_free(bio);
}

static void decode(struct str text, struct buf *to)
{
    buf_clear(to);
    assert_int_equal(encoding_unbase64url(text, to), STATUS_OK);
}

static struct json *decode_json(struct str text)
{
    CLEANUP(buf_deinit) struct buf bytes = {0};
    struct json *json = NULL;
    decode(text, &bytes);
    assert_int_equal(json_parse(buf_str(&bytes), JSON_LIMITS_DEFAULT, &json, NULL), STATUS_OK);
    return json;
}

/** The raw r || s of RFC 7518 §3.4 back to what OpenSSL verifies. */
static void to_der(struct buf *signature)
{
    int half = (int)signature->len / 2;
    const unsigned char *raw = (const unsigned char *)signature->data;
    ECDSA_SIG *parts = ECDSA_SIG_new();
    assert_int_equal(
        ECDSA_SIG_set0(parts, BN_bin2bn(raw, half, NULL), BN_bin2bn(raw + half, half, NULL)), 1);
    unsigned char *der = NULL;
    int len = i2d_ECDSA_SIG(parts, &der);
    buf_clear(signature);
    buf_append(signature, (struct str){.data = (const char *)der, .len = (size_t)len});
    OPENSSL_free(der);
    ECDSA_SIG_free(parts);
}

struct parts {
    struct str header, claims, signed_text, signature;
};

static struct parts cut(struct str jwt)
{
    size_t first = str_find_byte(jwt, '.');
    struct str rest = str_slice(jwt, first + 1, jwt.len);
    size_t second = str_find_byte(rest, '.');
    return (struct parts){
        .header = str_slice(jwt, 0, first),
        .claims = str_slice(rest, 0, second),
        .signed_text = str_slice(jwt, 0, first + 1 + second),
        .signature = str_slice(rest, second + 1, rest.len),
    };
}

static const struct client_assertion about = {
    .issuer = STR_INIT("client-1"),
    .subject = STR_INIT("client-1"),
    .audience = STR_INIT("https://as.example.com/token"),
    .id = STR_INIT("jti-1"),
    .key_id = STR_INIT("key-1"),
    .now_wall_ms = 1750000000999,
};

static void check_claims(struct parts jwt, const char *algorithm)
{
    CLEANUP(json_freep) struct json *header = decode_json(jwt.header);
    CLEANUP(json_freep) struct json *claims = decode_json(jwt.claims);
    assert_true(str_eq(json_text(json_get(header, "alg")), str_c(algorithm)));
    assert_true(str_eq(json_text(json_get(header, "kid")), STR("key-1")));
    assert_true(str_eq(json_text(json_get(claims, "iss")), STR("client-1")));
    assert_true(str_eq(json_text(json_get(claims, "sub")), STR("client-1")));
    assert_true(str_eq(json_text(json_get(claims, "aud")), STR("https://as.example.com/token")));
    assert_true(str_eq(json_text(json_get(claims, "jti")), STR("jti-1")));
    assert_int_equal(json_i64(json_get(claims, "iat"), 0), 1750000000);
    assert_int_equal(json_i64(json_get(claims, "exp"), 0), 1750000300);
}

static void check_key(EVP_PKEY *key, const char *algorithm, const EVP_MD *digest, bool ecdsa)
{
    CLEANUP(buf_deinit) struct buf pem = {0};
    CLEANUP(buf_deinit) struct buf signature = {0};
    struct arena arena = {0};
    struct error err = {0};
    struct str jwt;
    key_to_pem(key, &pem);
    assert_int_equal(client_key_check(buf_str(&pem), &err), STATUS_OK);
    if (client_assertion_sign_key(&about, buf_str(&pem), &arena, &jwt, &err) != STATUS_OK)
        fail_msg("%s: %s", algorithm, err.text);
    struct parts parts = cut(jwt);
    check_claims(parts, algorithm);
    decode(parts.signature, &signature);
    if (ecdsa)
        to_der(&signature);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, digest, NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(context, (const unsigned char *)signature.data, signature.len,
                                      (const unsigned char *)parts.signed_text.data,
                                      parts.signed_text.len),
                     1);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    arena_deinit(&arena);
}

static void rsa(UNUSED void **state)
{
    check_key(EVP_RSA_gen(2048), "RS256", EVP_sha256(), false);
}

static void p256(UNUSED void **state)
{
    check_key(EVP_EC_gen("P-256"), "ES256", EVP_sha256(), true);
}

static void p384(UNUSED void **state)
{
    check_key(EVP_EC_gen("P-384"), "ES384", EVP_sha384(), true);
}

static void ed25519(UNUSED void **state)
{
    check_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "EdDSA", NULL, false);
}

static void a_secret(UNUSED void **state)
{
    struct arena arena = {0};
    struct str jwt;
    CLEANUP(buf_deinit) struct buf signature = {0};
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    assert_int_equal(client_assertion_sign_secret(&about, STR("s3cret"), &arena, &jwt, NULL),
                     STATUS_OK);
    struct parts parts = cut(jwt);
    check_claims(parts, "HS256");
    decode(parts.signature, &signature);
    HMAC(EVP_sha256(), "s3cret", 6, (const unsigned char *)parts.signed_text.data,
         parts.signed_text.len, mac, &len);
    assert_true(str_eq(buf_str(&signature), (struct str){.data = (const char *)mac, .len = len}));
    arena_deinit(&arena);
}

/** PS256 only where the server takes it and not RS256 (RFC 8414 §2). */
static void rsa_as_the_server_understands_it(UNUSED void **state)
{
    static const struct {
        struct str offered[2];
        size_t count;
        const char *algorithm;
    } rows[] = {
        {{STR_INIT("PS256"), STR_INIT("RS256")}, 2, "RS256"},
        {{STR_INIT("PS256"), STR_INIT("ES256")}, 2, "PS256"},
        {{STR_INIT("ES256")}, 1, "RS256"}, /* it says what is wrong better than we can */
    };
    EVP_PKEY *key = EVP_RSA_gen(2048);
    CLEANUP(buf_deinit) struct buf pem = {0};
    key_to_pem(key, &pem);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client_assertion one = about;
        struct arena arena = {0};
        struct str jwt;
        CLEANUP(buf_deinit) struct buf signature = {0};
        one.algorithms = rows[i].offered;
        one.algorithm_count = rows[i].count;
        assert_int_equal(client_assertion_sign_key(&one, buf_str(&pem), &arena, &jwt, NULL),
                         STATUS_OK);
        struct parts parts = cut(jwt);
        check_claims(parts, rows[i].algorithm);
        decode(parts.signature, &signature);
        EVP_PKEY_CTX *key_context = NULL;
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        assert_int_equal(EVP_DigestVerifyInit(context, &key_context, EVP_sha256(), NULL, key), 1);
        if (strcmp(rows[i].algorithm, "PS256") == 0) {
            EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING);
            EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, 32);
        }
        assert_int_equal(
            EVP_DigestVerify(context, (const unsigned char *)signature.data, signature.len,
                             (const unsigned char *)parts.signed_text.data, parts.signed_text.len),
            1);
        EVP_MD_CTX_free(context);
        arena_deinit(&arena);
    }
    EVP_PKEY_free(key);
}

/** What is wrong is said, and none of it shown. */
static void what_is_no_key_is_told_apart(UNUSED void **state)
{
    static const struct {
        const char *pem, *says;
    } rows[] = {
        {"s3cret", "got no PEM block"},
        {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "can't be read"},
        {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
         "got an encrypted key"},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "got a certificate"},
        {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "got a public key"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error err = {0};
        assert_int_equal(client_key_check(str_c(rows[i].pem), &err), STATUS_INVALID);
        assert_true(str_starts_with(str_c(err.text), STR("private_key: expected a PEM")));
        if (!str_contains(str_c(err.text), str_c(rows[i].says)))
            fail_msg("%s: says \"%s\"", rows[i].pem, err.text);
        assert_false(str_contains(str_c(err.text), STR("s3cret")));
    }
}

static void keys_that_are_refused(UNUSED void **state)
{
    EVP_PKEY *keys[] = {EVP_RSA_gen(1024), EVP_EC_gen("secp256k1"), EVP_EC_gen("P-521"),
                        EVP_PKEY_Q_keygen(NULL, NULL, "X25519")};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        CLEANUP(buf_deinit) struct buf pem = {0};
        struct error err = {0};
        key_to_pem(keys[i], &pem);
        assert_int_equal(client_key_check(buf_str(&pem), &err), STATUS_INVALID);
        EVP_PKEY_free(keys[i]);
    }
}

static X509 *self_signed(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

static void a_certificate_and_its_key(UNUSED void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY *other = EVP_EC_gen("P-256");
    X509 *certificate = self_signed(key);
    CLEANUP(buf_deinit) struct buf key_pem = {0};
    CLEANUP(buf_deinit) struct buf other_pem = {0};
    CLEANUP(profile_freep)
    struct profile *profile = parse_profile_text(
        STR("{\"id\":\"p\",\"token_endpoint\":\"https://as.example.com/t\","
            "\"mtls_endpoint_aliases\":{\"token_endpoint\":\"https://mtls.example.com/t\"}}"),
        "p.json");
    CLEANUP(oauth_message_deinit) struct oauth_message message = {0};
    struct error err = {0};
    char *data;
    key_to_pem(key, &key_pem);
    key_to_pem(other, &other_pem);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    struct str pem = {.len = (size_t)BIO_get_mem_data(bio, &data)};
    pem.data = data;
    assert_int_equal(client_certificate_check(pem, buf_str(&key_pem), &err), STATUS_OK);
    assert_int_equal(client_certificate_check(pem, buf_str(&other_pem), &err), STATUS_INVALID);
    struct oauth_client client = {.client_id = STR("id"),
                                  .method = AUTH_TLS_CLIENT_AUTH,
                                  .secret = buf_str(&key_pem),
                                  .certificate = pem};
    struct oauth_refresh refresh = {
        .profile = profile, .client = &client, .refresh_token = STR("RT1")};
    assert_int_equal(oauth_build_refresh(&refresh, &message, &err), STATUS_OK);
    assert_true(str_eq(message.url, STR("https://mtls.example.com/t")));
    assert_true(str_eq(message.tls_certificate, pem));
    assert_true(str_eq(message.tls_key, buf_str(&key_pem)));
    assert_true(str_eq(secret_str(message.body),
                       STR("grant_type=refresh_token&refresh_token=RT1&client_id=id")));
    BIO_free(bio);
    X509_free(certificate);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

/** The audience is the profile's choice: token endpoint, issuer, or a text of its own. */
static void audiences(UNUSED void **state)
{
    static const struct {
        const char *habit, *audience;
    } rows[] = {
        {"", "https://as.example.com/t"},
        {"\"assertion_audience\":\"token_endpoint\"", "https://as.example.com/t"},
        {"\"assertion_audience\":\"issuer\"", "https://as.example.com"},
        {"\"assertion_audience\":\"https://other.example\"", "https://other.example"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[400];
        (void)snprintf(text, sizeof(text),
                       "{\"id\":\"p\",\"issuer\":\"https://as.example.com\","
                       "\"token_endpoint\":\"https://as.example.com/t\","
                       "\"habits\":{\"request\":{\"body_format\":\"json\"%s%s}}}",
                       rows[i].habit[0] != '\0' ? "," : "", rows[i].habit);
        CLEANUP(profile_freep) struct profile *profile = parse_profile_text(str_c(text), "p.json");
        CLEANUP(oauth_message_deinit) struct oauth_message message = {0};
        CLEANUP(json_freep) struct json *body = NULL;
        struct oauth_client client = {
            .client_id = STR("id"), .method = AUTH_CLIENT_SECRET_JWT, .secret = STR("s")};
        struct oauth_refresh refresh = {
            .profile = profile, .client = &client, .refresh_token = STR("RT1")};
        assert_int_equal(oauth_build_refresh(&refresh, &message, NULL), STATUS_OK);
        assert_int_equal(json_parse(secret_str(message.body), JSON_LIMITS_DEFAULT, &body, NULL),
                         STATUS_OK);
        CLEANUP(json_freep)
        struct json *claims =
            decode_json(cut(json_text(json_get(body, "client_assertion"))).claims);
        assert_true(str_eq(json_text(json_get(claims, "aud")), str_c(rows[i].audience)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rsa),
        cmocka_unit_test(p256),
        cmocka_unit_test(p384),
        cmocka_unit_test(ed25519),
        cmocka_unit_test(a_secret),
        cmocka_unit_test(rsa_as_the_server_understands_it),
        cmocka_unit_test(what_is_no_key_is_told_apart),
        cmocka_unit_test(keys_that_are_refused),
        cmocka_unit_test(a_certificate_and_its_key),
        cmocka_unit_test(audiences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
