/* Revoking a grant at its provider: RFC 7009, and the habits that differ from it. */
#include "oauth/revoke_request.h"

#include "unit/oauth/support_profiles.h"

#include <string.h>

#define TOP "{\"id\":\"p\",\"token_endpoint\":\"https://as.example.com/token\""
#define RFC TOP ",\"revocation_endpoint\":\"https://as.example.com/revoke\"}"
#define HABIT(members) \
    TOP ",\"habits\":{\"revoke\":{\"endpoint\":\"https://as.example.com/" members "}}}"

static const struct request_row {
    const char *name, *profile;
    enum auth_method method;
    bool is_access_token;
    const char *http_method, *url, *body, *header, *value;
} request_rows[] = {
    {"RFC 7009", RFC, AUTH_CLIENT_SECRET_BASIC, false, "POST", "https://as.example.com/revoke",
     "token=T%2F1&token_type_hint=refresh_token", "Authorization", "Basic aWQ6cw=="},
    {"an access token, where there is no other", RFC, AUTH_CLIENT_SECRET_POST, true, "POST",
     "https://as.example.com/revoke",
     "token=T%2F1&token_type_hint=access_token&client_id=id&client_secret=s", "Content-Type",
     "application/x-www-form-urlencoded"},
    {"a public client", RFC, AUTH_NONE, false, "POST", "https://as.example.com/revoke",
     "token=T%2F1&token_type_hint=refresh_token&client_id=id", "Accept", "application/json"},
    {"DELETE with the client's id in the path",
     HABIT(
         "apps/{client_id}/grant\",\"method\":\"DELETE\",\"body_format\":\"json\",\"token_param\":"
         "\"access_token\",\"token\":\"access_token\",\"auth\":\"basic\""),
     AUTH_CLIENT_SECRET_POST, true, "DELETE", "https://as.example.com/apps/id/grant",
     "{\"access_token\":\"T/1\"}", "Authorization", "Basic aWQ6cw=="},
    {"the token itself says who asks", HABIT("revoke\",\"auth\":\"bearer\""), AUTH_NONE, true,
     "POST", "https://as.example.com/revoke", "", "Authorization", "Bearer T/1"},
    {"a query", HABIT("revoke\",\"method\":\"GET\",\"auth\":\"none\",\"token_param\":\"t\""),
     AUTH_CLIENT_SECRET_POST, false, "GET", "https://as.example.com/revoke?t=T%2F1", NULL, "Accept",
     "application/json"},
};

static struct str find_header(const struct oauth_message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (str_eq_nocase(message->headers[i].name, str_c(name)))
            return message->headers[i].value;
    }
    return STR_NONE;
}

static void check_text(const char *row, const char *wanted, struct str got)
{
    if (!str_eq(str_c(wanted), got))
        fail_msg("%s: wanted %s, got " STR_FMT, row, wanted, STR_ARG(got));
}

static enum status build(const struct profile *profile, enum auth_method method, struct str token,
                         bool is_access_token, struct oauth_message *message, struct error *err)
{
    const struct oauth_client client = {
        .client_id = STR("id"), .method = method, .secret = STR("s")};
    const struct oauth_revocation revocation = {.profile = profile,
                                                .client = &client,
                                                .token = token,
                                                .is_access_token = is_access_token,
                                                .now_wall_ms = 1750000000000};
    return oauth_build_revocation(&revocation, message, err);
}

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(request_rows); i++) {
        const struct request_row *row = &request_rows[i];
        CLEANUP(profile_freep)
        struct profile *profile = parse_profile_text(str_c(row->profile), "p.json");
        struct oauth_message message = {0};
        struct error err = {0};
        if (build(profile, row->method, STR("T/1"), row->is_access_token, &message, &err) !=
            STATUS_OK)
            fail_msg("%s: %s", row->name, err.text);
        check_text(row->name, row->http_method, message.method);
        check_text(row->name, row->url, message.url);
        check_text(row->name, row->value, find_header(&message, row->header));
        if (row->body != NULL)
            check_text(row->name, row->body, secret_str(message.body));
        else
            assert_null(message.body);
        oauth_message_deinit(&message);
    }
}

static void test_a_token_stays_in_its_part_of_the_path(void **state)
{
    (void)state;
    CLEANUP(profile_freep)
    struct profile *profile = parse_profile_text(
        str_c(HABIT("tokens/{token}\",\"method\":\"DELETE\",\"body_format\":\"none\"")), "p.json");
    struct oauth_message message = {0};
    struct error err = {0};
    assert_int_equal(build(profile, AUTH_NONE, STR("abc+d"), false, &message, &err), STATUS_OK);
    check_text("path", "https://as.example.com/tokens/abc%2Bd", message.url);
    assert_true(message.url_is_secret);
    assert_null(message.body);
    oauth_message_deinit(&message);
    message = (struct oauth_message){0};
    assert_int_equal(build(profile, AUTH_NONE, STR("../x"), false, &message, &err), STATUS_INVALID);
}

static void test_without_an_endpoint_there_is_no_way(void **state)
{
    (void)state;
    CLEANUP(profile_freep) struct profile *profile = parse_profile_text(str_c(TOP "}"), "p.json");
    struct oauth_message message = {0};
    struct error err = {0};
    assert_false(profile_can_revoke(profile));
    assert_int_equal(build(profile, AUTH_NONE, STR("T"), false, &message, &err), STATUS_INVALID);
}

static void test_a_host_can_not_be_the_clients(void **state)
{
    (void)state;
    static const char *const bad[] = {"https://{client_id}.example.com/revoke",
                                      "https://as.example.com/{client_secret}", "http://x.com/y"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char text[256];
        (void)snprintf(text, sizeof(text), TOP ",\"habits\":{\"revoke\":{\"endpoint\":\"%s\"}}}",
                       bad[i]);
        CLEANUP(json_freep) struct json *json = NULL;
        struct profile *profile = NULL;
        struct error err = {0};
        assert_int_equal(json_parse(str_c(text), JSON_LIMITS_DEFAULT, &json, &err), STATUS_OK);
        if (profile_parse(json, STR("p.json"), false, &profile, &err) != STATUS_INVALID)
            fail_msg("%s", bad[i]);
        assert_non_null(strstr(err.text, "habits.revoke.endpoint"));
    }
}

static const struct answer_row {
    const char *name, *profile;
    int status;
    const char *body;
    enum revoke_outcome outcome;
    const char *reason;
} answer_rows[] = {
    {"done", RFC, 200, "", REVOKE_DONE, "ok"},
    {"done, with an object", RFC, 200, "{}", REVOKE_DONE, "ok"},
    {"done, nothing to say", RFC, 204, "", REVOKE_DONE, "ok"},
    {"a token that is not known", RFC, 400, "{\"error\":\"invalid_token\"}", REVOKE_DONE,
     "invalid_token"},
    {"200 that says no", RFC, 200, "{\"ok\":false,\"error\":\"not_allowed\"}", REVOKE_REFUSED,
     "not_allowed"},
    {"200, already revoked", RFC, 200, "{\"ok\":false,\"error\":\"token_revoked\"}", REVOKE_DONE,
     "token_revoked"},
    {"200 that says no without a word", RFC, 200, "{\"ok\":false}", REVOKE_REFUSED, "http_200"},
    {"the client is refused", RFC, 401, "{\"error\":\"invalid_client\"}", REVOKE_LATER,
     "invalid_client"},
    {"the client is refused, 400", RFC, 400, "{\"error\":\"invalid_client\"}", REVOKE_LATER,
     "invalid_client"},
    {"not supported", RFC, 400, "{\"error\":\"unsupported_token_type\"}", REVOKE_REFUSED,
     "unsupported_token_type"},
    {"503", RFC, 503, "", REVOKE_LATER, "http_503"},
    {"429", RFC, 429, "{}", REVOKE_LATER, "http_429"},
    {"a redirect", RFC, 302, "", REVOKE_LATER, "http_302"},
    {"404", RFC, 404, "<html>", REVOKE_REFUSED, "http_404"},
    {"404 of a DELETE", HABIT("t/{token}\",\"method\":\"DELETE\""), 404, "", REVOKE_DONE,
     "http_404"},
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answer_rows); i++) {
        const struct answer_row *row = &answer_rows[i];
        CLEANUP(profile_freep)
        struct profile *profile = parse_profile_text(str_c(row->profile), "p.json");
        const struct oauth_answer answer = {.status = row->status, .body = str_c(row->body)};
        struct revoke_verdict verdict;
        oauth_read_revocation(profile, &answer, &verdict);
        if (verdict.outcome != row->outcome || strcmp(verdict.reason, row->reason) != 0)
            fail_msg("%s: %d %s", row->name, (int)verdict.outcome, verdict.reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_a_token_stays_in_its_part_of_the_path),
        cmocka_unit_test(test_without_an_endpoint_there_is_no_way),
        cmocka_unit_test(test_a_host_can_not_be_the_clients),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests_name("revoke request", tests, NULL, NULL);
}
