#include "oauth/body.h"

#include "common/encoding.h"
#include "common/memory.h"
#include "oauth/answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *fault_text(enum json_fault fault)
{
    switch (fault) {
    case JSON_FAULT_NONE:
    case JSON_FAULT_SYNTAX:
    case JSON_FAULT_NUMBER_RANGE:
    case JSON_FAULT_NUL_IN_NAME:
    case JSON_FAULT_LONE_SURROGATE:
        return "invalid_json";
    case JSON_FAULT_EMPTY:
        return "empty_body";
    case JSON_FAULT_TRUNCATED:
        return "json_truncated";
    case JSON_FAULT_DUPLICATE_MEMBER:
        return "duplicate_key";
    case JSON_FAULT_UTF8:
        return "invalid_utf8";
    case JSON_FAULT_TOO_DEEP:
        return "json_too_deep";
    case JSON_FAULT_TOO_LARGE:
        return "body_too_large";
    }
    return "invalid_json";
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/** The number that begins at text[from], cut down in place to one that fits; gives its end. */
static size_t tame_number(char *text, size_t from, size_t len)
{
    enum { DIGITS_THAT_FIT = 18, NUMBER_MAX = 400 };
    char copy[NUMBER_MAX];
    size_t to = from;
    bool integer = true;
    while (to < len && (is_digit(text[to]) || strchr("+-.eE", text[to]) != NULL)) {
        integer = integer && (is_digit(text[to]) || (to == from && text[to] == '-'));
        to++;
    }
    size_t digits_at = from + (text[from] == '-' ? 1 : 0);
    if (integer && to - digits_at > DIGITS_THAT_FIT) {
        memset(text + digits_at, '9', DIGITS_THAT_FIT);
        memset(text + digits_at + DIGITS_THAT_FIT, ' ', to - digits_at - DIGITS_THAT_FIT);
    } else if (!integer && to - from >= 3) {
        size_t shown = MIN_OF(to - from, sizeof(copy) - 1);
        memcpy(copy, text + from, shown);
        copy[shown] = '\0';
        if (shown < to - from || !isfinite(strtod(copy, NULL))) {
            memset(text + from, ' ', to - from);
            memcpy(text + from, "-1", 2);
        }
    }
    return to;
}

static bool is_surrogate_escape(const char *text, size_t at, size_t len, char low, char high)
{
    if (at + 6 > len || text[at] != '\\' || text[at + 1] != 'u')
        return false;
    char second = text[at + 3];
    second = second >= 'A' && second <= 'F' ? (char)(second - 'A' + 'a') : second;
    return (text[at + 2] == 'd' || text[at + 2] == 'D') && second >= low && second <= high;
}

/** In a string: a lone surrogate becomes the control character U+0001, which no token may hold. */
static size_t tame_escape(char *text, size_t at, size_t len)
{
    if (is_surrogate_escape(text, at, len, '8', 'b') &&
        is_surrogate_escape(text, at + 6, len, 'c', 'f'))
        return at + 12;
    if (is_surrogate_escape(text, at, len, '8', 'f')) {
        memcpy(text + at, "\\u0001", 6);
        return at + 6;
    }
    return at + 2;
}

/**
 * A lifetime past 64 bits, or half a surrogate pair in a name that nobody reads, must not throw
 * away the only live refresh token: both are replaced, length for length, by what can be judged
 * member by member.
 */
static void tame(char *text, size_t len)
{
    bool in_string = false;
    size_t i = 0;
    while (i < len) {
        char c = text[i];
        if (in_string && c == '\\') {
            i = tame_escape(text, i, len);
            continue;
        }
        if (c == '"')
            in_string = !in_string;
        if (!in_string && (is_digit(c) || c == '-'))
            i = tame_number(text, i, len);
        else
            i++;
    }
}

static enum json_fault parse_json(struct str text, struct json **out)
{
    const struct json_limits limits = {
        .bytes_max = ANSWER_BODY_MAX, .depth_max = ANSWER_DEPTH_MAX, .values_max = 100000};
    enum json_fault fault = JSON_FAULT_NONE;
    if (json_parse_fault(text, limits, out, &fault, NULL) == STATUS_OK)
        return JSON_FAULT_NONE;
    if (fault != JSON_FAULT_NUMBER_RANGE && fault != JSON_FAULT_LONE_SURROGATE)
        return fault;
    struct secret *copy = secret_copy(text);
    tame(secret_data(copy), text.len);
    if (json_parse_fault(secret_str(copy), limits, out, &fault, NULL) == STATUS_OK)
        fault = JSON_FAULT_NONE;
    secret_free(copy);
    return fault;
}

/** "access_token=…": a name of plain characters and an equals sign. */
static bool looks_like_form(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
                     c == '-' || c == '.' || c == '%' || c == '+';
        if (!plain)
            return i > 0 && c == '=';
    }
    return false;
}

/** One name=value; false with a fault where it can't be taken. */
static bool add_pair(struct json *object, struct str pair, const char **ret_fault)
{
    CLEANUP(buf_deinit) struct buf name = {.secret = true};
    CLEANUP(buf_deinit) struct buf value = {.secret = true};
    size_t equals = str_find_byte(pair, '=');
    *ret_fault = "invalid_form";
    if (encoding_unform(str_slice(pair, 0, equals), &name) != STATUS_OK ||
        encoding_unform(str_slice(pair, equals + 1, pair.len), &value) != STATUS_OK)
        return false;
    struct str name_text = buf_str(&name);
    if (name_text.len == 0 || str_find_byte(name_text, '\0') < name_text.len)
        return false;
    *ret_fault = "invalid_utf8";
    if (!str_is_utf8(name_text) || !str_is_utf8(buf_str(&value)))
        return false;
    *ret_fault = "duplicate_key";
    if (json_has(object, buf_c(&name)))
        return false;
    struct str text = value.len == 0 ? STR("") : buf_str(&value);
    json_set_text(object, buf_c(&name), text);
    return true;
}

static enum body_kind parse_form(struct str text, struct json **ret_json, const char **ret_fault)
{
    enum { PAIRS_MAX = 256 };
    CLEANUP(json_freep) struct json *object = json_new_object();
    struct str pair;
    size_t count = 0;
    while (str_next_word(&text, STR("&"), &pair)) {
        if (++count > PAIRS_MAX) {
            *ret_fault = "invalid_form";
            return BODY_OTHER;
        }
        if (!add_pair(object, pair, ret_fault))
            return BODY_OTHER;
    }
    *ret_json = TAKE_PTR(object);
    return BODY_OBJECT;
}

static bool is_html(struct str text, struct str content_type)
{
    enum { LOOK_MAX = 1024 };
    struct str head = str_slice(text, 0, LOOK_MAX);
    if (text.data[0] != '<')
        return str_contains_nocase(content_type, STR("html"));
    return str_contains_nocase(content_type, STR("html")) ||
           str_contains_nocase(head, STR("<html")) ||
           str_contains_nocase(head, STR("<!doctype html"));
}

static bool begins_like_json(struct str text)
{
    return strchr("{[\"-0123456789", text.data[0]) != NULL || str_eq(text, STR("null")) ||
           str_eq(text, STR("true")) || str_eq(text, STR("false"));
}

enum body_kind body_parse(struct str text, struct str content_type, struct json **ret_json,
                          const char **ret_fault)
{
    text = str_trim(text);
    *ret_fault = "empty_body";
    if (text.len == 0)
        return BODY_EMPTY;
    *ret_fault = "invalid_utf8";
    if (!str_is_utf8(text))
        return BODY_OTHER;
    if (looks_like_form(text))
        return parse_form(text, ret_json, ret_fault);
    if (begins_like_json(text)) {
        struct json *json = NULL;
        enum json_fault fault = parse_json(text, &json);
        *ret_fault = fault == JSON_FAULT_NONE ? "not_an_object" : fault_text(fault);
        if (json_type(json) != JSON_OBJECT) {
            json_free(json);
            return BODY_OTHER;
        }
        *ret_json = json;
        return BODY_OBJECT;
    }
    *ret_fault = "html_instead_of_json";
    if (is_html(text, content_type))
        return BODY_HTML;
    *ret_fault = str_contains_nocase(content_type, STR("json")) ? "invalid_json"
                                                                : "unsupported_content_type";
    return BODY_OTHER;
}
