#include "ctl/style.h"
#include "ctl/table.h"
#include "ctl/text.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void measures(void **state UNUSED)
{
    static const struct {
        const char *name, *text;
        size_t width;
    } rows[] = {
        {"empty", "", 0},
        {"ASCII", "active", 6},
        {"an umlaut", "M\xc3\xbcller", 6},
        {"a combining accent", "e\xcc\x81", 1},
        {"CJK is two wide", "\xe6\x97\xa5\xe6\x9c\xac", 4},
        {"an emoji is two wide", "\xf0\x9f\x98\x80", 2},
        {"a joiner takes nothing",
         "a\xe2\x80\x8d"
         "b",
         2},
        {"a stray byte takes one",
         "\xff"
         "a",
         2},
        {"a character cut short", "\xe6\x97", 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].name);
        assert_int_equal(text_width(str_c(rows[i].text)), rows[i].width);
    }
}

static void cleans(void **state UNUSED)
{
    static const struct {
        const char *name, *text, *clean;
    } rows[] = {
        {"plain", "Ana M\xc3\xbcller", "Ana M\xc3\xbcller"},
        {"an escape sequence", "\x1b[2J", "\\x1b[2J"},
        {"a newline", "a\nb", "a\\x0ab"},
        {"a C1 control",
         "\xc2\x9b"
         "2J",
         "\\xc2\\x9b2J"},
        {"a direction override",
         "\xe2\x80\xae"
         "exe",
         "\\xe2\\x80\\xaeexe"},
        {"a stray byte", "\xff", "\\xff"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].name);
        CLEANUP(buf_deinit) struct buf out = {0};
        text_clean(str_c(rows[i].text), &out);
        assert_string_equal(buf_c(&out), rows[i].clean);
    }
}

static void says_times(void **state UNUSED)
{
    static const struct {
        const char *name;
        int64_t apart_ms;
        const char *said;
    } rows[] = {
        {"this moment", 0, "now"},
        {"less than half a second", 499, "now"},
        {"seconds", 42000, "in 42 s"},
        {"seconds that round up to a minute", 59600, "in 1 min"},
        {"almost five minutes", 299000, "in 5 min"},
        {"minutes ago", -240000, "4 min ago"},
        {"hours ago", -7200000, "2 h ago"},
        {"a day is told in hours", 86400000, "in 24 h"},
        {"days", 3 * 86400000LL, "in 3 days"},
        {"years", -800 * 86400000LL, "2 years ago"},
        {"the end of time", INT64_MAX - 2000, "in 292471208 years"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].name);
        CLEANUP(buf_deinit) struct buf out = {0};
        text_relative(1000 + rows[i].apart_ms, 1000, &out);
        assert_string_equal(buf_c(&out), rows[i].said);
    }
}

static void wraps(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    text_wrap(STR("one two three four"), 4, 4, 12, &out);
    assert_string_equal(buf_c(&out), "one two\n    three\n    four");
}

static void aligns_by_width(void **state UNUSED)
{
    static const char *const headings[] = {"NAME", "EMPTY", "STATE", "NOTE"};
    CLEANUP(table_deinit) struct table table = table_new(headings, ARRAY_LEN(headings));
    table_cell(&table, STR("\xe6\x97\xa5\xe6\x9c\xac"), STYLE_PLAIN);
    table_cell(&table, STR_NONE, STYLE_PLAIN);
    table_cell(&table, STR("active"), STYLE_GREEN);
    table_cell(&table, STR("x"), STYLE_PLAIN);
    table_cell(&table, STR("gcal-2"), STYLE_PLAIN);
    table_cell(&table, STR_NONE, STYLE_PLAIN);
    table_cell(&table, STR_NONE, STYLE_PLAIN);
    table_cell(&table, STR_NONE, STYLE_PLAIN);
    CLEANUP(buf_deinit) struct buf out = {0};
    table_write(&table, (struct style){0}, 1, &out);
    assert_string_equal(buf_c(&out), " NAME    STATE   NOTE\n"
                                     " \xe6\x97\xa5\xe6\x9c\xac    active  x\n"
                                     " gcal-2  -\n");
}

static void paints_without_moving(void **state UNUSED)
{
    static const char *const headings[] = {"A", "B"};
    CLEANUP(table_deinit) struct table table = table_new(headings, ARRAY_LEN(headings));
    table_cell(&table, STR("xx"), STYLE_RED);
    table_cell(&table, STR("y"), STYLE_PLAIN);
    CLEANUP(buf_deinit) struct buf out = {0};
    table_write(&table, (struct style){.colour = true}, 0, &out);
    assert_string_equal(buf_c(&out), "\033[1mA\033[0m   \033[1mB\033[0m\n"
                                     "\033[31mxx\033[0m  y\n");
}

static void decides_on_colour(void **state UNUSED)
{
    static const struct {
        const char *name;
        enum style_when when;
        bool terminal;
        const char *no_color, *term;
        bool colour;
    } rows[] = {
        {"a terminal", STYLE_AUTO, true, NULL, "xterm", true},
        {"a pipe", STYLE_AUTO, false, NULL, "xterm", false},
        {"NO_COLOR", STYLE_AUTO, true, "1", "xterm", false},
        {"NO_COLOR that is empty says nothing", STYLE_AUTO, true, "", "xterm", true},
        {"a dumb terminal", STYLE_AUTO, true, NULL, "dumb", false},
        {"always wins", STYLE_ALWAYS, false, "1", "dumb", true},
        {"never wins", STYLE_NEVER, true, NULL, "xterm", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].name);
        assert_int_equal(
            style_wants_colour(rows[i].when, rows[i].terminal, rows[i].no_color, rows[i].term),
            rows[i].colour);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures),          cmocka_unit_test(cleans),
        cmocka_unit_test(says_times),        cmocka_unit_test(wraps),
        cmocka_unit_test(aligns_by_width),   cmocka_unit_test(paints_without_moving),
        cmocka_unit_test(decides_on_colour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
