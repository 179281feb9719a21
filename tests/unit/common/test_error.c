#include "common/error.h"

#include "rows.h"

struct text_row {
    const char *name;
    struct str from_outside;
    const char *expected;
};

static const struct text_row text_rows[] = {
    {"plain", STR_INIT("abc"), "got \"abc\""},
    {"a line break forges no second line", STR_INIT("a\nb\r\tc"), "got \"a b  c\""},
    {"escape sequences lose their teeth", STR_INIT("\x1b[2J\x7f"), "got \" [2J \""},
    {"UTF-8 stays", STR_INIT("\xc3\xa4"), "got \"\xc3\xa4\""},
    {"what is no UTF-8 is marked", STR_INIT("a\xff\x80z"), "got \"a??z\""},
};

static void check_text(void **state)
{
    const struct text_row *row = *state;
    struct error err = {0};
    enum status status =
        error_set(&err, STATUS_INVALID, "got \"" STR_FMT "\"", STR_ARG(row->from_outside));
    assert_int_equal(status, STATUS_INVALID);
    assert_int_equal(err.status, STATUS_INVALID);
    assert_string_equal(err.text, row->expected);
}

static void nobody_asks(void **state UNUSED)
{
    assert_int_equal(error_set(NULL, STATUS_CONFLICT, "x"), STATUS_CONFLICT);
    error_prefix(NULL, "x");
}

static void prefix_goes_before(void **state UNUSED)
{
    struct error err = {0};
    error_set(&err, STATUS_NOT_FOUND, "no file");
    error_prefix(&err, "key %d", 7);
    assert_string_equal(err.text, "key 7: no file");
    assert_int_equal(err.status, STATUS_NOT_FOUND);
}

static void long_text_is_cut_between_characters(void **state UNUSED)
{
    char text[ERROR_TEXT_MAX + 2] = {0};
    memset(text, 'a', ERROR_TEXT_MAX - 2);
    memcpy(text + ERROR_TEXT_MAX - 2, "\xc3\xa4", 2);
    struct error err = {0};
    error_set(&err, STATUS_INVALID, "%s", text);
    assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 2);
    assert_true(str_is_utf8(str_c(err.text)));
    error_prefix(&err, "%s", text);
    assert_true(strlen(err.text) < ERROR_TEXT_MAX);
}

static void words_for_statuses(void **state UNUSED)
{
    assert_string_equal(status_text(STATUS_OK), "ok");
    assert_string_equal(status_text(STATUS_NOT_FOUND), "not found");
    assert_string_equal(status_text(STATUS_UNCERTAIN), "uncertain");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_asks),
        cmocka_unit_test(prefix_goes_before),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(words_for_statuses),
    };
    return RUN_ROWS(text_rows, check_text) + cmocka_run_group_tests(tests, NULL, NULL);
}
