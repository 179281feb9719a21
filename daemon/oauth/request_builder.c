#include "oauth/request_builder.h"

#include "common/assert.h"
#include "common/encoding.h"
#include "oauth/client_assertion.h"

#include <inttypes.h>
#include <string.h>

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

/** Made for the first who needs one: most profiles have no template, most clients no assertion. */
static void need_extras(struct request_builder *b)
{
    struct arena *arena = &b->message->arena;
    if (b->extras.count > 0)
        return;
    b->uuid = make_uuid(b->from.random, arena);
    const struct text_pair items[REQUEST_EXTRAS_COUNT] = {
        {STR("access_token"), b->from.access_token},
        {STR("refresh_token"), b->from.refresh_token},
        {STR("client_id"), b->from.client->client_id},
        {STR("client_secret"), b->from.client->secret},
        {STR("uuid"), b->uuid},
        {STR("now_s"), arena_printf(arena, "%" PRId64, b->from.now_wall_ms / 1000)},
        {STR("now_ms"), arena_printf(arena, "%" PRId64, b->from.now_wall_ms)},
    };
    memcpy(b->extra_items, items, sizeof(items));
    b->extras = (struct template_extras){.items = b->extra_items, .count = REQUEST_EXTRAS_COUNT};
}

enum status request_builder_set_header(struct request_builder *b, struct str name, struct str value)
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

static enum status expand(struct request_builder *b, struct str text, struct str *ret)
{
    need_extras(b);
    return text_template_expand(b->from.profile, text, b->from.config, &b->extras,
                                &b->message->arena, ret, b->err);
}

/** RFC 6749 §2.3.1: both parts form-encoded before they are joined. */
enum status request_builder_add_basic(struct request_builder *b)
{
    enum { PAIR_USUAL = 256, HEADER_USUAL = 384 };
    char pair_room[PAIR_USUAL], header_room[HEADER_USUAL];
    CLEANUP(buf_deinit) struct buf pair = {.secret = true};
    CLEANUP(buf_deinit) struct buf header = {.secret = true};
    buf_lend(&pair, pair_room, sizeof(pair_room));
    buf_lend(&header, header_room, sizeof(header_room));
    struct str user = b->from.client->client_id;
    struct str password = b->from.client->secret;
    enum status status = STATUS_OK;
    if (str_is_set(b->from.profile->request.basic_user))
        status = expand(b, b->from.profile->request.basic_user, &user);
    if (status == STATUS_OK && str_is_set(b->from.profile->request.basic_password))
        status = expand(b, b->from.profile->request.basic_password, &password);
    if (status != STATUS_OK)
        return status;
    encoding_form(user, &pair);
    buf_append_byte(&pair, ':');
    encoding_form(password, &pair);
    buf_append(&header, STR("Basic "));
    encoding_base64(buf_str(&pair), &header);
    return request_builder_set_header(b, STR("Authorization"),
                                      arena_copy(&b->message->arena, buf_str(&header)));
}

static enum status find_audience(struct request_builder *b, struct str *ret)
{
    struct str wanted = b->from.profile->request.assertion_audience;
    if (!str_is_set(wanted) || str_eq(wanted, STR("token_endpoint"))) {
        *ret = b->url;
        return STATUS_OK;
    }
    if (!str_eq(wanted, STR("issuer")))
        return expand(b, wanted, ret);
    if (!str_is_set(b->from.profile->issuer))
        return error_set(b->err, STATUS_INVALID, "the profile names no issuer for assertions");
    return url_template_expand(b->from.profile, b->from.profile->issuer, b->from.config,
                               &b->message->arena, ret, b->err);
}

static enum status add_assertion(struct request_builder *b)
{
    const struct oauth_client *client = b->from.client;
    need_extras(b);
    struct client_assertion about = {
        .issuer = client->client_id,
        .subject = client->client_id,
        .id = b->uuid,
        .key_id = client->key_id,
        .certificate = client->certificate,
        .algorithms = b->from.profile->signing_algs.items,
        .algorithm_count = b->from.profile->signing_algs.count,
        .now_wall_ms = b->from.now_wall_ms,
    };
    struct str jwt;
    enum status status = find_audience(b, &about.audience);
    if (status == STATUS_OK && str_is_set(b->from.profile->request.assertion_issuer))
        status = expand(b, b->from.profile->request.assertion_issuer, &about.issuer);
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

enum status request_builder_add_client(struct request_builder *b)
{
    const struct oauth_client *client = b->from.client;
    switch (client->method) {
    case AUTH_CLIENT_SECRET_BASIC:
        return request_builder_add_basic(b);
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

enum status request_builder_add_params(struct request_builder *b, const struct text_map *params)
{
    enum status status = STATUS_OK;
    struct str value;
    for (size_t i = 0; i < params->count && status == STATUS_OK; i++) {
        status = expand(b, params->items[i].value, &value);
        if (status == STATUS_OK)
            request_params_set(&b->params, params->items[i].name, value);
    }
    return status;
}

/* A header made of a token that this request is not about. */
static bool lacks_its_token(const struct request_builder *b, struct str text)
{
    return (str_is_empty(b->from.refresh_token) && str_contains(text, STR("{refresh_token}"))) ||
           (str_is_empty(b->from.access_token) && str_contains(text, STR("{access_token}")));
}

static void write_hex(const uint8_t *bytes, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        buf_append_byte(out, "0123456789abcdef"[bytes[i] >> 4]);
        buf_append_byte(out, "0123456789abcdef"[bytes[i] & 0x0F]);
    }
}

static enum status add_signature(struct request_builder *b)
{
    const struct profile *profile = b->from.profile;
    CLEANUP(buf_deinit) struct buf value = {0};
    uint8_t mac[CLIENT_MAC_BYTES];
    struct str text;
    enum status status = expand(b, profile->request.signature_text, &text);
    if (status == STATUS_OK)
        status = client_mac(b->from.client->secret, text, mac, b->err);
    if (status != STATUS_OK)
        return status;
    if (profile->request.signature_is_base64)
        encoding_base64((struct str){.data = (const char *)mac, .len = sizeof(mac)}, &value);
    else
        write_hex(mac, sizeof(mac), &value);
    return request_builder_set_header(b, profile->request.signature_header,
                                      arena_copy(&b->message->arena, buf_str(&value)));
}

enum status request_builder_add_headers(struct request_builder *b)
{
    const struct text_map *headers = &b->from.profile->request.extra_headers;
    enum status status = STATUS_OK;
    struct str value;
    for (size_t i = 0; i < headers->count && status == STATUS_OK; i++) {
        if (lacks_its_token(b, headers->items[i].value))
            continue;
        status = expand(b, headers->items[i].value, &value);
        if (status == STATUS_OK)
            status = request_builder_set_header(b, headers->items[i].name, value);
    }
    if (status == STATUS_OK && str_is_set(b->from.profile->request.signature_header))
        status = add_signature(b);
    return status;
}

enum status request_builder_finish(struct request_builder *b, enum http_method method,
                                   enum body_format format)
{
    struct oauth_message *message = b->message;
    static const struct str words[] = {[METHOD_POST] = STR_INIT("POST"),
                                       [METHOD_GET] = STR_INIT("GET"),
                                       [METHOD_DELETE] = STR_INIT("DELETE")};
    bool get = method == METHOD_GET && format != FORMAT_NONE;
    message->method = words[method];
    message->url = b->url;
    switch (get ? FORMAT_QUERY : format) {
    case FORMAT_FORM:
        message->body = request_params_form(&b->params);
        return request_builder_set_header(b, STR("Content-Type"),
                                          STR("application/x-www-form-urlencoded"));
    case FORMAT_JSON:
        message->body = request_params_json(&b->params);
        return request_builder_set_header(b, STR("Content-Type"), STR("application/json"));
    case FORMAT_QUERY:
        message->url = request_params_query(&b->params, b->url, &message->arena);
        message->url_is_secret = true;
        return STATUS_OK;
    case FORMAT_NONE:
        return STATUS_OK;
    }
    return STATUS_OK;
}

/** RFC 8705 §5: a client with a certificate goes to the endpoint that asks for one. */
static struct str mtls_alias(const struct request_from *from, struct str endpoint)
{
    const struct profile *profile = from->profile;
    const struct {
        struct str usual, alias;
    } pairs[] = {
        {profile->token_endpoint, profile->mtls_aliases.token},
        {profile->revocation_endpoint, profile->mtls_aliases.revocation},
        {profile->introspection_endpoint, profile->mtls_aliases.introspection},
        {profile->userinfo_endpoint, profile->mtls_aliases.userinfo},
    };
    for (size_t i = 0; from->client->method == AUTH_TLS_CLIENT_AUTH && i < ARRAY_LEN(pairs); i++) {
        if (str_is_set(pairs[i].alias) && str_eq(pairs[i].usual, endpoint))
            return pairs[i].alias;
    }
    return endpoint;
}

enum status request_builder_begin(struct request_builder *b, const struct request_from *from,
                                  struct str endpoint, struct oauth_message *message,
                                  struct error *err)
{
    ASSERT(from->profile != NULL && from->client != NULL);
    *b = (struct request_builder){
        .from = *from, .message = message, .params = {.profile = from->profile}, .err = err};
    endpoint = mtls_alias(from, endpoint);
    enum status status = url_template_expand_with(from->profile, endpoint, from->config, from->path,
                                                  &message->arena, &b->url, err);
    if (status != STATUS_OK)
        return status;
    message->host_is_made = url_host_has_variable(endpoint);
    message->url_is_secret = from->path != NULL;
    return request_builder_set_header(b, STR("Accept"), STR("application/json"));
}
