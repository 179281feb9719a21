/* Saves by the short way: which changes it is for, and that it never is another than the long one.
 */
#include "io/store_sqlite_columns.h"
#include "io/store_sqlite_connection.h"
#include "io/store_sqlite_places.h"
#include "io/store_sqlite_read.h"
#include "store/cmocka_all.h"
#include "store/sqlite_fixture.h"

#include <stdlib.h>
#include <string.h>

static void change_member(const struct column *column, struct connection *c)
{
    void *member = (char *)c + column->offset;
    switch (column->kind) {
    case COLUMN_TEXT:
    case COLUMN_BLOB: {
        struct str *text = member;
        *text = text->data == NULL ? STR("") : STR("something else");
        return;
    }
    case COLUMN_TIME:
    case COLUMN_COUNT:
        ++*(int64_t *)member;
        return;
    case COLUMN_BOOL:
        *(bool *)member = !*(bool *)member;
        return;
    case COLUMN_ENUM: {
        unsigned value;
        memcpy(&value, member, sizeof(value));
        value = (value + 1) % column->limit;
        memcpy(member, &value, sizeof(value));
        return;
    }
    case COLUMN_HISTORY:
        c->history_count++;
        return;
    case COLUMN_PACK:
        break;
    }
    fail_msg("%s", column->name);
}

/** refreshed: of the column that it is, or is packed into. */
static void check_column(const struct column *column, bool refreshed)
{
    const struct connection stored = sample_connection("c-1");
    struct connection next = stored;
    change_member(column, &next);
    if (sqlite_columns_alike(&sqlite_connection_type, &stored, &next) != refreshed)
        fail_msg("%s", column->name);
}

static void test_each_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < sqlite_connection_type.count; i++) {
        const struct column *column = &sqlite_connection_type.columns[i];
        if (column->kind != COLUMN_PACK)
            check_column(column, column->refreshed);
        for (size_t j = 0; j < column->member_count; j++)
            check_column(&column->members[j], column->refreshed);
    }
}

/** Texts are compared, not where they lie. */
static void test_equal_texts(void **state)
{
    (void)state;
    const struct connection stored = sample_connection("c-1");
    struct connection next = stored;
    char id[] = "c-1";
    next.id = str_c(id);
    assert_true(sqlite_columns_alike(&sqlite_connection_type, &stored, &next));
    id[0] = 'd';
    assert_false(sqlite_columns_alike(&sqlite_connection_type, &stored, &next));
}

static void test_places(void **state)
{
    (void)state;
    struct sqlite_places *places = sqlite_places_new();
    assert_int_equal(sqlite_places_find(places, STR("c-1")), 0);
    sqlite_places_note(places, STR("c-1"), 7);
    sqlite_places_note(places, STR("c-2"), 8);
    assert_int_equal(sqlite_places_find(places, STR("c-1")), 7);
    assert_int_equal(sqlite_places_find(places, STR("c-2")), 8);
    assert_int_equal(sqlite_places_find(places, STR("c-3")), 0);
    sqlite_places_forget(places);
    assert_int_equal(sqlite_places_find(places, STR("c-1")), 0);
    sqlite_places_free(places);
}

/* ---- on a handle: which way is gone ---- */

/** Does a save of what was read, changed by a refresh, look at its row first? */
static bool looks_first(struct sqlite_db *db, bool is_forgotten)
{
    struct error err = {0};
    struct store_read *read = store_read_new(STORE_READ_CONNECTIONS);
    read->ids = arena_alloc(&read->arena, sizeof(*read->ids));
    read->ids[0] = STR("c-1");
    read->id_count = 1;
    assert_int_equal(sqlite_db_exec(db, "BEGIN IMMEDIATE", &err), STATUS_OK);
    assert_int_equal(sqlite_read_answer(db, read), STATUS_OK);
    if (is_forgotten)
        sqlite_db_forget_marks(db);
    struct connection next = read->connections[0];
    next.due_ms++;
    int64_t previous_event;
    assert_int_equal(
        sqlite_connection_put(db, &next, &read->connections[0], 0, &previous_event, &err),
        STATUS_OK);
    assert_int_equal(sqlite_db_exec(db, "COMMIT", &err), STATUS_OK);
    store_read_free(read);
    return db->statements[SQL_CONNECTION_FACTS] != NULL; /* prepared when first used */
}

static void test_which_way(void **state)
{
    struct sqlite_bed *bed = *state;
    struct connection made = sample_connection("c-1");
    struct sqlite_db db = {0};
    struct error err = {0};
    assert_int_equal(put_connection(&bed->h, &made), STATUS_OK);
    sqlite_fixture_close(&bed->fixture);
    assert_int_equal(sqlite_db_open(&db, bed->fixture.path, 0, &err), STATUS_OK);
    assert_false(looks_first(&db, false));
    assert_true(looks_first(&db, true));
    sqlite_db_close(&db);
}

/* ---- on a store: read first, so that the short way is open ---- */

static struct connection read_first(struct harness *h, struct store_read **ret_read)
{
    *ret_read = get_connection(h, "c-1");
    assert_int_equal((*ret_read)->connection_count, 1);
    return (*ret_read)->connections[0];
}

/** @before as it was read, or NULL */
static enum status save(struct harness *h, const struct connection *next,
                        const struct connection *before)
{
    struct store_write *write = store_write_new(T0);
    store_write_lend_connection(write, next, before);
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

static void assert_tally(struct harness *h, int64_t credential_version)
{
    struct store_read *counts = store_read_new(STORE_READ_COUNTS);
    assert_int_equal(harness_read(h, counts), STATUS_OK);
    assert_int_equal(counts->count_count, 1);
    assert_int_equal(counts->counts[0].credential_version, credential_version);
    assert_int_equal(counts->counts[0].count, 1);
    store_read_free(counts);
}

static void assert_due(struct harness *h, int64_t due_ms)
{
    struct store_read *due = store_read_new(STORE_READ_DUE);
    due->until_ms = INT64_MAX;
    assert_int_equal(harness_read(h, due), STATUS_OK);
    assert_int_equal(due->due_count, 1);
    assert_int_equal(due->due[0].due_ms, due_ms);
    store_read_free(due);
}

static void test_a_refresh(void **state)
{
    struct harness *h = *state;
    struct connection made = sample_connection("c-1");
    assert_int_equal(put_connection(h, &made), STATUS_OK);
    for (int64_t i = 1; i <= 3; i++) {
        struct store_read *read;
        struct connection next = read_first(h, &read);
        assert_int_equal(next.version, i);
        assert_int_equal(next.due_ms, made.due_ms + i - 1);
        assert_int_equal(next.history_count, (size_t)i - 1);
        next.due_ms++;
        next.sealed_refresh = STR("a new token");
        connection_history_push(&next, (struct history_entry){.started_ms = i});
        assert_int_equal(save(h, &next, &read->connections[0]), STATUS_OK);
        assert_int_equal(save(h, &next, &read->connections[0]), STATUS_CONFLICT);
        store_read_free(read);
        assert_due(h, made.due_ms + i);
        assert_tally(h, made.credential_version);
    }
    harness_restart(h);
    struct store_read *read;
    struct connection found = read_first(h, &read);
    assert_str(found.sealed_refresh, STR("a new token"));
    assert_str(found.account_label, made.account_label);
    store_read_free(read);
}

/** The first refresh after an import, or after a rotate: counted under another credential. */
static void test_a_refresh_with_another_credential(void **state)
{
    struct harness *h = *state;
    struct connection made = sample_connection("c-1");
    made.credential_version = -1;
    assert_int_equal(put_connection(h, &made), STATUS_OK);
    assert_tally(h, -1);
    for (int64_t i = 1; i <= 3; i++) {
        struct store_read *read;
        struct connection next = read_first(h, &read);
        next.credential_version = i;
        assert_int_equal(save(h, &next, &read->connections[0]), STATUS_OK);
        store_read_free(read);
        assert_tally(h, i);
    }
    struct store_read *read;
    assert_int_equal(read_first(h, &read).credential_version, 3);
    store_read_free(read);
}

static void test_more_than_a_refresh(void **state)
{
    struct harness *h = *state;
    struct connection made = sample_connection("c-1");
    assert_int_equal(put_connection(h, &made), STATUS_OK);
    struct store_read *read;
    struct connection next = read_first(h, &read);
    next.credential_version = 2;
    next.owner.user = STR("somebody else");
    assert_int_equal(save(h, &next, &read->connections[0]), STATUS_OK);
    store_read_free(read);
    assert_tally(h, 2);
    struct connection found = read_first(h, &read);
    assert_str(found.owner.user, STR("somebody else"));
    store_read_free(read);
}

/** A stamp changes a row without a new version: what was read before it is not the row any more. */
static void test_a_stamp_in_between(void **state)
{
    struct harness *h = *state;
    struct connection made = sample_connection("c-1");
    assert_int_equal(put_connection(h, &made), STATUS_OK);
    struct store_read *read;
    struct connection next = read_first(h, &read);
    struct event_draft event = sample_event("connection.needs_reconnect", "c-1");
    assert_int_equal(append_event(h, &event, STAMP_CONNECTION_ALERT), 1);
    assert_int_equal(save(h, &next, &read->connections[0]), STATUS_OK);
    store_read_free(read);
    assert_int_equal(read_first(h, &read).alert_seq, 0); /* as given */
    store_read_free(read);
}

/** In one group: a save, a read of what it made, and a write whose failure undoes both. */
static void test_a_group_run_again(void **state)
{
    struct harness *h = *state;
    struct connection made = sample_connection("c-1"), twin = sample_connection("c-2");
    assert_int_equal(put_connection(h, &made), STATUS_OK);
    struct store_read *read, *between;
    struct connection next = read_first(h, &read);
    next.due_ms += 5;
    struct store_write *saved = store_write_new(T0), *clash = store_write_new(T0);
    store_write_lend_connection(saved, &next, &read->connections[0]);
    twin.owner = made.owner; /* inserts its row, then meets the owner's key */
    store_write_put_connection(clash, &twin);
    between = store_read_new(STORE_READ_CONNECTIONS);
    between->ids = arena_alloc(&between->arena, sizeof(*between->ids));
    between->ids[0] = arena_copy(&between->arena, made.id);
    between->id_count = 1;
    harness_send_write(h, saved);
    harness_send_read(h, between);
    harness_send_write(h, clash);
    harness_wait(h, 3);
    assert_int_equal(saved->status, STATUS_OK);
    assert_int_equal(clash->status, STATUS_CONFLICT);
    assert_int_equal(between->connections[0].version, 2);
    store_write_free(saved);
    store_write_free(clash);
    next = between->connections[0];
    next.due_ms += 5;
    assert_int_equal(save(h, &next, &between->connections[0]), STATUS_OK);
    assert_due(h, made.due_ms + 10);
    assert_tally(h, made.credential_version);
    store_read_free(between);
    store_read_free(read);
}

static enum status delete_connector(struct harness *h, const char *id)
{
    struct store_write *write = store_write_new(T0);
    store_write_delete_connector(write, str_c(id), 1);
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

static enum status open_attempt(struct harness *h, const char *id)
{
    struct store_write *write = store_write_new(T0);
    store_write_open_attempt(write, str_c(id), 1, 7, STR("print"));
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

static enum status close_attempt(struct harness *h, const char *id)
{
    struct store_write *write = store_write_new(T0);
    store_write_close_attempt(write, str_c(id), 7);
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

/** Where a row stood that was seen in a list, and then read, another one stands. */
static void test_a_place_that_is_taken_again(void **state)
{
    struct harness *h = *state;
    struct connector first = sample_connector("first"), second = sample_connector("second");
    assert_int_equal(put_connector(h, &first), STATUS_OK);
    assert_int_equal(put_connector(h, &second), STATUS_OK);
    struct connection gone = sample_connection("c-1"), next = sample_connection("c-2");
    gone.connector = first.id;
    gone.phase = PHASE_DISCONNECTED;
    next.connector = second.id;
    assert_int_equal(put_connection(h, &gone), STATUS_OK);
    assert_due(h, gone.due_ms);
    struct store_read *read;
    assert_int_equal(read_first(h, &read).version, 1);
    store_read_free(read);
    assert_int_equal(open_attempt(h, "c-1"), STATUS_OK);

    assert_int_equal(delete_connector(h, "first"), STATUS_OK);
    assert_int_equal(put_connection(h, &next), STATUS_OK);
    read = get_connection(h, "c-1");
    assert_int_equal(read->connection_count, 0);
    store_read_free(read);
    assert_int_equal(open_attempt(h, "c-1"), STATUS_CONFLICT);
    assert_int_equal(open_attempt(h, "c-2"), STATUS_OK);
    assert_int_equal(close_attempt(h, "c-1"), STATUS_CONFLICT);
    read = get_connection(h, "c-2");
    assert_int_equal(read->connection_count, 1);
    assert_int_equal(read->connections[0].attempt_id, 7);
    store_read_free(read);
    assert_int_equal(close_attempt(h, "c-2"), STATUS_OK);
}

static int setup(void **state)
{
    struct harness *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    harness_init(h, &sqlite_backend);
    *state = h;
    return 0;
}

static int teardown(void **state)
{
    harness_deinit(*state);
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_column),
        cmocka_unit_test(test_equal_texts),
        cmocka_unit_test(test_places),
        cmocka_unit_test_setup_teardown(test_which_way, sqlite_bed_setup, sqlite_bed_teardown),
        cmocka_unit_test_setup_teardown(test_a_refresh, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_refresh_with_another_credential, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_than_a_refresh, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_stamp_in_between, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_group_run_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_place_that_is_taken_again, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
