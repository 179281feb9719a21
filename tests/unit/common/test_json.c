/* Values: looking into them, building, copying, writing. */
#include "common/json.h"

#include "rows.h"

#include <stdio.h>

static struct json *parsed(const char *text)
{
    struct json *json = NULL;
    struct error err = {0};
    if (json_parse(str_c(text), JSON_LIMITS_DEFAULT, &json, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return json;
}

static void assert_written(const struct json *json, const char *expected)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    json_write(json, &out);
    assert_string_equal(buf_c(&out), expected);
}

struct path_row {
    const char *name;
    struct str path;
    enum json_type type;
    int64_t number;
    bool is_there;
};

static const char path_text[] =
    "{\"a\":1,\"o\":{\"b\":2,\"l\":[3,{\"c\":4}],\"n\":null},\"t\":\"x\",\"z\":null,\"long\":5}";

static const struct path_row path_rows[] = {
    {"member", STR_INIT("a"), JSON_INTEGER, 1, true},
    {"member of a member", STR_INIT("o.b"), JSON_INTEGER, 2, true},
    {"element", STR_INIT("o.l.0"), JSON_INTEGER, 3, true},
    {"member of an element", STR_INIT("o.l.1.c"), JSON_INTEGER, 4, true},
    {"element that is not there", STR_INIT("o.l.2"), JSON_NULL, -1, false},
    {"name in an array", STR_INIT("o.l.x"), JSON_NULL, -1, false},
    {"into a text", STR_INIT("t.a"), JSON_NULL, -1, false},
    {"a member that is null", STR_INIT("z"), JSON_NULL, -1, true},
    {"a member of a member that is null", STR_INIT("o.n"), JSON_NULL, -1, true},
    {"into null", STR_INIT("z.a"), JSON_NULL, -1, false},
    {"not there", STR_INIT("q"), JSON_NULL, -1, false},
    {"the beginning of a name", STR_INIT("lon"), JSON_NULL, -1, false},
    {"a name and more", STR_INIT("longer"), JSON_NULL, -1, false},
    {"a name and a NUL", STR_INIT("long\0er"), JSON_NULL, -1, false},
    {"nothing is all", STR_INIT(""), JSON_OBJECT, -1, false},
};

static void check_path(void **state)
{
    const struct path_row *row = *state;
    CLEANUP(json_freep) struct json *json = parsed(path_text);
    const struct json *value = json_get_path(json, row->path);
    assert_int_equal(json_type(value), row->type);
    assert_int_equal(json_i64(value, -1), row->number);
    const struct json *found;
    assert_int_equal(json_find_path(json, row->path, &found), row->is_there);
    assert_ptr_equal(found, value);
}

struct read_row {
    const char *name;
    const char *text;
    enum json_type type;
    struct str as_text;
    int64_t as_i64;
    double as_f64;
    bool as_bool;
    size_t count;
};

/* What does not fit gives the fallbacks: absent, -1, -1, true, 0. */
static const struct read_row read_rows[] = {
    {"null", "null", JSON_NULL, {NULL, 0}, -1, -1, true, 0},
    {"false", "false", JSON_BOOL, {NULL, 0}, -1, -1, false, 0},
    {"integer", "5", JSON_INTEGER, {NULL, 0}, 5, 5, true, 0},
    {"number", "2.5", JSON_NUMBER, {NULL, 0}, -1, 2.5, true, 0},
    {"text", "\"5\"", JSON_TEXT, STR_INIT("5"), -1, -1, true, 0},
    {"empty text is there", "\"\"", JSON_TEXT, STR_INIT(""), -1, -1, true, 0},
    {"array", "[1,2]", JSON_ARRAY, {NULL, 0}, -1, -1, true, 2},
    {"object", "{\"a\":1}", JSON_OBJECT, {NULL, 0}, -1, -1, true, 1},
};

static void check_read(void **state)
{
    const struct read_row *row = *state;
    CLEANUP(json_freep) struct json *json = parsed(row->text);
    assert_int_equal(json_type(json), row->type);
    assert_str_is(json_text(json), row->as_text);
    assert_int_equal(str_is_set(json_text(json)), str_is_set(row->as_text));
    assert_int_equal(json_i64(json, -1), row->as_i64);
    double difference = json_f64(json, -1) - row->as_f64;
    assert_true(difference >= 0 && difference <= 0);
    assert_int_equal(json_bool(json, true), row->as_bool);
    assert_int_equal(json_count(json), row->count);
}

static void null_member_is_told_from_none(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *json = parsed("{\"a\":null}");
    assert_null(json_get(json, "a"));
    assert_true(json_has(json, "a"));
    assert_false(json_has(json, "b"));
    assert_false(json_has(NULL, "a"));
    assert_null(json_get(NULL, "a"));
}

static void names_of_any_length_are_found(void **state UNUSED)
{
    char name[400];
    memset(name, 'n', sizeof(name));
    name[399] = '\0';
    CLEANUP(json_freep) struct json *json = json_new_object();
    for (size_t len = 126; len < 130; len++) {
        const char *tail = name + 399 - len;
        json_set_i64(json, tail, (int64_t)len);
        assert_int_equal(json_i64(json_get_str(json, str_c(tail)), -1), len);
    }
    json_set_i64(json, name, 399);
    assert_int_equal(json_i64(json_get_str(json, str_c(name)), -1), 399);
    assert_null(json_get_str(json, STR("n\0n")));
    assert_null(json_get_str(json, STR_NONE));
}

/** A few are looked through, of many the hash is asked. */
static void each_of_any_number_of_members_is_found(void **state UNUSED)
{
    enum { MANY = 40 };
    CLEANUP(json_freep) struct json *json = json_new_object();
    char name[16];
    for (int count = 1; count <= MANY; count++) {
        (void)snprintf(name, sizeof(name), "m%d", count);
        assert_false(json_has(json, name));
        json_set_i64(json, name, count);
        for (int i = 1; i <= count; i++) {
            (void)snprintf(name, sizeof(name), "m%d", i);
            assert_int_equal(json_i64(json_get(json, name), -1), i);
        }
        assert_null(json_get(json, "m"));
        assert_null(json_get_str(json, STR("m1\0")));
    }
}

static void members_come_in_their_order(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *json = parsed("{\"z\":1,\"a\":null,\"m\":3}");
    static const char *const names[] = {"z", "a", "m"};
    size_t index = 0;
    size_t seen = 0;
    struct str name;
    const struct json *value;
    while (seen < ARRAY_LEN(names) && json_next_member(json, &index, &name, &value))
        assert_str_is(name, str_c(names[seen++]));
    assert_int_equal(seen, 3);
    assert_false(json_next_member(json, &index, &name, &value)); /* stays at the end */
    index = 0;
    assert_false(json_next_member(NULL, &index, &name, &value));
    CLEANUP(json_freep) struct json *empty = json_new_object();
    assert_false(json_next_member(empty, &index, &name, &value));
}

static void elements_past_the_end_are_none(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *json = parsed("[1]");
    assert_non_null(json_at(json, 0));
    assert_null(json_at(json, 1));
    assert_null(json_at(json, SIZE_MAX));
    assert_null(json_at(NULL, 0));
}

static void setters_build_and_replace(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *json = json_new_object();
    json_set_text(json, "t", STR("a"));
    json_set_text(json, "absent", STR_NONE);
    json_set_i64(json, "i", INT64_MIN);
    json_set_bool(json, "b", true);
    json_set_null(json, "n");
    json_set(json, "f", json_new_f64(0.1));
    json_set(json, "none", NULL);
    struct json *list = json_new_array();
    json_append_text(list, STR("x"));
    json_append_text(list, STR_NONE);
    json_append(list, json_new_i64(1));
    json_append(list, json_new_object());
    json_set(json, "l", list);
    json_set_text(json, "t", STR("b"));
    json_remove(json, "b");
    json_remove(json, "not there");
    assert_written(json, "{\"t\":\"b\",\"absent\":null,\"i\":-9223372036854775808,\"n\":null,"
                         "\"f\":0.1,\"none\":null,\"l\":[\"x\",null,1,{}]}");
}

static void copy_shares_nothing(void **state UNUSED)
{
    static const char text[] = "{\"a\":[1,2.5,\"x\",true,null,{\"b\":\"y\"}]}";
    struct json *json = parsed(text);
    CLEANUP(json_freep) struct json *copy = json_copy(json);
    json_set(json, "a", NULL);
    json_free(json);
    assert_written(copy, text);
    assert_null(json_copy(NULL));
    json_free(NULL);
}

static void copy_of_a_part_can_be_owned(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *from = parsed("{\"a\":{\"b\":\"y\"}}");
    CLEANUP(json_freep) struct json *to = json_new_object();
    json_set(to, "x", json_copy(json_get(from, "a")));
    assert_written(to, "{\"x\":{\"b\":\"y\"}}");
}

struct write_row {
    const char *name;
    struct str text;
    const char *expected;
};

static const struct write_row write_rows[] = {
    {"slash stays", STR_INIT("a/b"), "\"a/b\""},
    {"quote and backslash", STR_INIT("\"\\"), "\"\\\"\\\\\""},
    {"controls", STR_INIT("\b\f\n\r\t\x01\x1f"), "\"\\b\\f\\n\\r\\t\\u0001\\u001f\""},
    {"NUL", STR_INIT("a\0b"), "\"a\\u0000b\""},
    {"not UTF-8 becomes U+FFFD", STR_INIT("a\xff\xc3z"), "\"a\xef\xbf\xbd\xef\xbf\xbdz\""},
    {"UTF-8 stays", STR_INIT("\xf0\x9f\x98\x80"), "\"\xf0\x9f\x98\x80\""},
    {"empty", STR_INIT(""), "\"\""},
};

static void check_write(void **state)
{
    const struct write_row *row = *state;
    CLEANUP(json_freep) struct json *json = json_new_text(row->text);
    assert_written(json, row->expected);
}

struct f64_row {
    const char *name;
    double number;
    const char *expected;
};

static const struct f64_row f64_rows[] = {
    {"whole", 3, "3.0"},
    {"negative", -0.5, "-0.5"},
    {"third", 1.0 / 3, "0.3333333333333333"},
    {"tenth", 0.1, "0.1"},
    {"large", 1e22, "1e+22"},
    {"smallest", 5e-324, "4.94065645841247e-324"},
    {"minus zero", -0.0, "-0.0"},
};

static void check_f64(void **state)
{
    const struct f64_row *row = *state;
    CLEANUP(json_freep) struct json *json = json_new_f64(row->number);
    assert_written(json, row->expected);
    CLEANUP(json_freep) struct json *again = parsed(row->expected);
    assert_int_equal(json_type(again), JSON_NUMBER);
    double back = json_f64(again, 1);
    assert_memory_equal(&back, &row->number, sizeof(back));
}

static void pretty_is_indented_by_two(void **state UNUSED)
{
    CLEANUP(json_freep)
    struct json *json = parsed("{\"a\":1,\"b\":[2,{\"c\":3}],\"d\":{},\"e\":[]}");
    CLEANUP(buf_deinit) struct buf out = {0};
    json_write_pretty(json, &out);
    assert_string_equal(buf_c(&out), "{\n  \"a\": 1,\n  \"b\": [\n    2,\n    {\n      \"c\": 3\n"
                                     "    }\n  ],\n  \"d\": {},\n  \"e\": []\n}");
}

static void a_full_buffer_says_so(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *json = parsed("[1,2,3]");
    CLEANUP(buf_deinit) struct buf out = {.max = 4};
    json_write(json, &out);
    assert_true(out.overflowed);
}

static void type_words(void **state UNUSED)
{
    assert_string_equal(json_type_text(JSON_NULL), "null");
    assert_string_equal(json_type_text(JSON_TEXT), "a string");
    assert_string_equal(json_type_text(JSON_INTEGER), "an integer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_member_is_told_from_none),
        cmocka_unit_test(names_of_any_length_are_found),
        cmocka_unit_test(each_of_any_number_of_members_is_found),
        cmocka_unit_test(members_come_in_their_order),
        cmocka_unit_test(elements_past_the_end_are_none),
        cmocka_unit_test(setters_build_and_replace),
        cmocka_unit_test(copy_shares_nothing),
        cmocka_unit_test(copy_of_a_part_can_be_owned),
        cmocka_unit_test(pretty_is_indented_by_two),
        cmocka_unit_test(a_full_buffer_says_so),
        cmocka_unit_test(type_words),
    };
    return RUN_ROWS(path_rows, check_path) + RUN_ROWS(read_rows, check_read) +
           RUN_ROWS(write_rows, check_write) + RUN_ROWS(f64_rows, check_f64) +
           cmocka_run_group_tests(tests, NULL, NULL);
}
