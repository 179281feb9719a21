#include "support/fake_provider.h"

#include "common/assert.h"
#include "common/encoding.h"
#include "common/memory.h"
#include "oauth/authorization.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECRETS_MAX = 16, LATENCY_DEFAULT_MS = 30 };

struct client_secret {
    char client_id[64], secret[64];
};

struct fake_provider {
    struct fake_clock *clock;
    struct inbox *inbox;
    int64_t latency_ms, jitter_ms;
    struct fake_random latency_random;
    struct fake_provider_odds odds;
    struct fake_provider_hooks hooks;
    struct client_secret secrets[SECRETS_MAX];
    size_t secret_count;
    struct fake_grant **grants;
    size_t grant_count;
    struct fake_answer script;
    struct fake_endpoint *endpoints;
    bool is_cut;
    struct exchange *exchanges;
    size_t requests, under_way, peak, rejections;
};

struct exchange {
    struct exchange *next;
    struct fake_provider *provider;
    struct http_request *request;   /* NULL: nobody hears */
    struct fake_endpoint *endpoint; /* NULL: the token endpoint */
    struct fake_grant *grant;       /* NULL: no such token was ever given */
    int64_t serial;                 /* of the token presented; the number of a code */
    bool is_code;                   /* a code is exchanged, not a token presented */
    bool is_client;                 /* it proved to be the grant's client */
    struct fake_answer answer;
    int64_t sent_ms;
    /* What the server says. */
    int status;
    char *body;
    int64_t told_serial;
};

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

static struct fake_grant *find_grant(const struct fake_provider *provider, struct str token,
                                     int64_t *ret_serial)
{
    char text[FAKE_TOKEN_SIZE];
    size_t number;
    long long serial;
    str_copy_cut(token, text, sizeof(text));
    if (sscanf(text, "rt-%zu-%lld", &number, &serial) != 2 || number >= provider->grant_count)
        return NULL;
    *ret_serial = serial;
    return provider->grants[number];
}

/* ---- what a request says ---- */

static struct str form_value(struct str body, const char *name, struct buf *out)
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
static bool authenticate(const struct fake_provider *provider, const struct oauth_message *message,
                         struct buf *client_id)
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
    form_value(body, "client_id", client_id);
    form_value(body, "client_secret", &secret);
    return is_accepted(provider, buf_str(client_id), buf_str(&secret));
}

static void refuse(struct exchange *exchange, int status, const char *body)
{
    exchange->status = status;
    exchange->body = memory_copy_str(str_c(body));
}

/* ---- codes ---- */

struct str fake_url_param(struct str url, const char *name, struct buf *out)
{
    size_t question = str_find_byte(url, '?');
    return form_value(str_slice(url, question + 1, url.len), name, out);
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

static struct fake_grant *find_code(const struct fake_provider *provider, struct str code,
                                    int64_t *ret_number)
{
    char text[FAKE_TOKEN_SIZE];
    size_t number;
    long long which;
    str_copy_cut(code, text, sizeof(text));
    if (sscanf(text, "code-%zu-%lld", &number, &which) != 2 || number >= provider->grant_count)
        return NULL;
    *ret_number = which;
    return provider->grants[number];
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

static void hand_out_first(struct exchange *exchange)
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

static void judge_code(struct exchange *exchange)
{
    struct fake_grant *grant = exchange->grant;
    struct fake_code *code = &grant->code;
    if (exchange->request == NULL) /* the process has died: what it sent is not known any more */
        return;
    if (!is_good_code(code, &exchange->request->message, exchange->serial)) {
        grant->is_dead = grant->is_dead || code->used;
        code->refused++;
        refuse(exchange, 400,
               "{\"error\":\"invalid_grant\",\"error_description\":\"no such code\"}");
        return;
    }
    code->used = true;
    code->exchanged++;
    hand_out_first(exchange);
}

/* ---- what the server does ---- */

static void hand_out(struct exchange *exchange)
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

static void judge(struct exchange *exchange)
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
        refuse(exchange, 401, "{\"error\":\"invalid_client\"}");
        return;
    }
    if (grant == NULL) {
        refuse(exchange, 400, invalid_grant);
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
        refuse(exchange, 400,
               grant->death != NULL && grant->is_dead ? grant->death : invalid_grant);
        return;
    }
    if (is_good && grant->rotation == FAKE_ROTATES_ALWAYS) {
        grant->serial++;
        grant->rotated_ms = now_ms;
    }
    hand_out(exchange);
}

/* ---- the network ---- */

static void remember_told(const struct exchange *exchange)
{
    struct fake_grant *grant = exchange->grant;
    if (grant != NULL && exchange->status == 200 && exchange->told_serial > grant->known_serial)
        grant->known_serial = exchange->told_serial;
}

static void fill_answer(const struct exchange *exchange, struct http_request *request)
{
    request->end = TRANSPORT_ANSWERED;
    request->status = exchange->status;
    size_t len = strlen(exchange->body);
    if (exchange->answer.kind == FAKE_TRUNCATED)
        len /= 2;
    request->body = secret_copy((struct str){.data = exchange->body, .len = len});
    const char *type = exchange->answer.content_type;
    request->headers = arena_alloc(&request->arena, 2 * sizeof(*request->headers));
    request->headers[request->header_count++] = (struct oauth_header){
        .name = STR("Content-Type"),
        .value = arena_copy(&request->arena, str_c(type != NULL ? type : "application/json"))};
    if (exchange->answer.retry_after != NULL)
        request->headers[request->header_count++] = (struct oauth_header){
            .name = STR("Retry-After"),
            .value = arena_copy(&request->arena, str_c(exchange->answer.retry_after))};
}

static void leave(struct exchange *exchange)
{
    struct exchange **link = &exchange->provider->exchanges;
    while (*link != exchange)
        link = &(*link)->next;
    *link = exchange->next;
    if (exchange->endpoint == NULL)
        exchange->provider->under_way--;
    free(exchange->body);
    free(exchange);
}

static void complete(struct exchange *exchange)
{
    struct http_request *request = exchange->request;
    if (request == NULL)
        return;
    exchange->request = NULL;
    request->took_ms = exchange->provider->clock->ms - exchange->sent_ms;
    if (exchange->grant != NULL)
        exchange->grant->unanswered--;
    inbox_put(exchange->provider->inbox, &request->completion);
}

static bool is_answered(const struct exchange *exchange)
{
    enum fake_answer_kind kind = exchange->answer.kind;
    return kind == FAKE_HONEST || kind == FAKE_STATUS || kind == FAKE_STATUS_AFTER ||
           kind == FAKE_TRUNCATED;
}

static void on_back(void *ctx)
{
    struct exchange *exchange = ctx;
    struct http_request *request = exchange->request;
    if (request != NULL && exchange->answer.kind == FAKE_NOT_SENT) {
        request->end = TRANSPORT_NOT_SENT;
        error_set(&request->error, STATUS_UNAVAILABLE, "connection refused");
    } else if (request != NULL && !is_answered(exchange)) {
        request->end = TRANSPORT_LOST;
        error_set(&request->error, STATUS_UNCERTAIN, "timed out");
    } else if (request != NULL) {
        fill_answer(exchange, request);
        if (exchange->answer.kind == FAKE_HONEST && !exchange->is_code)
            remember_told(exchange);
    }
    complete(exchange);
    leave(exchange);
}

static int64_t latency_ms(struct fake_provider *provider)
{
    return provider->latency_ms +
           fake_random_below(&provider->latency_random, provider->jitter_ms + 1);
}

static void on_arrived(void *ctx)
{
    struct exchange *exchange = ctx;
    bool takes_effect = exchange->answer.kind != FAKE_STATUS &&
                        exchange->answer.kind != FAKE_LOST_REQUEST &&
                        exchange->answer.kind != FAKE_NOT_SENT;
    if (takes_effect)
        judge(exchange);
    bool is_scripted =
        exchange->answer.kind == FAKE_STATUS || exchange->answer.kind == FAKE_STATUS_AFTER;
    if (is_scripted) {
        free(exchange->body);
        refuse(exchange, exchange->answer.status,
               exchange->answer.body != NULL ? exchange->answer.body : "");
    }
    int64_t back_ms = latency_ms(exchange->provider);
    int64_t deadline_ms = exchange->request != NULL ? exchange->request->deadline_ms : 0;
    int64_t left_ms = deadline_ms - (exchange->provider->clock->ms - exchange->sent_ms);
    if (exchange->answer.kind == FAKE_NOT_SENT) {
        back_ms = 0;
    } else if (exchange->request != NULL && (!is_answered(exchange) || back_ms >= left_ms)) {
        exchange->answer.kind = FAKE_LOST_ANSWER;
        back_ms = MAX_OF(left_ms, 0);
    }
    fake_clock_after(exchange->provider->clock, back_ms, on_back, exchange);
}

static struct fake_answer random_answer(const struct fake_provider_odds *odds)
{
    static const char busy[] = "{\"error\":\"temporarily_unavailable\"}";
    static const char html[] = "<html><body>Service unavailable</body></html>";
    if (odds->random == NULL)
        return (struct fake_answer){.kind = FAKE_HONEST};
    const struct {
        int64_t chance;
        struct fake_answer answer;
    } choices[] = {
        {odds->not_sent, {.kind = FAKE_NOT_SENT}},
        {odds->lost_request, {.kind = FAKE_LOST_REQUEST}},
        {odds->lost_answer, {.kind = FAKE_LOST_ANSWER}},
        {odds->status_before, {.kind = FAKE_STATUS, .status = 503, .body = busy}},
        {odds->status_after, {.kind = FAKE_STATUS_AFTER, .status = 502, .body = busy}},
        {odds->throttled, {.kind = FAKE_STATUS, .status = 429, .body = busy, .retry_after = "20"}},
        {odds->truncated, {.kind = FAKE_TRUNCATED}},
        {odds->html,
         {.kind = FAKE_STATUS, .status = 200, .body = html, .content_type = "text/html"}},
    };
    int64_t dice = fake_random_below(odds->random, 1000000);
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        if (dice < choices[i].chance)
            return choices[i].answer;
        dice -= choices[i].chance;
    }
    return (struct fake_answer){.kind = FAKE_HONEST};
}

static bool play(struct fake_answer *script, struct fake_answer *ret_answer)
{
    if (script->count == 0)
        return false;
    if (script->count > 0)
        script->count--;
    *ret_answer = *script;
    return true;
}

static struct fake_answer next_answer(struct fake_provider *provider, struct fake_grant *grant)
{
    struct fake_answer answer = {0};
    if ((grant != NULL && play(&grant->script, &answer)) || play(&provider->script, &answer))
        return answer;
    return random_answer(&provider->odds);
}

static struct fake_endpoint *find_endpoint(const struct fake_provider *provider, struct str url)
{
    struct str path = str_slice(url, 0, str_find_byte(url, '?'));
    struct fake_endpoint *endpoint = provider->endpoints;
    while (endpoint != NULL && !str_eq(path, str_c(endpoint->url)))
        endpoint = endpoint->next;
    return endpoint;
}

static void to_endpoint(struct exchange *exchange)
{
    struct fake_endpoint *endpoint = exchange->endpoint;
    struct fake_provider *provider = exchange->provider;
    endpoint->requests++;
    endpoint->last_request_ms = provider->clock->ms;
    endpoint->refuse_private = exchange->request->refuse_private;
    if (!play(&endpoint->script, &exchange->answer))
        exchange->answer = (struct fake_answer){.kind = FAKE_HONEST};
    fake_clock_after(provider->clock, latency_ms(provider), on_arrived, exchange);
}

static void on_send(void *ctx, struct http_request *request)
{
    struct fake_provider *provider = ctx;
    if (provider->is_cut) {
        request->end = TRANSPORT_NOT_SENT;
        inbox_put(provider->inbox, &request->completion);
        return;
    }
    struct exchange *exchange = memory_new(sizeof(*exchange));
    exchange->provider = provider;
    exchange->request = request;
    exchange->sent_ms = provider->clock->ms;
    exchange->next = provider->exchanges;
    provider->exchanges = exchange;
    exchange->endpoint = find_endpoint(provider, request->message.url);
    if (exchange->endpoint != NULL) {
        to_endpoint(exchange);
        return;
    }
    CLEANUP(buf_deinit) struct buf token = {0};
    CLEANUP(buf_deinit) struct buf client_id = {0};
    struct str body = request->message.body != NULL ? secret_str(request->message.body) : STR_NONE;
    form_value(body, "refresh_token", &token);
    CLEANUP(buf_deinit) struct buf code = {0};
    struct fake_grant *grant = find_grant(provider, buf_str(&token), &exchange->serial);
    if (str_is_set(form_value(body, "code", &code))) {
        grant = find_code(provider, buf_str(&code), &exchange->serial);
        exchange->is_code = true;
    }
    bool is_client = authenticate(provider, &request->message, &client_id);
    exchange->grant = grant;
    exchange->is_client =
        is_client && (grant == NULL || str_eq(buf_str(&client_id), str_c(grant->client_id)));
    if (grant != NULL && is_client && !exchange->is_client) { /* another client's token */
        exchange->is_client = true;
        exchange->serial = -1;
    }
    bool presents = grant != NULL && !exchange->is_code;
    if (presents && provider->hooks.presented != NULL)
        provider->hooks.presented(provider->hooks.ctx, grant, buf_str(&token),
                                  request->deadline_ms);
    if (grant != NULL)
        grant->unanswered++;
    if (presents) {
        int64_t minute = provider->clock->ms / 60000;
        grant->in_minute = minute == grant->minute ? grant->in_minute + 1 : 1;
        grant->minute = minute;
        grant->presented++;
        grant->stale += exchange->serial != grant->serial;
        grant->last_presented_ms = provider->clock->ms;
    }
    exchange->answer = next_answer(provider, grant);
    provider->requests++;
    provider->under_way++;
    provider->peak = MAX_OF(provider->peak, provider->under_way);
    fake_clock_after(provider->clock, latency_ms(provider), on_arrived, exchange);
}

void fake_provider_cut(struct fake_provider *provider)
{
    provider->is_cut = true;
    for (struct exchange *exchange = provider->exchanges; exchange != NULL;
         exchange = exchange->next) {
        if (exchange->request != NULL)
            exchange->request->end = TRANSPORT_NOT_SENT;
        complete(exchange);
    }
}

void fake_provider_reopen(struct fake_provider *provider)
{
    provider->is_cut = false;
}

/* ---- setting up ---- */

struct fake_provider *fake_provider_new(struct fake_clock *clock, struct inbox *inbox)
{
    struct fake_provider *provider = memory_new(sizeof(*provider));
    provider->clock = clock;
    provider->inbox = inbox;
    provider->latency_ms = LATENCY_DEFAULT_MS / 2;
    return provider;
}

void fake_provider_free(struct fake_provider *provider)
{
    if (provider == NULL)
        return;
    while (provider->exchanges != NULL)
        leave(provider->exchanges); /* NOLINT(clang-analyzer-unix.Malloc): it unlinks itself */
    for (size_t i = 0; i < provider->grant_count; i++)
        free(provider->grants[i]);
    while (provider->endpoints != NULL) {
        struct fake_endpoint *endpoint = provider->endpoints;
        provider->endpoints = endpoint->next;
        free(endpoint);
    }
    free(provider->grants);
    free(provider);
}

struct http_port fake_provider_port(struct fake_provider *provider)
{
    return (struct http_port){.ctx = provider, .send = on_send};
}

void fake_provider_set_latency(struct fake_provider *provider, int64_t latency, int64_t jitter_ms)
{
    provider->latency_ms = latency / 2;
    provider->jitter_ms = jitter_ms / 2;
}

void fake_provider_set_odds(struct fake_provider *provider, struct fake_provider_odds odds)
{
    provider->odds = odds;
}

void fake_provider_set_hooks(struct fake_provider *provider, struct fake_provider_hooks hooks)
{
    provider->hooks = hooks;
}

void fake_provider_accept(struct fake_provider *provider, const char *client_id, const char *secret)
{
    ASSERT(provider->secret_count < SECRETS_MAX);
    struct client_secret *entry = &provider->secrets[provider->secret_count++];
    str_copy_cut(str_c(client_id), entry->client_id, sizeof(entry->client_id));
    str_copy_cut(str_c(secret), entry->secret, sizeof(entry->secret));
}

void fake_provider_refuse(struct fake_provider *provider, const char *client_id, const char *secret)
{
    for (size_t i = 0; i < provider->secret_count; i++) {
        struct client_secret *entry = &provider->secrets[i];
        if (strcmp(entry->client_id, client_id) == 0 && strcmp(entry->secret, secret) == 0)
            *entry = provider->secrets[--provider->secret_count];
    }
}

struct fake_grant *fake_provider_grant(struct fake_provider *provider, const char *client_id)
{
    struct fake_grant *grant = memory_new(sizeof(*grant));
    grant->provider = provider;
    grant->number = provider->grant_count;
    grant->lifetime_s = 3600;
    str_copy_cut(str_c(client_id), grant->client_id, sizeof(grant->client_id));
    provider->grants =
        memory_grow(provider->grants, (provider->grant_count + 1) * sizeof(struct fake_grant *));
    provider->grants[provider->grant_count++] = grant;
    return grant;
}

struct fake_endpoint *fake_provider_serve(struct fake_provider *provider, const char *url,
                                          fake_answerer *answer, void *ctx)
{
    struct fake_endpoint *endpoint = memory_new(sizeof(*endpoint));
    endpoint->url = url;
    endpoint->answer = answer;
    endpoint->ctx = ctx;
    endpoint->next = provider->endpoints;
    provider->endpoints = endpoint;
    return endpoint;
}

struct str fake_message_param(const struct oauth_message *message, const char *name,
                              struct buf *out)
{
    return form_value(message->body != NULL ? secret_str(message->body) : STR_NONE, name, out);
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
    return authenticate(provider, message, &client_id);
}

size_t fake_provider_grant_count(const struct fake_provider *provider)
{
    return provider->grant_count;
}

struct fake_grant *fake_provider_grant_at(const struct fake_provider *provider, size_t index)
{
    return provider->grants[index];
}

void fake_provider_play(struct fake_provider *provider, struct fake_grant *grant,
                        struct fake_answer answer)
{
    if (grant != NULL)
        grant->script = answer;
    else
        provider->script = answer;
}

size_t fake_provider_requests(const struct fake_provider *provider)
{
    return provider->requests;
}

size_t fake_provider_peak(const struct fake_provider *provider)
{
    return provider->peak;
}

size_t fake_provider_rejections(const struct fake_provider *provider)
{
    return provider->rejections;
}
