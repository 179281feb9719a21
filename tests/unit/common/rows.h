/**
 * Tables as tests: each row of an array is a test of its own under its own name. A row's struct
 * begins with `const char *name`.
 *
 *     static void check_trim(void **state)
 *     {
 *         const struct trim_row *row = *state;
 *         …
 *     }
 *     failed += RUN_ROWS(trim_rows, check_trim);
 */
#ifndef TESTS_UNIT_COMMON_ROWS_H
#define TESTS_UNIT_COMMON_ROWS_H

#include "common/macros.h"
#include "common/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline int rows_run(const char *group, const void *rows, size_t count, size_t row_size,
                           CMUnitTestFunction check)
{
    struct CMUnitTest *tests = calloc(count, sizeof(*tests));
    assert_non_null(tests);
    for (size_t i = 0; i < count; i++) {
        union {
            const void *borrowed;
            void *state;
        } row = {.borrowed = (const char *)rows + i * row_size};
        memcpy(&tests[i].name, row.state, sizeof(tests[i].name));
        tests[i].test_func = check;
        tests[i].initial_state = row.state;
    }
    int failed = _cmocka_run_group_tests(group, tests, count, NULL, NULL);
    free(tests);
    return failed;
}

#define RUN_ROWS(rows, check) rows_run(#rows, (rows), ARRAY_LEN(rows), sizeof((rows)[0]), (check))

static inline void assert_str_is(struct str got, struct str expected)
{
    if (got.len != expected.len || (got.len > 0 && memcmp(got.data, expected.data, got.len) != 0))
        fail_msg("got \"" STR_FMT "\" (%zu), expected \"" STR_FMT "\" (%zu)", STR_ARG(got), got.len,
                 STR_ARG(expected), expected.len);
}

#endif
