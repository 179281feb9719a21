/**
 * The strict reader (RFC 8259, and stricter where it says "SHOULD"). It puts json-c's objects
 * together itself: json-c's own tokener lets too much pass and leaves copies of tokens in memory
 * that it never wipes. One pass over the bytes; strings without escapes are copied once.
 */
#include "common/json.h"

#include "common/assert.h"
#include "common/json_raw.h"
#include "common/json_reader.h"

#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void skip_space(struct json_reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
                                        *reader->at == '\t' || *reader->at == '\r'))
        reader->at++;
}

static size_t take_digits(struct json_reader *reader)
{
    const char *from = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return (size_t)(reader->at - from);
}

/** With a fraction or an exponent: the nearest double, whatever the process' locale. */
static bool make_double(struct json_reader *reader, struct str digits, struct json_object **out)
{
    enum { NUMBER_CHARS_MAX = 400 }; /* more than any double needs */
    char text[NUMBER_CHARS_MAX + 1];
    if (digits.len > NUMBER_CHARS_MAX)
        return json_reader_fail(reader, JSON_FAULT_NUMBER_RANGE, digits.data,
                                "a number of at most 400 characters");
    memcpy(text, digits.data, digits.len);
    text[digits.len] = '\0';
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    ASSERT(plain != (locale_t)0);
    double number = strtod_l(text, NULL, plain);
    freelocale(plain);
    if (!isfinite(number))
        return json_reader_fail(reader, JSON_FAULT_NUMBER_RANGE, digits.data,
                                "a number that a double holds");
    *out = json_object_new_double(number);
    return true;
}

static bool take_number(struct json_reader *reader, struct json_object **out)
{
    const char *from = reader->at;
    bool is_integer = true;
    json_reader_take(reader, '-');
    const char *first = reader->at;
    if (take_digits(reader) == 0)
        return json_reader_fail_syntax(reader, "a digit");
    if (*first == '0' && reader->at - first > 1)
        return json_reader_fail(reader, JSON_FAULT_SYNTAX, first, "a number without leading zeros");
    if (json_reader_take(reader, '.')) {
        is_integer = false;
        if (take_digits(reader) == 0)
            return json_reader_fail_syntax(reader, "a digit behind the decimal point");
    }
    if (json_reader_take(reader, 'e') || json_reader_take(reader, 'E')) {
        is_integer = false;
        if (!json_reader_take(reader, '+'))
            json_reader_take(reader, '-');
        if (take_digits(reader) == 0)
            return json_reader_fail_syntax(reader, "a digit of the exponent");
    }
    struct str digits = {.data = from, .len = (size_t)(reader->at - from)};
    if (!is_integer)
        return make_double(reader, digits, out);
    int64_t number;
    if (str_to_i64(digits, &number) != STATUS_OK)
        return json_reader_fail(reader, JSON_FAULT_NUMBER_RANGE, from,
                                "an integer of at most 64 bits");
    *out = json_object_new_int64(number);
    return true;
}

static bool take_word(struct json_reader *reader, struct str word)
{
    for (size_t i = 0; i < word.len; i++) {
        if (!json_reader_take(reader, word.data[i]))
            return json_reader_fail_syntax(
                reader, "a value: an object, an array, a string in double quotes, a "
                        "number, true, false or null");
    }
    return true;
}

static bool take_value(struct json_reader *reader, struct json_object **out);

static bool enter(struct json_reader *reader)
{
    if (reader->depth == reader->limits.depth_max)
        return json_reader_fail(reader, JSON_FAULT_TOO_DEEP, reader->at, "less nesting");
    reader->depth++;
    reader->at++; /* the bracket */
    skip_space(reader);
    return true;
}

static bool count_value(struct json_reader *reader)
{
    if (reader->values == reader->limits.values_max)
        return json_reader_fail(reader, JSON_FAULT_TOO_LARGE, reader->at,
                                "fewer members and elements");
    reader->values++;
    return true;
}

static bool take_elements(struct json_reader *reader, struct json_object *array)
{
    if (!enter(reader))
        return false;
    bool more = !json_reader_take(reader, ']');
    while (more) {
        struct json_object *element = NULL;
        bool good = count_value(reader) && take_value(reader, &element);
        json_raw_append(array, element);
        if (!good)
            return false;
        skip_space(reader);
        more = json_reader_take(reader, ',');
        skip_space(reader);
        if (!more && !json_reader_take(reader, ']'))
            return json_reader_fail_syntax(reader, "a comma or the end of the array");
    }
    reader->depth--;
    return true;
}

/** A member's name, checked to be new in its object, left in scratch. */
static bool take_name(struct json_reader *reader, struct json_object *object)
{
    const char *from = reader->at;
    if (reader->at == reader->end || *reader->at != '"')
        return json_reader_fail_syntax(reader, "a member's name in double quotes");
    struct str name;
    if (!json_reader_take_string(reader, &name))
        return false;
    if (str_find_byte(name, '\0') < name.len)
        return json_reader_fail(reader, JSON_FAULT_NUL_IN_NAME, from,
                                "a member's name without NUL");
    if (name.data != buf_str(&reader->scratch).data) {
        buf_clear(&reader->scratch);
        buf_append(&reader->scratch, name);
    }
    if (json_raw_find(object, buf_str(&reader->scratch)) != NULL)
        return json_reader_fail(reader, JSON_FAULT_DUPLICATE_MEMBER, from,
                                "a name that is not yet in its object");
    return true;
}

static bool take_members(struct json_reader *reader, struct json_object *object)
{
    if (!enter(reader))
        return false;
    bool more = !json_reader_take(reader, '}');
    while (more) {
        if (!count_value(reader) || !take_name(reader, object))
            return false;
        skip_space(reader);
        if (!json_reader_take(reader, ':'))
            return json_reader_fail_syntax(reader, "a colon behind a member's name");
        skip_space(reader);
        /* The name goes in first, with null: its value needs the scratch that the name is in. */
        struct lh_entry *member = json_raw_add_new(object, buf_c(&reader->scratch), NULL);
        struct json_object *value = NULL;
        bool good = take_value(reader, &value);
        lh_entry_set_val(member, value);
        if (!good)
            return false;
        skip_space(reader);
        more = json_reader_take(reader, ',');
        skip_space(reader);
        if (!more && !json_reader_take(reader, '}'))
            return json_reader_fail_syntax(reader, "a comma or the end of the object");
    }
    reader->depth--;
    return true;
}

static bool take_text_value(struct json_reader *reader, struct json_object **out)
{
    struct str text;
    if (!json_reader_take_string(reader, &text))
        return false;
    *out = json_raw_new_text(text);
    return true;
}

/** On failure *out holds what was made so far: it is freed with what it became part of. */
static bool take_value(struct json_reader *reader, struct json_object **out)
{
    switch (reader->at == reader->end ? '\0' : *reader->at) {
    case '{':
        *out = json_object_new_object();
        ASSERT(*out != NULL);
        return take_members(reader, *out);
    case '[':
        *out = json_object_new_array();
        ASSERT(*out != NULL);
        return take_elements(reader, *out);
    case '"':
        return take_text_value(reader, out);
    case 't':
        *out = json_object_new_boolean(1);
        return take_word(reader, STR("true"));
    case 'f':
        *out = json_object_new_boolean(0);
        return take_word(reader, STR("false"));
    case 'n':
        return take_word(reader, STR("null"));
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return take_number(reader, out);
    default: /* bytes, no enum */
        return json_reader_fail_syntax(reader,
                                       "a value: an object, an array, a string in double quotes, a "
                                       "number, true, false or null");
    }
}

static bool take_text(struct json_reader *reader, struct json_object **out)
{
    if ((size_t)(reader->end - reader->begin) > reader->limits.bytes_max)
        return json_reader_fail(reader, JSON_FAULT_TOO_LARGE, reader->begin, "a shorter text");
    skip_space(reader);
    if (reader->at == reader->end)
        return json_reader_fail(reader, JSON_FAULT_EMPTY, reader->at, "a value, got nothing");
    if (!take_value(reader, out))
        return false;
    skip_space(reader);
    if (reader->at != reader->end)
        return json_reader_fail(reader, JSON_FAULT_SYNTAX, reader->at, "nothing behind the value");
    return true;
}

/** Says where and what was expected, never what is there: that may be a token. */
static void explain(const struct json_reader *reader, struct error *err)
{
    size_t line = 1;
    for (const char *at = reader->begin; at < reader->fault_at; at++)
        line += *at == '\n' ? 1 : 0;
    size_t offset = (size_t)(reader->fault_at - reader->begin);
    error_set(err, STATUS_INVALID, "JSON, line %zu, byte %zu: expected %s", line, offset,
              reader->expected);
}

enum status json_parse_fault(struct str text, struct json_limits limits, struct json **out,
                             enum json_fault *ret_fault, struct error *err)
{
    ASSERT(out != NULL && limits.bytes_max <= INT_MAX);
    enum { SCRATCH_USUAL = 128 }; /* names are short */
    char room[SCRATCH_USUAL];
    const char *begin = text.data != NULL ? text.data : "";
    struct json_reader reader = {
        .begin = begin,
        .at = begin,
        .end = begin + text.len,
        .limits = limits,
        .scratch = {.secret = true},
    };
    buf_lend(&reader.scratch, room, sizeof(room));
    struct json_object *value = NULL;
    bool good = take_text(&reader, &value);
    buf_deinit(&reader.scratch);
    if (ret_fault != NULL)
        *ret_fault = reader.fault;
    if (good) {
        *out = json_from_raw(value);
        return STATUS_OK;
    }
    json_free(json_from_raw(value));
    explain(&reader, err);
    return STATUS_INVALID;
}

enum status json_parse(struct str text, struct json_limits limits, struct json **out,
                       struct error *err)
{
    return json_parse_fault(text, limits, out, NULL, err);
}
