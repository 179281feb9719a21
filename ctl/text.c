#include "ctl/text.h"

#include "common/encoding.h"
#include "common/time_text.h"

#include <inttypes.h>

struct code_range {
    uint32_t first, last;
};

/* Takes no column: combining marks, joiners, direction marks, variation selectors. */
static const struct code_range zero_width[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd},   {0x0610, 0x061a},   {0x064b, 0x065f},
    {0x06d6, 0x06dc}, {0x0900, 0x0902}, {0x093c, 0x093c},   {0x0941, 0x0948},   {0x094d, 0x094d},
    {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e},   {0x1ab0, 0x1aff},   {0x1dc0, 0x1dff},
    {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x2064},   {0x20d0, 0x20ff},   {0xfe00, 0xfe0f},
    {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0x1f3fb, 0x1f3ff}, {0xe0100, 0xe01ef},
};

/* East Asian Width W and F, and what terminals show as emoji. */
static const struct code_range double_width[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x2614, 0x2615},
    {0x26a1, 0x26a1},   {0x2705, 0x2705},   {0x274c, 0x274c},   {0x2753, 0x2757},
    {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},
    {0xa000, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
    {0xfe10, 0xfe19},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
    {0x16fe0, 0x18aff}, {0x1b000, 0x1b2ff}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
    {0x1f900, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x2fffd}, {0x30000, 0x3fffd},
};

/* Turn the reading direction or hide text: harmless in a letter, not in a terminal's line. */
static const struct code_range deceptive[] = {
    {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}, {0x061c, 0x061c}, {0xfeff, 0xfeff},
};

static bool is_within(uint32_t code, const struct code_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    }
    return false;
}

/* The code point at the start of text; a byte that begins none counts as itself. */
static size_t decode(struct str text, uint32_t *ret_code)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    unsigned char first = bytes[0];
    size_t len = first < 0x80 ? 1 : first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    *ret_code = first;
    if (len == 1 || len > text.len || !str_is_utf8(str_slice(text, 0, len)))
        return 1;
    uint32_t code = first & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++)
        code = (code << 6) | (bytes[i] & 0x3fu);
    *ret_code = code;
    return len;
}

size_t text_width(struct str text)
{
    size_t width = 0;
    while (text.len > 0) {
        uint32_t code;
        size_t len = decode(text, &code);
        text = str_slice(text, len, text.len);
        if (is_within(code, zero_width, ARRAY_LEN(zero_width)))
            continue;
        width += is_within(code, double_width, ARRAY_LEN(double_width)) ? 2 : 1;
    }
    return width;
}

void text_pad(size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++)
        buf_append_byte(out, ' ');
}

static bool is_harmful(uint32_t code, size_t len)
{
    if (code < 0x20 || code == 0x7f)
        return true;
    if (code >= 0x80 && code < 0xa0) /* C1 controls, and bytes that are no UTF-8 */
        return true;
    return (len == 1 && code >= 0x80) || is_within(code, deceptive, ARRAY_LEN(deceptive));
}

void text_clean(struct str text, struct buf *out)
{
    while (text.len > 0) {
        uint32_t code;
        size_t len = decode(text, &code);
        if (is_harmful(code, len)) {
            for (size_t i = 0; i < len; i++)
                buf_printf(out, "\\x%02x", (unsigned)(unsigned char)text.data[i]);
        } else {
            buf_append(out, str_slice(text, 0, len));
        }
        text = str_slice(text, len, text.len);
    }
}

static uint64_t divide_rounded(uint64_t number, uint64_t by)
{
    return (number + by / 2) / by;
}

void text_relative(int64_t then_ms, int64_t now_ms, struct buf *out)
{
    bool future = then_ms > now_ms;
    uint64_t apart_ms =
        future ? (uint64_t)then_ms - (uint64_t)now_ms : (uint64_t)now_ms - (uint64_t)then_ms;
    uint64_t seconds = divide_rounded(apart_ms, 1000);
    uint64_t minutes = divide_rounded(seconds, 60);
    uint64_t hours = divide_rounded(minutes, 60);
    uint64_t days = divide_rounded(hours, 24);
    if (seconds == 0) {
        buf_append(out, STR("now"));
        return;
    }
    if (future)
        buf_append(out, STR("in "));
    if (seconds < 60)
        buf_printf(out, "%" PRIu64 " s", seconds);
    else if (minutes < 60)
        buf_printf(out, "%" PRIu64 " min", minutes);
    else if (hours < 48)
        buf_printf(out, "%" PRIu64 " h", hours);
    else if (days < 365)
        buf_printf(out, "%" PRIu64 " days", days);
    else
        buf_printf(out, "%" PRIu64 " %s", days / 365, days / 365 == 1 ? "year" : "years");
    if (!future)
        buf_append(out, STR(" ago"));
}

void text_time(int64_t wall_ms, struct buf *out)
{
    char text[TIME_TEXT_SIZE];
    time_text_rfc3339(wall_ms, text);
    buf_printf(out, "%.10s %.8sZ", text, text + 11);
}

void text_count(int64_t count, const char *singular, struct buf *out)
{
    buf_printf(out, "%" PRId64 " %s%s", count, singular, count == 1 ? "" : "s");
}

void text_wrap(struct str text, size_t column, size_t indent, size_t width, struct buf *out)
{
    struct str word;
    bool first = true;
    while (str_next_word(&text, STR(" \n"), &word)) {
        size_t word_width = text_width(word);
        if (!first && column + 1 + word_width > width) {
            buf_append_byte(out, '\n');
            text_pad(indent, out);
            column = indent;
        } else if (!first) {
            buf_append_byte(out, ' ');
            column++;
        }
        buf_append(out, word);
        column += word_width;
        first = false;
    }
}
