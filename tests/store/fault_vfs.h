/**
 * A layer under SQLite that fails on demand: the n-th call of a kind, once or for good. Registered
 * as the default, so that the store under test uses it without knowing.
 *
 *     fault_vfs_install();
 *     fault_vfs_arm((struct fault){.call = FAULT_SYNC, .nth = 2, .code = SQLITE_IOERR_FSYNC});
 */
#ifndef STORE_FAULT_VFS_H
#define STORE_FAULT_VFS_H

#include <stdbool.h>

enum fault_call { FAULT_READ, FAULT_WRITE, FAULT_SYNC, FAULT_OPEN };

struct fault {
    enum fault_call call;
    int nth;    /* from 1, counted from arming; 0: none */
    int code;   /* what the call returns */
    int error;  /* what sqlite3_system_errno() says then */
    bool stays; /* from the n-th on, every one */
};

void fault_vfs_install(void);
void fault_vfs_arm(struct fault fault);
/** Stop failing; how many calls failed. */
int fault_vfs_disarm(void);
/** Has a file been synced again after its own sync had failed? The kernel may have thrown the
 * pages away by then: such a sync proves nothing. */
bool fault_vfs_synced_again(void);

#endif
