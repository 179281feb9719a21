#include "oauth/profile.h"

#include "oauth/url_template.h"
#include "unit/oauth/support_profiles.h"

#include <dirent.h>

/** Every profile that is shipped loads, and is called what its file is called. */
static void shipped_profiles_load(UNUSED void **state)
{
    DIR *folder = opendir(REFRESHD_SOURCE_DIR "/config/providers");
    assert_non_null(folder);
    CLEANUP(profile_set_freep) struct profile_set *set = profile_set_new();
    size_t count = 0;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        struct str name = str_c(entry->d_name);
        if (!str_ends_with(name, STR(".json")) || str_eq(name, STR("schema.json")))
            continue;
        struct str id = str_slice(name, 0, name.len - 5);
        struct profile *profile = load_profile(id);
        if (!str_eq(profile_id(profile), id))
            fail_msg("%s: id is " STR_FMT, entry->d_name, STR_ARG(profile_id(profile)));
        profile_set_add(set, profile);
        count++;
    }
    (void)closedir(folder);
    assert_true(count >= 150);
    assert_int_equal(profile_set_count(set), count);
    assert_non_null(profile_set_find(set, STR("microsoft-entra")));
    assert_null(profile_set_find(set, STR("nobody")));
}

struct refusal_row {
    const char *name, *text, *says; /* says: what the error must hold */
};

#define BASE "\"id\":\"p\",\"token_endpoint\":\"https://as.example.com/token\""
#define URL(url) "{\"id\":\"p\",\"token_endpoint\":\"" url "\"}"
#define HABITS(habits) "{" BASE ",\"habits\":{" habits "}}"
#define VARS(url, vars) \
    "{\"id\":\"p\",\"token_endpoint\":\"" url "\",\"habits\":{\"vars\":{" vars "}}}"
#define RULE(rule) HABITS("\"errors\":[" rule "]")

static const struct refusal_row refusals[] = {
    {"an array", "[]", "profile: expected an object, got an array"},
    {"no id", "{\"token_endpoint\":\"https://a.example/t\"}", "id: expected"},
    {"an id with blanks", "{\"id\":\"a b\"}", "id: expected 1 to 64 lower-case"},
    {"no token endpoint", "{\"id\":\"p\"}", "token_endpoint: expected a URL"},
    {"plain http", URL("http://as.example.com/token"), "token_endpoint: expected https://"},
    {"plain loopback without leave", URL("http://127.0.0.1:9/t"), "allow_plain_loopback"},
    {"another scheme", URL("ftp://as.example.com/"), "begins with https://"},
    {"a user name", URL("https://as.example.com@evil.example/t"), "without user name"},
    {"a fragment", URL("https://as.example.com/t#x"), "fragment"},
    {"a backslash", URL("https://as.example.com\\\\@evil.example/"), "backslashes"},
    {"port 0", URL("https://as.example.com:0/t"), "a port of 1 to 65535"},
    {"port in letters", URL("https://as.example.com:https/t"), "a port of 1 to 65535"},
    {"metadata address", URL("https://169.254.169.254/t"), "link-local"},
    {"an undeclared variable", URL("https://{x}.example.com/t"), "habits.vars declares"},
    {"an open brace", URL("https://as.example.com/{x"), "habits.vars declares"},
    {"a variable as host", VARS("https://{h}/t", "\"h\":\".*\""), "registered domain"},
    {"a variable as domain", VARS("https://{h}.com/t", "\"h\":\"[a-z]+\""), "registered domain"},
    {"a variable that grows the domain", VARS("https://{h}example.com/t", "\"h\":\"[a-z.]+\""),
     "registered domain"},
    {"a variable under a public suffix", VARS("https://{h}.co.uk/t", "\"h\":\"[a-z]+\""),
     "registered domain"},
    {"a pattern with a way out", VARS("https://{h}/t", "\"h\":\"evil|x\\\\.example\\\\.com\""),
     "registered domain"},
    {"one pattern of several with another end",
     VARS("https://{h}/t", "\"h\":{\"pattern\":[\"x\\\\.example\\\\.com\",\"[a-z.]+\"]}"),
     "registered domain"},
    {"a pattern with an open end beside a closed list",
     VARS("https://{h}/t", "\"h\":{\"pattern\":\"[a-z.]+\",\"one_of\":[\"a.example.com\"]}"),
     "registered domain"},
    {"no pattern at all", VARS("https://as.example.com/{x}", "\"x\":{\"pattern\":[]}"),
     "habits.vars.x.pattern: expected 1 to 8"},
    {"a variable of nobody", VARS("https://as.example.com/{x}", "\"x\":{\"per\":\"person\"}"),
     "habits.vars.x.per: expected \"connector\" or \"connection\""},
    {"an alias without TLS",
     "{" BASE ",\"mtls_endpoint_aliases\":{\"token_endpoint\":\"http://as.example.com/t\"}}",
     "mtls_endpoint_aliases.token_endpoint: expected https://"},
    {"half a signature", HABITS("\"request\":{\"signature\":{\"header\":\"sign\"}}"),
     "habits.request.signature: expected an object with \"header\" and \"text\""},
    {"a signature of what nobody knows",
     HABITS("\"request\":{\"signature\":{\"header\":\"sign\",\"text\":\"{body}\"}}"),
     "habits.request.signature.text: expected variables in braces"},
    {"grants that are no texts", HABITS("\"response\":{\"grants\":{\"bot\":1}}"),
     "habits.response.grants: expected texts"},
    {"a variable as port", VARS("https://as.example.com:{p}/t", "\"p\":\"[0-9]+\""), "port"},
    {"a variable as scheme", VARS("{s}://as.example.com/t", "\"s\":\"https\""), "https://"},
    {"a pattern that is none", VARS("https://as.example.com/{x}", "\"x\":\"[\""),
     "habits.vars.x: expected a POSIX extended regular expression"},
    {"a default that does not match",
     VARS("https://as.example.com/{x}", "\"x\":{\"pattern\":\"[a-z]+\",\"default\":\"7\"}"),
     "habits.vars.x: expected a default"},
    {"http in another endpoint", "{" BASE ",\"revocation_endpoint\":\"http://as.example.com/r\"}",
     "revocation_endpoint"},
    {"an unknown habit", HABITS("\"requests\":{}"), "habits.requests: unknown habit, expected"},
    {"an unknown habit further in", HABITS("\"request\":{\"bodyformat\":\"json\"}"),
     "habits.request.bodyformat: unknown habit"},
    {"the habit that was meant", HABITS("\"refresh_token\":{\"rotations\":\"always\"}"),
     "; did you mean \"rotation\"?"},
    {"security events without an audience",
     HABITS("\"security_events\":{\"issuer\":\"https://a\",\"poll_endpoint\":\"https://a/p\","
            "\"jwks_uri\":\"https://a/j\",\"token_file\":\"/t\"}"),
     "habits.security_events.audience: expected a text, since"},
    {"a wrong type", HABITS("\"access_token\":{\"lifetime_s\":\"1 h\"}"),
     "habits.access_token.lifetime_s: expected a number of seconds"},
    {"a wrong word", HABITS("\"refresh_token\":{\"rotation\":\"often\"}"),
     "habits.refresh_token.rotation: expected \"unknown\", \"always\""},
    {"a wrong replay", HABITS("\"refresh_token\":{\"replay\":\"window:0\"}"),
     "habits.refresh_token.replay: expected"},
    {"a wrong expiry", HABITS("\"response\":{\"expires\":\"expires_in\"}"),
     "habits.response.expires: expected FORM:MEMBER"},
    {"a wrong marker", HABITS("\"response\":{\"success_marker\":\"ok\"}"),
     "habits.response.success_marker: expected an object of one member"},
    {"a parameter with an unknown variable",
     HABITS("\"request\":{\"extra_params\":{\"a\":\"{b}\"}}"), "habits.request.extra_params"},
    {"a header with a line end", HABITS("\"request\":{\"extra_headers\":{\"A\":\"b\\r\\nC: d\"}}"),
     "habits.request.extra_headers"},
    {"a rule without class", RULE("{\"match\":{\"error\":\"x\"}}"), "habits.errors[0]: expected"},
    {"a rule without condition", RULE("{\"match\":{},\"class\":\"transient\"}"),
     "habits.errors[0].match: expected at least one condition"},
    {"a rule with an unknown key", RULE("{\"match\":{\"eror\":\"x\"},\"class\":\"transient\"}"),
     "habits.errors[0].match.eror: unknown habit"},
    {"a rule with an unknown class", RULE("{\"match\":{\"error\":\"x\"},\"class\":\"dead\"}"),
     "habits.errors[0].class: expected \"grant_dead\""},
    {"a grant that dies of 429", RULE("{\"match\":{\"status\":429},\"class\":\"grant_dead\"}"),
     "habits.errors[0]: expected no verdict"},
    {"a grant that dies of any 5xx",
     RULE("{\"match\":{\"status\":\"5xx\",\"error\":\"x\"},\"class\":\"grant_dead\"}"),
     "habits.errors[0]: expected no verdict"},
    {"a grant that dies of a bare 500",
     RULE("{\"match\":{\"status\":500},\"class\":\"reauth_required\"}"),
     "habits.errors[0]: expected no verdict"},
    {"a meaning of what is not dead",
     RULE("{\"match\":{\"error\":\"x\"},\"class\":\"transient\",\"means\":\"access_revoked\"}"),
     "\"means\" only with"},
};

static void refused_profiles_say_why(UNUSED void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        const struct refusal_row *row = &refusals[i];
        struct error err = {0};
        CLEANUP(json_freep) struct json *json = NULL;
        CLEANUP(profile_freep) struct profile *profile = NULL;
        assert_int_equal(json_parse(str_c(row->text), JSON_LIMITS_DEFAULT, &json, &err), STATUS_OK);
        enum status status = profile_parse(json, STR("my.json"), false, &profile, &err);
        if (status != STATUS_INVALID)
            fail_msg("%s: was accepted", row->name);
        assert_null(profile);
        if (!str_starts_with(str_c(err.text), STR("my.json: ")) ||
            !str_contains(str_c(err.text), str_c(row->says)))
            fail_msg("%s: says \"%s\"", row->name, err.text);
    }
}

/** RFC 8414's document with an id added is a profile; what it names beside is none of ours. */
static void metadata_is_a_profile(UNUSED void **state)
{
    CLEANUP(profile_freep)
    struct profile *profile = parse_profile_text(
        STR("{\"id\":\"op\",\"issuer\":\"https://op.example.com\","
            "\"authorization_endpoint\":\"https://op.example.com/auth\","
            "\"token_endpoint\":\"https://op.example.com/token\","
            "\"jwks_uri\":\"https://op.example.com/jwks\","
            "\"scopes_supported\":[\"openid\"],\"claims_parameter_supported\":false,"
            "\"token_endpoint_auth_methods_supported\":"
            "[\"self_signed_tls_client_auth\",\"private_key_jwt\",\"client_secret_post\","
            "\"client_secret_basic\"]}"),
        "op.json");
    assert_int_equal(profile_default_auth_method(profile), AUTH_PRIVATE_KEY_JWT);
    assert_int_equal(profile_secret_auth_method(profile), AUTH_CLIENT_SECRET_POST);
    assert_true(str_eq(profile_issuer(profile), STR("https://op.example.com")));
    assert_true(str_eq(profile_name(profile), STR("op")));
    assert_int_equal(profile_rotation(profile), ROTATION_UNKNOWN);
    assert_int_equal(profile_replay(profile), REPLAY_DEFAULT);
    assert_int_equal(profile_access_lifetime_ms(profile), 0);
}

static void plain_loopback_with_leave(UNUSED void **state)
{
    static const struct {
        const char *url;
        bool accepted;
    } rows[] = {
        {"http://127.0.0.1:8080/token", true}, {"http://127.255.0.9/token", true},
        {"http://[::1]:8080/token", true},     {"http://localhost:3000/token", true},
        {"http://10.0.0.1/token", false},      {"http://127.0.0.1.evil.example/t", false},
        {"http://127.1/token", false},         {"http://localhost.evil.example/t", false},
        {"http://[::2]/token", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error err = {0};
        CLEANUP(json_freep) struct json *json = json_new_object();
        CLEANUP(profile_freep) struct profile *profile = NULL;
        json_set_text(json, "id", STR("p"));
        json_set_text(json, "token_endpoint", str_c(rows[i].url));
        enum status status = profile_parse(json, STR("p.json"), true, &profile, &err);
        if ((status == STATUS_OK) != rows[i].accepted)
            fail_msg("%s: %s", rows[i].url, err.text);
    }
}

static void replay_follows_from_other_habits(UNUSED void **state)
{
    static const struct {
        const char *habit;
        enum replay replay;
        int64_t window_ms;
    } rows[] = {
        {"\"rotation\":\"always\"", REPLAY_DEFAULT, 0},
        {"\"rotation\":\"never\"", REPLAY_SAFE, 0},
        {"\"rotation\":\"always\",\"reuse_grace_s\":30", REPLAY_WINDOW, 30000},
        {"\"rotation\":\"always\",\"replay\":\"window:60\"", REPLAY_WINDOW, 60000},
        {"\"rotation\":\"always\",\"replay\":\"hold\",\"reuse_grace_s\":30", REPLAY_HOLD, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[256];
        (void)snprintf(text, sizeof(text), "{" BASE ",\"habits\":{\"refresh_token\":{%s}}}",
                       rows[i].habit);
        CLEANUP(profile_freep) struct profile *profile = parse_profile_text(str_c(text), "p.json");
        assert_int_equal(profile_replay(profile), rows[i].replay);
        assert_int_equal(profile_replay_window_ms(profile), rows[i].window_ms);
    }
}

struct config_row {
    const char *profile, *config, *url, *says; /* url: what the endpoint becomes; NULL: says */
};

static const struct config_row configs[] = {
    {"microsoft-entra", "{}", "https://login.microsoftonline.com/common/oauth2/v2.0/token", NULL},
    {"microsoft-entra", "{\"tenant\":\"contoso.example\"}",
     "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token", NULL},
    {"microsoft-entra", "{\"tenant\":\"../x\"}", NULL,
     "config.tenant: expected a text of 1 to 253"},
    {"microsoft-entra", "{\"tenant\":7}", NULL, "config.tenant"},
    {"microsoft-entra", "{\"tennant\":\"x\"}", NULL, "config.tennant: profile"},
    {"shopify", "{}", NULL, "config.shop: expected a value, there is none"},
    {"shopify", "{\"shop\":\"good\"}", "https://good.myshopify.com/admin/oauth/access_token", NULL},
    {"shopify", "{\"shop\":\"evil.example/\"}", NULL, "config.shop"},
    {"salesforce", "{\"login_host\":\"acme.my.salesforce.com\"}",
     "https://acme.my.salesforce.com/services/oauth2/token", NULL},
    {"salesforce", "{\"login_host\":\"evil.example\"}", NULL, "config.login_host"},
    {"salesforce", "{\"login_host\":\"evilsalesforce.com\"}", NULL, "config.login_host"},
    {"zoho", "{\"accounts_host\":\"accounts.zoho.eu\"}", "https://accounts.zoho.eu/oauth/v2/token",
     NULL},
    {"zoho", "{\"accounts_host\":\"accounts.evil.example\"}", NULL, "config.accounts_host"},
    {"generic", "{}", NULL, "names no token_endpoint"},
};

static void config_fills_endpoints(UNUSED void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        const struct config_row *row = &configs[i];
        struct error err = {0};
        struct arena arena = {0};
        struct str url = STR_NONE;
        CLEANUP(profile_freep) struct profile *profile = load_profile(str_c(row->profile));
        CLEANUP(json_freep) struct json *config = NULL;
        assert_int_equal(json_parse(str_c(row->config), JSON_LIMITS_DEFAULT, &config, &err),
                         STATUS_OK);
        enum status status = profile_check_config(profile, CONFIG_OF_CONNECTION, config, &err);
        if (row->url == NULL &&
            (status != STATUS_INVALID || !str_contains(str_c(err.text), str_c(row->says))))
            fail_msg("%s %s: says \"%s\"", row->profile, row->config, err.text);
        if (row->url != NULL) {
            if (status != STATUS_OK)
                fail_msg("%s %s: %s", row->profile, row->config, err.text);
            assert_int_equal(url_template_expand(profile, profile_token_endpoint(profile), config,
                                                 &arena, &url, &err),
                             STATUS_OK);
            assert_string_equal(url.data, row->url);
        }
        arena_deinit(&arena);
    }
}

/** A connector may leave to its connections what is theirs; what it gives must be right. */
static void a_connector_may_leave_out_what_is_its_connections(UNUSED void **state)
{
    static const struct {
        const char *profile, *config;
        bool accepted;
    } rows[] = {
        {"shopify", "{}", true},
        {"shopify", "{\"shop\":\"good\"}", true},
        {"shopify", "{\"shop\":\"a.b\"}", false},
        {"adobe-sign", "{}", true},
        {"adobe-sign", "{\"api_access_point\":\"api.eu1.adobesign.com\"}", true},
        {"adobe-sign", "{\"api_access_point\":\"api.eu1.adobesign.com.evil.example\"}", false},
        {"okta", "{}", false}, /* one connector, one domain */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error err = {0};
        CLEANUP(profile_freep) struct profile *profile = load_profile(str_c(rows[i].profile));
        CLEANUP(json_freep) struct json *config = NULL;
        assert_int_equal(json_parse(str_c(rows[i].config), JSON_LIMITS_DEFAULT, &config, &err),
                         STATUS_OK);
        bool accepted =
            profile_check_config(profile, CONFIG_OF_CONNECTOR, config, &err) == STATUS_OK;
        if (accepted != rows[i].accepted)
            fail_msg("%s %s: \"%s\"", rows[i].profile, rows[i].config, err.text);
    }
}

/** What one byte of a value can't do, whatever a careless pattern lets through. */
static void values_stay_in_their_place(UNUSED void **state)
{
    static const char *const hosts[] = {"a/b", "a?b", "a#b", "a@b", "a:1",  "a b",  "a..b",
                                        ".a",  "a.",  "-a",  "a\\", "a%2e", "a\tb", "a_b"};
    static const char *const paths[] = {"a/b", "..", ".", "a?b", "a#b", "a%2fb", "a\\b"};
    CLEANUP(profile_freep)
    struct profile *profile = parse_profile_text(
        STR("{\"id\":\"p\",\"token_endpoint\":\"https://{h}.example.com/{p}/token\","
            "\"habits\":{\"vars\":{\"h\":\".*\",\"p\":\".*\"}}}"),
        "p.json");
    for (size_t i = 0; i < ARRAY_LEN(hosts) + ARRAY_LEN(paths); i++) {
        bool host = i < ARRAY_LEN(hosts);
        const char *value = host ? hosts[i] : paths[i - ARRAY_LEN(hosts)];
        struct error err = {0};
        CLEANUP(json_freep) struct json *config = json_new_object();
        json_set_text(config, "h", host ? str_c(value) : STR("good"));
        json_set_text(config, "p", host ? STR("good") : str_c(value));
        if (profile_check_config(profile, CONFIG_OF_CONNECTOR, config, &err) != STATUS_INVALID)
            fail_msg("\"%s\" was accepted in the %s", value, host ? "host" : "path");
    }
}

static void a_later_profile_replaces(UNUSED void **state)
{
    CLEANUP(profile_set_freep) struct profile_set *set = profile_set_new();
    profile_set_add(set, parse_profile_text(STR("{" BASE ",\"name\":\"old\"}"), "a.json"));
    profile_set_add(set, parse_profile_text(STR("{" BASE ",\"name\":\"new\"}"), "b.json"));
    assert_int_equal(profile_set_count(set), 1);
    assert_true(str_eq(profile_name(profile_set_find(set, STR("p"))), STR("new")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_profiles_load),
        cmocka_unit_test(refused_profiles_say_why),
        cmocka_unit_test(metadata_is_a_profile),
        cmocka_unit_test(plain_loopback_with_leave),
        cmocka_unit_test(replay_follows_from_other_habits),
        cmocka_unit_test(config_fills_endpoints),
        cmocka_unit_test(a_connector_may_leave_out_what_is_its_connections),
        cmocka_unit_test(values_stay_in_their_place),
        cmocka_unit_test(a_later_profile_replaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
