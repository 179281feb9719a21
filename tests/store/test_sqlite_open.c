/* Opening: which exit status for which state of affairs, and what lies beside the store. */
#include "store/cmocka_all.h"
#include "store/sqlite_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_file(const char *path, const char *content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    close(fd);
}

static int open_once(struct sqlite_fixture *fixture, struct error *err)
{
    struct harness h;
    harness_init_inbox(&h);
    int exit_status = sqlite_fixture_open(fixture, h.inbox, &h.port, err);
    sqlite_fixture_close(fixture);
    harness_deinit_inbox(&h);
    return exit_status;
}

static void remove_beside(const struct sqlite_fixture *fixture, const char *suffix)
{
    char path[FIXTURE_PATH_MAX];
    sqlite_fixture_beside(fixture, suffix, path);
    unlink(path);
}

/* ---- what was done to the directory before the second start ---- */

static void is_untouched(struct sqlite_fixture *fixture)
{
    (void)fixture;
}

static void is_lost(struct sqlite_fixture *fixture)
{
    remove_beside(fixture, "");
    remove_beside(fixture, "-wal");
    remove_beside(fixture, "-shm");
}

static void is_given_up(struct sqlite_fixture *fixture)
{
    is_lost(fixture);
    remove_beside(fixture, ".marker");
}

static void is_emptied(struct sqlite_fixture *fixture)
{
    is_lost(fixture);
    write_file(fixture->path, "");
}

static void is_replaced_by_an_empty_database(struct sqlite_fixture *fixture)
{
    is_lost(fixture);
    sqlite_fixture_exec(fixture, "CREATE TABLE t (x); DROP TABLE t");
    chmod(fixture->path, 0600);
}

static void is_no_database(struct sqlite_fixture *fixture)
{
    is_lost(fixture);
    write_file(fixture->path, "this is certainly not what a database begins with, is it?");
}

static void is_zeroed(struct sqlite_fixture *fixture)
{
    struct stat found;
    assert_int_equal(stat(fixture->path, &found), 0);
    write_file(fixture->path, "");
    assert_int_equal(truncate(fixture->path, found.st_size), 0);
}

static void is_truncated(struct sqlite_fixture *fixture)
{
    assert_int_equal(truncate(fixture->path, 8192 * 2), 0);
}

static void is_foreign(struct sqlite_fixture *fixture)
{
    is_given_up(fixture);
    sqlite_fixture_exec(fixture, "CREATE TABLE t (x)");
    chmod(fixture->path, 0600);
}

static void is_newer(struct sqlite_fixture *fixture)
{
    sqlite_fixture_exec(fixture, "PRAGMA user_version = 99");
}

static void has_another_log(struct sqlite_fixture *fixture)
{
    sqlite_fixture_exec(fixture, "UPDATE meta SET value = x'3132' WHERE name = 'log_id'");
}

static void has_no_log(struct sqlite_fixture *fixture)
{
    sqlite_fixture_exec(fixture, "DELETE FROM meta WHERE name = 'log_id'");
}

static void has_no_marker(struct sqlite_fixture *fixture)
{
    remove_beside(fixture, ".marker");
}

static void may_be_read_by_the_group(struct sqlite_fixture *fixture)
{
    assert_int_equal(chmod(fixture->path, 0640), 0);
}

static void is_a_link(struct sqlite_fixture *fixture)
{
    char other[FIXTURE_PATH_MAX];
    sqlite_fixture_beside(fixture, ".other", other);
    assert_int_equal(rename(fixture->path, other), 0);
    assert_int_equal(symlink(other, fixture->path), 0);
}

static void is_a_directory(struct sqlite_fixture *fixture)
{
    snprintf(fixture->path, sizeof(fixture->path), "%s/a-directory", fixture->directory);
    assert_int_equal(mkdir(fixture->path, 0700), 0);
}

static void is_in_no_directory(struct sqlite_fixture *fixture)
{
    snprintf(fixture->path, sizeof(fixture->path), "%s/none/store.db", fixture->directory);
}

static void stands_where_all_may_write(struct sqlite_fixture *fixture)
{
    assert_int_equal(chmod(fixture->directory, 0777), 0);
}

static void test_second_start(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*change)(struct sqlite_fixture *fixture);
        int exit_status;
        const char *says; /* what to do next */
    } rows[] = {
        {"as it was left", is_untouched, 0, ""},
        {"lost", is_lost, 65, "backup"},
        {"lost and given up", is_given_up, 0, ""},
        {"emptied", is_emptied, 65, "backup"},
        {"an empty database in its place", is_replaced_by_an_empty_database, 65, "backup"},
        {"no database", is_no_database, 65, "not a database"},
        {"zeroed", is_zeroed, 65, "not a database"},
        {"truncated", is_truncated, 65, "malformed"},
        {"somebody else's database", is_foreign, 65, "not a refreshd store"},
        {"of a newer schema", is_newer, 65, "newer"},
        {"of another log", has_another_log, 65, "remove"},
        {"without its log_id", has_no_log, 65, "restore"},
        {"without its marker", has_no_marker, 0, ""},
        {"readable by the group", may_be_read_by_the_group, 77, "chmod 600"},
        {"a link", is_a_link, 77, "links"},
        {"a directory", is_a_directory, 77, "plain file"},
        {"in no directory", is_in_no_directory, 73, "does not exist; make it for user"},
        {"where everybody may write", stands_where_all_may_write, 77, "chmod o-w"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sqlite_fixture fixture;
        sqlite_fixture_init(&fixture);
        struct error err = {0};
        assert_int_equal(open_once(&fixture, &err), 0);
        rows[i].change(&fixture);
        int exit_status = open_once(&fixture, &err);
        bool names_it = str_starts_with(str_c(err.text), str_c(fixture.directory)) &&
                        str_contains(str_c(err.text), STR("; "));
        if (exit_status != rows[i].exit_status ||
            !str_contains(str_c(err.text), str_c(rows[i].says)) || (exit_status != 0 && !names_it))
            fail_msg("%s: %d: %s", rows[i].name, exit_status, err.text);
        sqlite_fixture_deinit(&fixture);
    }
}

static void test_the_marker_comes_back(void **state)
{
    (void)state;
    struct sqlite_fixture fixture;
    sqlite_fixture_init(&fixture);
    struct error err;
    assert_int_equal(open_once(&fixture, &err), 0);
    has_no_marker(&fixture);
    assert_int_equal(open_once(&fixture, &err), 0);
    is_lost(&fixture);
    assert_int_equal(open_once(&fixture, &err), 65);
    sqlite_fixture_deinit(&fixture);
}

static void test_modes(void **state)
{
    (void)state;
    struct sqlite_fixture fixture;
    sqlite_fixture_init(&fixture);
    fixture.ballast_bytes = 65536;
    mode_t before = umask(0);
    struct harness h;
    harness_init_inbox(&h);
    struct error err;
    assert_int_equal(sqlite_fixture_open(&fixture, h.inbox, &h.port, &err), 0);
    umask(before);
    static const char *const files[] = {"", "-wal", "-shm", ".lock", ".marker", ".ballast"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[FIXTURE_PATH_MAX];
        struct stat found;
        sqlite_fixture_beside(&fixture, files[i], path);
        if (stat(path, &found) != 0 || (found.st_mode & 0777) != 0600)
            fail_msg("%s", path);
    }
    sqlite_fixture_close(&fixture);
    harness_deinit_inbox(&h);
    sqlite_fixture_deinit(&fixture);
}

static void test_a_second_daemon_stops(void **state)
{
    (void)state;
    struct sqlite_fixture fixture;
    sqlite_fixture_init(&fixture);
    struct harness h;
    harness_init_inbox(&h);
    struct error err = {0};
    assert_int_equal(sqlite_fixture_open(&fixture, h.inbox, &h.port, &err), 0);
    struct sqlite_fixture second = fixture;
    second.store = NULL;
    assert_int_equal(sqlite_fixture_open(&second, h.inbox, &h.port, &err), 75);
    char pid[16];
    snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    assert_true(str_contains(str_c(err.text), str_c(pid)));
    sqlite_fixture_close(&fixture);
    harness_deinit_inbox(&h);
    sqlite_fixture_deinit(&fixture);
}

static void test_must_exist(void **state)
{
    (void)state;
    struct sqlite_fixture fixture;
    sqlite_fixture_init(&fixture);
    struct harness h;
    harness_init_inbox(&h);
    const struct store_sqlite_options options = {
        .path = fixture.path, .inbox = h.inbox, .must_exist = true, .check_all = true};
    struct error err;
    int exit_status = 0;
    assert_int_equal(store_sqlite_open(&options, &h.port, &fixture.store, &err, &exit_status),
                     STATUS_NOT_FOUND);
    assert_int_equal(exit_status, 65);
    assert_int_equal(access(fixture.path, F_OK), -1);
    assert_int_equal(open_once(&fixture, &err), 0);
    assert_int_equal(store_sqlite_open(&options, &h.port, &fixture.store, &err, &exit_status),
                     STATUS_OK);
    sqlite_fixture_close(&fixture);
    harness_deinit_inbox(&h);
    sqlite_fixture_deinit(&fixture);
}

/* ---- the key ---- */

static void make_check(void *ctx, struct str log_id, struct buf *ret_check)
{
    assert_true(buf_append(ret_check, str_c(ctx)) && buf_append(ret_check, log_id));
}

static enum status check_key(void *ctx, struct str log_id, struct str check)
{
    CLEANUP(buf_deinit) struct buf expected = {0};
    make_check(ctx, log_id, &expected);
    return str_eq(buf_str(&expected), check) ? STATUS_OK : STATUS_INVALID;
}

static int open_with_key(struct sqlite_fixture *fixture, const char *name)
{
    char text[8];
    snprintf(text, sizeof(text), "%s", name);
    const struct store_sqlite_key key = {.ctx = text, .make = make_check, .check = check_key};
    struct harness h;
    harness_init_inbox(&h);
    const struct store_sqlite_options options = {
        .path = fixture->path, .inbox = h.inbox, .key = &key};
    struct error err;
    int exit_status = 0;
    enum status status = store_sqlite_open(&options, &h.port, &fixture->store, &err, &exit_status);
    sqlite_fixture_close(fixture);
    harness_deinit_inbox(&h);
    return status == STATUS_OK ? 0 : exit_status;
}

static void test_the_wrong_key_is_refused(void **state)
{
    (void)state;
    struct sqlite_fixture fixture;
    sqlite_fixture_init(&fixture);
    assert_int_equal(open_with_key(&fixture, "right"), 0);
    assert_int_equal(open_with_key(&fixture, "right"), 0);
    struct stat before, after;
    assert_int_equal(stat(fixture.path, &before), 0);
    assert_int_equal(open_with_key(&fixture, "wrong"), 77);
    assert_int_equal(stat(fixture.path, &after), 0);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_equal(open_with_key(&fixture, "right"), 0);
    sqlite_fixture_deinit(&fixture);
}

/* ---- a process that is killed ---- */

static void child(struct sqlite_fixture *fixture, int fd)
{
    struct harness h;
    struct error err;
    harness_init_inbox(&h);
    if (sqlite_fixture_open(fixture, h.inbox, &h.port, &err) != 0)
        _exit(1);
    for (int64_t version = 0;; version++) {
        struct connection c = sample_connection("c-1");
        c.version = version;
        if (put_connection(&h, &c) != STATUS_OK ||
            write(fd, &version, sizeof(version)) != sizeof(version))
            _exit(2);
    }
}

static void test_what_was_answered_survives_a_kill(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        struct sqlite_fixture fixture;
        sqlite_fixture_init(&fixture);
        int fds[2];
        assert_int_equal(pipe(fds), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            child(&fixture, fds[1]);
        close(fds[1]);
        int64_t answered = -1, next;
        while (answered < 20 + round * 7 && read(fds[0], &next, sizeof(next)) == sizeof(next))
            answered = next;
        kill(pid, SIGKILL);
        while (read(fds[0], &next, sizeof(next)) == sizeof(next))
            answered = next;
        waitpid(pid, NULL, 0);
        close(fds[0]);

        struct harness h;
        harness_init_inbox(&h);
        struct error err;
        assert_int_equal(sqlite_fixture_open(&fixture, h.inbox, &h.port, &err), 0);
        struct store_read *found = get_connection(&h, "c-1");
        assert_true(found->connections[0].version >= answered + 1);
        assert_true(found->connections[0].version <= answered + 2);
        store_read_free(found);
        sqlite_fixture_close(&fixture);
        harness_deinit_inbox(&h);
        sqlite_fixture_deinit(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_start),
        cmocka_unit_test(test_the_marker_comes_back),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_a_second_daemon_stops),
        cmocka_unit_test(test_must_exist),
        cmocka_unit_test(test_the_wrong_key_is_refused),
        cmocka_unit_test(test_what_was_answered_survives_a_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
