#include "io/store_sqlite_file.h"

#include "common/assert.h"
#include "common/memory.h"
#include "io/file_fault.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define KEY "[store] url" /* what names the path */

static char *beside(const char *path, const char *suffix)
{
    size_t size = strlen(path) + strlen(suffix) + 1;
    char *text = memory_new(size);
    snprintf(text, size, "%s%s", path, suffix);
    return text;
}

void sqlite_file_init(struct sqlite_file *file, const char *path, size_t ballast_bytes)
{
    *file = (struct sqlite_file){
        .path = beside(path, ""),
        .lock_path = beside(path, ".lock"),
        .marker_path = beside(path, ".marker"),
        .ballast_path = beside(path, ".ballast"),
        .lock_fd = -1,
        .ballast_bytes = ballast_bytes,
    };
}

void sqlite_file_deinit(struct sqlite_file *file)
{
    if (file->lock_fd >= 0)
        close(file->lock_fd);
    free(file->path);
    free(file->lock_path);
    free(file->marker_path);
    free(file->ballast_path);
    *file = (struct sqlite_file){.lock_fd = -1};
}

static void close_fd(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/** The first line of a small file, "" where it can't be read. */
static void read_line(int fd, char *text, size_t size)
{
    ssize_t len = pread(fd, text, size - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

enum status sqlite_file_lock(struct sqlite_file *file, struct error *err, int *ret_exit_status)
{
    int fd = open(file->lock_path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        *ret_exit_status = SQLITE_EXIT_DIRECTORY;
        return file_fault_set(err, file->lock_path, errno, KEY);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int failure = errno;
        char owner[24];
        read_line(fd, owner, sizeof(owner));
        close(fd);
        *ret_exit_status = failure == EWOULDBLOCK ? SQLITE_EXIT_TAKEN : SQLITE_EXIT_IO;
        if (failure != EWOULDBLOCK)
            return error_set(err, STATUS_UNAVAILABLE,
                             "%s: can't be locked: %s; put the store on a local disk",
                             file->lock_path, strerror(failure));
        return error_set(err, STATUS_CONFLICT,
                         "%s: another refreshd (process %s) has this store; stop that one, or name "
                         "another for this one in " KEY,
                         file->path, owner);
    }
    file->lock_fd = fd;
    /* The owner's name is for people; that it can't be written is no reason to stop. */
    char pid[24];
    int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)len, 0) != len)
        return STATUS_OK;
    return STATUS_OK;
}

static enum status check_directory(const struct sqlite_file *file, struct error *err,
                                   int *ret_exit_status)
{
    CLEANUP(memory_freep) char *copy = beside(file->path, "");
    const char *directory = dirname(copy);
    struct stat found;
    if (stat(directory, &found) != 0) {
        *ret_exit_status = SQLITE_EXIT_DIRECTORY;
        return file_fault_set(err, file->path, errno, KEY);
    }
    if ((found.st_mode & S_IWOTH) != 0 && (found.st_mode & S_ISVTX) == 0) {
        *ret_exit_status = SQLITE_EXIT_ACCESS;
        return error_set(err, STATUS_INVALID,
                         "%s: everybody may replace files in this directory; run: chmod o-w %s",
                         directory, directory);
    }
    return STATUS_OK;
}

static enum status check_file(const struct sqlite_file *file, const struct stat *found,
                              struct error *err, int *ret_exit_status)
{
    *ret_exit_status = SQLITE_EXIT_ACCESS;
    if (!S_ISREG(found->st_mode))
        return error_set(err, STATUS_INVALID,
                         "%s: not a plain file (links are not followed); name another in " KEY,
                         file->path);
    if (found->st_uid != geteuid())
        return error_set(err, STATUS_INVALID, "%s: belongs to user %lu; run: chown %lu %s",
                         file->path, (unsigned long)found->st_uid, (unsigned long)geteuid(),
                         file->path);
    return STATUS_OK;
}

enum status sqlite_file_check_private(const struct sqlite_file *file, struct error *err,
                                      int *ret_exit_status)
{
    struct stat found;
    *ret_exit_status = SQLITE_EXIT_IO;
    if (lstat(file->path, &found) != 0)
        return file_fault_set(err, file->path, errno, KEY);
    *ret_exit_status = SQLITE_EXIT_ACCESS;
    if ((found.st_mode & 077) != 0)
        return error_set(err, STATUS_INVALID, "%s: mode %04o lets others at it; run: chmod 600 %s",
                         file->path, (unsigned)found.st_mode & 07777U, file->path);
    return STATUS_OK;
}

/* An empty store in the place of a lost one would forget every grant. */
enum status sqlite_file_check_not_lost(const struct sqlite_file *file, struct error *err,
                                       int *ret_exit_status)
{
    char log_id[SQLITE_LOG_ID_MAX];
    enum status status = sqlite_file_read_marker(file, log_id, err);
    *ret_exit_status = SQLITE_EXIT_IO;
    if (status != STATUS_OK || log_id[0] == '\0')
        return status;
    *ret_exit_status = SQLITE_EXIT_DATA;
    return error_set(err, STATUS_INVALID,
                     "%s: missing or empty, but a store (log %s) was here; put a backup in its "
                     "place, or remove %s to begin anew without any connection",
                     file->path, log_id, file->marker_path);
}

enum status sqlite_file_check(struct sqlite_file *file, bool *ret_exists, struct error *err,
                              int *ret_exit_status)
{
    enum status status = check_directory(file, err, ret_exit_status);
    if (status != STATUS_OK)
        return status;
    struct stat found;
    bool exists = lstat(file->path, &found) == 0;
    if (!exists && errno != ENOENT) {
        *ret_exit_status = SQLITE_EXIT_IO;
        return file_fault_set(err, file->path, errno, KEY);
    }
    if (exists)
        status = check_file(file, &found, err, ret_exit_status);
    if (status == STATUS_OK && (!exists || found.st_size == 0))
        status = sqlite_file_check_not_lost(file, err, ret_exit_status);
    *ret_exists = exists && found.st_size > 0;
    return status;
}

enum status sqlite_file_create(struct sqlite_file *file, struct error *err, int *ret_exit_status)
{
    CLEANUP(close_fd) int fd = open(file->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0)
        return STATUS_OK;
    *ret_exit_status = SQLITE_EXIT_DIRECTORY;
    return file_fault_set(err, file->path, errno, KEY);
}

enum status sqlite_file_note_inode(struct sqlite_file *file, struct error *err)
{
    struct stat found;
    if (lstat(file->path, &found) != 0)
        return error_set(err, STATUS_UNAVAILABLE, "%s: %s", file->path, strerror(errno));
    file->device = found.st_dev;
    file->inode = found.st_ino;
    return STATUS_OK;
}

bool sqlite_file_is_there(const struct sqlite_file *file)
{
    struct stat found;
    return lstat(file->path, &found) == 0 && found.st_dev == file->device &&
           found.st_ino == file->inode;
}

enum status sqlite_file_read_marker(const struct sqlite_file *file, char ret_id[SQLITE_LOG_ID_MAX],
                                    struct error *err)
{
    ret_id[0] = '\0';
    CLEANUP(close_fd) int fd = open(file->marker_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return STATUS_OK;
    if (fd < 0)
        return file_fault_set(err, file->marker_path, errno, KEY);
    read_line(fd, ret_id, SQLITE_LOG_ID_MAX);
    if (ret_id[0] == '\0') /* it is there, that is enough */
        snprintf(ret_id, SQLITE_LOG_ID_MAX, "unknown");
    return STATUS_OK;
}

/** A name is durable once its directory is. */
static bool sync_directory(const char *path)
{
    CLEANUP(memory_freep) char *copy = beside(path, "");
    CLEANUP(close_fd) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0;
}

enum status sqlite_file_write_marker(const struct sqlite_file *file, struct str log_id,
                                     struct error *err)
{
    CLEANUP(close_fd)
    int fd = open(file->marker_path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, log_id.data, log_id.len) == (ssize_t)log_id.len &&
                write(fd, "\n", 1) == 1 && fsync(fd) == 0 && sync_directory(file->marker_path);
    if (good)
        return STATUS_OK;
    return file_fault_set(err, file->marker_path, errno, KEY);
}

/** Besides the ballast there has to be as much again, or it would be given up at once. */
static bool has_room(const struct sqlite_file *file)
{
    struct statvfs found;
    CLEANUP(memory_freep) char *copy = beside(file->path, "");
    return statvfs(dirname(copy), &found) == 0 &&
           (uint64_t)found.f_bavail * found.f_frsize >= 2 * (uint64_t)file->ballast_bytes;
}

bool sqlite_file_make_ballast(struct sqlite_file *file)
{
    if (file->has_ballast || file->ballast_bytes == 0)
        return true;
    CLEANUP(close_fd)
    int fd = open(file->ballast_path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct stat found;
    if (fd < 0 || fstat(fd, &found) != 0)
        return false;
    bool reserved = (uint64_t)found.st_blocks * 512 >= file->ballast_bytes;
    if (!reserved)
        reserved = has_room(file) && posix_fallocate(fd, 0, (off_t)file->ballast_bytes) == 0;
    if (!reserved)
        unlink(file->ballast_path);
    file->has_ballast = reserved;
    return reserved;
}

bool sqlite_file_drop_ballast(struct sqlite_file *file)
{
    if (!file->has_ballast)
        return false;
    file->has_ballast = false;
    return unlink(file->ballast_path) == 0;
}
