#include "io/control_unix.h"

#include "common/assert.h"
#include "common/memory.h"
#include "io/control_unix_client.h"
#include "io/control_unix_listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_PER_ROUND_MAX = 64, /* then the clients have their say */
    TICK_MS = 250,              /* how exact deadlines are kept */
};

static const char too_many[] =
    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,\"message\":"
    "\"too many clients; close some connections and try again\","
    "\"data\":{\"code\":\"too_many\"}}}\n";

struct control_unix {
    struct loop *loop;
    struct control *control;
    const struct log *log;
    struct unix_listener listener;
    struct loop_watch *listen_watch;
    struct loop_timer *accept_timer; /* accepting pauses until then */
    bool pause_is_told;
    struct loop_timer *tick_timer;
    bool ticks;
    struct client *first, *last;
    size_t count;
    struct client *marked;
};

/* Clients. */

static void mark(void *keeper, struct client *client)
{
    struct control_unix *server = keeper;
    if (client->is_marked)
        return;
    client->is_marked = true;
    client->next_marked = server->marked;
    server->marked = client;
    loop_want_after_turn(server->loop);
}

static void add(struct control_unix *server, struct client *client)
{
    client->previous = server->last;
    if (server->last != NULL)
        server->last->next = client;
    else
        server->first = client;
    server->last = client;
    server->count++;
}

static void drop(struct control_unix *server, struct client *client)
{
    if (client->previous != NULL)
        client->previous->next = client->next;
    else
        server->first = client->next;
    if (client->next != NULL)
        client->next->previous = client->previous;
    else
        server->last = client->previous;
    server->count--;
    client_free(client);
}

static void tick_later(struct control_unix *server)
{
    if (server->ticks)
        return;
    server->ticks = true;
    loop_timer_set(server->tick_timer, TICK_MS);
}

static void on_tick(void *ctx)
{
    struct control_unix *server = ctx;
    server->ticks = false;
    for (struct client *client = server->first; client != NULL; client = client->next) {
        if (client_has_deadline(client))
            client_tick(client); /* marks it, and so the next tick is set */
    }
}

/** The end of a turn: all that was said goes out, and who is over goes. */
static void after_turn(void *ctx)
{
    struct control_unix *server = ctx;
    bool turn_is_due = false;
    while (server->marked != NULL) {
        struct client *client = server->marked;
        server->marked = client->next_marked;
        client->is_marked = false;
        turn_is_due |= client_flush(client);
        if (client->is_marked)
            continue; /* it has more to say */
        if (client_is_over(client)) {
            if (client->is_cut_off)
                log_write(server->log, LOG_LEVEL_NOTICE, "control.closing",
                          "a client does not read what waits for it", LOG_I64("uid", client->uid));
            drop(server, client);
            loop_wake(server->loop); /* a stop may have waited for this one */
        } else if (client_has_deadline(client))
            tick_later(server);
    }
    /* Watchers may have been asked for; nobody else wants a turn for room in a buffer. */
    if (turn_is_due && control_calls_in_flight(server->control) > 0)
        loop_wake(server->loop);
}

/* Accepting. */

static bool has_place(const struct control_unix *server, int64_t uid)
{
    if (uid == 0)
        return server->count < CONTROL_CLIENTS_MAX;
    size_t own = 0;
    for (const struct client *client = server->first; client != NULL; client = client->next)
        own += client->uid == uid;
    return own < CONTROL_UNIX_CLIENTS_PER_UID_MAX &&
           server->count < CONTROL_CLIENTS_MAX - CONTROL_UNIX_ROOT_RESERVE;
}

static void turn_away(struct control_unix *server, int fd, const struct session_peer *peer)
{
    log_write(server->log, LOG_LEVEL_WARNING, "control.too_many",
              "a client too many is turned away", LOG_I64("uid", peer->uid),
              LOG_I64("pid", peer->pid), LOG_I64("clients", server->count));
    ssize_t put = send(fd, too_many, sizeof(too_many) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)put; /* who does not get it finds the connection closed */
    close(fd);
}

static void admit(struct control_unix *server, int fd)
{
    CLEANUP(unix_peer_deinit) struct unix_peer peer = {0};
    struct error err;
    if (unix_peer_read(&peer, fd, &err) != STATUS_OK) {
        log_plain(server->log, LOG_LEVEL_WARNING, "control.no_credentials", err.text);
        close(fd);
        return;
    }
    if (!has_place(server, peer.peer.uid)) {
        turn_away(server, fd, &peer.peer);
        return;
    }
    struct client *client = client_new(server->loop, fd, peer.peer.uid, mark, server);
    add(server, client);
    client_start(client, server->control, &peer.peer);
}

static void on_accept_again(void *ctx)
{
    struct control_unix *server = ctx;
    if (server->listen_watch != NULL)
        loop_watch_set(server->listen_watch, LOOP_READ);
}

/** Whoever waits in the backlog would wake us without end: look away for a while. */
static void pause_accepting(struct control_unix *server, int error)
{
    loop_watch_set(server->listen_watch, 0);
    loop_timer_set(server->accept_timer, CONTROL_UNIX_ACCEPT_PAUSE_MS);
    if (!server->pause_is_told)
        log_write(server->log, LOG_LEVEL_WARNING, "control.accept_paused",
                  "new clients have to wait", LOG_TEXT("error", str_c(strerror(error))));
    server->pause_is_told = true;
}

static void on_acceptable(void *ctx, int fd, unsigned events UNUSED)
{
    struct control_unix *server = ctx;
    for (int i = 0; i < ACCEPTS_PER_ROUND_MAX; i++) {
        int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted >= 0) {
            server->pause_is_told = false;
            admit(server, accepted);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno != EAGAIN)
            pause_accepting(server, errno);
        return;
    }
}

/* Life. */

static enum status make_listener(struct unix_listener *listener,
                                 const struct control_unix_config *config, struct error *err)
{
    if (config->inherited_fd >= 0)
        return unix_listener_adopt(listener, config->inherited_fd, err);
    return unix_listener_open(listener, config->path, config->mode, config->gid, err);
}

enum status control_unix_new(struct loop *loop, struct control *control,
                             const struct control_unix_config *config, const struct log *log,
                             struct control_unix **out, struct error *err)
{
    ASSERT(*out == NULL);
    struct unix_listener listener = UNIX_LISTENER_INIT;
    enum status status = make_listener(&listener, config, err);
    if (status != STATUS_OK)
        return status;
    struct control_unix *server = memory_new(sizeof(*server));
    server->loop = loop;
    server->control = control;
    server->log = log;
    server->listener = listener;
    server->accept_timer = loop_timer_new(loop, on_accept_again, server);
    server->tick_timer = loop_timer_new(loop, on_tick, server);
    server->listen_watch = loop_watch_new(loop, listener.fd, on_acceptable, server);
    loop_watch_set(server->listen_watch, LOOP_READ);
    loop_after_turn(loop, after_turn, server);
    *out = server;
    return STATUS_OK;
}

void control_unix_stop_listening(struct control_unix *server)
{
    loop_watch_free(server->listen_watch);
    server->listen_watch = NULL;
    loop_timer_clear(server->accept_timer);
    unix_listener_close(&server->listener);
}

size_t control_unix_clients(const struct control_unix *server)
{
    return server->count;
}

void control_unix_free(struct control_unix *server)
{
    if (server == NULL)
        return;
    control_unix_stop_listening(server);
    loop_after_turn_remove(server->loop, after_turn, server);
    while (server->first != NULL)
        drop(server, server->first);
    loop_timer_free(server->accept_timer);
    loop_timer_free(server->tick_timer);
    free(server);
}
