#include "io/files.h"

#include "common/assert.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static enum files_result failed(const char *path, struct error *err)
{
    bool is_missing = errno == ENOENT || errno == ENOTDIR;
    if (errno == EACCES) {
        error_set(err, STATUS_UNAVAILABLE, "%s: %s; let user %lu read it", path, strerror(errno),
                  (unsigned long)geteuid());
        return FILES_UNREADABLE;
    }
    error_set(err, is_missing ? STATUS_NOT_FOUND : STATUS_UNAVAILABLE, "%s: %s", path,
              strerror(errno));
    return is_missing ? FILES_MISSING : FILES_UNREADABLE;
}

static bool is_within(const char *path, const char *directory)
{
    struct str prefix = str_c(directory);
    struct str text = str_c(path);
    return prefix.len > 0 && str_starts_with(text, prefix) && text.len > prefix.len &&
           (text.data[prefix.len] == '/' || prefix.data[prefix.len - 1] == '/') &&
           !str_contains(text, STR("/../"));
}

/** By descriptor, so that what is judged is what is read. */
static enum files_result check(const char *path, const struct stat *info,
                               const struct files_rules *rules, struct error *err)
{
    if (!S_ISREG(info->st_mode)) {
        error_set(err, STATUS_INVALID, "%s: expected a regular file%s", path,
                  S_ISDIR(info->st_mode) ? ", got a directory" : "");
        return FILES_UNREADABLE;
    }
    if (info->st_size > 0 && (uintmax_t)info->st_size > rules->bytes_max) {
        error_set(err, STATUS_INVALID, "%s: expected at most %zu bytes, found %lld", path,
                  rules->bytes_max, (long long)info->st_size);
        return FILES_TOO_LARGE;
    }
    if (!rules->is_private || is_within(path, rules->private_directory))
        return FILES_OK;
    if (info->st_uid != 0 && info->st_uid != geteuid()) {
        error_set(err, STATUS_INVALID, "%s: belongs to user %u; run: chown %u %s", path,
                  (unsigned)info->st_uid, (unsigned)geteuid(), path);
        return FILES_LOOSE;
    }
    if ((info->st_mode & 077) != 0) {
        error_set(err, STATUS_INVALID, "%s: mode %04o lets others at it; run: chmod 600 %s", path,
                  (unsigned)info->st_mode & 07777U, path);
        return FILES_LOOSE;
    }
    return FILES_OK;
}

/** At most bytes_max; one more is asked for, to see that there is none. */
static enum files_result read_all(int fd, const char *path, const struct files_rules *rules,
                                  struct secret **out, struct error *err)
{
    CLEANUP(secret_freep) struct secret *content = secret_new(rules->bytes_max + 1);
    size_t len = 0;
    while (len <= rules->bytes_max) {
        ssize_t got = read(fd, secret_data(content) + len, rules->bytes_max + 1 - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failed(path, err);
        if (got == 0)
            break;
        len += (size_t)got;
    }
    if (len > rules->bytes_max) {
        error_set(err, STATUS_INVALID, "%s: expected at most %zu bytes", path, rules->bytes_max);
        return FILES_TOO_LARGE;
    }
    secret_cut(content, len);
    *out = TAKE_PTR(content);
    return FILES_OK;
}

enum files_result files_read(const char *path, const struct files_rules *rules, struct secret **out,
                             struct error *err)
{
    ASSERT(*out == NULL && rules->bytes_max > 0);
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0)
        return failed(path, err);
    enum files_result result = check(path, &info, rules, err);
    return result == FILES_OK ? read_all(fd, path, rules, out, err) : result;
}

static int compare_names(const void *a, const void *b)
{
    const struct str *left = a, *right = b;
    return str_compare(*left, *right);
}

static bool is_wanted(int directory, const char *name, struct str suffix)
{
    struct stat info;
    if (name[0] == '.' || !str_ends_with(str_c(name), suffix))
        return false;
    /* A link to nowhere is listed: who reads it says so. */
    return fstatat(directory, name, &info, 0) != 0 || S_ISREG(info.st_mode);
}

static enum files_result collect(DIR *stream, const char *directory, struct str suffix,
                                 struct arena *arena, struct files_list *list, struct error *err)
{
    struct dirent *entry;
    list->names = arena_alloc(arena, FILES_LIST_MAX * sizeof(*list->names));
    while (errno = 0, (entry = readdir(stream)) != NULL) {
        if (!is_wanted(dirfd(stream), entry->d_name, suffix))
            continue;
        if (list->count == FILES_LIST_MAX) {
            error_set(err, STATUS_INVALID, "%s: expected at most %d files", directory,
                      FILES_LIST_MAX);
            return FILES_TOO_LARGE;
        }
        list->names[list->count++] = arena_copy(arena, str_c(entry->d_name));
    }
    return errno == 0 ? FILES_OK : failed(directory, err);
}

enum files_result files_list(const char *directory, struct str suffix, struct arena *arena,
                             struct files_list *ret, struct error *err)
{
    struct files_list list = {0};
    DIR *stream = opendir(directory);
    if (stream == NULL)
        return failed(directory, err);
    enum files_result result = collect(stream, directory, suffix, arena, &list, err);
    closedir(stream);
    if (result != FILES_OK)
        return result;
    qsort(list.names, list.count, sizeof(*list.names), compare_names);
    *ret = list;
    return FILES_OK;
}
