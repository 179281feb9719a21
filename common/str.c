#include "common/str.h"

#include "common/assert.h"

#include <string.h>

struct str str_c(const char *text)
{
    return text == NULL ? STR_NONE : (struct str){.data = text, .len = strlen(text)};
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    }
    return true;
}

bool str_starts_with(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_slice(s, 0, prefix.len), prefix);
}

bool str_ends_with(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq(str_slice(s, s.len - suffix.len, suffix.len), suffix);
}

bool str_contains(struct str s, struct str needle)
{
    if (needle.len == 0)
        return true;
    return s.len >= needle.len && memmem(s.data, s.len, needle.data, needle.len) != NULL;
}

bool str_contains_nocase(struct str s, struct str needle)
{
    for (size_t i = 0; i + needle.len <= s.len; i++) {
        if (str_eq_nocase(str_slice(s, i, needle.len), needle))
            return true;
    }
    return false;
}

int str_compare(struct str a, struct str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

uint64_t str_hash(struct str s)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < s.len; i++)
        hash = (hash ^ (unsigned char)s.data[i]) * UINT64_C(1099511628211);
    return hash;
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_space(s.data[0])) {
        s.data++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.data[s.len - 1]))
        s.len--;
    return s;
}

struct str str_slice(struct str s, size_t offset, size_t len)
{
    if (s.data == NULL)
        return STR_NONE;
    size_t from = MIN_OF(offset, s.len);
    return (struct str){.data = s.data + from, .len = MIN_OF(len, s.len - from)};
}

size_t str_find_byte(struct str s, char byte)
{
    if (s.len == 0)
        return 0;
    const char *at = memchr(s.data, byte, s.len);
    return at == NULL ? s.len : (size_t)(at - s.data);
}

/** A bit for each byte that there can be. */
struct byte_set {
    uint64_t bits[4];
};

static struct byte_set byte_set_of(struct str bytes)
{
    struct byte_set set = {{0}};
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];
        set.bits[byte >> 6] |= UINT64_C(1) << (byte & 63);
    }
    return set;
}

static bool byte_set_has(const struct byte_set *set, char byte)
{
    unsigned char at = (unsigned char)byte;
    return (set->bits[at >> 6] >> (at & 63) & 1) != 0;
}

bool str_next_word(struct str *rest, struct str separators, struct str *ret_word)
{
    ASSERT(rest != NULL && ret_word != NULL);
    const struct byte_set set = byte_set_of(separators);
    size_t from = 0;
    while (from < rest->len && byte_set_has(&set, rest->data[from]))
        from++;
    size_t to = from;
    while (to < rest->len && !byte_set_has(&set, rest->data[to]))
        to++;
    struct str word = str_slice(*rest, from, to - from);
    *rest = str_slice(*rest, to, rest->len - to);
    if (word.len == 0)
        return false;
    *ret_word = word;
    return true;
}

enum status str_to_u64(struct str s, uint64_t *ret)
{
    uint64_t number = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return STATUS_INVALID;
        uint64_t digit = (uint64_t)(s.data[i] - '0');
        if (number > (UINT64_MAX - digit) / 10)
            return STATUS_INVALID;
        number = number * 10 + digit;
    }
    if (s.len == 0)
        return STATUS_INVALID;
    *ret = number;
    return STATUS_OK;
}

enum status str_to_i64(struct str s, int64_t *ret)
{
    bool negative = s.len > 0 && s.data[0] == '-';
    uint64_t size;
    if (str_to_u64(negative ? str_slice(s, 1, s.len - 1) : s, &size) != STATUS_OK)
        return STATUS_INVALID;
    if (size > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return STATUS_INVALID;
    if (!negative)
        *ret = (int64_t)size;
    else
        *ret = size == 0 ? 0 : -(int64_t)(size - 1) - 1;
    return STATUS_OK;
}

/**
 * Length of the well-formed character at the start, 0 where there is none: the table of the
 * Unicode Standard, "Well-Formed UTF-8 Byte Sequences", by the range of the second byte.
 */
static size_t utf8_char_len(const unsigned char *at, size_t len)
{
    unsigned char first = at[0];
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    size_t need = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (len < need)
        return 0;
    unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return need;
}

/** Plain ASCII, as most text is, in blocks that the compiler makes one step each. */
static size_t ascii_blocks_len(const unsigned char *bytes, size_t len)
{
    enum { BLOCK = 64 };
    size_t at = 0;
    for (; len - at >= BLOCK; at += BLOCK) {
        unsigned char any = 0;
        for (size_t i = 0; i < BLOCK; i++)
            any |= bytes[at + i];
        if (any >= 0x80)
            break;
    }
    return at;
}

size_t str_utf8_len(struct str s)
{
    const unsigned char *bytes = (const unsigned char *)s.data;
    size_t at = ascii_blocks_len(bytes, s.len);
    while (at < s.len) {
        uint64_t word;
        if (s.len - at >= sizeof(word)) {
            memcpy(&word, bytes + at, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof(word);
                continue;
            }
        }
        size_t len = utf8_char_len(bytes + at, s.len - at);
        if (len == 0)
            break;
        at += len;
    }
    return at;
}

bool str_is_utf8(struct str s)
{
    return str_utf8_len(s) == s.len;
}

void str_copy_cut(struct str s, char *to, size_t size)
{
    ASSERT(to != NULL && size > 0);
    size_t len = s.len;
    if (len >= size) {
        len = size - 1;
        /* Step back over continuation bytes, at most three, to the start of the cut character. */
        size_t start = len;
        while (start > 0 && len - start < 3 && ((unsigned char)s.data[start] & 0xc0) == 0x80)
            start--;
        if (((unsigned char)s.data[start] & 0xc0) == 0xc0)
            len = start;
    }
    if (len > 0)
        memcpy(to, s.data, len);
    to[len] = '\0';
}
