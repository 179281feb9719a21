/* Events of one connection, most of which come with a change of it, in the same write. */
#include "store/cmocka_all.h"
#include "store/conformance.h"

#include <stdio.h>

/** Put a connection and append its events in one write: "r" without a stamp, "!" an alert. */
static void change(struct harness *h, const char *id, int64_t version, const char *events)
{
    struct connection c = sample_connection(id);
    c.version = version;
    struct store_write *write = store_write_new(T0);
    store_write_put_connection(write, &c);
    for (const char *at = events; *at != '\0'; at++) {
        struct event_draft event = sample_event("connection.refreshed", id);
        store_write_append_event(write, &event, *at == '!' ? STAMP_CONNECTION_ALERT : STAMP_NONE);
    }
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
}

static void assert_history(struct harness *h, const char *id, int64_t after, size_t limit,
                           const char *expected)
{
    struct store_read *read = store_read_new(STORE_READ_EVENTS);
    read->subject = str_c(id);
    read->after = after;
    read->limit = limit;
    assert_int_equal(harness_read(h, read), STATUS_OK);
    char text[256] = "";
    size_t len = 0;
    for (size_t i = 0; i < read->event_count; i++) {
        assert_str(read->events[i].draft.subject, str_c(id));
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%lld", i > 0 ? " " : "",
                                (long long)read->events[i].seq);
    }
    if (!str_eq(str_c(text), str_c(expected)))
        fail_msg("events of %s after %lld: %s, not %s", id, (long long)after, text, expected);
    store_read_free(read);
}

static void publish_and_purge(struct harness *h, int64_t published)
{
    struct store_write *write = store_write_new(T0);
    store_write_set_published(write, published);
    store_write_purge_events(write, T0 + 1);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
}

/** c-1 has events 1, 2, 5 and 6, c-2 has 3, 4 and 7. */
static void make_two(struct harness *h)
{
    change(h, "c-1", 0, "r");
    change(h, "c-1", 1, "r");
    change(h, "c-2", 0, "r");
    change(h, "c-2", 1, "r");
    change(h, "c-1", 2, "rr");
    change(h, "c-2", 2, "r");
}

static void test_changes_are_a_history(void **state)
{
    struct harness *h = *state;
    make_two(h);
    static const struct {
        const char *id;
        int64_t after;
        size_t limit;
        const char *expected;
    } rows[] = {
        {"c-1", 0, 0, "1 2 5 6"}, {"c-2", 0, 0, "3 4 7"}, {"c-1", 1, 0, "2 5 6"},
        {"c-1", 2, 0, "5 6"},     {"c-1", 6, 0, ""},      {"c-1", 1, 2, "2 5"},
        {"c-3", 0, 0, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_history(h, rows[i].id, rows[i].after, rows[i].limit, rows[i].expected);
    harness_restart(h);
    change(h, "c-1", 3, "r");
    assert_history(h, "c-1", 0, 0, "1 2 5 6 8");
}

static void test_several_connections_in_one_write(void **state)
{
    struct harness *h = *state;
    change(h, "c-1", 0, "");
    change(h, "c-2", 0, "");
    struct store_write *write = store_write_new(T0);
    static const struct {
        const char *put, *event;
    } steps[] = {{NULL, "c-2"},  {"c-1", "c-1"}, {NULL, "c-2"}, {NULL, "c-1"},
                 {"c-2", "c-2"}, {NULL, "c-1"},  {NULL, "c-2"}};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (steps[i].put != NULL) {
            struct connection c = sample_connection(steps[i].put);
            c.version = 1;
            store_write_put_connection(write, &c);
        }
        struct event_draft event = sample_event("connection.refreshed", steps[i].event);
        store_write_append_event(write, &event, STAMP_NONE);
    }
    assert_int_equal(harness_write(h, write), STATUS_OK);
    assert_int_equal(write->first_event_seq, 1);
    store_write_free(write);
    assert_history(h, "c-1", 0, 0, "2 4 6");
    assert_history(h, "c-2", 0, 0, "1 3 5 7");
}

static void test_a_lost_comparison_leaves_no_trace(void **state)
{
    struct harness *h = *state;
    change(h, "c-1", 0, "");
    change(h, "c-1", 1, "r");
    struct connection c = sample_connection("c-1");
    c.version = 1;
    struct event_draft event = sample_event("connection.refreshed", "c-1");
    struct store_write *late = store_write_new(T0), *next = store_write_new(T0);
    store_write_put_connection(late, &c);
    store_write_append_event(late, &event, STAMP_NONE);
    c.version = 2;
    store_write_put_connection(next, &c);
    store_write_append_event(next, &event, STAMP_NONE);
    harness_send_write(h, late);
    harness_send_write(h, next);
    harness_wait(h, 2);
    assert_int_equal(late->status, STATUS_CONFLICT);
    assert_int_equal(next->status, STATUS_OK);
    assert_int_equal(next->first_event_seq, 2);
    store_write_free(late);
    store_write_free(next);
    assert_history(h, "c-1", 0, 0, "1 2");
}

static void test_retention_cuts_histories(void **state)
{
    struct harness *h = *state;
    make_two(h);
    publish_and_purge(h, 5);
    assert_history(h, "c-1", 0, 0, "6");
    assert_history(h, "c-2", 0, 0, "7");
    change(h, "c-1", 3, "!"); /* 8, which its connection names */
    publish_and_purge(h, 8);
    assert_history(h, "c-1", 0, 0, "8");
    change(h, "c-2", 3, "r");
    assert_history(h, "c-2", 0, 0, "9");
}

static void test_histories_are_renumbered(void **state)
{
    struct harness *h = *state;
    make_two(h);
    struct event_draft event = sample_event("log.restarted", "log");
    struct store_write *write = store_write_new(T0);
    store_write_set_published(write, 4);
    store_write_restart_log(write, 5, 50, &event);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
    assert_history(h, "c-1", 0, 0, "1 2 51 52");
    assert_history(h, "c-2", 0, 0, "3 4 53");
    change(h, "c-2", 3, "r");
    assert_history(h, "c-2", 0, 0, "3 4 53 54");
    assert_history(h, "c-1", 1, 0, "2 51 52");
}

static void test_a_history_outlives_its_connection(void **state)
{
    struct harness *h = *state;
    struct connector connector = sample_connector("gcal");
    assert_int_equal(put_connector(h, &connector), STATUS_OK);
    make_two(h);
    for (int i = 1; i <= 2; i++) {
        char id[8];
        snprintf(id, sizeof(id), "c-%d", i);
        struct connection c = sample_connection(id);
        c.version = 3;
        c.phase = PHASE_DISCONNECTED;
        assert_int_equal(put_connection(h, &c), STATUS_OK);
    }
    struct store_write *write = store_write_new(T0);
    store_write_delete_connector(write, STR("gcal"), 1);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
    assert_history(h, "c-1", 0, 0, "1 2 5 6");
    assert_history(h, "c-2", 3, 0, "4 7");
    change(h, "c-1", 0, "r"); /* another one, of the same name */
    change(h, "c-1", 1, "r");
    assert_history(h, "c-1", 0, 0, "1 2 5 6 8 9");
}

int conformance_histories_run(const struct store_backend *backend)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_changes_are_a_history, backend),
        STORE_TEST(test_several_connections_in_one_write, backend),
        STORE_TEST(test_a_lost_comparison_leaves_no_trace, backend),
        STORE_TEST(test_retention_cuts_histories, backend),
        STORE_TEST(test_histories_are_renumbered, backend),
        STORE_TEST(test_a_history_outlives_its_connection, backend),
    };
    return cmocka_run_group_tests_name("histories", tests, NULL, NULL);
}
