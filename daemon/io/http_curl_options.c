#include "io/http_curl_options.h"

#include "common/assert.h"
#include "io/http_curl_memory.h"

#include <string.h>

enum {
    /* A connection is not taken up again later: servers commonly close after 60 s, and a request
     * that meets the closing is lost. */
    IDLE_MAX_S = 50,
    LINE_MARKS = 3, /* of a header's line: colon, blank, NUL */
};

static int on_close_socket(void *ctx, curl_socket_t fd)
{
    const struct exchange_rules *rules = ctx;
    return rules->close_socket(rules->socket_ctx, fd);
}

static CURLcode set_manners(CURL *easy)
{
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* else the loop waits for a name that nobody wants any more */
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_CAPATH, NULL); /* a default of Debian's that makes each handshake parse it all */
    SET(CURLOPT_CA_CACHE_TIMEOUT, -1L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_MAXAGE_CONN, (long)IDLE_MAX_S);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_BUFFERSIZE, (long)HTTP_CURL_READ_BUFFER);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)HTTP_CURL_SEND_BUFFER);
    SET(CURLOPT_NOPROXY, ""); /* else the environment is asked */
    return CURLE_OK;
}

/** What the configuration says. */
static CURLcode set_rules(CURL *easy, const struct exchange_rules *rules)
{
    SET(CURLOPT_CAINFO, rules->trust_path);
    SET(CURLOPT_PROXY, rules->proxy != NULL ? rules->proxy : "");
    SET(CURLOPT_CONNECTTIMEOUT_MS, rules->connect_timeout_ms);
    SET(CURLOPT_SHARE, rules->share);
    SET(CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
    SET(CURLOPT_CLOSESOCKETDATA, rules);
    return CURLE_OK;
}

/** The certificate is this request's alone (RFC 8705 §2.1): so are connection and session. */
static CURLcode set_certificate(CURL *easy, const struct oauth_message *message)
{
    union {
        const char *borrowed; /* libcurl takes it as mutable, and only reads */
        void *data;
    } certificate = {.borrowed = message->tls_certificate.data},
      key = {.borrowed = message->tls_key.data};
    struct curl_blob certificate_blob = {
        .data = certificate.data, .len = message->tls_certificate.len, .flags = CURL_BLOB_COPY};
    struct curl_blob key_blob = {
        .data = key.data, .len = message->tls_key.len, .flags = CURL_BLOB_COPY};
    SET(CURLOPT_SSLCERT_BLOB, &certificate_blob);
    SET(CURLOPT_SSLKEY_BLOB, &key_blob);
    SET(CURLOPT_FRESH_CONNECT, 1L);
    SET(CURLOPT_FORBID_REUSE, 1L);
    SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
    return CURLE_OK;
}

static CURLcode set_method(CURL *easy, const struct oauth_message *message)
{
    bool is_post = str_eq(message->method, STR("POST"));
    if (is_post || message->body != NULL) {
        struct str body = message->body != NULL ? secret_str(message->body) : STR("");
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        /* Not a copy, and no read callback: so it leaves in one piece with the headers. A second
         * time it would leave only past on_about_to_send(), which does not let it. */
        SET(CURLOPT_POSTFIELDS, body.data);
    } else {
        SET(CURLOPT_HTTPGET, 1L);
    }
    if (is_post || (message->body == NULL && str_eq(message->method, STR("GET")))) {
        SET(CURLOPT_CUSTOMREQUEST, NULL);
        return CURLE_OK;
    }
    char method[16];
    str_copy_cut(message->method, method, sizeof(method));
    SET(CURLOPT_CUSTOMREQUEST, method);
    return CURLE_OK;
}

static bool has_header(const struct oauth_message *message, struct str name)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (str_eq_nocase(message->headers[i].name, name))
            return true;
    }
    return false;
}

/** What libcurl says of a body by itself, and for less: it writes our headers byte by byte. */
static bool is_said_anyway(const struct oauth_message *message, const struct oauth_header *header)
{
    return message->body != NULL && str_eq_nocase(header->name, STR("Content-Type")) &&
           str_eq(header->value, STR("application/x-www-form-urlencoded"));
}

/** One more line, "Name: value", written to `at`; returns where the next may begin. */
static char *add_line(struct exchange *exchange, char *at, struct str name, char mark,
                      struct str value)
{
    size_t index = exchange->header_count++;
    exchange->header_nodes[index] = (struct curl_slist){.data = at};
    if (index > 0)
        exchange->header_nodes[index - 1].next = &exchange->header_nodes[index];
    memcpy(at, name.data, name.len);
    at += name.len;
    *at++ = mark;
    if (value.len > 0) {
        *at++ = ' ';
        memcpy(at, value.data, value.len);
        at += value.len;
    }
    *at++ = '\0';
    return at;
}

/** The lines in memory of our own, chained without libcurl's copies. */
static struct curl_slist *list_headers(struct exchange *exchange)
{
    static const struct str expect = STR_INIT("Expect"); /* without a value: no wait for a 100 */
    static const struct str user_agent = STR_INIT("User-Agent");
    static const struct str us = STR_INIT("refreshd/" REFRESHD_VERSION);
    const struct oauth_message *message = &exchange->request->message;
    size_t len = expect.len + user_agent.len + us.len + 2 * LINE_MARKS;
    for (size_t i = 0; i < message->header_count; i++)
        len += message->headers[i].name.len + message->headers[i].value.len + LINE_MARKS;
    buf_clear(&exchange->header_text);
    char *at = buf_extend(&exchange->header_text, len);
    ASSERT(at != NULL);
    exchange->header_count = 0;
    at = add_line(exchange, at, expect, ':', STR(""));
    if (!has_header(message, user_agent))
        at = add_line(exchange, at, user_agent, ':', us);
    for (size_t i = 0; i < message->header_count; i++) {
        const struct oauth_header *header = &message->headers[i];
        char mark = header->value.len > 0 ? ':' : ';'; /* "Name;" is libcurl's empty header */
        if (!is_said_anyway(message, header))
            at = add_line(exchange, at, header->name, mark, header->value);
    }
    return exchange->header_nodes;
}

/** libcurl takes a URL apart for each request, but one that is parsed already it only copies. */
static CURLcode set_url(struct exchange *exchange)
{
    CURL *easy = exchange->easy;
    struct str url = exchange->request->message.url;
    if (exchange->parsed_url != NULL && str_eq(url, buf_str(&exchange->url_text)))
        return CURLE_OK;
    if (exchange->parsed_url == NULL)
        exchange->parsed_url = curl_url();
    if (exchange->parsed_url == NULL)
        return CURLE_OUT_OF_MEMORY;
    buf_clear(&exchange->url_text);
    buf_append(&exchange->url_text, url);
    CURLUcode code = curl_url_set(exchange->parsed_url, CURLUPART_URL, buf_c(&exchange->url_text),
                                  CURLU_DISALLOW_USER);
    if (code != CURLUE_OK)
        return code == CURLUE_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_URL_MALFORMAT;
    SET(CURLOPT_URL, NULL); /* its own text of the one before */
    SET(CURLOPT_CURLU, exchange->parsed_url);
    return CURLE_OK;
}

static CURLcode set_request(struct exchange *exchange, int64_t timeout_ms)
{
    CURL *easy = exchange->easy;
    const struct oauth_message *message = &exchange->request->message;
    CURLcode code = set_url(exchange);
    if (code == CURLE_OK)
        code = set_method(easy, message);
    if (code != CURLE_OK)
        return code;
    SET(CURLOPT_HTTPHEADER, list_headers(exchange));
    SET(CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    if (exchange->plain_enabled != exchange->url.plain) {
        SET(CURLOPT_PROTOCOLS_STR, exchange->url.plain ? "http" : "https");
        SET(CURLOPT_NOPROXY, exchange->url.plain ? "*" : "");
        exchange->plain_enabled = exchange->url.plain;
    }
    return CURLE_OK;
}

CURLcode http_curl_options_set(struct exchange *exchange, int64_t timeout_ms)
{
    CURLcode code = CURLE_OK;
    if (exchange->easy == NULL) {
        exchange->easy = curl_easy_init();
        if (exchange->easy == NULL)
            return CURLE_OUT_OF_MEMORY;
        exchange->generation = 0;
        exchange->plain_enabled = false;
        code = set_manners(exchange->easy);
        if (code == CURLE_OK)
            code = exchange_set_callbacks(exchange);
    }
    if (code == CURLE_OK && exchange->generation != exchange->rules->generation) {
        code = set_rules(exchange->easy, exchange->rules);
        exchange->generation = exchange->rules->generation;
    }
    const struct oauth_message *message = &exchange->request->message;
    bool has_certificate = message->tls_certificate.len > 0;
    exchange->single_use = has_certificate || message->url_is_secret;
    if (code == CURLE_OK && has_certificate)
        code = set_certificate(exchange->easy, message);
    return code == CURLE_OK ? set_request(exchange, timeout_ms) : code;
}
