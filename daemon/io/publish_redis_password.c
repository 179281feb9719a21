#include "io/publish_redis_password.h"

#include "common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/** A FIFO or a device would keep us waiting. */
static bool is_regular(int fd)
{
    struct stat about;
    return fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

enum status publish_redis_password_read(const char *key, struct str text, struct str file,
                                        struct secret **out, struct error *err)
{
    if (!str_is_set(file)) {
        if (str_is_set(text))
            *out = secret_copy(text);
        return STATUS_OK;
    }
    CLEANUP(memory_freep) char *path = memory_copy_str(file);
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_set(err, STATUS_UNAVAILABLE, "[redis] %s %s: %s", key, path, strerror(errno));
    if (!is_regular(fd))
        return error_set(err, STATUS_UNAVAILABLE, "[redis] %s %s: not a regular file", key, path);
    CLEANUP(secret_freep) struct secret *line = secret_new(PUBLISH_REDIS_PASSWORD_MAX);
    ssize_t got = read(fd, secret_data(line), PUBLISH_REDIS_PASSWORD_MAX);
    if (got < 0)
        return error_set(err, STATUS_UNAVAILABLE, "[redis] %s %s: %s", key, path, strerror(errno));
    struct str all = {.data = secret_data(line), .len = (size_t)got};
    size_t end = str_find_byte(all, '\n');
    if (end > 0 && all.data[end - 1] == '\r')
        end--;
    if (end == 0 || end == PUBLISH_REDIS_PASSWORD_MAX)
        return error_set(err, STATUS_UNAVAILABLE,
                         "[redis] %s %s: expected one line of at most %d bytes", key, path,
                         PUBLISH_REDIS_PASSWORD_MAX - 1);
    secret_cut(line, end);
    *out = TAKE_PTR(line);
    return STATUS_OK;
}
