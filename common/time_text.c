#include "common/time_text.h"

enum { MS_PER_DAY = 86400000 };

/* The proleptic Gregorian calendar repeats every 400 years. Counting years from March puts the
 * leap day at the end, so that the months before it have one formula. */
enum { DAYS_PER_ERA = 146097, DAYS_TO_1970 = 719468 };

static const int64_t wall_ms_min = -62135596800000; /* 0001-01-01T00:00:00.000Z */
static const int64_t wall_ms_max = 253402300799999; /* 9999-12-31T23:59:59.999Z */

struct civil {
    int64_t year;
    int month, day, hour, minute, second, ms;
};

/** Days since 1970-01-01; month 1 to 12. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static void civil_from_days(int64_t days, struct civil *ret)
{
    int64_t shifted = days + DAYS_TO_1970;
    int64_t era = (shifted >= 0 ? shifted : shifted - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t day_of_era = shifted - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (DAYS_PER_ERA - 1)) /
        365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    ret->day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    ret->month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    ret->year = year_of_era + era * 400 + (ret->month <= 2 ? 1 : 0);
}

/** A number of so many digits at *at; goes past it. */
static void put_digits(char **at, int digits, int64_t number)
{
    for (int i = digits - 1; i >= 0; i--, number /= 10)
        (*at)[i] = (char)('0' + number % 10);
    *at += digits;
}

static void put_field(char **at, char before, int digits, int64_t number)
{
    *(*at)++ = before;
    put_digits(at, digits, number);
}

void time_text_rfc3339(int64_t wall_ms, char ret_text[TIME_TEXT_SIZE])
{
    wall_ms = MAX_OF(wall_ms_min, MIN_OF(wall_ms, wall_ms_max));
    int64_t days = (wall_ms >= 0 ? wall_ms : wall_ms - (MS_PER_DAY - 1)) / MS_PER_DAY;
    int rest = (int)(wall_ms - days * MS_PER_DAY);
    struct civil at;
    civil_from_days(days, &at);
    char *end = ret_text;
    put_digits(&end, 4, at.year);
    put_field(&end, '-', 2, at.month);
    put_field(&end, '-', 2, at.day);
    put_field(&end, 'T', 2, rest / 3600000);
    put_field(&end, ':', 2, rest / 60000 % 60);
    put_field(&end, ':', 2, rest / 1000 % 60);
    put_field(&end, '.', 3, rest % 1000);
    *end++ = 'Z';
    *end = '\0';
}

static int days_in_month(int64_t year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

/** Check the ranges and count. A leap second (60) is the first of the next minute. */
static enum status civil_to_ms(const struct civil *at, int64_t *ret_wall_ms)
{
    if (at->month < 1 || at->month > 12 || at->day < 1 ||
        at->day > days_in_month(at->year, at->month))
        return STATUS_INVALID;
    if (at->hour > 23 || at->minute > 59 || at->second > 60)
        return STATUS_INVALID;
    int64_t seconds = (int64_t)at->hour * 3600 + at->minute * 60 + at->second;
    *ret_wall_ms =
        days_from_civil(at->year, at->month, at->day) * MS_PER_DAY + seconds * 1000 + at->ms;
    return STATUS_OK;
}

/** Exactly count digits from the front of *rest. */
static bool take_digits(struct str *rest, size_t count, int *ret)
{
    uint64_t number;
    if (rest->len < count || str_to_u64(str_slice(*rest, 0, count), &number) != STATUS_OK)
        return false;
    *rest = str_slice(*rest, count, rest->len);
    *ret = (int)number;
    return true;
}

static bool take_text(struct str *rest, struct str text)
{
    if (!str_starts_with(*rest, text))
        return false;
    *rest = str_slice(*rest, text.len, rest->len);
    return true;
}

/** "hh:mm:ss" */
static bool take_clock(struct str *rest, struct civil *at)
{
    return take_digits(rest, 2, &at->hour) && take_text(rest, STR(":")) &&
           take_digits(rest, 2, &at->minute) && take_text(rest, STR(":")) &&
           take_digits(rest, 2, &at->second);
}

/** ".567123": what is finer than a millisecond is dropped. */
static bool take_fraction(struct str *rest, int *ret_ms)
{
    if (!take_text(rest, STR(".")))
        return true;
    int weight = 100;
    size_t digits = 0;
    while (digits < rest->len && rest->data[digits] >= '0' && rest->data[digits] <= '9') {
        *ret_ms += (rest->data[digits] - '0') * weight;
        weight /= 10;
        digits++;
    }
    *rest = str_slice(*rest, digits, rest->len);
    return digits > 0;
}

/** "Z" or "+02:00". */
static bool take_offset(struct str *rest, int64_t *ret_offset_ms)
{
    *ret_offset_ms = 0;
    if (take_text(rest, STR("Z")) || take_text(rest, STR("z")))
        return true;
    bool negative = str_starts_with(*rest, STR("-"));
    if (!negative && !str_starts_with(*rest, STR("+")))
        return false;
    *rest = str_slice(*rest, 1, rest->len);
    int hour;
    int minute;
    if (!take_digits(rest, 2, &hour) || !take_text(rest, STR(":")) ||
        !take_digits(rest, 2, &minute) || hour > 23 || minute > 59)
        return false;
    int64_t offset_ms = ((int64_t)hour * 60 + minute) * 60000;
    *ret_offset_ms = negative ? -offset_ms : offset_ms;
    return true;
}

enum status time_text_parse_rfc3339(struct str text, int64_t *ret_wall_ms)
{
    struct civil at = {0};
    int year;
    int64_t offset_ms;
    if (!take_digits(&text, 4, &year) || !take_text(&text, STR("-")) ||
        !take_digits(&text, 2, &at.month) || !take_text(&text, STR("-")) ||
        !take_digits(&text, 2, &at.day))
        return STATUS_INVALID;
    if (!take_text(&text, STR("T")) && !take_text(&text, STR("t")))
        return STATUS_INVALID;
    if (!take_clock(&text, &at) || !take_fraction(&text, &at.ms) ||
        !take_offset(&text, &offset_ms) || text.len > 0)
        return STATUS_INVALID;
    at.year = year;
    int64_t local_ms;
    if (civil_to_ms(&at, &local_ms) != STATUS_OK)
        return STATUS_INVALID;
    *ret_wall_ms = local_ms - offset_ms;
    return STATUS_OK;
}

static bool take_month(struct str *rest, int *ret_month)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++) {
        if (take_text(rest, (struct str){.data = names + (size_t)i * 3, .len = 3})) {
            *ret_month = i + 1;
            return true;
        }
    }
    return false;
}

/** "Sun" or "Sunday"; which day it names is not compared with the date. */
static bool take_weekday(struct str *rest)
{
    static const struct str names[] = {
        STR_INIT("Monday"), STR_INIT("Tuesday"),  STR_INIT("Wednesday"), STR_INIT("Thursday"),
        STR_INIT("Friday"), STR_INIT("Saturday"), STR_INIT("Sunday"),
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (take_text(rest, names[i]) || take_text(rest, str_slice(names[i], 0, 3)))
            return true;
    }
    return false;
}

/** "06 Nov 1994 08:49:37 GMT" (IMF-fixdate) and "06-Nov-94 08:49:37 GMT" (RFC 850). */
static bool take_comma_date(struct str text, struct civil *at)
{
    int year;
    if (!take_digits(&text, 2, &at->day))
        return false;
    bool dashes = str_starts_with(text, STR("-"));
    struct str separator = dashes ? STR("-") : STR(" ");
    if (!take_text(&text, separator) || !take_month(&text, &at->month) ||
        !take_text(&text, separator) || !take_digits(&text, dashes ? 2 : 4, &year))
        return false;
    at->year = !dashes ? year : year < 70 ? 2000 + year : 1900 + year;
    return take_text(&text, STR(" ")) && take_clock(&text, at) && str_eq(text, STR(" GMT"));
}

/** "Nov  6 08:49:37 1994" (asctime) */
static bool take_asctime(struct str text, struct civil *at)
{
    int year;
    if (!take_month(&text, &at->month) || !take_text(&text, STR(" ")))
        return false;
    bool day_is_short = take_text(&text, STR(" "));
    if (!take_digits(&text, day_is_short ? 1 : 2, &at->day) || !take_text(&text, STR(" ")) ||
        !take_clock(&text, at) || !take_text(&text, STR(" ")) || !take_digits(&text, 4, &year))
        return false;
    at->year = year;
    return text.len == 0;
}

enum status time_text_parse_http_date(struct str text, int64_t *ret_wall_ms)
{
    struct civil at = {0};
    if (!take_weekday(&text))
        return STATUS_INVALID;
    bool good = take_text(&text, STR(", ")) ? take_comma_date(text, &at)
                                            : take_text(&text, STR(" ")) && take_asctime(text, &at);
    return good ? civil_to_ms(&at, ret_wall_ms) : STATUS_INVALID;
}
