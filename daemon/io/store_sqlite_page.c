/* list-connections: one statement a filter, so that each filter can have its index. */
#include "common/assert.h"
#include "io/store_sqlite_read.h"

/* The precedence of connection_state_of() and connection_reason_of() (core/connection.h), which
 * tests/store holds against these. 0 pending, 1 active, 2 retrying, 3 blocked, 4 needs_reconnect,
 * 5 disconnected: enum connection_state. */
#define BLOCKED_SQL "(k.disabled <> 0 OR k.rejected_ms <> 0)"
#define STATE_SQL                                                 \
    "CASE WHEN c.phase = 2 THEN 5 WHEN c.phase = 0 THEN 0"        \
    " WHEN c.dead_reason <> 0 THEN 4 WHEN " BLOCKED_SQL " THEN 3" \
    " WHEN c.advisory_reason <> 0 THEN 4"                         \
    " WHEN c.failures > 0 OR c.uncertain_tries > 0 OR c.doubts > 0 THEN 2 ELSE 1 END"
#define REASON_SQL                                                             \
    "CASE WHEN c.phase = 2 THEN 1 WHEN c.phase = 0 THEN 0"                     \
    " WHEN c.dead_reason <> 0 THEN c.dead_reason WHEN k.disabled <> 0 THEN 14" \
    " WHEN k.rejected_ms <> 0 THEN 13 ELSE c.advisory_reason END"
_Static_assert(STATE_PENDING == 0 && STATE_ACTIVE == 1 && STATE_RETRYING == 2 &&
                   STATE_BLOCKED == 3 && STATE_NEEDS_RECONNECT == 4 && STATE_DISCONNECTED == 5,
               "STATE_SQL");
_Static_assert(PHASE_PENDING == 0 && PHASE_DISCONNECTED == 2, "STATE_SQL, REASON_SQL");
_Static_assert(REASON_NONE == 0 && REASON_ACCOUNT_DISCONNECTED == 1 &&
                   REASON_CLIENT_REJECTED == 13 && REASON_POLICY_BLOCKED == 14,
               "REASON_SQL");

/* The words of the index connection_notable, without which SQLite may not use it. */
#define NOTABLE_SQL                                                                   \
    "(c.phase <> 1 OR c.dead_reason <> 0 OR c.advisory_reason <> 0 OR c.failures > 0" \
    " OR c.uncertain_tries > 0 OR c.doubts > 0)"

/* Of an owner: its one key, or all keys of an app, which are "app:crm" and "app:crm/user:…". */
#define OWNER_SQL                                                                               \
    " AND c.id IN (SELECT o.connection FROM connector n JOIN owner_key o ON o.connector = n.id" \
    " WHERE (?2 = '' OR n.id = ?2) AND "

static void append(struct buf *out, const char *text)
{
    bool fits = buf_append(out, str_c(text));
    ASSERT(fits);
}

/** Can only connections that are not simply active have this state or reason? */
static bool is_notable(const struct connection_filter *filter)
{
    if (filter->state == STATE_ACTIVE || filter->state == STATE_BLOCKED)
        return false;
    if (filter->state >= 0)
        return true;
    return filter->reason > REASON_NONE && filter->reason != REASON_CLIENT_REJECTED &&
           filter->reason != REASON_POLICY_BLOCKED;
}

static void write_statement(const struct connection_filter *filter, struct buf *out)
{
    sqlite_statement_select_connection(true, out);
    append(out, "JOIN connector k ON k.id = c.connector WHERE c.id > ?1");
    if (!str_is_empty(filter->connector))
        append(out, " AND c.connector = ?2");
    if (is_notable(filter))
        append(out, " AND " NOTABLE_SQL);
    if (filter->state >= 0)
        append(out, " AND " STATE_SQL " = ?3");
    if (filter->reason >= 0)
        append(out, " AND " REASON_SQL " = ?4");
    if (!str_is_empty(filter->owner_key))
        append(out, OWNER_SQL "o.key = ?5)");
    if (!str_is_empty(filter->app))
        append(out, OWNER_SQL "(o.key = 'app:' || ?6 OR"
                              " (o.key > 'app:' || ?6 || '/' AND o.key < 'app:' || ?6 || '0')))");
    if (filter->expiring_before_ms > 0)
        append(out, " AND c.refresh_expires_ms > 0 AND c.refresh_expires_ms < ?7");
    if (filter->has_verdict)
        append(out, " AND c.verdict_reason <> 0");
    append(out, " ORDER BY c.id");
}

static void bind(sqlite3_stmt *statement, const struct store_read *read)
{
    const struct connection_filter *filter = &read->filter;
    /* Numbers that the statement does not use are refused by bind, which does no harm. */
    sqlite_bind_text_or_empty(statement, 1, read->cursor);
    sqlite_bind_text_or_empty(statement, 2, filter->connector);
    sqlite3_bind_int(statement, 3, filter->state);
    sqlite3_bind_int(statement, 4, filter->reason);
    sqlite_bind_text_or_empty(statement, 5, filter->owner_key);
    sqlite_bind_text_or_empty(statement, 6, filter->app);
    sqlite3_bind_int64(statement, 7, filter->expiring_before_ms);
}

static enum status step_all(struct sqlite_db *db, struct store_read *read, sqlite3_stmt *statement)
{
    bool row = true;
    while (read->connection_count < sqlite_read_limit(read)) {
        enum status status = sqlite_db_step(db, statement, &row, &read->error);
        if (status != STATUS_OK || !row)
            return status;
        sqlite_read_add_connection(read, statement);
    }
    return STATUS_OK;
}

enum status sqlite_read_page(struct sqlite_db *db, struct store_read *read)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    write_statement(&read->filter, &text);
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db->handle, buf_c(&text), -1, &statement, NULL);
    if (code != SQLITE_OK)
        return sqlite_db_failed(db, code, &read->error);
    bind(statement, read);
    enum status status = step_all(db, read, statement);
    sqlite3_finalize(statement);
    return status;
}
