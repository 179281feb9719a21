/**
 * Why a file, a socket or a lock can't be made, in words of which an operator can act:
 *
 *     file_fault_set(&err, path, errno, "[store] url");
 *     // "/srv/r/x.db.lock: the directory /srv/r does not exist; make it for user 998, or name
 *     //  another in [store] url"
 */
#ifndef IO_FILE_FAULT_H
#define IO_FILE_FAULT_H

#include "common/error.h"

/**
 * @failure  the errno of open(O_CREAT), bind() or chmod() at path
 * @key      of the configuration, which names the path
 *
 * STATUS_UNAVAILABLE, always.
 */
enum status file_fault_set(struct error *err, const char *path, int failure, const char *key);

/** Could a file be made there now? STATUS_UNAVAILABLE: no, told as above, with the errno. Makes
 * nothing. */
MUST_CHECK enum status file_fault_look(const char *path, const char *key, int *ret_errno,
                                       struct error *err);

#endif
