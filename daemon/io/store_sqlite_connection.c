#include "io/store_sqlite_connection.h"

#include "common/assert.h"
#include "io/store_sqlite_columns.h"
#include "io/store_sqlite_tally.h"

/** The row as it is. Texts are borrowed from the statement that found it. */
struct facts {
    int64_t place, version, generation, last_event;
    struct str account_id, account_label;
    struct tally tally;
    struct owner owner;
};

static enum status run_owner_key(struct sqlite_db *db, enum sqlite_sql sql,
                                 const struct connection *c, struct str key, struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, sql);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, c->connector);
        sqlite_bind_str(statement, 2, key);
        sqlite_bind_str(statement, 3, c->id);
    }
    return sqlite_db_run(db, statement, err);
}

/** SQL_OWNER_PUT or SQL_OWNER_DROP for each key of an owner. */
static enum status each_owner_key(struct sqlite_db *db, enum sqlite_sql sql,
                                  const struct connection *c, const struct owner *owner,
                                  struct error *err)
{
    char text[OWNER_KEY_MAX];
    enum status status = STATUS_OK;
    struct str rest = owner->apps, app;
    while (status == STATUS_OK && str_next_word(&rest, STR(" "), &app))
        status = run_owner_key(db, sql, c, owner_key_app(app, text), err);
    if (status == STATUS_OK && !str_is_empty(owner->superagent))
        status = run_owner_key(db, sql, c, owner_key_superagent(owner->superagent, text), err);
    if (status == STATUS_OK && !str_is_empty(owner->app))
        status = run_owner_key(db, sql, c, owner_key_app_user(owner->app, owner->user, text), err);
    return status;
}

static enum status run_account_key(struct sqlite_db *db, enum sqlite_sql sql, const char *kind,
                                   struct str account, struct str connection, struct error *err)
{
    if (str_is_empty(account))
        return STATUS_OK;
    CLEANUP(buf_deinit) struct buf key = {0};
    buf_printf(&key, "%s:" STR_FMT, kind, STR_ARG(account));
    sqlite3_stmt *statement = sqlite_db_statement(db, sql);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, buf_str(&key));
        sqlite_bind_str(statement, 2, connection);
    }
    return sqlite_db_run(db, statement, err);
}

/** Its account is found by id and by label; the rows are touched only where that changes. */
static enum status move_account_keys(struct sqlite_db *db, const struct facts *stored,
                                     const struct connection *c, struct error *err)
{
    const struct {
        const char *kind;
        struct str from, to;
    } keys[] = {
        {"id", stored->account_id, c->account_id},
        {"label", stored->account_label, c->account_label},
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ARRAY_LEN(keys) && status == STATUS_OK; i++) {
        if (str_eq(keys[i].from, keys[i].to))
            continue;
        status = run_account_key(db, SQL_ACCOUNT_DROP, keys[i].kind, keys[i].from, c->id, err);
        if (status == STATUS_OK)
            status = run_account_key(db, SQL_ACCOUNT_PUT, keys[i].kind, keys[i].to, c->id, err);
    }
    return status;
}

static bool owner_eq(const struct owner *a, const struct owner *b)
{
    return str_eq(a->apps, b->apps) && str_eq(a->superagent, b->superagent) &&
           str_eq(a->app, b->app) && str_eq(a->user, b->user);
}

/** An owner key that is far too long can only come from a changed file: owner_key_*() would assert.
 */
static bool owner_is_sane(const struct owner *owner)
{
    struct str rest = owner->apps, app;
    while (str_next_word(&rest, STR(" "), &app)) {
        if (app.len > OWNER_KEY_MAX / 2)
            return false;
    }
    return owner->superagent.len <= OWNER_KEY_MAX / 2 &&
           owner->app.len + owner->user.len <= OWNER_KEY_MAX - 16;
}

static enum status insert(struct sqlite_db *db, const struct connection *c, struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_CONNECTION_INSERT);
    if (statement != NULL)
        sqlite_columns_bind(&sqlite_connection_type, statement, 1, c);
    enum status status = sqlite_db_run(db, statement, err);
    if (status == STATUS_OK)
        status = each_owner_key(db, SQL_OWNER_PUT, c, &c->owner, err);
    const struct facts nothing = {0};
    if (status == STATUS_OK)
        status = move_account_keys(db, &nothing, c, err);
    struct tally tally = sqlite_tally_of(c);
    return status == STATUS_OK ? sqlite_tally_add(db, &tally, 1, err) : status;
}

static enum status update_row(struct sqlite_db *db, const struct connection *c,
                              const struct facts *stored, int64_t last_event, struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_CONNECTION_UPDATE);
    if (statement != NULL) {
        sqlite_columns_bind(&sqlite_connection_type, statement, 1, c);
        int after = (int)sqlite_connection_type.count;
        sqlite3_bind_int64(statement, after + 1, last_event != 0 ? last_event : stored->last_event);
        sqlite3_bind_int64(statement, after + 2, stored->place);
    }
    return sqlite_db_run(db, statement, err);
}

/** What was kept of answers to a grant goes with the grant. */
static enum status drop_rescues(struct sqlite_db *db, struct str id, struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_RESCUE_DROP);
    if (statement != NULL)
        sqlite_bind_str(statement, 1, id);
    return sqlite_db_run(db, statement, err);
}

static enum status update(struct sqlite_db *db, const struct connection *c,
                          const struct facts *stored, int64_t last_event, struct error *err)
{
    struct tally tally = sqlite_tally_of(c);
    enum status status = update_row(db, c, stored, last_event, err);
    if (status == STATUS_OK && !owner_eq(&stored->owner, &c->owner)) {
        if (!owner_is_sane(&stored->owner))
            return error_set(err, STATUS_INVALID, "damaged record: connection's owner");
        status = each_owner_key(db, SQL_OWNER_DROP, c, &stored->owner, err);
        if (status == STATUS_OK)
            status = each_owner_key(db, SQL_OWNER_PUT, c, &c->owner, err);
    }
    if (status == STATUS_OK)
        status = sqlite_tally_move(db, &stored->tally, &tally, err);
    if (status == STATUS_OK)
        status = move_account_keys(db, stored, c, err);
    bool is_other_grant = stored->generation != c->generation || stored->tally.phase != tally.phase;
    return status == STATUS_OK && is_other_grant ? drop_rescues(db, c->id, err) : status;
}

static enum status read_facts(sqlite3_stmt *found, struct facts *ret, struct error *err)
{
    struct connection settled = {0};
    if (!sqlite_columns_unpack_settled(sqlite_column_str(found, 9), &settled))
        return error_set(err, STATUS_INVALID, "damaged record: connection.settled");
    *ret = (struct facts){
        .place = sqlite3_column_int64(found, 0),
        .version = sqlite3_column_int64(found, 1),
        .generation = settled.generation,
        .account_id = settled.account_id,
        .account_label = settled.account_label,
        .last_event = sqlite3_column_int64(found, 8),
        .tally =
            {
                .connector = sqlite_column_str(found, 2),
                .phase = sqlite3_column_int64(found, 3),
                .dead_reason = sqlite3_column_int64(found, 4),
                .advisory_reason = sqlite3_column_int64(found, 5),
                .retrying = sqlite3_column_int64(found, 6),
                .credential_version = sqlite3_column_int64(found, 7),
            },
        .owner = settled.owner,
    };
    return STATUS_OK;
}

/** May the row be written without looking at it? It was read, nothing was done since that its
 * version does not tell of, and only what each refresh changes differs: its keys and indexes stay.
 */
static bool is_a_refresh(const struct sqlite_db *db, const struct connection *c,
                         const struct connection *before)
{
    return before != NULL && before->mark.epoch == db->epoch && before->version == c->version &&
           sqlite_columns_alike(&sqlite_connection_type, before, c);
}

/** The short way. Not done where the version is another by now: then the long way finds out. */
static enum status refresh_row(struct sqlite_db *db, const struct connection *c,
                               const struct connection *before, int64_t last_event,
                               int64_t *ret_previous_event, bool *ret_done, struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_CONNECTION_REFRESH);
    if (statement != NULL) {
        int after = sqlite_columns_bind_refreshed(&sqlite_connection_type, statement, c);
        sqlite3_bind_int64(statement, after + 1,
                           last_event != 0 ? last_event : before->mark.last_event);
        sqlite3_bind_int64(statement, after + 2, before->mark.place);
        sqlite_bind_str(statement, after + 3, c->id);
        sqlite3_bind_int64(statement, after + 4, c->version);
    }
    enum status status = sqlite_db_run(db, statement, err);
    *ret_done = status == STATUS_OK && sqlite3_changes64(db->handle) > 0;
    *ret_previous_event = before->mark.last_event;
    struct tally from = sqlite_tally_of(before), to = sqlite_tally_of(c);
    return *ret_done ? sqlite_tally_move(db, &from, &to, err) : status;
}

enum status sqlite_connection_put(struct sqlite_db *db, const struct connection *c,
                                  const struct connection *before, int64_t last_event,
                                  int64_t *ret_previous_event, struct error *err)
{
    ASSERT(!str_is_empty(c->id) && !str_is_empty(c->connector));
    ASSERT(c->version > 0 || last_event == 0);
    *ret_previous_event = 0;
    bool is_done = false;
    enum status status = STATUS_OK;
    if (is_a_refresh(db, c, before))
        status = refresh_row(db, c, before, last_event, ret_previous_event, &is_done, err);
    if (status != STATUS_OK || is_done)
        return status;
    if (c->version == 0)
        return insert(db, c, err);
    CLEANUP(sqlite_statement_reset)
    sqlite3_stmt *find = sqlite_db_statement(db, SQL_CONNECTION_FACTS);
    if (find != NULL)
        sqlite_bind_str(find, 1, c->id);
    bool found;
    status = sqlite_db_step(db, find, &found, err);
    if (status != STATUS_OK)
        return status;
    struct facts stored = {0};
    if (found)
        status = read_facts(find, &stored, err);
    if (status != STATUS_OK)
        return status;
    if (!found || stored.version != c->version || !str_eq(stored.tally.connector, c->connector))
        return error_set(err, STATUS_CONFLICT, "connection " STR_FMT " has changed meanwhile",
                         STR_ARG(c->id));
    *ret_previous_event = stored.last_event;
    return update(db, c, &stored, last_event, err);
}

static enum status drop_pending(struct sqlite_db *db, const struct connection *c,
                                const struct facts *stored, struct error *err)
{
    if (!owner_is_sane(&stored->owner))
        return error_set(err, STATUS_INVALID, "damaged record: connection's owner");
    enum status status = each_owner_key(db, SQL_OWNER_DROP, c, &stored->owner, err);
    if (status == STATUS_OK)
        status = sqlite_tally_add(db, &stored->tally, -1, err);
    sqlite_db_forget(db); /* another connection may come to stand at its place */
    const enum sqlite_sql rest[] = {SQL_ATTEMPT_DROP, SQL_PENDING_DROP};
    for (size_t i = 0; i < ARRAY_LEN(rest) && status == STATUS_OK; i++) {
        sqlite3_stmt *statement = sqlite_db_statement(db, rest[i]);
        if (statement != NULL)
            sqlite3_bind_int64(statement, 1, stored->place);
        status = sqlite_db_run(db, statement, err);
    }
    return status;
}

enum status sqlite_connection_drop_pending(struct sqlite_db *db, struct str id, struct error *err)
{
    CLEANUP(sqlite_statement_reset)
    sqlite3_stmt *find = sqlite_db_statement(db, SQL_CONNECTION_FACTS);
    if (find != NULL)
        sqlite_bind_str(find, 1, id);
    bool found;
    enum status status = sqlite_db_step(db, find, &found, err);
    if (status != STATUS_OK)
        return status;
    struct facts stored = {0};
    if (found)
        status = read_facts(find, &stored, err);
    if (status != STATUS_OK)
        return status;
    if (!found || stored.tally.phase != PHASE_PENDING)
        return error_set(err, STATUS_CONFLICT, "connection " STR_FMT " is not pending",
                         STR_ARG(id));
    const struct connection connection = {.id = id, .connector = stored.tally.connector};
    return drop_pending(db, &connection, &stored, err);
}
