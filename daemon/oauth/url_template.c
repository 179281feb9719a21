#include "oauth/url_template.h"

#include "common/encoding.h"

#include <string.h>

/** A URL cut at its joints; variables are still in it. */
struct url_parts {
    bool https;
    struct str host, port; /* port empty: the scheme's own */
    struct str rest;       /* path and query */
};

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/**
 * Cut the text before the next variable, and the variable's name, off *rest. False where a brace
 * has no partner or a name is none; *ret_name is STR_NONE behind the last variable.
 */
static bool next_variable(struct str *rest, struct str *ret_text, struct str *ret_name)
{
    size_t open = str_find_byte(*rest, '{');
    *ret_text = str_slice(*rest, 0, open);
    *ret_name = STR_NONE;
    if (str_find_byte(*ret_text, '}') < ret_text->len)
        return false;
    if (open == rest->len) {
        *rest = str_slice(*rest, open, 0);
        return true;
    }
    struct str inside = str_slice(*rest, open + 1, rest->len);
    size_t close = str_find_byte(inside, '}');
    if (close == inside.len || close == 0)
        return false;
    *ret_name = str_slice(inside, 0, close);
    for (size_t i = 0; i < close; i++) {
        if (!is_name_char(inside.data[i]))
            return false;
    }
    *rest = str_slice(inside, close + 1, inside.len);
    return true;
}

static size_t find_any(struct str s, const char *bytes)
{
    size_t i = 0;
    while (i < s.len && strchr(bytes, s.data[i]) == NULL)
        i++;
    return i;
}

/** RFC 3986 §3, for the two schemes that a request can go by. */
static bool cut_url(struct str url, struct url_parts *ret)
{
    *ret = (struct url_parts){.https = str_starts_with(url, STR("https://"))};
    if (!ret->https && !str_starts_with(url, STR("http://")))
        return false;
    struct str after = str_slice(url, ret->https ? 8 : 7, url.len);
    size_t end = find_any(after, "/?#");
    struct str authority = str_slice(after, 0, end);
    ret->rest = str_slice(after, end, after.len);
    size_t colon;
    if (str_starts_with(authority, STR("[")))
        colon = MIN_OF(str_find_byte(authority, ']') + 1, authority.len);
    else
        colon = str_find_byte(authority, ':');
    ret->host = str_slice(authority, 0, colon);
    ret->port = str_slice(authority, colon, authority.len);
    return ret->host.len > 0 && str_find_byte(authority, '@') == authority.len;
}

static bool is_port(struct str colon_and_port)
{
    uint64_t port;
    if (colon_and_port.len == 0)
        return true;
    return colon_and_port.data[0] == ':' &&
           str_to_u64(str_slice(colon_and_port, 1, colon_and_port.len), &port) == STATUS_OK &&
           port >= 1 && port <= 65535;
}

bool url_host_is_loopback(struct str host)
{
    if (str_eq(host, STR("localhost")) || str_eq(host, STR("[::1]")))
        return true;
    struct str part;
    struct str rest = host;
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

bool url_suffix_is_domain(struct str suffix)
{
    static const char *const second_levels[] = {"ac",  "co", "com", "edu", "go",
                                                "gov", "ne", "net", "or",  "org"};
    struct str last = STR_NONE;
    struct str before = STR_NONE;
    struct str label;
    size_t labels = 0;
    if (!str_starts_with(suffix, STR(".")))
        return false;
    while (str_next_word(&suffix, STR("."), &label)) {
        before = last;
        last = label;
        labels++;
    }
    if (last.len == 2) {
        for (size_t i = 0; i < ARRAY_LEN(second_levels); i++) {
            if (str_eq(before, str_c(second_levels[i])))
                return labels >= 3;
        }
    }
    return labels >= 2;
}

static bool host_keeps_domain(const struct profile *profile, struct str host,
                              const char **ret_expected)
{
    struct str text;
    struct str name;
    struct str rest = host;
    const struct profile_var *last = NULL;
    *ret_expected = "variables in braces that habits.vars declares";
    do {
        if (!next_variable(&rest, &text, &name))
            return false;
        if (str_is_set(name)) {
            last = profile_find_var(profile, name);
            if (last == NULL)
                return false;
        }
    } while (str_is_set(name));
    *ret_expected = "a host whose registered domain no variable can change: \"{x}.example.com\", a "
                    "variable with one_of, or a pattern that ends in \"\\.example\\.com\"";
    if (last == NULL || url_suffix_is_domain(text))
        return true;
    bool is_closed_list = last->one_of.count > 0 && last->pattern_count == 0;
    return is_closed_list || (text.len == 0 && profile_var_keeps_domain(last));
}

static bool text_has_only_url_bytes(struct str url)
{
    for (size_t i = 0; i < url.len; i++) {
        if (url.data[i] <= ' ' || url.data[i] > '~' || strchr("\"<>\\^`|#", url.data[i]) != NULL)
            return false;
    }
    return url.len > 0;
}

/** What a request itself has for the path of its endpoint. */
static bool is_among(struct str name, const struct str_list *names)
{
    for (size_t i = 0; names != NULL && i < names->count; i++) {
        if (str_eq(name, names->items[i]))
            return true;
    }
    return false;
}

bool url_template_check_with(const struct profile *profile, struct str url,
                             const struct str_list *path_names, bool allow_plain_loopback,
                             const char **ret_expected)
{
    struct url_parts parts;
    struct str text;
    struct str name;
    *ret_expected = "an absolute URL without user name, fragment, blanks and backslashes";
    if (!text_has_only_url_bytes(url) || !cut_url(url, &parts)) {
        if (!str_starts_with(url, STR("https://")))
            *ret_expected = "a URL that begins with https://";
        return false;
    }
    *ret_expected = "a port of 1 to 65535, in digits";
    if (!is_port(parts.port))
        return false;
    *ret_expected = "https:// (http:// is for loopback addresses alone, and only where [http] "
                    "allow_plain_loopback is set)";
    if (!parts.https && (!allow_plain_loopback || !url_host_is_loopback(parts.host)))
        return false;
    *ret_expected = "no link-local or metadata address";
    if (str_starts_with(parts.host, STR("169.254.")) || str_starts_with(parts.host, STR("[fe80")))
        return false;
    if (!host_keeps_domain(profile, parts.host, ret_expected))
        return false;
    *ret_expected = "variables in braces that habits.vars declares";
    do {
        if (!next_variable(&parts.rest, &text, &name) ||
            (str_is_set(name) && profile_find_var(profile, name) == NULL &&
             !is_among(name, path_names)))
            return false;
    } while (str_is_set(name));
    return true;
}

bool url_template_check(const struct profile *profile, struct str url, bool allow_plain_loopback,
                        const char **ret_expected)
{
    return url_template_check_with(profile, url, NULL, allow_plain_loopback, ret_expected);
}

/** Letters, digits and hyphens in labels: a value can't end the host or begin another part. */
static bool fits_host(struct str value)
{
    char before = '.';
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (before == '.' || (c != '-' && c != '.')))
            return false;
        before = c;
    }
    return value.len > 0 && value.len <= 253 && before != '.' && before != '-';
}

static bool fits_path(struct str value)
{
    if (value.len == 0 || str_eq(value, STR(".")) || str_eq(value, STR("..")))
        return false;
    return find_any(value, "/\\%?#") == value.len && str_is_utf8(value);
}

static enum status put_value(struct str name, struct str value, bool in_host, struct buf *out,
                             struct error *err)
{
    if (in_host ? !fits_host(value) : !fits_path(value))
        return error_set(err, STATUS_INVALID, "config." STR_FMT ": expected %s", STR_ARG(name),
                         in_host ? "host name labels: letters, digits, hyphens and dots"
                                 : "one part of a path, without / \\ % ? and #");
    if (in_host)
        buf_append(out, value);
    else
        encoding_uri_component(value, out);
    return STATUS_OK;
}

static enum status find_value(const struct profile *profile, struct str name,
                              const struct json *config, const struct template_extras *extras,
                              struct str *ret_value, struct error *err)
{
    for (size_t i = 0; extras != NULL && i < extras->count; i++) {
        if (str_eq(extras->items[i].name, name)) {
            *ret_value = extras->items[i].value;
            return STATUS_OK;
        }
    }
    const struct profile_var *var = profile_find_var(profile, name);
    if (var == NULL)
        return error_set(err, STATUS_INTERNAL, "a variable that was never declared");
    return profile_var_value(var, config, ret_value, err);
}

enum status url_template_expand_with(const struct profile *profile, struct str url,
                                     const struct json *config,
                                     const struct template_extras *path_extras, struct arena *arena,
                                     struct str *ret_url, struct error *err)
{
    if (str_find_byte(url, '{') == url.len) {
        *ret_url = arena_copy(arena, url);
        return STATUS_OK;
    }
    CLEANUP(buf_deinit) struct buf out = {.secret = true};
    struct url_parts parts;
    struct str text;
    struct str name;
    if (!cut_url(url, &parts))
        return error_set(err, STATUS_INTERNAL, "a URL that was never checked");
    size_t host_end = (size_t)(parts.rest.data - url.data);
    struct str rest = url;
    while (next_variable(&rest, &text, &name)) {
        buf_append(&out, text);
        if (!str_is_set(name))
            break;
        bool in_host = (size_t)(name.data - url.data) < host_end;
        struct str value;
        enum status status =
            find_value(profile, name, config, in_host ? NULL : path_extras, &value, err);
        if (status == STATUS_OK)
            status = put_value(name, value, in_host, &out, err);
        if (status != STATUS_OK)
            return status;
    }
    *ret_url = arena_copy(arena, buf_str(&out));
    return STATUS_OK;
}

enum status url_template_expand(const struct profile *profile, struct str url,
                                const struct json *config, struct arena *arena, struct str *ret_url,
                                struct error *err)
{
    return url_template_expand_with(profile, url, config, NULL, arena, ret_url, err);
}

static const struct str extra_names[] = {
    STR_INIT("access_token"),  STR_INIT("refresh_token"), STR_INIT("client_id"),
    STR_INIT("client_secret"), STR_INIT("uuid"),          STR_INIT("now_s"),
    STR_INIT("now_ms"),
};

bool text_template_check(const struct profile *profile, struct str text)
{
    struct str before;
    struct str name;
    do {
        if (!next_variable(&text, &before, &name))
            return false;
        bool known = !str_is_set(name) || profile_find_var(profile, name) != NULL;
        for (size_t i = 0; i < ARRAY_LEN(extra_names) && !known; i++)
            known = str_eq(name, extra_names[i]);
        if (!known)
            return false;
    } while (str_is_set(name));
    return true;
}

enum status text_template_expand(const struct profile *profile, struct str text,
                                 const struct json *config, const struct template_extras *extras,
                                 struct arena *arena, struct str *ret_text, struct error *err)
{
    CLEANUP(buf_deinit) struct buf out = {.secret = true};
    struct str before;
    struct str name;
    while (next_variable(&text, &before, &name)) {
        struct str value = STR_NONE;
        buf_append(&out, before);
        if (!str_is_set(name))
            break;
        enum status status = find_value(profile, name, config, extras, &value, err);
        if (status != STATUS_OK)
            return status;
        buf_append(&out, value);
    }
    struct str whole = buf_str(&out);
    for (size_t i = 0; i < whole.len; i++) {
        if ((unsigned char)whole.data[i] < ' ' || whole.data[i] == 0x7f)
            return error_set(err, STATUS_INVALID, "a value with control characters");
    }
    *ret_text = whole.len == 0 ? arena_copy(arena, STR("")) : arena_copy(arena, whole);
    return STATUS_OK;
}

bool url_host_has_variable(struct str url)
{
    size_t scheme = str_find_byte(url, ':');
    struct str rest = str_slice(url, scheme + 1, url.len);
    while (str_starts_with(rest, STR("/")))
        rest = str_slice(rest, 1, rest.len);
    struct str host = str_slice(rest, 0, str_find_byte(rest, '/'));
    return str_find_byte(host, '{') != host.len;
}

/* Where needle begins in s; its length where it does not. */
static size_t find_text(struct str s, struct str needle)
{
    size_t at = 0;
    while (at + needle.len <= s.len && !str_starts_with(str_slice(s, at, s.len), needle))
        at++;
    return at + needle.len <= s.len ? at : s.len;
}

/* Cut what this variable stands for off *rest, up to the text that follows it in the template. */
static bool cut_value(const struct profile *profile, struct str name, const struct json *config,
                      struct str follows, struct str *rest)
{
    const struct profile_var *var = profile_find_var(profile, name);
    const struct json *given = json_get_str(config, name);
    struct str value = given != NULL ? json_text(given) : STR_NONE;
    if (given == NULL)
        value = str_slice(*rest, 0, follows.len > 0 ? find_text(*rest, follows) : rest->len);
    bool fits = var != NULL && str_starts_with(*rest, value) &&
                (given != NULL ||
                 (str_find_byte(value, '/') == value.len && profile_var_accepts(var, value)));
    *rest = str_slice(*rest, value.len, rest->len);
    return fits;
}

bool url_template_matches(const struct profile *profile, struct str url_template,
                          const struct json *config, struct str url)
{
    struct str text = STR_NONE, name = STR_NONE, follows = STR_NONE, next = STR_NONE;
    if (!next_variable(&url_template, &text, &name) || !str_starts_with(url, text))
        return false;
    url = str_slice(url, text.len, url.len);
    for (; str_is_set(name); name = next) {
        if (!next_variable(&url_template, &follows, &next) ||
            !cut_value(profile, name, config, follows, &url) || !str_starts_with(url, follows))
            return false;
        url = str_slice(url, follows.len, url.len);
    }
    return url.len == 0;
}
