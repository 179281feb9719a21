/**
 * A borrowed run of bytes. Not owned, not terminated, may hold NUL; {NULL, 0} means "absent" and
 * is told apart from the empty string by str_is_set().
 *
 *     if (str_eq(method, STR("token"))) …
 *     error_set(err, STATUS_INVALID, "unknown key \"" STR_FMT "\"", STR_ARG(key));
 */
#ifndef COMMON_STR_H
#define COMMON_STR_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *data;
    size_t len;
};

/** A string literal as a str. STR_INIT is for static initialisers. */
#define STR(literal) ((struct str){.data = "" literal "", .len = sizeof(literal) - 1})
#define STR_INIT(literal)                                 \
    {                                                     \
        .data = "" literal "", .len = sizeof(literal) - 1 \
    }
#define STR_NONE ((struct str){.data = NULL, .len = 0})

/** For printf: "%.*s". */
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).len, (s).data != NULL ? (s).data : ""

/** Borrow a C string; NULL gives STR_NONE. */
struct str str_c(const char *text);
static inline bool str_is_set(struct str s)
{
    return s.data != NULL;
}
static inline bool str_is_empty(struct str s)
{
    return s.len == 0;
}
bool str_eq(struct str a, struct str b);
/** ASCII only, whatever the locale. */
bool str_eq_nocase(struct str a, struct str b);
bool str_starts_with(struct str s, struct str prefix);
bool str_ends_with(struct str s, struct str suffix);
/** Does s hold needle anywhere? An empty needle is everywhere. */
bool str_contains(struct str s, struct str needle);
bool str_contains_nocase(struct str s, struct str needle);
/** <0, 0, >0 by bytes, as memcmp, the shorter first. */
int str_compare(struct str a, struct str b);
/** FNV-1a, 64 bits: the same on every machine, and anybody can make two that are alike. */
uint64_t str_hash(struct str s);
/** Without ASCII white space at both ends. */
struct str str_trim(struct str s);
/** From offset on, at most len bytes; never past the end. */
struct str str_slice(struct str s, size_t offset, size_t len);
/** Index of the byte, or s.len. */
size_t str_find_byte(struct str s, char byte);

/**
 * Cut the next piece off *rest at any byte of separators; false at the end. Runs of separators
 * count as one, empty pieces are skipped.
 */
bool str_next_word(struct str *rest, struct str separators, struct str *ret_word);

/** The whole string as a decimal number, without sign for _u64; STATUS_INVALID else. */
MUST_CHECK enum status str_to_i64(struct str s, int64_t *ret);
MUST_CHECK enum status str_to_u64(struct str s, uint64_t *ret);

/** Is it well-formed UTF-8 (no surrogates, no overlong forms)? */
bool str_is_utf8(struct str s);
/** Bytes from the start that are well-formed UTF-8 (no character is split): s.len where all are. */
size_t str_utf8_len(struct str s);

/** Copy into a fixed array with a NUL, cut at a UTF-8 boundary where it does not fit. */
void str_copy_cut(struct str s, char *to, size_t size);

#endif
