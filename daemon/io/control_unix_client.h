/**
 * One connected client: its descriptor, its session, and the bytes on their way out. Nothing is
 * freed while the session may be speaking: a client that is over says so (client_is_over()) and
 * waits for its keeper.
 *
 *     client = client_new(loop, fd, uid, notify, keeper);
 *     client_start(client, control, &peer);
 *     … notify(keeper, client): something is to be done at the end of this turn …
 *     client_flush(client);
 *     if (client_is_over(client)) client_free(client);
 */
#ifndef IO_CONTROL_UNIX_CLIENT_H
#define IO_CONTROL_UNIX_CLIENT_H

#include "common/buf.h"
#include "control/session.h"
#include "io/loop.h"

struct client;
typedef void client_notify_fn(void *keeper, struct client *client);

struct client {
    struct client *next, *previous; /* the keeper's: all of them */
    struct client *next_marked;     /* the keeper's: to be seen to at the end of the turn */
    bool is_marked;

    struct loop *loop;
    client_notify_fn *notify;
    void *keeper;
    int fd;
    int64_t uid;
    struct loop_watch *watch;
    struct session *session;
    struct buf out; /* not yet taken by the kernel, from out_sent on */
    size_t out_sent;
    bool is_blocked;   /* the kernel takes no more for now */
    bool has_said_all; /* the client: end of file was read */
    bool is_finished;  /* the session: the rest is written out */
    bool is_broken;    /* nothing can be read or written any more */
    bool is_midline;   /* the kernel has the beginning of a line and not its end */
    bool is_cut_off;   /* it did not read what waited */
    int64_t since_ms;  /* output waits since then, or was last taken */
};

/** @take_fd non-blocking */
struct client *client_new(struct loop *loop, int take_fd, int64_t uid, client_notify_fn *notify,
                          void *keeper);
void client_start(struct client *client, struct control *control, const struct session_peer *peer);
/** The session is let go, the descriptor closed. */
void client_free(struct client *client);

/** Write what there is. True where the session was told that there is room again: a turn is due. */
bool client_flush(struct client *client);
/** Deadlines. Cheap; called now and then while client_has_deadline(). */
void client_tick(struct client *client);
bool client_has_deadline(const struct client *client);
/** Everything is said, or nothing can be any more. */
bool client_is_over(const struct client *client);

#endif
