#include "common/buf.h"

#include "common/assert.h"
#include "common/memory.h"
#include "common/secret.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_CAPACITY_FIRST = 256 };

void buf_lend(struct buf *buf, void *room, size_t size)
{
    ASSERT(buf->data == NULL && size > 0 && (buf->max == 0 || size <= buf->max + 1));
    buf->data = room;
    buf->capacity = size;
    buf->is_lent = true;
}

/** The bytes, not what is known of the buffer. */
static void give_up(struct buf *buf)
{
    if (buf->secret)
        secret_wipe(buf->data, buf->capacity);
    if (!buf->is_lent)
        free(buf->data);
}

void buf_deinit(struct buf *buf)
{
    ASSERT(buf != NULL);
    give_up(buf);
    *buf = (struct buf){0};
}

void buf_clear(struct buf *buf)
{
    ASSERT(buf != NULL);
    if (buf->secret)
        secret_wipe(buf->data, buf->len);
    buf->len = 0;
    buf->overflowed = false;
}

/** A larger block. Never by realloc() where secret: it would leave the old bytes behind. */
static void move_to(struct buf *buf, size_t capacity)
{
    if (!buf->secret && !buf->is_lent) {
        buf->data = memory_grow(buf->data, capacity);
        buf->capacity = capacity;
        return;
    }
    char *data = memory_new(capacity);
    if (buf->len > 0)
        memcpy(data, buf->data, buf->len);
    give_up(buf);
    buf->data = data;
    buf->capacity = capacity;
    buf->is_lent = false;
}

static bool make_room(struct buf *buf, size_t len)
{
    size_t max = buf->max == 0 ? BUF_MAX_DEFAULT : buf->max;
    ASSERT(max < SIZE_MAX / 2);
    if (buf->len > max || len > max - buf->len) {
        buf->overflowed = true;
        return false;
    }
    size_t need = buf->len + len + 1;
    size_t capacity = MAX_OF(buf->capacity * 2, (size_t)BUF_CAPACITY_FIRST);
    move_to(buf, MAX_OF(need, MIN_OF(capacity, max + 1)));
    return true;
}

/** Room for len more bytes and the NUL of buf_c(). */
static inline bool reserve(struct buf *buf, size_t len)
{
    ASSERT(buf != NULL);
    /* The capacity is never more than the maximum and the NUL. */
    return len < buf->capacity - buf->len || make_room(buf, len);
}

bool buf_append(struct buf *buf, struct str bytes)
{
    if (!reserve(buf, bytes.len))
        return false;
    if (bytes.len > 0)
        memcpy(buf->data + buf->len, bytes.data, bytes.len);
    buf->len += bytes.len;
    return true;
}

bool buf_append_byte(struct buf *buf, char byte)
{
    if (!reserve(buf, 1))
        return false;
    buf->data[buf->len++] = byte;
    return true;
}

bool buf_append_i64(struct buf *buf, int64_t number)
{
    char text[20]; /* of INT64_MIN */
    char *at = text + sizeof(text);
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (number < 0)
        *--at = '-';
    return buf_append(buf, (struct str){.data = at, .len = (size_t)(text + sizeof(text) - at)});
}

bool buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(len >= 0);
    bool fits = reserve(buf, (size_t)len);
    if (fits) {
        int written = vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
        ASSERT(written == len);
        buf->len += (size_t)len;
    }
    va_end(again);
    return fits;
}

char *buf_extend(struct buf *buf, size_t len)
{
    if (!reserve(buf, len))
        return NULL;
    char *room = buf->data + buf->len;
    buf->len += len;
    return room;
}

void buf_consume(struct buf *buf, size_t len)
{
    ASSERT(buf != NULL && len <= buf->len);
    if (len == 0)
        return;
    size_t rest = buf->len - len;
    memmove(buf->data, buf->data + len, rest);
    if (buf->secret)
        secret_wipe(buf->data + rest, len);
    buf->len = rest;
}

struct str buf_str(const struct buf *buf)
{
    ASSERT(buf != NULL);
    return buf->data == NULL ? STR("") : (struct str){.data = buf->data, .len = buf->len};
}

const char *buf_c(struct buf *buf)
{
    ASSERT(buf != NULL);
    if (buf->data == NULL)
        return "";
    buf->data[buf->len] = '\0'; /* reserve() always leaves room for it */
    return buf->data;
}
