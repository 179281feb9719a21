/* What the vectors can't tell: the verdict's parts that --classify does not print. */
#include "oauth/classify.h"

#include "oauth/classify_json.h"
#include "unit/oauth/support_profiles.h"

static void classify(const char *profile_id, int status, const char *body,
                     struct oauth_verdict *verdict)
{
    CLEANUP(profile_freep) struct profile *profile = load_profile(str_c(profile_id));
    struct oauth_answer answer = {
        .status = status, .body = str_c(body), .now_wall_ms = 1750000000000};
    oauth_classify(profile, &answer, verdict);
}

/** Only invalid_client, or a table's word, is evidence against the credentials. */
static void evidence_against_the_client(UNUSED void **state)
{
    static const struct {
        const char *profile, *body;
        bool bare;
    } rows[] = {
        {"generic", "{\"error\":\"invalid_client\"}", true},
        {"generic", "{\"error\":\"Invalid_Client\"}", true},
        {"generic", "{\"error\":\"unauthorized_client\"}", false},
        {"generic", "{\"error\":\"invalid_request\"}", false},
        {"slack", "{\"ok\":false,\"error\":\"bad_client_secret\"}", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(oauth_verdict_deinit) struct oauth_verdict verdict = {0};
        classify(rows[i].profile, 400, rows[i].body, &verdict);
        assert_int_equal(verdict.outcome, OUTCOME_CLIENT_REJECTED);
        if (verdict.bare_invalid_client != rows[i].bare)
            fail_msg("%s %s", rows[i].profile, rows[i].body);
    }
}

static void tokens_and_their_kin(UNUSED void **state)
{
    CLEANUP(oauth_verdict_deinit) struct oauth_verdict verdict = {0};
    classify("generic", 200,
             "{\"access_token\":\"AT1\",\"token_type\":\"bEaReR\",\"id_token\":\"a.b.c\"}",
             &verdict);
    assert_int_equal(verdict.outcome, OUTCOME_REFRESHED);
    assert_true(str_eq(verdict.token_type, STR("bEaReR")));
    assert_true(str_eq(verdict.id_token, STR("a.b.c")));
    assert_false(str_is_set(verdict.refresh_token));
    assert_false(str_is_set(verdict.scope));
    assert_int_equal(verdict.expires_in_s, -1);
    assert_string_equal(verdict.provider_message, "");
}

/** C0, DEL and C1 at any place of a token, however long; what is only above ASCII may stay. */
static void no_control_in_a_token(UNUSED void **state)
{
    enum { LONG = 140 };
    CLEANUP(profile_freep) struct profile *profile = load_profile(STR("generic"));
    static const struct {
        const char *character;
        bool is_control;
    } rows[] = {{"\\u0001", true},   {"\\u001f", true},  {"\x7f", true},
                {"\xc2\x80", true},  {"\xc2\x9f", true}, {"\xc2\xa0", false},
                {"\xc3\x80", false}, {" ", false},       {"~", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows) * (LONG + 1); i++) {
        size_t row = i / (LONG + 1), at = i % (LONG + 1);
        char body[3 * LONG];
        char before[LONG + 1], behind[LONG + 1];
        memset(before, 'a', sizeof(before));
        memset(behind, 'z', sizeof(behind));
        before[at] = behind[LONG - at] = '\0';
        (void)snprintf(body, sizeof(body), "{\"access_token\":\"%s%s%s\"}", before,
                       rows[row].character, behind);
        CLEANUP(oauth_verdict_deinit) struct oauth_verdict verdict = {0};
        const struct oauth_answer answer = {.status = 200, .body = str_c(body)};
        oauth_classify(profile, &answer, &verdict);
        assert_int_equal(verdict.outcome,
                         rows[row].is_control ? OUTCOME_MALFORMED : OUTCOME_REFRESHED);
    }
}

static void an_assumed_lifetime_says_so(UNUSED void **state)
{
    static const struct {
        const char *body;
        int64_t expires_in_s;
        bool assumed;
    } rows[] = {
        {"{\"access_token\":\"AT1\"}", 3600, true},
        {"{\"access_token\":\"AT1\",\"expires_in\":60}", 60, false},
        {"{\"access_token\":\"AT1\",\"expires_in\":null}", -1, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(oauth_verdict_deinit) struct oauth_verdict verdict = {0};
        classify("google", 200, rows[i].body, &verdict);
        assert_int_equal(verdict.expires_in_s, rows[i].expires_in_s);
        assert_int_equal(verdict.expires_assumed, rows[i].assumed);
    }
}

static void words_for_people(UNUSED void **state)
{
    static const struct {
        const char *profile, *body, *code, *message;
    } rows[] = {
        {"generic", "{\"error\":\"invalid_grant\",\"error_description\":\"a\\nb\"}",
         "invalid_grant", "a b"},
        {"generic", "{\"error\":\"x\",\"message\":\"m\"}", "x", "m"},
        {"hubspot", "{\"status\":\"BAD_REFRESH_TOKEN\",\"message\":\"m\"}", "BAD_REFRESH_TOKEN",
         "m"},
        {"facebook", "{\"error\":{\"message\":\"m\",\"code\":190}}", "", "m"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(oauth_verdict_deinit) struct oauth_verdict verdict = {0};
        classify(rows[i].profile, 400, rows[i].body, &verdict);
        assert_string_equal(verdict.provider_code, rows[i].code);
        assert_string_equal(verdict.provider_message, rows[i].message);
    }
}

static void claims_reach_the_caller(UNUSED void **state)
{
    CLEANUP(oauth_verdict_deinit) struct oauth_verdict verdict = {0};
    classify("microsoft-entra", 400,
             "{\"error\":\"interaction_required\",\"claims\":\"{\\\"a\\\":1}\"}", &verdict);
    assert_true(str_eq(verdict.claims, STR("{\"a\":1}")));
}

static void answers_that_are_none(UNUSED void **state)
{
    static const struct {
        const char *answer, *says;
    } rows[] = {
        {"[]", "answer: expected an object"},
        {"{}", "status: expected an HTTP status"},
        {"{\"status\":\"200\"}", "status: expected an HTTP status"},
        {"{\"status\":700}", "status: expected an HTTP status"},
        {"{\"status\":200,\"headers\":[]}", "headers: expected an object of texts"},
        {"{\"status\":200,\"headers\":{\"A\":1}}", "headers: expected an object of texts"},
        {"{\"status\":200,\"body\":{}}", "body: expected a text"},
        {"{\"status\":200,\"body_b64\":\"*\"}", "body_b64: expected base64"},
        {"{\"status\":200,\"body\":\"\",\"body_b64\":\"\"}", "expected one of body"},
        {"{\"status\":200,\"body_gen\":{\"repeat\":\"aaaa\",\"count\":4000000000}}", "at most"},
        {"{\"status\":200,\"body_gen\":{\"count\":1}}", "body_gen: expected"},
        {"{\"status\":200,\"now\":\"now\"}", "now: expected seconds"},
    };
    CLEANUP(profile_freep) struct profile *profile = load_profile(STR("generic"));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error err = {0};
        CLEANUP(json_freep) struct json *answer = NULL;
        struct json *verdict = NULL;
        assert_int_equal(json_parse(str_c(rows[i].answer), JSON_LIMITS_DEFAULT, &answer, &err),
                         STATUS_OK);
        assert_int_equal(oauth_classify_json(profile, answer, 0, &verdict, &err), STATUS_INVALID);
        assert_null(verdict);
        if (!str_contains(str_c(err.text), str_c(rows[i].says)))
            fail_msg("%s: says \"%s\"", rows[i].answer, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evidence_against_the_client),
        cmocka_unit_test(tokens_and_their_kin),
        cmocka_unit_test(no_control_in_a_token),
        cmocka_unit_test(an_assumed_lifetime_says_so),
        cmocka_unit_test(words_for_people),
        cmocka_unit_test(claims_reach_the_caller),
        cmocka_unit_test(answers_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
