/**
 * A growing run of bytes, owned. It has a named maximum: past it an append fails and the buffer
 * says so, nothing is cut silently. Running out of memory aborts (common/memory.h).
 *
 *     CLEANUP(buf_deinit) struct buf out = {0};
 *     buf_append(&out, STR("grant_type="));
 *     buf_printf(&out, "%d", 7);
 *     use(buf_str(&out));
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include "common/str.h"

struct buf {
    char *data;
    size_t len;
    size_t capacity;
    size_t max;      /* 0: BUF_MAX_DEFAULT */
    bool overflowed; /* an append was refused */
    bool secret;     /* wipe what is left behind when growing, and at the end */
    bool is_lent;    /* data is not this buffer's to free */
};

enum { BUF_MAX_DEFAULT = 64 * 1024 * 1024, BUF_I64_ROOM = 21 };

/** Its first memory is the caller's and outlives it; what does not fit moves to memory of its own.
 * Only before anything else. */
void buf_lend(struct buf *buf, void *room, size_t size);
/** Free the bytes (wiped where secret) and zero the struct. */
void buf_deinit(struct buf *buf);
/** Forget the content, keep the memory (wiped where secret). */
void buf_clear(struct buf *buf);
/** Each append returns false, changes nothing and sets overflowed where the maximum is passed. */
bool buf_append(struct buf *buf, struct str bytes);
bool buf_append_byte(struct buf *buf, char byte);
/** In decimal; with the NUL it fits into BUF_I64_ROOM bytes. */
bool buf_append_i64(struct buf *buf, int64_t number);
bool buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
/** Room for len more bytes at the end, uninitialised; NULL past the maximum. */
char *buf_extend(struct buf *buf, size_t len);
/** Drop the first len bytes. */
void buf_consume(struct buf *buf, size_t len);
/** Borrow the content, good until the next change. */
struct str buf_str(const struct buf *buf);
/** The content with a NUL behind it, good until the next change. */
const char *buf_c(struct buf *buf);

#endif
