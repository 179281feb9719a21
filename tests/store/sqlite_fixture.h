/** A SQLite store in a directory of its own under TMPDIR (or /tmp), gone at the end. */
#ifndef STORE_SQLITE_FIXTURE_H
#define STORE_SQLITE_FIXTURE_H

#include "io/store_sqlite.h"
#include "store/harness.h"

extern const struct store_backend sqlite_backend;

enum { FIXTURE_PATH_MAX = 256 };

struct sqlite_fixture {
    char directory[FIXTURE_PATH_MAX / 2];
    char path[FIXTURE_PATH_MAX];
    struct store_sqlite *store;
    size_t ballast_bytes;
};

/** The directory only. */
void sqlite_fixture_init(struct sqlite_fixture *fixture);
void sqlite_fixture_deinit(struct sqlite_fixture *fixture);
/** Open or make the store; the exit status, 0 for success. */
int sqlite_fixture_open(struct sqlite_fixture *fixture, struct inbox *inbox,
                        struct store_port *ret_port, struct error *err);
void sqlite_fixture_close(struct sqlite_fixture *fixture);
/** Run SQL on the file with a handle of its own, as somebody with a shell does. */
void sqlite_fixture_exec(const struct sqlite_fixture *fixture, const char *sql);
/** A file beside the store: "", ".lock", "-wal" … */
void sqlite_fixture_beside(const struct sqlite_fixture *fixture, const char *suffix,
                           char ret_path[FIXTURE_PATH_MAX]);

/** A store in use, for cmocka's setup and teardown. */
struct sqlite_bed {
    struct harness h;
    struct sqlite_fixture fixture;
};

int sqlite_bed_setup(void **state);
int sqlite_bed_teardown(void **state);

#endif
