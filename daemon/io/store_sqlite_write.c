#include "io/store_sqlite_write.h"

#include "common/assert.h"
#include "io/store_sqlite_chain.h"
#include "io/store_sqlite_columns.h"
#include "io/store_sqlite_connection.h"
#include "io/store_sqlite_flow.h"
#include "io/store_sqlite_log.h"
#include "io/store_sqlite_places.h"
#include "io/store_sqlite_revocation.h"
#include "io/store_sqlite_tally.h"

bool sqlite_write_opens_attempt(const struct store_write *write)
{
    for (size_t i = 0; i < write->op_count; i++) {
        if (write->ops[i].kind == STORE_OP_OPEN_ATTEMPT)
            return true;
    }
    return false;
}

/** Run a statement that has to change a row, else it is a CONFLICT over `what`. */
static enum status run_or_conflict(struct sqlite_db *db, sqlite3_stmt *statement, const char *what,
                                   struct str id, struct error *err)
{
    enum status status = sqlite_db_run(db, statement, err);
    if (status == STATUS_OK && sqlite3_changes64(db->handle) > 0)
        return STATUS_OK;
    if (status != STATUS_OK && status != STATUS_CONFLICT)
        return status;
    return error_set(err, STATUS_CONFLICT, "%s: " STR_FMT, what, STR_ARG(id));
}

/** place 0: not known. */
static sqlite3_stmt *bind_attempt(struct sqlite_db *db, const struct store_op *op, int64_t place,
                                  int64_t now_ms)
{
    sqlite3_stmt *statement =
        sqlite_db_statement(db, place != 0 ? SQL_ATTEMPT_OPEN_AT : SQL_ATTEMPT_OPEN);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, op->id);
        sqlite3_bind_int64(statement, 2, op->number);
        sqlite3_bind_int64(statement, 3, (int64_t)op->attempt_id);
        sqlite3_bind_int64(statement, 4, now_ms);
        sqlite_bind_blob(statement, 5, op->value);
        if (place != 0)
            sqlite3_bind_int64(statement, 6, place);
    }
    return statement;
}

static enum status open_attempt(struct sqlite_db *db, const struct store_op *op, int64_t now_ms,
                                struct error *err)
{
    int64_t place = sqlite_places_find(db->places, op->id);
    if (place != 0) {
        enum status status = sqlite_db_run(db, bind_attempt(db, op, place, now_ms), err);
        if (status != STATUS_CONFLICT && (status != STATUS_OK || sqlite3_changes64(db->handle) > 0))
            return status;
    }
    return run_or_conflict(db, bind_attempt(db, op, 0, now_ms),
                           "an attempt is open, or the connection has changed", op->id, err);
}

static enum status close_attempt(struct sqlite_db *db, const struct store_op *op, struct error *err)
{
    int64_t place = sqlite_places_find(db->places, op->id);
    sqlite3_stmt *statement = place != 0 ? sqlite_db_statement(db, SQL_ATTEMPT_CLOSE_AT) : NULL;
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, place);
        sqlite3_bind_int64(statement, 2, (int64_t)op->attempt_id);
        enum status status = sqlite_db_run(db, statement, err);
        if (status != STATUS_OK || sqlite3_changes64(db->handle) > 0)
            return status;
    }
    statement = sqlite_db_statement(db, SQL_ATTEMPT_CLOSE);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, op->id);
        sqlite3_bind_int64(statement, 2, (int64_t)op->attempt_id);
    }
    return run_or_conflict(db, statement, "that attempt is not the open one", op->id, err);
}

static enum status put_connector(struct sqlite_db *db, const struct connector *connector,
                                 struct error *err)
{
    bool is_new = connector->version == 0;
    sqlite3_stmt *statement =
        sqlite_db_statement(db, is_new ? SQL_CONNECTOR_INSERT : SQL_CONNECTOR_UPDATE);
    if (statement != NULL) {
        sqlite_columns_bind(&sqlite_connector_type, statement, 1, connector);
        if (!is_new)
            sqlite3_bind_int64(statement, (int)sqlite_connector_type.count + 1, connector->version);
    }
    return run_or_conflict(db, statement,
                           is_new ? "connector exists" : "connector has changed meanwhile",
                           connector->id, err);
}

static enum status has_live_connections(struct sqlite_db *db, struct str connector, bool *ret,
                                        struct error *err)
{
    *ret = false;
    enum status status = sqlite_tally_keep(db, err);
    if (status != STATUS_OK)
        return status;
    CLEANUP(sqlite_statement_reset)
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_TALLY_LIVE);
    if (statement != NULL)
        sqlite_bind_str(statement, 1, connector);
    return sqlite_db_step(db, statement, ret, err);
}

static enum status delete_connector(struct sqlite_db *db, const struct connector *connector,
                                    struct error *err)
{
    bool live;
    enum status status = has_live_connections(db, connector->id, &live, err);
    if (status != STATUS_OK)
        return status;
    if (live)
        return error_set(err, STATUS_CONFLICT, "connector " STR_FMT " has connections",
                         STR_ARG(connector->id));
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_CONNECTOR_DELETE);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, connector->id);
        sqlite3_bind_int64(statement, 2, connector->version);
    }
    status = run_or_conflict(db, statement, "connector has changed meanwhile", connector->id, err);
    const enum sqlite_sql rest[] = {
        SQL_CONNECTOR_DROP_ATTEMPTS, SQL_CONNECTOR_DROP_RESCUES,     SQL_CONNECTOR_DROP_ACCOUNTS,
        SQL_CONNECTOR_INDEX_EVENTS,  SQL_CONNECTOR_DROP_OWNERS,      SQL_CONNECTOR_DROP_CONNECTIONS,
        SQL_CONNECTOR_DROP_TALLY,    SQL_CONNECTOR_DROP_CREDENTIALS, SQL_CONNECTOR_DROP_REVOCATIONS,
        SQL_CONNECTOR_DROP_FLOWS,
    };
    sqlite_db_forget(db); /* other connections may come to stand at these places */
    for (size_t i = 0; i < ARRAY_LEN(rest) && status == STATUS_OK; i++) {
        statement = sqlite_db_statement(db, rest[i]);
        if (statement != NULL)
            sqlite_bind_str(statement, 1, connector->id);
        status = sqlite_db_run(db, statement, err);
    }
    return status;
}

static enum status put_credential(struct sqlite_db *db, const struct credential *credential,
                                  struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_CREDENTIAL_PUT);
    if (statement != NULL)
        sqlite_columns_bind(&sqlite_credential_type, statement, 1, credential);
    return sqlite_db_run(db, statement, err);
}

static enum status append_audit(struct sqlite_db *db, const struct audit_entry *audit,
                                struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_AUDIT_APPEND);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, audit->wall_ms);
        sqlite3_bind_int64(statement, 2, audit->uid);
        sqlite3_bind_int64(statement, 3, audit->gid);
        sqlite3_bind_int64(statement, 4, audit->pid);
        sqlite_bind_str(statement, 5, audit->method);
        sqlite_bind_str(statement, 6, audit->subject);
        sqlite_bind_str(statement, 7, audit->outcome);
        sqlite_bind_str(statement, 8, audit->detail);
    }
    return sqlite_db_run(db, statement, err);
}

static enum status add_token_use(struct sqlite_db *db, const struct token_use *use,
                                 struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_TOKEN_USE_ADD);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, use->uid);
        sqlite_bind_str(statement, 2, use->connection);
        sqlite3_bind_int64(statement, 3, use->hour_wall_ms);
        sqlite3_bind_int64(statement, 4, use->count);
    }
    return sqlite_db_run(db, statement, err);
}

static enum status purge_audit(struct sqlite_db *db, int64_t before_wall_ms, struct error *err)
{
    const enum sqlite_sql all[] = {SQL_AUDIT_PURGE, SQL_TOKEN_USE_PURGE};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ARRAY_LEN(all) && status == STATUS_OK; i++) {
        sqlite3_stmt *statement = sqlite_db_statement(db, all[i]);
        if (statement != NULL)
            sqlite3_bind_int64(statement, 1, before_wall_ms);
        status = sqlite_db_run(db, statement, err);
    }
    return status;
}

static enum status note_read(struct sqlite_db *db, const struct store_op *op, struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_NOTE_READ);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, op->id);
        sqlite3_bind_int64(statement, 2, op->number);
    }
    return sqlite_db_run(db, statement, err);
}

static enum status put_seen(struct sqlite_db *db, const struct store_op *op, struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_SEEN_PUT);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, op->id);
        sqlite_bind_str(statement, 2, op->value);
        sqlite3_bind_int64(statement, 3, op->number);
    }
    return run_or_conflict(db, statement, "it was acted on before", op->id, err);
}

static enum status purge_seen(struct sqlite_db *db, int64_t now_ms, struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_SEEN_PURGE);
    if (statement != NULL)
        sqlite3_bind_int64(statement, 1, now_ms);
    return sqlite_db_run(db, statement, err);
}

static enum status put_rescue(struct sqlite_db *db, const struct store_op *op, int64_t now_ms,
                              struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_RESCUE_APPEND);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, op->id);
        sqlite3_bind_int64(statement, 2, now_ms);
        sqlite_bind_blob(statement, 3, op->value);
    }
    enum status status = sqlite_db_run(db, statement, err);
    if (status != STATUS_OK)
        return status;
    statement = sqlite_db_statement(db, SQL_RESCUE_TRIM);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, op->id);
        sqlite3_bind_int64(statement, 2, STORE_RESCUES_MAX);
    }
    return sqlite_db_run(db, statement, err);
}

enum status sqlite_meta_put(struct sqlite_db *db, struct str name, struct str value,
                            struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_META_PUT);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, name);
        sqlite_bind_blob(statement, 2, str_is_set(value) ? value : STR(""));
    }
    return sqlite_db_run(db, statement, err);
}

enum status sqlite_meta_get(struct sqlite_db *db, struct str name, struct arena *arena,
                            struct str *ret, struct error *err)
{
    CLEANUP(sqlite_statement_reset)
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_META_GET);
    if (statement != NULL)
        sqlite_bind_str(statement, 1, name);
    bool row;
    enum status status = sqlite_db_step(db, statement, &row, err);
    *ret = row ? arena_copy(arena, sqlite_column_str(statement, 0)) : STR_NONE;
    return status;
}

static enum status apply_op(struct sqlite_db *db, struct store_write *write, size_t at,
                            struct sqlite_chain *chain)
{
    const struct store_op *op = &write->ops[at];
    struct error *err = &write->error;
    switch (op->kind) {
    case STORE_OP_PUT_CONNECTION:
        return sqlite_chain_put(db, write, at, chain);
    case STORE_OP_OPEN_ATTEMPT:
        return open_attempt(db, op, write->now_ms, err);
    case STORE_OP_CLOSE_ATTEMPT:
        return close_attempt(db, op, err);
    case STORE_OP_PUT_CONNECTOR:
        return put_connector(db, op->connector, err);
    case STORE_OP_DELETE_CONNECTOR:
        return delete_connector(db, op->connector, err);
    case STORE_OP_PUT_CREDENTIAL:
        return put_credential(db, op->credential, err);
    case STORE_OP_APPEND_EVENT:
        return sqlite_chain_append(db, write, at, chain);
    case STORE_OP_APPEND_AUDIT:
        return append_audit(db, op->audit, err);
    case STORE_OP_SET_PUBLISHED:
        return sqlite_log_set_published(db, op->number, err);
    case STORE_OP_RESTART_LOG:
        *chain = (struct sqlite_chain){0};
        return sqlite_log_restart(db, op->number, op->number_b, op->event, err);
    case STORE_OP_PURGE_EVENTS:
        return sqlite_log_purge(db, op->number, err);
    case STORE_OP_PUT_RESCUE:
        return put_rescue(db, op, write->now_ms, err);
    case STORE_OP_PUT_META:
        return sqlite_meta_put(db, op->id, op->value, err);
    case STORE_OP_PUT_REVOCATION:
        return sqlite_revocation_put(db, op->revocation, err);
    case STORE_OP_DROP_REVOCATION:
        return sqlite_revocation_drop(db, op->id, op->number, err);
    case STORE_OP_ADD_TOKEN_USE:
        return add_token_use(db, op->use, err);
    case STORE_OP_PURGE_AUDIT:
        return purge_audit(db, op->number, err);
    case STORE_OP_NOTE_READ:
        return note_read(db, op, err);
    case STORE_OP_PUT_SEEN:
        return put_seen(db, op, err);
    case STORE_OP_PURGE_SEEN:
        return purge_seen(db, op->number, err);
    case STORE_OP_PUT_FLOW:
        return sqlite_flow_put(db, op->flow, err);
    case STORE_OP_TAKE_FLOW:
        return sqlite_flow_take(db, op->id, err);
    case STORE_OP_PURGE_FLOWS:
        return sqlite_flow_purge(db, op->number, err);
    case STORE_OP_DROP_PENDING:
        return sqlite_flow_drop_pending(db, op->id, err);
    }
    return error_set(err, STATUS_INTERNAL, "store operation %d", (int)op->kind);
}

/** Stamps come last, whatever the order of operations: a put of the same write has its own
 * alert_seq and would overwrite them. The events of one write are numbered without a gap. */
static enum status apply_stamps(struct sqlite_db *db, struct store_write *write)
{
    int64_t seq = write->first_event_seq;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < write->op_count && status == STATUS_OK; i++) {
        const struct store_op *op = &write->ops[i];
        if (op->kind != STORE_OP_APPEND_EVENT)
            continue;
        status = sqlite_log_stamp(db, op->stamp, op->event->subject, seq++, &write->error);
    }
    return status;
}

enum status sqlite_write_apply(struct sqlite_db *db, struct store_write *write)
{
    db->fault = SQLITE_OK;
    write->error = (struct error){0};
    write->first_event_seq = 0;
    write->status = STATUS_OK;
    const struct sqlite_log log = db->log;
    struct sqlite_chain chain = {0};
    for (size_t i = 0; i < write->op_count && write->status == STATUS_OK; i++)
        write->status = apply_op(db, write, i, &chain);
    if (write->status == STATUS_OK && write->first_event_seq != 0)
        write->status = apply_stamps(db, write);
    if (write->status != STATUS_OK) {
        write->first_event_seq = 0; /* those numbers were not given to anybody */
        db->log = log;
    }
    return write->status;
}
