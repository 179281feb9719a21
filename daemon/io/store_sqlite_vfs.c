#include "io/store_sqlite_vfs.h"

#include "common/macros.h"
#include "common/memory.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define VFS_NAME "refreshd"

_Static_assert(SQLITE_VFS_GATHER_BYTES <= 0x1ffff, "os_unix.c writes no more at once");

struct log_file {
    sqlite3_file base;
    sqlite3_file *real;
    char *gathered; /* NULL: nothing was written yet */
    int len;
    sqlite3_int64 at; /* where in the file the gathered bytes begin */
};

static struct log_file *own(sqlite3_file *file)
{
    return (struct log_file *)(void *)file;
}

static int hand_on(struct log_file *log)
{
    int len = log->len;
    log->len = 0;
    return len > 0 ? log->real->pMethods->xWrite(log->real, log->gathered, len, log->at)
                   : SQLITE_OK;
}

static int log_write(sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
    struct log_file *log = own(file);
    bool continues = log->len > 0 && at == log->at + log->len;
    if (!continues || len > SQLITE_VFS_GATHER_BYTES - log->len) {
        int code = hand_on(log);
        if (code != SQLITE_OK)
            return code;
        log->at = at;
    }
    if (len > SQLITE_VFS_GATHER_BYTES)
        return log->real->pMethods->xWrite(log->real, from, len, at);
    if (log->gathered == NULL)
        log->gathered = memory_new(SQLITE_VFS_GATHER_BYTES);
    memcpy(log->gathered + log->len, from, (size_t)len);
    log->len += len;
    return SQLITE_OK;
}

static int log_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
    struct log_file *log = own(file);
    int code = hand_on(log);
    return code != SQLITE_OK ? code : log->real->pMethods->xRead(log->real, to, len, at);
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct log_file *log = own(file);
    int code = hand_on(log);
    return code != SQLITE_OK ? code : log->real->pMethods->xTruncate(log->real, size);
}

static int log_sync(sqlite3_file *file, int flags)
{
    struct log_file *log = own(file);
    int code = hand_on(log);
    return code != SQLITE_OK ? code : log->real->pMethods->xSync(log->real, flags);
}

static int log_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    struct log_file *log = own(file);
    int code = hand_on(log);
    return code != SQLITE_OK ? code : log->real->pMethods->xFileSize(log->real, ret_size);
}

/** What is still gathered here was never synced: of a transaction that was given up. */
static int log_close(sqlite3_file *file)
{
    struct log_file *log = own(file);
    free(log->gathered);
    log->gathered = NULL;
    return log->real->pMethods->xClose(log->real);
}

/* ---- nothing of these looks at what is in the file ---- */

static int log_control(sqlite3_file *file, int operation, void *arg)
{
    return own(file)->real->pMethods->xFileControl(own(file)->real, operation, arg);
}

static int log_lock(sqlite3_file *file, int level)
{
    return own(file)->real->pMethods->xLock(own(file)->real, level);
}

static int log_unlock(sqlite3_file *file, int level)
{
    return own(file)->real->pMethods->xUnlock(own(file)->real, level);
}

static int log_check_lock(sqlite3_file *file, int *ret)
{
    return own(file)->real->pMethods->xCheckReservedLock(own(file)->real, ret);
}

static int log_sector_size(sqlite3_file *file)
{
    return own(file)->real->pMethods->xSectorSize(own(file)->real);
}

static int log_traits(sqlite3_file *file)
{
    return own(file)->real->pMethods->xDeviceCharacteristics(own(file)->real);
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1, /* shared memory belongs to the database, not to its log */
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_check_lock,
    .xFileControl = log_control,
    .xSectorSize = log_sector_size,
    .xDeviceCharacteristics = log_traits,
};

/* ---- the layer: all but opening a log is the default's ---- */

static sqlite3_vfs *real_of(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                    int *ret_flags)
{
    if ((flags & SQLITE_OPEN_WAL) == 0)
        return real_of(vfs)->xOpen(real_of(vfs), name, file, flags, ret_flags);
    struct log_file *log = own(file);
    *log = (struct log_file){.real = (sqlite3_file *)(void *)(log + 1)};
    int code = real_of(vfs)->xOpen(real_of(vfs), name, log->real, flags, ret_flags);
    /* Without methods SQLite does not close it, and so it is done here. */
    if (code == SQLITE_OK)
        log->base.pMethods = &log_methods;
    else if (log->real->pMethods != NULL)
        (void)log->real->pMethods->xClose(log->real);
    return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
    return real_of(vfs)->xDelete(real_of(vfs), name, sync_directory);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
    return real_of(vfs)->xAccess(real_of(vfs), name, flags, ret);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *ret)
{
    return real_of(vfs)->xFullPathname(real_of(vfs), name, size, ret);
}

static int vfs_randomness(sqlite3_vfs *vfs, int len, char *ret)
{
    return real_of(vfs)->xRandomness(real_of(vfs), len, ret);
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    return real_of(vfs)->xSleep(real_of(vfs), us);
}

static int vfs_time(sqlite3_vfs *vfs, double *ret)
{
    return real_of(vfs)->xCurrentTime(real_of(vfs), ret);
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *text)
{
    return real_of(vfs)->xGetLastError(real_of(vfs), size, text);
}

const char *sqlite_vfs_name(void)
{
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    if (real == NULL)
        return NULL;
    const sqlite3_vfs *known = sqlite3_vfs_find(VFS_NAME);
    if (known != NULL)
        return known->pAppData == real ? VFS_NAME : NULL;
    /* SQLite keeps it for as long as the process lives. */
    sqlite3_vfs *vfs = memory_new(sizeof(*vfs));
    *vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)sizeof(struct log_file) + real->szOsFile,
        .mxPathname = real->mxPathname,
        .zName = VFS_NAME,
        .pAppData = real,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_last_error,
    };
    if (sqlite3_vfs_register(vfs, 0) == SQLITE_OK)
        return VFS_NAME;
    free(vfs);
    return NULL;
}
