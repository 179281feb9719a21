/**
 * The files beside the database: whose it is (lock), that it was there (marker), and room for a bad
 * day (ballast). Nothing here knows SQLite.
 *
 *     sqlite_file_lock(&file, err)            // a second daemon stops here, with 75
 *     sqlite_file_check(&file, &kind, err)    // modes, links, lost or new
 */
#ifndef IO_STORE_SQLITE_FILE_H
#define IO_STORE_SQLITE_FILE_H

#include "common/error.h"
#include "common/str.h"

#include <sys/types.h>

/** Exit statuses, sysexits.h's numbers (docs/operations.md "Exit statuses"). */
enum {
    SQLITE_EXIT_DATA = 65,
    SQLITE_EXIT_DIRECTORY = 73,
    SQLITE_EXIT_IO = 74,
    SQLITE_EXIT_TAKEN = 75,
    SQLITE_EXIT_ACCESS = 77,
};

enum { SQLITE_LOG_ID_MAX = 40 };

struct sqlite_file {
    char *path, *lock_path, *marker_path, *ballast_path; /* owned */
    int lock_fd;                                         /* -1: not held */
    dev_t device;
    ino_t inode; /* of the database; 0: not known yet */
    size_t ballast_bytes;
    bool has_ballast;
};

void sqlite_file_init(struct sqlite_file *file, const char *path, size_t ballast_bytes);
/** Gives up the lock. */
void sqlite_file_deinit(struct sqlite_file *file);

/** Hold PATH.lock until deinit. It is a file of its own, since closing any descriptor of the
 * database would drop SQLite's own POSIX locks. */
MUST_CHECK enum status sqlite_file_lock(struct sqlite_file *file, struct error *err,
                                        int *ret_exit_status);
/** May the database be looked at, and is there one? Refuses links, other owners, and a lost
 * database (STATUS_INVALID, 65). */
MUST_CHECK enum status sqlite_file_check(struct sqlite_file *file, bool *ret_exists,
                                         struct error *err, int *ret_exit_status);
/** STATUS_INVALID, 77: modes let others at it. Asked once it is known to be a store: of a file that
 * is none, the modes are nobody's business here. */
MUST_CHECK enum status sqlite_file_check_private(const struct sqlite_file *file, struct error *err,
                                                 int *ret_exit_status);
/** STATUS_INVALID, 65: a store stood here (there is a marker) and is gone. */
MUST_CHECK enum status sqlite_file_check_not_lost(const struct sqlite_file *file, struct error *err,
                                                  int *ret_exit_status);
/** Make an empty database file, mode 0600. */
MUST_CHECK enum status sqlite_file_create(struct sqlite_file *file, struct error *err,
                                          int *ret_exit_status);
/** Remember which file was opened, for sqlite_file_is_there(). */
MUST_CHECK enum status sqlite_file_note_inode(struct sqlite_file *file, struct error *err);
/** Is the path still the file that was opened? */
bool sqlite_file_is_there(const struct sqlite_file *file);

/** The marker's log_id into ret_id, "" where there is no marker. */
MUST_CHECK enum status sqlite_file_read_marker(const struct sqlite_file *file,
                                               char ret_id[SQLITE_LOG_ID_MAX], struct error *err);
/** Write it, synced, directory included. */
MUST_CHECK enum status sqlite_file_write_marker(const struct sqlite_file *file, struct str log_id,
                                                struct error *err);

/** Reserve the ballast's blocks; false where there is no room (has_ballast says the same). */
bool sqlite_file_make_ballast(struct sqlite_file *file);
/** Give the room back to the file system; false where there was none. */
bool sqlite_file_drop_ballast(struct sqlite_file *file);

#endif
