/* What the reader takes, and what it refuses and why. */
#include "common/json.h"

#include "rows.h"

#include <locale.h>
#include <stdio.h>

struct good_row {
    const char *name;
    struct str input;
    const char *expected; /* written again, compact */
};

static const struct good_row good_rows[] = {
    {"object", STR_INIT("{\"a\":1,\"b\":[true,false,null]}"), "{\"a\":1,\"b\":[true,false,null]}"},
    {"white space everywhere", STR_INIT(" \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n"),
     "{\"a\":[1,2],\"b\":{}}"},
    {"order of members stays", STR_INIT("{\"b\":1,\"a\":2}"), "{\"b\":1,\"a\":2}"},
    {"empty array", STR_INIT("[ ]"), "[]"},
    {"a number alone", STR_INIT("7"), "7"},
    {"a string alone", STR_INIT("\"x\""), "\"x\""},
    {"null alone", STR_INIT("null"), "null"},
    {"largest integer", STR_INIT("9223372036854775807"), "9223372036854775807"},
    {"smallest integer", STR_INIT("-9223372036854775808"), "-9223372036854775808"},
    {"minus zero", STR_INIT("-0"), "0"},
    {"fraction", STR_INIT("0.1"), "0.1"},
    {"a fraction stays a fraction", STR_INIT("3600.0"), "3600.0"},
    {"exponents", STR_INIT("[1e3,1E+2,25e-1]"), "[1000.0,100.0,2.5]"},
    {"largest double", STR_INIT("1.7976931348623157e308"), "1.7976931348623157e+308"},
    {"too small for a double is nothing", STR_INIT("1e-999"), "0.0"},
    {"escapes", STR_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\""), "\"\\\"\\\\/\\b\\f\\n\\r\\tA\""},
    {"escape in upper and lower hex", STR_INIT("\"\\u00e4\\u00E4\""), "\"\xc3\xa4\xc3\xa4\""},
    {"surrogate pair", STR_INIT("\"\\ud83d\\uDE00\""), "\"\xf0\x9f\x98\x80\""},
    {"last code point", STR_INIT("\"\\udbff\\udfff\""), "\"\xf4\x8f\xbf\xbf\""},
    {"three bytes from an escape", STR_INIT("\"\\u20ac\""), "\"\xe2\x82\xac\""},
    {"NUL in a value", STR_INIT("\"a\\u0000b\""), "\"a\\u0000b\""},
    {"UTF-8 as it is", STR_INIT("{\"\xc3\xa4\":\"\xe2\x82\xac\"}"),
     "{\"\xc3\xa4\":\"\xe2\x82\xac\"}"},
    {"DEL is no control character to JSON", STR_INIT("\"\x7f\""), "\"\x7f\""},
    {"empty name", STR_INIT("{\"\":1}"), "{\"\":1}"},
    {"same name at another level", STR_INIT("{\"a\":{\"a\":{\"a\":1}}}"),
     "{\"a\":{\"a\":{\"a\":1}}}"},
    {"names that differ in case", STR_INIT("{\"a\":1,\"A\":2}"), "{\"a\":1,\"A\":2}"},
    {"escaped name", STR_INIT("{\"a\\n\":1}"), "{\"a\\n\":1}"},
    {"name and value both escaped", STR_INIT("{\"\\u0061\":\"\\u0062\",\"c\":\"\\u0064\"}"),
     "{\"a\":\"b\",\"c\":\"d\"}"},
    {"special byte at each place of a word", STR_INIT("[\"1234567\\n\",\"123456\\n8\",\"\\n\"]"),
     "[\"1234567\\n\",\"123456\\n8\",\"\\n\"]"},
    {"NUL behind the name's start is data of a value", STR_INIT("{\"a\":\"\\u0000\"}"),
     "{\"a\":\"\\u0000\"}"},
};

static void check_good(void **state)
{
    const struct good_row *row = *state;
    CLEANUP(json_freep) struct json *json = NULL;
    struct error err = {0};
    enum json_fault fault = JSON_FAULT_SYNTAX;
    if (json_parse_fault(row->input, JSON_LIMITS_DEFAULT, &json, &fault, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(fault, JSON_FAULT_NONE);
    CLEANUP(buf_deinit) struct buf out = {0};
    json_write(json, &out);
    assert_string_equal(buf_c(&out), row->expected);
}

struct bad_row {
    const char *name;
    struct str input;
    enum json_fault fault;
    size_t at; /* byte offset that the error names */
};

static const struct bad_row bad_rows[] = {
    {"nothing", STR_INIT(""), JSON_FAULT_EMPTY, 0},
    {"only white space", STR_INIT(" \n"), JSON_FAULT_EMPTY, 2},
    {"cut object", STR_INIT("{\"a\":1"), JSON_FAULT_TRUNCATED, 6},
    {"cut behind a brace", STR_INIT("{"), JSON_FAULT_TRUNCATED, 1},
    {"cut behind a colon", STR_INIT("{\"a\":"), JSON_FAULT_TRUNCATED, 5},
    {"cut behind a comma", STR_INIT("[1,"), JSON_FAULT_TRUNCATED, 3},
    {"cut string", STR_INIT("\"abc"), JSON_FAULT_TRUNCATED, 4},
    {"cut escape", STR_INIT("\"abc\\"), JSON_FAULT_TRUNCATED, 5},
    {"cut hex", STR_INIT("\"\\u00"), JSON_FAULT_TRUNCATED, 5},
    {"cut surrogate pair", STR_INIT("\"\\ud83d\\u"), JSON_FAULT_TRUNCATED, 1},
    {"cut word", STR_INIT("tru"), JSON_FAULT_TRUNCATED, 3},
    {"only a sign", STR_INIT("-"), JSON_FAULT_TRUNCATED, 1},
    {"cut fraction", STR_INIT("1."), JSON_FAULT_TRUNCATED, 2},
    {"cut exponent", STR_INIT("1e+"), JSON_FAULT_TRUNCATED, 3},

    {"a word", STR_INIT("hello"), JSON_FAULT_SYNTAX, 0},
    {"HTML", STR_INIT("<html>"), JSON_FAULT_SYNTAX, 0},
    {"byte order mark", STR_INIT("\xef\xbb\xbf{}"), JSON_FAULT_SYNTAX, 0},
    {"NUL", STR_INIT("\0"), JSON_FAULT_SYNTAX, 0},
    {"single quotes", STR_INIT("{'a':1}"), JSON_FAULT_SYNTAX, 1},
    {"single quotes round a value", STR_INIT("['a']"), JSON_FAULT_SYNTAX, 1},
    {"bare name", STR_INIT("{a:1}"), JSON_FAULT_SYNTAX, 1},
    {"number as a name", STR_INIT("{1:1}"), JSON_FAULT_SYNTAX, 1},
    {"comment", STR_INIT("/* */{}"), JSON_FAULT_SYNTAX, 0},
    {"line comment", STR_INIT("{}//"), JSON_FAULT_SYNTAX, 2},
    {"True", STR_INIT("True"), JSON_FAULT_SYNTAX, 0},
    {"NULL", STR_INIT("NULL"), JSON_FAULT_SYNTAX, 0},
    {"NaN", STR_INIT("NaN"), JSON_FAULT_SYNTAX, 0},
    {"Infinity", STR_INIT("-Infinity"), JSON_FAULT_SYNTAX, 1},
    {"plus sign", STR_INIT("+1"), JSON_FAULT_SYNTAX, 0},
    {"leading zero", STR_INIT("01"), JSON_FAULT_SYNTAX, 0},
    {"leading zero behind a sign", STR_INIT("-01"), JSON_FAULT_SYNTAX, 1},
    {"leading point", STR_INIT(".5"), JSON_FAULT_SYNTAX, 0},
    {"no digit behind the point", STR_INIT("[1.]"), JSON_FAULT_SYNTAX, 3},
    {"hex number", STR_INIT("0x1"), JSON_FAULT_SYNTAX, 1},
    {"empty exponent", STR_INIT("[1e]"), JSON_FAULT_SYNTAX, 3},
    {"trailing comma in an array", STR_INIT("[1,]"), JSON_FAULT_SYNTAX, 3},
    {"trailing comma in an object", STR_INIT("{\"a\":1,}"), JSON_FAULT_SYNTAX, 7},
    {"comma first", STR_INIT("[,1]"), JSON_FAULT_SYNTAX, 1},
    {"no comma", STR_INIT("[1 2]"), JSON_FAULT_SYNTAX, 3},
    {"no colon", STR_INIT("{\"a\" 1}"), JSON_FAULT_SYNTAX, 5},
    {"no value", STR_INIT("{\"a\":}"), JSON_FAULT_SYNTAX, 5},
    {"wrong bracket", STR_INIT("[1}"), JSON_FAULT_SYNTAX, 2},
    {"bytes behind the end", STR_INIT("{} x"), JSON_FAULT_SYNTAX, 3},
    {"two texts", STR_INIT("{}{}"), JSON_FAULT_SYNTAX, 2},
    {"NUL behind the end", STR_INIT("{}\0"), JSON_FAULT_SYNTAX, 2},
    {"form feed as white space", STR_INIT("\f{}"), JSON_FAULT_SYNTAX, 0},
    {"unknown escape", STR_INIT("\"\\x41\""), JSON_FAULT_SYNTAX, 2},
    {"escaped single quote", STR_INIT("\"\\'\""), JSON_FAULT_SYNTAX, 2},
    {"hex with a stranger", STR_INIT("\"\\u00g0\""), JSON_FAULT_SYNTAX, 5},
    {"raw line break in a string", STR_INIT("\"a\nb\""), JSON_FAULT_SYNTAX, 2},
    {"raw tab in a string", STR_INIT("\"a\tb\""), JSON_FAULT_SYNTAX, 2},
    {"raw NUL in a string", STR_INIT("\"a\0b\""), JSON_FAULT_SYNTAX, 2},
    {"raw control character deep in a run", STR_INIT("\"0123456789abcde\x1f\""), JSON_FAULT_SYNTAX,
     16},

    {"duplicate", STR_INIT("{\"a\":1,\"a\":2}"), JSON_FAULT_DUPLICATE_MEMBER, 7},
    {"duplicate of null", STR_INIT("{\"a\":null,\"a\":null}"), JSON_FAULT_DUPLICATE_MEMBER, 10},
    {"duplicate inside", STR_INIT("[{\"x\":{\"a\":1,\"b\":1,\"a\":2}}]"),
     JSON_FAULT_DUPLICATE_MEMBER, 19},
    {"duplicate under another spelling", STR_INIT("{\"a\":1,\"\\u0061\":2}"),
     JSON_FAULT_DUPLICATE_MEMBER, 7},
    {"duplicate empty name", STR_INIT("{\"\":1,\"\":2}"), JSON_FAULT_DUPLICATE_MEMBER, 6},
    {"duplicate behind an object", STR_INIT("{\"a\":{\"b\":1},\"a\":2}"),
     JSON_FAULT_DUPLICATE_MEMBER, 13},

    {"stray byte", STR_INIT("\"a\xff\""), JSON_FAULT_UTF8, 2},
    {"overlong form", STR_INIT("\"\xc0\xaf\""), JSON_FAULT_UTF8, 1},
    {"surrogate in UTF-8", STR_INIT("\"\xed\xa0\x80\""), JSON_FAULT_UTF8, 1},
    {"cut character", STR_INIT("\"\xe2\x82\""), JSON_FAULT_UTF8, 1},
    {"in a name", STR_INIT("{\"\xff\":1}"), JSON_FAULT_UTF8, 2},
    {"behind an escape", STR_INIT("\"\\n\xff\""), JSON_FAULT_UTF8, 3},
    {"character split by an escape", STR_INIT("\"\xc3\\u0041\xa4\""), JSON_FAULT_UTF8, 1},

    {"integer past 64 bits", STR_INIT("9223372036854775808"), JSON_FAULT_NUMBER_RANGE, 0},
    {"integer far past 64 bits", STR_INIT("[99999999999999999999999]"), JSON_FAULT_NUMBER_RANGE, 1},
    {"integer below 64 bits", STR_INIT("-9223372036854775809"), JSON_FAULT_NUMBER_RANGE, 0},
    {"double too large", STR_INIT("1e309"), JSON_FAULT_NUMBER_RANGE, 0},
    {"double too small", STR_INIT("-1e309"), JSON_FAULT_NUMBER_RANGE, 0},

    {"NUL in a name", STR_INIT("{\"a\\u0000b\":1}"), JSON_FAULT_NUL_IN_NAME, 1},
    {"high surrogate alone", STR_INIT("\"\\ud83d\""), JSON_FAULT_LONE_SURROGATE, 1},
    {"high surrogate before a letter", STR_INIT("\"\\ud83dx\""), JSON_FAULT_LONE_SURROGATE, 1},
    {"high surrogate before another escape", STR_INIT("\"\\ud83d\\n\""), JSON_FAULT_LONE_SURROGATE,
     1},
    {"two high surrogates", STR_INIT("\"\\ud83d\\ud83d\""), JSON_FAULT_LONE_SURROGATE, 1},
    {"two low surrogates", STR_INIT("\"\\ude00\\ude00\""), JSON_FAULT_LONE_SURROGATE, 1},
    {"low surrogate alone", STR_INIT("\"\\ude00\""), JSON_FAULT_LONE_SURROGATE, 1},
    {"surrogates in the wrong order", STR_INIT("\"\\ude00\\ud83d\""), JSON_FAULT_LONE_SURROGATE, 1},
    {"in a name too", STR_INIT("{\"\\ud83d\":1}"), JSON_FAULT_LONE_SURROGATE, 2},
};

static void check_bad(void **state)
{
    const struct bad_row *row = *state;
    struct json *json = NULL;
    struct error err = {0};
    enum json_fault fault = JSON_FAULT_NONE;
    assert_int_equal(json_parse_fault(row->input, JSON_LIMITS_DEFAULT, &json, &fault, &err),
                     STATUS_INVALID);
    assert_null(json);
    assert_int_equal(fault, row->fault);
    char where[32];
    snprintf(where, sizeof(where), ", byte %zu: ", row->at);
    if (strstr(err.text, where) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", where, err.text);
}

struct limit_row {
    const char *name;
    struct json_limits limits;
    struct str input;
    enum json_fault fault;
};

static const struct limit_row limit_rows[] = {
    {"depth at the limit", {100, 3, 100}, STR_INIT("[[{}]]"), JSON_FAULT_NONE},
    {"one deeper", {100, 3, 100}, STR_INIT("[[{\"a\":[]}]]"), JSON_FAULT_TOO_DEEP},
    {"depth is not a count", {100, 2, 100}, STR_INIT("[[],[],[],{}]"), JSON_FAULT_NONE},
    {"no depth at all takes a scalar", {100, 0, 100}, STR_INIT("1"), JSON_FAULT_NONE},
    {"no depth at all takes no array", {100, 0, 100}, STR_INIT("[]"), JSON_FAULT_TOO_DEEP},
    {"bytes at the limit", {4, 3, 100}, STR_INIT("[12]"), JSON_FAULT_NONE},
    {"one byte more", {4, 3, 100}, STR_INIT("[123]"), JSON_FAULT_TOO_LARGE},
    {"white space counts as bytes", {4, 3, 100}, STR_INIT("[12] "), JSON_FAULT_TOO_LARGE},
    {"values at the limit", {100, 3, 3}, STR_INIT("[1,{\"a\":2}]"), JSON_FAULT_NONE},
    {"one value more", {100, 3, 3}, STR_INIT("[1,{\"a\":2},3]"), JSON_FAULT_TOO_LARGE},
};

static void check_limit(void **state)
{
    const struct limit_row *row = *state;
    CLEANUP(json_freep) struct json *json = NULL;
    enum json_fault fault = JSON_FAULT_NONE;
    enum status status = json_parse_fault(row->input, row->limits, &json, &fault, NULL);
    assert_int_equal(fault, row->fault);
    assert_int_equal(status, row->fault == JSON_FAULT_NONE ? STATUS_OK : STATUS_INVALID);
}

static void depth_100_is_refused_and_frees_all(void **state UNUSED)
{
    char text[200];
    memset(text, '[', 100);
    memset(text + 100, ']', 100);
    struct json *json = NULL;
    enum json_fault fault = JSON_FAULT_NONE;
    enum status status = json_parse_fault((struct str){.data = text, .len = sizeof(text)},
                                          JSON_LIMITS_DEFAULT, &json, &fault, NULL);
    assert_int_equal(status, STATUS_INVALID);
    assert_int_equal(fault, JSON_FAULT_TOO_DEEP);
}

/** {"m0":0,"m1":1,…} */
static void write_many_members(size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s\"m%zu\":%zu", i == 0 ? "{" : ",", i, i);
    buf_append(out, STR("}"));
}

static void many_members_are_all_there(void **state UNUSED)
{
    enum { COUNT = 50000 };
    CLEANUP(buf_deinit) struct buf text = {0};
    write_many_members(COUNT, &text);
    CLEANUP(json_freep) struct json *json = NULL;
    assert_int_equal(json_parse(buf_str(&text), JSON_LIMITS_DEFAULT, &json, NULL), STATUS_OK);
    assert_int_equal(json_count(json), COUNT);
    assert_int_equal(json_i64(json_get(json, "m49999"), -1), 49999);
}

static void duplicate_among_many_is_found(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    write_many_members(50000, &text);
    text.len--;
    buf_append(&text, STR(",\"m25000\":0}"));
    struct json *json = NULL;
    enum json_fault fault = JSON_FAULT_NONE;
    assert_int_equal(json_parse_fault(buf_str(&text), JSON_LIMITS_DEFAULT, &json, &fault, NULL),
                     STATUS_INVALID);
    assert_int_equal(fault, JSON_FAULT_DUPLICATE_MEMBER);
}

static void number_of_many_digits_is_refused(void **state UNUSED)
{
    char text[1000];
    memset(text, '1', sizeof(text));
    text[1] = '.';
    struct json *json = NULL;
    enum json_fault fault = JSON_FAULT_NONE;
    enum status status = json_parse_fault((struct str){.data = text, .len = sizeof(text)},
                                          JSON_LIMITS_DEFAULT, &json, &fault, NULL);
    assert_int_equal(status, STATUS_INVALID);
    assert_int_equal(fault, JSON_FAULT_NUMBER_RANGE);
}

static void locale_changes_nothing(void **state UNUSED)
{
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL)
        skip(); /* not on this machine */
    CLEANUP(json_freep) struct json *json = NULL;
    assert_int_equal(json_parse(STR("[0.5]"), JSON_LIMITS_DEFAULT, &json, NULL), STATUS_OK);
    CLEANUP(buf_deinit) struct buf out = {0};
    json_write(json, &out);
    setlocale(LC_NUMERIC, "C");
    assert_string_equal(buf_c(&out), "[0.5]");
}

static void error_names_the_line_and_no_content(void **state UNUSED)
{
    struct json *json = NULL;
    struct error err = {0};
    assert_int_equal(
        json_parse(STR("{\n\"t\": \"hunter2\",\n'x'"), JSON_LIMITS_DEFAULT, &json, &err),
        STATUS_INVALID);
    assert_string_equal(err.text,
                        "JSON, line 3, byte 18: expected a member's name in double quotes");
}

static void absent_text_is_empty(void **state UNUSED)
{
    struct json *json = NULL;
    enum json_fault fault = JSON_FAULT_NONE;
    assert_int_equal(json_parse_fault(STR_NONE, JSON_LIMITS_DEFAULT, &json, &fault, NULL),
                     STATUS_INVALID);
    assert_int_equal(fault, JSON_FAULT_EMPTY);
}

/** At any place of a text, however long. */
static void what_a_text_can_not_hold_is_found_anywhere(void **state UNUSED)
{
    enum { LONG = 140 };
    static const struct {
        const char *bytes;
        enum json_fault fault;
    } rows[] = {
        {"\x1f", JSON_FAULT_SYNTAX}, {"\n", JSON_FAULT_SYNTAX},     {"\"", JSON_FAULT_SYNTAX},
        {"\x80", JSON_FAULT_UTF8},   {"\xc0\xaf", JSON_FAULT_UTF8}, {"\\x", JSON_FAULT_SYNTAX},
        {"\\\"", JSON_FAULT_NONE},   {"\xc3\xa9", JSON_FAULT_NONE}, {"\x7f", JSON_FAULT_NONE},
        {" ", JSON_FAULT_NONE},      {"!", JSON_FAULT_NONE},        {"#", JSON_FAULT_NONE},
        {"[", JSON_FAULT_NONE},      {"]", JSON_FAULT_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows) * (LONG + 1); i++) {
        size_t row = i / (LONG + 1), at = i % (LONG + 1);
        CLEANUP(buf_deinit) struct buf text = {0};
        CLEANUP(json_freep) struct json *json = NULL;
        buf_append_byte(&text, '"');
        for (size_t j = 0; j < LONG; j++) {
            if (j == at)
                buf_append(&text, str_c(rows[row].bytes));
            buf_append_byte(&text, 'a');
        }
        buf_append(&text, at == LONG ? str_c(rows[row].bytes) : STR(""));
        buf_append_byte(&text, '"');
        enum json_fault fault = JSON_FAULT_NONE;
        enum status status =
            json_parse_fault(buf_str(&text), JSON_LIMITS_DEFAULT, &json, &fault, NULL);
        assert_int_equal(status == STATUS_OK, rows[row].fault == JSON_FAULT_NONE);
        assert_int_equal(fault, rows[row].fault);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depth_100_is_refused_and_frees_all),
        cmocka_unit_test(many_members_are_all_there),
        cmocka_unit_test(duplicate_among_many_is_found),
        cmocka_unit_test(number_of_many_digits_is_refused),
        cmocka_unit_test(locale_changes_nothing),
        cmocka_unit_test(error_names_the_line_and_no_content),
        cmocka_unit_test(absent_text_is_empty),
        cmocka_unit_test(what_a_text_can_not_hold_is_found_anywhere),
    };
    return RUN_ROWS(good_rows, check_good) + RUN_ROWS(bad_rows, check_bad) +
           RUN_ROWS(limit_rows, check_limit) + cmocka_run_group_tests(tests, NULL, NULL);
}
