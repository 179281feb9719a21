#include "store/sqlite_fixture.h"

#include "common/memory.h"
#include "store/cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void sqlite_fixture_init(struct sqlite_fixture *fixture)
{
    *fixture = (struct sqlite_fixture){0};
    const char *tmp = getenv("TMPDIR");
    int len = snprintf(fixture->directory, sizeof(fixture->directory), "%s/refreshd-store-XXXXXX",
                       tmp != NULL ? tmp : "/tmp");
    assert_true(len > 0 && (size_t)len < sizeof(fixture->directory));
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->path, sizeof(fixture->path), "%s/store.db", fixture->directory);
}

void sqlite_fixture_deinit(struct sqlite_fixture *fixture)
{
    sqlite_fixture_close(fixture);
    DIR *directory = opendir(fixture->directory);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (unlinkat(dirfd(directory), entry->d_name, 0) != 0)
            unlinkat(dirfd(directory), entry->d_name, AT_REMOVEDIR);
    }
    closedir(directory);
    assert_int_equal(rmdir(fixture->directory), 0);
}

int sqlite_fixture_open(struct sqlite_fixture *fixture, struct inbox *inbox,
                        struct store_port *ret_port, struct error *err)
{
    const struct store_sqlite_options options = {
        .path = fixture->path,
        .inbox = inbox,
        .source = STR("refreshd/test"),
        .ballast_bytes = fixture->ballast_bytes,
    };
    int exit_status = -1;
    enum status status = store_sqlite_open(&options, ret_port, &fixture->store, err, &exit_status);
    assert_true(status == STATUS_OK || exit_status > 0);
    return status == STATUS_OK ? 0 : exit_status;
}

void sqlite_fixture_close(struct sqlite_fixture *fixture)
{
    store_sqlite_close(fixture->store);
    fixture->store = NULL;
}

void sqlite_fixture_exec(const struct sqlite_fixture *fixture, const char *sql)
{
    sqlite3 *handle = NULL;
    char *message = NULL;
    int code =
        sqlite3_open_v2(fixture->path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    assert_int_equal(code, SQLITE_OK);
    code = sqlite3_exec(handle, sql, NULL, NULL, &message);
    if (code != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(handle);
}

void sqlite_fixture_beside(const struct sqlite_fixture *fixture, const char *suffix,
                           char ret_path[FIXTURE_PATH_MAX])
{
    int len = snprintf(ret_path, FIXTURE_PATH_MAX, "%s%s", fixture->path, suffix);
    assert_true(len > 0 && len < FIXTURE_PATH_MAX);
}

int sqlite_bed_setup(void **state)
{
    struct sqlite_bed *bed = calloc(1, sizeof(*bed));
    struct error err = {0};
    assert_non_null(bed);
    sqlite_fixture_init(&bed->fixture);
    harness_init_inbox(&bed->h);
    assert_int_equal(sqlite_fixture_open(&bed->fixture, bed->h.inbox, &bed->h.port, &err), 0);
    *state = bed;
    return 0;
}

int sqlite_bed_teardown(void **state)
{
    struct sqlite_bed *bed = *state;
    sqlite_fixture_close(&bed->fixture);
    harness_deinit_inbox(&bed->h);
    sqlite_fixture_deinit(&bed->fixture);
    free(bed);
    return 0;
}

/* ---- as a backend ---- */

static void open_or_fail(struct sqlite_fixture *fixture, struct inbox *inbox,
                         struct store_port *ret_port)
{
    struct error err = {0};
    if (sqlite_fixture_open(fixture, inbox, ret_port, &err) != 0)
        fail_msg("%s", err.text);
}

static void *backend_create(struct inbox *inbox, struct store_port *ret_port)
{
    struct sqlite_fixture *fixture = memory_new(sizeof(*fixture));
    sqlite_fixture_init(fixture);
    open_or_fail(fixture, inbox, ret_port);
    return fixture;
}

static void backend_restart(void *ctx, struct inbox *inbox, struct store_port *ret_port)
{
    sqlite_fixture_close(ctx);
    open_or_fail(ctx, inbox, ret_port);
}

static void backend_destroy(void *ctx)
{
    sqlite_fixture_deinit(ctx);
    free(ctx);
}

const struct store_backend sqlite_backend = {
    .name = "sqlite",
    .create = backend_create,
    .restart = backend_restart,
    .destroy = backend_destroy,
};
