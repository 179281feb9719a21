/**
 * port/http.h over libcurl: one multi handle, driven by the loop, whose connections are kept alive
 * and shared by all requests. HTTP/1.1 (2 loses whole answers in libcurl 7.88), TLS 1.2 or later,
 * always verified; no redirects, cookies, decompression, environment.
 *
 *     struct http_curl_config config = {.ca_file = NULL, .connect_timeout_ms = 10000};
 *     status = http_curl_new(loop, inbox, &config, log, &http, &err);
 *     struct http_port port = http_curl_port(http);
 *     port.send(port.ctx, request);                // resumed through the inbox
 *
 * What may have left and what surely did not is told by two facts that libcurl gives: whether the
 * request's turn on a working connection came at all (TLS done, certificate verified), and how many
 * bytes were handed out from then on. None: TRANSPORT_NOT_SENT. Any, and no whole answer:
 * TRANSPORT_LOST. libcurl re-sends a request by itself when a kept-alive connection turns out dead
 * (7.88, Curl_retry_request); that is let through only while not one byte was handed out.
 */
#ifndef IO_HTTP_CURL_H
#define IO_HTTP_CURL_H

#include "common/log.h"
#include "io/loop.h"
#include "port/http.h"

enum {
    HTTP_CURL_CONNECT_TIMEOUT_MS = 10 * 1000, /* where the configuration says 0 */
    HTTP_CURL_CONNECTIONS_MAX = 1024,         /* kept open at most; the same */
};

struct http_curl_config {
    const char *ca_file;       /* PEM, trusted besides the system's; NULL: none */
    bool allow_plain_loopback; /* http:// to a loopback address */
    const char *proxy;         /* as CURLOPT_PROXY takes it; NULL: none. The proxy resolves names,
                                  so addresses are then its own to refuse, but for literal ones */
    int64_t connect_timeout_ms;
    size_t connections_max;
};

struct http_curl_counts {
    uint64_t requests;
    uint64_t connections; /* opened */
    size_t in_flight;     /* of which */
    size_t queued;        /* wait for others of their host to connect first */
};

struct http_curl;

/**
 * @loop, @inbox, @log  borrowed; outlive it
 * @config              borrowed for the call
 *
 * Reads files. STATUS_INVALID: ca_file is missing or holds no certificate. A missing bundle of the
 * system's is logged only: plain loopback works without.
 */
MUST_CHECK enum status http_curl_new(struct loop *loop, struct inbox *inbox,
                                     const struct http_curl_config *config, const struct log *log,
                                     struct http_curl **out, struct error *err);
/** After a reload; new connections follow it. On failure all stays as it was. Reads files. */
MUST_CHECK enum status http_curl_configure(struct http_curl *http,
                                           const struct http_curl_config *config,
                                           struct error *err);
/** Requests under way end as TRANSPORT_NOT_SENT or TRANSPORT_LOST, through the inbox. Takes NULL.
 */
void http_curl_free(struct http_curl *http);

struct http_port http_curl_port(struct http_curl *http);
struct http_curl_counts http_curl_counts(const struct http_curl *http);

#endif
