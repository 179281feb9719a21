/**
 * libcurl's multi handle on the loop: its sockets are watched, its timer is kept, and whenever it
 * may have got on, `progress` is called (outside libcurl).
 *
 *     http_curl_sockets_init(&sockets, loop, multi, on_progress, http);
 *
 * A socket that libcurl lets go of after an answer stays watched for reading: with the next request
 * on the same connection nothing has to be told to the kernel.
 */
#ifndef IO_HTTP_CURL_SOCKETS_H
#define IO_HTTP_CURL_SOCKETS_H

#include "io/loop.h"

#include <curl/curl.h>

struct http_curl_socket {
    struct loop_watch *watch;
    unsigned events; /* what libcurl waits for, or waited for last */
    bool is_ours;    /* we are told when it is closed */
    bool is_idle;    /* libcurl does not wait for it now */
};

struct http_curl_sockets {
    struct loop *loop;
    CURLM *multi;
    struct http_curl_socket *by_fd;
    size_t count;
    struct loop_timer *timer;
    bool is_due; /* libcurl wants to be called at once */
    uint64_t opened;
    void (*progress)(void *ctx);
    void *ctx;
};

void http_curl_sockets_init(struct http_curl_sockets *sockets, struct loop *loop, CURLM *multi,
                            void (*progress)(void *ctx), void *ctx);
/** The multi handle is gone by now. */
void http_curl_sockets_deinit(struct http_curl_sockets *sockets);

/** Call libcurl where it asked for it. True where it did. */
bool http_curl_sockets_act(struct http_curl_sockets *sockets);

/** For exchange_rules: ctx is the struct http_curl_sockets. */
void http_curl_sockets_opened(void *ctx, curl_socket_t fd);
int http_curl_sockets_close(void *ctx, curl_socket_t fd);

#endif
