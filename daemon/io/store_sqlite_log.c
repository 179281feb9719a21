#include "io/store_sqlite_log.h"

#include "common/assert.h"

struct log_state {
    int64_t last, published, purged;
};

static enum status get_state(struct sqlite_db *db, struct log_state *ret, struct error *err)
{
    CLEANUP(sqlite_statement_reset)
    sqlite3_stmt *statement = sqlite_db_statement(db, SQL_LOG_STATE);
    bool row;
    enum status status = sqlite_db_step(db, statement, &row, err);
    if (status != STATUS_OK)
        return status;
    if (!row)
        return error_set(err, STATUS_INVALID, "damaged: the event log's state is gone");
    ret->last = sqlite3_column_int64(statement, 0);
    ret->published = sqlite3_column_int64(statement, 1);
    ret->purged = sqlite3_column_int64(statement, 2);
    if (ret->last < 0 || ret->published < 0 || ret->purged < 0 || ret->purged > ret->last)
        return error_set(err, STATUS_INVALID, "damaged: the event log's state is not possible");
    if (db->log.is_known)
        ret->last = db->log.last;
    return STATUS_OK;
}

void sqlite_log_begin(struct sqlite_db *db)
{
    db->log = (struct sqlite_log){0};
}

enum status sqlite_log_last(struct sqlite_db *db, int64_t *ret_last, struct error *err)
{
    struct log_state state = {0};
    enum status status = db->log.is_known ? STATUS_OK : get_state(db, &state, err);
    if (status == STATUS_OK && !db->log.is_known)
        db->log = (struct sqlite_log){.is_known = true, .last = state.last, .stored = state.last};
    *ret_last = db->log.last;
    return status;
}

enum status sqlite_log_keep(struct sqlite_db *db, struct error *err)
{
    if (db->log.last == db->log.stored)
        return STATUS_OK;
    sqlite3_stmt *keep = sqlite_db_statement(db, SQL_LOG_LAST);
    if (keep != NULL)
        sqlite3_bind_int64(keep, 1, db->log.last);
    enum status status = sqlite_db_run(db, keep, err);
    if (status == STATUS_OK)
        db->log.stored = db->log.last;
    return status;
}

/** previous negative: it does not hang on a row. */
static enum status insert_event(struct sqlite_db *db, const struct event_draft *event, int64_t seq,
                                int64_t previous, struct error *err)
{
    sqlite3_stmt *append = sqlite_db_statement(db, SQL_EVENT_APPEND);
    if (append != NULL) {
        sqlite3_bind_int64(append, 1, seq);
        sqlite_bind_str(append, 2, event->type);
        sqlite_bind_str(append, 3, event->subject);
        sqlite3_bind_int64(append, 4, event->wall_ms);
        sqlite_bind_str(append, 5, event->data);
        if (previous < 0)
            sqlite3_bind_null(append, 6);
        else
            sqlite3_bind_int64(append, 6, previous);
    }
    enum status status = sqlite_db_run(db, append, err);
    /* A row above the last number: somebody changed the file; the caller can't make it good. */
    if (status == STATUS_CONFLICT)
        return error_set(err, STATUS_INVALID, "damaged: event %lld exists before its time",
                         (long long)seq);
    return status;
}

enum status sqlite_log_append(struct sqlite_db *db, const struct event_draft *event,
                              int64_t previous, int64_t *ret_seq, struct error *err)
{
    int64_t last;
    enum status status = sqlite_log_last(db, &last, err);
    if (status == STATUS_OK)
        status = insert_event(db, event, last + 1, previous, err);
    *ret_seq = last + 1;
    if (status == STATUS_OK)
        db->log.last = last + 1;
    return status;
}

/** Run a statement with up to two numbers. */
static enum status run(struct sqlite_db *db, enum sqlite_sql sql, int64_t a, int64_t b,
                       struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, sql);
    int count = statement != NULL ? sqlite3_bind_parameter_count(statement) : 0;
    if (count >= 1)
        sqlite3_bind_int64(statement, 1, a);
    if (count >= 2)
        sqlite3_bind_int64(statement, 2, b);
    return sqlite_db_run(db, statement, err);
}

enum status sqlite_log_stamp(struct sqlite_db *db, enum event_stamp stamp, struct str subject,
                             int64_t seq, struct error *err)
{
    enum sqlite_sql sql = SQL_CONNECTION_STAMP;
    switch (stamp) {
    case STAMP_NONE:
        return STATUS_OK;
    case STAMP_CONNECTION_ALERT:
        break;
    case STAMP_CONNECTOR_ROTATED:
        sql = SQL_CONNECTOR_STAMP_ROTATED;
        break;
    case STAMP_CONNECTOR_RESCOPED:
        sql = SQL_CONNECTOR_STAMP_RESCOPED;
        break;
    }
    if (stamp == STAMP_CONNECTION_ALERT)
        sqlite_db_forget_marks(db); /* a row changes without a new version */
    sqlite3_stmt *statement = sqlite_db_statement(db, sql);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, subject);
        sqlite3_bind_int64(statement, 2, seq);
    }
    return sqlite_db_run(db, statement, err);
}

enum status sqlite_log_set_published(struct sqlite_db *db, int64_t seq, struct error *err)
{
    enum status status = sqlite_log_keep(db, err);
    return status == STATUS_OK ? run(db, SQL_LOG_PUBLISHED, seq, 0, err) : status;
}

/* Events from `first` on move up; the number before new_first stays free, for log.restarted. */
static enum status renumber(struct sqlite_db *db, int64_t first, int64_t new_first,
                            struct error *err)
{
    struct log_state state = {0};
    enum status status = sqlite_log_keep(db, err);
    if (status == STATUS_OK)
        status = get_state(db, &state, err);
    if (status != STATUS_OK)
        return status;
    if (first <= state.published || first > state.last + 1)
        return error_set(err, STATUS_CONFLICT,
                         "event %lld can't be renumbered: published up to %lld, last %lld",
                         (long long)first, (long long)state.published, (long long)state.last);
    const int64_t by = new_first - first;
    const enum sqlite_sql steps[] = {SQL_RENUMBER_AWAY,   SQL_RENUMBER_BACK,
                                     SQL_RENUMBER_CHAINS, SQL_RENUMBER_LAST_EVENTS,
                                     SQL_RENUMBER_ALERTS, SQL_RENUMBER_CONNECTORS};
    for (size_t i = 0; i < ARRAY_LEN(steps) && status == STATUS_OK; i++)
        status = run(db, steps[i], first, by, err);
    if (status == STATUS_OK)
        status = run(db, SQL_RENUMBER_LAST, by, 0, err);
    sqlite_log_begin(db);
    sqlite_db_forget(db);
    return status;
}

enum status sqlite_log_restart(struct sqlite_db *db, int64_t first, int64_t new_first,
                               const struct event_draft *event, struct error *err)
{
    enum status status = renumber(db, first, new_first + 1, err);
    return status == STATUS_OK ? insert_event(db, event, new_first, -1, err) : status;
}

/** One number of one row, or `otherwise` where there is none. */
static enum status look_up(struct sqlite_db *db, enum sqlite_sql sql, int64_t a, int64_t otherwise,
                           int64_t *ret, struct error *err)
{
    CLEANUP(sqlite_statement_reset) sqlite3_stmt *statement = sqlite_db_statement(db, sql);
    if (statement != NULL)
        sqlite3_bind_int64(statement, 1, a);
    bool row;
    enum status status = sqlite_db_step(db, statement, &row, err);
    *ret = row ? sqlite3_column_int64(statement, 0) : otherwise;
    return status;
}

enum status sqlite_log_purge(struct sqlite_db *db, int64_t before_wall_ms, struct error *err)
{
    struct log_state state = {0};
    enum status status = get_state(db, &state, err);
    if (status != STATUS_OK)
        return status;
    int64_t bound;
    status = look_up(db, SQL_PURGE_BOUND, before_wall_ms, state.last + 1, &bound, err);
    if (status == STATUS_OK)
        status = run(db, SQL_PURGE, bound, 0, err);
    return status == STATUS_OK ? run(db, SQL_PURGE_NOTE, bound - 1, 0, err) : status;
}

enum status sqlite_log_edges(struct sqlite_db *db, struct event_bounds *ret, struct error *err)
{
    struct log_state state = {0};
    enum status status = get_state(db, &state, err);
    if (status != STATUS_OK)
        return status;
    *ret = (struct event_bounds){
        .oldest = state.last == 0 ? 0 : state.purged + 1,
        .newest = state.last,
        .published = state.published,
        .newest_wall_ms = TIME_NONE,
        .oldest_unpublished_wall_ms = TIME_NONE,
    };
    return STATUS_OK;
}

enum status sqlite_log_bounds(struct sqlite_db *db, struct event_bounds *ret, struct error *err)
{
    enum status status = sqlite_log_edges(db, ret, err);
    if (status == STATUS_OK)
        status = look_up(db, SQL_EVENT_WALL, ret->newest, TIME_NONE, &ret->newest_wall_ms, err);
    if (status != STATUS_OK)
        return status;
    return look_up(db, SQL_EVENT_FIRST_WAITING, ret->published, TIME_NONE,
                   &ret->oldest_unpublished_wall_ms, err);
}
