/**
 * The control socket: accepts, tells who the peer is by the kernel's word, moves bytes between
 * descriptors and control/session.h, and keeps any client from harming the others.
 *
 *     struct control_unix_config config = {.path = "/run/refreshd/control.sock", .mode = 0660,
 *                                          .gid = -1, .inherited_fd = -1};
 *     status = control_unix_new(loop, control, &config, log, &control_unix, &err);
 *     …
 *     control_unix_stop_listening(control_unix);        // SIGTERM; then control_drain()
 *     while (control_unix_clients(control_unix) > 0) …  // rounds of the loop
 *     control_unix_free(control_unix);
 *
 * Everybody who connects is accepted, since a full backlog would lock out all alike; who is one too
 * many is told so in one line and closed. Out of descriptors, accepting pauses. Output is written
 * at the end of the turn, all answers of a client in one call. Never blocks.
 */
#ifndef IO_CONTROL_UNIX_H
#define IO_CONTROL_UNIX_H

#include "common/log.h"
#include "control/session.h"
#include "io/loop.h"

enum {
    CONTROL_UNIX_CLIENTS_PER_UID_MAX = CONTROL_CLIENTS_MAX / 2, /* root: no such limit */
    CONTROL_UNIX_ROOT_RESERVE = 8,             /* of CONTROL_CLIENTS_MAX, for root only */
    CONTROL_UNIX_READ_PAUSE = 4 * 1024 * 1024, /* unread answers: no more requests are taken */
    CONTROL_UNIX_STALL_MS = 60 * 1000,         /* answers wait and not one byte is read: cut */
    CONTROL_UNIX_LINGER_MS = 10 * 1000,        /* the same behind the session's last word */
    CONTROL_UNIX_ACCEPT_PAUSE_MS = 100,        /* out of descriptors or memory */
};

struct control_unix_config {
    const char *path; /* borrowed for the call */
    unsigned mode;
    int64_t gid;      /* of the socket's file; -1: as it comes */
    int inherited_fd; /* listens already (systemd): taken over, path, mode and gid are its maker's
                         affair; -1: none */
};

struct control_unix;

/**
 * @loop, @control, @log  borrowed; outlive it
 *
 * STATUS_CONFLICT: somebody listens at this path. STATUS_INVALID: the path is too long, or is
 * something else than a socket; or inherited_fd is no listening Unix stream socket.
 * STATUS_UNAVAILABLE: it can't be made there.
 */
MUST_CHECK enum status control_unix_new(struct loop *loop, struct control *control,
                                        const struct control_unix_config *config,
                                        const struct log *log, struct control_unix **out,
                                        struct error *err);

/** No new clients. A socket that we made is unlinked; at an inherited one clients go on to queue
 * for the next daemon. */
void control_unix_stop_listening(struct control_unix *server);

size_t control_unix_clients(const struct control_unix *server);

/** Closes what is left. Takes NULL. */
void control_unix_free(struct control_unix *server);

#endif
