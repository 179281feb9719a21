/* Whose grant it is: ID tokens, token responses, userinfo. */
#include "oauth/identity.h"

#include "common/encoding.h"
#include "unit/oauth/support_profiles.h"

#define NOW_S 1750000000
#define PROFILE(members)                                                                          \
    "{\"id\":\"p\",\"issuer\":\"https://as.example.com\",\"token_endpoint\":\"https://as.example" \
    ".com/token\",\"userinfo_endpoint\":\"https://as.example.com/me\"" members "}"
#define IDENTITY(members) PROFILE(",\"habits\":{\"identity\":{" members "}}")
#define GOOD "\"iss\":\"https://as.example.com\",\"sub\":\"1093\",\"aud\":\"id\",\"exp\":1750000600"

static void write_jwt(const char *claims, struct buf *out)
{
    buf_append(out, STR("eyJhbGciOiJub25lIn0."));
    encoding_base64url(str_c(claims), out);
    buf_append(out, STR(".c2ln"));
}

struct token_row {
    const char *name, *profile, *claims, *nonce;
    const char *issuer, *id, *label; /* id NULL: refused */
    const char *says;
};

static const struct token_row token_rows[] = {
    {"issuer and subject", PROFILE(""), "{" GOOD "}", NULL, "https://as.example.com", "1093", NULL,
     NULL},
    {"an address to show", PROFILE(""), "{" GOOD ",\"email\":\"ana@example.com\",\"name\":\"Ana\"}",
     NULL, "https://as.example.com", "1093", "ana@example.com", NULL},
    {"a name where there is no address", PROFILE(""), "{" GOOD ",\"name\":\"Ana\"}", NULL,
     "https://as.example.com", "1093", "Ana", NULL},
    {"the profile's own claims", IDENTITY("\"id\":\"oid\",\"label\":\"upn\""),
     "{" GOOD ",\"oid\":\"o-1\",\"upn\":\"ana@corp\"}", NULL, "https://as.example.com", "o-1",
     "ana@corp", NULL},
    {"the profile's own claim is missing: the subject", IDENTITY("\"id\":\"oid\""), "{" GOOD "}",
     NULL, "https://as.example.com", "1093", NULL, NULL},
    {"paths for userinfo are not for ID tokens",
     IDENTITY("\"source\":\"userinfo\",\"id\":\"data.id\""),
     "{" GOOD ",\"data\":{\"id\":\"other\"}}", NULL, "https://as.example.com", "1093", NULL, NULL},
    {"one of several audiences", PROFILE(""),
     "{\"iss\":\"https://as.example.com\",\"sub\":\"1\",\"aud\":[\"x\",\"id\"],\"azp\":\"id\","
     "\"exp\":1750000600}",
     NULL, "https://as.example.com", "1", NULL, NULL},
    {"the nonce that was sent", PROFILE(""), "{" GOOD ",\"nonce\":\"NO\"}", "NO",
     "https://as.example.com", "1093", NULL, NULL},
    {"a clock that is a little off", PROFILE(""),
     "{\"iss\":\"https://as.example.com\",\"sub\":\"1\",\"aud\":\"id\",\"exp\":1749999900}", NULL,
     "https://as.example.com", "1", NULL, NULL},
    {"any issuer where the profile names none",
     "{\"id\":\"p\",\"token_endpoint\":\"https://as.example.com/token\"}",
     "{\"iss\":\"https://t-1.example\",\"sub\":\"1\",\"aud\":\"id\",\"exp\":1750000600}", NULL,
     "https://t-1.example", "1", NULL, NULL},
    {"another issuer", PROFILE(""),
     "{\"iss\":\"https://evil.example\",\"sub\":\"1\",\"aud\":\"id\",\"exp\":1750000600}", NULL,
     NULL, NULL, NULL, "another issuer"},
    {"another client", PROFILE(""),
     "{\"iss\":\"https://as.example.com\",\"sub\":\"1\",\"aud\":\"x\",\"exp\":1750000600}", NULL,
     NULL, NULL, NULL, "another client"},
    {"given to another party", PROFILE(""),
     "{\"iss\":\"https://as.example.com\",\"sub\":\"1\",\"aud\":[\"id\"],\"azp\":\"x\",\"exp\":"
     "1750000600}",
     NULL, NULL, NULL, NULL, "another client"},
    {"no audience", PROFILE(""),
     "{\"iss\":\"https://as.example.com\",\"sub\":\"1\",\"exp\":1750000600}", NULL, NULL, NULL,
     NULL, "another client"},
    {"over", PROFILE(""),
     "{\"iss\":\"https://as.example.com\",\"sub\":\"1\",\"aud\":\"id\",\"exp\":1749999700}", NULL,
     NULL, NULL, NULL, "expired"},
    {"no end", PROFILE(""), "{\"iss\":\"https://as.example.com\",\"sub\":\"1\",\"aud\":\"id\"}",
     NULL, NULL, NULL, NULL, "expired"},
    {"another nonce", PROFILE(""), "{" GOOD ",\"nonce\":\"XX\"}", "NO", NULL, NULL, NULL,
     "another sign-in"},
    {"no nonce where one was sent", PROFILE(""), "{" GOOD "}", "NO", NULL, NULL, NULL,
     "another sign-in"},
    {"no subject", PROFILE(""),
     "{\"iss\":\"https://as.example.com\",\"aud\":\"id\",\"exp\":1750000600}", NULL, NULL, NULL,
     NULL, "no subject"},
    {"a subject with a control character", PROFILE(""),
     "{\"iss\":\"https://as.example.com\",\"sub\":\"1\\n\",\"aud\":\"id\",\"exp\":1750000600}",
     NULL, NULL, NULL, NULL, "no subject"},
    {"no object", PROFILE(""), "[]", NULL, NULL, NULL, NULL, "no JWT"},
    {"no JSON", PROFILE(""), "{", NULL, NULL, NULL, NULL, "no JWT"},
};

static void assert_text(struct str got, const char *wanted)
{
    assert_int_equal(str_is_set(got), wanted != NULL);
    if (wanted != NULL && !str_eq(got, str_c(wanted)))
        fail_msg("got \"" STR_FMT "\", wanted \"%s\"", STR_ARG(got), wanted);
}

static void check_token(void **state)
{
    const struct token_row *row = *state;
    CLEANUP(profile_freep) struct profile *profile = parse_profile_text(str_c(row->profile), "p");
    CLEANUP(buf_deinit) struct buf token = {0};
    write_jwt(row->claims, &token);
    const struct oauth_id_token_rules rules = {
        .profile = profile,
        .client_id = STR("id"),
        .nonce = row->nonce != NULL ? str_c(row->nonce) : STR_NONE,
        .now_wall_ms = (int64_t)NOW_S * 1000,
    };
    struct arena arena = {0};
    struct oauth_identity who = {0};
    struct error err = {0};
    enum status status = oauth_identity_from_id_token(&rules, buf_str(&token), &arena, &who, &err);
    assert_int_equal(status, row->id != NULL ? STATUS_OK : STATUS_INVALID);
    if (row->says != NULL && strstr(err.text, row->says) == NULL)
        fail_msg("says \"%s\"", err.text);
    assert_text(who.issuer, row->issuer);
    assert_text(who.id, row->id);
    assert_text(who.label, row->label);
    arena_deinit(&arena);
}

struct answer_row {
    const char *name, *profile, *body, *id, *label;
};

static const struct answer_row answer_rows[] = {
    {"userinfo of OpenID Connect", PROFILE(""), "{\"sub\":\"7\",\"email\":\"ana@example.com\"}",
     "7", "ana@example.com"},
    {"a plain id, a number", PROFILE(""), "{\"id\":7,\"name\":\"Ana\"}", "7", "Ana"},
    {"where the profile says",
     IDENTITY("\"source\":\"response\",\"id\":\"team.id\",\"label\":\"team.name\""),
     "{\"id\":\"x\",\"team\":{\"id\":\"T1\",\"name\":\"Crew\"}}", "T1", "Crew"},
    {"not where the profile says", IDENTITY("\"source\":\"response\",\"id\":\"team.id\""),
     "{\"id\":\"x\",\"sub\":\"y\"}", NULL, NULL},
    {"an empty one", PROFILE(""), "{\"sub\":\"\"}", NULL, NULL},
    {"an object", PROFILE(""), "{\"sub\":{}}", NULL, NULL},
    {"HTML", PROFILE(""), "<html></html>", NULL, NULL},
    {"nothing", PROFILE(""), "", NULL, NULL},
};

static void check_answer(void **state)
{
    const struct answer_row *row = *state;
    CLEANUP(profile_freep) struct profile *profile = parse_profile_text(str_c(row->profile), "p");
    const struct oauth_answer answer = {.status = 200, .body = str_c(row->body)};
    struct arena arena = {0};
    struct oauth_identity who;
    oauth_identity_from_answer(profile, &answer, &arena, &who);
    assert_text(who.id, row->id);
    assert_text(who.label, row->label);
    arena_deinit(&arena);
}

static void test_userinfo_is_asked_with_the_token(void **state)
{
    (void)state;
    CLEANUP(profile_freep) struct profile *profile = parse_profile_text(STR(PROFILE("")), "p");
    CLEANUP(oauth_message_deinit) struct oauth_message message = {0};
    assert_int_equal(oauth_build_userinfo(profile, NULL, STR("AT1"), &message, NULL), STATUS_OK);
    assert_text(message.method, "GET");
    assert_text(message.url, "https://as.example.com/me");
    assert_null(message.body);
    assert_int_equal(message.header_count, 2);
    assert_text(message.headers[1].name, "Authorization");
    assert_text(message.headers[1].value, "Bearer AT1");
    CLEANUP(profile_freep)
    struct profile *without = parse_profile_text(
        STR("{\"id\":\"p\",\"token_endpoint\":\"https://as.example.com/token\"}"), "p");
    struct oauth_message none = {0};
    assert_int_equal(oauth_build_userinfo(without, NULL, STR("AT1"), &none, NULL), STATUS_INVALID);
}

static void test_a_profile_says_whether_answers_name_their_issuer(void **state)
{
    (void)state;
    CLEANUP(profile_freep) struct profile *without = parse_profile_text(STR(PROFILE("")), "p");
    CLEANUP(profile_freep)
    struct profile *with = parse_profile_text(
        STR(PROFILE(",\"authorization_response_iss_parameter_supported\":true")), "p");
    assert_false(profile_response_names_issuer(without));
    assert_true(profile_response_names_issuer(with));
    assert_true(oauth_issuer_matches(with, NULL, STR("https://as.example.com")));
    assert_false(oauth_issuer_matches(with, NULL, STR("https://evil.example")));
}

int main(void)
{
    enum { TOKENS = ARRAY_LEN(token_rows), ANSWERS = ARRAY_LEN(answer_rows) };
    struct CMUnitTest tokens[TOKENS], answers[ANSWERS];
    for (size_t i = 0; i < TOKENS; i++)
        tokens[i] = (struct CMUnitTest){.name = token_rows[i].name,
                                        .test_func = check_token,
                                        .initial_state = (void *)(uintptr_t)&token_rows[i]};
    for (size_t i = 0; i < ANSWERS; i++)
        answers[i] = (struct CMUnitTest){.name = answer_rows[i].name,
                                         .test_func = check_answer,
                                         .initial_state = (void *)(uintptr_t)&answer_rows[i]};
    const struct CMUnitTest others[] = {
        cmocka_unit_test(test_userinfo_is_asked_with_the_token),
        cmocka_unit_test(test_a_profile_says_whether_answers_name_their_issuer),
    };
    return cmocka_run_group_tests_name("ID tokens", tokens, NULL, NULL) +
           cmocka_run_group_tests_name("answers", answers, NULL, NULL) +
           cmocka_run_group_tests_name("userinfo and issuers", others, NULL, NULL);
}
