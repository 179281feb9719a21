/* What the kernel's errors become, and whether a file could be made. */
#include "io/file_fault.h"

#include "common/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY "[store] url"

static void each_error_says_what_to_do(void **state UNUSED)
{
    static const struct {
        const char *name;
        int failure;
        const char *says;
    } rows[] = {
        {"no directory", ENOENT, "the directory /srv/r does not exist; make it for user "},
        {"a file in between", ENOTDIR, "/srv/r is no directory; name another in [store] url"},
        {"no right", EACCES, "may not write in /srv/r (Permission denied); give it the right"},
        {"not the owner", EPERM, "may not write in /srv/r (Operation not permitted); give it"},
        {"mounted for reading", EROFS, "/srv/r is read-only here; let it be written"},
        {"a full disk", ENOSPC, "No space left on device; make room"},
        {"a directory there", EISDIR, "a directory stands there; remove it"},
        {"a link there", ELOOP, "a link stands there; remove it"},
        {"anything else", EIO, "Input/output error; look at the disk"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error err;
        print_message("  %s\n", rows[i].name);
        assert_int_equal(file_fault_set(&err, "/srv/r/x.db", rows[i].failure, KEY),
                         STATUS_UNAVAILABLE);
        if (!str_starts_with(str_c(err.text), STR("/srv/r/x.db: ")) ||
            !str_contains(str_c(err.text), str_c(rows[i].says)))
            fail_msg("%s", err.text);
    }
}

static void a_look_makes_nothing(void **state UNUSED)
{
    char directory[] = "/tmp/refreshd-fault-XXXXXX", path[128], below[160];
    struct error err;
    int failure;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/file", directory);
    snprintf(below, sizeof(below), "%s/below", path);
    assert_int_equal(file_fault_look(path, KEY, &failure, &err), STATUS_OK);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(file_fault_look(below, KEY, &failure, &err), STATUS_UNAVAILABLE);
    assert_int_equal(failure, ENOENT);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(file_fault_look(below, KEY, &failure, &err), STATUS_UNAVAILABLE);
    assert_int_equal(failure, ENOTDIR);
    unlink(path);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_error_says_what_to_do),
        cmocka_unit_test(a_look_makes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
