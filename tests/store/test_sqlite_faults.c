/* A disk that fails: what is answered, and is the answer true? */
#include "store/cmocka_all.h"
#include "store/fault_vfs.h"
#include "store/sqlite_fixture.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
    struct sqlite_fixture fixture;
    struct harness h;
};

static void begin(struct world *world, size_t ballast_bytes)
{
    fault_vfs_disarm(); /* a test that failed may have left it armed */
    sqlite_fixture_init(&world->fixture);
    world->fixture.ballast_bytes = ballast_bytes;
    harness_init_inbox(&world->h);
    struct error err = {0};
    if (sqlite_fixture_open(&world->fixture, world->h.inbox, &world->h.port, &err) != 0)
        fail_msg("%s", err.text);
}

static void restart(struct world *world)
{
    sqlite_fixture_close(&world->fixture);
    struct error err = {0};
    if (sqlite_fixture_open(&world->fixture, world->h.inbox, &world->h.port, &err) != 0)
        fail_msg("%s", err.text);
}

static void end(struct world *world)
{
    sqlite_fixture_close(&world->fixture);
    harness_deinit_inbox(&world->h);
    sqlite_fixture_deinit(&world->fixture);
}

static bool is_stored(struct world *world, const char *id)
{
    struct store_read *read = get_connection(&world->h, id);
    assert_int_equal(read->status, STATUS_OK);
    bool stored = read->connection_count == 1;
    store_read_free(read);
    return stored;
}

enum { GROUP = 6 };

/** A group of writes at once; statuses by number. */
static void write_group(struct world *world, const char *prefix, enum status ret[GROUP])
{
    struct store_write *writes[GROUP];
    char ids[GROUP][32];
    for (size_t i = 0; i < GROUP; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%s-%zu", prefix, i);
        struct connection c = sample_connection(ids[i]);
        struct event_draft event = sample_event("connection.connected", ids[i]);
        writes[i] = store_write_new(T0);
        store_write_put_connection(writes[i], &c);
        store_write_append_event(writes[i], &event, STAMP_NONE);
        harness_send_write(&world->h, writes[i]);
    }
    harness_wait(&world->h, GROUP);
    for (size_t i = 0; i < GROUP; i++) {
        ret[i] = writes[i]->status;
        store_write_free(writes[i]);
    }
}

/** OK: it is there. UNCERTAIN: whichever. Anything else: it is not there. */
static void assert_told_the_truth(struct world *world, const char *prefix,
                                  const enum status statuses[GROUP])
{
    int64_t stored = 0;
    for (size_t i = 0; i < GROUP; i++) {
        char id[32];
        snprintf(id, sizeof(id), "%s-%zu", prefix, i);
        bool there = is_stored(world, id);
        stored += there ? 1 : 0;
        if (statuses[i] != STATUS_UNCERTAIN && there != (statuses[i] == STATUS_OK))
            fail_msg("%s: answered %s, is %s", id, status_text(statuses[i]),
                     there ? "there" : "not there");
    }
    assert_int_equal(get_bounds(&world->h).newest, stored); /* an event each, without gaps */
}

static const struct {
    const char *name;
    struct fault fault;
    enum status expected[2]; /* of a write that did not go, the one or the other */
} kinds[] = {
    {"fsync: EIO",
     {.call = FAULT_SYNC, .code = SQLITE_IOERR_FSYNC, .error = EIO},
     {STATUS_UNCERTAIN, STATUS_UNAVAILABLE}},
    {"fsync: ENOSPC",
     {.call = FAULT_SYNC, .code = SQLITE_IOERR_FSYNC, .error = ENOSPC},
     {STATUS_UNCERTAIN, STATUS_UNAVAILABLE}},
    {"write: EIO",
     {.call = FAULT_WRITE, .code = SQLITE_IOERR_WRITE, .error = EIO},
     {STATUS_UNCERTAIN, STATUS_UNAVAILABLE}},
    {"write: ENOSPC",
     {.call = FAULT_WRITE, .code = SQLITE_FULL, .error = ENOSPC},
     {STATUS_UNAVAILABLE, STATUS_UNAVAILABLE}},
    {"write: EDQUOT",
     {.call = FAULT_WRITE, .code = SQLITE_IOERR_WRITE, .error = EDQUOT},
     {STATUS_UNAVAILABLE, STATUS_UNAVAILABLE}},
    {"write: EROFS",
     {.call = FAULT_WRITE, .code = SQLITE_IOERR_WRITE, .error = EROFS},
     {STATUS_UNAVAILABLE, STATUS_UNAVAILABLE}},
    {"read: EIO",
     {.call = FAULT_READ, .code = SQLITE_IOERR_READ, .error = EIO},
     {STATUS_UNAVAILABLE, STATUS_UNAVAILABLE}},
};

/** The n-th call of a kind fails once; true while n is within the calls that there are. */
static bool fail_once(size_t kind, int nth)
{
    struct world world;
    begin(&world, 0);
    struct fault fault = kinds[kind].fault;
    fault.nth = nth;
    enum status statuses[GROUP];
    fault_vfs_arm(fault);
    write_group(&world, "a", statuses);
    int failures = fault_vfs_disarm();
    if (fault_vfs_synced_again())
        fail_msg("%s, call %d: a second fsync on the same handle", kinds[kind].name, nth);
    for (size_t i = 0; i < GROUP; i++) {
        if (statuses[i] != STATUS_OK && statuses[i] != kinds[kind].expected[0] &&
            statuses[i] != kinds[kind].expected[1])
            fail_msg("%s, call %d: %s", kinds[kind].name, nth, status_text(statuses[i]));
    }
    assert_told_the_truth(&world, "a", statuses);
    restart(&world);
    assert_told_the_truth(&world, "a", statuses);
    end(&world);
    return failures > 0;
}

static void test_every_call_fails_once(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++) {
        int nth = 1;
        while (nth < 200 && fail_once(kind, nth))
            nth++;
        if (nth == 1 && kinds[kind].fault.call != FAULT_READ)
            fail_msg("%s: nothing failed", kinds[kind].name);
    }
}

static void test_the_store_comes_back(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++) {
        struct world world;
        begin(&world, 0);
        struct connection c = sample_connection("c-before");
        assert_int_equal(put_connection(&world.h, &c), STATUS_OK);
        struct fault fault = kinds[kind].fault;
        fault.nth = 1;
        fault.stays = true;
        fault_vfs_arm(fault);
        for (int i = 0; i < 3; i++) {
            c = sample_connection("c-during");
            (void)put_connection(&world.h, &c);
        }
        struct store_health health;
        world.h.port.health(world.h.port.ctx, &health);
        if (kinds[kind].fault.call != FAULT_READ && (health.writable || health.last_error.len == 0))
            fail_msg("%s: healthy", kinds[kind].name);
        fault_vfs_disarm();
        c = sample_connection("c-after");
        assert_int_equal(put_connection(&world.h, &c), STATUS_OK);
        assert_true(is_stored(&world, "c-before"));
        assert_true(is_stored(&world, "c-after"));
        end(&world);
    }
}

/* The kernel may have dropped what a failed fsync was about and still show it from its cache: only
 * what has been copied to the database and synced there may be acted on. */
static void test_what_is_read_after_a_failed_fsync_is_durable(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 0);
    struct connection c = sample_connection("c-1");
    assert_int_equal(put_connection(&world.h, &c), STATUS_OK);
    fault_vfs_arm(
        (struct fault){.call = FAULT_SYNC, .nth = 1, .code = SQLITE_IOERR_FSYNC, .error = EIO});
    c.version = 1;
    assert_int_equal(put_connection(&world.h, &c), STATUS_UNCERTAIN);
    fault_vfs_disarm();
    store_read_free(get_connection(&world.h, "c-1"));
    char log[FIXTURE_PATH_MAX];
    struct stat found;
    sqlite_fixture_beside(&world.fixture, "-wal", log);
    assert_int_equal(stat(log, &found), 0);
    assert_int_equal(found.st_size, 0);
    end(&world);
}

static void test_reads_go_on_while_nothing_can_be_written(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {.call = FAULT_WRITE, .nth = 1, .code = SQLITE_FULL, .error = ENOSPC, .stays = true},
        {.call = FAULT_WRITE, .nth = 1, .code = SQLITE_IOERR_WRITE, .error = EROFS, .stays = true},
    };
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct world world;
        begin(&world, 0);
        struct connection c = sample_connection("c-1"), other = sample_connection("c-2");
        assert_int_equal(put_connection(&world.h, &c), STATUS_OK);
        fault_vfs_arm(faults[i]);
        struct store_write *write = store_write_new(T0);
        store_write_put_connection(write, &other);
        struct store_read *read = store_read_new(STORE_READ_CONNECTIONS);
        struct str id = STR("c-1");
        read->ids = &id;
        read->id_count = 1;
        harness_send_write(&world.h, write);
        harness_send_read(&world.h, read);
        harness_wait(&world.h, 2);
        assert_int_equal(write->status, STATUS_UNAVAILABLE);
        assert_int_equal(read->status, STATUS_OK);
        assert_int_equal(read->connection_count, 1);
        fault_vfs_disarm();
        store_write_free(write);
        store_read_free(read);
        end(&world);
    }
}

static bool has_ballast(const struct world *world)
{
    char path[FIXTURE_PATH_MAX];
    sqlite_fixture_beside(&world->fixture, ".ballast", path);
    return access(path, F_OK) == 0;
}

static enum status open_attempt(struct world *world, const char *id, int64_t now_ms)
{
    struct store_write *write = store_write_new(now_ms);
    store_write_open_attempt(write, str_c(id), 1, 7, STR("print"));
    enum status status = harness_write(&world->h, write);
    store_write_free(write);
    return status;
}

static void test_the_ballast_saves_answers(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 1024 * 1024);
    assert_true(has_ballast(&world));
    struct connection c = sample_connection("c-1");
    assert_int_equal(put_connection(&world.h, &c), STATUS_OK);
    /* Full once: with the ballast's room the second try goes. */
    fault_vfs_arm(
        (struct fault){.call = FAULT_WRITE, .nth = 1, .code = SQLITE_FULL, .error = ENOSPC});
    c.version = 1;
    assert_int_equal(put_connection(&world.h, &c), STATUS_OK);
    assert_int_equal(fault_vfs_disarm(), 1);
    assert_false(has_ballast(&world));
    struct store_health health;
    world.h.port.health(world.h.port.ctx, &health);
    assert_false(health.writable);
    assert_false(str_is_empty(health.last_error));
    end(&world);
}

static void test_a_full_disk_begins_no_refresh(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 1024 * 1024);
    struct connection c = sample_connection("c-1");
    assert_int_equal(put_connection(&world.h, &c), STATUS_OK);
    fault_vfs_arm(
        (struct fault){.call = FAULT_WRITE, .nth = 1, .code = SQLITE_FULL, .error = ENOSPC});
    assert_int_equal(open_attempt(&world, "c-1", T0), STATUS_UNAVAILABLE);
    fault_vfs_disarm();
    /* There is room again: the ballast is made anew, refreshes begin again. */
    assert_int_equal(open_attempt(&world, "c-1", T0 + 5000), STATUS_OK);
    assert_true(has_ballast(&world));
    struct store_health health;
    world.h.port.health(world.h.port.ctx, &health);
    assert_true(health.writable);
    end(&world);
}

static void test_a_removed_file_takes_no_writes(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 0);
    struct connection c = sample_connection("c-1");
    assert_int_equal(put_connection(&world.h, &c), STATUS_OK);
    unlink(world.fixture.path);
    c.version = 1;
    assert_int_equal(put_connection(&world.h, &c), STATUS_UNAVAILABLE);
    assert_true(is_stored(&world, "c-1")); /* what is open can still be read */
    end(&world);
}

/* ---- somebody has changed the file ---- */

static void test_a_changed_value_spoils_its_record_only(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "phase = 3",
        "phase = -1",
        "dead_reason = 15",
        "failures = -1",
        "version = 0",
        "settled = x'3063'",                   /* unscheduled: -50 */
        "settled = x'30c601'",                 /* unscheduled: 99 */
        "settled = x'1004'",                   /* account_verified: 2 */
        "settled = x'1401'",                   /* generation: -1 */
        "settled = x'0302'",                   /* apps: two bytes, which are not there */
        "settled = x'0202'",                   /* apps: a number */
        "settled = x'130161'",                 /* created_ms: a text */
        "settled = x'09016107'",               /* user, then half a value */
        "settled = x'090161090162'",           /* user twice */
        "settled = x'090161070162'",           /* user before app */
        "settled = x'fe02'",                   /* number 127 is nobody's */
        "settled = x'0002'",                   /* and so is 0 */
        "settled = x'04ffffffffffffffffff7f'", /* more than 64 bits */
        "fresh = x'150100'",                   /* a history of one byte */
        "fresh = x'1510000000000000000000000000000000FF'",
        "id = ''",
    };
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct world world;
        begin(&world, 0);
        struct connection bad = sample_connection("c-1"), good = sample_connection("c-2");
        assert_int_equal(put_connection(&world.h, &bad), STATUS_OK);
        assert_int_equal(put_connection(&world.h, &good), STATUS_OK);
        char sql[160];
        snprintf(sql, sizeof(sql), "UPDATE connection SET %s WHERE id = 'c-1'", changes[i]);
        sqlite_fixture_exec(&world.fixture, sql);
        struct str ids[] = {STR("c-1"), STR(""), STR("c-2")};
        struct store_read *read = store_read_new(STORE_READ_CONNECTIONS);
        read->ids = ids;
        read->id_count = ARRAY_LEN(ids);
        assert_int_equal(harness_read(&world.h, read), STATUS_OK);
        if (read->connection_count != 1 || str_is_empty(str_c(read->error.text)))
            fail_msg("%s: %zu, %s", changes[i], read->connection_count, read->error.text);
        assert_str(read->connections[0].id, STR("c-2"));
        store_read_free(read);
        if (i + 1 < ARRAY_LEN(changes)) {
            read = get_connection(&world.h, "c-1");
            assert_int_equal(read->status, STATUS_INVALID);
            assert_int_equal(read->connection_count, 0);
            store_read_free(read);
        }
        end(&world);
    }
}

static void test_a_lost_table_fails_what_needs_it(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 0);
    sqlite_fixture_exec(&world.fixture, "DROP TABLE audit");
    struct store_write *with_audit = store_write_new(T0);
    struct connection c = sample_connection("c-1"), other = sample_connection("c-2");
    store_write_put_connection(with_audit, &c);
    store_write_append_audit(with_audit, &(struct audit_entry){.method = STR("rotate")});
    struct store_write *without = store_write_new(T0);
    store_write_put_connection(without, &other);
    harness_send_write(&world.h, with_audit);
    harness_send_write(&world.h, without);
    harness_wait(&world.h, 2);
    assert_int_equal(with_audit->status, STATUS_INTERNAL);
    assert_int_equal(without->status, STATUS_OK);
    store_write_free(with_audit);
    store_write_free(without);
    assert_false(is_stored(&world, "c-1"));
    end(&world);
}

static int install(void **state)
{
    (void)state;
    fault_vfs_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_fails_once),
        cmocka_unit_test(test_the_store_comes_back),
        cmocka_unit_test(test_what_is_read_after_a_failed_fsync_is_durable),
        cmocka_unit_test(test_reads_go_on_while_nothing_can_be_written),
        cmocka_unit_test(test_the_ballast_saves_answers),
        cmocka_unit_test(test_a_full_disk_begins_no_refresh),
        cmocka_unit_test(test_a_removed_file_takes_no_writes),
        cmocka_unit_test(test_a_changed_value_spoils_its_record_only),
        cmocka_unit_test(test_a_lost_table_fails_what_needs_it),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
