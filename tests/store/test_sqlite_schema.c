/* The schema against the code's tables, and how a store gets from one version to the next. */
#include "io/store_sqlite_columns.h"
#include "io/store_sqlite_engine.h"
#include "io/store_sqlite_history.h"
#include "io/store_sqlite_schema.h"
#include "store/cmocka_all.h"
#include "store/sqlite_fixture.h"

#include "core/connection.h"
#include "core/flow.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** In place: SQLite keeps pointers into it. */
static void open_db(struct sqlite_db *db, const struct sqlite_fixture *fixture)
{
    struct error err = {0};
    *db = (struct sqlite_db){0};
    int code = sqlite3_open_v2(fixture->path, &db->handle,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    assert_int_equal(code, SQLITE_OK);
    sqlite3_close(db->handle);
    db->handle = NULL;
    if (sqlite_db_open(db, fixture->path, 0, &err) != STATUS_OK)
        fail_msg("%s", err.text);
}

static void must(enum status status, const struct error *err)
{
    if (status != STATUS_OK)
        fail_msg("%s: %s", status_text(status), err->text);
}

static int64_t number(struct sqlite_db *db, const char *sql)
{
    int64_t value;
    struct error err = {0};
    must(sqlite_db_number(db, sql, &value, &err), &err);
    return value;
}

static void test_every_column_has_its_member(void **state)
{
    (void)state;
    struct sqlite_fixture fixture;
    struct error err;
    sqlite_fixture_init(&fixture);
    struct sqlite_db db;
    open_db(&db, &fixture);
    must(sqlite_schema_prepare(&db, &err), &err);
    must(sqlite_schema_migrate(&db, sqlite_migrations, 0, SQLITE_SCHEMA_VERSION, &err), &err);
    must(sqlite_db_exec(&db, "COMMIT", &err), &err);
    static const struct {
        const struct record_type *type;
        size_t own; /* columns that are the store's, not the record's */
    } rows[] = {
        {&sqlite_connection_type, 3}, /* place, version, last_event */
        {&sqlite_connector_type, 2},
        {&sqlite_credential_type, 1}, /* place */
        {&sqlite_flow_type, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char sql[160];
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM pragma_table_info('%s')",
                 rows[i].type->table);
        assert_int_equal(number(&db, sql), rows[i].type->count + rows[i].own);
        for (size_t j = 0; j < rows[i].type->count; j++) {
            snprintf(sql, sizeof(sql),
                     "SELECT count(*) FROM pragma_table_info('%s') WHERE name = '%s'",
                     rows[i].type->table, rows[i].type->columns[j].name);
            if (number(&db, sql) != 1)
                fail_msg("%s.%s", rows[i].type->table, rows[i].type->columns[j].name);
        }
    }
    sqlite_db_close(&db);
    sqlite_fixture_deinit(&fixture);
}

static void test_every_statement_is_good(void **state)
{
    (void)state;
    struct sqlite_fixture fixture;
    struct error err;
    sqlite_fixture_init(&fixture);
    struct sqlite_db db;
    open_db(&db, &fixture);
    must(sqlite_schema_migrate(&db, sqlite_migrations, 0, SQLITE_SCHEMA_VERSION, &err), &err);
    must(sqlite_db_exec(&db, "COMMIT", &err), &err);
    for (int sql = 0; sql < SQL_COUNT; sql++) {
        if (sqlite_db_statement(&db, (enum sqlite_sql)sql) == NULL)
            fail_msg("statement %d: %s", sql, sqlite3_errmsg(db.handle));
    }
    sqlite_db_close(&db);
    sqlite_fixture_deinit(&fixture);
}

static void test_pragmas(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t value;
    } rows[] = {
        {"page_size", 8192},       {"synchronous", 3},
        {"cell_size_check", 1},    {"trusted_schema", 0},
        {"wal_autocheckpoint", 0}, {"application_id", SQLITE_APPLICATION_ID},
        {"foreign_keys", 0},       {"user_version", SQLITE_SCHEMA_VERSION},
    };
    struct sqlite_fixture fixture;
    struct error err;
    sqlite_fixture_init(&fixture);
    struct sqlite_db db;
    open_db(&db, &fixture);
    assert_int_equal(number(&db, "PRAGMA synchronous"), 3); /* of every handle, before all else */
    must(sqlite_schema_prepare(&db, &err), &err);
    must(sqlite_schema_migrate(&db, sqlite_migrations, 0, SQLITE_SCHEMA_VERSION, &err), &err);
    must(sqlite_db_exec(&db, "COMMIT", &err), &err);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char sql[64];
        snprintf(sql, sizeof(sql), "PRAGMA %s", rows[i].name);
        if (number(&db, sql) != rows[i].value)
            fail_msg("%s: %lld", rows[i].name, (long long)number(&db, sql));
    }
    assert_int_equal(number(&db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    sqlite_db_close(&db);
    sqlite_fixture_deinit(&fixture);
}

/** Numbers are kept in the file: a member that moves would change what old rows mean. */
static void test_numbers_of_what_is_kept(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int value, kept;
    } rows[] = {
        {"pending", PHASE_PENDING, 0},
        {"connected", PHASE_CONNECTED, 1},
        {"disconnected", PHASE_DISCONNECTED, 2},
        {"account_disconnected", REASON_ACCOUNT_DISCONNECTED, 1},
        {"access_revoked", REASON_ACCESS_REVOKED, 2},
        {"scopes_changed", REASON_SCOPES_CHANGED, 3},
        {"scopes_reduced", REASON_SCOPES_REDUCED, 4},
        {"grant_rejected", REASON_GRANT_REJECTED, 5},
        {"secret_rotated", REASON_SECRET_ROTATED, 6},
        {"client_replaced", REASON_CLIENT_REPLACED, 7},
        {"refresh_token_expired", REASON_REFRESH_TOKEN_EXPIRED, 8},
        {"refresh_token_missing", REASON_REFRESH_TOKEN_MISSING, 9},
        {"refresh_exhausted", REASON_REFRESH_EXHAUSTED, 10},
        {"rotation_lost", REASON_ROTATION_LOST, 11},
        {"reauthorization_required", REASON_REAUTHORIZATION_REQUIRED, 12},
        {"client_rejected", REASON_CLIENT_REJECTED, 13},
        {"policy_blocked", REASON_POLICY_BLOCKED, 14},
        {"in_flight", UNSCHEDULED_IN_FLIGHT, 7},
        {"malformed", OUTCOME_MALFORMED, 8},
        {"lost", TRANSPORT_LOST, 2},
        {"connect", INTENT_CONNECT, 0},
        {"reconnect", INTENT_RECONNECT, 1},
        {"switch", INTENT_SWITCH, 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].value != rows[i].kept)
            fail_msg("%s is %d, kept as %d", rows[i].name, rows[i].value, rows[i].kept);
    }
}

/* ---- migrations, over a schema of the test's own ---- */

static const char *const first[] = {"CREATE TABLE a (x)", "INSERT INTO a VALUES (7)", NULL};
static const char *const second[] = {"ALTER TABLE a ADD COLUMN y", "UPDATE a SET y = x + 1", NULL};
static const char *const broken[] = {"UPDATE a SET y = 0", "UPDATE nothing SET y = 0", NULL};
static const char *const *const good_steps[] = {first, second};
static const char *const *const bad_steps[] = {first, second, broken};

/** On whatever machine: files are carried from one to another. */
static void test_bytes_of_a_history(void **state)
{
    (void)state;
    const struct history_entry entry = {.started_ms = 0x0102030405060708,
                                        .took_ms = -2,
                                        .status = 0x0190,
                                        .outcome = 1,
                                        .transport = TRANSPORT_LOST};
    const uint8_t expected[HISTORY_ENTRY_BYTES] = {
        8, 7, 6, 5, 4, 3, 2, 1, 0xfe, 0xff, 0xff, 0xff, 0x90, 1, 1, TRANSPORT_LOST};
    uint8_t bytes[HISTORY_BYTES_MAX];
    assert_int_equal(history_pack(&entry, 1, bytes), HISTORY_ENTRY_BYTES);
    assert_memory_equal(bytes, expected, sizeof(expected));
    struct history_entry back[REFRESH_HISTORY_MAX];
    size_t count = 0;
    assert_true(
        history_unpack((struct str){(const char *)bytes, HISTORY_ENTRY_BYTES}, back, &count));
    assert_int_equal(count, 1);
    assert_memory_equal(&back[0], &entry, sizeof(entry));
    bytes[15] = TRANSPORT_LOST + 1;
    assert_false(
        history_unpack((struct str){(const char *)bytes, HISTORY_ENTRY_BYTES}, back, &count));
}

static void test_migrations(void **state)
{
    (void)state;
    struct sqlite_fixture fixture;
    struct error err = {0};
    sqlite_fixture_init(&fixture);
    struct sqlite_db db;
    open_db(&db, &fixture);
    must(sqlite_schema_migrate(&db, good_steps, 0, 1, &err), &err);
    must(sqlite_db_exec(&db, "COMMIT", &err), &err);
    assert_int_equal(number(&db, "PRAGMA user_version"), 1);

    must(sqlite_schema_migrate(&db, good_steps, 1, 2, &err), &err);
    must(sqlite_db_exec(&db, "COMMIT", &err), &err);
    assert_int_equal(number(&db, "PRAGMA user_version"), 2);
    assert_int_equal(number(&db, "SELECT y FROM a"), 8);

    /* One that fails half way leaves nothing. */
    assert_int_not_equal(sqlite_schema_migrate(&db, bad_steps, 2, 3, &err), STATUS_OK);
    sqlite_db_close(&db);
    open_db(&db, &fixture);
    assert_int_equal(number(&db, "PRAGMA user_version"), 2);
    assert_int_equal(number(&db, "SELECT y FROM a"), 8);
    sqlite_db_close(&db);
    sqlite_fixture_deinit(&fixture);
}

static void test_backup(void **state)
{
    (void)state;
    struct sqlite_fixture fixture, copy;
    struct error err = {0};
    sqlite_fixture_init(&fixture);
    struct sqlite_db db;
    open_db(&db, &fixture);
    must(sqlite_schema_migrate(&db, good_steps, 0, 2, &err), &err);
    must(sqlite_db_exec(&db, "COMMIT", &err), &err);
    copy = fixture;
    sqlite_fixture_beside(&fixture, ".v2.backup", copy.path);
    for (int i = 0; i < 2; i++) /* the second writes over what an earlier try left */
        must(sqlite_schema_backup(&db, copy.path, &err), &err);
    sqlite_db_close(&db);
    struct stat found;
    assert_int_equal(stat(copy.path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    open_db(&db, &copy);
    assert_int_equal(number(&db, "SELECT y FROM a"), 8);
    must(sqlite_schema_verify(&db, &err), &err);
    sqlite_db_close(&db);
    sqlite_fixture_deinit(&fixture);
}

/* ---- a store of version 1 with something in it ---- */

static void make_version_1(struct sqlite_fixture *fixture)
{
    struct sqlite_db db;
    struct error err = {0};
    open_db(&db, fixture);
    must(sqlite_schema_prepare(&db, &err), &err);
    must(sqlite_schema_migrate(&db, sqlite_migrations, 0, 1, &err), &err);
    static const char *const rows[] = {
        "INSERT INTO meta VALUES ('log_id', x'6c6f67'), ('source', x'74')",
        "UPDATE log SET last = 3, published = 1",
        "INSERT INTO connection (id, connector, phase, dead_reason, advisory_reason, failures,"
        " uncertain_tries, doubts, credential_version, due_ms, expires_ms, refresh_expires_ms,"
        " alert_seq, app, user, account_verified, created_ms, requested_ms, generation, issued_ms,"
        " lifetime_ms, scopes_version, no_rotation_count, advisory_is_mild, trouble_ms,"
        " provider_error_status, failing_since_ms, doubts_since_ms, unscheduled, last_success_ms,"
        " last_attempt_ms, last_read_ms, attempts, history) VALUES ('c-1', 'gcal', 1, 0, 0, 0, 0,"
        " 0, 1, 77, 99, 0, 0, 'crm', 'u-1', 0, 1, 0, 1, 1, 60000, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0,"
        " 0, x'')",
        "INSERT INTO owner_key VALUES ('gcal', 'app:crm/user:u-1', 'c-1')",
        "INSERT INTO tally VALUES ('gcal', 1, 0, 0, 0, 1, 1)",
        "INSERT INTO event VALUES (1, 'connection.connected', 'c-1', 5, '{}')",
        "INSERT INTO event VALUES (2, 'connection.refreshed', 'c-1', 6, '{}')",
        "INSERT INTO event VALUES (3, 'connection.refreshed', 'c-2', 7, '{}')",
        "COMMIT",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        must(sqlite_db_exec(&db, rows[i], &err), &err);
    sqlite_db_close(&db);
    assert_int_equal(chmod(fixture->path, 0600), 0);
}

static void refresh_once(struct harness *h)
{
    struct store_read *found = get_connection(h, "c-1");
    assert_int_equal(found->connection_count, 1);
    struct connection next = found->connections[0];
    assert_int_equal(next.due_ms, 77);
    assert_str(next.owner.user, STR("u-1"));
    struct event_draft event = sample_event("connection.refreshed", "c-1");
    struct store_write *write = store_write_new(T0);
    store_write_put_connection(write, &next);
    store_write_append_event(write, &event, STAMP_NONE);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    assert_int_equal(write->first_event_seq, 4);
    store_write_free(write);
    store_read_free(found);
}

static void assert_events_of_c1(struct harness *h)
{
    static const int64_t expected[] = {1, 2, 4};
    struct store_read *read = store_read_new(STORE_READ_EVENTS);
    read->subject = STR("c-1");
    assert_int_equal(harness_read(h, read), STATUS_OK);
    assert_int_equal(read->event_count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_int_equal(read->events[i].seq, expected[i]);
    store_read_free(read);
}

static void test_version_1_goes_on(void **state)
{
    (void)state;
    struct sqlite_fixture fixture;
    struct harness h;
    struct error err = {0};
    sqlite_fixture_init(&fixture);
    make_version_1(&fixture);
    harness_init_inbox(&h);
    if (sqlite_fixture_open(&fixture, h.inbox, &h.port, &err) != 0)
        fail_msg("%s", err.text);
    refresh_once(&h);
    assert_events_of_c1(&h);
    sqlite_fixture_close(&fixture);
    harness_deinit_inbox(&h);
    char backup[FIXTURE_PATH_MAX];
    sqlite_fixture_beside(&fixture, ".v1.backup", backup);
    assert_int_equal(access(backup, R_OK), 0);
    sqlite_fixture_deinit(&fixture);
}

/* ---- a store of version 2: every column has something in it, and none is lost ---- */

static const char *name_in_2(const struct column *column)
{
    const char *dot = strchr(column->name, '.');
    return dot != NULL ? dot + 1 : column->name;
}

static int64_t integer_in_2(const struct column *column)
{
    int64_t size = 1 + (int64_t)column->offset;
    switch (column->kind) {
    case COLUMN_TIME:
        return -size * 1000003;
    case COLUMN_COUNT:
        return size;
    case COLUMN_BOOL:
        return 1;
    case COLUMN_ENUM:
        return (int64_t)column->limit - 1;
    case COLUMN_TEXT:
    case COLUMN_BLOB:
    case COLUMN_HISTORY:
    case COLUMN_PACK:
        break;
    }
    return 0;
}

static void append_value(const struct column *column, struct buf *values)
{
    bool fits = false;
    if (column->kind == COLUMN_TEXT)
        fits = buf_printf(values, ", 'text of %s'", column->name);
    else if (column->kind == COLUMN_BLOB)
        fits = buf_printf(values, ", CAST('blob of %s' AS BLOB)", column->name);
    else if (column->kind == COLUMN_HISTORY)
        fits = buf_printf(values, ", x'0700000000000000090000000a0b0102'");
    else
        fits = buf_printf(values, ", %lld", (long long)integer_in_2(column));
    assert_true(fits);
}

static void append_column(const struct column *column, struct buf *names, struct buf *values)
{
    if (column->kind != COLUMN_PACK) {
        bool fits = buf_printf(names, ", %s", name_in_2(column));
        assert_true(fits);
        append_value(column, values);
    }
    for (size_t i = 0; i < column->member_count; i++)
        append_column(&column->members[i], names, values);
}

#define INSERT_SQL "INSERT INTO connection (place, version, last_event%s) VALUES (%d, 5, 3%s);"

static void make_version_2(struct sqlite_fixture *fixture)
{
    struct sqlite_db db;
    struct error err = {0};
    open_db(&db, fixture);
    must(sqlite_schema_prepare(&db, &err), &err);
    must(sqlite_schema_migrate(&db, sqlite_migrations, 0, 2, &err), &err);
    CLEANUP(buf_deinit) struct buf names = {0};
    CLEANUP(buf_deinit) struct buf values = {0};
    CLEANUP(buf_deinit) struct buf sql = {0};
    for (size_t i = 0; i < sqlite_connection_type.count; i++)
        append_column(&sqlite_connection_type.columns[i], &names, &values);
    bool fits =
        buf_append(&sql,
                   STR("INSERT INTO meta VALUES ('log_id', x'6c6f67'), ('source', x'74');")) &&
        buf_printf(&sql, INSERT_SQL, buf_c(&names), 9, buf_c(&values)) &&
        buf_append(&sql, STR("UPDATE connection SET id = 'c-2', history = x'';")) &&
        buf_printf(&sql, INSERT_SQL, buf_c(&names), 7, buf_c(&values)) &&
        buf_append(&sql, STR("INSERT INTO attempt VALUES ('c-2', 77, 78, x'79'); COMMIT"));
    assert_true(fits);
    must(sqlite_db_exec(&db, buf_c(&sql), &err), &err);
    sqlite_db_close(&db);
    assert_int_equal(chmod(fixture->path, 0600), 0);
}

static void check_member(const struct column *column, const struct connection *c)
{
    const void *member = (const char *)c + column->offset;
    if (column->kind == COLUMN_TEXT || column->kind == COLUMN_BLOB) {
        char text[80];
        snprintf(text, sizeof(text), "%s of %s", column->kind == COLUMN_TEXT ? "text" : "blob",
                 column->name);
        if (!str_eq(*(const struct str *)member, str_c(text)))
            fail_msg("%s", column->name);
        return;
    }
    unsigned value = 0;
    if (column->kind == COLUMN_ENUM)
        memcpy(&value, member, sizeof(value));
    int64_t found = column->kind == COLUMN_ENUM   ? (int64_t)value
                    : column->kind == COLUMN_BOOL ? (int64_t) * (const bool *)member
                                                  : *(const int64_t *)member;
    if (found != integer_in_2(column))
        fail_msg("%s: %lld", column->name, (long long)found);
}

static void check_columns(const struct column *columns, size_t count, const struct connection *c)
{
    for (size_t i = 0; i < count; i++) {
        if (columns[i].kind == COLUMN_PACK)
            check_columns(columns[i].members, columns[i].member_count, c);
        else if (columns[i].kind != COLUMN_HISTORY)
            check_member(&columns[i], c);
    }
}

static void test_version_2_loses_nothing(void **state)
{
    (void)state;
    struct sqlite_fixture fixture;
    struct harness h;
    struct error err = {0};
    sqlite_fixture_init(&fixture);
    make_version_2(&fixture);
    harness_init_inbox(&h);
    if (sqlite_fixture_open(&fixture, h.inbox, &h.port, &err) != 0)
        fail_msg("%s", err.text);
    struct store_read *read = get_connection(&h, "text of id");
    if (read->connection_count != 1)
        fail_msg("%s", read->error.text);
    const struct connection *c = &read->connections[0];
    check_columns(sqlite_connection_type.columns, sqlite_connection_type.count, c);
    assert_int_equal(c->version, 5);
    assert_int_equal(c->attempt_id, 0);
    assert_int_equal(c->history_count, 1);
    assert_int_equal(c->history[0].started_ms, 7);
    assert_int_equal(c->history[0].took_ms, 9);
    assert_int_equal(c->history[0].status, 0x0b0a);
    assert_int_equal(c->history[0].outcome, 1);
    assert_int_equal(c->history[0].transport, 2);
    store_read_free(read);
    read = get_connection(&h, "c-2");
    assert_int_equal(read->connection_count, 1);
    assert_int_equal(read->connections[0].history_count, 0);
    assert_int_equal(read->connections[0].attempt_id, 77);
    assert_int_equal(read->connections[0].attempt_started_ms, 78);
    store_read_free(read);
    sqlite_fixture_close(&fixture);
    harness_deinit_inbox(&h);
    struct sqlite_db db;
    open_db(&db, &fixture);
    assert_int_equal(number(&db, "SELECT last_event FROM connection WHERE place = 7"), 3);
    must(sqlite_schema_verify(&db, &err), &err);
    sqlite_db_close(&db);
    sqlite_fixture_deinit(&fixture);
}

/** The indexes that a table has after all migrations are those that it had before the last. */
static void test_version_3_keeps_every_index(void **state)
{
    (void)state;
    struct error err = {0};
    int64_t counts[2];
    for (int version = 2; version <= 3; version++) {
        struct sqlite_fixture fixture;
        sqlite_fixture_init(&fixture);
        struct sqlite_db db;
        open_db(&db, &fixture);
        must(sqlite_schema_migrate(&db, sqlite_migrations, 0, version, &err), &err);
        counts[version - 2] = number(&db, "SELECT count(*) FROM sqlite_schema WHERE type = 'index'"
                                          " AND tbl_name = 'connection'");
        must(sqlite_db_exec(&db, "COMMIT", &err), &err);
        sqlite_db_close(&db);
        sqlite_fixture_deinit(&fixture);
    }
    assert_int_equal(counts[0], counts[1]);
}

/* ---- how the statements find their rows ---- */

static void append_plan(struct sqlite_db *db, enum sqlite_sql sql, struct buf *plan)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    sqlite3_stmt *explain = NULL;
    bool fits =
        buf_printf(&text, "EXPLAIN QUERY PLAN %s", sqlite3_sql(sqlite_db_statement(db, sql)));
    assert_true(fits);
    assert_int_equal(sqlite3_prepare_v2(db->handle, buf_c(&text), -1, &explain, NULL), SQLITE_OK);
    while (sqlite3_step(explain) == SQLITE_ROW) {
        struct str step = sqlite_column_str(explain, 3);
        fits = buf_append(plan, step) && buf_append(plan, STR("\n"));
        assert_true(fits);
    }
    sqlite3_finalize(explain);
}

/** These grow with the connections and with time: an index that is small may be read whole, they
 * may not. Attempts are as many as requests are under way. */
static bool is_large_table_scan(struct str step)
{
    static const char *const scans[] = {"SCAN connection", "SCAN c",         "SCAN event",
                                        "SCAN e",          "SCAN owner_key", "SCAN o"};
    for (size_t i = 0; i < ARRAY_LEN(scans); i++) {
        if (str_eq(step, str_c(scans[i])))
            return true;
    }
    return false;
}

static void test_no_statement_reads_a_whole_table(void **state)
{
    (void)state;
    struct sqlite_fixture fixture;
    struct error err = {0};
    sqlite_fixture_init(&fixture);
    struct sqlite_db db;
    open_db(&db, &fixture);
    must(sqlite_schema_migrate(&db, sqlite_migrations, 0, SQLITE_SCHEMA_VERSION, &err), &err);
    must(sqlite_db_exec(&db, "COMMIT", &err), &err);
    for (int sql = 0; sql < SQL_COUNT; sql++) {
        CLEANUP(buf_deinit) struct buf plan = {0};
        append_plan(&db, (enum sqlite_sql)sql, &plan);
        struct str rest = buf_str(&plan), step;
        while (str_next_word(&rest, STR("\n"), &step)) {
            if (is_large_table_scan(step))
                fail_msg("%s: " STR_FMT, sqlite3_sql(db.statements[sql]), STR_ARG(step));
        }
    }
    sqlite_db_close(&db);
    sqlite_fixture_deinit(&fixture);
}

static void test_index_of_each_list(void **state)
{
    (void)state;
    static const struct {
        enum sqlite_sql sql;
        const char *step;
    } rows[] = {
        {SQL_DUE, "USING COVERING INDEX connection_due ((due_ms,id)>(?,?) AND due_ms<?)"},
        {SQL_DUE_OF, "USING COVERING INDEX connection_due ((due_ms,id)>(?,?) AND due_ms<?)"},
        {SQL_DUE_OF_SMALL, "USING INDEX connection_connector"},
        {SQL_EVENTS, "SEARCH event USING INTEGER PRIMARY KEY (rowid>?)"},
        {SQL_EVENTS_OF_SUBJECT, "SEARCH event USING INDEX event_subject (subject=? AND seq>?)"},
        {SQL_EVENTS_OF_SUBJECT, "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)"},
        {SQL_CONNECTOR_INDEX_EVENTS, "SEARCH c USING INDEX connection_connector (connector=?)"},
        {SQL_RENUMBER_CHAINS, "SEARCH event USING INTEGER PRIMARY KEY (rowid>?)"},
        {SQL_RENUMBER_LAST_EVENTS, "SEARCH connection USING INDEX sqlite_autoindex_connection_1"},
    };
    struct sqlite_fixture fixture;
    struct error err = {0};
    sqlite_fixture_init(&fixture);
    struct sqlite_db db;
    open_db(&db, &fixture);
    must(sqlite_schema_migrate(&db, sqlite_migrations, 0, SQLITE_SCHEMA_VERSION, &err), &err);
    must(sqlite_db_exec(&db, "COMMIT", &err), &err);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_deinit) struct buf plan = {0};
        append_plan(&db, rows[i].sql, &plan);
        if (!str_contains(buf_str(&plan), str_c(rows[i].step)))
            fail_msg("%s: %s", rows[i].step, buf_c(&plan));
    }
    sqlite_db_close(&db);
    sqlite_fixture_deinit(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_column_has_its_member),
        cmocka_unit_test(test_every_statement_is_good),
        cmocka_unit_test(test_pragmas),
        cmocka_unit_test(test_numbers_of_what_is_kept),
        cmocka_unit_test(test_bytes_of_a_history),
        cmocka_unit_test(test_migrations),
        cmocka_unit_test(test_backup),
        cmocka_unit_test(test_version_1_goes_on),
        cmocka_unit_test(test_version_2_loses_nothing),
        cmocka_unit_test(test_version_3_keeps_every_index),
        cmocka_unit_test(test_no_statement_reads_a_whole_table),
        cmocka_unit_test(test_index_of_each_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
