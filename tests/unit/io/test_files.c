/* Whose a file is, how large, and which there are; and what users and groups are called. */
#include "io/files.h"
#include "io/process.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64];

static int make_directory(void **state UNUSED)
{
    snprintf(directory, sizeof(directory), "/tmp/refreshd-files-XXXXXX");
    return mkdtemp(directory) == NULL;
}

static int remove_directory(void **state UNUSED)
{
    return rmdir(directory);
}

static void put(const char *path, const char *content, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, strlen(content), file), strlen(content));
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

struct read_row {
    const char *name;
    const char *content; /* NULL: there is no file */
    mode_t mode;
    uid_t owner; /* 0: whoever runs the test; tried by root only */
    size_t bytes_max;
    bool is_private;
    bool in_private_directory;
    enum files_result result;
    const char *told;
};

static const struct read_row read_rows[] = {
    {"a key", "0123456789", 0600, 0, 32, true, false, FILES_OK, NULL},
    {"a key nobody may write", "0123456789", 0400, 0, 32, true, false, FILES_OK, NULL},
    {"an empty file", "", 0600, 0, 32, true, false, FILES_OK, NULL},
    {"exactly as large as allowed", "0123456789", 0600, 0, 10, true, false, FILES_OK, NULL},
    {"a byte too many", "0123456789", 0600, 0, 9, true, false, FILES_TOO_LARGE, "at most 9"},
    {"missing", NULL, 0, 0, 32, true, false, FILES_MISSING, "No such file"},
    {"the group may read a key", "k", 0640, 0, 32, true, false, FILES_LOOSE, "chmod 600"},
    {"others may read a key", "k", 0604, 0, 32, true, false, FILES_LOOSE, "chmod 600"},
    {"others may write a key", "k", 0602, 0, 32, true, false, FILES_LOOSE, "0602"},
    {"somebody else's key", "k", 0600, 12345, 32, true, false, FILES_LOOSE, "12345"},
    {"a credential with an access list", "k", 0440, 0, 32, true, true, FILES_OK, NULL},
    {"not private: anybody may read", "x", 0644, 0, 32, false, false, FILES_OK, NULL},
};

static void check_read(const struct read_row *row, const char *path)
{
    const struct files_rules rules = {.bytes_max = row->bytes_max,
                                      .is_private = row->is_private,
                                      .private_directory =
                                          row->in_private_directory ? directory : NULL};
    struct secret *content = NULL;
    struct error err;
    enum files_result result = files_read(path, &rules, &content, &err);
    if (result != row->result)
        fail_msg("%s: %d", row->name, result);
    if (result == FILES_OK && !str_eq(secret_str(content), str_c(row->content)))
        fail_msg("%s: other content", row->name);
    if (result != FILES_OK &&
        (strstr(err.text, row->told) == NULL || strstr(err.text, path) == NULL))
        fail_msg("%s: \"%s\"", row->name, err.text);
    secret_free(content);
}

static void reading(void **state UNUSED)
{
    char path[100];
    snprintf(path, sizeof(path), "%s/file", directory);
    for (size_t i = 0; i < ARRAY_LEN(read_rows); i++) {
        const struct read_row *row = &read_rows[i];
        if (row->owner != 0 && geteuid() != 0)
            continue;
        if (row->content != NULL)
            put(path, row->content, row->mode);
        if (row->owner != 0)
            assert_int_equal(chown(path, row->owner, (gid_t)-1), 0);
        check_read(row, path);
        unlink(path);
    }
}

static void what_is_no_file(void **state UNUSED)
{
    const struct files_rules rules = {.bytes_max = 32};
    char path[100];
    struct secret *content = NULL;
    struct error err;
    snprintf(path, sizeof(path), "%s/pipe", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(files_read(path, &rules, &content, &err), FILES_UNREADABLE); /* at once */
    unlink(path);
    assert_int_equal(files_read(directory, &rules, &content, &err), FILES_UNREADABLE);
    assert_int_equal(files_read("/dev/zero", &rules, &content, &err), FILES_UNREADABLE);
    assert_null(content);
}

static void listing(void **state UNUSED)
{
    static const char *const names[] = {"b.json",      "a.json",     "B.json", ".hidden.json",
                                        "readme.text", "a.json.bak", "10.json"};
    char path[100], below[100];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        put(path, "", 0600);
    }
    snprintf(below, sizeof(below), "%s/directory.json", directory);
    assert_int_equal(mkdir(below, 0700), 0);
    snprintf(path, sizeof(path), "%s/nowhere.json", directory); /* told by who reads it */
    assert_int_equal(symlink("/nonexistent/profile.json", path), 0);
    CLEANUP(arena_deinit) struct arena arena = {0};
    struct files_list list;
    struct error err;
    assert_int_equal(files_list(directory, STR(".json"), &arena, &list, &err), FILES_OK);
    static const char *const expected[] = {"10.json", "B.json", "a.json", "b.json", "nowhere.json"};
    assert_int_equal(list.count, ARRAY_LEN(expected));
    for (size_t i = 0; i < list.count; i++)
        assert_string_equal(list.names[i].data, expected[i]);
    assert_int_equal(files_list("/nonexistent", STR(".json"), &arena, &list, &err), FILES_MISSING);
    rmdir(below);
    snprintf(path, sizeof(path), "%s/nowhere.json", directory);
    unlink(path);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        unlink(path);
    }
}

static void access_lists(void **state UNUSED)
{
    const struct str names[] = {STR("root"), STR("@root"), STR("4711"), STR("@4712")};
    struct access_list list = {0};
    struct error err;
    assert_int_equal(process_access_resolve(names, ARRAY_LEN(names), &list, &err), STATUS_OK);
    assert_int_equal(list.uid_count, 2);
    assert_int_equal(list.uids[0], 0);
    assert_int_equal(list.uids[1], 4711);
    assert_int_equal(list.gid_count, 2);
    assert_int_equal(list.gids[0], 0);
    assert_int_equal(list.gids[1], 4712);
    process_access_deinit(&list);
    assert_int_equal(process_access_resolve(NULL, 0, &list, &err), STATUS_OK);
    assert_int_equal(list.uid_count, 0);
    process_access_deinit(&list);
}

static void names_that_nobody_has(void **state UNUSED)
{
    static const struct str rows[] = {
        STR_INIT("no-such-user-here"),
        STR_INIT("@no-such-group-here"),
        STR_INIT("-1"),
        STR_INIT("4294967295"),
        STR_INIT(""),
        STR_INIT("@"),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct access_list list = {0};
        struct error err;
        assert_int_equal(process_access_resolve(&rows[i], 1, &list, &err), STATUS_NOT_FOUND);
        assert_null(list.uids);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(what_is_no_file),
        cmocka_unit_test(listing),
        cmocka_unit_test(access_lists),
        cmocka_unit_test(names_that_nobody_has),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
