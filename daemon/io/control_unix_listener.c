#include "io/control_unix_listener.h"

#include "common/assert.h"
#include "common/memory.h"
#include "io/file_fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define KEY "[daemon] socket" /* what names the path */

enum { LISTEN_BACKLOG = 1024 };

static int new_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/** Does anybody listen at the address? Anything but a refusal counts as yes. */
static bool is_alive(const struct sockaddr_un *address)
{
    int fd = new_socket();
    if (fd < 0)
        return true;
    bool refused = connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
                   errno == ECONNREFUSED;
    close(fd);
    return !refused;
}

/** May what stands there be replaced? */
static enum status judge_old(const struct sockaddr_un *address, const struct stat *info,
                             struct error *err)
{
    const char *path = address->sun_path;
    if (!S_ISSOCK(info->st_mode))
        return error_set(err, STATUS_INVALID,
                         "%s: expected a socket or nothing there, found %s; remove it, or name "
                         "another in " KEY,
                         path, S_ISDIR(info->st_mode) ? "a directory" : "a file");
    if (is_alive(address))
        return error_set(err, STATUS_CONFLICT,
                         "%s: somebody listens there already; stop that one (another refreshd, or "
                         "systemd's refreshd.socket), or name another in " KEY,
                         path);
    return STATUS_OK;
}

static enum status remove_stale(const struct sockaddr_un *address, struct error *err)
{
    const char *path = address->sun_path;
    struct stat info;
    if (lstat(path, &info) != 0)
        return errno == ENOENT ? STATUS_OK : file_fault_set(err, path, errno, KEY);
    enum status status = judge_old(address, &info, err);
    if (status != STATUS_OK)
        return status;
    if (unlink(path) != 0 && errno != ENOENT)
        return file_fault_set(err, path, errno, KEY);
    return STATUS_OK;
}

static enum status bind_to(struct unix_listener *listener, const struct sockaddr_un *address,
                           struct error *err)
{
    enum status status = remove_stale(address, err);
    if (status != STATUS_OK)
        return status;
    /* The file is made without any rights; they come with chmod(), before the first connect. */
    mode_t before = umask(0777);
    int failed = bind(listener->fd, (const struct sockaddr *)address, sizeof(*address));
    int error = errno;
    umask(before);
    if (failed != 0 && error == EADDRINUSE)
        return error_set(err, STATUS_CONFLICT,
                         "%s: somebody else has made it this moment; stop that one, or name "
                         "another in " KEY,
                         address->sun_path);
    if (failed != 0)
        return file_fault_set(err, address->sun_path, error, KEY);
    listener->path = memory_copy_str(str_c(address->sun_path));
    return STATUS_OK;
}

static enum status group_refused(const char *path, int64_t gid, int failure, struct error *err)
{
    return error_set(err, STATUS_UNAVAILABLE,
                     "%s: user %lu may not give it to group %lld (%s); make the user a member of "
                     "it, or name another in [daemon] socket_group",
                     path, (unsigned long)geteuid(), (long long)gid, strerror(failure));
}

static enum status set_rights(struct unix_listener *listener, unsigned mode, int64_t gid,
                              struct error *err)
{
    const char *path = listener->path;
    struct stat info;
    if (lstat(path, &info) != 0)
        return file_fault_set(err, path, errno, KEY);
    /* Not where nothing changes: a hardened unit has no chown() at all. */
    if (gid >= 0 && info.st_gid != (gid_t)gid && lchown(path, (uid_t)-1, (gid_t)gid) != 0)
        return group_refused(path, gid, errno, err);
    if (chmod(path, (mode_t)mode) != 0)
        return file_fault_set(err, path, errno, KEY);
    listener->device = info.st_dev;
    listener->inode = info.st_ino;
    if (listen(listener->fd, LISTEN_BACKLOG) != 0)
        return error_set(err, STATUS_UNAVAILABLE, "%s: %s", path, strerror(errno));
    return STATUS_OK;
}

static enum status fill_address(const char *path, struct sockaddr_un *ret, struct error *err)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (path[0] == '\0' || strlen(path) >= sizeof(ret->sun_path))
        return error_set(err, STATUS_INVALID, "%s: expected a path of 1 to %zu bytes", path,
                         sizeof(ret->sun_path) - 1);
    str_copy_cut(str_c(path), ret->sun_path, sizeof(ret->sun_path));
    return STATUS_OK;
}

enum status unix_listener_look(const char *path, int64_t gid, struct error *err)
{
    struct sockaddr_un address;
    struct stat info;
    int failure;
    if (fill_address(path, &address, err) != STATUS_OK)
        return STATUS_INVALID;
    if (lstat(path, &info) == 0) {
        enum status status = judge_old(&address, &info, err);
        if (status != STATUS_OK)
            return status;
    }
    enum status status = file_fault_look(path, KEY, &failure, err);
    bool is_another_users = failure == EACCES || failure == EPERM || failure == EROFS;
    if (status != STATUS_OK)
        return is_another_users ? status : STATUS_INVALID;
    /* Root may give it to any group, another user to his own ones. */
    if (gid >= 0 && geteuid() != 0 && (gid_t)gid != getegid() && !group_member((gid_t)gid))
        return group_refused(path, gid, EPERM, err);
    return STATUS_OK;
}

enum status unix_listener_open(struct unix_listener *listener, const char *path, unsigned mode,
                               int64_t gid, struct error *err)
{
    ASSERT(listener->fd < 0 && path != NULL);
    struct sockaddr_un address;
    if (fill_address(path, &address, err) != STATUS_OK)
        return STATUS_INVALID;
    listener->fd = new_socket();
    if (listener->fd < 0)
        return error_set(err, STATUS_UNAVAILABLE, "%s: %s", path, strerror(errno));
    enum status status = bind_to(listener, &address, err);
    if (status == STATUS_OK)
        status = set_rights(listener, mode, gid, err);
    if (status != STATUS_OK)
        unix_listener_close(listener);
    return status;
}

static bool option_is(int fd, int option, int expected)
{
    int value = 0;
    socklen_t len = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 && value == expected;
}

enum status unix_listener_adopt(struct unix_listener *listener, int take_fd, struct error *err)
{
    ASSERT(listener->fd < 0 && take_fd >= 0);
    int flags = fcntl(take_fd, F_GETFL);
    if (!option_is(take_fd, SO_DOMAIN, AF_UNIX) || !option_is(take_fd, SO_TYPE, SOCK_STREAM) ||
        !option_is(take_fd, SO_ACCEPTCONN, 1) || flags < 0 ||
        fcntl(take_fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(take_fd, F_SETFD, FD_CLOEXEC) != 0) {
        close(take_fd);
        return error_set(err, STATUS_INVALID,
                         "descriptor %d: expected a listening Unix stream socket", take_fd);
    }
    listener->fd = take_fd;
    return STATUS_OK;
}

void unix_listener_close(struct unix_listener *listener)
{
    struct stat info;
    if (listener->path != NULL && (listener->inode == 0 || (lstat(listener->path, &info) == 0 &&
                                                            info.st_dev == listener->device &&
                                                            info.st_ino == listener->inode)))
        unlink(listener->path);
    if (listener->fd >= 0)
        close(listener->fd);
    free(listener->path);
    *listener = UNIX_LISTENER_INIT;
}

static enum status read_groups(struct unix_peer *ret, int fd, struct error *err)
{
    gid_t few[64];
    gid_t *groups = few;
    socklen_t len = sizeof(few);
    int failed = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len);
    if (failed != 0 && errno == ERANGE && len <= UNIX_PEER_GROUPS_MAX * sizeof(gid_t)) {
        groups = memory_new(len);
        failed = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len);
    }
    if (failed != 0) {
        if (groups != few)
            free(groups);
        return error_set(err, STATUS_UNAVAILABLE, "SO_PEERGROUPS: %s", strerror(errno));
    }
    size_t count = len / sizeof(gid_t);
    ret->groups = memory_new_array(count, sizeof(*ret->groups));
    for (size_t i = 0; i < count; i++)
        ret->groups[i] = (int64_t)groups[i];
    ret->peer.groups = ret->groups;
    ret->peer.group_count = count;
    if (groups != few)
        free(groups);
    return STATUS_OK;
}

enum status unix_peer_read(struct unix_peer *ret, int fd, struct error *err)
{
    struct ucred credentials;
    socklen_t len = sizeof(credentials);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) != 0)
        return error_set(err, STATUS_UNAVAILABLE, "SO_PEERCRED: %s", strerror(errno));
    *ret = (struct unix_peer){
        .peer = {.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid}};
    return read_groups(ret, fd, err);
}

void unix_peer_deinit(struct unix_peer *peer)
{
    free(peer->groups);
    *peer = (struct unix_peer){0};
}
