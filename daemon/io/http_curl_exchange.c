#include "io/http_curl_exchange.h"

#include "common/assert.h"
#include "common/memory.h"
#include "io/http_curl_options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXCHANGE_BUFFER_KEPT_MAX = 64 * 1024 }; /* larger ones are given back after use */

/* What libcurl asks and tells. */

static bool is_allowed(const struct exchange *exchange, enum address_kind kind)
{
    bool refuse_private = exchange->request->refuse_private;
    switch (kind) {
    case ADDRESS_PUBLIC:
        return !exchange->url.plain;
    case ADDRESS_PRIVATE:
        return !exchange->url.plain && !refuse_private;
    case ADDRESS_LOOPBACK:
        return !refuse_private;
    case ADDRESS_FORBIDDEN:
        return false;
    }
    return false;
}

bool exchange_uses_proxy(const struct exchange *exchange)
{
    return exchange->rules->proxy != NULL && !exchange->url.plain;
}

static curl_socket_t on_open_socket(void *ctx, curlsocktype purpose UNUSED,
                                    struct curl_sockaddr *address)
{
    struct exchange *exchange = ctx;
    if (!exchange_uses_proxy(exchange) && !is_allowed(exchange, address_kind(&address->addr))) {
        exchange->cause = EXCHANGE_ADDRESS_REFUSED;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    exchange->rules->socket_opened(exchange->rules->socket_ctx, fd);
    return fd;
}

static long request_size(const struct exchange *exchange)
{
    long size = 0;
    CURLcode code = curl_easy_getinfo(exchange->easy, CURLINFO_REQUEST_SIZE, &size);
    ASSERT(code == CURLE_OK);
    return size;
}

static bool may_have_left(const struct exchange *exchange)
{
    return exchange->presented && request_size(exchange) > exchange->size_before;
}

/** The connection stands, TLS and certificate are done, the next thing is the request itself. Comes
 * again where libcurl is about to try on another connection. */
static int on_about_to_send(void *ctx, char *remote_ip, char *local_ip UNUSED,
                            int remote_port UNUSED, int local_port UNUSED)
{
    struct exchange *exchange = ctx;
    if (may_have_left(exchange)) {
        exchange->cause = EXCHANGE_SECOND_SEND;
        return CURL_PREREQFUNC_ABORT;
    }
    if (!exchange_uses_proxy(exchange) && !is_allowed(exchange, address_kind_text(remote_ip))) {
        exchange->cause = EXCHANGE_ADDRESS_REFUSED;
        return CURL_PREREQFUNC_ABORT;
    }
    exchange->cause = EXCHANGE_NOT_ENDED; /* another address of the host was the one refused */
    exchange->size_before = request_size(exchange);
    if (!exchange->presented && exchange->on_presented != NULL)
        exchange->on_presented(exchange);
    exchange->presented = true;
    return CURL_PREREQFUNC_OK;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl's type */
static size_t on_header(char *line, size_t size, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    struct str text = {.data = line, .len = size * count};
    if (exchange->body_began)
        return text.len; /* a trailer: nothing that we go by may come after the body */
    if (str_starts_with(text, STR("HTTP/"))) {
        buf_clear(&exchange->headers); /* what came before was a 1xx */
        exchange->headers_ended = false;
        return text.len;
    }
    exchange->headers_ended = str_trim(text).len == 0;
    if (buf_append(&exchange->headers, text))
        return text.len;
    exchange->cause = EXCHANGE_HEADERS_TOO_LARGE;
    return 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    struct str text = {.data = bytes, .len = size * count};
    struct http_request *request = exchange->request;
    exchange->body_began = true;
    bool fits = text.len <= HTTP_BODY_MAX - secret_str(request->body).len;
    if (fits && text.len > 0)
        request->body = secret_append(request->body, text);
    secret_wipe(bytes, text.len); /* libcurl's own buffer, done with */
    if (fits)
        return text.len;
    exchange->cause = EXCHANGE_BODY_TOO_LARGE;
    return 0;
}

CURLcode exchange_set_callbacks(struct exchange *exchange)
{
    CURL *easy = exchange->easy;
    SET(CURLOPT_PRIVATE, exchange);
    SET(CURLOPT_ERRORBUFFER, exchange->error_text);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(CURLOPT_OPENSOCKETDATA, exchange);
    SET(CURLOPT_PREREQFUNCTION, on_about_to_send);
    SET(CURLOPT_PREREQDATA, exchange);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, exchange);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, exchange);
    return CURLE_OK;
}

/* Setting up. */

struct exchange *exchange_new(void)
{
    struct exchange *exchange = memory_new(sizeof(*exchange));
    exchange->url_text.secret = true;
    exchange->header_text.secret = true;
    exchange->headers = (struct buf){.max = HTTP_HEADERS_MAX, .secret = true};
    return exchange;
}

void exchange_free(struct exchange *exchange)
{
    if (exchange == NULL)
        return;
    if (exchange->easy != NULL)
        curl_easy_cleanup(exchange->easy);
    curl_url_cleanup(exchange->parsed_url);
    buf_deinit(&exchange->url_text);
    buf_deinit(&exchange->header_text);
    buf_deinit(&exchange->headers);
    free(exchange);
}

static bool is_header_text(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

static bool are_headers_sound(const struct oauth_message *message)
{
    for (size_t i = 0; i < message->header_count; i++) {
        struct str name = message->headers[i].name;
        if (name.len == 0 || !is_header_text(name) || str_find_byte(name, ':') < name.len ||
            str_find_byte(name, ' ') < name.len || !is_header_text(message->headers[i].value))
            return false;
    }
    return message->method.len > 0 && message->method.len < 16 && is_header_text(message->method);
}

enum status exchange_check(const struct exchange_rules *rules, const struct http_request *request,
                           struct http_curl_url *ret_url, struct error *err)
{
    struct http_curl_url url = {0};
    enum status status = http_curl_url_parse(request->message.url, &url, err);
    if (status != STATUS_OK)
        return status;
    if (url.plain && !rules->allow_plain_loopback)
        return error_set(err, STATUS_INVALID,
                         STR_FMT ": expected https (http is for loopback addresses only, where "
                                 "[http] allow_plain_loopback = yes)",
                         STR_ARG(url.host));
    if (!are_headers_sound(&request->message))
        return error_set(err, STATUS_INVALID, STR_FMT ": control characters in a header",
                         STR_ARG(url.host));
    *ret_url = url;
    return STATUS_OK;
}

enum status exchange_begin(struct exchange *exchange, const struct exchange_rules *rules,
                           int64_t timeout_ms, struct error *err)
{
    ASSERT(exchange->request != NULL && rules->generation != 0);
    exchange->rules = rules;
    if (exchange_uses_proxy(exchange) &&
        !is_allowed(exchange, http_curl_url_host_kind(exchange->url.host))) {
        return error_set(err, STATUS_INVALID, STR_FMT ": this address is refused",
                         STR_ARG(exchange->url.host));
    }
    CURLcode code = http_curl_options_set(exchange, timeout_ms);
    if (code == CURLE_URL_MALFORMAT)
        return error_set(err, STATUS_INVALID, STR_FMT ": not a URL that libcurl takes",
                         STR_ARG(exchange->url.host));
    if (code != CURLE_OK)
        return error_set(err, STATUS_INTERNAL, "libcurl: %s", curl_easy_strerror(code));
    return STATUS_OK;
}

/* The end. */

static const char *why(const struct exchange *exchange, CURLcode code)
{
    switch (exchange->cause) {
    case EXCHANGE_ADDRESS_REFUSED:
        return "this address is refused";
    case EXCHANGE_SECOND_SEND:
        return "the kept-alive connection died under the request";
    case EXCHANGE_HEADERS_TOO_LARGE:
        return "the answer's headers pass 64 KiB";
    case EXCHANGE_BODY_TOO_LARGE:
        return "the answer passes 1 MiB";
    case EXCHANGE_STOPPED:
        return "stopped";
    case EXCHANGE_NOT_ENDED:
        break;
    }
    if (code == CURLE_OK)
        return "the connection closed within the answer's headers";
    return exchange->error_text[0] != '\0' ? exchange->error_text : curl_easy_strerror(code);
}

static void take_headers(struct exchange *exchange)
{
    struct http_request *request = exchange->request;
    struct str text = arena_copy(&request->arena, buf_str(&exchange->headers));
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    request->headers = arena_alloc(&request->arena, lines * sizeof(*request->headers));
    while (text.len > 0) {
        size_t end = str_find_byte(text, '\n');
        struct str line = str_slice(text, 0, end);
        text = str_slice(text, end + 1, text.len);
        size_t colon = str_find_byte(line, ':');
        bool is_folded = line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t');
        if (colon == 0 || colon >= line.len || is_folded)
            continue;
        request->headers[request->header_count++] = (struct oauth_header){
            .name = str_slice(line, 0, colon),
            .value = str_trim(str_slice(line, colon + 1, line.len)),
        };
    }
}

static void forget_body(struct http_request *request)
{
    secret_free(request->body);
    request->body = NULL;
}

static void take_answer(struct exchange *exchange)
{
    struct http_request *request = exchange->request;
    long status = 0;
    CURLcode code = curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    ASSERT(code == CURLE_OK);
    request->end = TRANSPORT_ANSWERED;
    request->status = (int)status;
    take_headers(exchange);
    request->body_too_large = exchange->cause == EXCHANGE_BODY_TOO_LARGE;
    if (request->body_too_large)
        forget_body(request);
}

void exchange_end(struct exchange *exchange, CURLcode code)
{
    struct http_request *request = exchange->request;
    /* libcurl 7.88 calls it a success where the connection closes within the headers. */
    bool is_whole = code == CURLE_OK && exchange->headers_ended;
    if (is_whole || exchange->cause == EXCHANGE_BODY_TOO_LARGE) {
        take_answer(exchange);
        return;
    }
    forget_body(request);
    bool lost = exchange->easy != NULL && may_have_left(exchange);
    request->end = lost ? TRANSPORT_LOST : TRANSPORT_NOT_SENT;
    error_set(&request->error, lost ? STATUS_UNCERTAIN : STATUS_UNAVAILABLE, STR_FMT ": %s",
              STR_ARG(exchange->url.host), why(exchange, code));
}

static void clear_buffer(struct buf *buf)
{
    if (buf->capacity <= EXCHANGE_BUFFER_KEPT_MAX) {
        buf_clear(buf);
        return;
    }
    size_t max = buf->max;
    buf_deinit(buf);
    *buf = (struct buf){.max = max, .secret = true};
}

void exchange_reset(struct exchange *exchange)
{
    exchange->request = NULL;
    exchange->host = NULL;
    exchange->url = (struct http_curl_url){0};
    exchange->presented = false;
    exchange->size_before = 0;
    exchange->headers_ended = false;
    exchange->body_began = false;
    exchange->cause = EXCHANGE_NOT_ENDED;
    exchange->error_text[0] = '\0';
    clear_buffer(&exchange->header_text);
    clear_buffer(&exchange->headers);
}
