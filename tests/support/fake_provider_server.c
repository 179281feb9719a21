/* What the authorization server does with a request: whose it is, what it presents, what is
 * answered. */
#include "common/assert.h"
#include "common/encoding.h"
#include "common/memory.h"
#include "oauth/authorization.h"
#include "support/fake_provider_state.h"

#include <stdio.h>
#include <string.h>

/* ---- tokens ---- */

const char *fake_grant_refresh_token(const struct fake_grant *grant, char text[FAKE_TOKEN_SIZE])
{
    snprintf(text, FAKE_TOKEN_SIZE, "rt-%zu-%lld", grant->number, (long long)grant->serial);
    return text;
}

const char *fake_grant_access_token(const struct fake_grant *grant, char text[FAKE_TOKEN_SIZE])
{
    snprintf(text, FAKE_TOKEN_SIZE, "at-%zu-%lld", grant->number, (long long)grant->access_serial);
    return text;
}

/** The grant that a text was made for; NULL: it is none. "PREFIX-GRANT-NUMBER" */
static struct fake_grant *find_made_for(const struct fake_provider *provider, const char *prefix,
                                        struct str made, int64_t *ret_number)
{
    size_t grant;
    long long number;
    char text[FAKE_TOKEN_SIZE];
    if (!str_starts_with(made, str_c(prefix)))
        return NULL;
    str_copy_cut(str_slice(made, strlen(prefix), made.len), text, sizeof(text));
    if (sscanf(text, "-%zu-%lld", &grant, &number) != 2 || grant >= provider->grant_count)
        return NULL;
    *ret_number = number;
    return provider->grants[grant];
}

struct fake_grant *fake_provider_find_grant(const struct fake_provider *provider, struct str token,
                                            int64_t *ret_serial)
{
    return find_made_for(provider, "rt", token, ret_serial);
}

/* ---- what a request says ---- */

struct str fake_form_value(struct str body, const char *name, struct buf *out)
{
    struct str word;
    size_t len = strlen(name);
    while (str_next_word(&body, STR("&"), &word)) {
        if (word.len > len && memcmp(word.data, name, len) == 0 && word.data[len] == '=' &&
            encoding_unform(str_slice(word, len + 1, word.len), out) == STATUS_OK)
            return buf_str(out);
    }
    return STR_NONE;
}

static bool is_accepted(const struct fake_provider *provider, struct str client_id,
                        struct str secret)
{
    for (size_t i = 0; i < provider->secret_count; i++) {
        if (str_eq(str_c(provider->secrets[i].client_id), client_id) &&
            str_eq(str_c(provider->secrets[i].secret), secret))
            return true;
    }
    return false;
}

/* RFC 6749 §2.3.1: Basic, each part form-encoded, or in the body. */
bool fake_provider_authenticate(const struct fake_provider *provider,
                                const struct oauth_message *message, struct buf *client_id)
{
    CLEANUP(buf_deinit) struct buf plain = {0};
    CLEANUP(buf_deinit) struct buf secret = {0};
    for (size_t i = 0; i < message->header_count; i++) {
        struct str value = message->headers[i].value;
        if (!str_eq_nocase(message->headers[i].name, STR("authorization")) ||
            !str_starts_with(value, STR("Basic ")))
            continue;
        if (encoding_unbase64(str_slice(value, 6, value.len), &plain) != STATUS_OK)
            return false;
        size_t colon = str_find_byte(buf_str(&plain), ':');
        if (encoding_unform(str_slice(buf_str(&plain), 0, colon), client_id) != STATUS_OK ||
            encoding_unform(str_slice(buf_str(&plain), colon + 1, plain.len), &secret) != STATUS_OK)
            return false;
        return is_accepted(provider, buf_str(client_id), buf_str(&secret));
    }
    struct str body = message->body != NULL ? secret_str(message->body) : STR_NONE;
    fake_form_value(body, "client_id", client_id);
    fake_form_value(body, "client_secret", &secret);
    return is_accepted(provider, buf_str(client_id), buf_str(&secret));
}

void fake_exchange_refuse(struct fake_exchange *exchange, int status, const char *body)
{
    exchange->status = status;
    exchange->body = memory_copy_str(str_c(body));
}

struct str fake_message_param(const struct oauth_message *message, const char *name,
                              struct buf *out)
{
    return fake_form_value(message->body != NULL ? secret_str(message->body) : STR_NONE, name, out);
}

struct str fake_message_header(const struct oauth_message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (str_eq_nocase(message->headers[i].name, str_c(name)))
            return message->headers[i].value;
    }
    return STR_NONE;
}

bool fake_message_is_client(const struct fake_provider *provider,
                            const struct oauth_message *message)
{
    CLEANUP(buf_deinit) struct buf client_id = {0};
    return fake_provider_authenticate(provider, message, &client_id);
}

/* ---- codes ---- */

struct str fake_url_param(struct str url, const char *name, struct buf *out)
{
    size_t question = str_find_byte(url, '?');
    return fake_form_value(str_slice(url, question + 1, url.len), name, out);
}

static void copy_param(struct str url, const char *name, char *to, size_t size)
{
    CLEANUP(buf_deinit) struct buf value = {0};
    struct str text = fake_url_param(url, name, &value);
    ASSERT(text.len < size);
    str_copy_cut(str_is_set(text) ? text : STR(""), to, size);
}

const char *fake_grant_approve(struct fake_grant *grant, struct str url, char code[FAKE_TOKEN_SIZE])
{
    struct fake_code *given = &grant->code;
    copy_param(url, "redirect_uri", given->redirect_uri, sizeof(given->redirect_uri));
    copy_param(url, "code_challenge", given->challenge, sizeof(given->challenge));
    copy_param(url, "nonce", given->nonce, sizeof(given->nonce));
    copy_param(url, "scope", given->scope, sizeof(given->scope));
    given->used = false;
    given->number++;
    snprintf(code, FAKE_TOKEN_SIZE, "code-%zu-%lld", grant->number, (long long)given->number);
    return code;
}

struct fake_grant *fake_provider_find_code(const struct fake_provider *provider, struct str code,
                                           int64_t *ret_number)
{
    return find_made_for(provider, "code", code, ret_number);
}

/* What is sent must be what the authorization was asked for with. */
static bool is_good_code(const struct fake_code *code, const struct oauth_message *message,
                         int64_t number)
{
    CLEANUP(buf_deinit) struct buf redirect_uri = {0};
    CLEANUP(buf_deinit) struct buf verifier = {0};
    CLEANUP(buf_deinit) struct buf challenge = {0};
    fake_message_param(message, "redirect_uri", &redirect_uri);
    fake_message_param(message, "code_verifier", &verifier);
    oauth_pkce_challenge(buf_str(&verifier), &challenge);
    return number == code->number && !code->used &&
           str_eq(buf_str(&redirect_uri), str_c(code->redirect_uri)) &&
           str_eq(buf_str(&challenge), str_c(code->challenge));
}

static void write_id_token(const struct fake_grant *grant, struct buf *out)
{
    CLEANUP(buf_deinit) struct buf claims = {0};
    if (grant->subject == NULL)
        return;
    int64_t ends_s = fake_clock_now(grant->provider->clock).wall_ms / 1000 + 600;
    buf_printf(&claims,
               "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":\"%s\",\"exp\":%lld,\"nonce\":\"%s\","
               "\"email\":\"%s@example.com\"}",
               grant->issuer, grant->subject, grant->client_id, (long long)ends_s,
               grant->code.nonce, grant->subject);
    buf_append(out, STR(",\"id_token\":\"eyJhbGciOiJub25lIn0."));
    encoding_base64url(buf_str(&claims), out);
    buf_append(out, STR(".c2ln\""));
}

static void hand_out_first(struct fake_exchange *exchange)
{
    struct fake_grant *grant = exchange->grant;
    char access[FAKE_TOKEN_SIZE], refresh[FAKE_TOKEN_SIZE];
    CLEANUP(buf_deinit) struct buf body = {0};
    grant->access_serial++;
    buf_printf(&body, "{\"access_token\":\"%s\",\"refresh_token\":\"%s\",\"token_type\":\"Bearer\"",
               fake_grant_access_token(grant, access), fake_grant_refresh_token(grant, refresh));
    if (grant->lifetime_s > 0)
        buf_printf(&body, ",\"expires_in\":%lld", (long long)grant->lifetime_s);
    if (grant->scope != NULL)
        buf_printf(&body, ",\"scope\":\"%s\"", grant->scope);
    write_id_token(grant, &body);
    buf_printf(&body, "%s}", grant->more != NULL ? grant->more : "");
    exchange->status = 200;
    exchange->body = memory_copy_str(buf_str(&body));
}

static void judge_code(struct fake_exchange *exchange)
{
    struct fake_grant *grant = exchange->grant;
    struct fake_code *code = &grant->code;
    if (exchange->request == NULL) /* the process has died: what it sent is not known any more */
        return;
    if (!is_good_code(code, &exchange->request->message, exchange->serial)) {
        grant->is_dead = grant->is_dead || code->used;
        code->refused++;
        fake_exchange_refuse(
            exchange, 400, "{\"error\":\"invalid_grant\",\"error_description\":\"no such code\"}");
        return;
    }
    code->used = true;
    code->exchanged++;
    hand_out_first(exchange);
}

/* ---- what the server does ---- */

static void hand_out(struct fake_exchange *exchange)
{
    struct fake_grant *grant = exchange->grant;
    char access[FAKE_TOKEN_SIZE], refresh[FAKE_TOKEN_SIZE];
    char expires[64] = "", successor[128] = "", scope[256] = "", body[1024];
    grant->access_serial++;
    grant->refreshed++;
    exchange->told_serial = grant->serial;
    if (grant->lifetime_s > 0)
        snprintf(expires, sizeof(expires), ",\"expires_in\":%lld", (long long)grant->lifetime_s);
    if (grant->rotation == FAKE_ROTATES_ALWAYS)
        snprintf(successor, sizeof(successor), ",\"refresh_token\":\"%s\"",
                 fake_grant_refresh_token(grant, refresh));
    if (grant->scope != NULL)
        snprintf(scope, sizeof(scope), ",\"scope\":\"%s\"", grant->scope);
    exchange->status = 200;
    snprintf(body, sizeof(body), "{\"access_token\":\"%s\",\"token_type\":\"Bearer\"%s%s%s}",
             fake_grant_access_token(grant, access), expires, successor, scope);
    exchange->body = memory_copy_str(str_c(body));
}

void fake_exchange_judge(struct fake_exchange *exchange)
{
    struct fake_grant *grant = exchange->grant;
    if (exchange->endpoint != NULL) {
        if (exchange->request == NULL)
            return;
        struct fake_reply reply =
            exchange->endpoint->answer(exchange->endpoint->ctx, &exchange->request->message);
        exchange->status = reply.status;
        exchange->body = reply.body != NULL ? reply.body : memory_copy_str(STR(""));
        exchange->answer.content_type = reply.content_type;
        return;
    }
    struct fake_provider *provider = exchange->provider;
    static const char invalid_grant[] = "{\"error\":\"invalid_grant\"}";
    if (!exchange->is_client) {
        provider->rejections++;
        fake_exchange_refuse(exchange, 401, "{\"error\":\"invalid_client\"}");
        return;
    }
    if (grant == NULL) {
        fake_exchange_refuse(exchange, 400, invalid_grant);
        return;
    }
    if (exchange->is_code) {
        judge_code(exchange);
        return;
    }
    int64_t now_ms = provider->clock->ms;
    bool is_good = exchange->serial == grant->serial;
    bool is_in_grace =
        exchange->serial == grant->serial - 1 && now_ms < grant->rotated_ms + grant->grace_ms;
    if (exchange->serial >= 0 && !is_good && !is_in_grace && grant->reuse_revokes)
        grant->is_dead = true;
    if (grant->is_dead || (!is_good && !is_in_grace)) {
        grant->refused++;
        fake_exchange_refuse(exchange, 400,
                             grant->death != NULL && grant->is_dead ? grant->death : invalid_grant);
        return;
    }
    if (is_good && grant->rotation == FAKE_ROTATES_ALWAYS) {
        grant->serial++;
        grant->rotated_ms = now_ms;
    }
    hand_out(exchange);
}
