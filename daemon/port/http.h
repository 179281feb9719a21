/**
 * One HTTP exchange. One presentation on the wire is one presentation: an implementation never
 * sends a body twice, follows no redirect, and tells "it never left" from "it may have arrived".
 *
 *     request->message = message;  request->deadline_ms = 15000;
 *     request->completion.resume = on_answered;
 *     http->send(http->ctx, request);
 *
 * The caller owns the request until resumed, and frees it then with http_request_free().
 */
#ifndef PORT_HTTP_H
#define PORT_HTTP_H

#include "common/arena.h"
#include "common/secret.h"
#include "oauth/message.h"
#include "port/inbox.h"

enum { HTTP_BODY_MAX = 1024 * 1024, HTTP_HEADERS_MAX = 64 * 1024 };

struct http_request {
    struct completion completion;
    struct oauth_message message; /* owned */
    int64_t deadline_ms;          /* from sending to the last byte */
    bool refuse_private;          /* the address was learned, not configured: no loopback, no
                                     private ranges (link-local is refused always) */
    /* Result. */
    enum transport_end end;
    int status;                   /* where end is TRANSPORT_ANSWERED */
    struct oauth_header *headers; /* in arena; names as sent */
    size_t header_count;
    struct secret *body; /* owned; NULL: empty */
    bool body_too_large; /* past HTTP_BODY_MAX: what came was dropped */
    struct error error;  /* why it did not end as TRANSPORT_ANSWERED; no secret, no URL query */
    int64_t took_ms;
    struct arena arena;
    void *user;
};

struct http_request *http_request_new(void);
/** Wipes. Takes NULL. */
void http_request_free(struct http_request *request);

struct http_port {
    void *ctx;
    void (*send)(void *ctx, struct http_request *request);
};

#endif
