/* Sending a person off: the URL, PKCE, and where a code may come back to. */
#include "oauth/authorization.h"

#include "oauth/url_template.h"
#include "unit/oauth/support_profiles.h"

#define PROFILE(members)                                                 \
    "{\"id\":\"p\",\"token_endpoint\":\"https://as.example.com/token\"," \
    "\"authorization_endpoint\":\"https://as.example.com/authorize\"" members "}"
/* RFC 7636 appendix B. */
#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
#define PKCE "code_challenge=" CHALLENGE "&code_challenge_method=S256"
#define BEGIN \
    "response_type=code&client_id=id+1&redirect_uri=https%3A%2F%2Fapp.example%2Fcb%3Fa%3D1"

static void test_pkce_as_rfc_7636_appendix_b(void **state)
{
    (void)state;
    CLEANUP(buf_deinit) struct buf challenge = {0};
    oauth_pkce_challenge(STR(VERIFIER), &challenge);
    assert_true(str_eq(buf_str(&challenge), STR(CHALLENGE)));
}

struct url_row {
    const char *name, *profile, *config, *scopes, *login_hint, *url;
};

static const struct url_row url_rows[] = {
    {"plain", PROFILE(""), "{}", "read write", NULL,
     "https://as.example.com/authorize?" BEGIN "&scope=read+write&state=ST&" PKCE},
    {"without scopes", PROFILE(""), "{}", "", NULL,
     "https://as.example.com/authorize?" BEGIN "&state=ST&" PKCE},
    {"an ID token is asked for: a nonce", PROFILE(""), "{}", "email openid", NULL,
     "https://as.example.com/authorize?" BEGIN "&scope=email+openid&state=ST&" PKCE "&nonce=NO"},
    {"who is to sign in", PROFILE(""), "{}", "a", "ana@example.com",
     "https://as.example.com/authorize?" BEGIN "&scope=a&state=ST&" PKCE
     "&login_hint=ana%40example.com"},
    {"the profile's parameters",
     PROFILE(",\"habits\":{\"request\":{\"authorize_params\":"
             "{\"access_type\":\"offline\",\"prompt\":\"consent\"}}}"),
     "{}", "a", NULL,
     "https://as.example.com/authorize?" BEGIN "&scope=a&state=ST&" PKCE
     "&access_type=offline&prompt=consent"},
    {"the profile's separator", PROFILE(",\"habits\":{\"request\":{\"scope_separator\":\",\"}}"),
     "{}", "a b", NULL, "https://as.example.com/authorize?" BEGIN "&scope=a%2Cb&state=ST&" PKCE},
    {"renamed, and not left out as in refreshes",
     PROFILE(",\"habits\":{\"request\":{\"renamed_params\":{\"client_id\":\"client_key\"},"
             "\"omitted_params\":[\"scope\",\"client_key\"]}}"),
     "{}", "a", NULL,
     "https://as.example.com/authorize?response_type=code&client_key=id+1&redirect_uri="
     "https%3A%2F%2Fapp.example%2Fcb%3Fa%3D1&scope=a&state=ST&" PKCE},
    {"an endpoint with a query of its own",
     "{\"id\":\"p\",\"token_endpoint\":\"https://as.example.com/token\","
     "\"authorization_endpoint\":\"https://as.example.com/authorize?x=1\"}",
     "{}", "a", NULL, "https://as.example.com/authorize?x=1&" BEGIN "&scope=a&state=ST&" PKCE},
    {"a variable", "shopify", "{\"shop\":\"good\"}", "a", NULL,
     "https://good.myshopify.com/admin/oauth/authorize?" BEGIN "&scope=a&state=ST&" PKCE},
};

static struct profile *row_profile(const char *text)
{
    return text[0] == '{' ? parse_profile_text(str_c(text), "p.json") : load_profile(str_c(text));
}

static void check_url(void **state)
{
    const struct url_row *row = *state;
    struct profile *profile = row_profile(row->profile);
    CLEANUP(json_freep) struct json *config = NULL;
    struct error err = {0};
    assert_int_equal(json_parse(str_c(row->config), JSON_LIMITS_DEFAULT, &config, &err), STATUS_OK);
    const struct oauth_authorization about = {
        .profile = profile,
        .config = config,
        .client_id = STR("id 1"),
        .redirect_uri = STR("https://app.example/cb?a=1"),
        .scopes = str_c(row->scopes),
        .state = STR("ST"),
        .verifier = STR(VERIFIER),
        .nonce = STR("NO"),
        .login_hint = row->login_hint != NULL ? str_c(row->login_hint) : STR_NONE,
    };
    struct arena arena = {0};
    struct str url = STR_NONE;
    if (oauth_build_authorization_url(&about, &arena, &url, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    if (!str_eq(url, str_c(row->url)))
        fail_msg("\n  got    " STR_FMT "\n  wanted %s", STR_ARG(url), row->url);
    arena_deinit(&arena);
    profile_free(profile);
}

static void test_a_url_that_can_not_be_made(void **state)
{
    (void)state;
    static char login_hint[OAUTH_URL_MAX];
    memset(login_hint, 'x', sizeof(login_hint) - 1);
    const struct {
        const char *profile, *login_hint, *says;
    } rows[] = {
        {"{\"id\":\"p\",\"token_endpoint\":\"https://as.example.com/token\"}", NULL,
         "authorization_endpoint"},
        {"shopify", NULL, "config.shop"},
        {PROFILE(""), login_hint, "bytes"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct profile *profile = row_profile(rows[i].profile);
        const struct oauth_authorization about = {
            .profile = profile,
            .client_id = STR("id"),
            .redirect_uri = STR("https://app.example/cb"),
            .scopes = STR("a"),
            .state = STR("ST"),
            .verifier = STR(VERIFIER),
            .login_hint = rows[i].login_hint != NULL ? str_c(rows[i].login_hint) : STR_NONE,
        };
        struct arena arena = {0};
        struct str url = STR_NONE;
        struct error err = {0};
        assert_int_equal(oauth_build_authorization_url(&about, &arena, &url, &err), STATUS_INVALID);
        if (strstr(err.text, rows[i].says) == NULL)
            fail_msg("%s", err.text);
        arena_deinit(&arena);
        profile_free(profile);
    }
}

struct redirect_row {
    const char *name; /* the URI */
    bool good;
};

static const struct redirect_row redirect_rows[] = {
    {"https://app.example/cb", true},
    {"https://app.example", true},
    {"https://app.example:8443/cb?x=1&y=%20", true},
    {"http://127.0.0.1:49152/cb", true},
    {"http://127.9.9.9/", true},
    {"http://[::1]:8080/cb", true},
    {"http://localhost:3000/cb", true},
    {"com.example.app:/done", true},
    {"com.example.app:done", true},
    {"", false},
    {"/cb", false},
    {"app.example/cb", false},
    {"https://", false},
    {"https:///cb", false},
    {"https://app.example/cb#part", false},
    {"https://app.example/c b", false},
    {"https://app.example/\n", false},
    {"https://ana@app.example/cb", false},
    {"https://app.example:0/cb", false},
    {"https://app.example:99999/cb", false},
    {"https://app.example\\@evil.example/cb", false},
    {"http://app.example/cb", false},
    {"http://127.0.0.1.evil.example/cb", false},
    {"http://127.1/cb", false},
    {"http://localhost.evil.example/cb", false},
    {"http://127.0.0.1@evil.example/cb", false},
    {"myapp:/done", false},
    {"javascript:alert(1)", false},
    {"data:text/html,x", false},
    {"com.:/done", false},
    {"1com.example:/done", false},
    {"com.example.app:", false},
};

static void check_redirect(void **state)
{
    const struct redirect_row *row = *state;
    const char *expected = NULL;
    assert_int_equal(oauth_redirect_uri_check(str_c(row->name), &expected), row->good);
    assert_non_null(expected);
}

static void test_a_template_knows_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *url_template, *config, *url;
        bool matches;
    } rows[] = {
        {"https://as.example.com", "{}", "https://as.example.com", true},
        {"https://as.example.com", "{}", "https://as.example.com/", false},
        {"https://as.example.com", "{}", "https://as.example.co", false},
        {"https://as.example.com/{t}/v2.0", "{}", "https://as.example.com/t-1/v2.0", true},
        {"https://as.example.com/{t}/v2.0", "{}", "https://as.example.com/T!/v2.0", false},
        {"https://as.example.com/{t}/v2.0", "{}", "https://as.example.com/a/b/v2.0", false},
        {"https://as.example.com/{t}/v2.0", "{}", "https://as.example.com//v2.0", false},
        {"https://as.example.com/{t}/v2.0", "{\"t\":\"t-1\"}", "https://as.example.com/t-1/v2.0",
         true},
        {"https://as.example.com/{t}/v2.0", "{\"t\":\"t-1\"}", "https://as.example.com/t-2/v2.0",
         false},
        {"https://as.example.com/{t}", "{}", "https://as.example.com/t-1", true},
        {"https://{t}.example.com", "{}", "https://t-1.example.com", true},
        {"https://{t}.example.com", "{}", "https://t-1.example.com.evil.example", false},
        {"https://{t}.example.com", "{}", "https://evil.example/.example.com", false},
    };
    struct profile *profile = parse_profile_text(
        STR("{\"id\":\"p\",\"token_endpoint\":\"https://{t}.example.com/t\",\"habits\":{\"vars\":"
            "{\"t\":{\"pattern\":\"[a-z0-9-]+\",\"default\":\"common\"}}}}"),
        "p.json");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_freep) struct json *config = NULL;
        assert_int_equal(json_parse(str_c(rows[i].config), JSON_LIMITS_DEFAULT, &config, NULL),
                         STATUS_OK);
        if (url_template_matches(profile, str_c(rows[i].url_template), config,
                                 str_c(rows[i].url)) != rows[i].matches)
            fail_msg("%s, %s: %s", rows[i].url_template, rows[i].config, rows[i].url);
    }
    profile_free(profile);
}

int main(void)
{
    enum { URLS = ARRAY_LEN(url_rows), REDIRECTS = ARRAY_LEN(redirect_rows) };
    struct CMUnitTest urls[URLS], redirects[REDIRECTS];
    for (size_t i = 0; i < URLS; i++)
        urls[i] = (struct CMUnitTest){.name = url_rows[i].name,
                                      .test_func = check_url,
                                      .initial_state = (void *)(uintptr_t)&url_rows[i]};
    for (size_t i = 0; i < REDIRECTS; i++)
        redirects[i] = (struct CMUnitTest){.name = redirect_rows[i].name,
                                           .test_func = check_redirect,
                                           .initial_state = (void *)(uintptr_t)&redirect_rows[i]};
    const struct CMUnitTest others[] = {
        cmocka_unit_test(test_pkce_as_rfc_7636_appendix_b),
        cmocka_unit_test(test_a_url_that_can_not_be_made),
        cmocka_unit_test(test_a_template_knows_its_own),
    };
    return cmocka_run_group_tests_name("authorization URLs", urls, NULL, NULL) +
           cmocka_run_group_tests_name("redirect URIs", redirects, NULL, NULL) +
           cmocka_run_group_tests_name("PKCE and templates", others, NULL, NULL);
}
