#include "common/log.h"

#include "rows.h"

#include <unistd.h>

/** A sink that counts, and keeps what it got last. */
struct seen {
    size_t count;
    enum log_level level;
    char event[32];
    size_t field_count;
};

static void keep(void *ctx, const struct log_record *record)
{
    struct seen *seen = ctx;
    seen->count++;
    seen->level = record->level;
    seen->field_count = record->field_count;
    str_copy_cut(str_c(record->event), seen->event, sizeof(seen->event));
}

static void less_urgent_lines_are_dropped(void **state UNUSED)
{
    struct seen seen = {0};
    const struct log log = {.level = LOG_LEVEL_NOTICE, .ctx = &seen, .write = keep};
    log_plain(&log, LOG_LEVEL_INFO, "a.b", "not shown");
    assert_int_equal(seen.count, 0);
    log_plain(&log, LOG_LEVEL_NOTICE, "a.b", "shown");
    log_write(&log, LOG_LEVEL_ERROR, "c.d", "shown", LOG_TEXT("k", STR("v")), LOG_I64("n", 7));
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.level, LOG_LEVEL_ERROR);
    assert_string_equal(seen.event, "c.d");
    assert_int_equal(seen.field_count, 2);
    log_plain(NULL, LOG_LEVEL_ERROR, "a.b", "nobody listens");
}

struct line_row {
    const char *name;
    const char *message;
    struct log_field field;
    const char *expected;
};

static const struct line_row line_rows[] = {
    {"number",
     "done",
     {.name = "took_ms", .number = -3, .is_number = true},
     "info a.b done took_ms=-3\n"},
    {"word",
     "done",
     {.name = "connection", .text = STR_INIT("c-81f2")},
     "info a.b done connection=c-81f2\n"},
    {"blanks are quoted",
     "done",
     {.name = "k", .text = STR_INIT("a b")},
     "info a.b done k=\"a b\"\n"},
    {"a value forges no field",
     "done",
     {.name = "k", .text = STR_INIT("a=b")},
     "info a.b done k=\"a=b\"\n"},
    {"a value forges no quote",
     "done",
     {.name = "k", .text = STR_INIT("a\" x=\"b")},
     "info a.b done k=\"a\\x22 x=\\x22b\"\n"},
    {"a value forges no line",
     "done",
     {.name = "k", .text = STR_INIT("a\nerror")},
     "info a.b done k=a\\x0aerror\n"},
    {"a message forges no line",
     "do\nne",
     {.name = "k", .text = STR_INIT("v")},
     "info a.b do\\x0ane k=v\n"},
    {"absent", "done", {.name = "k"}, "info a.b done k=\"\"\n"},
};

static void check_line(void **state)
{
    const struct line_row *row = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int before = dup(STDERR_FILENO);
    assert_true(before >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    const struct log log = {.level = LOG_LEVEL_INFO, .write = log_write_stderr};
    log_record(&log, LOG_LEVEL_INFO, "a.b", row->message, &row->field, 1);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    close(ends[1]);
    char line[256] = "";
    assert_true(read(ends[0], line, sizeof(line) - 1) > 0);
    close(ends[0]);
    assert_string_equal(line, row->expected);
}

static void levels_there_and_back(void **state UNUSED)
{
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        enum log_level back;
        assert_int_equal(log_level_parse(str_c(log_level_text((enum log_level)level)), &back),
                         STATUS_OK);
        assert_int_equal(back, level);
    }
    enum log_level back;
    assert_int_equal(log_level_parse(STR("loud"), &back), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(less_urgent_lines_are_dropped),
        cmocka_unit_test(levels_there_and_back),
    };
    return RUN_ROWS(line_rows, check_line) + cmocka_run_group_tests(tests, NULL, NULL);
}
