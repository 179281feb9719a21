#include "config/config_file.h"

#include "common/buf.h"
#include "common/memory.h"
#include "config/config.h"

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

/** False and errno where it can't be; EFBIG: too large. */
static bool read_whole(int fd, struct buf *out)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return false;
    if (S_ISDIR(about.st_mode)) {
        errno = EISDIR;
        return false;
    }
    while (true) {
        char chunk[4096];
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got == 0)
            return true;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (!buf_append(out, (struct str){.data = chunk, .len = (size_t)got})) {
            errno = EFBIG;
            return false;
        }
    }
}

/** What cannot be read, and what would help. */
static void tell_unread(const char *path, int failure, const char *advice,
                        struct config_faults *faults)
{
    const char *what = strerror(failure);
    if (failure == EFBIG)
        config_fault_add(faults, "%s: can't be read: expected at most %d bytes", path,
                         (int)CONFIG_FILE_BYTES_MAX);
    else if (failure == EACCES)
        config_fault_add(faults, "%s: can't be read: %s; let user %lu read it", path, what,
                         (unsigned long)geteuid());
    else if (failure == EISDIR)
        config_fault_add(faults, "%s: can't be read: expected a file, got a directory", path);
    else if (failure == ENOTDIR)
        config_fault_add(faults, "%s: can't be read: expected a directory", path);
    else
        config_fault_add(faults, "%s: can't be read: %s; %s", path, what, advice);
}

static bool read_one(const char *path, const char *advice, config_file_fn *fn, void *ctx,
                     struct config_faults *faults)
{
    CLEANUP(buf_deinit) struct buf text = {.max = CONFIG_FILE_BYTES_MAX, .secret = true};
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || !read_whole(fd, &text)) {
        tell_unread(path, errno, advice, faults);
        return false;
    }
    fn(ctx, str_c(path), buf_str(&text));
    return true;
}

static int is_drop_in(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && str_ends_with(str_c(entry->d_name), STR(".conf"));
}

/** By bytes, whatever the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

bool config_file_read_all(struct str path, config_file_fn *fn, void *ctx,
                          struct config_faults *faults)
{
    static const char drop_in_advice[] = "make it readable, or remove it";
    struct arena names = {0};
    bool all_read = read_one(arena_copy(&names, path).data,
                             "make it, or name another with --config", fn, ctx, faults);
    struct str directory = arena_printf(&names, STR_FMT ".d", STR_ARG(path));
    struct dirent **entries = NULL;
    int count = scandir(directory.data, &entries, is_drop_in, by_name);
    if (count < 0 && errno != ENOENT) {
        tell_unread(directory.data, errno, drop_in_advice, faults);
        all_read = false;
    }
    for (int i = 0; i < count; i++) {
        struct str name =
            arena_printf(&names, STR_FMT "/%s", STR_ARG(directory), entries[i]->d_name);
        all_read = read_one(name.data, drop_in_advice, fn, ctx, faults) && all_read;
        free(entries[i]);
    }
    free(entries);
    arena_deinit(&names);
    return all_read;
}
