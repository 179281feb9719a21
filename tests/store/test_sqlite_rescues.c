/* Answers kept for an operator, by what stands in the file: the port has no read of them. */
#include "store/cmocka_all.h"
#include "store/sqlite_fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

/* A store with connector k-1 and its connections c-1 and c-2. */
static int setup(void **state)
{
    sqlite_bed_setup(state);
    struct sqlite_bed *bed = *state;
    struct connection first = sample_connection("c-1"), second = sample_connection("c-2");
    struct connector connector = sample_connector("k-1");
    connector.id = first.connector;
    second.owner.user = STR("u-2");
    struct store_write *write = store_write_new(T0);
    store_write_put_connector(write, &connector);
    store_write_put_connection(write, &first);
    store_write_put_connection(write, &second);
    assert_int_equal(harness_write(&bed->h, write), STATUS_OK);
    store_write_free(write);
    return 0;
}

static void rescue(struct sqlite_bed *bed, const char *connection, int count)
{
    for (int i = 0; i < count; i++) {
        char sealed[16];
        snprintf(sealed, sizeof(sealed), "%d", i);
        struct store_write *write = store_write_new(T0 + i);
        store_write_put_rescue(write, str_c(connection), str_c(sealed));
        assert_int_equal(harness_write(&bed->h, write), STATUS_OK);
        store_write_free(write);
    }
}

static void put(struct sqlite_bed *bed, const struct connection *c)
{
    struct store_write *write = store_write_new(T0);
    store_write_put_connection(write, c);
    assert_int_equal(harness_write(&bed->h, write), STATUS_OK);
    store_write_free(write);
}

static int number(const struct sqlite_bed *bed, const char *sql)
{
    sqlite3 *handle = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open_v2(bed->fixture.path, &handle, SQLITE_OPEN_READWRITE, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    return value;
}

#define OF_FIRST "SELECT count(*) FROM rescue WHERE connection = 'c-1'"
#define OF_SECOND "SELECT count(*) FROM rescue WHERE connection = 'c-2'"

static void the_newest_few_are_kept(void **state)
{
    struct sqlite_bed *bed = *state;
    rescue(bed, "c-2", 1);
    rescue(bed, "c-1", STORE_RESCUES_MAX + 5);
    assert_int_equal(number(bed, OF_FIRST), STORE_RESCUES_MAX);
    assert_int_equal(number(bed, "SELECT min(CAST(CAST(sealed AS TEXT) AS INTEGER)) FROM rescue"
                                 " WHERE connection = 'c-1'"),
                     5);
    assert_int_equal(number(bed, OF_SECOND), 1);
}

static void a_save_of_the_same_grant_keeps_them(void **state)
{
    struct sqlite_bed *bed = *state;
    rescue(bed, "c-1", 2);
    struct connection c = sample_connection("c-1");
    c.version = 1;
    c.failures++;
    put(bed, &c);
    assert_int_equal(number(bed, OF_FIRST), 2);
}

static void a_new_grant_drops_them(void **state)
{
    struct sqlite_bed *bed = *state;
    rescue(bed, "c-1", 2);
    rescue(bed, "c-2", 1);
    struct connection c = sample_connection("c-1");
    c.version = 1;
    c.generation++;
    put(bed, &c);
    assert_int_equal(number(bed, OF_FIRST), 0);
    assert_int_equal(number(bed, OF_SECOND), 1);
}

static void a_disconnect_drops_them_for_good(void **state)
{
    struct sqlite_bed *bed = *state;
    rescue(bed, "c-1", 2);
    struct connection c = sample_connection("c-1");
    c.version = 1;
    c.phase = PHASE_DISCONNECTED;
    put(bed, &c);
    assert_int_equal(number(bed, OF_FIRST), 0);
    rescue(bed, "c-1", 1); /* a late answer */
    assert_int_equal(number(bed, OF_FIRST), 0);
}

static void they_go_with_their_connector(void **state)
{
    struct sqlite_bed *bed = *state;
    rescue(bed, "c-1", 2);
    struct connection first = sample_connection("c-1"), second = sample_connection("c-2");
    second.owner.user = STR("u-2");
    first.version = second.version = 1;
    first.phase = second.phase = PHASE_DISCONNECTED;
    put(bed, &first);
    put(bed, &second);
    /* As an older version of this program left it. */
    sqlite_fixture_exec(&bed->fixture,
                        "INSERT INTO rescue (connection, at_ms, sealed) VALUES ('c-1', 1, x'00')");
    struct store_write *write = store_write_new(T0);
    store_write_delete_connector(write, first.connector, 1);
    assert_int_equal(harness_write(&bed->h, write), STATUS_OK);
    store_write_free(write);
    assert_int_equal(number(bed, "SELECT count(*) FROM rescue"), 0);
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, setup, sqlite_bed_teardown)

int main(void)
{
    const struct CMUnitTest rows[] = {
        ROW(the_newest_few_are_kept),      ROW(a_save_of_the_same_grant_keeps_them),
        ROW(a_new_grant_drops_them),       ROW(a_disconnect_drops_them_for_good),
        ROW(they_go_with_their_connector),
    };
    return cmocka_run_group_tests(rows, NULL, NULL);
}
