/**
 * Many small values as one blob: what SQL never looks at costs SQLite one column instead of many.
 * Each value has a number of its own, which never means anything else later; what is zero or
 * STR_NONE is left out.
 *
 *     end = sqlite_pack_integer(end, 3, connection.created_ms);
 *     while (sqlite_pack_next(&rest, &value) && value.number != 0) …
 *
 * A value is: its number times two, plus one for bytes (1 byte); then a number, zigzag, or a length
 * and that many bytes. Numbers and lengths are little-endian groups of 7 bits, the last without the
 * eighth bit set.
 */
#ifndef IO_STORE_SQLITE_PACK_H
#define IO_STORE_SQLITE_PACK_H

#include "common/buf.h"

#include <sqlite3.h>

enum {
    SQLITE_PACK_NUMBER_MAX = 127, /* of values, from 1 on */
    SQLITE_PACK_HEAD_MAX = 11,    /* bytes of a value but for its text */
};

struct pack_value {
    unsigned number; /* 0: there is no more */
    bool is_bytes;
    int64_t integer;
    struct str bytes; /* borrowed from what is unpacked */
};

/** Each writes to `to`, where there is room for SQLITE_PACK_HEAD_MAX and its bytes, and returns
 * where it ended. "" is kept apart from STR_NONE. */
char *sqlite_pack_integer(char *to, unsigned number, int64_t integer);
char *sqlite_pack_bytes(char *to, unsigned number, struct str bytes);
/** Takes the next value off the front; false where the bytes are no pack. */
bool sqlite_pack_next(struct str *rest, struct pack_value *ret);

/** For migrations: refreshd_pack(number, value, number, value, …) in SQL, values being integers,
 * texts, blobs or NULL. SQLite's code. */
int sqlite_pack_define(sqlite3 *handle);

#endif
