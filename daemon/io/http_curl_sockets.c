#include "io/http_curl_sockets.h"

#include "common/assert.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct http_curl_socket *socket_at(struct http_curl_sockets *sockets, int fd)
{
    ASSERT(fd >= 0);
    size_t at = (size_t)fd;
    if (at >= sockets->count) {
        size_t count = MAX_OF(at + 1, sockets->count * 2);
        sockets->by_fd = memory_grow(sockets->by_fd, count * sizeof(*sockets->by_fd));
        memset(sockets->by_fd + sockets->count, 0,
               (count - sockets->count) * sizeof(*sockets->by_fd));
        sockets->count = count;
    }
    return &sockets->by_fd[at];
}

static void forget(struct http_curl_sockets *sockets, int fd)
{
    struct http_curl_socket *at = socket_at(sockets, fd);
    loop_watch_free(at->watch);
    *at = (struct http_curl_socket){0};
}

static void act(struct http_curl_sockets *sockets, curl_socket_t fd, int what)
{
    int running;
    CURLMcode code = curl_multi_socket_action(sockets->multi, fd, what, &running);
    ASSERT(code == CURLM_OK);
    sockets->progress(sockets->ctx);
}

static void on_ready(void *ctx, int fd, unsigned events)
{
    struct http_curl_sockets *sockets = ctx;
    struct http_curl_socket *at = socket_at(sockets, fd);
    if (at->is_idle) { /* the peer closed it, which libcurl finds out when it wants it */
        loop_watch_set(at->watch, 0);
        return;
    }
    act(sockets, fd,
        ((events & LOOP_READ) != 0 ? CURL_CSELECT_IN : 0) |
            ((events & LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
}

/** libcurl is done with the socket for now. One that was being read from stays open behind an
 * answer and is worth keeping; others may be closed by now without a word (7.88, cf_socket_close:
 * what lost the race of addresses). */
static int let_go(struct http_curl_sockets *sockets, int fd)
{
    struct http_curl_socket *at = socket_at(sockets, fd);
    if (at->is_ours && at->events == LOOP_READ)
        at->is_idle = true;
    else
        forget(sockets, fd);
    return 0;
}

static int on_want(CURL *easy UNUSED, curl_socket_t fd, int what, void *ctx,
                   void *socket_ctx UNUSED)
{
    struct http_curl_sockets *sockets = ctx;
    if (what == CURL_POLL_REMOVE)
        return let_go(sockets, fd);
    struct http_curl_socket *at = socket_at(sockets, fd);
    if (at->watch == NULL)
        at->watch = loop_watch_new(sockets->loop, fd, on_ready, sockets);
    at->is_idle = false;
    at->events = 0;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        at->events |= LOOP_READ;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        at->events |= LOOP_WRITE;
    loop_watch_set(at->watch, at->events);
    return 0;
}

static void on_timer(void *ctx)
{
    act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

static int on_want_timer(CURLM *multi UNUSED, long timeout_ms, void *ctx)
{
    struct http_curl_sockets *sockets = ctx;
    sockets->is_due = timeout_ms == 0;
    if (timeout_ms >= 0)
        loop_timer_set(sockets->timer, timeout_ms);
    else
        loop_timer_clear(sockets->timer);
    return 0;
}

void http_curl_sockets_init(struct http_curl_sockets *sockets, struct loop *loop, CURLM *multi,
                            void (*progress)(void *ctx), void *ctx)
{
    *sockets =
        (struct http_curl_sockets){.loop = loop, .multi = multi, .progress = progress, .ctx = ctx};
    sockets->timer = loop_timer_new(loop, on_timer, sockets);
    CURLMcode code = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_want);
    ASSERT(code == CURLM_OK);
    code = curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, sockets);
    ASSERT(code == CURLM_OK);
    code = curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_want_timer);
    ASSERT(code == CURLM_OK);
    code = curl_multi_setopt(multi, CURLMOPT_TIMERDATA, sockets);
    ASSERT(code == CURLM_OK);
}

void http_curl_sockets_deinit(struct http_curl_sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++)
        loop_watch_free(sockets->by_fd[i].watch);
    free(sockets->by_fd);
    loop_timer_free(sockets->timer);
    *sockets = (struct http_curl_sockets){0};
}

bool http_curl_sockets_act(struct http_curl_sockets *sockets)
{
    if (!sockets->is_due)
        return false;
    sockets->is_due = false;
    loop_timer_clear(sockets->timer);
    act(sockets, CURL_SOCKET_TIMEOUT, 0);
    return true;
}

void http_curl_sockets_opened(void *ctx, curl_socket_t fd)
{
    struct http_curl_sockets *sockets = ctx;
    forget(sockets, fd); /* whatever had this number before is closed */
    socket_at(sockets, fd)->is_ours = true;
    sockets->opened++;
}

int http_curl_sockets_close(void *ctx, curl_socket_t fd)
{
    struct http_curl_sockets *sockets = ctx;
    forget(sockets, fd);
    return close(fd);
}
