/* The writer's text is that of the same tree. */
#include "common/json.h"
#include "common/json_writer.h"

#include "rows.h"

struct text_row {
    const char *name;
    struct str text;
};

static const struct text_row text_rows[] = {
    {"nothing is null", {0}},
    {"empty", STR_INIT("")},
    {"plain", STR_INIT("calendar.readonly")},
    {"what JSON escapes", STR_INIT("\"\\/\b\f\n\r\t\x01\x7f")},
    {"NUL", {.data = "a\0b", .len = 3}},
    {"UTF-8", STR_INIT("\xc3\xbc\xf0\x9f\x94\x91")},
    {"no UTF-8", STR_INIT("\xff\xc3")},
    {"a special byte far behind", STR_INIT("0123456789abcdef0123456789abcdef\"")},
};

static void check_text(void **state)
{
    const struct text_row *row = *state;
    CLEANUP(json_freep) struct json *tree = json_new_object();
    json_set_text(tree, "text", row->text);
    CLEANUP(buf_deinit) struct buf expected = {0};
    json_write(tree, &expected);

    CLEANUP(buf_deinit) struct buf out = {0};
    struct json_writer json = {.out = &out};
    json_writer_open_object(&json, NULL);
    json_writer_text(&json, "text", row->text);
    json_writer_close_object(&json);
    assert_str_is(buf_str(&out), buf_str(&expected));
}

struct number_row {
    const char *name;
    int64_t number;
    struct str expected;
};

static const struct number_row number_rows[] = {
    {"zero", 0, STR_INIT("0")},
    {"one digit", 7, STR_INIT("7")},
    {"ten", 10, STR_INIT("10")},
    {"negative", -105, STR_INIT("-105")},
    {"greatest", INT64_MAX, STR_INIT("9223372036854775807")},
    {"least", INT64_MIN, STR_INIT("-9223372036854775808")},
};

static void check_number(void **state)
{
    const struct number_row *row = *state;
    CLEANUP(buf_deinit) struct buf out = {0};
    struct json_writer json = {.out = &out};
    json_writer_i64(&json, NULL, row->number);
    assert_str_is(buf_str(&out), row->expected);
}

static void commas_stand_between_and_nowhere_else(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    struct json_writer json = {.out = &out};
    json_writer_open_object(&json, NULL);
    json_writer_open_array(&json, "none");
    json_writer_close_array(&json);
    json_writer_open_array(&json, "some");
    json_writer_i64(&json, NULL, 1);
    json_writer_open_object(&json, NULL);
    json_writer_close_object(&json);
    json_writer_open_object(&json, NULL);
    json_writer_bool(&json, "yes", true);
    json_writer_bool(&json, "no", false);
    json_writer_close_object(&json);
    json_writer_null(&json, NULL);
    json_writer_close_array(&json);
    json_writer_null(&json, "last");
    json_writer_close_object(&json);
    assert_string_equal(
        buf_c(&out),
        "{\"none\":[],\"some\":[1,{},{\"yes\":true,\"no\":false},null],\"last\":null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(commas_stand_between_and_nowhere_else)};
    int failed = cmocka_run_group_tests_name("structure", tests, NULL, NULL);
    failed += RUN_ROWS(text_rows, check_text);
    return failed + RUN_ROWS(number_rows, check_number);
}
