#include "io/store_sqlite_columns.h"

#include "common/assert.h"
#include "core/connection.h"
#include "core/connector.h"
#include "core/flow.h"
#include "io/store_sqlite_db.h"
#include "io/store_sqlite_history.h"

#include <limits.h>
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
        .grows = true                                                                    \
    }

/* In no index but connection_due: an UPDATE of these alone leaves the others in peace. */
#define REFRESHED(record, member, kind_)                                             \
    {                                                                                \
        .name = #member, .kind = (kind_), .offset = offsetof(struct record, member), \
        .refreshed = true                                                            \
    }

/* What is looked at most stands first: SQLite decodes a row up to the last column asked for. */
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
    NAMED(connection, "apps", owner.apps, COLUMN_TEXT),
    NAMED(connection, "superagent", owner.superagent, COLUMN_TEXT),
    NAMED(connection, "app", owner.app, COLUMN_TEXT),
    NAMED(connection, "user", owner.user, COLUMN_TEXT),
    COLUMN(connection, account_id, COLUMN_TEXT),
    COLUMN(connection, account_label, COLUMN_TEXT),
    COLUMN(connection, account_verified, COLUMN_BOOL),
    COLUMN(connection, created_ms, COLUMN_TIME),
    COLUMN(connection, requested_ms, COLUMN_TIME),
    COLUMN(connection, generation, COLUMN_COUNT),
    REFRESHED(connection, token_type, COLUMN_TEXT),
    REFRESHED(connection, issued_ms, COLUMN_TIME),
    REFRESHED(connection, lifetime_ms, COLUMN_TIME),
    COLUMN(connection, scopes_asked, COLUMN_TEXT),
    REFRESHED(connection, scopes_granted, COLUMN_TEXT),
    REFRESHED(connection, scopes_version, COLUMN_COUNT),
    REFRESHED(connection, no_rotation_count, COLUMN_COUNT),
    COLUMN(connection, advisory_is_mild, COLUMN_BOOL),
    COLUMN(connection, scopes_added, COLUMN_TEXT),
    COLUMN(connection, scopes_removed, COLUMN_TEXT),
    COLUMN(connection, trouble_ms, COLUMN_TIME),
    COLUMN(connection, detail, COLUMN_TEXT),
    COLUMN(connection, provider_error_status, COLUMN_COUNT),
    COLUMN(connection, provider_error_code, COLUMN_TEXT),
    COLUMN(connection, provider_error_message, COLUMN_TEXT),
    COLUMN(connection, failing_since_ms, COLUMN_TIME),
    COLUMN(connection, doubts_since_ms, COLUMN_TIME),
    ENUM(connection, unscheduled, UNSCHEDULED_COUNT),
    REFRESHED(connection, last_success_ms, COLUMN_TIME),
    REFRESHED(connection, last_attempt_ms, COLUMN_TIME),
    GROWS(connection, last_read_ms),
    REFRESHED(connection, attempts, COLUMN_COUNT),
    {.name = "history", .kind = COLUMN_HISTORY, .refreshed = true},
    COLUMN(connection, account_issuer, COLUMN_TEXT),
    COLUMN(connection, config_json, COLUMN_TEXT),
    COLUMN(connection, claims, COLUMN_TEXT),
    REFRESHED(connection, refresh_due_ms, COLUMN_TIME),
    REFRESHED(connection, probe_due_ms, COLUMN_TIME),
    REFRESHED(connection, notice_due_ms, COLUMN_TIME),
    COLUMN(connection, notice_lead_ms, COLUMN_COUNT),
    COLUMN(connection, refresh_extends, COLUMN_BOOL),
    ENUM(connection, suspected_by, SUSPECTED_BY_COUNT),
    ENUM(connection, verdict_reason, REASON_COUNT),
    COLUMN(connection, verdict_ms, COLUMN_TIME),
    COLUMN(connection, held_ms, COLUMN_TIME),
    REFRESHED(connection, refresh_print, COLUMN_BLOB),
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

static void bind_history(sqlite3_stmt *statement, int at, const struct connection *connection)
{
    uint8_t bytes[HISTORY_BYTES_MAX];
    size_t len = history_pack(connection->history, connection->history_count, bytes);
    sqlite3_bind_blob(statement, at, bytes, (int)len, SQLITE_TRANSIENT);
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
        sqlite3_bind_int64(statement, at, *(const int64_t *)member);
        return;
    case COLUMN_BOOL:
        sqlite3_bind_int64(statement, at, *(const bool *)member ? 1 : 0);
        return;
    case COLUMN_ENUM: {
        unsigned value;
        memcpy(&value, member, sizeof(value));
        ASSERT(value < column->limit);
        sqlite3_bind_int64(statement, at, value);
        return;
    }
    case COLUMN_HISTORY:
        bind_history(statement, at, record);
        return;
    }
}

void sqlite_columns_bind(const struct record_type *type, sqlite3_stmt *statement, int first,
                         const void *record)
{
    for (size_t i = 0; i < type->count; i++)
        bind_one(&type->columns[i], statement, first + (int)i, record);
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

/** A whole number from min to max, or false. */
static bool read_number(sqlite3_stmt *statement, int at, int64_t min, int64_t max, int64_t *ret)
{
    /* One call into the statement, not two; the handle is used by one thread. */
    sqlite3_value *value = sqlite3_column_value(statement, at);
    if (sqlite3_value_type(value) != SQLITE_INTEGER)
        return false;
    *ret = sqlite3_value_int64(value);
    return *ret >= min && *ret <= max;
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

static bool read_one(const struct column *column, sqlite3_stmt *statement, int at,
                     struct arena *arena, void *record)
{
    void *member = (char *)record + column->offset;
    int64_t number = 0;
    bool good = false;
    switch (column->kind) {
    case COLUMN_TEXT:
        return read_bytes(statement, at, SQLITE_TEXT, arena, member);
    case COLUMN_BLOB:
        return read_bytes(statement, at, SQLITE_BLOB, arena, member);
    case COLUMN_TIME:
        return read_number(statement, at, INT64_MIN, INT64_MAX, member);
    case COLUMN_COUNT:
        return read_number(statement, at, 0, INT64_MAX, member);
    case COLUMN_BOOL:
        good = read_number(statement, at, 0, 1, &number);
        *(bool *)member = number == 1;
        return good;
    case COLUMN_ENUM: {
        good = read_number(statement, at, 0, (int64_t)column->limit - 1, &number);
        unsigned value = good ? (unsigned)number : 0;
        memcpy(member, &value, sizeof(value));
        return good;
    }
    case COLUMN_HISTORY: {
        struct connection *connection = record;
        return sqlite3_column_type(statement, at) == SQLITE_BLOB &&
               history_unpack(sqlite_column_str(statement, at), connection->history,
                              &connection->history_count);
    }
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

void sqlite_columns_update(const struct record_type *type, struct buf *out)
{
    const char *separator = " SET ";
    append(out, "UPDATE OR FAIL ");
    append(out, type->table);
    for (size_t i = 0; i < type->count; i++) {
        if (type->columns[i].key)
            continue;
        const char *name = type->columns[i].name;
        bool fits = type->columns[i].grows
                        ? buf_printf(out, "%s%s = max(%s, ?%zu)", separator, name, name, i + 1)
                        : buf_printf(out, "%s%s = ?%zu", separator, name, i + 1);
        ASSERT(fits);
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
        bool fits = buf_printf(out, "%s%s = ?%zu", count == 1 ? " SET " : ", ",
                               type->columns[i].name, count);
        ASSERT(fits);
    }
    return count;
}
