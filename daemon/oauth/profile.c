#include "oauth/profile_reader.h"
#include "oauth/url_template.h"

#include "common/assert.h"
#include "common/memory.h"

#include <stdio.h>
#include <stdlib.h>

/* A request has room for these beside its own (request_params.h, message.h). */
enum { ID_MAX = 64, EXTRAS_MAX = 10 };

static enum status take_id(struct profile_reader *reader, const char *path,
                           const struct json *value, void *field)
{
    struct str id = json_text(value);
    bool fits = id.len > 0 && id.len <= ID_MAX;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.data[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        fits = fits && (alnum || (i > 0 && (c == '-' || c == '_' || c == '.')));
    }
    if (!fits)
        return reader_fail(reader, path, value,
                           "1 to 64 lower-case letters, digits, '-', '_' and '.'");
    *(struct str *)field = arena_copy(&reader->profile->arena, id);
    return STATUS_OK;
}

static bool takes_secret(enum auth_method method)
{
    return method == AUTH_CLIENT_SECRET_BASIC || method == AUTH_CLIENT_SECRET_POST ||
           method == AUTH_CLIENT_SECRET_JWT;
}

/** The first that refreshd can do, and the first that shows a secret; RFC 8414 §2: "if omitted, the
 * default is client_secret_basic". */
static enum status take_auth_methods(struct profile_reader *reader, const char *path,
                                     const struct json *value, UNUSED void *field)
{
    struct profile *profile = reader->profile;
    bool found = false, found_secret = false;
    if (json_type(value) != JSON_ARRAY)
        return reader_fail(reader, path, value, "an array of texts");
    for (size_t i = 0; i < json_count(value); i++) {
        enum auth_method method;
        struct str word = json_text(json_at(value, i));
        if (!str_is_set(word))
            return reader_fail(reader, path, json_at(value, i), "an array of texts");
        if (auth_method_parse(word, &method) != STATUS_OK)
            continue;
        if (!found)
            profile->auth_method = method;
        if (!found_secret && takes_secret(method))
            profile->secret_auth_method = method;
        found = true;
        found_secret = found_secret || takes_secret(method);
    }
    return STATUS_OK;
}

#define AT(member) offsetof(struct profile, member)

/** RFC 8705 §5: where a client with a certificate goes instead. */
static enum status take_aliases(struct profile_reader *reader, const char *path,
                                const struct json *value, UNUSED void *field)
{
    static const struct habit endpoints[] = {
        {"token_endpoint", reader_take_text, AT(mtls_aliases.token)},
        {"revocation_endpoint", reader_take_text, AT(mtls_aliases.revocation)},
        {"introspection_endpoint", reader_take_text, AT(mtls_aliases.introspection)},
        {"userinfo_endpoint", reader_take_text, AT(mtls_aliases.userinfo)},
    };
    if (json_type(value) != JSON_OBJECT)
        return reader_fail(reader, path, value, "an object of endpoints");
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        const struct json *endpoint = json_get(value, endpoints[i].name);
        void *to = (char *)reader->profile + endpoints[i].offset;
        if (endpoint != NULL && reader_take_text(reader, path, endpoint, to) != STATUS_OK)
            return STATUS_INVALID;
    }
    return STATUS_OK;
}

/** RFC 8414's names (OpenID Connect Discovery's are the same); all others are none of our business.
 */
static const struct habit metadata[] = {
    {"id", take_id, AT(id)},
    {"name", reader_take_text, AT(name)},
    {"issuer", reader_take_text, AT(issuer)},
    {"token_endpoint", reader_take_text, AT(token_endpoint)},
    {"authorization_endpoint", reader_take_text, AT(authorization_endpoint)},
    {"revocation_endpoint", reader_take_text, AT(revocation_endpoint)},
    {"introspection_endpoint", reader_take_text, AT(introspection_endpoint)},
    {"userinfo_endpoint", reader_take_text, AT(userinfo_endpoint)},
    {"jwks_uri", reader_take_text, AT(jwks_uri)},
    {"token_endpoint_auth_methods_supported", take_auth_methods, AT(auth_method)},
    {"authorization_response_iss_parameter_supported", reader_take_bool, AT(response_names_issuer)},
    {"token_endpoint_auth_signing_alg_values_supported", reader_take_texts, AT(signing_algs)},
    {"mtls_endpoint_aliases", take_aliases, 0},
    {"habits", profile_take_habits, 0},
};

static enum status take_metadata(struct profile_reader *reader, const struct json *json)
{
    for (size_t i = 0; i < ARRAY_LEN(metadata); i++) {
        const struct json *value = json_get(json, metadata[i].name);
        if (value == NULL)
            continue;
        void *field = (char *)reader->profile + metadata[i].offset;
        enum status status = metadata[i].take(reader, metadata[i].name, value, field);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status fail_text(struct profile_reader *reader, const char *path, struct str got,
                             const char *expected)
{
    return error_set(reader->err, STATUS_INVALID, STR_FMT ": %s: expected %s, got \"" STR_FMT "\"",
                     STR_ARG(reader->profile->file), path, expected,
                     STR_ARG(str_slice(got, 0, 100)));
}

/** Only now that all variables are known. */
static enum status check_urls(struct profile_reader *reader)
{
    const struct profile *profile = reader->profile;
    const struct {
        const char *path;
        struct str url;
    } urls[] = {
        {"token_endpoint", profile->token_endpoint},
        {"authorization_endpoint", profile->authorization_endpoint},
        {"revocation_endpoint", profile->revocation_endpoint},
        {"introspection_endpoint", profile->introspection_endpoint},
        {"userinfo_endpoint", profile->userinfo_endpoint},
        {"jwks_uri", profile->jwks_uri},
        {"issuer", profile->issuer},
        {"habits.request.endpoint", profile->request.endpoint},
        {"habits.security_events.poll_endpoint", profile->security_events.poll_endpoint},
        {"habits.security_events.jwks_uri", profile->security_events.jwks_uri},
        {"mtls_endpoint_aliases.token_endpoint", profile->mtls_aliases.token},
        {"mtls_endpoint_aliases.revocation_endpoint", profile->mtls_aliases.revocation},
        {"mtls_endpoint_aliases.introspection_endpoint", profile->mtls_aliases.introspection},
        {"mtls_endpoint_aliases.userinfo_endpoint", profile->mtls_aliases.userinfo},
    };
    const char *expected;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        if (!str_is_set(urls[i].url) ||
            url_template_check(profile, urls[i].url, reader->allow_plain_loopback, &expected))
            continue;
        return fail_text(reader, urls[i].path, urls[i].url, expected);
    }
    static const struct str own[] = {STR_INIT("client_id"), STR_INIT("token")};
    const struct str_list of_request = {.items = own, .count = ARRAY_LEN(own)};
    struct str revoke = profile->revoke.endpoint;
    if (str_is_set(revoke) && !url_template_check_with(profile, revoke, &of_request,
                                                       reader->allow_plain_loopback, &expected))
        return fail_text(reader, "habits.revoke.endpoint", revoke, expected);
    return STATUS_OK;
}

static const char *const known_names =
    "variables in braces that habits.vars declares, or {access_token}, {refresh_token}, "
    "{client_id}, {client_secret}, {uuid}, {now_s}, {now_ms}";

static enum status check_texts(struct profile_reader *reader)
{
    const struct profile *profile = reader->profile;
    const struct {
        const char *path;
        struct text_map map;
    } maps[] = {
        {"habits.request.extra_params", profile->request.extra_params},
        {"habits.request.extra_headers", profile->request.extra_headers},
        {"habits.request.authorize_params", profile->request.authorize_params},
    };
    const struct {
        const char *path;
        struct str text;
    } texts[] = {
        {"habits.request.assertion_audience", profile->request.assertion_audience},
        {"habits.request.assertion_issuer", profile->request.assertion_issuer},
        {"habits.request.basic_user", profile->request.basic_user},
        {"habits.request.basic_password", profile->request.basic_password},
        {"habits.request.signature.text", profile->request.signature_text},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (!text_template_check(profile, texts[i].text))
            return fail_text(reader, texts[i].path, texts[i].text, known_names);
    }
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        if (maps[i].map.count > EXTRAS_MAX)
            return reader_fail(reader, maps[i].path, NULL, "at most 10 of them");
        for (size_t k = 0; k < maps[i].map.count; k++) {
            struct str text = maps[i].map.items[k].value;
            if (!text_template_check(profile, text))
                return fail_text(reader, maps[i].path, text, known_names);
        }
    }
    return STATUS_OK;
}

static enum status parse(struct profile_reader *reader, const struct json *json)
{
    struct profile *profile = reader->profile;
    if (json_type(json) != JSON_OBJECT)
        return reader_fail(reader, "profile", json, "an object");
    enum status status = take_metadata(reader, json);
    if (status != STATUS_OK)
        return status;
    if (!str_is_set(profile->id))
        return reader_fail(reader, "id", NULL, "the profile's id, a text");
    if (!str_is_set(profile->name))
        profile->name = profile->id;
    if (!str_is_set(profile->token_endpoint) && !json_has(json, "token_endpoint"))
        return reader_fail(reader, "token_endpoint", NULL,
                           "a URL that begins with https://, or null on purpose");
    status = check_urls(reader);
    return status == STATUS_OK ? check_texts(reader) : status;
}

enum status profile_parse(const struct json *json, struct str file, bool allow_plain_loopback,
                          struct profile **out, struct error *err)
{
    ASSERT(out != NULL && *out == NULL);
    CLEANUP(profile_freep) struct profile *profile = memory_new(sizeof(*profile));
    profile->file = arena_copy(&profile->arena, file);
    profile->auth_method = profile->secret_auth_method = AUTH_CLIENT_SECRET_BASIC;
    struct profile_reader reader = {
        .profile = profile, .allow_plain_loopback = allow_plain_loopback, .err = err};
    enum status status = parse(&reader, json);
    if (status == STATUS_OK)
        *out = TAKE_PTR(profile);
    return status;
}

void profile_free(struct profile *profile)
{
    if (profile == NULL)
        return;
    for (size_t i = 0; i < profile->var_count; i++) {
        for (size_t k = 0; k < profile->vars[i].pattern_count; k++)
            regfree(&profile->vars[i].regexes[k]);
    }
    secret_free(profile->security_events.token);
    struct arena arena = profile->arena;
    arena_deinit(&arena);
    free(profile);
}

void profile_freep(struct profile **profile)
{
    profile_free(*profile);
    *profile = NULL;
}

/** Every member a variable of the profile. */
static enum status check_names(const struct profile *profile, const struct json *config,
                               struct error *err)
{
    struct str name;
    const struct json *ignored;
    size_t index = 0;
    while (json_next_member(config, &index, &name, &ignored)) {
        if (profile_find_var(profile, name) == NULL)
            return error_set(err, STATUS_INVALID,
                             "config." STR_FMT ": profile \"" STR_FMT "\" has no such variable",
                             STR_ARG(str_slice(name, 0, 60)), STR_ARG(profile->id));
    }
    return STATUS_OK;
}

/** What is given fits the URLs too: a host's labels, a part of a path. */
static enum status check_expansions(const struct profile *profile, const struct json *config,
                                    struct error *err)
{
    struct str urls[] = {profile->token_endpoint, profile->request.endpoint,
                         profile->authorization_endpoint};
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < ARRAY_LEN(urls); i++) {
        struct arena arena = {0};
        struct str url;
        status = url_template_expand(profile, urls[i], config, &arena, &url, err);
        arena_deinit(&arena);
    }
    return status;
}

enum status profile_check_config(const struct profile *profile, enum config_of of,
                                 const struct json *config, struct error *err)
{
    if (config != NULL && json_type(config) != JSON_OBJECT)
        return error_set(err, STATUS_INVALID, "config: expected an object, got %s",
                         json_type_text(json_type(config)));
    if (!str_is_set(profile->token_endpoint))
        return error_set(err, STATUS_INVALID,
                         "profile \"" STR_FMT "\" names no token_endpoint: it only reads answers; "
                         "give a profile of your own that names one",
                         STR_ARG(profile->id));
    enum status status = check_names(profile, config, err);
    bool is_whole = true;
    for (size_t i = 0; status == STATUS_OK && i < profile->var_count; i++) {
        const struct profile_var *var = &profile->vars[i];
        struct str value;
        if (of == CONFIG_OF_CONNECTOR && var->is_per_connection && !str_is_set(var->fallback) &&
            json_get_str(config, var->name) == NULL)
            is_whole = false;
        else
            status = profile_var_value(var, config, &value, err);
    }
    if (status != STATUS_OK || !is_whole)
        return status;
    return check_expansions(profile, config, err);
}
