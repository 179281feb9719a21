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
    struct control_unix *unix_ = keeper;
    if (client->is_marked)
        return;
    client->is_marked = true;
    client->next_marked = unix_->marked;
    unix_->marked = client;
    loop_wake(unix_->loop); /* where this was not said within a turn, there is one to come */
}

static void add(struct control_unix *unix_, struct client *client)
{
    client->previous = unix_->last;
    if (unix_->last != NULL)
        unix_->last->next = client;
    else
        unix_->first = client;
    unix_->last = client;
    unix_->count++;
}

static void drop(struct control_unix *unix_, struct client *client)
{
    if (client->previous != NULL)
        client->previous->next = client->next;
    else
        unix_->first = client->next;
    if (client->next != NULL)
        client->next->previous = client->previous;
    else
        unix_->last = client->previous;
    unix_->count--;
    client_free(client);
}

static void tick_later(struct control_unix *unix_)
{
    if (unix_->ticks)
        return;
    unix_->ticks = true;
    loop_timer_set(unix_->tick_timer, TICK_MS);
}

static void on_tick(void *ctx)
{
    struct control_unix *unix_ = ctx;
    unix_->ticks = false;
    for (struct client *client = unix_->first; client != NULL; client = client->next) {
        if (client_has_deadline(client))
            client_tick(client); /* marks it, and so the next tick is set */
    }
}

/** The end of a turn: all that was said goes out, and who is over goes. */
static void after_turn(void *ctx)
{
    struct control_unix *unix_ = ctx;
    bool turn_is_due = false;
    while (unix_->marked != NULL) {
        struct client *client = unix_->marked;
        unix_->marked = client->next_marked;
        client->is_marked = false;
        turn_is_due |= client_flush(client);
        if (client->is_marked)
            continue; /* it has more to say */
        if (client_is_over(client))
            drop(unix_, client);
        else if (client_has_deadline(client))
            tick_later(unix_);
    }
    if (turn_is_due)
        loop_wake(unix_->loop);
}

/* Accepting. */

static bool has_place(const struct control_unix *unix_, int64_t uid)
{
    if (uid == 0)
        return unix_->count < CONTROL_CLIENTS_MAX;
    size_t own = 0;
    for (const struct client *client = unix_->first; client != NULL; client = client->next)
        own += client->uid == uid;
    return own < CONTROL_UNIX_CLIENTS_PER_UID_MAX &&
           unix_->count < CONTROL_CLIENTS_MAX - CONTROL_UNIX_ROOT_RESERVE;
}

static void turn_away(struct control_unix *unix_, int fd, const struct session_peer *peer)
{
    log_write(unix_->log, LOG_LEVEL_WARNING, "control.too_many", "a client too many is turned away",
              LOG_I64("uid", peer->uid), LOG_I64("pid", peer->pid),
              LOG_I64("clients", unix_->count));
    ssize_t put = send(fd, too_many, sizeof(too_many) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)put; /* who does not get it finds the connection closed */
    close(fd);
}

static void admit(struct control_unix *unix_, int fd)
{
    CLEANUP(unix_peer_deinit) struct unix_peer peer = {0};
    struct error err;
    if (unix_peer_read(&peer, fd, &err) != STATUS_OK) {
        log_plain(unix_->log, LOG_LEVEL_WARNING, "control.no_credentials", err.text);
        close(fd);
        return;
    }
    if (!has_place(unix_, peer.peer.uid)) {
        turn_away(unix_, fd, &peer.peer);
        return;
    }
    struct client *client = client_new(unix_->loop, fd, peer.peer.uid, mark, unix_);
    add(unix_, client);
    client_start(client, unix_->control, &peer.peer);
}

static void on_accept_again(void *ctx)
{
    struct control_unix *unix_ = ctx;
    if (unix_->listen_watch != NULL)
        loop_watch_set(unix_->listen_watch, LOOP_READ);
}

/** Whoever waits in the backlog would wake us without end: look away for a while. */
static void pause_accepting(struct control_unix *unix_, int error)
{
    loop_watch_set(unix_->listen_watch, 0);
    loop_timer_set(unix_->accept_timer, CONTROL_UNIX_ACCEPT_PAUSE_MS);
    if (!unix_->pause_is_told)
        log_write(unix_->log, LOG_LEVEL_WARNING, "control.accept_paused",
                  "new clients have to wait", LOG_TEXT("error", str_c(strerror(error))));
    unix_->pause_is_told = true;
}

static void on_acceptable(void *ctx, int fd, unsigned events UNUSED)
{
    struct control_unix *unix_ = ctx;
    for (int i = 0; i < ACCEPTS_PER_ROUND_MAX; i++) {
        int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted >= 0) {
            unix_->pause_is_told = false;
            admit(unix_, accepted);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno != EAGAIN)
            pause_accepting(unix_, errno);
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
    struct control_unix *unix_ = memory_new(sizeof(*unix_));
    unix_->loop = loop;
    unix_->control = control;
    unix_->log = log;
    unix_->listener = listener;
    unix_->accept_timer = loop_timer_new(loop, on_accept_again, unix_);
    unix_->tick_timer = loop_timer_new(loop, on_tick, unix_);
    unix_->listen_watch = loop_watch_new(loop, listener.fd, on_acceptable, unix_);
    loop_watch_set(unix_->listen_watch, LOOP_READ);
    loop_after_turn(loop, after_turn, unix_);
    *out = unix_;
    return STATUS_OK;
}

void control_unix_stop_listening(struct control_unix *unix_)
{
    loop_watch_free(unix_->listen_watch);
    unix_->listen_watch = NULL;
    loop_timer_clear(unix_->accept_timer);
    unix_listener_close(&unix_->listener);
}

size_t control_unix_clients(const struct control_unix *unix_)
{
    return unix_->count;
}

void control_unix_free(struct control_unix *unix_)
{
    if (unix_ == NULL)
        return;
    control_unix_stop_listening(unix_);
    loop_after_turn_remove(unix_->loop, after_turn, unix_);
    while (unix_->first != NULL)
        drop(unix_, unix_->first);
    loop_timer_free(unix_->accept_timer);
    loop_timer_free(unix_->tick_timer);
    free(unix_);
}
