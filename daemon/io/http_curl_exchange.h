/**
 * One request on one easy handle: what is asked of libcurl, what its callbacks are told, and what
 * the end of it means. Knows nothing of the loop, of other requests, or of time.
 *
 *     exchange_begin(exchange, rules, request, rest_ms);      // then curl_multi_add_handle()
 *     …callbacks…
 *     exchange_end(exchange, code);                           // request->end, status, body …
 *
 * Exchanges are used again and again: an easy handle and its buffers cost more than a request.
 */
#ifndef IO_HTTP_CURL_EXCHANGE_H
#define IO_HTTP_CURL_EXCHANGE_H

#include "common/buf.h"
#include "io/http_curl_url.h"
#include "port/http.h"

#include <curl/curl.h>

/** What all requests have in common; changes with the configuration. */
struct exchange_rules {
    unsigned generation; /* differs after each change */
    bool allow_plain_loopback;
    char *proxy; /* NULL: none */
    long connect_timeout_ms;
    const char *trust_path;
    CURLSH *share;
    /** Close a socket that libcurl is done with. */
    int (*close_socket)(void *ctx, curl_socket_t fd);
    /** A socket was opened. */
    void (*socket_opened)(void *ctx, curl_socket_t fd);
    void *socket_ctx;
};

/** Why we ended it ourselves. */
enum exchange_cause {
    EXCHANGE_NOT_ENDED,
    EXCHANGE_ADDRESS_REFUSED,
    EXCHANGE_SECOND_SEND,
    EXCHANGE_HEADERS_TOO_LARGE,
    EXCHANGE_BODY_TOO_LARGE,
    EXCHANGE_STOPPED,
};

struct exchange {
    struct exchange *next, *previous; /* for whoever keeps them */
    void *owner;
    void *host; /* the owner's */
    struct http_request *request;
    const struct exchange_rules *rules;
    struct http_curl_url url; /* of request->message.url */
    int64_t started_ms;       /* the owner's */

    CURL *easy;
    unsigned generation; /* of the rules that easy follows */
    bool plain_enabled;
    CURLU *parsed_url; /* of the last request */
    bool single_use;   /* carries a client certificate, or its URL is secret */

    bool presented;     /* its turn on a working connection came */
    long size_before;   /* CURLINFO_REQUEST_SIZE at that moment: a proxy's CONNECT is in it */
    bool headers_ended; /* the empty line behind them came */
    bool body_began;
    enum exchange_cause cause;
    void (*on_presented)(struct exchange *exchange);

    struct buf url_text; /* what parsed_url was made of */
    struct buf header_text;
    struct curl_slist header_nodes[OAUTH_HEADERS_MAX + 2]; /* and two of our own */
    size_t header_count;
    struct buf headers; /* incoming */
    char error_text[CURL_ERROR_SIZE];
};

struct exchange *exchange_new(void);
/** Must not be with a multi handle. Takes NULL. */
void exchange_free(struct exchange *exchange);

/**
 * Can this be asked at all? STATUS_INVALID: not http(s), a user name in the URL, http where it is
 * not allowed, line breaks in a header. Texts hold no more of a URL than its host.
 */
MUST_CHECK enum status exchange_check(const struct exchange_rules *rules,
                                      const struct http_request *request,
                                      struct http_curl_url *ret_url, struct error *err);

/** Set the easy handle up for a request that passed exchange_check().
 * @timeout_ms of the whole, from curl_multi_add_handle() on. STATUS_INTERNAL: libcurl has no
 * memory, or misses an option. */
MUST_CHECK enum status exchange_begin(struct exchange *exchange, const struct exchange_rules *rules,
                                      int64_t timeout_ms, struct error *err);

/** For http_curl_options.c: this exchange's callbacks on its easy handle. */
MUST_CHECK CURLcode exchange_set_callbacks(struct exchange *exchange);
bool exchange_uses_proxy(const struct exchange *exchange);

/** Fill the result of exchange->request. The easy handle is off its multi handle. */
void exchange_end(struct exchange *exchange, CURLcode code);

/** Forget the request; ready for the next one. */
void exchange_reset(struct exchange *exchange);

#endif
