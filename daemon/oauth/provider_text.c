#include "oauth/provider_text.h"

#include "common/encoding.h"
#include "oauth/classify.h"

#include <string.h>

/** Bytes of the character at the front; 0 where it is no printable one. */
static size_t printable_len(struct str text)
{
    unsigned char c = (unsigned char)text.data[0];
    if (c < 0x80)
        return c > ' ' && c < 0x7f ? 1 : 0;
    size_t len = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    struct str character = str_slice(text, 0, len);
    if (character.len < len || !str_is_utf8(character))
        return 0;
    /* C1, and the invisible or direction-changing ones of U+2000–206F, U+FEFF, U+FFF9–FFFF */
    unsigned char second = (unsigned char)text.data[1];
    unsigned char third = len > 2 ? (unsigned char)text.data[2] : 0;
    bool hidden = (c == 0xC2 && second <= 0xA0) ||
                  (c == 0xE2 && second == 0x80 && (third <= 0x8F || (third >= 0xA8))) ||
                  (c == 0xE2 && second == 0x81 && third >= 0x9F) ||
                  (c == 0xEF && second == 0xBB && third == 0xBF) ||
                  (c == 0xEF && second == 0xBF && third >= 0xB9);
    return hidden ? 0 : len;
}

void provider_text_clean(struct str text, char *to, size_t size)
{
    size_t used = 0;
    bool blank = false;
    for (size_t i = 0; i < text.len;) {
        size_t len = printable_len(str_slice(text, i, 4));
        if (len == 0) {
            blank = used > 0;
            i++;
            continue;
        }
        if (used + len + (blank ? 1 : 0) >= size)
            break;
        if (blank)
            to[used++] = ' ';
        memcpy(to + used, text.data + i, len);
        used += len;
        i += len;
        blank = false;
    }
    to[used] = '\0';
}

void provider_text_word(struct str text, char *to, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < text.len && used + 1 < size; i++) {
        char c = text.data[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!word && (used == 0 || to[used - 1] == '_'))
            continue;
        to[used++] = word ? c : '_';
    }
    while (used > 0 && to[used - 1] == '_')
        used--;
    to[used] = '\0';
}

/** Cut text[at .. at + len) out and put as much of "***" as fits in its place. */
static size_t mask(char *text, size_t at, size_t len)
{
    size_t stars = MIN_OF(len, (size_t)3);
    memset(text + at, '*', stars);
    memmove(text + at + stars, text + at + len, strlen(text + at + len) + 1);
    return at + stars;
}

/** The longest beginning of secret that stands at the end of text: it was cut in the middle. */
static size_t cut_secret_len(struct str text, struct str secret, size_t at_least)
{
    size_t len = MIN_OF(text.len, secret.len);
    while (len >= at_least && !str_ends_with(text, str_slice(secret, 0, len)))
        len--;
    return len >= at_least ? len : 0;
}

static void mask_all(struct str secret, char *text)
{
    enum { CUT_MIN = 6 };
    for (size_t at = 0; at + secret.len <= strlen(text);) {
        if (memcmp(text + at, secret.data, secret.len) == 0)
            at = mask(text, at, secret.len);
        else
            at++;
    }
    size_t tail = cut_secret_len(str_c(text), secret, CUT_MIN);
    if (tail > 0)
        (void)mask(text, strlen(text) - tail, tail);
}

/** As a request may have carried it, and as servers write down what they got. */
static void mask_encoded(struct str secret, char *text)
{
    static void (*const encodings[])(struct str bytes, struct buf * out) = {
        encoding_form, encoding_uri_component, encoding_base64, encoding_base64url, encoding_hex};
    for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
        CLEANUP(buf_deinit) struct buf encoded = {.secret = true};
        encodings[i](secret, &encoded);
        while (encoded.len > 0 && encoded.data[encoded.len - 1] == '=')
            encoded.len--; /* the padding may be left out */
        mask_all(buf_str(&encoded), text);
    }
}

void oauth_scrub(const struct str *secrets, size_t count, char *text)
{
    enum { SECRET_MIN = 4 };
    for (size_t i = 0; i < count; i++) {
        if (secrets[i].len < SECRET_MIN)
            continue;
        mask_all(secrets[i], text);
        mask_encoded(secrets[i], text);
    }
}
