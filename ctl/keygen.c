#include "ctl/keygen.h"

#include "common/encoding.h"
#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fill(char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t got = getrandom(bytes, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        bytes += got;
        len -= (size_t)got;
    }
    return true;
}

static bool write_all(int fd, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t written = write(fd, bytes.data, bytes.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes = str_slice(bytes, (size_t)written, bytes.len);
    }
    return true;
}

/* The name must be on disk too, or a crash takes the key along. */
static bool sync_folder(const char *path)
{
    char copy[PATH_MAX];
    str_copy_cut(str_c(path), copy, sizeof(copy));
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool synced = fsync(fd) == 0;
    close(fd);
    return synced;
}

static enum status write_key(int fd, const char *path, struct error *err)
{
    char key[KEYGEN_BYTES];
    CLEANUP(buf_deinit) struct buf line = {.secret = true};
    if (!fill(key, sizeof(key)))
        return error_set(err, STATUS_INTERNAL, "the kernel gives no random bytes: %s",
                         strerror(errno));
    encoding_base64((struct str){.data = key, .len = sizeof(key)}, &line);
    secret_wipe(key, sizeof(key));
    buf_append_byte(&line, '\n');
    if (fchmod(fd, 0600) != 0 || !write_all(fd, buf_str(&line)) || fsync(fd) != 0 ||
        !sync_folder(path))
        return error_set(err, STATUS_INTERNAL, "%.200s: %s", path, strerror(errno));
    return STATUS_OK;
}

enum status keygen_write(const char *path, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return error_set(err, STATUS_CONFLICT,
                         "%.200s exists and is left as it is: without its key a store can never be "
                         "opened again. Give another name, or move it away yourself",
                         path);
    if (fd < 0)
        return error_set(err, STATUS_INVALID, "%.200s: %s", path, strerror(errno));
    enum status status = write_key(fd, path, err);
    if (close(fd) != 0 && status == STATUS_OK)
        status = error_set(err, STATUS_INTERNAL, "%.200s: %s", path, strerror(errno));
    if (status != STATUS_OK)
        unlink(path);
    return status;
}
