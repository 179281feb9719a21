/* The gathered writes of the log: what is committed is in the files, whoever looks and whenever. */
#include "io/store_sqlite_vfs.h"
#include "store/cmocka_all.h"
#include "store/fault_vfs.h"
#include "store/sqlite_fixture.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

static sqlite3 *open_with(const char *path, const char *vfs)
{
    sqlite3 *handle = NULL;
    assert_int_equal(
        sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs), SQLITE_OK);
    return handle;
}

static void run(sqlite3 *handle, const char *sql)
{
    int code = sqlite3_exec(handle, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(handle));
}

static int64_t number(sqlite3 *handle, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

struct files {
    struct sqlite_fixture fixture;
    sqlite3 *handle;
};

static void begin(struct files *files)
{
    fault_vfs_disarm();
    sqlite_fixture_init(&files->fixture);
    assert_non_null(sqlite_vfs_name());
    files->handle = open_with(files->fixture.path, sqlite_vfs_name());
    run(files->handle, "PRAGMA page_size = 8192");
    run(files->handle, "PRAGMA journal_mode = WAL");
    run(files->handle, "PRAGMA synchronous = EXTRA");
    run(files->handle, "PRAGMA wal_autocheckpoint = 0");
    run(files->handle, "CREATE TABLE t (n INTEGER PRIMARY KEY, x BLOB)");
}

static void end(struct files *files)
{
    assert_int_equal(sqlite3_close(files->handle), SQLITE_OK);
    sqlite_fixture_deinit(&files->fixture);
}

static void copy_file(const char *from, const char *to)
{
    static char bytes[65536];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in != NULL && out != NULL);
    size_t len;
    while ((len = fread(bytes, 1, sizeof(bytes), in)) > 0)
        assert_int_equal(fwrite(bytes, 1, len, out), len);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

/** As after a kill: the files as they are now, opened by somebody else. */
static void check_copy(const struct files *files, int64_t rows)
{
    char log[FIXTURE_PATH_MAX], copy[FIXTURE_PATH_MAX], copy_log[FIXTURE_PATH_MAX];
    sqlite_fixture_beside(&files->fixture, "-wal", log);
    sqlite_fixture_beside(&files->fixture, ".copy", copy);
    sqlite_fixture_beside(&files->fixture, ".copy-wal", copy_log);
    copy_file(files->fixture.path, copy);
    copy_file(log, copy_log);
    sqlite3 *handle = open_with(copy, NULL);
    assert_int_equal(number(handle, "SELECT count(*) FROM t"), rows);
    assert_int_equal(number(handle, "SELECT count(*) FROM pragma_integrity_check"
                                    " WHERE integrity_check = 'ok'"),
                     1);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
    unlink(copy);
}

/* A cache of few pages makes SQLite write to the log, read from it and write over it long before
 * the commit. */
static void test_every_commit_is_in_the_files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int cache_pages, rows;
    } cases[] = {
        {"one page", 2000, 1},
        {"a few pages", 2000, 20},
        {"many pages", 2000, 400},
        {"more than the cache holds", 5, 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct files files;
        begin(&files);
        sqlite3 *other = open_with(files.fixture.path, NULL);
        char sql[160];
        snprintf(sql, sizeof(sql), "PRAGMA cache_size = %d", cases[i].cache_pages);
        run(files.handle, sql);
        int64_t rows = 0;
        for (int round = 0; round < 6; round++) {
            run(files.handle, "BEGIN IMMEDIATE");
            for (int row = 0; row < cases[i].rows; row++)
                run(files.handle, "INSERT INTO t (x) VALUES (randomblob(3000))");
            /* From the end: what left the cache last is read first. */
            static const char read_all[] = "SELECT count(*) FROM (SELECT x FROM t ORDER BY n DESC)"
                                           " WHERE length(hex(x)) > 0";
            assert_int_equal(number(files.handle, read_all), rows + cases[i].rows);
            run(files.handle, "UPDATE t SET x = randomblob(2900) WHERE n % 3 = 0");
            assert_int_equal(number(other, "SELECT count(*) FROM t"), rows);
            bool keep = round % 3 != 1;
            run(files.handle, keep ? "COMMIT" : "ROLLBACK");
            rows += keep ? cases[i].rows : 0;
            assert_int_equal(number(other, "SELECT count(*) FROM t"), rows);
            check_copy(&files, rows);
            if (round == 3)
                run(files.handle, "PRAGMA wal_checkpoint(TRUNCATE)");
        }
        assert_int_equal(sqlite3_close(other), SQLITE_OK);
        end(&files);
    }
}

/** A failed write is told by COMMIT at the latest, and the next transaction starts from what was
 * before. */
static void test_a_failed_write_is_told(void **state)
{
    (void)state;
    for (int nth = 1; nth < 20; nth++) {
        struct files files;
        begin(&files);
        run(files.handle, "PRAGMA cache_size = 5");
        fault_vfs_arm(
            (struct fault){.call = FAULT_WRITE, .nth = nth, .code = SQLITE_FULL, .error = ENOSPC});
        bool worked = sqlite3_exec(files.handle, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
        for (int row = 0; row < 100 && worked; row++)
            worked = sqlite3_exec(files.handle, "INSERT INTO t (x) VALUES (randomblob(3000))", NULL,
                                  NULL, NULL) == SQLITE_OK;
        worked = worked && sqlite3_exec(files.handle, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
        bool failed = fault_vfs_disarm() > 0;
        assert_int_equal(worked, !failed);
        if (sqlite3_get_autocommit(files.handle) == 0)
            run(files.handle, "ROLLBACK");
        run(files.handle, "INSERT INTO t (x) VALUES (randomblob(3000))");
        check_copy(&files, failed ? 1 : 101);
        end(&files);
        if (!failed)
            return;
    }
    fail_msg("so many writes, of which %d bytes make one?", (int)SQLITE_VFS_GATHER_BYTES);
}

static int install(void **state)
{
    (void)state;
    fault_vfs_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_commit_is_in_the_files),
        cmocka_unit_test(test_a_failed_write_is_told),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
