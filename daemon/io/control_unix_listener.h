/**
 * The listening end: making it, taking over one that systemd made, and who is at the other end of
 * an accepted one.
 *
 *     status = unix_listener_open(&listener, path, 0660, -1, &err);
 *     fd = accept4(listener.fd, …);
 *     status = unix_peer_read(&peer, fd, &err);
 */
#ifndef IO_CONTROL_UNIX_LISTENER_H
#define IO_CONTROL_UNIX_LISTENER_H

#include "control/session.h"

#include <sys/types.h>

struct unix_listener {
    int fd;     /* -1: closed */
    char *path; /* of the file that we made, and unlink; NULL: inherited */
    dev_t device;
    ino_t inode;
};

#define UNIX_LISTENER_INIT ((struct unix_listener){.fd = -1})

/**
 * A socket file left behind by a dead daemon is replaced, after a connect has proved that nobody
 * listens there. Nobody can connect before mode and group are set. Errors: control_unix_new().
 */
MUST_CHECK enum status unix_listener_open(struct unix_listener *listener, const char *path,
                                          unsigned mode, int64_t gid, struct error *err);
/**
 * Would that succeed? Makes nothing.
 *
 * STATUS_CONFLICT: somebody listens there; STATUS_UNAVAILABLE: this user may not write there; both
 * are no matter to a daemon that systemd hands the socket to. STATUS_INVALID: nobody can make it.
 */
MUST_CHECK enum status unix_listener_look(const char *path, int64_t gid, struct error *err);
/** @take_fd closed on failure too */
MUST_CHECK enum status unix_listener_adopt(struct unix_listener *listener, int take_fd,
                                           struct error *err);
/** Close, and unlink the file if it is still the one that was made. */
void unix_listener_close(struct unix_listener *listener);

enum { UNIX_PEER_GROUPS_MAX = 65536 }; /* the kernel's own NGROUPS_MAX */

struct unix_peer {
    struct session_peer peer; /* groups point into the next */
    int64_t *groups;
};

/** From SO_PEERCRED and SO_PEERGROUPS (unix(7)): as they were at connect. */
MUST_CHECK enum status unix_peer_read(struct unix_peer *ret, int fd, struct error *err);
void unix_peer_deinit(struct unix_peer *peer);

#endif
