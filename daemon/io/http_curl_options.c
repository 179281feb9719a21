#include "io/http_curl_options.h"

#include "common/assert.h"
#include "io/http_curl_memory.h"

#include <string.h>

enum {
    /* A connection is not taken up again later: servers commonly close after 60 s, and a request
     * that meets the closing is lost. */
    IDLE_MAX_S = 50,
};

static int on_close_socket(void *ctx, curl_socket_t fd)
{
    const struct exchange_rules *rules = ctx;
    return rules->close_socket(rules->socket_ctx, fd);
}

static CURLcode set_manners(CURL *easy)
{
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
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
    SET(CURLOPT_USERAGENT, "refreshd/" REFRESHD_VERSION);
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

/** "Name: value" lines in memory of our own, chained without libcurl's copies. */
static struct curl_slist *list_headers(struct exchange *exchange)
{
    static const struct str no_expect = STR_INIT("Expect:"); /* no "100-continue" wait */
    const struct oauth_message *message = &exchange->request->message;
    size_t len = no_expect.len + 1;
    for (size_t i = 0; i < message->header_count; i++)
        len += message->headers[i].name.len + message->headers[i].value.len + 3;
    buf_clear(&exchange->header_text);
    char *at = buf_extend(&exchange->header_text, len);
    ASSERT(at != NULL);
    memcpy(at, no_expect.data, no_expect.len + 1);
    exchange->header_nodes[0] = (struct curl_slist){.data = at};
    at += no_expect.len + 1;
    for (size_t i = 0; i < message->header_count; i++) {
        const struct oauth_header *header = &message->headers[i];
        exchange->header_nodes[i + 1] = (struct curl_slist){.data = at};
        exchange->header_nodes[i].next = &exchange->header_nodes[i + 1];
        memcpy(at, header->name.data, header->name.len);
        at += header->name.len;
        *at++ = header->value.len > 0 ? ':' : ';'; /* "Name;" is libcurl's empty header */
        if (header->value.len > 0) {
            *at++ = ' ';
            memcpy(at, header->value.data, header->value.len);
            at += header->value.len;
        }
        *at++ = '\0';
    }
    return exchange->header_nodes;
}

static CURLcode set_request(struct exchange *exchange, int64_t timeout_ms)
{
    CURL *easy = exchange->easy;
    const struct oauth_message *message = &exchange->request->message;
    buf_clear(&exchange->url_text);
    buf_append(&exchange->url_text, message->url);
    SET(CURLOPT_URL, buf_c(&exchange->url_text));
    CURLcode code = set_method(easy, message);
    if (code != CURLE_OK)
        return code;
    SET(CURLOPT_HTTPHEADER, list_headers(exchange));
    SET(CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    if (exchange->plain_enabled != exchange->url.plain) {
        SET(CURLOPT_PROTOCOLS_STR, exchange->url.plain ? "http" : "https");
        SET(CURLOPT_NOPROXY, exchange->url.plain ? "*" : NULL);
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
    exchange->single_use = exchange->request->message.tls_certificate.len > 0;
    if (code == CURLE_OK && exchange->single_use)
        code = set_certificate(exchange->easy, &exchange->request->message);
    return code == CURLE_OK ? set_request(exchange, timeout_ms) : code;
}
