#include "io/file_fault.h"

#include "common/memory.h"
#include "common/str.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum status file_fault_set(struct error *err, const char *path, int failure, const char *key)
{
    CLEANUP(memory_freep) char *copy = memory_copy_str(str_c(path));
    const char *directory = dirname(copy);
    unsigned long user = (unsigned long)geteuid();
    switch (failure) {
    case ENOENT:
        return error_set(err, STATUS_UNAVAILABLE,
                         "%s: the directory %s does not exist; make it for user %lu, or "
                         "name another in %s",
                         path, directory, user, key);
    case ENOTDIR:
        return error_set(err, STATUS_UNAVAILABLE, "%s: %s is no directory; name another in %s",
                         path, directory, key);
    case EACCES:
    case EPERM:
        return error_set(
            err, STATUS_UNAVAILABLE,
            "%s: user %lu may not write in %s (%s); give it the right, or name another in "
            "%s",
            path, user, directory, strerror(failure), key);
    case EROFS:
        return error_set(err, STATUS_UNAVAILABLE,
                         "%s: %s is read-only here; let it be written (StateDirectory= or "
                         "ReadWritePaths= of the unit), or name another in %s",
                         path, directory, key);
    case ENOSPC:
    case EDQUOT:
        return error_set(err, STATUS_UNAVAILABLE, "%s: %s; make room", path, strerror(failure));
    case EISDIR:
    case ELOOP:
        return error_set(err, STATUS_UNAVAILABLE,
                         "%s: %s stands there; remove it, or name another in %s", path,
                         failure == ELOOP ? "a link" : "a directory", key);
    default:
        return error_set(err, STATUS_UNAVAILABLE, "%s: %s; look at the disk, or name another in %s",
                         path, strerror(failure), key);
    }
}

enum status file_fault_look(const char *path, const char *key, int *ret_errno, struct error *err)
{
    CLEANUP(memory_freep) char *copy = memory_copy_str(str_c(path));
    const char *directory = dirname(copy);
    struct stat found;
    *ret_errno = 0;
    if (stat(directory, &found) != 0)
        *ret_errno = errno;
    else if (!S_ISDIR(found.st_mode))
        *ret_errno = ENOTDIR;
    else if (faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) != 0)
        *ret_errno = errno;
    return *ret_errno == 0 ? STATUS_OK : file_fault_set(err, path, *ret_errno, key);
}
