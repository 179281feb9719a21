#include "common/encoding.h"

#include "common/assert.h"

#include <sodium.h>

static const char upper_digits[] = "0123456789ABCDEF";

void encoding_hex(struct str bytes, struct buf *out)
{
    char *to = buf_extend(out, bytes.len * 2 + 1); /* sodium writes a NUL */
    if (to == NULL)
        return;
    sodium_bin2hex(to, bytes.len * 2 + 1, (const unsigned char *)bytes.data, bytes.len);
    out->len--;
}

enum status encoding_unhex(struct str text, struct buf *out)
{
    size_t before = out->len;
    char *to = buf_extend(out, text.len / 2);
    if (to == NULL)
        return STATUS_INVALID;
    size_t len = 0;
    if (text.len % 2 != 0 || sodium_hex2bin((unsigned char *)to, text.len / 2, text.data, text.len,
                                            NULL, &len, NULL) != 0) {
        out->len = before;
        return STATUS_INVALID;
    }
    ASSERT(len == text.len / 2);
    return STATUS_OK;
}

void encoding_sha256(struct str bytes, struct buf *out)
{
    char *to = buf_extend(out, crypto_hash_sha256_BYTES);
    if (to != NULL)
        crypto_hash_sha256((unsigned char *)to, (const unsigned char *)bytes.data, bytes.len);
}

static void to_base64(struct str bytes, int variant, struct buf *out)
{
    size_t size = sodium_base64_encoded_len(bytes.len, variant); /* with its NUL */
    char *to = buf_extend(out, size);
    if (to == NULL)
        return;
    sodium_bin2base64(to, size, (const unsigned char *)bytes.data, bytes.len, variant);
    out->len--;
}

static enum status from_base64(struct str text, int padded, int unpadded, struct buf *out)
{
    size_t before = out->len;
    size_t max = text.len / 4 * 3 + 3;
    char *to = buf_extend(out, max);
    if (to == NULL)
        return STATUS_INVALID;
    int variant = str_ends_with(text, STR("=")) ? padded : unpadded;
    size_t len = 0;
    int result =
        sodium_base642bin((unsigned char *)to, max, text.data, text.len, NULL, &len, NULL, variant);
    out->len = result == 0 ? before + len : before;
    return result == 0 ? STATUS_OK : STATUS_INVALID;
}

void encoding_base64(struct str bytes, struct buf *out)
{
    to_base64(bytes, sodium_base64_VARIANT_ORIGINAL, out);
}

void encoding_base64url(struct str bytes, struct buf *out)
{
    to_base64(bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING, out);
}

enum status encoding_unbase64(struct str text, struct buf *out)
{
    return from_base64(text, sodium_base64_VARIANT_ORIGINAL,
                       sodium_base64_VARIANT_ORIGINAL_NO_PADDING, out);
}

enum status encoding_unbase64url(struct str text, struct buf *out)
{
    return from_base64(text, sodium_base64_VARIANT_URLSAFE,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING, out);
}

/** For each byte the encodings that leave it as it is. */
enum { PLAIN_IN_FORM = 1, PLAIN_IN_URI = 2, PLAIN = PLAIN_IN_FORM | PLAIN_IN_URI };
static const unsigned char plain_in[256] = {
    ['*'] = PLAIN_IN_FORM, ['-'] = PLAIN, ['.'] = PLAIN, ['_'] = PLAIN, ['~'] = PLAIN_IN_URI,
    ['0'] = PLAIN,         ['1'] = PLAIN, ['2'] = PLAIN, ['3'] = PLAIN, ['4'] = PLAIN,
    ['5'] = PLAIN,         ['6'] = PLAIN, ['7'] = PLAIN, ['8'] = PLAIN, ['9'] = PLAIN,
    ['A'] = PLAIN,         ['B'] = PLAIN, ['C'] = PLAIN, ['D'] = PLAIN, ['E'] = PLAIN,
    ['F'] = PLAIN,         ['G'] = PLAIN, ['H'] = PLAIN, ['I'] = PLAIN, ['J'] = PLAIN,
    ['K'] = PLAIN,         ['L'] = PLAIN, ['M'] = PLAIN, ['N'] = PLAIN, ['O'] = PLAIN,
    ['P'] = PLAIN,         ['Q'] = PLAIN, ['R'] = PLAIN, ['S'] = PLAIN, ['T'] = PLAIN,
    ['U'] = PLAIN,         ['V'] = PLAIN, ['W'] = PLAIN, ['X'] = PLAIN, ['Y'] = PLAIN,
    ['Z'] = PLAIN,         ['a'] = PLAIN, ['b'] = PLAIN, ['c'] = PLAIN, ['d'] = PLAIN,
    ['e'] = PLAIN,         ['f'] = PLAIN, ['g'] = PLAIN, ['h'] = PLAIN, ['i'] = PLAIN,
    ['j'] = PLAIN,         ['k'] = PLAIN, ['l'] = PLAIN, ['m'] = PLAIN, ['n'] = PLAIN,
    ['o'] = PLAIN,         ['p'] = PLAIN, ['q'] = PLAIN, ['r'] = PLAIN, ['s'] = PLAIN,
    ['t'] = PLAIN,         ['u'] = PLAIN, ['v'] = PLAIN, ['w'] = PLAIN, ['x'] = PLAIN,
    ['y'] = PLAIN,         ['z'] = PLAIN,
};

/** All but what is plain in the encoding becomes %XX. */
static void percent(struct str text, unsigned char encoding, char for_space, struct buf *out)
{
    size_t at = 0;
    while (at < text.len) {
        size_t from = at;
        while (at < text.len && (plain_in[(unsigned char)text.data[at]] & encoding) != 0)
            at++;
        buf_append(out, str_slice(text, from, at - from)); /* of a token, mostly all of it */
        if (at == text.len)
            return;
        unsigned byte = (unsigned char)text.data[at++];
        const char code[3] = {'%', upper_digits[byte >> 4], upper_digits[byte & 15]};
        if (byte == ' ' && for_space != '\0')
            buf_append_byte(out, for_space);
        else
            buf_append(out, (struct str){.data = code, .len = sizeof(code)});
    }
}

void encoding_form(struct str text, struct buf *out)
{
    percent(text, PLAIN_IN_FORM, '+', out);
}

void encoding_uri_component(struct str text, struct buf *out)
{
    percent(text, PLAIN_IN_URI, '\0', out);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum status encoding_unform(struct str text, struct buf *out)
{
    size_t before = out->len;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                out->len = before;
                return STATUS_INVALID;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (!buf_append_byte(out, c)) {
            out->len = before;
            return STATUS_INVALID;
        }
    }
    return STATUS_OK;
}

/**
 * Length of the character at the start where it may stand in a line on somebody's terminal, else
 * 0: no C0 or C1 controls, no line or paragraph separators, no bidirectional overrides.
 */
static size_t printable_len(struct str s)
{
    unsigned char first = (unsigned char)s.data[0];
    if (first < 0x80)
        return first >= 0x20 && first != 0x7f ? 1 : 0;
    size_t len = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    struct str character = str_slice(s, 0, len);
    if (character.len < len || str_utf8_len(character) != len)
        return 0;
    if (first == 0xc2 && (unsigned char)s.data[1] < 0xa0)
        return 0;
    if (str_starts_with(character, STR("\xe2\x80")))
        return (unsigned char)s.data[2] < 0xa8 || (unsigned char)s.data[2] > 0xae ? len : 0;
    if (str_starts_with(character, STR("\xe2\x81")))
        return (unsigned char)s.data[2] < 0xa6 || (unsigned char)s.data[2] > 0xa9 ? len : 0;
    return len;
}

void encoding_printable(struct str text, size_t max, struct buf *out)
{
    size_t used = 0;
    while (text.len > 0) {
        size_t len = printable_len(text);
        size_t room = len > 0 ? len : 4;
        if (room > max - used)
            return;
        if (len > 0)
            buf_append(out, str_slice(text, 0, len));
        else
            buf_printf(out, "\\x%02x", (unsigned)(unsigned char)text.data[0]);
        used += room;
        text = str_slice(text, MAX_OF(len, (size_t)1), text.len);
    }
}
