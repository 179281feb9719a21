#include "io/store_sqlite_statements.h"

#include "common/assert.h"
#include "io/store_sqlite_columns.h"

/* Events that hang on a connection's row, from the newest back to `after`: each names the one
 * before it. Where that has been purged, so have all before it. A number that is not smaller can
 * only be somebody's, and would lead round in a circle. */
#define CHAIN_SQL(of, after)                                                                   \
    "chain (seq, previous, subject) AS (SELECT e.seq, e.previous, e.subject FROM connection c" \
    " JOIN event e ON e.seq = c.last_event AND e.subject = c.id"                               \
    " WHERE c.last_event > " after " AND " of                                                  \
    " UNION ALL SELECT e.seq, e.previous, e.subject FROM chain n JOIN event e"                 \
    " ON e.seq = n.previous AND e.subject = n.subject"                                         \
    " WHERE n.previous > " after " AND n.previous < n.seq)"

#define FROM_CONNECTION " FROM connection c LEFT JOIN attempt a ON a.place = c.place "

static const char *const texts[SQL_COUNT] = {
    [SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [SQL_BEGIN_READ] = "BEGIN",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_SAVEPOINT] = "SAVEPOINT one",
    [SQL_SAVEPOINT_BACK] = "ROLLBACK TO one",
    [SQL_SAVEPOINT_END] = "RELEASE one",

    [SQL_META_GET] = "SELECT value FROM meta WHERE name = ?1",
    [SQL_META_PUT] = "INSERT INTO meta (name, value) VALUES (?1, ?2)"
                     " ON CONFLICT (name) DO UPDATE SET value = excluded.value",

    [SQL_CONNECTION_FACTS] =
        "SELECT place, version, connector, phase, dead_reason, advisory_reason,"
        " failures > 0 OR uncertain_tries > 0 OR doubts > 0, credential_version,"
        " last_event, settled"
        " FROM connection WHERE id = ?1",
    [SQL_CONNECTION_STAMP] = "UPDATE connection SET alert_seq = ?2 WHERE id = ?1",
    [SQL_OWNER_PUT] = "INSERT INTO owner_key (connector, key, connection) VALUES (?1, ?2, ?3)",
    [SQL_OWNER_DROP] = "DELETE FROM owner_key WHERE connector = ?1 AND key = ?2"
                       " AND connection = ?3",
    [SQL_ACCOUNT_PUT] = "INSERT OR IGNORE INTO account_key (key, connection) VALUES (?1, ?2)",
    [SQL_ACCOUNT_DROP] = "DELETE FROM account_key WHERE key = ?1 AND connection = ?2",
    [SQL_NOTE_READ] = "UPDATE connection SET last_read_ms = max(last_read_ms, ?2) WHERE id = ?1",
    [SQL_SEEN_PUT] = "INSERT INTO seen (source, id, until_ms) VALUES (?1, ?2, ?3)",
    [SQL_SEEN] = "SELECT id FROM seen WHERE source = ?1 AND id = ?2",
    [SQL_SEEN_PURGE] = "DELETE FROM seen WHERE until_ms <= ?1",
    [SQL_TALLY_ADD] =
        "UPDATE OR FAIL tally SET count = count + ?7 WHERE connector = ?1 AND phase = ?2"
        " AND dead_reason = ?3 AND advisory_reason = ?4 AND retrying = ?5"
        " AND credential_version = ?6",
    [SQL_TALLY_INSERT] = "INSERT INTO tally (connector, phase, dead_reason, advisory_reason,"
                         " retrying, credential_version, count)"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_TALLY_CLEAN] = "DELETE FROM tally WHERE connector = ?1 AND count = 0",
    [SQL_TALLY_LIVE] = "SELECT 1 FROM tally WHERE connector = ?1 AND phase = 1 AND count > 0"
                       " LIMIT 1",
    [SQL_TALLY_READ] =
        "SELECT connector, phase, dead_reason, advisory_reason, retrying, credential_version, count"
        " FROM tally WHERE count > 0 AND (?1 = '' OR connector = ?1)",
    /* Where to begin stands first: SQLite takes the first lower bound it meets, and `due_ms > 0`,
     * which only names the index, would walk over all that is due before the cursor. */
    [SQL_DUE] = "SELECT id, connector, due_ms, expires_ms, place FROM connection"
                " WHERE (due_ms, id) > (?2, ?3) AND due_ms <= ?1 AND due_ms > 0"
                " ORDER BY due_ms, id",
    [SQL_DUE_OF] = "SELECT id, connector, due_ms, expires_ms, place FROM connection"
                   " INDEXED BY connection_due"
                   " WHERE (due_ms, id) > (?2, ?3) AND due_ms <= ?1 AND due_ms > 0"
                   " AND connector = ?4 ORDER BY due_ms, id",
    [SQL_DUE_OF_SMALL] = "SELECT id, connector, due_ms, expires_ms, place FROM connection"
                         " INDEXED BY connection_connector"
                         " WHERE (due_ms, id) > (?2, ?3) AND due_ms <= ?1 AND due_ms > 0"
                         " AND connector = ?4 ORDER BY due_ms, id",
    [SQL_TALLY_SHARE] = "SELECT coalesce(sum(count) FILTER (WHERE connector = ?1), 0),"
                        " coalesce(sum(count), 0) FROM tally",

    /* One statement looks at the version and opens: no row of connection where it is another. */
    [SQL_ATTEMPT_OPEN] = "INSERT OR FAIL INTO attempt (place, id, started_ms, print)"
                         " SELECT place, ?3, ?4, ?5 FROM connection WHERE id = ?1 AND version = ?2",
    [SQL_ATTEMPT_OPEN_AT] = "INSERT OR FAIL INTO attempt (place, id, started_ms, print)"
                            " SELECT place, ?3, ?4, ?5 FROM connection"
                            " WHERE place = ?6 AND id = ?1 AND version = ?2",
    [SQL_ATTEMPT_CLOSE] = "DELETE FROM attempt WHERE id = ?2 AND place ="
                          " (SELECT place FROM connection WHERE id = ?1)",
    [SQL_ATTEMPT_CLOSE_AT] = "DELETE FROM attempt WHERE id = ?2 AND place = ?1",
    [SQL_ATTEMPT_DROP] = "DELETE FROM attempt WHERE place = ?1",

    [SQL_CONNECTOR_DELETE] = "DELETE FROM connector WHERE id = ?1 AND version = ?2",
    [SQL_CONNECTOR_DROP_ATTEMPTS] = "DELETE FROM attempt WHERE place IN"
                                    " (SELECT place FROM connection WHERE connector = ?1)",
    [SQL_CONNECTOR_DROP_RESCUES] = "DELETE FROM rescue WHERE connection IN"
                                   " (SELECT id FROM connection WHERE connector = ?1)",
    [SQL_CONNECTOR_DROP_ACCOUNTS] = "DELETE FROM account_key WHERE connection IN"
                                    " (SELECT id FROM connection WHERE connector = ?1)",
    [SQL_CONNECTOR_INDEX_EVENTS] = "WITH RECURSIVE " CHAIN_SQL(
        "c.connector = ?1",
        "0") " UPDATE event SET previous = NULL WHERE seq IN (SELECT seq FROM chain)",
    [SQL_CONNECTOR_DROP_OWNERS] = "DELETE FROM owner_key WHERE connector = ?1",
    [SQL_CONNECTOR_DROP_CONNECTIONS] = "DELETE FROM connection WHERE connector = ?1",
    [SQL_CONNECTOR_DROP_TALLY] = "DELETE FROM tally WHERE connector = ?1",
    [SQL_CONNECTOR_DROP_CREDENTIALS] = "DELETE FROM credential WHERE connector = ?1",
    [SQL_CONNECTOR_DROP_REVOCATIONS] = "DELETE FROM revocation WHERE connector = ?1",
    [SQL_CONNECTOR_DROP_FLOWS] = "DELETE FROM flow WHERE connector = ?1",
    [SQL_CONNECTOR_STAMP_ROTATED] = "UPDATE connector SET rotated_seq = ?2 WHERE id = ?1",
    [SQL_CONNECTOR_STAMP_RESCOPED] = "UPDATE connector SET rescoped_seq = ?2 WHERE id = ?1",

    [SQL_LOG_LAST] = "UPDATE OR FAIL log SET last = ?1",
    [SQL_LOG_STATE] = "SELECT last, published, purged FROM log",
    [SQL_LOG_PUBLISHED] = "UPDATE log SET published = max(published, min(?1, last))",
    [SQL_EVENT_APPEND] = "INSERT INTO event (seq, type, subject, wall_ms, data, previous)"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_EVENTS] = "SELECT seq, type, subject, wall_ms, data FROM event WHERE seq > ?1"
                   " ORDER BY seq",
    [SQL_EVENTS_OF_SUBJECT] = "WITH RECURSIVE " CHAIN_SQL(
        "c.id = ?2",
        "?1") " SELECT seq, type, subject, wall_ms, data FROM event WHERE seq IN"
              " (SELECT seq FROM chain UNION ALL"
              " SELECT seq FROM event WHERE subject = ?2 AND seq > ?1 AND previous IS NULL)"
              " ORDER BY seq",
    [SQL_EVENT_WALL] = "SELECT wall_ms FROM event WHERE seq = ?1",
    [SQL_EVENT_FIRST_WAITING] = "SELECT wall_ms FROM event WHERE seq > ?1 ORDER BY seq LIMIT 1",
    /* In two steps, over negative numbers, so that no event meets one not yet moved. */
    [SQL_RENUMBER_AWAY] = "UPDATE event SET seq = -(seq + ?2) WHERE seq >= ?1",
    [SQL_RENUMBER_BACK] = "UPDATE event SET seq = -seq WHERE seq < 0",
    [SQL_RENUMBER_CHAINS] = "UPDATE event SET previous = previous + ?2"
                            " WHERE seq >= ?1 + ?2 AND previous >= ?1",
    [SQL_RENUMBER_LAST_EVENTS] =
        "UPDATE connection SET last_event = last_event + ?2 WHERE last_event >= ?1 AND id IN"
        " (SELECT subject FROM event WHERE seq >= ?1 + ?2 AND previous IS NOT NULL)",
    [SQL_RENUMBER_ALERTS] =
        "UPDATE connection SET alert_seq = alert_seq + ?2, version = version + 1"
        " WHERE alert_seq > 0 AND alert_seq >= ?1",
    [SQL_RENUMBER_CONNECTORS] =
        "UPDATE connector SET version = version + 1,"
        " rotated_seq = rotated_seq + CASE WHEN rotated_seq >= ?1 THEN ?2 ELSE 0 END,"
        " rescoped_seq = rescoped_seq + CASE WHEN rescoped_seq >= ?1 THEN ?2 ELSE 0 END"
        " WHERE rotated_seq >= ?1 OR rescoped_seq >= ?1",
    [SQL_RENUMBER_LAST] = "UPDATE log SET last = last + ?1",
    /* The first event that has to stay; the ones before it make up what can go. */
    [SQL_PURGE_BOUND] = "SELECT seq FROM event WHERE seq > (SELECT purged FROM log)"
                        " AND (wall_ms >= ?1 OR seq > (SELECT published FROM log))"
                        " ORDER BY seq LIMIT 1",
    [SQL_PURGE] = "DELETE FROM event WHERE seq < ?1 AND seq NOT IN"
                  " (SELECT alert_seq FROM connection WHERE alert_seq > 0)",
    [SQL_PURGE_NOTE] = "UPDATE log SET purged = max(purged, ?1)",

    [SQL_AUDIT_APPEND] =
        "INSERT INTO audit (wall_ms, uid, gid, pid, method, subject, outcome, detail)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [SQL_AUDIT] = "SELECT seq, wall_ms, uid, gid, pid, method, subject, outcome, detail"
                  " FROM audit WHERE seq > ?1 AND (?2 = '' OR method = ?2)"
                  " AND (?3 = '' OR subject = ?3) AND (?4 = '' OR outcome = ?4)"
                  " AND (?5 < 0 OR uid = ?5) ORDER BY seq",
    /* Records are in the order of their time, nearly: the first that stays ends what goes. The
     * newest stays, so that no number is given twice. */
    [SQL_AUDIT_PURGE] = "DELETE FROM audit WHERE seq < coalesce((SELECT seq FROM audit"
                        " WHERE wall_ms >= ?1 ORDER BY seq LIMIT 1), (SELECT max(seq) FROM audit))",
    [SQL_TOKEN_USE_ADD] =
        "INSERT INTO token_use (uid, connection, hour_wall_ms, count) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT DO UPDATE SET count = count + excluded.count",
    [SQL_TOKEN_USES] = "SELECT uid, connection, hour_wall_ms, count FROM token_use"
                       " WHERE (hour_wall_ms, connection, uid) > (?1, ?2, ?3)"
                       " AND (?4 = '' OR connection = ?4) AND (?5 < 0 OR uid = ?5)"
                       " ORDER BY hour_wall_ms, connection, uid",
    [SQL_TOKEN_USE_PURGE] = "DELETE FROM token_use WHERE hour_wall_ms < ?1",
    [SQL_FLOW_TAKE] = "DELETE FROM flow WHERE print = ?1",
    [SQL_FLOW_COUNT] = "SELECT count(*), count(*) FILTER (WHERE connection = ?2) FROM flow"
                       " WHERE expires_ms > ?1",
    [SQL_FLOW_FIRST_END] = "SELECT expires_ms FROM flow ORDER BY expires_ms LIMIT 1",
    [SQL_FLOW_PURGE] = "DELETE FROM flow WHERE print IN"
                       " (SELECT print FROM flow WHERE expires_ms <= ?1 LIMIT ?2)",
    [SQL_FLOWS_DROP] = "DELETE FROM flow WHERE connection = ?1",
    /* 0 is PHASE_PENDING. */
    [SQL_PENDING_FIRST] = "SELECT requested_ms FROM connection WHERE phase = 0"
                          " ORDER BY requested_ms LIMIT 1",
    [SQL_PENDING_OVER] = "SELECT id FROM connection WHERE phase = 0 AND requested_ms <= ?1"
                         " ORDER BY requested_ms LIMIT ?2",
    [SQL_PENDING_DROP] = "DELETE FROM connection WHERE place = ?1 AND phase = 0",

    [SQL_REVOCATION_PUT] =
        "REPLACE INTO revocation (connection, generation, connector, credential_version,"
        " sealed_token, is_access_token, created_ms, due_ms, tries)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [SQL_REVOCATION_DROP] = "DELETE FROM revocation WHERE connection = ?1 AND generation = ?2",
    [SQL_REVOCATIONS] = "SELECT connection, generation, connector, credential_version,"
                        " sealed_token, is_access_token, created_ms, due_ms, tries"
                        " FROM revocation WHERE due_ms <= ?1 AND (?2 = '' OR connector = ?2)"
                        " ORDER BY due_ms, connection, generation",
    /* 1 is PHASE_CONNECTED: a disconnect erases tokens, and a late answer brings none back. */
    [SQL_RESCUE_APPEND] = "INSERT INTO rescue (connection, at_ms, sealed)"
                          " SELECT id, ?2, ?3 FROM connection WHERE id = ?1 AND phase = 1",
    [SQL_RESCUE_TRIM] = "DELETE FROM rescue WHERE seq IN (SELECT seq FROM rescue"
                        " WHERE connection = ?1 ORDER BY seq DESC LIMIT -1 OFFSET ?2)",
    [SQL_RESCUE_DROP] = "DELETE FROM rescue WHERE connection = ?1",
};

static void append(struct buf *out, const char *text)
{
    bool fits = buf_append(out, str_c(text));
    ASSERT(fits);
}

static void select_connection(bool without_sealed, const char *more, struct buf *out)
{
    append(out, "SELECT ");
    sqlite_columns_list(&sqlite_connection_type, "c", without_sealed, out);
    append(out, ", c.version, a.id, a.started_ms");
    append(out, more);
}

void sqlite_statement_select_connection(bool without_sealed, struct buf *out)
{
    select_connection(without_sealed, FROM_CONNECTION, out);
}

static void update_connection(struct buf *out)
{
    sqlite_columns_update(&sqlite_connection_type, out);
    bool fits = buf_printf(out, ", version = version + 1, last_event = ?%zu WHERE place = ?%zu",
                           sqlite_connection_type.count + 1, sqlite_connection_type.count + 2);
    ASSERT(fits);
}

static void refresh_connection(struct buf *out)
{
    size_t count = sqlite_columns_update_refreshed(&sqlite_connection_type, out);
    bool fits = buf_printf(out,
                           ", version = version + 1, last_event = ?%zu"
                           " WHERE place = ?%zu AND id = ?%zu AND version = ?%zu",
                           count + 1, count + 2, count + 3, count + 4);
    ASSERT(fits);
}

static void update_connector(struct buf *out)
{
    sqlite_columns_update(&sqlite_connector_type, out);
    bool fits = buf_printf(out, ", version = version + 1 WHERE id = ?1 AND version = ?%zu",
                           sqlite_connector_type.count + 1);
    ASSERT(fits);
}

static void select_flow(struct buf *out)
{
    append(out, "SELECT ");
    sqlite_columns_list(&sqlite_flow_type, "f", false, out);
    append(out, " FROM flow f WHERE f.print = ?1");
}

static void select_connectors(struct buf *out)
{
    append(out, "SELECT ");
    sqlite_columns_list(&sqlite_connector_type, "k", false, out);
    append(out, ", k.version FROM connector k ORDER BY k.id");
}

static void select_credentials(struct buf *out)
{
    append(out, "SELECT ");
    sqlite_columns_list(&sqlite_credential_type, "k", false, out);
    append(out, " FROM credential k ORDER BY k.connector, k.version DESC");
}

/** What is written from the tables of columns. */
static void write_text(enum sqlite_sql sql, struct buf *out)
{
    if (sql == SQL_CONNECTION_INSERT) {
        sqlite_columns_insert(&sqlite_connection_type, "INSERT", out);
    } else if (sql == SQL_CONNECTION_UPDATE) {
        update_connection(out);
    } else if (sql == SQL_CONNECTION_REFRESH) {
        refresh_connection(out);
    } else if (sql == SQL_CONNECTION_BY_ID) {
        select_connection(false, ", c.place, c.last_event" FROM_CONNECTION "WHERE c.id = ?1", out);
    } else if (sql == SQL_CONNECTION_AT) {
        select_connection(
            false, ", c.place, c.last_event" FROM_CONNECTION "WHERE c.place = ?2 AND c.id = ?1",
            out);
    } else if (sql == SQL_CONNECTION_BY_OWNER) {
        select_connection(false,
                          FROM_CONNECTION "WHERE c.id = (SELECT connection FROM owner_key"
                                          " WHERE connector = ?1 AND key = ?2)",
                          out);
    } else if (sql == SQL_CONNECTIONS_BY_ACCOUNT) {
        select_connection(true,
                          FROM_CONNECTION "WHERE c.id IN (SELECT connection FROM account_key"
                                          " WHERE key = ?1 AND connection > ?2) ORDER BY c.id",
                          out);
    } else if (sql == SQL_ATTEMPTS) {
        select_connection(false,
                          " FROM attempt a CROSS JOIN connection c ON c.place = a.place"
                          " WHERE c.id > ?1 ORDER BY c.id",
                          out);
    } else if (sql == SQL_ALERTS) {
        select_connection(true,
                          ", e.seq, e.type, e.subject, e.wall_ms, e.data" FROM_CONNECTION
                          "JOIN event e ON e.seq = c.alert_seq"
                          " WHERE c.alert_seq > 0 AND c.id > ?1 ORDER BY c.id",
                          out);
    } else if (sql == SQL_CONNECTOR_INSERT) {
        sqlite_columns_insert(&sqlite_connector_type, "INSERT", out);
    } else if (sql == SQL_CONNECTOR_UPDATE) {
        update_connector(out);
    } else if (sql == SQL_CONNECTORS) {
        select_connectors(out);
    } else if (sql == SQL_CREDENTIALS) {
        select_credentials(out);
    } else if (sql == SQL_FLOW_INSERT) {
        sqlite_columns_insert(&sqlite_flow_type, "INSERT", out);
    } else if (sql == SQL_FLOW_BY_PRINT) {
        select_flow(out);
    } else {
        ASSERT(sql == SQL_CREDENTIAL_PUT);
        sqlite_columns_insert(&sqlite_credential_type, "REPLACE", out);
    }
}

int sqlite_statement_prepare(sqlite3 *handle, enum sqlite_sql sql, sqlite3_stmt **ret)
{
    ASSERT((unsigned)sql < SQL_COUNT);
    CLEANUP(buf_deinit) struct buf written = {0};
    if (texts[sql] == NULL)
        write_text(sql, &written);
    const char *text = texts[sql] != NULL ? texts[sql] : buf_c(&written);
    return sqlite3_prepare_v3(handle, text, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
}
