/**
 * Which member of a record is which column: one table a record type, from which the statements are
 * written, values bound and rows read. A row that holds what we never write (somebody changed the
 * file) reads as STATUS_INVALID with the column's name; nothing in it is believed.
 *
 *     sqlite_columns_bind(&sqlite_connection_type, statement, 1, &connection);
 *     status = sqlite_columns_read(&sqlite_connection_type, statement, 0, arena, &connection, err);
 */
#ifndef IO_STORE_SQLITE_COLUMNS_H
#define IO_STORE_SQLITE_COLUMNS_H

#include "common/arena.h"
#include "common/buf.h"

#include <sqlite3.h>

enum column_kind {
    COLUMN_TEXT,    /* struct str; NULL: STR_NONE */
    COLUMN_BLOB,    /* the same, bytes */
    COLUMN_TIME,    /* int64_t, of either sign */
    COLUMN_COUNT,   /* int64_t, not negative */
    COLUMN_BOOL,    /* bool */
    COLUMN_ENUM,    /* enum, below limit */
    COLUMN_HISTORY, /* history of struct connection: docs/store.md; only in a pack */
    COLUMN_PACK,    /* several members in one blob: store_sqlite_pack.h */
};

struct column {
    const char *name;
    enum column_kind kind;
    unsigned limit;
    size_t offset;
    bool key;                     /* fixed when inserted: not in UPDATE */
    bool sealed;                  /* left out of lists */
    bool grows;                   /* a time that an UPDATE never puts back */
    bool refreshed;               /* changes with each refresh; the others nearly never do */
    unsigned number;              /* of a member of a pack: its value's there */
    const struct column *members; /* PACK */
    size_t member_count;
};

struct record_type {
    const char *table;
    const struct column *columns;
    size_t count;
};

extern const struct record_type sqlite_connection_type;
extern const struct record_type sqlite_connector_type;
extern const struct record_type sqlite_credential_type;
extern const struct record_type sqlite_flow_type;

/** The members of a pack, as they are stored. */
void sqlite_columns_pack(const struct column *pack, const void *record, struct buf *out);
/** Into a record that is zero; its texts are borrowed from the bytes. False: no such pack. */
bool sqlite_columns_unpack(const struct column *pack, struct str bytes, void *record);
/** The same for column `settled` of a connection alone. */
struct connection;
bool sqlite_columns_unpack_settled(struct str bytes, struct connection *ret_connection);

/** first: the number of the first parameter. */
void sqlite_columns_bind(const struct record_type *type, sqlite3_stmt *statement, int first,
                         const void *record);
/** Into a record that is zero. */
MUST_CHECK enum status sqlite_columns_read(const struct record_type *type, sqlite3_stmt *statement,
                                           int first, struct arena *arena, void *record,
                                           struct error *err);

/** "c.id, c.connector, …"; without_sealed puts NULL for what is sealed. */
void sqlite_columns_list(const struct record_type *type, const char *alias, bool without_sealed,
                         struct buf *out);
/** "INSERT INTO t (id, …) VALUES (?1, …)"; verb is INSERT or REPLACE. */
void sqlite_columns_insert(const struct record_type *type, const char *verb, struct buf *out);
/** "UPDATE t SET name = ?2, …": each column has the number it has in INSERT. */
void sqlite_columns_update(const struct record_type *type, struct buf *out);
/** "UPDATE t SET due_ms = ?1, …" of what is `refreshed` alone; how many there are. */
size_t sqlite_columns_update_refreshed(const struct record_type *type, struct buf *out);
/** Are two records alike, but for what is `refreshed`? */
bool sqlite_columns_alike(const struct record_type *type, const void *a, const void *b);
/** Binds them, from ?1 on; how many there are. */
int sqlite_columns_bind_refreshed(const struct record_type *type, sqlite3_stmt *statement,
                                  const void *record);

#endif
