/* Security events as transmitters send them, and as forgers would. */
#include "unit/common/rows.h"

#include "oauth/security_event.h"
#include "support/fake_transmitter.h"

#include <stdio.h>

#define NOW_S INT64_C(1800000000)
#define REVOKED "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
#define ES256 "{\"alg\":\"ES256\",\"typ\":\"secevent+jwt\",\"kid\":\"k\"}"
#define RS256 "{\"alg\":\"RS256\",\"typ\":\"secevent+jwt\",\"kid\":\"k-rsa\"}"
#define CLAIMS(iss, aud, jti, iat, events)                                                        \
    "{\"iss\":\"" iss "\",\"aud\":" aud ",\"jti\":\"" jti "\",\"iat\":" iat ",\"events\":" events \
    "}"
#define ISS "https://idp.example"
#define AUD "\"client-1\""
#define IAT "1799999990"
#define ISS_SUB "{\"format\":\"iss_sub\",\"iss\":\"https://idp.example\",\"sub\":\"1093\"}"
#define EVENTS "{\"" REVOKED "\":{\"subject\":" ISS_SUB "}}"
#define GOOD CLAIMS(ISS, AUD, "j-1", IAT, EVENTS)

struct row {
    const char *name;
    enum fake_signature how;
    const char *header, *claims;
    enum security_event_verdict verdict;
    const char *error; /* of a bad one */
};

static const struct row rows[] = {
    {"signed by an EC key", FAKE_SIGN_ES256, ES256, GOOD, SECURITY_EVENT_GOOD, NULL},
    {"signed by an RSA key", FAKE_SIGN_RS256, RS256, GOOD, SECURITY_EVENT_GOOD, NULL},
    {"without a key id, one key fits", FAKE_SIGN_ES256,
     "{\"alg\":\"ES256\",\"typ\":\"secevent+jwt\"}", GOOD, SECURITY_EVENT_GOOD, NULL},
    {"its type in full", FAKE_SIGN_ES256,
     "{\"alg\":\"ES256\",\"typ\":\"application/secevent+jwt\",\"kid\":\"k\"}", GOOD,
     SECURITY_EVENT_GOOD, NULL},
    {"one audience of several", FAKE_SIGN_ES256, ES256,
     CLAIMS(ISS, "[\"x\",\"client-1\"]", "j-1", IAT, EVENTS), SECURITY_EVENT_GOOD, NULL},

    {"alg none", FAKE_SIGN_NOT, "{\"alg\":\"none\",\"typ\":\"secevent+jwt\"}", GOOD,
     SECURITY_EVENT_BAD, "invalid_key"},
    {"alg None", FAKE_SIGN_NOT, "{\"alg\":\"None\",\"typ\":\"secevent+jwt\",\"kid\":\"k\"}", GOOD,
     SECURITY_EVENT_BAD, "invalid_key"},
    {"no alg", FAKE_SIGN_NOT, "{\"typ\":\"secevent+jwt\",\"kid\":\"k\"}", GOOD, SECURITY_EVENT_BAD,
     "invalid_key"},
    {"the public key as a shared secret", FAKE_SIGN_HS256_PUBLIC,
     "{\"alg\":\"HS256\",\"typ\":\"secevent+jwt\",\"kid\":\"k-rsa\"}", GOOD, SECURITY_EVENT_BAD,
     "invalid_key"},
    {"the same, called RS256", FAKE_SIGN_HS256_PUBLIC, RS256, GOOD, SECURITY_EVENT_BAD,
     "authentication_failed"},
    {"another algorithm's key", FAKE_SIGN_ES256,
     "{\"alg\":\"ES256\",\"typ\":\"secevent+jwt\",\"kid\":\"k-rsa\"}", GOOD, SECURITY_EVENT_BAD,
     "invalid_key"},
    {"no signature", FAKE_SIGN_NOT, ES256, GOOD, SECURITY_EVENT_BAD, "authentication_failed"},
    {"a signature of zeros", FAKE_SIGN_ZEROS, ES256, GOOD, SECURITY_EVENT_BAD,
     "authentication_failed"},
    {"a signature as ASN.1", FAKE_SIGN_DER, ES256, GOOD, SECURITY_EVENT_BAD,
     "authentication_failed"},
    {"a bit of the signature turned", FAKE_SIGN_FLIPPED, ES256, GOOD, SECURITY_EVENT_BAD,
     "authentication_failed"},
    {"a key of its own in the header", FAKE_SIGN_ES256,
     "{\"alg\":\"ES256\",\"typ\":\"secevent+jwt\",\"kid\":\"evil\",\"jwk\":{\"kty\":\"EC\"},"
     "\"jku\":\"https://evil.example\"}",
     GOOD, SECURITY_EVENT_UNKNOWN_KEY, "invalid_key"},
    {"a key id that is no text", FAKE_SIGN_ES256,
     "{\"alg\":\"ES256\",\"typ\":\"secevent+jwt\",\"kid\":7}", GOOD, SECURITY_EVENT_UNKNOWN_KEY,
     "invalid_key"},
    {"a critical header", FAKE_SIGN_ES256,
     "{\"alg\":\"ES256\",\"typ\":\"secevent+jwt\",\"kid\":\"k\",\"crit\":[\"b64\"],\"b64\":false}",
     GOOD, SECURITY_EVENT_BAD, "invalid_request"},
    {"an ID token", FAKE_SIGN_ES256, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k\"}", GOOD,
     SECURITY_EVENT_BAD, "invalid_request"},
    {"no type", FAKE_SIGN_ES256, "{\"alg\":\"ES256\",\"kid\":\"k\"}", GOOD, SECURITY_EVENT_BAD,
     "invalid_request"},

    {"another issuer's", FAKE_SIGN_ES256, ES256,
     CLAIMS("https://evil.example", AUD, "j-1", IAT, EVENTS), SECURITY_EVENT_BAD, "invalid_issuer"},
    {"for another audience", FAKE_SIGN_ES256, ES256,
     CLAIMS(ISS, "\"client-2\"", "j-1", IAT, EVENTS), SECURITY_EVENT_BAD, "invalid_audience"},
    {"for nobody", FAKE_SIGN_ES256, ES256, CLAIMS(ISS, "[]", "j-1", IAT, EVENTS),
     SECURITY_EVENT_BAD, "invalid_audience"},
    {"under another id", FAKE_SIGN_ES256, ES256, CLAIMS(ISS, AUD, "j-2", IAT, EVENTS),
     SECURITY_EVENT_BAD, "invalid_request"},
    {"made in the future", FAKE_SIGN_ES256, ES256, CLAIMS(ISS, AUD, "j-1", "1800000400", EVENTS),
     SECURITY_EVENT_BAD, "invalid_request"},
    {"a little ahead", FAKE_SIGN_ES256, ES256, CLAIMS(ISS, AUD, "j-1", "1800000200", EVENTS),
     SECURITY_EVENT_GOOD, NULL},
    {"eight days old", FAKE_SIGN_ES256, ES256, CLAIMS(ISS, AUD, "j-1", "1799308800", EVENTS),
     SECURITY_EVENT_BAD, "invalid_request"},
    {"made at a text", FAKE_SIGN_ES256, ES256, CLAIMS(ISS, AUD, "j-1", "\"1799999990\"", EVENTS),
     SECURITY_EVENT_BAD, "invalid_request"},
    {"no events", FAKE_SIGN_ES256, ES256, CLAIMS(ISS, AUD, "j-1", IAT, "{}"), SECURITY_EVENT_BAD,
     "invalid_request"},
    {"a claim twice", FAKE_SIGN_ES256, ES256,
     "{\"iss\":\"" ISS "\",\"iss\":\"" ISS "\",\"aud\":" AUD ",\"jti\":\"j-1\",\"iat\":" IAT
     ",\"events\":" EVENTS "}",
     SECURITY_EVENT_BAD, "invalid_request"},
    {"claims that are no object", FAKE_SIGN_ES256, ES256, "[]", SECURITY_EVENT_BAD,
     "invalid_request"},
};

static struct fake_transmitter *transmitter;
static struct json *keys;

static enum security_event_verdict read_set(struct str id, struct str jwt, struct arena *arena,
                                            struct security_event *event)
{
    const struct security_event_rules rules = {
        .issuer = STR(ISS), .audience = STR("client-1"), .keys = keys, .now_wall_ms = NOW_S * 1000};
    return security_event_read(&rules, id, jwt, arena, event);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct arena arena = {0};
    struct buf jwt = {0};
    struct security_event event;
    fake_transmitter_sign(transmitter, row->how, row->header, row->claims, &jwt);
    assert_int_equal(read_set(STR("j-1"), buf_str(&jwt), &arena, &event), row->verdict);
    if (row->error != NULL) {
        assert_string_equal(event.error, row->error);
        assert_false(event.concerns);
    } else {
        assert_true(event.concerns);
        assert_true(str_eq(event.subject, STR("1093")));
    }
    buf_deinit(&jwt);
    arena_deinit(&arena);
}

static void what_is_no_token_is_refused(void **state UNUSED)
{
    static char long_one[SECURITY_EVENT_MAX + 2];
    memset(long_one, 'a', sizeof(long_one) - 1);
    long_one[10] = long_one[20] = '.';
    const char *const texts[] = {"", ".", "..", "a.b", "a.b.c", "a.b.c.d", "e30.e30.", long_one};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct arena arena = {0};
        struct security_event event;
        assert_int_equal(read_set(STR("j-1"), str_c(texts[i]), &arena, &event), SECURITY_EVENT_BAD);
        arena_deinit(&arena);
    }
}

/* What it is about. */
struct subject_row {
    const char *name, *events, *more;
    bool concerns;
    const char *subject, *email;
};

#define OF(type, subject) "{\"" type "\":{\"subject\":" subject "}}"
#define RISC "https://schemas.openid.net/secevent/risc/event-type/"

static const struct subject_row subject_rows[] = {
    {"CAEP session revoked", OF(REVOKED, ISS_SUB), "", true, "1093", NULL},
    {"RISC account disabled", OF(RISC "account-disabled", ISS_SUB), "", true, "1093", NULL},
    {"RISC token revoked", OF(RISC "token-revoked", ISS_SUB), "", true, "1093", NULL},
    {"RISC sessions revoked", OF(RISC "sessions-revoked", ISS_SUB), "", true, "1093", NULL},
    {"RISC as it was",
     OF(RISC "account-disabled",
        "{\"subject_type\":\"iss-sub\",\"iss\":\"https://idp.example\",\"sub\":"
        "\"1093\"}"),
     "", true, "1093", NULL},
    {"an address", OF(REVOKED, "{\"format\":\"email\",\"email\":\"ana@example.com\"}"), "", true,
     NULL, "ana@example.com"},
    {"a complex subject", OF(REVOKED, "{\"format\":\"complex\",\"user\":" ISS_SUB "}"), "", true,
     "1093", NULL},
    {"sub_id beside the events", "{\"" REVOKED "\":{}}", ",\"sub_id\":" ISS_SUB, true, "1093",
     NULL},
    {"a verification",
     OF("https://schemas.openid.net/secevent/ssf/event-type/verification", ISS_SUB), "", false,
     NULL, NULL},
    {"a credential changed",
     OF("https://schemas.openid.net/secevent/caep/event-type/"
        "credential-change",
        ISS_SUB),
     "", false, NULL, NULL},
    {"nobody", OF(REVOKED, "{\"format\":\"phone_number\"}"), "", true, NULL, NULL},
};

static void check_subject(void **state)
{
    const struct subject_row *row = *state;
    struct arena arena = {0};
    struct buf jwt = {0};
    struct security_event event;
    char claims[1024];
    snprintf(claims, sizeof(claims),
             "{\"iss\":\"" ISS "\",\"aud\":" AUD ",\"jti\":\"j-1\",\"iat\":" IAT
             ",\"events\":%s%s}",
             row->events, row->more);
    fake_transmitter_sign(transmitter, FAKE_SIGN_ES256, ES256, claims, &jwt);
    assert_int_equal(read_set(STR("j-1"), buf_str(&jwt), &arena, &event), SECURITY_EVENT_GOOD);
    assert_int_equal(event.concerns, row->concerns);
    assert_true(str_eq(event.subject, row->subject == NULL ? STR("") : str_c(row->subject)));
    assert_true(str_eq(event.email, row->email == NULL ? STR("") : str_c(row->email)));
    buf_deinit(&jwt);
    arena_deinit(&arena);
}

int main(void)
{
    transmitter = fake_transmitter_new("k");
    struct buf jwks = {0};
    fake_transmitter_jwks(transmitter, &jwks);
    if (json_parse(buf_str(&jwks), JSON_LIMITS_DEFAULT, &keys, NULL) != STATUS_OK)
        return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_no_token_is_refused)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    failed += RUN_ROWS(rows, check_row);
    failed += RUN_ROWS(subject_rows, check_subject);
    json_free(keys);
    buf_deinit(&jwks);
    fake_transmitter_free(transmitter);
    return failed;
}
