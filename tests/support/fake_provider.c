/* The network to the server, what is lost in it, and what tests set up. */
#include "support/fake_provider_state.h"

#include "common/assert.h"
#include "common/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LATENCY_DEFAULT_MS = 30 };

/* ---- the network ---- */

static void remember_told(const struct fake_exchange *exchange)
{
    struct fake_grant *grant = exchange->grant;
    if (grant != NULL && exchange->status == 200 && exchange->told_serial > grant->known_serial)
        grant->known_serial = exchange->told_serial;
}

static void fill_answer(const struct fake_exchange *exchange, struct http_request *request)
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

static void leave(struct fake_exchange *exchange)
{
    struct fake_exchange **link = &exchange->provider->exchanges;
    while (*link != exchange)
        link = &(*link)->next;
    *link = exchange->next;
    if (exchange->endpoint == NULL)
        exchange->provider->under_way--;
    free(exchange->body);
    free(exchange);
}

static void complete(struct fake_exchange *exchange)
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

static bool is_answered(const struct fake_exchange *exchange)
{
    enum fake_answer_kind kind = exchange->answer.kind;
    return kind == FAKE_HONEST || kind == FAKE_STATUS || kind == FAKE_STATUS_AFTER ||
           kind == FAKE_TRUNCATED;
}

static void on_back(void *ctx)
{
    struct fake_exchange *exchange = ctx;
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
    struct fake_exchange *exchange = ctx;
    bool takes_effect = exchange->answer.kind != FAKE_STATUS &&
                        exchange->answer.kind != FAKE_LOST_REQUEST &&
                        exchange->answer.kind != FAKE_NOT_SENT;
    if (takes_effect)
        fake_exchange_judge(exchange);
    bool is_scripted =
        exchange->answer.kind == FAKE_STATUS || exchange->answer.kind == FAKE_STATUS_AFTER;
    if (is_scripted) {
        free(exchange->body);
        fake_exchange_refuse(exchange, exchange->answer.status,
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

static void to_endpoint(struct fake_exchange *exchange)
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

/* Whose token or code it presents, and whether as that client. */
static void read_presented(struct fake_exchange *exchange, struct buf *token)
{
    struct fake_provider *provider = exchange->provider;
    const struct oauth_message *message = &exchange->request->message;
    struct str body = message->body != NULL ? secret_str(message->body) : STR_NONE;
    CLEANUP(buf_deinit) struct buf client_id = {0};
    CLEANUP(buf_deinit) struct buf code = {0};
    fake_form_value(body, "refresh_token", token);
    struct fake_grant *grant =
        fake_provider_find_grant(provider, buf_str(token), &exchange->serial);
    if (str_is_set(fake_form_value(body, "code", &code))) {
        grant = fake_provider_find_code(provider, buf_str(&code), &exchange->serial);
        exchange->is_code = true;
    }
    bool is_client = fake_provider_authenticate(provider, message, &client_id);
    exchange->grant = grant;
    exchange->is_client =
        is_client && (grant == NULL || str_eq(buf_str(&client_id), str_c(grant->client_id)));
    if (grant != NULL && is_client && !exchange->is_client) { /* another client's token */
        exchange->is_client = true;
        exchange->serial = -1;
    }
}

static void count_presented(const struct fake_exchange *exchange, struct str token)
{
    struct fake_provider *provider = exchange->provider;
    struct fake_grant *grant = exchange->grant;
    if (provider->hooks.presented != NULL)
        provider->hooks.presented(provider->hooks.ctx, grant, token,
                                  exchange->request->deadline_ms);
    int64_t minute = provider->clock->ms / 60000;
    grant->in_minute = minute == grant->minute ? grant->in_minute + 1 : 1;
    grant->minute = minute;
    grant->presented++;
    grant->stale += exchange->serial != grant->serial;
    grant->last_presented_ms = provider->clock->ms;
}

static void to_token_endpoint(struct fake_exchange *exchange)
{
    struct fake_provider *provider = exchange->provider;
    CLEANUP(buf_deinit) struct buf token = {0};
    read_presented(exchange, &token);
    if (exchange->grant != NULL && !exchange->is_code)
        count_presented(exchange, buf_str(&token));
    if (exchange->grant != NULL)
        exchange->grant->unanswered++;
    exchange->answer = next_answer(provider, exchange->grant);
    provider->requests++;
    provider->under_way++;
    provider->peak = MAX_OF(provider->peak, provider->under_way);
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
    struct fake_exchange *exchange = memory_new(sizeof(*exchange));
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
    to_token_endpoint(exchange);
}

void fake_provider_cut(struct fake_provider *provider)
{
    provider->is_cut = true;
    for (struct fake_exchange *exchange = provider->exchanges; exchange != NULL;
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
    ASSERT(provider->secret_count < FAKE_SECRETS_MAX);
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
