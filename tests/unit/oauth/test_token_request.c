#include "oauth/token_request.h"

#include "common/encoding.h"
#include "unit/oauth/support_profiles.h"

struct request_row {
    const char *name, *profile; /* profile: a shipped one's id, or a text */
    enum auth_method method;
    const char *client_id, *secret, *config;
    const char *http_method, *url, *body; /* body NULL: none */
    const char *header, *value;           /* one that must be there; value NULL: must not */
};

#define PLAIN "{\"id\":\"p\",\"token_endpoint\":\"https://as.example.com/token\"}"
#define WITH(request)                                                    \
    "{\"id\":\"p\",\"token_endpoint\":\"https://as.example.com/token\"," \
    "\"habits\":{\"request\":{" request "}}}"
#define ENDPOINT "https://as.example.com/token"
#define GRANT "grant_type=refresh_token&refresh_token=RT%2F1"

static const struct request_row rows[] = {
    {"post", PLAIN, AUTH_CLIENT_SECRET_POST, "id", "s&1", "{}", "POST", ENDPOINT,
     GRANT "&client_id=id&client_secret=s%261", "Content-Type",
     "application/x-www-form-urlencoded"},
    {"post sends no Authorization", PLAIN, AUTH_CLIENT_SECRET_POST, "id", "s", "{}", "POST",
     ENDPOINT, GRANT "&client_id=id&client_secret=s", "Authorization", NULL},
    {"basic encodes before it joins (RFC 6749 §2.3.1)", PLAIN, AUTH_CLIENT_SECRET_BASIC, "i:d",
     "s +%", "{}", "POST", ENDPOINT, GRANT, "Authorization", "Basic aSUzQWQ6cyslMkIlMjU="},
    {"a public client", PLAIN, AUTH_NONE, "id", "", "{}", "POST", ENDPOINT, GRANT "&client_id=id",
     "Authorization", NULL},
    {"JSON is asked for", PLAIN, AUTH_NONE, "id", "", "{}", "POST", ENDPOINT, GRANT "&client_id=id",
     "Accept", "application/json"},
    {"no scope unless asked for", WITH("\"scope_separator\":\",\""), AUTH_NONE, "id", "", "{}",
     "POST", ENDPOINT, GRANT "&client_id=id", "Accept", "application/json"},
    {"scope with a comma", WITH("\"send_scope\":true,\"scope_separator\":\",\""), AUTH_NONE, "id",
     "", "{}", "POST", ENDPOINT, GRANT "&scope=a%2Cb&client_id=id", "Accept", "application/json"},
    {"JSON body", WITH("\"body_format\":\"json\""), AUTH_CLIENT_SECRET_POST, "id", "s\"", "{}",
     "POST", ENDPOINT,
     "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"RT/1\",\"client_id\":\"id\","
     "\"client_secret\":\"s\\\"\"}",
     "Content-Type", "application/json"},
    {"query, POST", WITH("\"body_format\":\"query\""), AUTH_CLIENT_SECRET_POST, "id", "s", "{}",
     "POST", ENDPOINT "?" GRANT "&client_id=id&client_secret=s", NULL, "Content-Type", NULL},
    {"nothing at all", WITH("\"body_format\":\"none\""), AUTH_NONE, "id", "", "{}", "POST",
     ENDPOINT, NULL, "Content-Type", NULL},
    {"renamed and left out",
     WITH("\"renamed_params\":{\"client_id\":\"client_key\"},\"omitted_params\":[\"grant_type\"]"),
     AUTH_CLIENT_SECRET_POST, "id", "s", "{}", "POST", ENDPOINT,
     "refresh_token=RT%2F1&client_key=id&client_secret=s", "Accept", "application/json"},
    {"an added parameter replaces one of its name",
     WITH("\"extra_params\":{\"grant_type\":\"x\",\"at\":\"{access_token}\"}"), AUTH_NONE, "id", "",
     "{}", "POST", ENDPOINT, "grant_type=x&refresh_token=RT%2F1&client_id=id&at=AT1", "Accept",
     "application/json"},
    {"a header that holds the refresh token",
     WITH("\"extra_headers\":{\"Authorization\":\"Bearer {refresh_token}\"}"), AUTH_NONE, "id", "",
     "{}", "POST", ENDPOINT, GRANT "&client_id=id", "Authorization", "Bearer RT/1"},
    {"a fresh id", WITH("\"extra_headers\":{\"X-Id\":\"{uuid}\"}"), AUTH_NONE, "id", "", "{}",
     "POST", ENDPOINT, GRANT "&client_id=id", "X-Id", "00010203-0405-4607-8809-0a0b0c0d0e0f"},
    {"another address for refreshes", "figma", AUTH_CLIENT_SECRET_BASIC, "id", "s", "{}", "POST",
     "https://api.figma.com/v1/oauth/refresh", "refresh_token=RT%2F1", "Accept",
     "application/json"},
    {"an access token that renews itself", "instagram", AUTH_NONE, "id", "", "{}", "GET",
     "https://graph.instagram.com/refresh_access_token?grant_type=ig_refresh_token&"
     "access_token=AT1",
     NULL, "Accept", "application/json"},
    {"the secret as user name", "stripe-apps", AUTH_CLIENT_SECRET_BASIC, "id", "sk_1", "{}", "POST",
     "https://api.stripe.com/v1/oauth/token", GRANT, "Authorization", "Basic c2tfMTo="},
    {"a variable in the host", "shopify", AUTH_CLIENT_SECRET_POST, "id", "s", "{\"shop\":\"good\"}",
     "POST", "https://good.myshopify.com/admin/oauth/access_token",
     GRANT "&client_id=id&client_secret=s", "Accept", "application/json"},
    {"a signed header",
     WITH("\"body_format\":\"none\",\"signature\":{\"header\":\"sign\",\"text\":\"{now_ms}\"}"),
     AUTH_CLIENT_SECRET_POST, "id", "s3", "{}", "POST", ENDPOINT, NULL, "sign",
     "71dbf68e79f58f16d88b9ed81764410156eff3bfa16a36f6af32483f2dd4f17c"},
    {"a signed header in base64",
     WITH("\"signature\":{\"header\":\"sign\",\"text\":\"{client_id}{now_s}\","
          "\"encoding\":\"base64\"}"),
     AUTH_NONE, "id", "s3", "{}", "POST", ENDPOINT, GRANT "&client_id=id", "sign",
     "L+zDtDrKhJY0MJtIQkf1kUPxcdZ//r7s9Djjr/IhuQs="},
    {"a variable in a parameter", "gitlab", AUTH_CLIENT_SECRET_POST, "id", "s",
     "{\"redirect_uri\":\"https://app.example/cb\"}", "POST", "https://gitlab.com/oauth/token",
     GRANT "&client_id=id&client_secret=s&redirect_uri=https%3A%2F%2Fapp.example%2Fcb", "Accept",
     "application/json"},
};

static struct profile *row_profile(const char *text)
{
    return text[0] == '{' ? parse_profile_text(str_c(text), "p.json") : load_profile(str_c(text));
}

static struct oauth_refresh make_refresh(const struct profile *profile,
                                         const struct oauth_client *client,
                                         const struct json *config)
{
    struct oauth_refresh refresh = {
        .profile = profile,
        .client = client,
        .config = config,
        .refresh_token = STR("RT/1"),
        .access_token = STR("AT1"),
        .scopes = STR("a b"),
        .now_wall_ms = 1750000000000,
    };
    for (uint8_t i = 0; i < 16; i++)
        refresh.random[i] = i;
    return refresh;
}

static struct str find_header(const struct oauth_message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (str_eq_nocase(message->headers[i].name, str_c(name)))
            return message->headers[i].value;
    }
    return STR_NONE;
}

static void check_text(const char *name, const char *what, const char *wanted, struct str got)
{
    if (!str_eq(str_c(wanted), got) || str_is_set(got) != (wanted != NULL))
        fail_msg("%s: %s: want \"%s\", got \"" STR_FMT "\"", name, what,
                 wanted != NULL ? wanted : "(none)", STR_ARG(got));
}

static void requests(UNUSED void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct request_row *row = &rows[i];
        struct error err = {0};
        CLEANUP(profile_freep) struct profile *profile = row_profile(row->profile);
        CLEANUP(json_freep) struct json *config = NULL;
        CLEANUP(oauth_message_deinit) struct oauth_message message = {0};
        assert_int_equal(json_parse(str_c(row->config), JSON_LIMITS_DEFAULT, &config, &err),
                         STATUS_OK);
        struct oauth_client client = {.client_id = str_c(row->client_id),
                                      .method = row->method,
                                      .secret = str_c(row->secret)};
        struct oauth_refresh refresh = make_refresh(profile, &client, config);
        if (oauth_build_refresh(&refresh, &message, &err) != STATUS_OK)
            fail_msg("%s: %s", row->name, err.text);
        check_text(row->name, "method", row->http_method, message.method);
        check_text(row->name, "url", row->url, message.url);
        if (message.url_is_secret != (strchr(row->url, '?') != NULL))
            fail_msg("%s: url_is_secret %d", row->name, message.url_is_secret);
        check_text(row->name, "body", row->body,
                   message.body == NULL ? STR_NONE : secret_str(message.body));
        check_text(row->name, row->header, row->value, find_header(&message, row->header));
    }
}

#define CODE                                                                                \
    "grant_type=authorization_code&code=C%2F1&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&" \
    "code_verifier=V1"

static const struct request_row exchange_rows[] = {
    {"post", PLAIN, AUTH_CLIENT_SECRET_POST, "id", "s&1", "{}", "POST", ENDPOINT,
     CODE "&client_id=id&client_secret=s%261", "Content-Type", "application/x-www-form-urlencoded"},
    {"basic", PLAIN, AUTH_CLIENT_SECRET_BASIC, "i:d", "s +%", "{}", "POST", ENDPOINT, CODE,
     "Authorization", "Basic aSUzQWQ6cyslMkIlMjU="},
    {"a public client", PLAIN, AUTH_NONE, "id", "", "{}", "POST", ENDPOINT, CODE "&client_id=id",
     "Accept", "application/json"},
    {"JSON body", WITH("\"body_format\":\"json\""), AUTH_NONE, "id", "", "{}", "POST", ENDPOINT,
     "{\"grant_type\":\"authorization_code\",\"code\":\"C/1\",\"redirect_uri\":"
     "\"https://app.example/cb\",\"code_verifier\":\"V1\",\"client_id\":\"id\"}",
     "Content-Type", "application/json"},
    {"the client under the profile's name",
     WITH("\"renamed_params\":{\"client_id\":\"client_key\"}"), AUTH_NONE, "id", "", "{}", "POST",
     ENDPOINT, CODE "&client_key=id", "Accept", "application/json"},
    {"what refreshes alone leave out and add",
     WITH("\"omitted_params\":[\"grant_type\"],\"extra_params\":{\"grant_type\":\"x\"}"), AUTH_NONE,
     "id", "", "{}", "POST", ENDPOINT, CODE "&client_id=id", "Accept", "application/json"},
    {"a header that holds the refresh token",
     WITH("\"extra_headers\":{\"Authorization\":\"Bearer {refresh_token}\",\"X-A\":\"b\"}"),
     AUTH_NONE, "id", "", "{}", "POST", ENDPOINT, CODE "&client_id=id", "Authorization", NULL},
    {"the profile's other headers",
     WITH("\"extra_headers\":{\"Authorization\":\"Bearer {refresh_token}\",\"X-A\":\"b\"}"),
     AUTH_NONE, "id", "", "{}", "POST", ENDPOINT, CODE "&client_id=id", "X-A", "b"},
    {"refreshed at another address", "figma", AUTH_CLIENT_SECRET_BASIC, "id", "s", "{}", "POST",
     "https://api.figma.com/v1/oauth/token", CODE, "Authorization", "Basic aWQ6cw=="},
};

static void code_exchanges(UNUSED void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(exchange_rows); i++) {
        const struct request_row *row = &exchange_rows[i];
        struct error err = {0};
        CLEANUP(profile_freep) struct profile *profile = row_profile(row->profile);
        CLEANUP(oauth_message_deinit) struct oauth_message message = {0};
        struct oauth_client client = {.client_id = str_c(row->client_id),
                                      .method = row->method,
                                      .secret = str_c(row->secret)};
        const struct oauth_code_exchange exchange = {
            .profile = profile,
            .client = &client,
            .code = STR("C/1"),
            .redirect_uri = STR("https://app.example/cb"),
            .verifier = STR("V1"),
            .now_wall_ms = 1750000000000,
        };
        if (oauth_build_code_exchange(&exchange, &message, &err) != STATUS_OK)
            fail_msg("%s: %s", row->name, err.text);
        check_text(row->name, "method", row->http_method, message.method);
        check_text(row->name, "url", row->url, message.url);
        check_text(row->name, "body", row->body,
                   message.body == NULL ? STR_NONE : secret_str(message.body));
        check_text(row->name, row->header, row->value, find_header(&message, row->header));
    }
}

static void what_cannot_be_built(UNUSED void **state)
{
    static const struct {
        const char *profile, *says;
        enum auth_method method;
        const char *secret, *refresh_token;
    } bad[] = {
        {"shopify", "config.shop: expected a value", AUTH_CLIENT_SECRET_POST, "s", "RT"},
        {"generic", "names no token_endpoint", AUTH_CLIENT_SECRET_POST, "s", "RT"},
        {PLAIN, "expected a refresh token", AUTH_CLIENT_SECRET_POST, "s", ""},
        {PLAIN, "private_key: expected a PEM", AUTH_PRIVATE_KEY_JWT, "no key", "RT"},
        {PLAIN, "client_secret: expected a secret", AUTH_CLIENT_SECRET_JWT, "", "RT"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err = {0};
        CLEANUP(profile_freep) struct profile *profile = row_profile(bad[i].profile);
        struct oauth_message message = {0};
        struct oauth_client client = {
            .client_id = STR("id"), .method = bad[i].method, .secret = str_c(bad[i].secret)};
        struct oauth_refresh refresh = make_refresh(profile, &client, NULL);
        refresh.refresh_token = str_c(bad[i].refresh_token);
        assert_int_equal(oauth_build_refresh(&refresh, &message, &err), STATUS_INVALID);
        if (!str_contains(str_c(err.text), str_c(bad[i].says)))
            fail_msg("%s: says \"%s\"", bad[i].profile, err.text);
        assert_null(message.body);
    }
}

static void clients_that_cannot_be_used(UNUSED void **state)
{
    static const struct {
        struct str client_id;
        enum auth_method method;
        struct str secret;
        const char *says; /* NULL: it can */
    } clients[] = {
        {STR_INIT("id"), AUTH_CLIENT_SECRET_BASIC, STR_INIT("s"), NULL},
        {STR_INIT("id"), AUTH_NONE, {NULL, 0}, NULL},
        {STR_INIT(""), AUTH_NONE, {NULL, 0}, "client_id: expected"},
        {STR_INIT("i\nd"), AUTH_NONE, {NULL, 0}, "client_id: expected"},
        {STR_INIT("id"), AUTH_CLIENT_SECRET_POST, STR_INIT(""), "client_secret: expected"},
        {STR_INIT("id"), AUTH_CLIENT_SECRET_POST, STR_INIT("s\n"), "client_secret: expected"},
        {STR_INIT("id"), AUTH_CLIENT_SECRET_JWT, {NULL, 0}, "client_secret: expected"},
        {STR_INIT("id"), AUTH_PRIVATE_KEY_JWT, STR_INIT("s"), "private_key: expected"},
        {STR_INIT("id"), AUTH_TLS_CLIENT_AUTH, STR_INIT("s"), "certificate: expected"},
    };
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        struct error err = {0};
        struct oauth_client client = {.client_id = clients[i].client_id,
                                      .method = clients[i].method,
                                      .secret = clients[i].secret};
        enum status status = oauth_client_check(&client, &err);
        assert_int_equal(status, clients[i].says == NULL ? STATUS_OK : STATUS_INVALID);
        if (clients[i].says != NULL && !str_contains(str_c(err.text), str_c(clients[i].says)))
            fail_msg("row %zu says \"%s\"", i, err.text);
    }
}

/** What is given and would never be presented was meant for another method. */
static void clients_with_more_than_their_method_presents(UNUSED void **state)
{
    const struct {
        struct oauth_client client;
        const char *says;
    } idle[] = {
        {{.method = AUTH_NONE, .secret = STR("s")}, "auth_method: expected one that presents"},
        {{.method = AUTH_NONE, .key_id = STR("k-1")}, "key_id: expected where"},
        {{.method = AUTH_CLIENT_SECRET_POST, .secret = STR("s"), .certificate = STR("PEM")},
         "certificate: expected beside"},
        {{.method = AUTH_CLIENT_SECRET_BASIC, .secret = STR("s"), .key_id = STR("k-1")},
         "key_id: expected where"},
    };
    for (size_t i = 0; i < ARRAY_LEN(idle); i++) {
        struct error err = {0};
        struct oauth_client client = idle[i].client;
        client.client_id = STR("id");
        assert_int_equal(oauth_client_check(&client, &err), STATUS_INVALID);
        if (!str_contains(str_c(err.text), str_c(idle[i].says)))
            fail_msg("row %zu says \"%s\"", i, err.text);
    }
    const struct oauth_client named = {.client_id = STR("id"),
                                       .method = AUTH_CLIENT_SECRET_JWT,
                                       .secret = STR("s"),
                                       .key_id = STR("k-1")};
    struct error err = {0};
    assert_int_equal(oauth_client_check(&named, &err), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(code_exchanges),
        cmocka_unit_test(what_cannot_be_built),
        cmocka_unit_test(clients_that_cannot_be_used),
        cmocka_unit_test(clients_with_more_than_their_method_presents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
