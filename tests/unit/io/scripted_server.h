/**
 * A server that does what the test says, one thread a connection: what came is counted, what goes
 * back is whatever bytes the row wants, and then it closes, resets or waits.
 *
 *     struct server *server = server_new((struct server_script){.answer = "HTTP/1.1 200 OK…"});
 *     …  server->port …
 *     assert_int_equal(server_presentations(server), 1);
 *     server_free(server);
 */
#ifndef TESTS_UNIT_IO_SCRIPTED_SERVER_H
#define TESTS_UNIT_IO_SCRIPTED_SERVER_H

#include "common/macros.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum server_end {
    SERVER_KEEPS,  /* and reads the next request */
    SERVER_CLOSES, /* in order */
    SERVER_RESETS, /* RST */
    SERVER_HANGS,  /* says nothing more, until the test ends */
};

struct server_script {
    const char *answer;   /* bytes; NULL: none */
    size_t padding;       /* so many 'x' behind the answer */
    enum server_end then; /* after each answer */
    int keeps_first;      /* the first n requests of a connection get "200 ok" and are kept */
    bool end_at_accept;   /* do `then` before a request was read */
    bool only_first;      /* connections after the first always get "200 ok" */
    int drip_ms;          /* pause between the bytes of the answer */
};

struct server {
    struct server_script script;
    int fd;
    int port;
    pthread_t thread;
    atomic_bool stopping;
    atomic_int connections;
    atomic_int begun;         /* requests of which anything was seen */
    atomic_int presentations; /* whole requests seen */
    atomic_int running;
    char last[8192]; /* the last request */
};

struct server_peer {
    struct server *server;
    int fd;
    int index;
};

static const char server_ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok";

static inline bool server_wait(struct server *server, int fd, short what)
{
    while (!atomic_load(&server->stopping)) {
        struct pollfd poll_fd = {.fd = fd, .events = what};
        if (poll(&poll_fd, 1, 20) > 0)
            return true;
    }
    return false;
}

/** Read one request: headers and as much body as Content-Length says. */
static inline bool server_read(struct server_peer *peer)
{
    char text[8192];
    size_t len = 0;
    for (;;) {
        if (!server_wait(peer->server, peer->fd, POLLIN))
            return false;
        ssize_t got = read(peer->fd, text + len, sizeof(text) - 1 - len);
        if (got <= 0)
            return false;
        if (len == 0)
            atomic_fetch_add(&peer->server->begun, 1);
        len += (size_t)got;
        text[len] = '\0';
        const char *end = strstr(text, "\r\n\r\n");
        if (end == NULL)
            continue;
        const char *length = strcasestr(text, "\r\nContent-Length: ");
        size_t body = length != NULL ? (size_t)atol(length + 18) : 0;
        if (len < (size_t)(end - text) + 4 + body)
            continue;
        memcpy(peer->server->last, text, len + 1);
        atomic_fetch_add(&peer->server->presentations, 1);
        return true;
    }
}

static inline void server_write(struct server_peer *peer, const char *bytes, size_t len)
{
    int drip_ms = peer->server->script.drip_ms;
    while (len > 0 && !atomic_load(&peer->server->stopping)) {
        ssize_t put = send(peer->fd, bytes, drip_ms > 0 ? 1 : len, MSG_NOSIGNAL);
        if (put <= 0)
            return;
        bytes += put;
        len -= (size_t)put;
        if (drip_ms > 0)
            usleep((useconds_t)drip_ms * 1000);
    }
}

static inline void server_pad(struct server_peer *peer)
{
    char block[4096];
    memset(block, 'x', sizeof(block));
    for (size_t rest = peer->server->script.padding; rest > 0;) {
        size_t len = MIN_OF(rest, sizeof(block));
        server_write(peer, block, len);
        rest -= len;
    }
}

static inline void server_end(struct server_peer *peer)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (peer->server->script.then == SERVER_HANGS) {
        while (!atomic_load(&peer->server->stopping))
            usleep(10000);
    }
    if (peer->server->script.then == SERVER_RESETS)
        setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

static inline void server_serve(struct server_peer *peer)
{
    const struct server_script *script = &peer->server->script;
    bool scripted = !script->only_first || peer->index == 0;
    if (scripted && script->end_at_accept) {
        server_end(peer);
        return;
    }
    for (int n = 0; server_read(peer); n++) {
        if (!scripted || n < script->keeps_first) {
            server_write(peer, server_ok, sizeof(server_ok) - 1);
            continue;
        }
        if (script->answer != NULL)
            server_write(peer, script->answer, strlen(script->answer));
        server_pad(peer);
        if (script->then != SERVER_KEEPS) {
            server_end(peer);
            return;
        }
    }
}

static inline void *server_peer_run(void *arg)
{
    struct server_peer *peer = arg;
    server_serve(peer);
    close(peer->fd);
    atomic_fetch_sub(&peer->server->running, 1);
    free(peer);
    return NULL;
}

static inline void *server_run(void *arg)
{
    struct server *server = arg;
    while (server_wait(server, server->fd, POLLIN)) {
        int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        struct server_peer *peer = calloc(1, sizeof(*peer));
        *peer = (struct server_peer){
            .server = server, .fd = fd, .index = atomic_fetch_add(&server->connections, 1)};
        atomic_fetch_add(&server->running, 1);
        pthread_t thread;
        if (pthread_create(&thread, NULL, server_peer_run, peer) == 0)
            pthread_detach(thread);
    }
    return NULL;
}

/** A listening socket on a free port of 127.0.0.1. */
static inline int server_listen(int *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        abort();
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static inline struct server *server_new(struct server_script script)
{
    struct server *server = calloc(1, sizeof(*server));
    server->script = script;
    server->fd = server_listen(&server->port);
    if (pthread_create(&server->thread, NULL, server_run, server) != 0)
        abort();
    return server;
}

static inline void server_free(struct server *server)
{
    atomic_store(&server->stopping, true);
    pthread_join(server->thread, NULL);
    while (atomic_load(&server->running) > 0)
        usleep(1000);
    close(server->fd);
    free(server);
}

#endif
