#include "io/store_sqlite_pack.h"

#include "common/assert.h"

#include <stdlib.h>
#include <string.h>

enum { VARINT_BYTES_MAX = 10 };

static size_t put_varint(char *to, uint64_t value)
{
    size_t len = 0;
    for (; value >= 0x80; value >>= 7)
        to[len++] = (char)(unsigned char)(value | 0x80);
    to[len++] = (char)value;
    return len;
}

static bool take_varint(struct str *rest, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < MIN_OF(rest->len, (size_t)VARINT_BYTES_MAX); i++) {
        unsigned char byte = (unsigned char)rest->data[i];
        if (i == VARINT_BYTES_MAX - 1 && byte > 1)
            return false; /* more than 64 bits */
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *rest = (struct str){.data = rest->data + i + 1, .len = rest->len - i - 1};
            *ret = value;
            return true;
        }
    }
    return false;
}

static void append(struct buf *out, const char *head, size_t head_len, struct str bytes)
{
    char *to = buf_extend(out, head_len + bytes.len);
    ASSERT(to != NULL);
    memcpy(to, head, head_len);
    if (bytes.len > 0)
        memcpy(to + head_len, bytes.data, bytes.len);
}

void sqlite_pack_integer(struct buf *out, unsigned number, int64_t integer)
{
    ASSERT(number >= 1 && number <= SQLITE_PACK_NUMBER_MAX);
    if (integer == 0)
        return;
    char head[1 + VARINT_BYTES_MAX] = {(char)(unsigned char)(number << 1)};
    uint64_t zigzag = ((uint64_t)integer << 1) ^ (integer < 0 ? UINT64_MAX : 0);
    append(out, head, 1 + put_varint(head + 1, zigzag), STR_NONE);
}

void sqlite_pack_bytes(struct buf *out, unsigned number, struct str bytes)
{
    ASSERT(number >= 1 && number <= SQLITE_PACK_NUMBER_MAX);
    if (bytes.data == NULL)
        return;
    char head[1 + VARINT_BYTES_MAX] = {(char)(unsigned char)(number << 1 | 1)};
    append(out, head, 1 + put_varint(head + 1, bytes.len), bytes);
}

bool sqlite_pack_next(struct str *rest, struct pack_value *ret)
{
    *ret = (struct pack_value){0};
    if (rest->len == 0)
        return true;
    unsigned first = (unsigned char)rest->data[0];
    *rest = (struct str){.data = rest->data + 1, .len = rest->len - 1};
    uint64_t value;
    if (first < 2 || !take_varint(rest, &value))
        return false;
    ret->number = first >> 1;
    ret->is_bytes = (first & 1) != 0;
    if (!ret->is_bytes) {
        ret->integer = (int64_t)((value >> 1) ^ ((value & 1) != 0 ? UINT64_MAX : 0));
        return true;
    }
    if (value > rest->len)
        return false;
    ret->bytes = (struct str){.data = rest->data, .len = (size_t)value};
    *rest = (struct str){.data = rest->data + value, .len = rest->len - (size_t)value};
    return true;
}

static void pack_function(sqlite3_context *context, int count, sqlite3_value **values)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    for (int i = 0; i + 1 < count; i += 2) {
        unsigned number = (unsigned)sqlite3_value_int(values[i]);
        sqlite3_value *value = values[i + 1];
        if (sqlite3_value_type(value) == SQLITE_INTEGER) {
            sqlite_pack_integer(&out, number, sqlite3_value_int64(value));
        } else if (sqlite3_value_type(value) != SQLITE_NULL) {
            const char *data = sqlite3_value_blob(value); /* NULL where there are no bytes */
            sqlite_pack_bytes(&out, number,
                              (struct str){.data = data == NULL ? "" : data,
                                           .len = (size_t)sqlite3_value_bytes(value)});
        }
    }
    if (out.len == 0)
        sqlite3_result_zeroblob(context, 0);
    else
        sqlite3_result_blob64(context, out.data, out.len, SQLITE_TRANSIENT);
}

int sqlite_pack_define(sqlite3 *handle)
{
    return sqlite3_create_function(handle, "refreshd_pack", -1,
                                   SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL,
                                   pack_function, NULL, NULL);
}
