/* The schema against the code's tables, and how a store gets from one version to the next. */
#include "io/store_sqlite_columns.h"
#include "io/store_sqlite_engine.h"
#include "io/store_sqlite_schema.h"
#include "store/cmocka_all.h"
#include "store/sqlite_fixture.h"

#include "core/connection.h"
#include "core/flow.h"

#include <stdio.h>
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
        {&sqlite_connection_type, 2}, /* place, version */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_column_has_its_member),
        cmocka_unit_test(test_every_statement_is_good),
        cmocka_unit_test(test_pragmas),
        cmocka_unit_test(test_numbers_of_what_is_kept),
        cmocka_unit_test(test_migrations),
        cmocka_unit_test(test_backup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
