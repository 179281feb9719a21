/**
 * Small files read at start and reload: the master key, profiles. Blocks on local disks.
 *
 *     CLEANUP(secret_freep) struct secret *key = NULL;
 *     status = files_read_private("/etc/refreshd/master.key", 4096, &key, &err);
 */
#ifndef IO_FILES_H
#define IO_FILES_H

#include "common/buf.h"
#include "common/secret.h"

/** STATUS_NOT_FOUND, STATUS_INVALID (more than max bytes, not a regular file), STATUS_UNAVAILABLE
 * (can't be read: the text says why). Appends to content. */
MUST_CHECK enum status files_read(const char *path, size_t max, struct buf *content,
                                  struct error *err);

/** As files_read(), for a file that nobody else may read: STATUS_CONFLICT where group or others have
 * any right to it, or it belongs to somebody other than us or root. */
MUST_CHECK enum status files_read_private(const char *path, size_t max, struct secret **out,
                                          struct error *err);

/** The paths of all files in a directory whose name ends in suffix, in the order of their names. */
struct file_list {
    char **paths;
    size_t count;
};
MUST_CHECK enum status files_list(const char *directory, const char *suffix,
                                  struct file_list *ret_list, struct error *err);
void file_list_deinit(struct file_list *list);

#endif
