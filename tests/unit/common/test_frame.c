#include "common/frame.h"

#include "rows.h"

#include <stdio.h>

enum { LINE_MAX = 8 };

struct lines_row {
    const char *name;
    struct str input;
    const char *expected; /* each line as <line>; "!" where it was too long; "~" open at the end */
};

static const struct lines_row lines_rows[] = {
    {"one line", STR_INIT("abc\n"), "<abc>"},
    {"two lines", STR_INIT("a\nb\n"), "<a><b>"},
    {"an open line", STR_INIT("a\nbc"), "<a>~"},
    {"CR LF", STR_INIT("a\r\nb\r\n"), "<a><b>"},
    {"only one CR is dropped", STR_INIT("a\r\r\n"), "<a\r>"},
    {"CR inside stays", STR_INIT("a\rb\n"), "<a\rb>"},
    {"empty lines are skipped", STR_INIT("\n\r\n\na\n\n"), "<a>"},
    {"nothing", STR_INIT(""), ""},
    {"longest line", STR_INIT("12345678\n"), "<12345678>"},
    {"longest line with CR", STR_INIT("12345678\r\n"), "<12345678>"},
    {"one byte more", STR_INIT("123456789\n"), "!"},
    {"an open line of one byte more", STR_INIT("1234567890"), "!"},
    {"an open line that may be whole", STR_INIT("12345678\r"), "~"},
    {"whole lines before come first", STR_INIT("a\n1234567890"), "<a>!"},
    {"nothing behind a line too long", STR_INIT("1234567890\na\n"), "!"},
    {"NUL is a byte", STR_INIT("\n"), ""},
};

static void drain(struct frame_reader *reader, struct buf *seen)
{
    struct str line;
    enum frame_result result;
    while ((result = frame_reader_next(reader, &line)) == FRAME_LINE)
        buf_printf(seen, "<" STR_FMT ">", STR_ARG(line));
    if (result == FRAME_TOO_LONG)
        buf_append(seen, STR("!"));
}

/** The same in pieces of every size: where bytes are cut must not matter. */
static void check_lines(void **state)
{
    const struct lines_row *row = *state;
    for (size_t piece = 1; piece <= row->input.len + 1; piece++) {
        CLEANUP(frame_reader_deinit) struct frame_reader reader;
        frame_reader_init(&reader, LINE_MAX);
        CLEANUP(buf_deinit) struct buf seen = {0};
        for (size_t at = 0; at < row->input.len; at += piece) {
            frame_reader_feed(&reader, str_slice(row->input, at, piece));
            drain(&reader, &seen);
        }
        if (frame_reader_is_midline(&reader))
            buf_append(&seen, STR("~"));
        assert_string_equal(buf_c(&seen), row->expected);
    }
}

static void too_long_is_told_once(void **state UNUSED)
{
    CLEANUP(frame_reader_deinit) struct frame_reader reader;
    frame_reader_init(&reader, LINE_MAX);
    frame_reader_feed(&reader, STR("1234567890"));
    struct str line;
    assert_int_equal(frame_reader_next(&reader, &line), FRAME_TOO_LONG);
    frame_reader_feed(&reader, STR("\na\n"));
    assert_int_equal(frame_reader_next(&reader, &line), FRAME_MORE);
    assert_false(frame_reader_is_midline(&reader));
}

static void a_line_stays_until_the_next_call(void **state UNUSED)
{
    CLEANUP(frame_reader_deinit) struct frame_reader reader;
    frame_reader_init(&reader, FRAME_LINE_MAX);
    CLEANUP(buf_deinit) struct buf text = {0};
    for (int i = 0; i < 10000; i++)
        buf_printf(&text, "line %d\n", i);
    frame_reader_feed(&reader, buf_str(&text));
    struct str line;
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(frame_reader_next(&reader, &line), FRAME_LINE);
        char expected[32];
        snprintf(expected, sizeof(expected), "line %d", i);
        assert_str_is(line, str_c(expected));
    }
    assert_int_equal(frame_reader_next(&reader, &line), FRAME_MORE);
}

static void a_line_in_many_pieces_is_scanned_once(void **state UNUSED)
{
    CLEANUP(frame_reader_deinit) struct frame_reader reader;
    frame_reader_init(&reader, FRAME_LINE_MAX);
    struct str line;
    for (int i = 0; i < FRAME_LINE_MAX; i += 64) {
        frame_reader_feed(&reader,
                          STR("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
        assert_int_equal(frame_reader_next(&reader, &line), FRAME_MORE);
        assert_int_equal(reader.scanned, i + 64);
    }
    frame_reader_feed(&reader, STR("\n"));
    assert_int_equal(frame_reader_next(&reader, &line), FRAME_LINE);
    assert_int_equal(line.len, FRAME_LINE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_long_is_told_once),
        cmocka_unit_test(a_line_stays_until_the_next_call),
        cmocka_unit_test(a_line_in_many_pieces_is_scanned_once),
    };
    return RUN_ROWS(lines_rows, check_lines) + cmocka_run_group_tests(tests, NULL, NULL);
}
