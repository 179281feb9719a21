/* Spans: "5min 30s" and back. */
#include "common/time_text.h"

#include "common/assert.h"

#include <stdio.h>

struct unit {
    struct str name;
    int64_t us;
};

#define UNIT_SECOND 1000000LL
#define UNIT_DAY (86400 * UNIT_SECOND)
/* As systemd.time(7) defines them: 30.44 and 365.25 days. */
#define UNIT_MONTH (2629800 * UNIT_SECOND)
#define UNIT_YEAR (31557600 * UNIT_SECOND)

/** The names of systemd.time(7). Case counts: "M" is a month, "m" a minute. */
static const struct unit units[] = {
    {STR_INIT("usec"), 1},
    {STR_INIT("us"), 1},
    {STR_INIT("\xc2\xb5s"), 1}, /* micro sign */
    {STR_INIT("\xce\xbcs"), 1}, /* Greek mu */
    {STR_INIT("msec"), 1000},
    {STR_INIT("ms"), 1000},
    {STR_INIT("seconds"), UNIT_SECOND},
    {STR_INIT("second"), UNIT_SECOND},
    {STR_INIT("sec"), UNIT_SECOND},
    {STR_INIT("s"), UNIT_SECOND},
    {STR_INIT("minutes"), 60 * UNIT_SECOND},
    {STR_INIT("minute"), 60 * UNIT_SECOND},
    {STR_INIT("min"), 60 * UNIT_SECOND},
    {STR_INIT("m"), 60 * UNIT_SECOND},
    {STR_INIT("hours"), 3600 * UNIT_SECOND},
    {STR_INIT("hour"), 3600 * UNIT_SECOND},
    {STR_INIT("hr"), 3600 * UNIT_SECOND},
    {STR_INIT("h"), 3600 * UNIT_SECOND},
    {STR_INIT("days"), UNIT_DAY},
    {STR_INIT("day"), UNIT_DAY},
    {STR_INIT("d"), UNIT_DAY},
    {STR_INIT("weeks"), 7 * UNIT_DAY},
    {STR_INIT("week"), 7 * UNIT_DAY},
    {STR_INIT("w"), 7 * UNIT_DAY},
    {STR_INIT("months"), UNIT_MONTH},
    {STR_INIT("month"), UNIT_MONTH},
    {STR_INIT("M"), UNIT_MONTH},
    {STR_INIT("years"), UNIT_YEAR},
    {STR_INIT("year"), UNIT_YEAR},
    {STR_INIT("y"), UNIT_YEAR},
    {STR_INIT(""), UNIT_SECOND},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct str take_while(struct str *rest, bool digits)
{
    size_t len = 0;
    while (len < rest->len && is_digit(rest->data[len]) == digits && rest->data[len] != ' ' &&
           rest->data[len] != '\t' && rest->data[len] != '.')
        len++;
    struct str taken = str_slice(*rest, 0, len);
    *rest = str_slice(*rest, len, rest->len);
    return taken;
}

static const struct unit *find_unit(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (str_eq(name, units[i].name))
            return &units[i];
    }
    return NULL;
}

/** whole + 0.fraction units, in microseconds; false past INT64_MAX. */
static bool in_us(struct str whole, struct str fraction, const struct unit *unit, int64_t *ret_us)
{
    int64_t count = 0;
    if (whole.len > 0 && str_to_i64(whole, &count) != STATUS_OK)
        return false;
    if (count > INT64_MAX / unit->us)
        return false;
    int64_t us = count * unit->us;
    int64_t step = unit->us;
    for (size_t i = 0; i < fraction.len; i++) {
        int64_t part = (fraction.data[i] - '0') * (step / 10);
        step /= 10;
        if (us > INT64_MAX - part)
            return false;
        us += part;
    }
    *ret_us = us;
    return true;
}

/** One "5min", "1.5 h" or "30" from the front of *rest. */
static bool take_part(struct str *rest, int64_t *ret_us)
{
    struct str whole = take_while(rest, true);
    struct str fraction = STR_NONE;
    if (str_starts_with(*rest, STR("."))) {
        *rest = str_slice(*rest, 1, rest->len);
        fraction = take_while(rest, true);
        if (fraction.len == 0)
            return false;
    }
    if (whole.len == 0 && fraction.len == 0)
        return false;
    *rest = str_trim(*rest);
    const struct unit *unit = find_unit(take_while(rest, false));
    *rest = str_trim(*rest);
    return unit != NULL && in_us(whole, fraction, unit, ret_us);
}

enum status time_text_parse_span(struct str text, int64_t *ret_ms)
{
    text = str_trim(text);
    if (str_eq(text, STR("infinity"))) {
        *ret_ms = INT64_MAX;
        return STATUS_OK;
    }
    if (text.len == 0)
        return STATUS_INVALID;
    int64_t sum_us = 0;
    while (text.len > 0) {
        int64_t us;
        if (!take_part(&text, &us) || sum_us > INT64_MAX - us)
            return STATUS_INVALID;
        sum_us += us;
    }
    *ret_ms = sum_us / 1000;
    return STATUS_OK;
}

void time_text_span(int64_t span_ms, char ret_text[TIME_SPAN_SIZE])
{
    static const struct {
        const char *name;
        int64_t ms;
    } shown[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}};

    if (span_ms == INT64_MAX) {
        int len = snprintf(ret_text, TIME_SPAN_SIZE, "infinity");
        ASSERT(len > 0);
        return;
    }
    const char *sign = span_ms < 0 ? "-" : "";
    uint64_t rest = span_ms < 0 ? 0 - (uint64_t)span_ms : (uint64_t)span_ms;
    size_t first = 0;
    while (first + 1 < ARRAY_LEN(shown) && rest < (uint64_t)shown[first].ms)
        first++;
    uint64_t count = rest / (uint64_t)shown[first].ms;
    rest %= (uint64_t)shown[first].ms;
    int len = snprintf(ret_text, TIME_SPAN_SIZE, "%s%llu%s", sign, (unsigned long long)count,
                       count == 0 ? "s" : shown[first].name);
    ASSERT(len > 0 && len < TIME_SPAN_SIZE);
    if (first + 1 == ARRAY_LEN(shown))
        return;
    count = rest / (uint64_t)shown[first + 1].ms;
    if (count == 0)
        return;
    int more = snprintf(ret_text + len, TIME_SPAN_SIZE - (size_t)len, " %llu%s",
                        (unsigned long long)count, shown[first + 1].name);
    ASSERT(more > 0 && len + more < TIME_SPAN_SIZE);
}
