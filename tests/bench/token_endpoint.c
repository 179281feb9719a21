/*
 * A token endpoint that costs as little as one can, so that what is measured is the client:
 * TLS 1.3, HTTP/1.1, connections kept alive, one thread on epoll. Whatever refresh token is
 * presented, the answer is a new access token of 1200 characters and a new refresh token of
 * 512, 1.9 kB of JSON.
 *
 *     token_endpoint CERTIFICATE KEY [PORT]
 *     → "listening PORT", and on SIGTERM {"requests":…,"connections":…,"refused":…}
 *
 * It listens on 127.0.0.1 only. It is not a server to learn from: requests are not pipelined, and
 * whoever does not behave is cut off.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCESS_LENGTH = 1200,
    REFRESH_LENGTH = 512,
    SERIAL_DIGITS = 16,
    REQUEST_MAX = 16 * 1024,
    ANSWER_MAX = 4096,
    EVENTS_MAX = 256,
    BACKLOG = 1024,
};

/** The answer as it is sent; only the serial number in both tokens changes. */
struct answer {
    char text[ANSWER_MAX];
    size_t length;
    size_t access_serial_at, refresh_serial_at;
};

struct endpoint {
    int epoll, listener, signals;
    SSL_CTX *tls;
    struct answer answer;
    struct client *clients;
    unsigned long long requests, connections, refused;
};

struct client {
    struct client *next, *previous;
    int socket;
    SSL *tls;
    bool is_greeted; /* the handshake is done */
    size_t length;
    char input[REQUEST_MAX];
};

static void die(const char *what)
{
    fprintf(stderr, "token_endpoint: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* ---- the answer ---- */

/* Looks random enough that nothing can be compressed or guessed from one token to the next. */
static void write_token(char *text, size_t length, unsigned seed)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < length; i++) {
        seed = seed * 1664525u + 1013904223u;
        text[i] = alphabet[seed >> 26];
    }
    text[length] = '\0';
}

static void write_serial(char *text, unsigned long long serial)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SERIAL_DIGITS; i++, serial >>= 4)
        text[i] = digits[serial & 15];
}

static void answer_init(struct answer *answer)
{
    char access[ACCESS_LENGTH + 1], refresh[REFRESH_LENGTH + 1], body[ANSWER_MAX / 2];
    write_token(access, ACCESS_LENGTH, 1);
    write_token(refresh, REFRESH_LENGTH, 2);
    int body_length =
        snprintf(body, sizeof(body),
                 "{\"access_token\":\"%s\",\"token_type\":\"Bearer\",\"expires_in\":86400,"
                 "\"refresh_token\":\"%s\",\"scope\":\"openid calendar.readonly mail.send\"}",
                 access, refresh);
    int length = snprintf(answer->text, sizeof(answer->text),
                          "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\n"
                          "Cache-Control: no-store\r\nPragma: no-cache\r\n"
                          "Content-Length: %d\r\n\r\n%s",
                          body_length, body);
    answer->length = (size_t)length;
    answer->access_serial_at = (size_t)(strstr(answer->text, access) - answer->text);
    answer->refresh_serial_at = (size_t)(strstr(answer->text, refresh) - answer->text);
}

/* ---- one client ---- */

static void client_free(struct client *client)
{
    SSL_free(client->tls);
    close(client->socket);
    free(client);
}

static void client_take_in(struct endpoint *endpoint, struct client *client)
{
    client->next = endpoint->clients;
    if (client->next != NULL)
        client->next->previous = client;
    endpoint->clients = client;
}

static void client_let_go(struct endpoint *endpoint, struct client *client)
{
    if (client->next != NULL)
        client->next->previous = client->previous;
    if (client->previous != NULL)
        client->previous->next = client->next;
    else
        endpoint->clients = client->next;
    client_free(client);
}

/* The client waits for it, so its socket has room for all of it at once. */
static bool client_send(struct client *client, const char *text, size_t length)
{
    return SSL_write(client->tls, text, (int)length) == (int)length;
}

static bool client_answer(struct endpoint *endpoint, struct client *client, bool is_refresh)
{
    static const char refusal[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
                                  "Content-Length: 27\r\n\r\n{\"error\":\"invalid_request\"}";
    if (!is_refresh) {
        endpoint->refused++;
        return client_send(client, refusal, sizeof(refusal) - 1);
    }
    struct answer *answer = &endpoint->answer;
    endpoint->requests++;
    write_serial(answer->text + answer->access_serial_at, endpoint->requests);
    write_serial(answer->text + answer->refresh_serial_at, endpoint->requests);
    return client_send(client, answer->text, answer->length);
}

static size_t content_length(const char *head, const char *end)
{
    static const char name[] = "content-length:";
    for (const char *line = head; line < end;) {
        if (strncasecmp(line, name, sizeof(name) - 1) == 0)
            return strtoul(line + sizeof(name) - 1, NULL, 10);
        const char *next = memchr(line, '\n', (size_t)(end - line));
        line = next != NULL ? next + 1 : end;
    }
    return 0;
}

/* Answers what has come whole. False: the connection is over. */
static bool client_take(struct endpoint *endpoint, struct client *client)
{
    static const char grant[] = "grant_type=refresh_token";
    const char *gap = memmem(client->input, client->length, "\r\n\r\n", 4);
    if (gap == NULL)
        return client->length < sizeof(client->input);
    const char *body = gap + 4;
    size_t head_length = (size_t)(body - client->input);
    size_t body_length = content_length(client->input, gap + 2);
    if (body_length > sizeof(client->input) - head_length)
        return false;
    if (client->length < head_length + body_length)
        return true;
    client->length = 0;
    return client_answer(endpoint, client,
                         memmem(body, body_length, grant, sizeof(grant) - 1) != NULL);
}

static bool wants_more(const struct client *client, int result)
{
    int error = SSL_get_error(client->tls, result);
    ERR_clear_error();
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

/* False: the connection is over. */
static bool client_read(struct endpoint *endpoint, struct client *client)
{
    if (!client->is_greeted) {
        int result = SSL_accept(client->tls);
        if (result <= 0)
            return wants_more(client, result);
        client->is_greeted = true;
    }
    do {
        int result = SSL_read(client->tls, client->input + client->length,
                              (int)(sizeof(client->input) - client->length));
        if (result <= 0)
            return wants_more(client, result);
        client->length += (size_t)result;
        if (!client_take(endpoint, client))
            return false;
    } while (SSL_has_pending(client->tls));
    return true;
}

/* ---- the endpoint ---- */

static void watch(const struct endpoint *endpoint, int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    if (epoll_ctl(endpoint->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

static void take_clients(struct endpoint *endpoint)
{
    int accepted;
    while ((accepted = accept4(endpoint->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >=
           0) {
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct client *client = calloc(1, sizeof(*client));
        if (client == NULL || (client->tls = SSL_new(endpoint->tls)) == NULL)
            die("memory");
        client->socket = accepted;
        SSL_set_fd(client->tls, accepted);
        endpoint->connections++;
        client_take_in(endpoint, client);
        watch(endpoint, accepted, client);
    }
}

static SSL_CTX *make_tls(const char *certificate, const char *key)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (tls == NULL || SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) != 1 ||
        SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
        die(certificate);
    SSL_CTX_set_read_ahead(tls, 1); /* a record in one read(2), not its head and then its body */
    return tls;
}

static int listen_on(unsigned short port, unsigned short *ret_port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(listener, (struct sockaddr *)&address, length) != 0 ||
        listen(listener, BACKLOG) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        die("listen");
    *ret_port = ntohs(address.sin_port);
    return listener;
}

static int catch_end(void)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &ends, SFD_CLOEXEC);
}

static void serve(struct endpoint *endpoint)
{
    struct epoll_event events[EVENTS_MAX];
    for (;;) {
        int count = epoll_wait(endpoint->epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            void *what = events[i].data.ptr;
            if (what == &endpoint->signals)
                return;
            if (what == &endpoint->listener)
                take_clients(endpoint);
            else if (!client_read(endpoint, what))
                client_let_go(endpoint, what);
        }
    }
}

static void endpoint_deinit(struct endpoint *endpoint)
{
    for (struct client *client = endpoint->clients, *next; client != NULL; client = next) {
        next = client->next;
        client_free(client);
    }
    SSL_CTX_free(endpoint->tls);
    close(endpoint->listener);
    close(endpoint->signals);
    close(endpoint->epoll);
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: token_endpoint CERTIFICATE KEY [PORT]\n");
        return 64;
    }
    struct endpoint endpoint = {.epoll = epoll_create1(EPOLL_CLOEXEC)};
    unsigned short port = argc == 4 ? (unsigned short)strtoul(argv[3], NULL, 10) : 0;
    answer_init(&endpoint.answer);
    endpoint.signals = catch_end();
    endpoint.tls = make_tls(argv[1], argv[2]);
    endpoint.listener = listen_on(port, &port);
    watch(&endpoint, endpoint.signals, &endpoint.signals);
    watch(&endpoint, endpoint.listener, &endpoint.listener);
    printf("listening %u\n", port);
    fflush(stdout);
    serve(&endpoint);
    printf("{\"requests\":%llu,\"connections\":%llu,\"refused\":%llu}\n", endpoint.requests,
           endpoint.connections, endpoint.refused);
    endpoint_deinit(&endpoint);
    return 0;
}
