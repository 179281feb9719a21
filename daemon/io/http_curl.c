#include "io/http_curl.h"

#include "common/assert.h"
#include "common/memory.h"
#include "io/http_curl_hosts.h"
#include "io/http_curl_memory.h"
#include "io/http_curl_sockets.h"
#include "io/http_curl_trust.h"

#include <stdlib.h>
#include <string.h>

enum {
    POOL_MAX = 1024,         /* idle exchanges kept */
    ACTS_PER_TURN_MAX = 64,  /* then the others on the loop have theirs */
    QUEUE_CHECK_MS = 100,    /* how exact a deadline is while a request waits in a queue */
    QUEUED_MAX = 100 * 1000, /* over all hosts */
};

struct http_curl {
    struct loop *loop;
    struct inbox *inbox;
    const struct log *log;
    CURLM *multi;
    struct exchange_rules rules;
    struct http_curl_trust trust;
    struct http_curl_sockets sockets;
    struct loop_timer *queue_timer;

    struct exchange *pool; /* by next */
    size_t pooled;
    struct exchange_list active; /* with the multi handle */
    struct hosts hosts;
    struct http_curl_counts counts;
};

/* The end of a request. */

static void give_back(struct http_curl *http, struct exchange *exchange)
{
    bool keep = !exchange->single_use && http->pooled < POOL_MAX;
    exchange_reset(exchange);
    if (!keep) {
        exchange_free(exchange);
        return;
    }
    exchange->next = http->pool;
    http->pool = exchange;
    http->pooled++;
}

/** Off all lists but that of its host's requests. */
static void finish(struct http_curl *http, struct exchange *exchange, CURLcode code)
{
    struct http_request *request = exchange->request;
    struct host *host = exchange->host;
    if (host != NULL)
        host->in_flight--;
    exchange_end(exchange, code);
    request->took_ms = loop_now(http->loop).ms - exchange->started_ms;
    give_back(http, exchange);
    if (host != NULL)
        hosts_release(&http->hosts, host);
    http->counts.in_flight--;
    inbox_put(http->inbox, &request->completion);
}

static void refuse(struct http_curl *http, struct http_request *request)
{
    request->end = TRANSPORT_NOT_SENT;
    http->counts.in_flight--;
    inbox_put(http->inbox, &request->completion);
}

/* Starting. */

static void on_presented(struct exchange *exchange)
{
    struct host *host = exchange->host;
    host->connecting--;
}

static void start(struct http_curl *http, struct exchange *exchange)
{
    struct host *host = exchange->host;
    int64_t waited_ms = loop_now(http->loop).ms - exchange->started_ms;
    int64_t rest_ms = MAX_OF(exchange->request->deadline_ms - waited_ms, (int64_t)1);
    if (exchange_begin(exchange, &http->rules, rest_ms, &exchange->request->error) != STATUS_OK) {
        struct http_request *request = exchange->request;
        host->in_flight--;
        exchange->single_use = true; /* set up by half: not for the pool */
        give_back(http, exchange);
        hosts_release(&http->hosts, host);
        refuse(http, request);
        return;
    }
    host->connecting++;
    exchange->on_presented = on_presented;
    exchange_list_append(&http->active, exchange);
    CURLMcode code = curl_multi_add_handle(http->multi, exchange->easy);
    ASSERT(code == CURLM_OK);
}

static void start_queued(struct http_curl *http)
{
    struct host *next = NULL;
    for (struct host *host = http->hosts.first_queued; host != NULL; host = next) {
        next = host->next_queued;
        while (host->queue.first != NULL && host_take_turn(host)) {
            struct exchange *exchange = host->queue.first;
            bool is_last = host->in_flight == 1;
            hosts_unqueue(&http->hosts, host, exchange);
            start(http, exchange);
            if (is_last)
                break; /* the host may be gone */
        }
    }
}

static struct exchange *take_exchange(struct http_curl *http)
{
    struct exchange *exchange = http->pool;
    if (exchange == NULL)
        return exchange_new();
    http->pool = exchange->next;
    exchange->next = NULL;
    http->pooled--;
    return exchange;
}

static void wait_in_queue(struct http_curl *http, struct host *host, struct exchange *exchange)
{
    if (http->hosts.queued == 0)
        loop_timer_set(http->queue_timer, QUEUE_CHECK_MS);
    hosts_queue(&http->hosts, host, exchange);
}

static void http_send(void *ctx, struct http_request *request)
{
    struct http_curl *http = ctx;
    ASSERT(request->completion.resume != NULL && request->deadline_ms > 0);
    http->counts.requests++;
    http->counts.in_flight++;
    struct http_curl_url url;
    if (http->hosts.queued >= QUEUED_MAX) {
        error_set(&request->error, STATUS_UNAVAILABLE, "too many requests wait for connections");
        refuse(http, request);
        return;
    }
    if (exchange_check(&http->rules, request, &url, &request->error) != STATUS_OK) {
        refuse(http, request);
        return;
    }
    struct exchange *exchange = take_exchange(http);
    struct host *host = hosts_get(&http->hosts, url.authority);
    exchange->request = request;
    exchange->url = url;
    exchange->host = host;
    exchange->started_ms = loop_now(http->loop).ms;
    host->in_flight++;
    if (host->queue.first == NULL && host_take_turn(host))
        start(http, exchange);
    else
        wait_in_queue(http, host, exchange);
}

/* Getting on. */

static void take_done(struct http_curl *http)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode result = message->data.result;
        char *private;
        CURLcode code = curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        ASSERT(code == CURLE_OK);
        struct exchange *exchange = (struct exchange *)(void *)private;
        struct host *host = exchange->host;
        CURLMcode removed = curl_multi_remove_handle(http->multi, exchange->easy);
        ASSERT(removed == CURLM_OK);
        exchange_list_remove(&http->active, exchange);
        if (!exchange->presented)
            host->connecting--;
        if (result == CURLE_OK && host->queue.first != NULL)
            host->idle_hint++;
        finish(http, exchange, result);
    }
}

static void on_progress(void *ctx)
{
    struct http_curl *http = ctx;
    take_done(http);
    start_queued(http);
}

/** libcurl asks to be called at once after each new request: all of a turn's go together. */
static void after_turn(void *ctx)
{
    struct http_curl *http = ctx;
    for (int acts = 0; acts < ACTS_PER_TURN_MAX; acts++) {
        if (!http_curl_sockets_act(&http->sockets))
            return;
    }
    loop_wake(http->loop);
}

static void on_queue_timer(void *ctx)
{
    struct http_curl *http = ctx;
    int64_t now_ms = loop_now(http->loop).ms;
    struct host *next_host = NULL;
    for (struct host *host = http->hosts.first_queued; host != NULL; host = next_host) {
        next_host = host->next_queued;
        struct exchange *next = NULL;
        for (struct exchange *waits = host->queue.first; waits != NULL; waits = next) {
            next = waits->next;
            if (now_ms - waits->started_ms < waits->request->deadline_ms)
                continue;
            hosts_unqueue(&http->hosts, host, waits);
            finish(http, waits, CURLE_OPERATION_TIMEDOUT);
        }
    }
    if (http->hosts.queued > 0)
        loop_timer_set(http->queue_timer, QUEUE_CHECK_MS);
}

/* Life. */

enum status http_curl_configure(struct http_curl *http, const struct http_curl_config *config,
                                struct error *err)
{
    bool has_system = true;
    enum status status = http_curl_trust_load(&http->trust, config->ca_file, &has_system, err);
    if (status != STATUS_OK)
        return status;
    if (!has_system && config->ca_file == NULL)
        log_plain(http->log, LOG_LEVEL_WARNING, "http.no_ca_bundle",
                  "no CA certificates: install ca-certificates or set [http] ca_file");
    struct exchange_rules *rules = &http->rules;
    free(rules->proxy);
    rules->proxy = memory_copy_str(str_c(config->proxy));
    rules->allow_plain_loopback = config->allow_plain_loopback;
    rules->connect_timeout_ms = config->connect_timeout_ms > 0 ? (long)config->connect_timeout_ms
                                                               : HTTP_CURL_CONNECT_TIMEOUT_MS;
    rules->trust_path = http->trust.path;
    rules->generation++;
    size_t connections =
        config->connections_max > 0 ? config->connections_max : (size_t)HTTP_CURL_CONNECTIONS_MAX;
    CURLMcode code = curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)connections);
    ASSERT(code == CURLM_OK);
    return STATUS_OK;
}

static CURLSH *share_new(void)
{
    CURLSH *share = curl_share_init();
    ASSERT(share != NULL);
    /* One thread uses it, so it needs no locks. */
    CURLSHcode code = curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    ASSERT(code == CURLSHE_OK);
    return share;
}

enum status http_curl_new(struct loop *loop, struct inbox *inbox,
                          const struct http_curl_config *config, const struct log *log,
                          struct http_curl **out, struct error *err)
{
    ASSERT(*out == NULL);
    if (http_curl_memory_init() != CURLE_OK)
        return error_set(err, STATUS_INTERNAL, "libcurl can't be initialised");
    struct http_curl *http = memory_new(sizeof(*http));
    http->loop = loop;
    http->inbox = inbox;
    http->log = log;
    http->trust = HTTP_CURL_TRUST_INIT;
    http->multi = curl_multi_init();
    ASSERT(http->multi != NULL);
    http_curl_sockets_init(&http->sockets, loop, http->multi, on_progress, http);
    http->queue_timer = loop_timer_new(loop, on_queue_timer, http);
    http->rules = (struct exchange_rules){
        .share = share_new(),
        .close_socket = http_curl_sockets_close,
        .socket_opened = http_curl_sockets_opened,
        .socket_ctx = &http->sockets,
    };
    loop_after_turn(loop, after_turn, http);
    enum status status = http_curl_configure(http, config, err);
    if (status != STATUS_OK) {
        http_curl_free(http);
        return status;
    }
    *out = http;
    return STATUS_OK;
}

/** End all, the ones that wait and the ones under way. */
static void stop_all(struct http_curl *http)
{
    while (http->hosts.first_queued != NULL) {
        struct host *host = http->hosts.first_queued;
        struct exchange *exchange = host->queue.first;
        hosts_unqueue(&http->hosts, host, exchange);
        exchange->cause = EXCHANGE_STOPPED;
        finish(http, exchange, CURLE_ABORTED_BY_CALLBACK);
    }
    while (http->active.first != NULL) {
        struct exchange *exchange = http->active.first;
        exchange_list_remove(&http->active, exchange);
        exchange->cause = EXCHANGE_STOPPED;
        CURLMcode code = curl_multi_remove_handle(http->multi, exchange->easy);
        ASSERT(code == CURLM_OK);
        finish(http, exchange, CURLE_ABORTED_BY_CALLBACK);
    }
}

void http_curl_free(struct http_curl *http)
{
    if (http == NULL)
        return;
    stop_all(http);
    loop_after_turn_remove(http->loop, after_turn, http);
    while (http->pool != NULL) {
        struct exchange *exchange = http->pool;
        http->pool = exchange->next;
        exchange_free(exchange);
    }
    curl_multi_cleanup(http->multi);
    curl_share_cleanup(http->rules.share);
    http_curl_sockets_deinit(&http->sockets);
    loop_timer_free(http->queue_timer);
    http_curl_trust_deinit(&http->trust);
    free(http->rules.proxy);
    free(http);
    curl_global_cleanup();
}

struct http_port http_curl_port(struct http_curl *http)
{
    return (struct http_port){.ctx = http, .send = http_send};
}

struct http_curl_counts http_curl_counts(const struct http_curl *http)
{
    struct http_curl_counts counts = http->counts;
    counts.queued = http->hosts.queued;
    counts.connections = http->sockets.opened;
    return counts;
}
