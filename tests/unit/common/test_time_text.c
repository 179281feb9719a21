#include "common/time_text.h"

#include "rows.h"

#define BAD INT64_MIN /* no time at all */

struct time_row {
    const char *name;
    struct str text;
    int64_t wall_ms;
};

static const struct time_row write_rows[] = {
    {"the epoch", STR_INIT("1970-01-01T00:00:00.000Z"), 0},
    {"milliseconds", STR_INIT("2026-11-23T02:03:04.567Z"), 1795399384567},
    {"before the epoch", STR_INIT("1969-12-31T23:59:59.999Z"), -1},
    {"leap day", STR_INIT("2024-02-29T12:00:00.000Z"), 1709208000000},
    {"leap century", STR_INIT("2000-02-29T00:00:00.000Z"), 951782400000},
    {"no leap century", STR_INIT("1900-03-01T00:00:00.000Z"), -2203891200000},
    {"past 32 bits", STR_INIT("2038-01-19T03:14:08.000Z"), 2147483648000},
    {"first", STR_INIT("0001-01-01T00:00:00.000Z"), -62135596800000},
    {"last", STR_INIT("9999-12-31T23:59:59.999Z"), 253402300799999},
};

static void check_write(void **state)
{
    const struct time_row *row = *state;
    char text[TIME_TEXT_SIZE];
    time_text_rfc3339(row->wall_ms, text);
    assert_str_is(str_c(text), row->text);
    int64_t back = BAD;
    assert_int_equal(time_text_parse_rfc3339(row->text, &back), STATUS_OK);
    assert_true(back == row->wall_ms);
}

static const struct time_row clamp_rows[] = {
    {"too early", STR_INIT("0001-01-01T00:00:00.000Z"), INT64_MIN},
    {"too late", STR_INIT("9999-12-31T23:59:59.999Z"), INT64_MAX},
};

static void check_clamp(void **state)
{
    const struct time_row *row = *state;
    char text[TIME_TEXT_SIZE];
    time_text_rfc3339(row->wall_ms, text);
    assert_str_is(str_c(text), row->text);
}

static const struct time_row rfc3339_rows[] = {
    {"no fraction", STR_INIT("1970-01-01T00:00:01Z"), 1000},
    {"one digit", STR_INIT("1970-01-01T00:00:00.5Z"), 500},
    {"nanoseconds are cut", STR_INIT("1970-01-01T00:00:00.123999999Z"), 123},
    {"offset east", STR_INIT("1970-01-01T02:00:00+02:00"), 0},
    {"offset west", STR_INIT("1969-12-31T18:30:00-05:30"), 0},
    {"unknown offset", STR_INIT("1970-01-01T00:00:00-00:00"), 0},
    {"small letters", STR_INIT("1970-01-01t00:00:00z"), 0},
    {"leap second", STR_INIT("1990-12-31T23:59:60Z"), 662688000000},
    {"no offset", STR_INIT("1970-01-01T00:00:00"), BAD},
    {"no time", STR_INIT("1970-01-01"), BAD},
    {"blank between", STR_INIT("1970-01-01 00:00:00Z"), BAD},
    {"month 13", STR_INIT("1970-13-01T00:00:00Z"), BAD},
    {"month 0", STR_INIT("1970-00-01T00:00:00Z"), BAD},
    {"31 April", STR_INIT("1970-04-31T00:00:00Z"), BAD},
    {"29 February of no leap year", STR_INIT("2023-02-29T00:00:00Z"), BAD},
    {"hour 24", STR_INIT("1970-01-01T24:00:00Z"), BAD},
    {"minute 60", STR_INIT("1970-01-01T00:60:00Z"), BAD},
    {"second 61", STR_INIT("1970-01-01T00:00:61Z"), BAD},
    {"offset without colon", STR_INIT("1970-01-01T00:00:00+0200"), BAD},
    {"offset of a day", STR_INIT("1970-01-01T00:00:00+24:00"), BAD},
    {"empty fraction", STR_INIT("1970-01-01T00:00:00.Z"), BAD},
    {"something behind", STR_INIT("1970-01-01T00:00:00Zx"), BAD},
    {"sign in a number", STR_INIT("1970-+1-01T00:00:00Z"), BAD},
    {"empty", STR_INIT(""), BAD},
    {"absent", {NULL, 0}, BAD},
};

static void check_rfc3339(void **state)
{
    const struct time_row *row = *state;
    int64_t wall_ms = BAD;
    enum status status = time_text_parse_rfc3339(row->text, &wall_ms);
    assert_int_equal(status, row->wall_ms == BAD ? STATUS_INVALID : STATUS_OK);
    assert_true(wall_ms == row->wall_ms);
}

/* The three spellings of one time are RFC 9110 §5.6.7's. */
static const struct time_row http_date_rows[] = {
    {"IMF-fixdate", STR_INIT("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777000},
    {"RFC 850", STR_INIT("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777000},
    {"asctime", STR_INIT("Sun Nov  6 08:49:37 1994"), 784111777000},
    {"asctime, two digits", STR_INIT("Wed Nov 16 08:49:37 1994"), 784975777000},
    {"RFC 850 of this century", STR_INIT("Monday, 23-Nov-26 02:03:04 GMT"), 1795399384000},
    {"wrong weekday is borne", STR_INIT("Mon, 06 Nov 1994 08:49:37 GMT"), 784111777000},
    {"no weekday", STR_INIT("06 Nov 1994 08:49:37 GMT"), BAD},
    {"no such weekday", STR_INIT("Sol, 06 Nov 1994 08:49:37 GMT"), BAD},
    {"no such month", STR_INIT("Sun, 06 Nuv 1994 08:49:37 GMT"), BAD},
    {"other zone", STR_INIT("Sun, 06 Nov 1994 08:49:37 EST"), BAD},
    {"no zone", STR_INIT("Sun, 06 Nov 1994 08:49:37"), BAD},
    {"seconds alone", STR_INIT("120"), BAD},
    {"empty", STR_INIT(""), BAD},
    {"something behind", STR_INIT("Sun Nov  6 08:49:37 1994 GMT"), BAD},
};

static void check_http_date(void **state)
{
    const struct time_row *row = *state;
    int64_t wall_ms = BAD;
    enum status status = time_text_parse_http_date(row->text, &wall_ms);
    assert_int_equal(status, row->wall_ms == BAD ? STATUS_INVALID : STATUS_OK);
    assert_true(wall_ms == row->wall_ms);
}

static void every_day_there_and_back(void **state UNUSED)
{
    char text[TIME_TEXT_SIZE];
    char before[TIME_TEXT_SIZE] = "";
    for (int64_t day = -800000; day < 2900000; day += 13) {
        int64_t wall_ms = day * 86400000 + 1;
        if (wall_ms < -62135596800000 || wall_ms > 253402300799999)
            continue;
        time_text_rfc3339(wall_ms, text);
        assert_true(strcmp(before, text) < 0); /* later times sort behind */
        memcpy(before, text, sizeof(text));
        int64_t back = BAD;
        assert_int_equal(time_text_parse_rfc3339(str_c(text), &back), STATUS_OK);
        assert_true(back == wall_ms);
    }
}

static const struct time_row span_rows[] = {
    {"seconds without a unit", STR_INIT("90"), 90000},
    {"milliseconds", STR_INIT("500ms"), 500},
    {"microseconds are cut", STR_INIT("1999us"), 1},
    {"micro sign", STR_INIT("2000\xc2\xb5s"), 2},
    {"two units", STR_INIT("5min 30s"), 330000},
    {"two units without a blank", STR_INIT("5min30s"), 330000},
    {"blank before the unit", STR_INIT("2 h"), 7200000},
    {"a day", STR_INIT("1d"), 86400000},
    {"days in full", STR_INIT("2 days"), 172800000},
    {"a week", STR_INIT("1w"), 604800000},
    {"m is a minute", STR_INIT("1m"), 60000},
    {"M is a month", STR_INIT("1M"), 2629800000},
    {"a year", STR_INIT("1y"), 31557600000},
    {"fraction", STR_INIT("1.5h"), 5400000},
    {"fraction without a whole", STR_INIT(".5s"), 500},
    {"blanks around", STR_INIT("  7 s  "), 7000},
    {"nothing at all", STR_INIT("0"), 0},
    {"for ever", STR_INIT("infinity"), INT64_MAX},
    {"empty", STR_INIT(""), BAD},
    {"only blanks", STR_INIT("  "), BAD},
    {"only a unit", STR_INIT("s"), BAD},
    {"no such unit", STR_INIT("5 fortnights"), BAD},
    {"unit in capitals", STR_INIT("5S"), BAD},
    {"negative", STR_INIT("-5s"), BAD},
    {"point without digits", STR_INIT("5.s"), BAD},
    {"too long", STR_INIT("999999999999y"), BAD},
    {"too long in sum", STR_INIT("200000y 200000y"), BAD},
};

static void check_span(void **state)
{
    const struct time_row *row = *state;
    int64_t ms = BAD;
    enum status status = time_text_parse_span(row->text, &ms);
    assert_int_equal(status, row->wall_ms == BAD ? STATUS_INVALID : STATUS_OK);
    assert_true(ms == row->wall_ms);
}

static const struct time_row shown_rows[] = {
    {"nothing", STR_INIT("0s"), 0},
    {"milliseconds", STR_INIT("999ms"), 999},
    {"seconds and milliseconds", STR_INIT("1s 500ms"), 1500},
    {"minutes and seconds", STR_INIT("5min 30s"), 330999},
    {"an hour", STR_INIT("1h"), 3600000},
    {"only the two largest", STR_INIT("1d 1h"), 90061000},
    {"a gap is not skipped", STR_INIT("1d"), 86460000},
    {"negative", STR_INIT("-2min"), -120000},
    {"for ever", STR_INIT("infinity"), INT64_MAX},
    {"longest", STR_INIT("106751991167d 7h"), INT64_MAX - 1},
    {"shortest", STR_INIT("-106751991167d 7h"), INT64_MIN},
};

static void check_shown(void **state)
{
    const struct time_row *row = *state;
    char text[TIME_SPAN_SIZE];
    time_text_span(row->wall_ms, text);
    assert_str_is(str_c(text), row->text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_day_there_and_back)};
    return RUN_ROWS(write_rows, check_write) + RUN_ROWS(clamp_rows, check_clamp) +
           RUN_ROWS(rfc3339_rows, check_rfc3339) + RUN_ROWS(http_date_rows, check_http_date) +
           RUN_ROWS(span_rows, check_span) + RUN_ROWS(shown_rows, check_shown) +
           cmocka_run_group_tests(tests, NULL, NULL);
}
