/* WWW-Authenticate, as APIs really send it. */
#include "unit/common/rows.h"

#include "oauth/challenge.h"
#include "oauth/grant_probe.h"

static void a_challenge_is_read_as_rfc_9110_has_it(void **state)
{
    (void)state;
    static const struct {
        const char *name, *header;
        bool says;
    } rows[] = {
        {"as RFC 6750 shows it",
         "Bearer realm=\"example\", error=\"invalid_token\", error_description=\"expired\"", true},
        {"without a realm", "Bearer error=\"invalid_token\"", true},
        {"a token instead of a text", "Bearer error=invalid_token", true},
        {"in any case", "bearer ERROR=\"invalid_token\"", true},
        {"of a bound token", "DPoP algs=\"ES256\", error=\"invalid_token\"", true},
        {"blanks around the sign", "Bearer error = \"invalid_token\"", true},
        {"second of two", "Basic realm=\"a, b\", Bearer error=\"invalid_token\"", true},
        {"behind a token68", "Negotiate YWJj==, Bearer error=\"invalid_token\"", true},
        {"behind a bare scheme", "Negotiate, Bearer error=\"invalid_token\"", true},
        {"empty members", " , ,Bearer ,error=\"invalid_token\", ,", true},
        {"a text with a quoted byte", "Bearer error=\"invalid\\_token\"", true},
        {"another error", "Bearer error=\"insufficient_scope\"", false},
        {"in the description only", "Bearer error_description=\"invalid_token\"", false},
        {"in a text of another parameter", "Bearer realm=\"error=\\\"invalid_token\\\"\"", false},
        {"of another scheme", "Digest error=\"invalid_token\", Bearer realm=\"x\"", false},
        {"longer", "Bearer error=\"invalid_tokens\"", false},
        {"shorter", "Bearer error=\"invalid_toke\"", false},
        {"a prefix in a text that does not end", "Bearer error=\"invalid_token", false},
        {"ends in a backslash", "Bearer error=\"invalid_token\\", false},
        {"no value", "Bearer error=", false},
        {"nothing", "", false},
        {"no challenge at all", "\"invalid_token\"", false},
        {"a name without a scheme", "error=\"invalid_token\"", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (challenge_says(str_c(rows[i].header), STR("invalid_token")) != rows[i].says)
            fail_msg("%s: %s", rows[i].name, rows[i].header);
    }
}

static void one_that_is_too_long_says_nothing(void **state)
{
    (void)state;
    static char header[CHALLENGE_HEADER_MAX + 64];
    memset(header, ' ', sizeof(header) - 1);
    memcpy(header, "Bearer error=\"invalid_token\",", 29);
    assert_false(challenge_says(str_c(header), STR("invalid_token")));
    header[CHALLENGE_HEADER_MAX] = '\0';
    assert_true(challenge_says(str_c(header), STR("invalid_token")));
}

static void an_introspection_is_believed_only_where_it_is_clear(void **state)
{
    (void)state;
    static const char text[] =
        "{\"id\":\"p\",\"name\":\"p\",\"token_endpoint\":\"https://p.example/t\"}";
    struct json *json = NULL;
    struct profile *profile = NULL;
    assert_int_equal(json_parse(str_c(text), JSON_LIMITS_DEFAULT, &json, NULL), STATUS_OK);
    assert_int_equal(profile_parse(json, STR("p"), false, &profile, NULL), STATUS_OK);
    static const struct {
        const char *name;
        int status;
        const char *body;
        enum grant_probe verdict;
    } rows[] = {
        {"active", 200, "{\"active\":true,\"sub\":\"1\"}", GRANT_PROBE_ALIVE},
        {"not", 200, "{\"active\":false}", GRANT_PROBE_SUSPICIOUS},
        {"a text", 200, "{\"active\":\"false\"}", GRANT_PROBE_NOTHING},
        {"nothing said", 200, "{}", GRANT_PROBE_NOTHING},
        {"HTML", 200, "<html>", GRANT_PROBE_NOTHING},
        {"cut off", 200, "{\"active\":false", GRANT_PROBE_NOTHING},
        {"the client is refused", 401, "{\"error\":\"invalid_client\"}", GRANT_PROBE_NOTHING},
        {"away", 503, "{\"active\":false}", GRANT_PROBE_NOTHING},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct oauth_answer answer = {.status = rows[i].status, .body = str_c(rows[i].body)};
        if (oauth_read_introspection(profile, &answer) != rows[i].verdict)
            fail_msg("%s", rows[i].name);
    }
    profile_free(profile);
    json_free(json);
}

static void userinfo_speaks_by_its_status(void **state)
{
    (void)state;
    static const struct oauth_header of_token[] = {
        {STR_INIT("WWW-Authenticate"), STR_INIT("Basic realm=\"x\"")},
        {STR_INIT("www-authenticate"), STR_INIT("Bearer error=\"invalid_token\"")},
    };
    static const struct {
        const char *name;
        int status;
        size_t headers;
        enum grant_probe verdict;
    } rows[] = {
        {"an answer", 200, 0, GRANT_PROBE_ALIVE},
        {"unauthorized", 401, 0, GRANT_PROBE_SUSPICIOUS},
        {"forbidden", 403, 1, GRANT_PROBE_NOTHING},
        {"forbidden for its token, said second", 403, 2, GRANT_PROBE_SUSPICIOUS},
        {"gone", 404, 2, GRANT_PROBE_NOTHING},
        {"away", 502, 2, GRANT_PROBE_NOTHING},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct oauth_answer answer = {
            .status = rows[i].status, .headers = of_token, .header_count = rows[i].headers};
        if (oauth_read_userinfo_probe(&answer) != rows[i].verdict)
            fail_msg("%s", rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_challenge_is_read_as_rfc_9110_has_it),
        cmocka_unit_test(one_that_is_too_long_says_nothing),
        cmocka_unit_test(an_introspection_is_believed_only_where_it_is_clear),
        cmocka_unit_test(userinfo_speaks_by_its_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
