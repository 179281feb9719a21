#include "io/store_sqlite_recent.h"

#include "common/assert.h"
#include "common/memory.h"
#include "io/store_sqlite_columns.h"

#include <stdlib.h>
#include <string.h>

struct sqlite_recent {
    uint64_t epoch; /* from 1 on */
    struct recent_row rows[SQLITE_RECENT_MAX];
};

struct sqlite_recent *sqlite_recent_new(void)
{
    struct sqlite_recent *recent = memory_new(sizeof(*recent));
    recent->epoch = 1;
    return recent;
}

void sqlite_recent_free(struct sqlite_recent *recent)
{
    free(recent);
}

/* Each id has one place (FNV-1a); who comes later stays. */
static size_t slot_of(struct str id)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < id.len; i++) {
        hash ^= (unsigned char)id.data[i];
        hash *= UINT64_C(1099511628211);
    }
    return (size_t)((hash ^ (hash >> 32)) % SQLITE_RECENT_MAX);
}

/* ---- a member as bytes: a number, or a length and a text ---- */

static int64_t number_of(const struct column *column, const void *member)
{
    switch (column->kind) {
    case COLUMN_TIME:
    case COLUMN_COUNT:
        return *(const int64_t *)member;
    case COLUMN_BOOL:
        return *(const bool *)member ? 1 : 0;
    case COLUMN_ENUM: {
        unsigned value;
        memcpy(&value, member, sizeof(value));
        return value;
    }
    case COLUMN_TEXT:
    case COLUMN_BLOB: {
        const struct str *text = member;
        return text->data == NULL ? -1 : (int64_t)text->len;
    }
    case COLUMN_HISTORY:
        break;
    }
    ASSERT(false); /* the history is refreshed */
    return 0;
}

static struct str text_of(const struct column *column, const void *member)
{
    bool is_text = column->kind == COLUMN_TEXT || column->kind == COLUMN_BLOB;
    return is_text ? *(const struct str *)member : STR_NONE;
}

void sqlite_recent_note(struct sqlite_recent *recent, const struct connection *connection,
                        int64_t place, int64_t last_event)
{
    struct recent_row *row = &recent->rows[slot_of(connection->id)];
    const struct record_type *type = &sqlite_connection_type;
    row->epoch = 0;
    row->len = 0;
    for (size_t i = 0; i < type->count; i++) {
        const struct column *column = &type->columns[i];
        if (column->refreshed)
            continue;
        const void *member = (const char *)connection + column->offset;
        int64_t number = number_of(column, member);
        struct str text = text_of(column, member);
        if (sizeof(row->bytes) - row->len < sizeof(number) + text.len)
            return;
        memcpy(row->bytes + row->len, &number, sizeof(number));
        row->len += sizeof(number);
        if (text.len > 0)
            memcpy(row->bytes + row->len, text.data, text.len);
        row->len += text.len;
    }
    row->epoch = recent->epoch;
    row->version = connection->version;
    row->place = place;
    row->last_event = last_event;
    row->credential_version = connection->credential_version;
}

static bool is_like(const struct recent_row *row, const struct connection *connection)
{
    const struct record_type *type = &sqlite_connection_type;
    size_t at = 0;
    for (size_t i = 0; i < type->count; i++) {
        const struct column *column = &type->columns[i];
        if (column->refreshed)
            continue;
        const void *member = (const char *)connection + column->offset;
        int64_t number = number_of(column, member), kept;
        memcpy(&kept, row->bytes + at, sizeof(kept));
        if (kept != number)
            return false; /* so the texts that follow are equally long */
        at += sizeof(kept);
        struct str text = text_of(column, member);
        if (text.len > 0 && memcmp(row->bytes + at, text.data, text.len) != 0)
            return false;
        at += text.len;
    }
    return at == row->len;
}

const struct recent_row *sqlite_recent_find(const struct sqlite_recent *recent,
                                            const struct connection *connection)
{
    const struct recent_row *row = &recent->rows[slot_of(connection->id)];
    bool is_known = row->epoch == recent->epoch && row->version == connection->version;
    return is_known && is_like(row, connection) ? row : NULL;
}

void sqlite_recent_drop(struct sqlite_recent *recent, struct str id)
{
    recent->rows[slot_of(id)].epoch = 0;
}

void sqlite_recent_clear(struct sqlite_recent *recent)
{
    recent->epoch++;
}
