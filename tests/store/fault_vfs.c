#include "store/fault_vfs.h"

#include "store/cmocka_all.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

/* sqlite3_vfs_register() wants objects that stay, and SQLite asks from the store's thread. */
static struct {
    pthread_mutex_t mutex;
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    struct fault fault;
    int calls, failures, last_error;
    bool synced_again;
} layer = {.mutex = PTHREAD_MUTEX_INITIALIZER};

struct fault_file {
    sqlite3_file base;
    bool sync_failed;
    sqlite3_file *real; /* behind this struct */
};

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct fault_file *)(void *)file)->real;
}

static int fails(enum fault_call call)
{
    pthread_mutex_lock(&layer.mutex);
    int code = SQLITE_OK;
    if (layer.fault.nth != 0 && layer.fault.call == call) {
        layer.calls++;
        if (layer.calls == layer.fault.nth || (layer.fault.stays && layer.calls > layer.fault.nth))
            code = layer.fault.code;
    }
    layer.failures += code != SQLITE_OK ? 1 : 0;
    if (code != SQLITE_OK) /* like errno: calls that work leave it */
        layer.last_error = layer.fault.error;
    pthread_mutex_unlock(&layer.mutex);
    return code;
}

static int file_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
    int code = fails(FAULT_READ);
    return code != SQLITE_OK ? code : real_of(file)->pMethods->xRead(real_of(file), to, len, at);
}

static int file_write(sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
    int code = fails(FAULT_WRITE);
    if (code == SQLITE_OK)
        return real_of(file)->pMethods->xWrite(real_of(file), from, len, at);
    /* Half of it arrives, as on a disk that fills up. */
    (void)real_of(file)->pMethods->xWrite(real_of(file), from, len / 2, at);
    return code;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int file_sync(sqlite3_file *file, int flags)
{
    struct fault_file *own = (struct fault_file *)(void *)file;
    int code = fails(FAULT_SYNC);
    pthread_mutex_lock(&layer.mutex);
    layer.synced_again = layer.synced_again || own->sync_failed;
    pthread_mutex_unlock(&layer.mutex);
    own->sync_failed = own->sync_failed || code != SQLITE_OK;
    return code != SQLITE_OK ? code : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int file_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_check_lock(sqlite3_file *file, int *ret)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret);
}

static int file_control(sqlite3_file *file, int operation, void *arg)
{
    if (operation == SQLITE_FCNTL_LAST_ERRNO) {
        pthread_mutex_lock(&layer.mutex);
        *(int *)arg = layer.last_error;
        pthread_mutex_unlock(&layer.mutex);
        return SQLITE_OK;
    }
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, arg);
}

static int file_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, ret);
}

static int file_shm_lock(sqlite3_file *file, int at, int count, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), at, count, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                    int *ret_flags)
{
    (void)vfs;
    struct fault_file *own = (struct fault_file *)(void *)file;
    int code = fails(FAULT_OPEN);
    own->base.pMethods = NULL;
    own->sync_failed = false;
    own->real = (sqlite3_file *)(void *)(own + 1);
    if (code == SQLITE_OK)
        code = layer.real->xOpen(layer.real, name, own->real, flags, ret_flags);
    if (code == SQLITE_OK)
        own->base.pMethods = &methods;
    return code;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): SQLite's type */
static int vfs_last_error(sqlite3_vfs *vfs, int size, char *text)
{
    (void)vfs;
    (void)size;
    (void)text;
    pthread_mutex_lock(&layer.mutex);
    int error = layer.last_error;
    pthread_mutex_unlock(&layer.mutex);
    return error;
}

void fault_vfs_install(void)
{
    layer.real = sqlite3_vfs_find(NULL);
    layer.vfs = *layer.real;
    layer.vfs.zName = "fault";
    layer.vfs.pNext = NULL;
    layer.vfs.szOsFile = (int)sizeof(struct fault_file) + layer.real->szOsFile;
    layer.vfs.xOpen = vfs_open;
    layer.vfs.xGetLastError = vfs_last_error;
    assert_int_equal(sqlite3_vfs_register(&layer.vfs, 1), SQLITE_OK);
}

void fault_vfs_arm(struct fault fault)
{
    pthread_mutex_lock(&layer.mutex);
    layer.fault = fault;
    layer.calls = layer.failures = 0;
    layer.synced_again = false;
    pthread_mutex_unlock(&layer.mutex);
}

int fault_vfs_disarm(void)
{
    pthread_mutex_lock(&layer.mutex);
    layer.fault.nth = 0;
    int failures = layer.failures;
    pthread_mutex_unlock(&layer.mutex);
    return failures;
}

bool fault_vfs_synced_again(void)
{
    pthread_mutex_lock(&layer.mutex);
    bool synced = layer.synced_again;
    pthread_mutex_unlock(&layer.mutex);
    return synced;
}
