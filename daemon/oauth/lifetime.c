#include "oauth/lifetime.h"

#include "common/time_text.h"
#include "oauth/answer.h"

#include <stdio.h>

#define UNKNOWN(why) ((struct lifetime){.kind = (why), .seconds = -1})

static struct lifetime bounded(int64_t seconds)
{
    if (seconds <= 0)
        return UNKNOWN(seconds == 0 ? LIFETIME_ZERO : LIFETIME_INVALID);
    if (seconds > LIFETIME_MAX_S)
        return (struct lifetime){.kind = LIFETIME_CLAMPED, .seconds = LIFETIME_MAX_S};
    return (struct lifetime){.kind = LIFETIME_KNOWN, .seconds = seconds};
}

static struct lifetime until(int64_t end_wall_ms, int64_t now_wall_ms)
{
    int64_t left_ms = end_wall_ms - now_wall_ms;
    if (left_ms < 1000)
        return (struct lifetime){.kind = LIFETIME_PAST, .seconds = 0};
    return bounded(left_ms / 1000);
}

/**
 * Digits, with a fraction that is dropped: "3600", "3600.5", "-1". More digits than fit are the
 * largest number.
 */
static bool parse_number(struct str text, int64_t *ret)
{
    enum { DIGITS_MAX = 18 };
    bool negative = str_starts_with(text, STR("-"));
    text = str_slice(text, negative ? 1 : 0, text.len);
    size_t dot = str_find_byte(text, '.');
    struct str whole = str_slice(text, 0, dot);
    struct str fraction = str_slice(text, dot + 1, text.len);
    if (whole.len == 0 || (dot < text.len && fraction.len == 0))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (i != dot && (text.data[i] < '0' || text.data[i] > '9'))
            return false;
    }
    while (whole.len > 1 && whole.data[0] == '0')
        whole = str_slice(whole, 1, whole.len);
    *ret = 999999999999999999;
    if (whole.len <= DIGITS_MAX && str_to_i64(whole, ret) != STATUS_OK)
        return false;
    *ret = negative ? -*ret : *ret;
    return true;
}

static bool number_of(const struct json *value, int64_t *ret)
{
    if (json_type(value) == JSON_TEXT)
        return parse_number(str_trim(json_text(value)), ret);
    double number = json_f64(value, 0);
    if (json_type(value) != JSON_INTEGER && json_type(value) != JSON_NUMBER)
        return false;
    if (number != number)
        return false;
    *ret = number > 1e17 ? 100000000000000000 : number < -1e17 ? -1 : (int64_t)number;
    return true;
}

/** Days, hours, minutes. */
static bool parse_dhm(struct str text, int64_t *ret_seconds)
{
    static const int64_t unit_s[] = {86400, 3600, 60};
    struct str part;
    int64_t seconds = 0;
    size_t count = 0;
    uint64_t number;
    while (str_next_word(&text, STR(":"), &part)) {
        if (count == ARRAY_LEN(unit_s) || part.len > 6 || str_to_u64(part, &number) != STATUS_OK)
            return false;
        seconds += (int64_t)number * unit_s[count++];
    }
    *ret_seconds = seconds;
    return count == ARRAY_LEN(unit_s);
}

/** RFC 3339, and what is near it: a blank for the T, no zone (then UTC), +0000 without colon. */
static bool parse_moment(struct str text, int64_t *ret_wall_ms)
{
    enum { TEXT_MAX = 64 };
    char copy[TEXT_MAX];
    if (text.len < 19 || text.len + 2 > sizeof(copy))
        return false;
    size_t sign = text.len;
    for (size_t i = 19; i < text.len; i++) {
        if (text.data[i] == '+' || text.data[i] == '-')
            sign = i;
    }
    struct str moment = str_slice(text, 0, sign);
    struct str zone = str_slice(text, sign, text.len);
    bool utc = str_ends_with(moment, STR("Z")) || str_ends_with(moment, STR("z"));
    if (zone.len == 5)
        (void)snprintf(copy, sizeof(copy), STR_FMT "%.3s:%.2s", STR_ARG(moment), zone.data,
                       zone.data + 3);
    else
        (void)snprintf(copy, sizeof(copy), STR_FMT STR_FMT "%s", STR_ARG(moment), STR_ARG(zone),
                       zone.len == 0 && !utc ? "Z" : "");
    if (copy[10] == ' ')
        copy[10] = 'T';
    return time_text_parse_rfc3339(str_c(copy), ret_wall_ms) == STATUS_OK;
}

static struct lifetime read_absolute(const struct json *value, int64_t now_wall_ms)
{
    const int64_t seconds_max = 100000000000; /* the year 5138: what is above is milliseconds */
    int64_t number;
    if (number_of(value, &number)) {
        if (number <= 0)
            return UNKNOWN(number == 0 ? LIFETIME_ZERO : LIFETIME_INVALID);
        return until(number > seconds_max ? number : number * 1000, now_wall_ms);
    }
    if (parse_moment(str_trim(json_text(value)), &number))
        return until(number, now_wall_ms);
    return UNKNOWN(LIFETIME_INVALID);
}

static struct lifetime read_value(enum expiry_form form, const struct json *value,
                                  int64_t now_wall_ms)
{
    int64_t number;
    if (form == EXPIRY_ABSOLUTE)
        return read_absolute(value, now_wall_ms);
    if (form == EXPIRY_DURATION_DHM && parse_dhm(str_trim(json_text(value)), &number))
        return bounded(number);
    if (!number_of(value, &number))
        return UNKNOWN(LIFETIME_INVALID);
    return bounded(form == EXPIRY_RELATIVE_MS ? number / 1000 : number);
}

static bool is_good(struct lifetime life)
{
    return life.kind == LIFETIME_KNOWN || life.kind == LIFETIME_CLAMPED ||
           life.kind == LIFETIME_PAST;
}

/** Where the tokens are, else in the whole body. */
static bool find(const struct expiry_source *source, const struct json *tokens,
                 const struct json *whole, const struct json **ret_value)
{
    bool is_there = json_find_path(tokens, source->path, ret_value);
    if (*ret_value == NULL && whole != tokens)
        is_there = json_find_path(whole, source->path, ret_value) || is_there;
    return is_there;
}

struct lifetime lifetime_read(const struct expiry_rule *rule, const struct json *tokens,
                              const struct json *whole, int64_t now_wall_ms)
{
    struct lifetime best = UNKNOWN(LIFETIME_MISSING);
    for (size_t i = 0; i < rule->count && !is_good(best); i++) {
        const struct expiry_source *source = &rule->sources[i];
        struct lifetime life = UNKNOWN(LIFETIME_MISSING);
        if (source->form == EXPIRY_NEVER && best.kind == LIFETIME_MISSING)
            return UNKNOWN(LIFETIME_NEVER);
        if (source->form == EXPIRY_NEVER || source->form == EXPIRY_NONE)
            continue;
        const struct json *value;
        bool is_there = find(source, tokens, whole, &value);
        if (value != NULL)
            life = read_value(source->form, value, now_wall_ms);
        else if (is_there)
            life = UNKNOWN(LIFETIME_NULL);
        if (best.kind == LIFETIME_MISSING || best.kind == LIFETIME_NULL || is_good(life))
            best = life.kind == LIFETIME_MISSING ? best : life;
    }
    return best;
}
