/**
 * Small local files, read whole, with a look at whose they are.
 *
 *     struct files_rules rules = {.bytes_max = 4096, .is_private = true};
 *     switch (files_read("/etc/refreshd/master.key", &rules, &key, &err)) …
 */
#ifndef IO_FILES_H
#define IO_FILES_H

#include "common/arena.h"
#include "common/secret.h"

enum files_result {
    FILES_OK,
    FILES_MISSING,    /* no such file */
    FILES_UNREADABLE, /* no permission, an I/O error, not a regular file */
    FILES_LOOSE,      /* is_private, and others may read or replace it */
    FILES_TOO_LARGE,
};

struct files_rules {
    size_t bytes_max;
    bool is_private; /* owner root or ourselves, no rights for group and others */
    /** Where systemd puts credentials ($CREDENTIALS_DIRECTORY) or NULL: the directory itself keeps
     * others out, and a file's group bits there are an access list's mask. */
    const char *private_directory;
};

/**
 * @out  must point to NULL; on FILES_OK the caller owns *out: secret_free(). Blocks on the disk;
 *       never on a pipe or device.
 * @err  filled but on FILES_OK: the path and what to do
 */
MUST_CHECK enum files_result files_read(const char *path, const struct files_rules *rules,
                                        struct secret **out, struct error *err);

enum { FILES_LIST_MAX = 4096 };

/** Names in the arena, in the order of their bytes. */
struct files_list {
    struct str *names;
    size_t count;
};

/**
 * The regular files (and links to nowhere) of a directory whose names end in suffix and do not
 * begin with a dot, without the directory's name. FILES_MISSING: no such directory.
 * FILES_TOO_LARGE: more than FILES_LIST_MAX.
 */
MUST_CHECK enum files_result files_list(const char *directory, struct str suffix,
                                        struct arena *arena, struct files_list *ret,
                                        struct error *err);

#endif
