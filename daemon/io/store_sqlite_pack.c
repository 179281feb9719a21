#include "io/store_sqlite_pack.h"

#include "common/assert.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

enum { VARINT_BYTES_MAX = SQLITE_PACK_HEAD_MAX - 1 };

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

char *sqlite_pack_integer(char *to, unsigned number, int64_t integer)
{
    ASSERT(number >= 1 && number <= SQLITE_PACK_NUMBER_MAX);
    if (integer == 0)
        return to;
    *to++ = (char)(unsigned char)(number << 1);
    uint64_t zigzag = ((uint64_t)integer << 1) ^ (integer < 0 ? UINT64_MAX : 0);
    return to + put_varint(to, zigzag);
}

char *sqlite_pack_bytes(char *to, unsigned number, struct str bytes)
{
    ASSERT(number >= 1 && number <= SQLITE_PACK_NUMBER_MAX);
    if (bytes.data == NULL)
        return to;
    *to++ = (char)(unsigned char)(number << 1 | 1);
    to += put_varint(to, bytes.len);
    if (bytes.len > 0)
        memcpy(to, bytes.data, bytes.len);
    return to + bytes.len;
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

static struct str bytes_of(sqlite3_value *value)
{
    const char *data = sqlite3_value_blob(value); /* NULL where there are no bytes */
    return (struct str){.data = data == NULL ? "" : data,
                        .len = (size_t)sqlite3_value_bytes(value)};
}

static void pack_function(sqlite3_context *context, int count, sqlite3_value **values)
{
    size_t size = 1;
    for (int i = 1; i < count; i += 2)
        size += SQLITE_PACK_HEAD_MAX + (size_t)sqlite3_value_bytes(values[i]);
    CLEANUP(memory_freep) char *bytes = memory_new(size);
    char *end = bytes;
    for (int i = 0; i + 1 < count; i += 2) {
        unsigned number = (unsigned)sqlite3_value_int(values[i]);
        sqlite3_value *value = values[i + 1];
        if (sqlite3_value_type(value) == SQLITE_INTEGER)
            end = sqlite_pack_integer(end, number, sqlite3_value_int64(value));
        else if (sqlite3_value_type(value) != SQLITE_NULL)
            end = sqlite_pack_bytes(end, number, bytes_of(value));
    }
    sqlite3_result_blob64(context, bytes, (sqlite3_uint64)(end - bytes), SQLITE_TRANSIENT);
}

int sqlite_pack_define(sqlite3 *handle)
{
    return sqlite3_create_function(handle, "refreshd_pack", -1,
                                   SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL,
                                   pack_function, NULL, NULL);
}
