/**
 * Writes straight into the caller's buffer: json-c's own writer keeps a copy of the text, tokens
 * and all, beside the value.
 */
#include "common/json.h"

#include "common/assert.h"
#include "common/json_reader.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMPACT = -1, INDENT = 2 };

/** The letter behind the backslash, where the byte has one. */
static char short_escape(unsigned char byte)
{
    switch (byte) {
    case '"':
        return '"';
    case '\\':
        return '\\';
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return '\0';
    }
}

static void write_escape(unsigned char byte, struct buf *out)
{
    const char code[2] = {'\\', short_escape(byte)};
    if (code[1] != '\0')
        buf_append(out, (struct str){.data = code, .len = sizeof(code)});
    else
        buf_printf(out, "\\u%04x", (unsigned)byte);
}

/** What is not UTF-8 becomes U+FFFD, so that the line is JSON whatever the text came from. */
static void write_high(struct str run, struct buf *out)
{
    for (;;) {
        size_t good = str_utf8_len(run);
        buf_append(out, str_slice(run, 0, good));
        if (good == run.len)
            return;
        buf_append(out, STR("\xef\xbf\xbd"));
        run = str_slice(run, good + 1, run.len);
    }
}

void json_write_text(struct str text, struct buf *out)
{
    const char *end = text.data + text.len;
    buf_append_byte(out, '"');
    for (const char *at = text.data;; at++) {
        bool has_high;
        const char *stop = json_find_special(at, end, &has_high);
        struct str run = {.data = at, .len = (size_t)(stop - at)};
        if (has_high)
            write_high(run, out);
        else
            buf_append(out, run);
        if (stop == end)
            break;
        write_escape((unsigned char)*stop, out);
        at = stop;
    }
    buf_append_byte(out, '"');
}

/** The shortest digits that read back as the same number, whatever the process' locale. */
static void write_number(double number, struct buf *out)
{
    char text[40];
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    ASSERT(plain != (locale_t)0);
    locale_t before = uselocale(plain);
    for (int digits = 15; digits <= 17; digits++) {
        int len = snprintf(text, sizeof(text), "%.*g", digits, number);
        ASSERT(len > 0 && (size_t)len < sizeof(text));
        if (memcmp(&number, &(double){strtod(text, NULL)}, sizeof(number)) == 0)
            break;
    }
    uselocale(before);
    freelocale(plain);
    buf_append(out, str_c(text));
    if (strpbrk(text, ".e") == NULL)
        buf_append(out, STR(".0")); /* so that it is not read back as an integer */
}

static void write_value(const struct json *json, int indent, struct buf *out);

/** The end of a line and the blanks of the next; nothing where compact. */
static void break_line(int indent, struct buf *out)
{
    if (indent == COMPACT)
        return;
    buf_append_byte(out, '\n');
    for (int i = 0; i < indent; i++)
        buf_append_byte(out, ' ');
}

static int deeper(int indent)
{
    return indent == COMPACT ? COMPACT : indent + INDENT;
}

static void write_elements(const struct json *array, int indent, struct buf *out)
{
    buf_append_byte(out, '[');
    for (size_t i = 0; i < json_count(array); i++) {
        if (i > 0)
            buf_append_byte(out, ',');
        break_line(deeper(indent), out);
        write_value(json_at(array, i), deeper(indent), out);
    }
    if (json_count(array) > 0)
        break_line(indent, out);
    buf_append_byte(out, ']');
}

static void write_members(const struct json *object, int indent, struct buf *out)
{
    buf_append_byte(out, '{');
    size_t index = 0;
    struct str name;
    const struct json *value;
    for (bool first = true; json_next_member(object, &index, &name, &value); first = false) {
        if (!first)
            buf_append_byte(out, ',');
        break_line(deeper(indent), out);
        json_write_text(name, out);
        buf_append(out, indent == COMPACT ? STR(":") : STR(": "));
        write_value(value, deeper(indent), out);
    }
    if (json_count(object) > 0)
        break_line(indent, out);
    buf_append_byte(out, '}');
}

static void write_value(const struct json *json, int indent, struct buf *out)
{
    switch (json_type(json)) {
    case JSON_NULL:
        buf_append(out, STR("null"));
        return;
    case JSON_BOOL:
        buf_append(out, json_bool(json, false) ? STR("true") : STR("false"));
        return;
    case JSON_INTEGER:
        buf_append_i64(out, json_i64(json, 0));
        return;
    case JSON_NUMBER:
        write_number(json_f64(json, 0), out);
        return;
    case JSON_TEXT:
        json_write_text(json_text(json), out);
        return;
    case JSON_ARRAY:
        write_elements(json, indent, out);
        return;
    case JSON_OBJECT:
        write_members(json, indent, out);
        return;
    }
}

void json_write(const struct json *json, struct buf *out)
{
    write_value(json, COMPACT, out);
}

void json_write_pretty(const struct json *json, struct buf *out)
{
    write_value(json, 0, out);
}
