#include "io/store_sqlite_columns.h"

#include "common/assert.h"
#include "core/connection.h"
#include "core/connector.h"
#include "core/flow.h"
#include "io/store_sqlite_db.h"
#include "io/store_sqlite_history.h"
#include "io/store_sqlite_pack.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(enum phase) == sizeof(unsigned), "enums are read as unsigned");

#define COLUMN(record, member, kind_)                                               \
    {                                                                               \
        .name = #member, .kind = (kind_), .offset = offsetof(struct record, member) \
    }
#define ENUM(record, member, limit_)                             \
    {                                                            \
        .name = #member, .kind = COLUMN_ENUM, .limit = (limit_), \
        .offset = offsetof(struct record, member)                \
    }
#define NAMED(record, name_, member, kind_)                                         \
    {                                                                               \
        .name = (name_), .kind = (kind_), .offset = offsetof(struct record, member) \
    }
#define KEY(record, member, kind_)                                                               \
    {                                                                                            \
        .name = #member, .kind = (kind_), .offset = offsetof(struct record, member), .key = true \
    }
#define SEALED(record, member)                                                           \
    {                                                                                    \
        .name = #member, .kind = COLUMN_BLOB, .offset = offsetof(struct record, member), \
        .sealed = true, .refreshed = true                                                \
    }

#define GROWS(record, member)                                                            \
    {                                                                                    \
        .name = #member, .kind = COLUMN_TIME, .offset = offsetof(struct record, member), \
        .grows = true, .refreshed = true                                                 \
    }

/* In no index but connection_due: an UPDATE of these alone leaves the others in peace. */
#define REFRESHED(record, member, kind_)                                             \
    {                                                                                \
        .name = #member, .kind = (kind_), .offset = offsetof(struct record, member), \
        .refreshed = true                                                            \
    }

/* A member of a pack: its number there is its own for good. */
#define PACKED(number_, record, member, kind_)                                       \
    {                                                                                \
        .name = #member, .kind = (kind_), .offset = offsetof(struct record, member), \
        .number = (number_)                                                          \
    }
#define PACKED_ENUM(number_, record, member, limit_)                   \
    {                                                                  \
        .name = #member, .kind = COLUMN_ENUM, .limit = (limit_),       \
        .offset = offsetof(struct record, member), .number = (number_) \
    }

/* What SQL never looks at, in two packs: what hardly ever changes, and what each refresh changes.
 * In order of their numbers; new ones go to the end. */
static const struct column settled_members[] = {
    PACKED(1, connection, owner.apps, COLUMN_TEXT),
    PACKED(2, connection, owner.superagent, COLUMN_TEXT),
    PACKED(3, connection, owner.app, COLUMN_TEXT),
    PACKED(4, connection, owner.user, COLUMN_TEXT),
    PACKED(5, connection, account_id, COLUMN_TEXT),
    PACKED(6, connection, account_label, COLUMN_TEXT),
    PACKED(7, connection, account_issuer, COLUMN_TEXT),
    PACKED(8, connection, account_verified, COLUMN_BOOL),
    PACKED(9, connection, created_ms, COLUMN_TIME),
    PACKED(10, connection, generation, COLUMN_COUNT),
    PACKED(11, connection, scopes_asked, COLUMN_TEXT),
    PACKED(12, connection, config_json, COLUMN_TEXT),
    PACKED(13, connection, advisory_is_mild, COLUMN_BOOL),
    PACKED(14, connection, scopes_added, COLUMN_TEXT),
    PACKED(15, connection, scopes_removed, COLUMN_TEXT),
    PACKED(16, connection, trouble_ms, COLUMN_TIME),
    PACKED(17, connection, detail, COLUMN_TEXT),
    PACKED(18, connection, provider_error_status, COLUMN_COUNT),
    PACKED(19, connection, provider_error_code, COLUMN_TEXT),
    PACKED(20, connection, provider_error_message, COLUMN_TEXT),
    PACKED(21, connection, claims, COLUMN_TEXT),
    PACKED(22, connection, failing_since_ms, COLUMN_TIME),
    PACKED(23, connection, doubts_since_ms, COLUMN_TIME),
    PACKED_ENUM(24, connection, unscheduled, UNSCHEDULED_COUNT),
    PACKED(25, connection, notice_lead_ms, COLUMN_COUNT),
    PACKED(26, connection, refresh_extends, COLUMN_BOOL),
    PACKED_ENUM(27, connection, suspected_by, SUSPECTED_BY_COUNT),
    PACKED(28, connection, verdict_ms, COLUMN_TIME),
    PACKED(29, connection, held_ms, COLUMN_TIME),
};

static const struct column fresh_members[] = {
    PACKED(1, connection, token_type, COLUMN_TEXT),
    PACKED(2, connection, issued_ms, COLUMN_TIME),
    PACKED(3, connection, lifetime_ms, COLUMN_TIME),
    PACKED(4, connection, scopes_granted, COLUMN_TEXT),
    PACKED(5, connection, scopes_version, COLUMN_COUNT),
    PACKED(6, connection, no_rotation_count, COLUMN_COUNT),
    PACKED(7, connection, last_success_ms, COLUMN_TIME),
    PACKED(8, connection, last_attempt_ms, COLUMN_TIME),
    PACKED(9, connection, attempts, COLUMN_COUNT),
    {.name = "history", .kind = COLUMN_HISTORY, .number = 10},
    PACKED(11, connection, refresh_due_ms, COLUMN_TIME),
    PACKED(12, connection, probe_due_ms, COLUMN_TIME),
    PACKED(13, connection, notice_due_ms, COLUMN_TIME),
    PACKED(14, connection, refresh_print, COLUMN_BLOB),
};

#define PACK(name_, members_)                                        \
    {                                                                \
        .name = (name_), .kind = COLUMN_PACK, .members = (members_), \
        .member_count = ARRAY_LEN(members_)                          \
    }

static const struct column connection_columns[] = {
    KEY(connection, id, COLUMN_TEXT),
    KEY(connection, connector, COLUMN_TEXT),
    ENUM(connection, phase, PHASE_DISCONNECTED + 1),
    ENUM(connection, dead_reason, REASON_COUNT),
    ENUM(connection, advisory_reason, REASON_COUNT),
    COLUMN(connection, failures, COLUMN_COUNT),
    COLUMN(connection, uncertain_tries, COLUMN_COUNT),
    COLUMN(connection, doubts, COLUMN_COUNT),
    REFRESHED(connection, credential_version, COLUMN_TIME),
    REFRESHED(connection, due_ms, COLUMN_TIME),
    REFRESHED(connection, expires_ms, COLUMN_TIME),
    REFRESHED(connection, refresh_expires_ms, COLUMN_TIME),
    COLUMN(connection, alert_seq, COLUMN_COUNT),
    ENUM(connection, verdict_reason, REASON_COUNT),
    COLUMN(connection, requested_ms, COLUMN_TIME),
    GROWS(connection, last_read_ms),
    PACK("settled", settled_members),
    {.name = "fresh",
     .kind = COLUMN_PACK,
     .members = fresh_members,
     .member_count = ARRAY_LEN(fresh_members),
     .refreshed = true},
    SEALED(connection, sealed_access),
    SEALED(connection, sealed_refresh),
};

const struct record_type sqlite_connection_type = {
    .table = "connection",
    .columns = connection_columns,
    .count = ARRAY_LEN(connection_columns),
};

static const struct column connector_columns[] = {
    KEY(connector, id, COLUMN_TEXT),
    COLUMN(connector, name, COLUMN_TEXT),
    ENUM(connector, type, CONNECTOR_TYPE_COUNT),
    COLUMN(connector, provider, COLUMN_TEXT),
    COLUMN(connector, profile_json, COLUMN_TEXT),
    COLUMN(connector, config_json, COLUMN_TEXT),
    COLUMN(connector, app_hint, COLUMN_TEXT),
    COLUMN(connector, scopes, COLUMN_TEXT),
    COLUMN(connector, scopes_version, COLUMN_COUNT),
    COLUMN(connector, scopes_changed_ms, COLUMN_TIME),
    COLUMN(connector, scopes_added, COLUMN_TEXT),
    COLUMN(connector, scopes_removed, COLUMN_TEXT),
    COLUMN(connector, only_missing, COLUMN_BOOL),
    ENUM(connector, policy, REFRESH_ON_DEMAND + 1),
    COLUMN(connector, idle_after_ms, COLUMN_TIME),
    COLUMN(connector, probe_every_ms, COLUMN_TIME),
    COLUMN(connector, refreshed_events, COLUMN_BOOL),
    COLUMN(connector, credential_version, COLUMN_COUNT),
    COLUMN(connector, rotated_ms, COLUMN_TIME),
    COLUMN(connector, rotated_seq, COLUMN_COUNT),
    COLUMN(connector, rescoped_seq, COLUMN_COUNT),
    COLUMN(connector, disabled, COLUMN_BOOL),
    COLUMN(connector, rejected_ms, COLUMN_TIME),
    COLUMN(connector, probe_due_ms, COLUMN_TIME),
    COLUMN(connector, probe_interval_ms, COLUMN_TIME),
    COLUMN(connector, provider_error_code, COLUMN_TEXT),
    COLUMN(connector, provider_error_message, COLUMN_TEXT),
    COLUMN(connector, provider_error_status, COLUMN_COUNT),
    NAMED(connector, "sweep_version", sweep.scopes_version, COLUMN_COUNT),
    NAMED(connector, "sweep_cursor", sweep.cursor, COLUMN_TEXT),
    NAMED(connector, "sweep_done", sweep.done, COLUMN_COUNT),
    NAMED(connector, "sweep_affected", sweep.affected, COLUMN_COUNT),
    NAMED(connector, "sweep_total", sweep.total, COLUMN_COUNT),
    COLUMN(connector, created_ms, COLUMN_TIME),
};

const struct record_type sqlite_connector_type = {
    .table = "connector",
    .columns = connector_columns,
    .count = ARRAY_LEN(connector_columns),
};

static const struct column credential_columns[] = {
    KEY(credential, connector, COLUMN_TEXT),          KEY(credential, version, COLUMN_COUNT),
    ENUM(credential, state, CREDENTIAL_RETIRED + 1),  COLUMN(credential, client_id, COLUMN_TEXT),
    ENUM(credential, method, AUTH_METHOD_COUNT),      SEALED(credential, sealed_secret),
    COLUMN(credential, certificate, COLUMN_TEXT),     COLUMN(credential, key_id, COLUMN_TEXT),
    COLUMN(credential, created_ms, COLUMN_TIME),      COLUMN(credential, retires_ms, COLUMN_TIME),
    COLUMN(credential, last_success_ms, COLUMN_TIME), COLUMN(credential, rejected_ms, COLUMN_TIME),
};

const struct record_type sqlite_credential_type = {
    .table = "credential",
    .columns = credential_columns,
    .count = ARRAY_LEN(credential_columns),
};

static const struct column flow_columns[] = {
    KEY(flow, print, COLUMN_BLOB),
    COLUMN(flow, connector, COLUMN_TEXT),
    COLUMN(flow, connection, COLUMN_TEXT),
    NAMED(flow, "apps", owner.apps, COLUMN_TEXT),
    NAMED(flow, "superagent", owner.superagent, COLUMN_TEXT),
    NAMED(flow, "app", owner.app, COLUMN_TEXT),
    NAMED(flow, "user", owner.user, COLUMN_TEXT),
    ENUM(flow, intent, INTENT_COUNT),
    COLUMN(flow, revoke, COLUMN_BOOL),
    COLUMN(flow, redirect_uri, COLUMN_TEXT),
    COLUMN(flow, scopes_asked, COLUMN_TEXT),
    COLUMN(flow, scopes_version, COLUMN_COUNT),
    COLUMN(flow, credential_version, COLUMN_COUNT),
    COLUMN(flow, config_json, COLUMN_TEXT),
    SEALED(flow, sealed_secrets),
    COLUMN(flow, created_ms, COLUMN_TIME),
    COLUMN(flow, expires_ms, COLUMN_TIME),
};

const struct record_type sqlite_flow_type = {
    .table = "flow",
    .columns = flow_columns,
    .count = ARRAY_LEN(flow_columns),
};

/** A member as a number: of an enumeration, a bool, a time or a count. */
static int64_t integer_of(const struct column *column, const void *member)
{
    if (column->kind == COLUMN_BOOL)
        return *(const bool *)member ? 1 : 0;
    if (column->kind != COLUMN_ENUM)
        return *(const int64_t *)member;
    unsigned value;
    memcpy(&value, member, sizeof(value));
    ASSERT(value < column->limit);
    return value;
}

static bool is_text(const struct column *column)
{
    return column->kind == COLUMN_TEXT || column->kind == COLUMN_BLOB;
}

static size_t pack_size_max(const struct column *pack, const void *record)
{
    size_t size = HISTORY_BYTES_MAX;
    for (size_t i = 0; i < pack->member_count; i++) {
        const struct column *column = &pack->members[i];
        const void *member = (const char *)record + column->offset;
        size += SQLITE_PACK_HEAD_MAX + (is_text(column) ? ((const struct str *)member)->len : 0);
    }
    return size;
}

static char *pack_history(char *to, unsigned number, const struct connection *connection)
{
    uint8_t bytes[HISTORY_BYTES_MAX];
    size_t len = history_pack(connection->history, connection->history_count, bytes);
    struct str packed = {.data = (const char *)bytes, .len = len};
    return len > 0 ? sqlite_pack_bytes(to, number, packed) : to;
}

void sqlite_columns_pack(const struct column *pack, const void *record, struct buf *out)
{
    ASSERT(pack->kind == COLUMN_PACK);
    size_t size = pack_size_max(pack, record);
    char *end = buf_extend(out, size);
    ASSERT(end != NULL);
    const char *start = end;
    for (size_t i = 0; i < pack->member_count; i++) {
        const struct column *column = &pack->members[i];
        const void *member = (const char *)record + column->offset;
        if (is_text(column))
            end = sqlite_pack_bytes(end, column->number, *(const struct str *)member);
        else if (column->kind == COLUMN_HISTORY)
            end = pack_history(end, column->number, record);
        else
            end = sqlite_pack_integer(end, column->number, integer_of(column, member));
    }
    out->len -= size - (size_t)(end - start);
}

static void bind_pack(const struct column *pack, sqlite3_stmt *statement, int at,
                      const void *record)
{
    struct buf out = {0};
    sqlite_columns_pack(pack, record, &out);
    sqlite3_bind_blob64(statement, at, out.data, out.len, free); /* gives it away */
}

static void bind_one(const struct column *column, sqlite3_stmt *statement, int at,
                     const void *record)
{
    const void *member = (const char *)record + column->offset;
    switch (column->kind) {
    case COLUMN_TEXT:
        sqlite_bind_str(statement, at, *(const struct str *)member);
        return;
    case COLUMN_BLOB:
        sqlite_bind_blob(statement, at, *(const struct str *)member);
        return;
    case COLUMN_TIME:
    case COLUMN_COUNT:
    case COLUMN_BOOL:
    case COLUMN_ENUM:
        sqlite3_bind_int64(statement, at, integer_of(column, member));
        return;
    case COLUMN_PACK:
        bind_pack(column, statement, at, record);
        return;
    case COLUMN_HISTORY:
        break;
    }
    ASSERT(false); /* only in a pack */
}

void sqlite_columns_bind(const struct record_type *type, sqlite3_stmt *statement, int first,
                         const void *record)
{
    for (size_t i = 0; i < type->count; i++)
        bind_one(&type->columns[i], statement, first + (int)i, record);
}

static bool is_alike(const struct column *column, const void *a, const void *b)
{
    const void *left = (const char *)a + column->offset, *right = (const char *)b + column->offset;
    if (is_text(column)) {
        const struct str *s = left, *t = right;
        bool is_same = s->data == t->data && s->len == t->len; /* copied from the other */
        return is_same || ((s->data == NULL) == (t->data == NULL) && str_eq(*s, *t));
    }
    return integer_of(column, left) == integer_of(column, right);
}

bool sqlite_columns_alike(const struct record_type *type, const void *a, const void *b)
{
    for (size_t i = 0; i < type->count; i++) {
        const struct column *column = &type->columns[i];
        if (column->refreshed)
            continue;
        if (column->kind != COLUMN_PACK && !is_alike(column, a, b))
            return false;
        for (size_t j = 0; j < column->member_count; j++) {
            if (!is_alike(&column->members[j], a, b))
                return false;
        }
    }
    return true;
}

int sqlite_columns_bind_refreshed(const struct record_type *type, sqlite3_stmt *statement,
                                  const void *record)
{
    int at = 0;
    for (size_t i = 0; i < type->count; i++) {
        if (type->columns[i].refreshed)
            bind_one(&type->columns[i], statement, ++at, record);
    }
    return at;
}

/** May a number be a member's? Then it is put there. */
static bool take_integer(const struct column *column, int64_t integer, void *member)
{
    switch (column->kind) {
    case COLUMN_COUNT:
        if (integer < 0)
            return false;
        *(int64_t *)member = integer;
        return true;
    case COLUMN_TIME:
        *(int64_t *)member = integer;
        return true;
    case COLUMN_BOOL:
        *(bool *)member = integer == 1;
        return integer == 0 || integer == 1;
    case COLUMN_ENUM: {
        if (integer < 0 || integer >= (int64_t)column->limit)
            return false;
        unsigned value = (unsigned)integer;
        memcpy(member, &value, sizeof(value));
        return true;
    }
    case COLUMN_TEXT:
    case COLUMN_BLOB:
    case COLUMN_HISTORY:
    case COLUMN_PACK:
        break;
    }
    return false;
}

static bool unpack_one(const struct column *column, const struct pack_value *value, void *record)
{
    void *member = (char *)record + column->offset;
    if (!value->is_bytes)
        return take_integer(column, value->integer, member);
    if (column->kind == COLUMN_HISTORY) {
        struct connection *connection = record;
        return history_unpack(value->bytes, connection->history, &connection->history_count);
    }
    if (column->kind != COLUMN_TEXT && column->kind != COLUMN_BLOB)
        return false;
    *(struct str *)member = value->bytes;
    return true;
}

bool sqlite_columns_unpack(const struct column *pack, struct str bytes, void *record)
{
    size_t at = 0;
    struct pack_value value;
    while (sqlite_pack_next(&bytes, &value)) {
        if (value.number == 0)
            return true;
        while (at < pack->member_count && pack->members[at].number < value.number)
            at++;
        if (at == pack->member_count || pack->members[at].number != value.number ||
            !unpack_one(&pack->members[at], &value, record))
            return false;
        at++;
    }
    return false;
}

bool sqlite_columns_unpack_settled(struct str bytes, struct connection *ret_connection)
{
    static const struct column settled = PACK("settled", settled_members);
    return sqlite_columns_unpack(&settled, bytes, ret_connection);
}

static bool read_bytes(sqlite3_stmt *statement, int at, int type, struct arena *arena,
                       struct str *ret)
{
    sqlite3_value *value = sqlite3_column_value(statement, at);
    int found = sqlite3_value_type(value);
    *ret = STR_NONE;
    if (found == SQLITE_NULL)
        return true;
    if (found != type)
        return false;
    const char *data = sqlite3_value_blob(value); /* NULL: a blob of no bytes */
    struct str bytes = {.data = data == NULL ? "" : data,
                        .len = (size_t)sqlite3_value_bytes(value)};
    *ret = arena_copy(arena, bytes);
    return true;
}

static bool read_pack(const struct column *pack, sqlite3_stmt *statement, int at,
                      struct arena *arena, void *record)
{
    struct str bytes;
    return read_bytes(statement, at, SQLITE_BLOB, arena, &bytes) && bytes.data != NULL &&
           sqlite_columns_unpack(pack, bytes, record);
}

static bool read_one(const struct column *column, sqlite3_stmt *statement, int at,
                     struct arena *arena, void *record)
{
    void *member = (char *)record + column->offset;
    switch (column->kind) {
    case COLUMN_TEXT:
        return read_bytes(statement, at, SQLITE_TEXT, arena, member);
    case COLUMN_BLOB:
        return read_bytes(statement, at, SQLITE_BLOB, arena, member);
    case COLUMN_TIME:
    case COLUMN_COUNT:
    case COLUMN_BOOL:
    case COLUMN_ENUM: {
        /* One call into the statement, not two; the handle is used by one thread. */
        sqlite3_value *value = sqlite3_column_value(statement, at);
        return sqlite3_value_type(value) == SQLITE_INTEGER &&
               take_integer(column, sqlite3_value_int64(value), member);
    }
    case COLUMN_PACK:
        return read_pack(column, statement, at, arena, record);
    case COLUMN_HISTORY:
        break;
    }
    return false;
}

enum status sqlite_columns_read(const struct record_type *type, sqlite3_stmt *statement, int first,
                                struct arena *arena, void *record, struct error *err)
{
    for (size_t i = 0; i < type->count; i++) {
        if (!read_one(&type->columns[i], statement, first + (int)i, arena, record))
            return error_set(err, STATUS_INVALID, "damaged record: %s.%s is not what it can be",
                             type->table, type->columns[i].name);
    }
    return STATUS_OK;
}

static void append(struct buf *out, const char *text)
{
    bool fits = buf_append(out, str_c(text));
    ASSERT(fits);
}

void sqlite_columns_list(const struct record_type *type, const char *alias, bool without_sealed,
                         struct buf *out)
{
    for (size_t i = 0; i < type->count; i++) {
        append(out, i == 0 ? "" : ", ");
        if (without_sealed && type->columns[i].sealed) {
            append(out, "NULL");
            continue;
        }
        append(out, alias);
        append(out, ".");
        append(out, type->columns[i].name);
    }
}

void sqlite_columns_insert(const struct record_type *type, const char *verb, struct buf *out)
{
    append(out, verb);
    append(out, " INTO ");
    append(out, type->table);
    for (size_t i = 0; i < type->count; i++) {
        append(out, i == 0 ? " (" : ", ");
        append(out, type->columns[i].name);
    }
    for (size_t i = 0; i < type->count; i++) {
        bool fits = buf_printf(out, "%s?%zu", i == 0 ? ") VALUES (" : ", ", i + 1);
        ASSERT(fits);
    }
    append(out, ")");
}

static void append_assignment(struct buf *out, const struct column *column, size_t parameter)
{
    const char *name = column->name;
    bool fits = column->grows ? buf_printf(out, "%s = max(%s, ?%zu)", name, name, parameter)
                              : buf_printf(out, "%s = ?%zu", name, parameter);
    ASSERT(fits);
}

void sqlite_columns_update(const struct record_type *type, struct buf *out)
{
    const char *separator = " SET ";
    append(out, "UPDATE OR FAIL ");
    append(out, type->table);
    for (size_t i = 0; i < type->count; i++) {
        if (type->columns[i].key)
            continue;
        append(out, separator);
        append_assignment(out, &type->columns[i], i + 1);
        separator = ", ";
    }
}

size_t sqlite_columns_update_refreshed(const struct record_type *type, struct buf *out)
{
    size_t count = 0;
    append(out, "UPDATE OR FAIL ");
    append(out, type->table);
    for (size_t i = 0; i < type->count; i++) {
        if (!type->columns[i].refreshed)
            continue;
        count++;
        append(out, count == 1 ? " SET " : ", ");
        append_assignment(out, &type->columns[i], count);
    }
    return count;
}
