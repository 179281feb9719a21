/**
 * The inside of strings: RFC 8259 §7, with well-formed UTF-8 and paired surrogates demanded (§8.1,
 * §8.2).
 */
#include "common/json_reader.h"

#include <string.h>

/** Is one of the eight bytes below the blank, a quote or a backslash? */
static bool has_special(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101;
    const uint64_t tops = 0x8080808080808080;
    uint64_t quotes = word ^ (ones * '"');
    uint64_t backslashes = word ^ (ones * '\\');
    uint64_t below = (word - ones * ' ') & ~word;
    return ((below | ((quotes - ones) & ~quotes) | ((backslashes - ones) & ~backslashes)) & tops) !=
           0;
}

/* A token is one long run of plain ASCII: it is looked at in blocks, which the compiler makes one
 * step each; names, ids and all else by words of eight bytes. */
const char *json_find_special(const char *at, const char *end, bool *ret_has_high)
{
    enum { BLOCK = 64 };
    uint64_t high = 0, word;
    for (; end - at >= BLOCK; at += BLOCK) {
        unsigned char special = 0;
        for (int i = 0; i < BLOCK; i++) {
            signed char byte = (signed char)at[i]; /* negative above ASCII */
            special |= (unsigned char)((byte == '"') | (byte == '\\') | (byte < 0x20));
        }
        if (special != 0)
            break;
    }
    for (; end - at >= (ptrdiff_t)sizeof(word); at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        if (has_special(word))
            break;
        high |= word;
    }
    for (; at < end; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '"' || byte == '\\' || byte < 0x20)
            break;
        high |= byte;
    }
    *ret_has_high = (high & UINT64_C(0x8080808080808080)) != 0;
    return at;
}

/** Four hex digits; -1 where they are not there. */
static int32_t take_hex4(struct json_reader *reader)
{
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        if (reader->at == reader->end)
            return -1;
        char c = *reader->at;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
        reader->at++;
    }
    return unit;
}

static void append_utf8(struct buf *out, uint32_t code)
{
    char bytes[4];
    size_t len = 0;
    if (code < 0x80) {
        bytes[len++] = (char)code;
    } else if (code < 0x800) {
        bytes[len++] = (char)(0xc0 | (code >> 6));
        bytes[len++] = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        bytes[len++] = (char)(0xe0 | (code >> 12));
        bytes[len++] = (char)(0x80 | ((code >> 6) & 0x3f));
        bytes[len++] = (char)(0x80 | (code & 0x3f));
    } else {
        bytes[len++] = (char)(0xf0 | (code >> 18));
        bytes[len++] = (char)(0x80 | ((code >> 12) & 0x3f));
        bytes[len++] = (char)(0x80 | ((code >> 6) & 0x3f));
        bytes[len++] = (char)(0x80 | (code & 0x3f));
    }
    buf_append(out, (struct str){.data = bytes, .len = len});
}

/** Behind "\u"; a high surrogate takes the low one that must follow (RFC 8259 §7). */
static bool take_unicode_escape(struct json_reader *reader)
{
    const char *escape = reader->at - 2;
    int32_t unit = take_hex4(reader);
    if (unit < 0)
        return json_reader_fail_syntax(reader, "four hex digits behind \\u");
    if (unit < 0xd800 || unit > 0xdfff) {
        append_utf8(&reader->scratch, (uint32_t)unit);
        return true;
    }
    int32_t low = -1;
    if (unit < 0xdc00 && json_reader_take(reader, '\\') && json_reader_take(reader, 'u'))
        low = take_hex4(reader);
    if (low < 0xdc00 || low > 0xdfff) {
        enum json_fault fault = reader->at == reader->end && unit < 0xdc00
                                    ? JSON_FAULT_TRUNCATED
                                    : JSON_FAULT_LONE_SURROGATE;
        return json_reader_fail(reader, fault, escape,
                                "a high surrogate with its low one behind it");
    }
    append_utf8(&reader->scratch,
                0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
    return true;
}

static bool take_escape(struct json_reader *reader)
{
    static const char names[] = "\"\\/bfnrtu";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    reader->at++; /* the backslash */
    const char *name =
        reader->at == reader->end ? NULL : memchr(names, *reader->at, sizeof(names) - 1);
    if (name == NULL)
        return json_reader_fail_syntax(reader, "one of \" \\ / b f n r t u behind a backslash");
    reader->at++;
    if (*name == 'u')
        return take_unicode_escape(reader);
    buf_append_byte(&reader->scratch, meant[name - names]);
    return true;
}

/** From at to the next special byte, checked to be UTF-8. */
static bool take_run(struct json_reader *reader, struct str *ret_run)
{
    bool has_high;
    const char *stop = json_find_special(reader->at, reader->end, &has_high);
    struct str run = {.data = reader->at, .len = (size_t)(stop - reader->at)};
    size_t good = has_high ? str_utf8_len(run) : run.len;
    if (good < run.len)
        return json_reader_fail(reader, JSON_FAULT_UTF8, run.data + good, "well-formed UTF-8");
    reader->at = stop;
    *ret_run = run;
    return true;
}

bool json_reader_take_string(struct json_reader *reader, struct str *ret_text)
{
    reader->at++; /* the quote */
    struct str run;
    if (!take_run(reader, &run))
        return false;
    if (json_reader_take(reader, '"')) {
        *ret_text = run;
        return true;
    }
    buf_clear(&reader->scratch);
    for (;;) {
        buf_append(&reader->scratch, run);
        if (reader->at == reader->end)
            return json_reader_fail_syntax(reader, "the quote that ends a string");
        if (json_reader_take(reader, '"'))
            break;
        if (*reader->at != '\\')
            return json_reader_fail_syntax(reader, "control characters in a string to be escaped");
        if (!take_escape(reader) || !take_run(reader, &run))
            return false;
    }
    *ret_text = buf_str(&reader->scratch);
    return true;
}
