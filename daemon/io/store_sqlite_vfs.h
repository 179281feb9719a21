/**
 * Fewer and larger writes to SQLite's log. SQLite writes each frame in two calls, a head of 24
 * bytes and a page; here what continues what was written before it is gathered, and given to the
 * file system in one write before anything else is done to the log: above all before each sync. All
 * other files are opened as they are.
 *
 *     sqlite3_open_v2(path, &handle, flags, sqlite_vfs_name());
 *
 * Why that is right: nobody looks at what has not been handed on yet. This handle reads the log
 * through xRead, which hands it on first; other processes read no further than the index says, and
 * that is told after the sync (synchronous = EXTRA syncs each commit). A write that fails is told
 * by the call that hands it on, a sync, a read or the next write: each is one whose failure SQLite
 * hears, and fails the transaction of. What was gathered is then forgotten, as SQLite forgets it.
 */
#ifndef IO_STORE_SQLITE_VFS_H
#define IO_STORE_SQLITE_VFS_H

/** Bytes gathered at most, taken with the first write: fifteen frames. SQLite's own xWrite cuts the
 * length to 17 bits. */
enum { SQLITE_VFS_GATHER_BYTES = 15 * (24 + 8192) };

/** Registered with the first call, over what is SQLite's default then. NULL: SQLite's default. */
const char *sqlite_vfs_name(void);

#endif
