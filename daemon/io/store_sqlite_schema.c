#include "io/store_sqlite_schema.h"

#include "common/assert.h"
#include "io/store_sqlite_pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* docs/store.md says why each table and index is there. Enumerations are kept as their numbers:
 * new members go to the end. */
static const char *const version_1[] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE log (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL,"
    " published INTEGER NOT NULL, purged INTEGER NOT NULL) STRICT",
    "INSERT INTO log VALUES (1, 0, 0, 0)",
    "CREATE TABLE connector (place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT,"
    " type INTEGER NOT NULL, provider TEXT, profile_json TEXT, config_json TEXT, app_hint TEXT,"
    " scopes TEXT, scopes_version INTEGER NOT NULL, scopes_changed_ms INTEGER NOT NULL,"
    " scopes_added TEXT, scopes_removed TEXT, only_missing INTEGER NOT NULL,"
    " policy INTEGER NOT NULL, idle_after_ms INTEGER NOT NULL, probe_every_ms INTEGER NOT NULL,"
    " refreshed_events INTEGER NOT NULL, credential_version INTEGER NOT NULL,"
    " rotated_ms INTEGER NOT NULL, rotated_seq INTEGER NOT NULL, rescoped_seq INTEGER NOT NULL,"
    " disabled INTEGER NOT NULL, rejected_ms INTEGER NOT NULL, probe_due_ms INTEGER NOT NULL,"
    " probe_interval_ms INTEGER NOT NULL, provider_error_code TEXT, provider_error_message TEXT,"
    " provider_error_status INTEGER NOT NULL, sweep_version INTEGER NOT NULL, sweep_cursor TEXT,"
    " sweep_done INTEGER NOT NULL, sweep_affected INTEGER NOT NULL, sweep_total INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL, version INTEGER NOT NULL DEFAULT 1) STRICT",
    "CREATE TABLE credential (place INTEGER PRIMARY KEY, connector TEXT NOT NULL,"
    " version INTEGER NOT NULL, state INTEGER NOT NULL, client_id TEXT, method INTEGER NOT NULL,"
    " sealed_secret BLOB, certificate TEXT, created_ms INTEGER NOT NULL,"
    " retires_ms INTEGER NOT NULL, last_success_ms INTEGER NOT NULL, rejected_ms INTEGER NOT NULL,"
    " UNIQUE (connector, version)) STRICT",
    "CREATE TABLE connection (place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " connector TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 1, phase INTEGER NOT NULL,"
    " dead_reason INTEGER NOT NULL, advisory_reason INTEGER NOT NULL, failures INTEGER NOT NULL,"
    " uncertain_tries INTEGER NOT NULL, doubts INTEGER NOT NULL,"
    " credential_version INTEGER NOT NULL, due_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
    " refresh_expires_ms INTEGER NOT NULL, alert_seq INTEGER NOT NULL, apps TEXT, superagent TEXT,"
    " app TEXT, user TEXT, account_id TEXT, account_label TEXT, account_verified INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL, requested_ms INTEGER NOT NULL, generation INTEGER NOT NULL,"
    " token_type TEXT, issued_ms INTEGER NOT NULL, lifetime_ms INTEGER NOT NULL,"
    " scopes_asked TEXT, scopes_granted TEXT, scopes_version INTEGER NOT NULL,"
    " no_rotation_count INTEGER NOT NULL, advisory_is_mild INTEGER NOT NULL, scopes_added TEXT,"
    " scopes_removed TEXT, trouble_ms INTEGER NOT NULL, detail TEXT,"
    " provider_error_status INTEGER NOT NULL, provider_error_code TEXT,"
    " provider_error_message TEXT, failing_since_ms INTEGER NOT NULL,"
    " doubts_since_ms INTEGER NOT NULL, unscheduled INTEGER NOT NULL,"
    " last_success_ms INTEGER NOT NULL, last_attempt_ms INTEGER NOT NULL,"
    " last_read_ms INTEGER NOT NULL, attempts INTEGER NOT NULL, history BLOB NOT NULL,"
    " refresh_print BLOB, sealed_access BLOB, sealed_refresh BLOB) STRICT",
    "CREATE INDEX connection_connector ON connection (connector, id)",
    "CREATE INDEX connection_due ON connection (due_ms, id, connector, expires_ms)"
    " WHERE due_ms > 0",
    "CREATE INDEX connection_alert ON connection (alert_seq) WHERE alert_seq > 0",
    "CREATE INDEX connection_alerted ON connection (id) WHERE alert_seq > 0",
    "CREATE INDEX connection_notable ON connection (id) WHERE phase <> 1 OR dead_reason <> 0"
    " OR advisory_reason <> 0 OR failures > 0 OR uncertain_tries > 0 OR doubts > 0",
    "CREATE TABLE owner_key (connector TEXT NOT NULL, key TEXT NOT NULL,"
    " connection TEXT NOT NULL, PRIMARY KEY (connector, key)) STRICT, WITHOUT ROWID",
    "CREATE TABLE attempt (connection TEXT PRIMARY KEY, id INTEGER NOT NULL,"
    " started_ms INTEGER NOT NULL, print BLOB) STRICT, WITHOUT ROWID",
    "CREATE TABLE tally (connector TEXT NOT NULL, phase INTEGER NOT NULL,"
    " dead_reason INTEGER NOT NULL, advisory_reason INTEGER NOT NULL, retrying INTEGER NOT NULL,"
    " credential_version INTEGER NOT NULL, count INTEGER NOT NULL,"
    " PRIMARY KEY (connector, phase, dead_reason, advisory_reason, retrying, credential_version)"
    ") STRICT, WITHOUT ROWID",
    "CREATE TABLE event (seq INTEGER PRIMARY KEY, type TEXT NOT NULL, subject TEXT NOT NULL,"
    " wall_ms INTEGER NOT NULL, data TEXT) STRICT",
    "CREATE INDEX event_subject ON event (subject, seq)",
    "CREATE TABLE audit (seq INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, uid INTEGER NOT NULL,"
    " gid INTEGER NOT NULL, pid INTEGER NOT NULL, method TEXT NOT NULL, subject TEXT,"
    " outcome TEXT, detail TEXT) STRICT",
    "CREATE TABLE rescue (seq INTEGER PRIMARY KEY, connection TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT",
    "CREATE INDEX rescue_connection ON rescue (connection, seq)",
    NULL,
};

static const char *const version_2[] = {
    /* Grants that are to be revoked at their provider. */
    "CREATE TABLE revocation (connection TEXT NOT NULL, generation INTEGER NOT NULL,"
    " connector TEXT NOT NULL, credential_version INTEGER NOT NULL, sealed_token BLOB NOT NULL,"
    " is_access_token INTEGER NOT NULL, created_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL,"
    " tries INTEGER NOT NULL, PRIMARY KEY (connection, generation)) STRICT, WITHOUT ROWID",
    "CREATE INDEX revocation_due ON revocation (due_ms)",
    "CREATE INDEX revocation_connector ON revocation (connector)",
    /* Who was handed access tokens. */
    "CREATE TABLE token_use (hour_wall_ms INTEGER NOT NULL, connection TEXT NOT NULL,"
    " uid INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (hour_wall_ms, connection, uid)"
    ") STRICT, WITHOUT ROWID",
    /* Authorizations under way, and the connections that wait for the first of theirs. */
    "CREATE TABLE flow (print BLOB PRIMARY KEY, connector TEXT NOT NULL, connection TEXT NOT NULL,"
    " apps TEXT, superagent TEXT, app TEXT, user TEXT, intent INTEGER NOT NULL,"
    " revoke INTEGER NOT NULL, redirect_uri TEXT, scopes_asked TEXT,"
    " scopes_version INTEGER NOT NULL, credential_version INTEGER NOT NULL, config_json TEXT,"
    " sealed_secrets BLOB, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) STRICT, "
    "WITHOUT ROWID",
    "CREATE INDEX flow_expires ON flow (expires_ms)",
    "CREATE INDEX flow_connection ON flow (connection)",
    "CREATE INDEX connection_pending ON connection (requested_ms) WHERE phase = 0",
    /* Whose account it is: the ID token's issuer beside its subject. */
    "ALTER TABLE connection ADD COLUMN account_issuer TEXT",
    /* Providers' dialects: variables of one grant, what a refusal asks for, a key's id. */
    "ALTER TABLE connection ADD COLUMN config_json TEXT",
    "ALTER TABLE connection ADD COLUMN claims TEXT",
    "ALTER TABLE credential ADD COLUMN key_id TEXT",
    /* What a connection is looked at for, other than a refresh; who suspects its grant. */
    "ALTER TABLE connection ADD COLUMN refresh_due_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE connection ADD COLUMN probe_due_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE connection ADD COLUMN notice_due_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE connection ADD COLUMN notice_lead_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE connection ADD COLUMN refresh_extends INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE connection ADD COLUMN suspected_by INTEGER NOT NULL DEFAULT 0",
    "UPDATE connection SET refresh_due_ms = due_ms",
    "UPDATE connector SET probe_every_ms = -1 WHERE probe_every_ms = 0",
    /* Whose account, the other way round; and which security events were acted on. */
    "CREATE TABLE account_key (key TEXT NOT NULL, connection TEXT NOT NULL,"
    " PRIMARY KEY (key, connection)) STRICT, WITHOUT ROWID",
    "INSERT INTO account_key SELECT 'id:' || account_id, id FROM connection"
    " WHERE account_id <> ''",
    "INSERT INTO account_key SELECT 'label:' || account_label, id FROM connection"
    " WHERE account_label <> ''",
    "CREATE TABLE seen (source TEXT NOT NULL, id TEXT NOT NULL, until_ms INTEGER NOT NULL,"
    " PRIMARY KEY (source, id)) STRICT, WITHOUT ROWID",
    "CREATE INDEX seen_until ON seen (until_ms)",
    /* Verdicts that settle, or that the mass-failure guard holds. */
    "ALTER TABLE connection ADD COLUMN verdict_reason INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE connection ADD COLUMN verdict_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE connection ADD COLUMN held_ms INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX connection_verdict ON connection (connector, id) WHERE verdict_reason <> 0",
    /* Events of a connection are found from its row, each by the next: without an index entry. */
    "ALTER TABLE connection ADD COLUMN last_event INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE event ADD COLUMN previous INTEGER",
    "DROP INDEX event_subject",
    "CREATE INDEX event_subject ON event (subject, seq) WHERE previous IS NULL",
    NULL,
};

static const char *const version_3[] = {
    /* What SQL never looks at goes into two columns: a row of few is read and written faster. */
    "CREATE TABLE packed (place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " connector TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 1, phase INTEGER NOT NULL,"
    " dead_reason INTEGER NOT NULL, advisory_reason INTEGER NOT NULL, failures INTEGER NOT NULL,"
    " uncertain_tries INTEGER NOT NULL, doubts INTEGER NOT NULL,"
    " credential_version INTEGER NOT NULL, due_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
    " refresh_expires_ms INTEGER NOT NULL, alert_seq INTEGER NOT NULL,"
    " verdict_reason INTEGER NOT NULL, requested_ms INTEGER NOT NULL,"
    " last_read_ms INTEGER NOT NULL, last_event INTEGER NOT NULL DEFAULT 0,"
    " settled BLOB NOT NULL, fresh BLOB NOT NULL, sealed_access BLOB, sealed_refresh BLOB) STRICT",
    "INSERT INTO packed SELECT place, id, connector, version, phase, dead_reason, advisory_reason,"
    " failures, uncertain_tries, doubts, credential_version, due_ms, expires_ms,"
    " refresh_expires_ms, alert_seq, verdict_reason, requested_ms, last_read_ms, last_event,"
    " refreshd_pack(1, apps, 2, superagent, 3, app, 4, user, 5, account_id, 6, account_label,"
    " 7, account_issuer, 8, account_verified, 9, created_ms, 10, generation, 11, scopes_asked,"
    " 12, config_json, 13, advisory_is_mild, 14, scopes_added, 15, scopes_removed,"
    " 16, trouble_ms, 17, detail, 18, provider_error_status, 19, provider_error_code,"
    " 20, provider_error_message, 21, claims, 22, failing_since_ms, 23, doubts_since_ms,"
    " 24, unscheduled, 25, notice_lead_ms, 26, refresh_extends, 27, suspected_by, 28, verdict_ms,"
    " 29, held_ms), refreshd_pack(1, token_type, 2, issued_ms, 3, lifetime_ms, 4, scopes_granted,"
    " 5, scopes_version, 6, no_rotation_count, 7, last_success_ms, 8, last_attempt_ms,"
    " 9, attempts, 10, history, 11, refresh_due_ms, 12, probe_due_ms, 13, notice_due_ms,"
    " 14, refresh_print), sealed_access, sealed_refresh FROM connection ORDER BY place",
    "DROP TABLE connection",
    "ALTER TABLE packed RENAME TO connection",
    "CREATE INDEX connection_connector ON connection (connector, id)",
    "CREATE INDEX connection_due ON connection (due_ms, id, connector, expires_ms)"
    " WHERE due_ms > 0",
    "CREATE INDEX connection_alert ON connection (alert_seq) WHERE alert_seq > 0",
    "CREATE INDEX connection_alerted ON connection (id) WHERE alert_seq > 0",
    "CREATE INDEX connection_notable ON connection (id) WHERE phase <> 1 OR dead_reason <> 0"
    " OR advisory_reason <> 0 OR failures > 0 OR uncertain_tries > 0 OR doubts > 0",
    "CREATE INDEX connection_pending ON connection (requested_ms) WHERE phase = 0",
    "CREATE INDEX connection_verdict ON connection (connector, id) WHERE verdict_reason <> 0",
    /* Attempts stand at the place of their connection: found without its id. */
    "CREATE TABLE placed (place INTEGER PRIMARY KEY, id INTEGER NOT NULL,"
    " started_ms INTEGER NOT NULL, print BLOB) STRICT",
    "INSERT INTO placed SELECT c.place, a.id, a.started_ms, a.print FROM attempt a"
    " JOIN connection c ON c.id = a.connection",
    "DROP TABLE attempt",
    "ALTER TABLE placed RENAME TO attempt",
    NULL,
};

const char *const *const sqlite_migrations[SQLITE_SCHEMA_VERSION] = {version_1, version_2,
                                                                     version_3};

enum status sqlite_schema_look(struct sqlite_db *db, int known_version, enum sqlite_kind *ret_kind,
                               int *ret_version, struct error *err)
{
    int64_t application, version, tables;
    enum status status = sqlite_db_number(db, "PRAGMA application_id", &application, err);
    if (status == STATUS_OK)
        status = sqlite_db_number(db, "PRAGMA user_version", &version, err);
    if (status == STATUS_OK)
        status = sqlite_db_number(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (status != STATUS_OK)
        return status;
    *ret_version = (int)version;
    if (application == 0 && version == 0 && tables == 0)
        *ret_kind = SQLITE_KIND_EMPTY;
    else if (application != SQLITE_APPLICATION_ID || version < 1)
        *ret_kind = SQLITE_KIND_FOREIGN;
    else
        *ret_kind = version > known_version ? SQLITE_KIND_NEWER : SQLITE_KIND_OURS;
    return STATUS_OK;
}

enum status sqlite_schema_prepare(struct sqlite_db *db, struct error *err)
{
    /* The switch to WAL is itself a transaction with a rollback journal. It runs under EXTRA (set
     * for the handle), which syncs the directory after deleting that journal: else the journal can
     * come back after a power cut and roll the database back over what WAL has committed since. */
    char page_size[48];
    snprintf(page_size, sizeof(page_size), "PRAGMA page_size = %d", (int)SQLITE_PAGE_BYTES);
    enum status status = sqlite_db_exec(db, page_size, err);
    if (status == STATUS_OK)
        status = sqlite_db_exec(db, "PRAGMA synchronous = EXTRA; PRAGMA journal_mode = WAL", err);
    return status;
}

enum status sqlite_schema_migrate(struct sqlite_db *db, const char *const *const *migrations,
                                  int from, int count, struct error *err)
{
    int code = sqlite_pack_define(db->handle);
    if (code != SQLITE_OK)
        return sqlite_db_failed(db, code, err);
    enum status status = sqlite_db_exec(db, "BEGIN IMMEDIATE", err);
    for (int i = from; i < count; i++) {
        for (size_t j = 0; status == STATUS_OK && migrations[i][j] != NULL; j++)
            status = sqlite_db_exec(db, migrations[i][j], err);
    }
    char pragmas[96];
    snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id = %d; PRAGMA user_version = %d",
             (int)SQLITE_APPLICATION_ID, count);
    return status == STATUS_OK ? sqlite_db_exec(db, pragmas, err) : status;
}

static enum status sync_file(const char *path, struct error *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    int failure = errno;
    if (fd >= 0)
        close(fd);
    return good ? STATUS_OK : error_set(err, STATUS_UNAVAILABLE, "%s: %s", path, strerror(failure));
}

enum status sqlite_schema_backup(struct sqlite_db *db, const char *to, struct error *err)
{
    /* An earlier try may have left half a copy. VACUUM INTO takes a file that is empty. */
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, STATUS_UNAVAILABLE, "backup before the migration: %s: %s", to,
                         strerror(errno));
    close(fd);
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db->handle, "VACUUM INTO ?1", -1, &statement, NULL);
    if (code == SQLITE_OK)
        sqlite3_bind_text(statement, 1, to, -1, SQLITE_STATIC);
    enum status status =
        code == SQLITE_OK ? sqlite_db_run(db, statement, err) : sqlite_db_failed(db, code, err);
    sqlite3_finalize(statement);
    return status == STATUS_OK ? sync_file(to, err) : status;
}

enum status sqlite_schema_verify(struct sqlite_db *db, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db->handle, "PRAGMA integrity_check(1)", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    enum status status = STATUS_OK;
    if (code != SQLITE_ROW) {
        status = sqlite_db_failed(db, code, err);
    } else if (!str_eq(sqlite_column_str(statement, 0), STR("ok"))) {
        struct str found = sqlite_column_str(statement, 0);
        status = error_set(err, STATUS_INVALID, "integrity_check: " STR_FMT, STR_ARG(found));
    }
    sqlite3_finalize(statement);
    return status;
}
