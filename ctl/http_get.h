/**
 * One GET of a small JSON document, for `refreshctl discover`: TLS verified, no redirects, no proxy
 * from the environment, a bounded body. Blocks. The only file of refreshctl that knows libcurl.
 *
 *     const struct http_get get = {.url = url, .timeout_ms = 10000};
 *     if (http_get_run(&get, &status, &body, err) == STATUS_OK && status == 200) …
 */
#ifndef CTL_HTTP_GET_H
#define CTL_HTTP_GET_H

#include "common/buf.h"

enum { HTTP_GET_BODY_MAX = 1024 * 1024 };

struct http_get {
    const char *url;     /* https, or http where the caller has looked that it is a loopback one */
    const char *ca_file; /* NULL: the system's certificates; else these instead */
    const char *proxy;   /* NULL: none */
    int64_t timeout_ms;  /* of the whole exchange */
};

/**
 * @ret_status  the HTTP status, whatever it is
 * @ret_body    appended to
 * STATUS_UNAVAILABLE: there was no whole answer; err says why.
 */
MUST_CHECK enum status http_get_run(const struct http_get *get, int *ret_status,
                                    struct buf *ret_body, struct error *err);

#endif
