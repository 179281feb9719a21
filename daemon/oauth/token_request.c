#include "oauth/token_request.h"

#include "common/assert.h"
#include "common/encoding.h"
#include "oauth/client_assertion.h"
#include "oauth/request_params.h"
#include "oauth/url_template.h"

#include <inttypes.h>
#include <string.h>

enum { EXTRAS_COUNT = 7 };

/** One request under way. */
struct builder {
    const struct oauth_refresh *refresh;
    const struct profile *profile;
    struct oauth_message *message;
    struct request_params params;
    struct text_pair extra_items[EXTRAS_COUNT];
    struct template_extras extras;
    struct str uuid;
    struct str token_url; /* expanded */
    struct error *err;
};

/** RFC 9562 §5.4 out of the caller's random bytes. */
static struct str make_uuid(const uint8_t random[16], struct arena *arena)
{
    char hex[33];
    uint8_t bytes[16];
    memcpy(bytes, random, sizeof(bytes));
    bytes[6] = (uint8_t)((bytes[6] & 0x0F) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        hex[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[bytes[i] & 0x0F];
    }
    return arena_printf(arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                        hex + 20);
}

static void set_extras(struct builder *b)
{
    const struct oauth_refresh *refresh = b->refresh;
    struct arena *arena = &b->message->arena;
    b->uuid = make_uuid(refresh->random, arena);
    const struct text_pair items[EXTRAS_COUNT] = {
        {STR("access_token"), refresh->access_token},
        {STR("refresh_token"), refresh->refresh_token},
        {STR("client_id"), refresh->client->client_id},
        {STR("client_secret"), refresh->client->secret},
        {STR("uuid"), b->uuid},
        {STR("now_s"), arena_printf(arena, "%" PRId64, refresh->now_wall_ms / 1000)},
        {STR("now_ms"), arena_printf(arena, "%" PRId64, refresh->now_wall_ms)},
    };
    memcpy(b->extra_items, items, sizeof(items));
    b->extras = (struct template_extras){.items = b->extra_items, .count = EXTRAS_COUNT};
}

/** Replaces a header of the same name. */
static enum status set_header(struct builder *b, struct str name, struct str value)
{
    struct oauth_message *message = b->message;
    size_t i = 0;
    while (i < message->header_count && !str_eq_nocase(message->headers[i].name, name))
        i++;
    if (i == OAUTH_HEADERS_MAX)
        return error_set(b->err, STATUS_INVALID, "the profile asks for more than %d headers",
                         OAUTH_HEADERS_MAX);
    message->headers[i] = (struct oauth_header){.name = name, .value = value};
    message->header_count = MAX_OF(message->header_count, i + 1);
    return STATUS_OK;
}

static enum status expand(struct builder *b, struct str text, struct str *ret)
{
    return text_template_expand(b->profile, text, b->refresh->config, &b->extras,
                                &b->message->arena, ret, b->err);
}

/** RFC 6749 §2.3.1: both parts form-encoded before they are joined. */
static enum status add_basic(struct builder *b)
{
    CLEANUP(buf_deinit) struct buf pair = {.secret = true};
    CLEANUP(buf_deinit) struct buf header = {.secret = true};
    struct str user = b->refresh->client->client_id;
    struct str password = b->refresh->client->secret;
    enum status status = STATUS_OK;
    if (str_is_set(b->profile->request.basic_user))
        status = expand(b, b->profile->request.basic_user, &user);
    if (status == STATUS_OK && str_is_set(b->profile->request.basic_password))
        status = expand(b, b->profile->request.basic_password, &password);
    if (status != STATUS_OK)
        return status;
    encoding_form(user, &pair);
    buf_append_byte(&pair, ':');
    encoding_form(password, &pair);
    buf_append(&header, STR("Basic "));
    encoding_base64(buf_str(&pair), &header);
    return set_header(b, STR("Authorization"), arena_copy(&b->message->arena, buf_str(&header)));
}

static enum status find_audience(struct builder *b, struct str *ret)
{
    struct str wanted = b->profile->request.assertion_audience;
    if (!str_is_set(wanted) || str_eq(wanted, STR("token_endpoint"))) {
        *ret = b->token_url;
        return STATUS_OK;
    }
    if (!str_eq(wanted, STR("issuer")))
        return expand(b, wanted, ret);
    if (!str_is_set(b->profile->issuer))
        return error_set(b->err, STATUS_INVALID, "the profile names no issuer for assertions");
    return url_template_expand(b->profile, b->profile->issuer, b->refresh->config,
                               &b->message->arena, ret, b->err);
}

static enum status add_assertion(struct builder *b)
{
    const struct oauth_client *client = b->refresh->client;
    struct client_assertion about = {
        .issuer = client->client_id,
        .subject = client->client_id,
        .id = b->uuid,
        .key_id = client->key_id,
        .certificate = client->certificate,
        .now_wall_ms = b->refresh->now_wall_ms,
    };
    struct str jwt;
    enum status status = find_audience(b, &about.audience);
    if (status == STATUS_OK && str_is_set(b->profile->request.assertion_issuer))
        status = expand(b, b->profile->request.assertion_issuer, &about.issuer);
    if (status != STATUS_OK)
        return status;
    struct arena *arena = &b->message->arena;
    if (client->method == AUTH_PRIVATE_KEY_JWT)
        status = client_assertion_sign_key(&about, client->secret, arena, &jwt, b->err);
    else
        status = client_assertion_sign_secret(&about, client->secret, arena, &jwt, b->err);
    if (status != STATUS_OK)
        return status;
    request_params_add(&b->params, STR("client_id"), client->client_id);
    request_params_add(&b->params, STR("client_assertion_type"),
                       STR("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
    request_params_add(&b->params, STR("client_assertion"), jwt);
    return STATUS_OK;
}

static enum status add_client(struct builder *b)
{
    const struct oauth_client *client = b->refresh->client;
    switch (client->method) {
    case AUTH_CLIENT_SECRET_BASIC:
        return add_basic(b);
    case AUTH_CLIENT_SECRET_POST:
        request_params_add(&b->params, STR("client_id"), client->client_id);
        request_params_add(&b->params, STR("client_secret"), client->secret);
        return STATUS_OK;
    case AUTH_NONE:
        request_params_add(&b->params, STR("client_id"), client->client_id);
        return STATUS_OK;
    case AUTH_CLIENT_SECRET_JWT:
    case AUTH_PRIVATE_KEY_JWT:
        return add_assertion(b);
    case AUTH_TLS_CLIENT_AUTH:
        request_params_add(&b->params, STR("client_id"), client->client_id);
        b->message->tls_certificate = arena_copy(&b->message->arena, client->certificate);
        b->message->tls_key = arena_copy(&b->message->arena, client->secret);
        return STATUS_OK;
    case AUTH_METHOD_COUNT:
        break;
    }
    return error_set(b->err, STATUS_INTERNAL, "no such client authentication method");
}

/** RFC 6749 §6. */
static void add_grant(struct builder *b)
{
    const struct oauth_refresh *refresh = b->refresh;
    request_params_add(&b->params, STR("grant_type"), STR("refresh_token"));
    if (!b->profile->request.presents_access_token)
        request_params_add(&b->params, STR("refresh_token"), refresh->refresh_token);
    if (!b->profile->request.send_scope || refresh->scopes.len == 0)
        return;
    char separator = ' ';
    if (b->profile->request.scope_separator.len > 0)
        separator = b->profile->request.scope_separator.data[0];
    char *scopes = arena_alloc(&b->message->arena, refresh->scopes.len + 1);
    for (size_t i = 0; i < refresh->scopes.len; i++)
        scopes[i] = refresh->scopes.data[i] == ' ' ? separator : refresh->scopes.data[i];
    request_params_add(&b->params, STR("scope"),
                       (struct str){.data = scopes, .len = refresh->scopes.len});
}

static enum status add_extras(struct builder *b)
{
    const struct text_map *params = &b->profile->request.extra_params;
    const struct text_map *headers = &b->profile->request.extra_headers;
    enum status status = STATUS_OK;
    struct str value;
    for (size_t i = 0; i < params->count && status == STATUS_OK; i++) {
        status = expand(b, params->items[i].value, &value);
        if (status == STATUS_OK)
            request_params_set(&b->params, params->items[i].name, value);
    }
    for (size_t i = 0; i < headers->count && status == STATUS_OK; i++) {
        status = expand(b, headers->items[i].value, &value);
        if (status == STATUS_OK)
            status = set_header(b, headers->items[i].name, value);
    }
    return status;
}

static enum status put_params(struct builder *b)
{
    struct oauth_message *message = b->message;
    bool get = b->profile->request.method == METHOD_GET;
    message->method = get ? STR("GET") : STR("POST");
    message->url = b->token_url;
    switch ((enum body_format)(get ? FORMAT_QUERY : b->profile->request.body_format)) {
    case FORMAT_FORM:
        message->body = request_params_form(&b->params);
        return set_header(b, STR("Content-Type"), STR("application/x-www-form-urlencoded"));
    case FORMAT_JSON:
        message->body = request_params_json(&b->params);
        return set_header(b, STR("Content-Type"), STR("application/json"));
    case FORMAT_QUERY:
        message->url = request_params_query(&b->params, b->token_url, &message->arena);
        return STATUS_OK;
    case FORMAT_NONE:
        return STATUS_OK;
    }
    return STATUS_OK;
}

static enum status check(const struct oauth_refresh *refresh, struct error *err)
{
    const struct profile *profile = refresh->profile;
    if (!str_is_set(profile->token_endpoint) && !str_is_set(profile->request.endpoint))
        return error_set(err, STATUS_INVALID,
                         "profile \"" STR_FMT "\" names no token_endpoint to refresh at",
                         STR_ARG(profile->id));
    if (profile->request.presents_access_token && refresh->access_token.len == 0)
        return error_set(err, STATUS_INVALID, "this provider renews access tokens: there is none");
    if (!profile->request.presents_access_token && refresh->refresh_token.len == 0)
        return error_set(err, STATUS_INVALID, "expected a refresh token, there is none");
    return STATUS_OK;
}

static enum status build(struct builder *b)
{
    enum status status =
        url_template_expand(b->profile, profile_refresh_endpoint(b->profile), b->refresh->config,
                            &b->message->arena, &b->token_url, b->err);
    if (status != STATUS_OK)
        return status;
    b->message->host_is_made = url_host_has_variable(profile_refresh_endpoint(b->profile));
    set_extras(b);
    status = set_header(b, STR("Accept"), STR("application/json"));
    if (status != STATUS_OK)
        return status;
    add_grant(b);
    status = add_client(b);
    if (status == STATUS_OK)
        status = add_extras(b);
    return status == STATUS_OK ? put_params(b) : status;
}

enum status oauth_build_refresh(const struct oauth_refresh *refresh,
                                struct oauth_message *ret_message, struct error *err)
{
    ASSERT(refresh != NULL && refresh->profile != NULL && refresh->client != NULL);
    struct oauth_message message = {0};
    struct builder builder = {.refresh = refresh,
                              .profile = refresh->profile,
                              .message = &message,
                              .params = {.profile = refresh->profile},
                              .err = err};
    enum status status = check(refresh, err);
    if (status == STATUS_OK)
        status = build(&builder);
    if (status == STATUS_OK)
        *ret_message = message;
    else
        oauth_message_deinit(&message);
    return status;
}
