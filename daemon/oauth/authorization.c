#include "oauth/authorization.h"

#include "common/encoding.h"
#include "oauth/request_params.h"
#include "oauth/scope_set.h"
#include "oauth/url_template.h"

#include <string.h>

enum { REDIRECT_URI_MAX = 2048 };

/* ---- where to ---- */

bool oauth_asks_for_id_token(struct str scopes)
{
    return scope_set_has(scopes, STR("openid"));
}

void oauth_pkce_challenge(struct str verifier, struct buf *out)
{
    CLEANUP(buf_deinit) struct buf hash = {0};
    encoding_sha256(verifier, &hash);
    encoding_base64url(buf_str(&hash), out);
}

/* What a profile renames in its token requests it calls so here too (TikTok's client_key); what it
 * leaves out there is another matter. */
static void add(struct request_params *params, struct str name, struct str value)
{
    const struct text_map *renamed = &params->profile->request.renamed_params;
    for (size_t i = 0; i < renamed->count; i++) {
        if (str_eq(renamed->items[i].name, name))
            name = renamed->items[i].value;
    }
    request_params_set(params, name, value);
}

static void add_openid(struct request_params *params, const struct oauth_authorization *about)
{
    if (oauth_asks_for_id_token(about->scopes))
        add(params, STR("nonce"), about->nonce);
    if (str_is_set(about->login_hint))
        add(params, STR("login_hint"), about->login_hint);
    if (str_is_set(about->claims))
        add(params, STR("claims"), about->claims);
}

static enum status add_extras(struct request_params *params,
                              const struct oauth_authorization *about, struct arena *arena,
                              struct error *err)
{
    const struct text_map *extras = &about->profile->request.authorize_params;
    enum status status = STATUS_OK;
    struct str value;
    for (size_t i = 0; i < extras->count && status == STATUS_OK; i++) {
        status = text_template_expand(about->profile, extras->items[i].value, about->config, NULL,
                                      arena, &value, err);
        if (status == STATUS_OK)
            request_params_set(params, extras->items[i].name, value);
    }
    return status;
}

enum status oauth_build_authorization_url(const struct oauth_authorization *about,
                                          struct arena *arena, struct str *ret_url,
                                          struct error *err)
{
    const struct profile *profile = about->profile;
    struct request_params params = {.profile = profile};
    struct str endpoint;
    if (!str_is_set(profile->authorization_endpoint))
        return error_set(err, STATUS_INVALID,
                         "profile \"" STR_FMT "\" names no authorization_endpoint",
                         STR_ARG(profile->id));
    enum status status = url_template_expand(profile, profile->authorization_endpoint,
                                             about->config, arena, &endpoint, err);
    if (status != STATUS_OK)
        return status;
    CLEANUP(buf_deinit) struct buf challenge = {0};
    oauth_pkce_challenge(about->verifier, &challenge);
    add(&params, STR("response_type"), STR("code"));
    add(&params, STR("client_id"), about->client_id);
    add(&params, STR("redirect_uri"), about->redirect_uri);
    if (!str_is_empty(about->scopes))
        add(&params, STR("scope"), request_params_scopes(profile, about->scopes, arena));
    add(&params, STR("state"), about->state);
    add(&params, STR("code_challenge"), buf_str(&challenge));
    add(&params, STR("code_challenge_method"), STR("S256"));
    add_openid(&params, about);
    status = add_extras(&params, about, arena, err);
    if (status != STATUS_OK)
        return status;
    struct str url = request_params_query(&params, endpoint, arena);
    if (url.len > OAUTH_URL_MAX)
        return error_set(err, STATUS_INVALID, "the URL would have %zu bytes, expected %d at most",
                         url.len, (int)OAUTH_URL_MAX);
    *ret_url = url;
    return STATUS_OK;
}

/* ---- where back to ---- */

static bool has_only_uri_bytes(struct str uri)
{
    for (size_t i = 0; i < uri.len; i++) {
        if (uri.data[i] <= ' ' || uri.data[i] > '~' || strchr("\"<>\\^`{|}", uri.data[i]) != NULL)
            return false;
    }
    return uri.len > 0;
}

/* RFC 3986 §3.2: between "//" and the path, without the port; STR_NONE where a user name or a port
 * that is none stands there. */
static struct str host_of(struct str after_scheme)
{
    size_t end = 0;
    while (end < after_scheme.len && strchr("/?", after_scheme.data[end]) == NULL)
        end++;
    struct str authority = str_slice(after_scheme, 0, end);
    if (str_find_byte(authority, '@') < authority.len)
        return STR_NONE;
    size_t colon = str_starts_with(authority, STR("["))
                       ? MIN_OF(str_find_byte(authority, ']') + 1, authority.len)
                       : str_find_byte(authority, ':');
    struct str port = str_slice(authority, colon, authority.len);
    uint64_t number;
    if (port.len > 0 &&
        (port.data[0] != ':' || str_to_u64(str_slice(port, 1, port.len), &number) != STATUS_OK ||
         number < 1 || number > 65535))
        return STR_NONE;
    return str_slice(authority, 0, colon);
}

/* RFC 8252 §7.1: "com.example.app:/path". One with a single label could be anybody's. */
static bool is_private_scheme(struct str uri)
{
    size_t colon = str_find_byte(uri, ':');
    struct str scheme = str_slice(uri, 0, colon);
    bool has_dot = false;
    for (size_t i = 0; i < scheme.len; i++) {
        char c = scheme.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!letter && (i == 0 || !other))
            return false;
        has_dot = has_dot || (c == '.' && i + 1 < scheme.len);
    }
    return has_dot && colon + 1 < uri.len;
}

bool oauth_redirect_uri_check(struct str uri, const char **ret_expected)
{
    *ret_expected = "an absolute URI of at most 2048 bytes, without blanks and other bytes that "
                    "have to be escaped";
    if (uri.len > REDIRECT_URI_MAX || !has_only_uri_bytes(uri))
        return false;
    *ret_expected = "no fragment (RFC 6749 §3.1.2)";
    if (str_find_byte(uri, '#') < uri.len)
        return false;
    bool is_https = str_starts_with(uri, STR("https://"));
    if (!is_https && !str_starts_with(uri, STR("http://"))) {
        *ret_expected = "https://, http:// to a loopback address, or a private-use scheme such as "
                        "com.example.app:/done (RFC 8252 §7)";
        return is_private_scheme(uri);
    }
    *ret_expected = "a host, with a port of 1 to 65535 if any, and without a user name";
    struct str host = host_of(str_slice(uri, is_https ? 8 : 7, uri.len));
    if (str_is_empty(host))
        return false;
    *ret_expected = "https:// (http:// is for loopback addresses alone)";
    return is_https || url_host_is_loopback(host);
}
