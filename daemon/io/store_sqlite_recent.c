#include "io/store_sqlite_recent.h"

#include "common/assert.h"
#include "common/memory.h"
#include "io/store_sqlite_columns.h"

#include <stdlib.h>
#include <string.h>

struct hint {
    uint64_t hash; /* of the id */
    int64_t place;
};

struct sqlite_recent {
    uint64_t epoch;  /* from 1 on */
    struct buf pack; /* of the connection that is looked at */
    struct recent_row rows[SQLITE_RECENT_MAX];
    struct hint hints[SQLITE_HINTS_MAX];
};

struct sqlite_recent *sqlite_recent_new(void)
{
    struct sqlite_recent *recent = memory_new(sizeof(*recent));
    recent->epoch = 1;
    return recent;
}

void sqlite_recent_free(struct sqlite_recent *recent)
{
    if (recent != NULL)
        buf_deinit(&recent->pack);
    free(recent);
}

/* FNV-1a. */
static uint64_t hash_of(struct str id)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < id.len; i++) {
        hash ^= (unsigned char)id.data[i];
        hash *= UINT64_C(1099511628211);
    }
    return hash ^ (hash >> 32);
}

/* Each id has one slot; who comes later stays. */
static size_t slot_of(struct str id)
{
    return (size_t)(hash_of(id) % SQLITE_RECENT_MAX);
}

void sqlite_recent_hint(struct sqlite_recent *recent, struct str id, int64_t place)
{
    uint64_t hash = hash_of(id);
    recent->hints[hash % SQLITE_HINTS_MAX] = (struct hint){.hash = hash, .place = place};
}

int64_t sqlite_recent_hinted(const struct sqlite_recent *recent, struct str id)
{
    uint64_t hash = hash_of(id);
    const struct hint *hint = &recent->hints[hash % SQLITE_HINTS_MAX];
    return hint->hash == hash ? hint->place : 0;
}

/* ---- a column as bytes: a number, or a length and a text ---- */

struct piece {
    int64_t number;
    struct str text;
};

static struct piece piece_of_text(struct str text)
{
    return (struct piece){.number = text.data == NULL ? -1 : (int64_t)text.len, .text = text};
}

/** A pack is good until the next one. */
static struct piece piece_of(struct sqlite_recent *recent, const struct column *column,
                             const struct connection *connection)
{
    const void *member = (const char *)connection + column->offset;
    switch (column->kind) {
    case COLUMN_TIME:
    case COLUMN_COUNT:
        return (struct piece){.number = *(const int64_t *)member};
    case COLUMN_BOOL:
        return (struct piece){.number = *(const bool *)member ? 1 : 0};
    case COLUMN_ENUM: {
        unsigned value;
        memcpy(&value, member, sizeof(value));
        return (struct piece){.number = value};
    }
    case COLUMN_TEXT:
    case COLUMN_BLOB:
        return piece_of_text(*(const struct str *)member);
    case COLUMN_PACK:
        buf_clear(&recent->pack);
        sqlite_columns_pack(column, connection, &recent->pack);
        return piece_of_text(buf_str(&recent->pack));
    case COLUMN_HISTORY:
        break;
    }
    ASSERT(false); /* only in a pack */
    return (struct piece){0};
}

void sqlite_recent_note(struct sqlite_recent *recent, const struct connection *connection,
                        int64_t place, int64_t last_event)
{
    struct recent_row *row = &recent->rows[slot_of(connection->id)];
    const struct record_type *type = &sqlite_connection_type;
    row->epoch = row->place_epoch = 0;
    row->len = 0;
    row->place = place;
    for (size_t i = 0; i < type->count; i++) {
        if (type->columns[i].refreshed)
            continue;
        struct piece piece = piece_of(recent, &type->columns[i], connection);
        if (sizeof(row->bytes) - row->len < sizeof(piece.number) + piece.text.len)
            return;
        memcpy(row->bytes + row->len, &piece.number, sizeof(piece.number));
        row->len += sizeof(piece.number);
        if (piece.text.len > 0)
            memcpy(row->bytes + row->len, piece.text.data, piece.text.len);
        row->len += piece.text.len;
        row->place_epoch = recent->epoch; /* the id stands first */
    }
    row->epoch = recent->epoch;
    row->version = connection->version;
    row->last_event = last_event;
    row->credential_version = connection->credential_version;
}

static bool is_like(struct sqlite_recent *recent, const struct recent_row *row,
                    const struct connection *connection)
{
    const struct record_type *type = &sqlite_connection_type;
    size_t at = 0;
    for (size_t i = 0; i < type->count; i++) {
        if (type->columns[i].refreshed)
            continue;
        struct piece piece = piece_of(recent, &type->columns[i], connection);
        int64_t kept;
        memcpy(&kept, row->bytes + at, sizeof(kept));
        if (kept != piece.number)
            return false; /* so the texts that follow are equally long */
        at += sizeof(kept);
        if (piece.text.len > 0 && memcmp(row->bytes + at, piece.text.data, piece.text.len) != 0)
            return false;
        at += piece.text.len;
    }
    return at == row->len;
}

const struct recent_row *sqlite_recent_find(struct sqlite_recent *recent,
                                            const struct connection *connection)
{
    const struct recent_row *row = &recent->rows[slot_of(connection->id)];
    bool is_known = row->epoch == recent->epoch && row->version == connection->version;
    return is_known && is_like(recent, row, connection) ? row : NULL;
}

int64_t sqlite_recent_place(const struct sqlite_recent *recent, struct str id)
{
    const struct recent_row *row = &recent->rows[slot_of(id)];
    int64_t len = (int64_t)id.len;
    bool is_known = id.len > 0 && row->place_epoch == recent->epoch &&
                    row->len >= sizeof(len) + id.len &&
                    memcmp(row->bytes, &len, sizeof(len)) == 0 &&
                    memcmp(row->bytes + sizeof(len), id.data, id.len) == 0;
    return is_known ? row->place : 0;
}

void sqlite_recent_drop(struct sqlite_recent *recent, struct str id)
{
    recent->rows[slot_of(id)].epoch = 0;
}

void sqlite_recent_clear(struct sqlite_recent *recent)
{
    recent->epoch++;
}
