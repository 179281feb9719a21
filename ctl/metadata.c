#include "ctl/metadata.h"

#include <string.h>

enum { PROFILE_ID_MAX = 64 };

/** "https://host:port/path" at its joints; false where it is none. */
static bool cut(struct str url, bool *ret_https, struct str *ret_authority, struct str *ret_path)
{
    *ret_https = str_starts_with(url, STR("https://"));
    if (!*ret_https && !str_starts_with(url, STR("http://")))
        return false;
    struct str rest = str_slice(url, *ret_https ? 8 : 7, url.len);
    size_t end = 0;
    while (end < rest.len && strchr("/?#", rest.data[end]) == NULL)
        end++;
    *ret_authority = str_slice(rest, 0, end);
    *ret_path = str_slice(rest, end, rest.len);
    return ret_authority->len > 0 && str_find_byte(*ret_authority, '@') == ret_authority->len;
}

static struct str host_of(struct str authority)
{
    if (str_starts_with(authority, STR("[")))
        return str_slice(authority, 0, str_find_byte(authority, ']') + 1);
    return str_slice(authority, 0, str_find_byte(authority, ':'));
}

/** Addresses that no resolver can bend: the daemon's own rule (docs/providers.md "vars"). */
static bool is_loopback(struct str host)
{
    if (str_eq(host, STR("localhost")) || str_eq(host, STR("[::1]")))
        return true;
    struct str rest = host;
    struct str part;
    size_t count = 0;
    uint64_t number;
    while (str_next_word(&rest, STR("."), &part)) {
        if (part.len > 3 || str_to_u64(part, &number) != STATUS_OK || number > 255 ||
            (count == 0 && number != 127))
            return false;
        count++;
    }
    return count == 4;
}

static bool has_only_url_bytes(struct str url)
{
    for (size_t i = 0; i < url.len; i++) {
        if (url.data[i] <= ' ' || url.data[i] > '~' || strchr("\"<>\\^`|{}", url.data[i]) != NULL)
            return false;
    }
    return true;
}

/** May a request go there? *ret_expected is a static text. */
static bool is_endpoint(struct str url, bool allow_plain_loopback, const char **ret_expected)
{
    bool https = false;
    struct str authority = STR_NONE;
    struct str path = STR_NONE;
    *ret_expected = "an absolute URL that begins with https://, without user name and fragment";
    if (!has_only_url_bytes(url) || !cut(url, &https, &authority, &path) ||
        str_find_byte(path, '#') < path.len)
        return false;
    *ret_expected = "https:// (http:// is for loopback addresses alone, and only with "
                    "--allow-plain-loopback)";
    return https || (allow_plain_loopback && is_loopback(host_of(authority)));
}

enum status metadata_check_issuer(struct str issuer, bool allow_plain_loopback, struct error *err)
{
    const char *expected;
    if (!is_endpoint(issuer, allow_plain_loopback, &expected))
        return error_set(err, STATUS_INVALID, "issuer: expected %s, got \"" STR_FMT "\"", expected,
                         STR_ARG(str_slice(issuer, 0, 100)));
    if (str_find_byte(issuer, '?') < issuer.len)
        return error_set(err, STATUS_INVALID, "issuer: expected a URL without a query");
    return STATUS_OK;
}

void metadata_url(enum metadata_place place, struct str issuer, struct buf *out)
{
    bool https = false;
    struct str authority = STR_NONE;
    struct str path = STR_NONE;
    if (!cut(issuer, &https, &authority, &path))
        return;
    if (str_ends_with(path, STR("/")))
        path = str_slice(path, 0, path.len - 1);
    buf_append(out, https ? STR("https://") : STR("http://"));
    buf_append(out, authority);
    if (place == METADATA_OPENID)
        buf_append(out, path);
    buf_append(out, place == METADATA_OPENID ? STR("/.well-known/openid-configuration")
                                             : STR("/.well-known/oauth-authorization-server"));
    if (place == METADATA_OAUTH)
        buf_append(out, path);
}

/** What profiles may hold of it (docs/providers.md), in the order in which they read well. */
static const char *const endpoints[] = {
    "authorization_endpoint", "token_endpoint",    "revocation_endpoint",
    "introspection_endpoint", "userinfo_endpoint", "jwks_uri",
};
static const char *const word_lists[] = {
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "scopes_supported",
    "code_challenge_methods_supported",
};
static const char *const auth_methods[] = {
    "client_secret_basic", "client_secret_post", "none",
    "client_secret_jwt",   "private_key_jwt",    "tls_client_auth",
};

static bool list_has(const struct json *list, const char *word)
{
    for (size_t i = 0; i < json_count(list); i++) {
        if (str_eq(json_text(json_at(list, i)), str_c(word)))
            return true;
    }
    return false;
}

static bool is_word_list(const struct json *list)
{
    for (size_t i = 0; i < json_count(list); i++) {
        struct str word = json_text(json_at(list, i));
        if (word.len == 0 || word.len > 256)
            return false;
    }
    return json_type(list) == JSON_ARRAY && json_count(list) > 0;
}

static enum status take_endpoints(const struct json *from, const struct metadata_about *about,
                                  struct json *to, struct buf *remarks, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        struct str url = json_text(json_get(from, endpoints[i]));
        const char *expected;
        bool is_token = strcmp(endpoints[i], "token_endpoint") == 0;
        if (json_get(from, endpoints[i]) == NULL && !is_token)
            continue;
        if (is_endpoint(url, about->allow_plain_loopback, &expected) && url.len > 0)
            json_set_text(to, endpoints[i], url);
        else if (is_token)
            return error_set(err, STATUS_INVALID, STR_FMT ": token_endpoint: expected %s",
                             STR_ARG(about->url), expected);
        else
            buf_printf(remarks, "%s is left out: expected %s\n", endpoints[i], expected);
    }
    return STATUS_OK;
}

/** RFC 8705 §5. */
static void take_aliases(const struct json *from, const struct metadata_about *about,
                         struct json *to)
{
    const struct json *aliases = json_get(from, "mtls_endpoint_aliases");
    struct json *taken = NULL;
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        struct str url = json_text(json_get(aliases, endpoints[i]));
        const char *expected;
        if (url.len == 0 || !is_endpoint(url, about->allow_plain_loopback, &expected))
            continue;
        if (taken == NULL)
            taken = json_new_object();
        json_set_text(taken, endpoints[i], url);
    }
    if (taken != NULL)
        json_set(to, "mtls_endpoint_aliases", taken);
}

static void take_words(const struct json *from, struct json *to)
{
    for (size_t i = 0; i < ARRAY_LEN(word_lists); i++) {
        const struct json *list = json_get(from, word_lists[i]);
        if (is_word_list(list))
            json_set(to, word_lists[i], json_copy(list));
    }
    const char *const issuer_named = "authorization_response_iss_parameter_supported";
    if (json_bool(json_get(from, issuer_named), false))
        json_set_bool(to, issuer_named, true);
}

static void write_remarks(const struct json *from, struct buf *remarks)
{
    const struct json *methods = json_get(from, "token_endpoint_auth_methods_supported");
    const struct json *grants = json_get(from, "grant_types_supported");
    bool can = json_count(methods) == 0;
    for (size_t i = 0; i < ARRAY_LEN(auth_methods); i++)
        can = can || list_has(methods, auth_methods[i]);
    if (!can)
        buf_append(remarks, STR("it names no client authentication that refreshd can do\n"));
    if (json_count(grants) > 0 && !list_has(grants, "refresh_token"))
        buf_append(remarks, STR("it does not say that it refreshes (grant_types_supported)\n"));
}

/** A host in lower case, its odd bytes as hyphens. */
static void write_id(struct str issuer, struct buf *out)
{
    bool https = false;
    struct str authority = STR_NONE;
    struct str path = STR_NONE;
    (void)cut(issuer, &https, &authority, &path);
    struct str host = str_slice(host_of(authority), 0, PROFILE_ID_MAX);
    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];
        c = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (alnum || (out->len > 0 && (c == '.' || c == '-')))
            buf_append_byte(out, c);
        else if (out->len > 0)
            buf_append_byte(out, '-');
    }
}

static bool is_profile_id(struct str id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.data[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alnum && (i == 0 || (c != '-' && c != '_' && c != '.')))
            return false;
    }
    return id.len > 0 && id.len <= PROFILE_ID_MAX;
}

static enum status check(const struct json *document, const struct metadata_about *about,
                         struct error *err)
{
    struct str issuer = json_text(json_get(document, "issuer"));
    if (json_type(document) != JSON_OBJECT || issuer.len == 0)
        return error_set(err, STATUS_INVALID,
                         STR_FMT ": expected a metadata document with an issuer (RFC 8414)",
                         STR_ARG(about->url));
    if (!str_eq(issuer, about->issuer))
        return error_set(err, STATUS_INVALID,
                         STR_FMT ": expected the issuer \"" STR_FMT "\", got \"" STR_FMT
                                 "\": ask for exactly that one if you trust it",
                         STR_ARG(about->url), STR_ARG(about->issuer),
                         STR_ARG(str_slice(issuer, 0, 200)));
    if (about->id.len > 0 && !is_profile_id(about->id))
        return error_set(err, STATUS_INVALID,
                         "id: expected 1 to 64 lower-case letters, digits, '-', '_' and '.'");
    return STATUS_OK;
}

enum status metadata_to_profile(const struct json *document, const struct metadata_about *about,
                                struct json **out, struct buf *remarks, struct error *err)
{
    CLEANUP(json_freep) struct json *profile = json_new_object();
    CLEANUP(buf_deinit) struct buf id = {0};
    enum status status = check(document, about, err);
    if (status != STATUS_OK)
        return status;
    write_id(about->issuer, &id);
    json_set_text(profile, "id", about->id.len > 0 ? about->id : buf_str(&id));
    json_set_text(profile, "name", buf_str(&id));
    json_set_text(profile, "issuer", about->issuer);
    status = take_endpoints(document, about, profile, remarks, err);
    if (status != STATUS_OK)
        return status;
    take_words(document, profile);
    take_aliases(document, about, profile);
    write_remarks(document, remarks);
    struct json *sources = json_new_array();
    json_append_text(sources, about->url);
    json_set(profile, "sources", sources);
    *out = TAKE_PTR(profile);
    return STATUS_OK;
}

void metadata_write_profile(const struct json *profile, struct buf *out)
{
    size_t index = 0;
    struct str name;
    const struct json *value;
    bool is_first = true;
    buf_append(out, STR("{\n"));
    while (json_next_member(profile, &index, &name, &value)) {
        buf_printf(out, "%s  \"" STR_FMT "\": ", is_first ? "" : ",\n", STR_ARG(name));
        json_write(value, out);
        is_first = false;
    }
    buf_append(out, STR("\n}\n"));
}
