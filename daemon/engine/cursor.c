#include "engine/cursor.h"

#include "common/assert.h"

#include <inttypes.h>
#include <string.h>

enum { CHECK_LEN = 8 };

void cursor_write(const char *list, struct str place, struct buf *out)
{
    ASSERT(!str_is_empty(place));
    CLEANUP(buf_deinit) struct buf text = {0};
    buf_printf(&text, "%s/" STR_FMT, list, STR_ARG(place));
    uint64_t hash = str_hash(buf_str(&text));
    buf_append(out, buf_str(&text));
    buf_printf(out, "/%08" PRIx32, (uint32_t)(hash ^ hash >> 32));
}

bool cursor_read(const char *list, struct str cursor, struct str *ret_place)
{
    size_t begin = strlen(list) + 1;
    if (cursor.len <= begin + 1 + CHECK_LEN)
        return false;
    struct str place = str_slice(cursor, begin, cursor.len - begin - 1 - CHECK_LEN);
    CLEANUP(buf_deinit) struct buf right = {0};
    cursor_write(list, place, &right);
    if (!str_eq(buf_str(&right), cursor))
        return false;
    *ret_place = place;
    return true;
}

void cursor_fail(struct op *op)
{
    op_fail_params(op, "cursor", "the next_cursor of this list's page before, as it came");
}

bool cursor_take(struct op *op, const char *list, struct str *ret_place)
{
    struct str cursor = op_text(op, "cursor");
    *ret_place = STR_NONE;
    if (!str_is_set(cursor) || cursor_read(list, cursor, ret_place))
        return true;
    cursor_fail(op);
    return false;
}
