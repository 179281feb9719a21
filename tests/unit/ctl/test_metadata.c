/* From a server's metadata to a profile (RFC 8414, OpenID Connect Discovery). */
#include "ctl/metadata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void places(void **state)
{
    static const struct {
        const char *issuer, *oauth, *openid;
    } rows[] = {
        {"https://as.example.com", "https://as.example.com/.well-known/oauth-authorization-server",
         "https://as.example.com/.well-known/openid-configuration"},
        {"https://as.example.com/", "https://as.example.com/.well-known/oauth-authorization-server",
         "https://as.example.com/.well-known/openid-configuration"},
        {"https://as.example.com:8443/a/b",
         "https://as.example.com:8443/.well-known/oauth-authorization-server/a/b",
         "https://as.example.com:8443/a/b/.well-known/openid-configuration"},
        {"http://127.0.0.1:80/a/", "http://127.0.0.1:80/.well-known/oauth-authorization-server/a",
         "http://127.0.0.1:80/a/.well-known/openid-configuration"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_deinit) struct buf oauth = {0};
        CLEANUP(buf_deinit) struct buf openid = {0};
        metadata_url(METADATA_OAUTH, str_c(rows[i].issuer), &oauth);
        metadata_url(METADATA_OPENID, str_c(rows[i].issuer), &openid);
        assert_string_equal(buf_c(&oauth), rows[i].oauth);
        assert_string_equal(buf_c(&openid), rows[i].openid);
    }
}

static void issuers_that_are_asked(void **state)
{
    static const struct {
        const char *issuer;
        bool loopback, accepted;
    } rows[] = {
        {"https://as.example.com", false, true},
        {"https://as.example.com/tenant", false, true},
        {"http://as.example.com", false, false},
        {"http://as.example.com", true, false},
        {"http://127.0.0.1:8080", false, false},
        {"http://127.0.0.1:8080", true, true},
        {"http://[::1]:8080", true, true},
        {"http://localhost:8080/a", true, true},
        {"http://127.0.0.1.evil.example", true, false},
        {"http://10.0.0.1", true, false},
        {"as.example.com", false, false},
        {"https://", false, false},
        {"https://as.example.com@evil.example", false, false},
        {"https://as.example.com?x=1", false, false},
        {"https://as.example.com#x", false, false},
        {"https://as.example.com/a b", false, false},
        {"https://as.example.com/{x}", false, false},
        {"file:///etc/passwd", false, false},
        {"", false, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error err = {0};
        bool accepted =
            metadata_check_issuer(str_c(rows[i].issuer), rows[i].loopback, &err) == STATUS_OK;
        if (accepted != rows[i].accepted)
            fail_msg("%s: %s", rows[i].issuer, err.text);
        assert_true(accepted || str_starts_with(str_c(err.text), STR("issuer: expected")));
    }
}

#define ISSUER "https://as.example.com"
#define DOCUMENT(more) "{\"issuer\":\"" ISSUER "\"" more "}"
#define TOKEN ",\"token_endpoint\":\"" ISSUER "/token\""

struct row {
    const char *name, *document, *id;
    const char *profile; /* all but its sources; NULL: refused */
    const char *says;    /* a remark, or the error */
};

static const struct row rows[] = {
    {"the least", DOCUMENT(TOKEN), "",
     "{\"id\":\"as.example.com\",\"name\":\"as.example.com\",\"issuer\":\"" ISSUER
     "\",\"token_endpoint\":\"" ISSUER "/token\"",
     ""},
    {"an id of one's own", DOCUMENT(TOKEN), "my-idp",
     "{\"id\":\"my-idp\",\"name\":\"as.example.com\",\"issuer\":\"" ISSUER
     "\",\"token_endpoint\":\"" ISSUER "/token\"",
     ""},
    {"what profiles hold, and nothing else",
     DOCUMENT(",\"claims_supported\":[\"sub\"],\"registration_endpoint\":\"" ISSUER
              "/reg\",\"jwks_uri\":\"" ISSUER "/jwks\"" TOKEN
              ",\"token_endpoint_auth_methods_supported\":[\"private_key_jwt\"],"
              "\"mtls_endpoint_aliases\":{\"token_endpoint\":\"https://mtls.example.com/t\","
              "\"registration_endpoint\":\"https://mtls.example.com/r\"},"
              "\"authorization_response_iss_parameter_supported\":true"),
     "",
     "{\"id\":\"as.example.com\",\"name\":\"as.example.com\",\"issuer\":\"" ISSUER
     "\",\"token_endpoint\":\"" ISSUER "/token\",\"jwks_uri\":\"" ISSUER
     "/jwks\",\"token_endpoint_auth_methods_supported\":[\"private_key_jwt\"],"
     "\"authorization_response_iss_parameter_supported\":true,"
     "\"mtls_endpoint_aliases\":{\"token_endpoint\":\"https://mtls.example.com/t\"}",
     ""},
    {"an endpoint in the clear",
     DOCUMENT(TOKEN ",\"userinfo_endpoint\":\"http://as.example.com/me\""), "",
     "{\"id\":\"as.example.com\",\"name\":\"as.example.com\",\"issuer\":\"" ISSUER
     "\",\"token_endpoint\":\"" ISSUER "/token\"",
     "userinfo_endpoint is left out"},
    {"no refresh tokens", DOCUMENT(TOKEN ",\"grant_types_supported\":[\"client_credentials\"]"), "",
     "{\"id\":\"as.example.com\",\"name\":\"as.example.com\",\"issuer\":\"" ISSUER
     "\",\"token_endpoint\":\"" ISSUER "/token\"",
     "does not say that it refreshes"},
    {"methods that nobody here knows",
     DOCUMENT(TOKEN ",\"token_endpoint_auth_methods_supported\":[\"self_signed_tls_client_auth\"]"),
     "",
     "{\"id\":\"as.example.com\",\"name\":\"as.example.com\",\"issuer\":\"" ISSUER
     "\",\"token_endpoint\":\"" ISSUER
     "/token\",\"token_endpoint_auth_methods_supported\":[\"self_signed_tls_client_auth\"]",
     "no client authentication"},
    {"another issuer", "{\"issuer\":\"https://evil.example\"" TOKEN "}", "", NULL,
     "expected the issuer \"https://as.example.com\", got \"https://evil.example\""},
    {"the same issuer with a slash", "{\"issuer\":\"" ISSUER "/\"" TOKEN "}", "", NULL,
     "expected the issuer"},
    {"no issuer", "{\"token_endpoint\":\"" ISSUER "/token\"}", "", NULL, "with an issuer"},
    {"a list", "[]", "", NULL, "with an issuer"},
    {"no token endpoint", DOCUMENT(""), "", NULL, "token_endpoint: expected"},
    {"a token endpoint in the clear", DOCUMENT(",\"token_endpoint\":\"http://as.example.com/t\""),
     "", NULL, "token_endpoint: expected https://"},
    {"a token endpoint with a variable", DOCUMENT(",\"token_endpoint\":\"https://{x}/t\""), "",
     NULL, "token_endpoint: expected"},
    {"an id with blanks", DOCUMENT(TOKEN), "My Own", NULL, "id: expected 1 to 64"},
};

static void documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct error err = {0};
        CLEANUP(buf_deinit) struct buf remarks = {0};
        CLEANUP(buf_deinit) struct buf text = {0};
        CLEANUP(json_freep) struct json *document = NULL;
        CLEANUP(json_freep) struct json *profile = NULL;
        const struct metadata_about about = {
            .issuer = STR(ISSUER), .url = STR(ISSUER "/.well-known/x"), .id = str_c(row->id)};
        assert_int_equal(json_parse(str_c(row->document), JSON_LIMITS_DEFAULT, &document, NULL),
                         STATUS_OK);
        enum status status = metadata_to_profile(document, &about, &profile, &remarks, &err);
        assert_int_equal(status, row->profile != NULL ? STATUS_OK : STATUS_INVALID);
        struct str said = row->profile != NULL ? buf_str(&remarks) : str_c(err.text);
        if (!str_contains(said, str_c(row->says)) || (row->says[0] == '\0' && said.len > 0))
            fail_msg("%s: says \"" STR_FMT "\"", row->name, STR_ARG(said));
        if (row->profile == NULL)
            continue;
        json_write(profile, &text);
        if (!str_starts_with(buf_str(&text), str_c(row->profile)) ||
            !str_ends_with(buf_str(&text), STR(",\"sources\":[\"" ISSUER "/.well-known/x\"]}")))
            fail_msg("%s: %s", row->name, buf_c(&text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),
        cmocka_unit_test(issuers_that_are_asked),
        cmocka_unit_test(documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
