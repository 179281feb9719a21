/* Many requests at once: order, atomicity, what a read sees. */
#include "store/cmocka_all.h"
#include "store/conformance.h"

#include <stdio.h>

enum { MANY = 3000 };

static void test_answers_come_in_order(void **state)
{
    struct harness *h = *state;
    struct store_write *writes[MANY];
    char ids[MANY][16];
    for (size_t i = 0; i < MANY; i++) {
        snprintf(ids[i], sizeof(ids[i]), "c-%zu", i);
        struct connection c = sample_connection(ids[i]);
        struct event_draft event = sample_event("connection.connected", ids[i]);
        writes[i] = store_write_new(T0);
        store_write_put_connection(writes[i], &c);
        store_write_append_event(writes[i], &event, STAMP_NONE);
        harness_send_write(h, writes[i]);
    }
    harness_wait(h, MANY);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(writes[i]->status, STATUS_OK);
        assert_int_equal(writes[i]->first_event_seq, i + 1);
        store_write_free(writes[i]);
    }
}

/** Its event is written before its conflict is found: all of it has to go. */
static struct store_write *late_conflict(const char *id)
{
    struct store_write *write = store_write_new(T0);
    struct event_draft event = sample_event("connection.connected", id);
    store_write_append_event(write, &event, STAMP_NONE);
    struct connection c = sample_connection(id);
    c.version = 77;
    store_write_put_connection(write, &c);
    return write;
}

static void test_a_write_is_all_or_nothing(void **state)
{
    struct harness *h = *state;
    struct store_write *write = late_conflict("c-1");
    assert_int_equal(harness_write(h, write), STATUS_CONFLICT);
    assert_int_equal(write->first_event_seq, 0);
    store_write_free(write);
    assert_int_equal(get_bounds(h).newest, 0);
}

static void test_a_conflict_is_its_own_affair(void **state)
{
    struct harness *h = *state;
    struct store_write *writes[60];
    char ids[60][16];
    for (size_t i = 0; i < ARRAY_LEN(writes); i++) {
        snprintf(ids[i], sizeof(ids[i]), "c-%zu", i);
        struct connection c = sample_connection(ids[i]);
        struct event_draft event = sample_event("connection.connected", ids[i]);
        if (i % 3 == 1) {
            writes[i] = late_conflict(ids[i]);
        } else {
            writes[i] = store_write_new(T0);
            store_write_put_connection(writes[i], &c);
            store_write_append_event(writes[i], &event, STAMP_NONE);
        }
        harness_send_write(h, writes[i]);
    }
    harness_wait(h, ARRAY_LEN(writes));
    int64_t expected = 0;
    for (size_t i = 0; i < ARRAY_LEN(writes); i++) {
        assert_int_equal(writes[i]->status, i % 3 == 1 ? STATUS_CONFLICT : STATUS_OK);
        assert_int_equal(writes[i]->first_event_seq, i % 3 == 1 ? 0 : ++expected);
        store_write_free(writes[i]);
    }
    assert_int_equal(get_bounds(h).newest, 40);
}

static void test_a_read_sees_the_writes_before_it(void **state)
{
    struct harness *h = *state;
    enum { ROUNDS = 200 };
    struct store_write *writes[ROUNDS];
    struct store_read *reads[ROUNDS];
    static struct str id = STR_INIT("c-1");
    for (size_t i = 0; i < ROUNDS; i++) {
        struct connection c = sample_connection("c-1");
        c.version = (int64_t)i;
        c.attempts = (int64_t)i;
        writes[i] = store_write_new(T0);
        store_write_put_connection(writes[i], &c);
        harness_send_write(h, writes[i]);
        reads[i] = store_read_new(STORE_READ_CONNECTIONS);
        reads[i]->ids = &id;
        reads[i]->id_count = 1;
        harness_send_read(h, reads[i]);
    }
    harness_wait(h, 2 * ROUNDS);
    for (size_t i = 0; i < ROUNDS; i++) {
        assert_int_equal(writes[i]->status, STATUS_OK);
        assert_int_equal(reads[i]->connection_count, 1);
        assert_int_equal(reads[i]->connections[0].attempts, i);
        store_write_free(writes[i]);
        store_read_free(reads[i]);
    }
}

static void test_reads_around_a_conflict_are_answered_once(void **state)
{
    struct harness *h = *state;
    struct connection c = sample_connection("c-1");
    assert_int_equal(put_connection(h, &c), STATUS_OK);
    struct store_read *read = get_connection(h, "c-1");
    store_read_free(read);
    static struct str ids[] = {STR_INIT("c-1"), STR_INIT("c-1")};
    struct store_read *reads[2];
    struct store_write *write = late_conflict("c-2");
    for (size_t i = 0; i < 2; i++) {
        reads[i] = store_read_new(STORE_READ_CONNECTIONS);
        reads[i]->ids = ids;
        reads[i]->id_count = ARRAY_LEN(ids);
        harness_send_read(h, reads[i]);
        if (i == 0)
            harness_send_write(h, write);
    }
    harness_wait(h, 3);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(reads[i]->connection_count, 2);
        store_read_free(reads[i]);
    }
    store_write_free(write);
}

/** Its first connection is counted before the conflict of its second is found. */
static struct store_write *counted_conflict(const struct connection *c)
{
    struct connection next = *c;
    next.version = 77;
    struct store_write *write = store_write_new(T0);
    store_write_put_connection(write, c);
    store_write_put_connection(write, &next);
    return write;
}

/** How many are counted in all, and with this credential. */
static void check_counts(struct store_read *read, int64_t all, int64_t credential, int64_t of_it)
{
    int64_t sum = 0, found = 0;
    assert_int_equal(read->status, STATUS_OK);
    for (size_t i = 0; i < read->count_count; i++) {
        assert_true(read->counts[i].count > 0);
        sum += read->counts[i].count;
        found += read->counts[i].credential_version == credential ? read->counts[i].count : 0;
    }
    assert_int_equal(sum, all);
    assert_int_equal(found, of_it);
    store_read_free(read);
}

/* More kinds than are added up in memory, and reads of the counts in the middle. */
static void count_many(struct harness *h, bool with_conflicts)
{
    enum { WRITES = 200, KINDS = 45, READ_EVERY = 50 };
    struct store_write *writes[2 * WRITES], *conflicts[WRITES] = {0};
    struct store_read *reads[WRITES / READ_EVERY];
    char ids[WRITES][16];
    unsigned sent = 0;
    for (size_t i = 0; i < WRITES; i++) {
        snprintf(ids[i], sizeof(ids[i]), "c-%zu", i);
        struct connection c = sample_connection(ids[i]);
        c.credential_version = (int64_t)(i % KINDS) + 1;
        if (with_conflicts && i % 7 == 3) {
            conflicts[i] = counted_conflict(&c);
            harness_send_write(h, conflicts[i]);
            sent++;
        }
        for (size_t n = 0; n < 2; n++, sent++) {
            writes[2 * i + n] = store_write_new(T0);
            store_write_put_connection(writes[2 * i + n], &c);
            harness_send_write(h, writes[2 * i + n]);
            c.version = 1;
            c.credential_version = 1; /* in the end all are alike */
        }
        if (i % READ_EVERY == READ_EVERY - 1) {
            struct store_read *read = store_read_new(STORE_READ_COUNTS);
            reads[i / READ_EVERY] = read;
            harness_send_read(h, read);
            sent++;
        }
    }
    harness_wait(h, sent);
    for (size_t i = 0; i < WRITES; i++) {
        assert_int_equal(writes[2 * i]->status, STATUS_OK);
        assert_int_equal(writes[2 * i + 1]->status, STATUS_OK);
        assert_true(conflicts[i] == NULL || conflicts[i]->status == STATUS_CONFLICT);
        store_write_free(conflicts[i]);
        store_write_free(writes[2 * i]);
        store_write_free(writes[2 * i + 1]);
    }
    for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
        int64_t count = (int64_t)(i + 1) * READ_EVERY;
        check_counts(reads[i], count, 1, count);
    }
    struct store_read *after = store_read_new(STORE_READ_COUNTS);
    assert_int_equal(harness_read(h, after), STATUS_OK);
    check_counts(after, WRITES, 1, WRITES);
}

static void test_counts_are_right_within_a_group(void **state)
{
    count_many(*state, false);
}

static void test_counts_are_right_after_a_write_was_taken_back(void **state)
{
    count_many(*state, true);
}

static void test_figures(void **state)
{
    struct harness *h = *state;
    struct connection c = sample_connection("c-1");
    assert_int_equal(put_connection(h, &c), STATUS_OK);
    store_read_free(get_connection(h, "c-1"));
    struct store_health health;
    h->port.health(h->port.ctx, &health);
    assert_true(health.writable);
    assert_true(str_is_empty(health.last_error));
    assert_int_equal(health.writes, 1);
    assert_int_equal(health.reads, 1);
    assert_int_equal(health.commits, 1);
    assert_int_equal(health.queued, 0);
}

int conformance_groups_run(const struct store_backend *backend)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_answers_come_in_order, backend),
        STORE_TEST(test_a_write_is_all_or_nothing, backend),
        STORE_TEST(test_a_conflict_is_its_own_affair, backend),
        STORE_TEST(test_a_read_sees_the_writes_before_it, backend),
        STORE_TEST(test_reads_around_a_conflict_are_answered_once, backend),
        STORE_TEST(test_counts_are_right_within_a_group, backend),
        STORE_TEST(test_counts_are_right_after_a_write_was_taken_back, backend),
        STORE_TEST(test_figures, backend),
    };
    return cmocka_run_group_tests_name("groups", tests, NULL, NULL);
}
