/**
 * What the process does to itself at start, and what names of users and groups mean on this
 * machine.
 *
 *     struct process_state state;
 *     process_harden(&state);            // first thing in main, before any secret is read
 *     if (!state.memory_locked) …        // told in `status` and the log
 */
#ifndef IO_PROCESS_H
#define IO_PROCESS_H

#include "control/session.h"

struct process_state {
    bool memory_locked;               /* nothing of us reaches swap */
    bool undumpable;                  /* no core, no ptrace by the same user */
    int64_t files_max;                /* descriptors we may open */
    const char *lock_refused_because; /* NULL where locked */
};

/**
 * Dumpable off, cores of size 0, umask 077, SIGPIPE ignored, as many descriptors as allowed, memory
 * locked as it is touched (mlockall, MCL_ONFAULT) where that can't make a later allocation fail;
 * one heap for all threads, its first 64 MiB advised to be huge pages (madvise, MADV_HUGEPAGE);
 * and SSLKEYLOGFILE, by which libcurl would write down session keys, taken out of the environment.
 * Nothing of it is fatal. Before threads.
 */
void process_harden(struct process_state *ret);

/** A name or a number; asks the machine's user database. STATUS_NOT_FOUND: no such name. */
MUST_CHECK enum status process_find_user(struct str name, int64_t *ret_uid, struct error *err);
MUST_CHECK enum status process_find_group(struct str name, int64_t *ret_gid, struct error *err);

/**
 * An access list: users by name or number, groups as "@name" or "@number".
 * @list  zeroed; process_access_deinit()
 *
 * STATUS_NOT_FOUND, STATUS_INVALID: err names the one; the list is empty.
 */
MUST_CHECK enum status process_access_resolve(const struct str *names, size_t count,
                                              struct access_list *list, struct error *err);
void process_access_deinit(struct access_list *list);

#endif
