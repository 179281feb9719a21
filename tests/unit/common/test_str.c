#include "common/str.h"

#include "rows.h"

struct compare_row {
    const char *name;
    struct str a, b;
    bool eq, eq_nocase, starts, ends, contains, contains_nocase;
    int order;
};

static const struct compare_row compare_rows[] = {
    {"the same", STR_INIT("abc"), STR_INIT("abc"), true, true, true, true, true, true, 0},
    {"other case", STR_INIT("aBc"), STR_INIT("AbC"), false, true, false, false, false, true, 1},
    {"prefix", STR_INIT("abc"), STR_INIT("ab"), false, false, true, false, true, true, 1},
    {"suffix", STR_INIT("abc"), STR_INIT("bc"), false, false, false, true, true, true, -1},
    {"inside", STR_INIT("abcd"), STR_INIT("bc"), false, false, false, false, true, true, -1},
    {"longer needle", STR_INIT("ab"), STR_INIT("abc"), false, false, false, false, false, false,
     -1},
    {"empty needle", STR_INIT("ab"), STR_INIT(""), false, false, true, true, true, true, 1},
    {"absent needle", STR_INIT("ab"), {NULL, 0}, false, false, true, true, true, true, 1},
    {"both absent", {NULL, 0}, {NULL, 0}, true, true, true, true, true, true, 0},
    {"absent and empty", {NULL, 0}, STR_INIT(""), true, true, true, true, true, true, 0},
    {"NUL counts", STR_INIT("a\0b"), STR_INIT("a\0c"), false, false, false, false, false, false,
     -1},
    {"high bytes are unsigned", STR_INIT("\xff"), STR_INIT("a"), false, false, false, false, false,
     false, 1},
    {"no Unicode case", STR_INIT("\xc3\xa4"), STR_INIT("\xc3\x84"), false, false, false, false,
     false, false, 1},
};

static void check_compare(void **state)
{
    const struct compare_row *row = *state;
    assert_int_equal(str_eq(row->a, row->b), row->eq);
    assert_int_equal(str_eq_nocase(row->a, row->b), row->eq_nocase);
    assert_int_equal(str_starts_with(row->a, row->b), row->starts);
    assert_int_equal(str_ends_with(row->a, row->b), row->ends);
    assert_int_equal(str_contains(row->a, row->b), row->contains);
    assert_int_equal(str_contains_nocase(row->a, row->b), row->contains_nocase);
    int order = str_compare(row->a, row->b);
    assert_int_equal((order > 0) - (order < 0), row->order);
}

struct text_row {
    const char *name;
    struct str input, expected;
};

static const struct text_row trim_rows[] = {
    {"nothing to trim", STR_INIT("a b"), STR_INIT("a b")},
    {"both ends", STR_INIT(" \t\r\n a \v\f "), STR_INIT("a")},
    {"only blanks", STR_INIT("  "), STR_INIT("")},
    {"empty", STR_INIT(""), STR_INIT("")},
};

static void check_trim(void **state)
{
    const struct text_row *row = *state;
    assert_str_is(str_trim(row->input), row->expected);
}

struct slice_row {
    const char *name;
    size_t offset, len;
    struct str expected;
};

static const struct slice_row slice_rows[] = {
    {"inside", 1, 2, STR_INIT("bc")},
    {"up to the end", 2, SIZE_MAX, STR_INIT("cd")},
    {"past the end", 9, 1, STR_INIT("")},
    {"nothing", 0, 0, STR_INIT("")},
};

static void check_slice(void **state)
{
    const struct slice_row *row = *state;
    assert_str_is(str_slice(STR("abcd"), row->offset, row->len), row->expected);
    assert_false(str_is_set(str_slice(STR_NONE, row->offset, row->len)));
}

struct words_row {
    const char *name;
    struct str input;
    const char *expected; /* words joined by '/' */
};

static const struct words_row words_rows[] = {
    {"two words", STR_INIT("openid email"), "openid/email"},
    {"runs of separators", STR_INIT("  a ,, b,"), "a/b"},
    {"one word", STR_INIT("a"), "a"},
    {"none", STR_INIT(" , "), ""},
    {"empty", STR_INIT(""), ""},
    {"absent", {NULL, 0}, ""},
};

static void check_words(void **state)
{
    const struct words_row *row = *state;
    struct str rest = row->input;
    struct str word;
    char joined[64] = "";
    while (str_next_word(&rest, STR(" ,"), &word)) {
        if (joined[0] != '\0')
            strcat(joined, "/");
        strncat(joined, word.data, word.len);
    }
    assert_string_equal(joined, row->expected);
    assert_int_equal(rest.len, 0);
}

struct number_row {
    const char *name;
    struct str input;
    bool i64_good, u64_good;
    int64_t i64;
    uint64_t u64;
};

static const struct number_row number_rows[] = {
    {"zero", STR_INIT("0"), true, true, 0, 0},
    {"minus zero", STR_INIT("-0"), true, false, 0, 0},
    {"leading zeros", STR_INIT("007"), true, true, 7, 7},
    {"largest signed", STR_INIT("9223372036854775807"), true, true, INT64_MAX, INT64_MAX},
    {"one more", STR_INIT("9223372036854775808"), false, true, 0, UINT64_C(9223372036854775808)},
    {"smallest signed", STR_INIT("-9223372036854775808"), true, false, INT64_MIN, 0},
    {"one less", STR_INIT("-9223372036854775809"), false, false, 0, 0},
    {"largest unsigned", STR_INIT("18446744073709551615"), false, true, 0, UINT64_MAX},
    {"past unsigned", STR_INIT("18446744073709551616"), false, false, 0, 0},
    {"empty", STR_INIT(""), false, false, 0, 0},
    {"absent", {NULL, 0}, false, false, 0, 0},
    {"only a sign", STR_INIT("-"), false, false, 0, 0},
    {"two signs", STR_INIT("--1"), false, false, 0, 0},
    {"plus sign", STR_INIT("+1"), false, false, 0, 0},
    {"blank before", STR_INIT(" 1"), false, false, 0, 0},
    {"blank behind", STR_INIT("1 "), false, false, 0, 0},
    {"hex", STR_INIT("0x1"), false, false, 0, 0},
};

static void check_number(void **state)
{
    const struct number_row *row = *state;
    int64_t i64 = 0;
    uint64_t u64 = 0;
    assert_int_equal(str_to_i64(row->input, &i64) == STATUS_OK, row->i64_good);
    assert_int_equal(str_to_u64(row->input, &u64) == STATUS_OK, row->u64_good);
    assert_true(i64 == row->i64);
    assert_true(u64 == row->u64);
}

struct utf8_row {
    const char *name;
    struct str input;
    size_t good; /* bytes from the start that are well-formed */
};

static const struct utf8_row utf8_rows[] = {
    {"ASCII", STR_INIT("abc"), 3},
    {"empty", STR_INIT(""), 0},
    {"NUL is a character", STR_INIT("a\0b"), 3},
    {"two bytes", STR_INIT("\xc2\x80\xdf\xbf"), 4},
    {"three bytes", STR_INIT("\xe0\xa0\x80\xef\xbf\xbf"), 6},
    {"four bytes", STR_INIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), 8},
    {"continuation alone", STR_INIT("a\x80"), 1},
    {"overlong slash, two", STR_INIT("a\xc0\xaf"), 1},
    {"overlong slash, three", STR_INIT("a\xe0\x80\xaf"), 1},
    {"overlong slash, four", STR_INIT("a\xf0\x80\x80\xaf"), 1},
    {"surrogate", STR_INIT("a\xed\xa0\x80"), 1},
    {"last before surrogates", STR_INIT("\xed\x9f\xbf"), 3},
    {"past U+10FFFF", STR_INIT("a\xf4\x90\x80\x80"), 1},
    {"no such lead byte", STR_INIT("a\xf5\x80\x80\x80"), 1},
    {"cut", STR_INIT("ab\xe2\x82"), 2},
    {"third byte wrong", STR_INIT("a\xe2\x82\x28"), 1},
};

static void check_utf8(void **state)
{
    const struct utf8_row *row = *state;
    assert_int_equal(str_utf8_len(row->input), row->good);
    assert_int_equal(str_is_utf8(row->input), row->good == row->input.len);
}

struct cut_row {
    const char *name;
    struct str input;
    size_t size;
    const char *expected;
};

static const struct cut_row cut_rows[] = {
    {"fits", STR_INIT("abc"), 4, "abc"},
    {"cut", STR_INIT("abcd"), 4, "abc"},
    {"only the NUL", STR_INIT("abc"), 1, ""},
    {"absent", {NULL, 0}, 4, ""},
    {"before a cut character", STR_INIT("ab\xe2\x82\xac"), 5, "ab"},
    {"behind a whole character", STR_INIT("\xe2\x82\xac\xe2\x82\xac"), 4, "\xe2\x82\xac"},
    {"four bytes cut at the third", STR_INIT("\xf0\x9f\x98\x80!"), 4, ""},
    {"not UTF-8 at all", STR_INIT("\x80\x80\x80\x80\x80\x80"), 4, "\x80\x80\x80"},
};

static void check_cut(void **state)
{
    const struct cut_row *row = *state;
    char to[16] = "***************";
    str_copy_cut(row->input, to, row->size);
    assert_string_equal(to, row->expected);
}

/** The offset basis, and two vectors of FNV's authors. */
static void hash_is_fnv_1a(void **state UNUSED)
{
    assert_true(str_hash(STR("")) == UINT64_C(0xcbf29ce484222325));
    assert_true(str_hash(STR("a")) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(str_hash(STR("foobar")) == UINT64_C(0x85944171f73967e8));
}

int main(void)
{
    const struct CMUnitTest hash[] = {cmocka_unit_test(hash_is_fnv_1a)};
    int failed = cmocka_run_group_tests_name("hash", hash, NULL, NULL);
    failed += RUN_ROWS(compare_rows, check_compare);
    failed += RUN_ROWS(trim_rows, check_trim);
    failed += RUN_ROWS(slice_rows, check_slice);
    failed += RUN_ROWS(words_rows, check_words);
    failed += RUN_ROWS(number_rows, check_number);
    failed += RUN_ROWS(utf8_rows, check_utf8);
    failed += RUN_ROWS(cut_rows, check_cut);
    return failed;
}
