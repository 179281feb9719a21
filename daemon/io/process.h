/** The process as a whole: what is closed off at start, who we are, who others are. */
#ifndef IO_PROCESS_H
#define IO_PROCESS_H

#include "common/error.h"
#include "common/str.h"

/**
 * Not dumpable, no core files, umask 077, SIGPIPE ignored, as many descriptors as allowed, and all
 * memory locked (present and future, on fault).
 * @ret_locked  false: the kernel or the limits did not allow locking; `status` shows it
 */
void process_harden(bool *ret_locked);

int64_t process_uid(void);

/** A user's number by name or decimal; STATUS_NOT_FOUND. */
MUST_CHECK enum status process_find_user(struct str name, int64_t *ret_uid);
/** A group's number by name or decimal (without '@'); STATUS_NOT_FOUND. */
MUST_CHECK enum status process_find_group(struct str name, int64_t *ret_gid);

/** The host's name, for `source`; "localhost" where there is none. Into text, cut to size. */
void process_host_name(char *text, size_t size);

#endif
