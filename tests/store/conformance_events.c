/* The event log: numbers, stamps, retention, renumbering; alerts; audit; meta. */
#include "store/cmocka_all.h"
#include "store/conformance.h"

#include <stdio.h>

static enum status set_published(struct harness *h, int64_t seq)
{
    struct store_write *write = store_write_new(T0);
    store_write_set_published(write, seq);
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

static enum status purge(struct harness *h, int64_t before_wall_ms)
{
    struct store_write *write = store_write_new(T0);
    store_write_purge_events(write, before_wall_ms);
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

static void append_many(struct harness *h, size_t count)
{
    struct event_draft event = sample_event("connection.connected", "c-1");
    for (size_t i = 0; i < count; i++) {
        event.wall_ms = T0 + (int64_t)i;
        append_event(h, &event, STAMP_NONE);
    }
}

/** Numbers of the events after `after`, as "3 4 7". */
static void list_events(struct harness *h, int64_t after, const char *types, const char *subject,
                        size_t limit, char text[256])
{
    struct store_read *read = store_read_new(STORE_READ_EVENTS);
    read->after = after;
    read->types = str_c(types);
    read->subject = str_c(subject);
    read->limit = limit;
    assert_int_equal(harness_read(h, read), STATUS_OK);
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < read->event_count; i++)
        len += (size_t)snprintf(text + len, 256 - len, "%s%lld", i > 0 ? " " : "",
                                (long long)read->events[i].seq);
    store_read_free(read);
}

static void test_numbers_have_no_gaps(void **state)
{
    struct harness *h = *state;
    struct event_draft event = sample_event("connection.connected", "c-1");
    assert_int_equal(append_event(h, &event, STAMP_NONE), 1);
    struct store_write *write = store_write_new(T0);
    for (int i = 0; i < 3; i++)
        store_write_append_event(write, &event, STAMP_NONE);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    assert_int_equal(write->first_event_seq, 2);
    store_write_free(write);
    harness_restart(h);
    assert_int_equal(append_event(h, &event, STAMP_NONE), 5);
}

static void test_events_are_listed(void **state)
{
    struct harness *h = *state;
    static const struct {
        const char *type, *subject;
    } appended[] = {{"a", "c-1"}, {"b", "c-1"}, {"a", "c-2"}, {"ab", "c-2"}, {"a", "c-1"}};
    for (size_t i = 0; i < ARRAY_LEN(appended); i++) {
        struct event_draft event = sample_event(appended[i].type, appended[i].subject);
        append_event(h, &event, STAMP_NONE);
    }
    static const struct {
        const char *name;
        int64_t after;
        const char *types, *subject;
        size_t limit;
        const char *expected;
    } rows[] = {
        {"all", 0, "", "", 0, "1 2 3 4 5"},       {"behind a number", 3, "", "", 0, "4 5"},
        {"behind the last", 5, "", "", 0, ""},    {"a page", 1, "", "", 2, "2 3"},
        {"of a type", 0, "a", "", 0, "1 3 5"},    {"of types", 0, "ab b", "", 0, "2 4"},
        {"a page of a type", 1, "a", "", 1, "3"}, {"of a subject", 0, "", "c-2", 0, "3 4"},
        {"of both", 1, "a", "c-1", 0, "5"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[256];
        list_events(h, rows[i].after, rows[i].types, rows[i].subject, rows[i].limit, text);
        if (!str_eq(str_c(text), str_c(rows[i].expected)))
            fail_msg("%s: %s", rows[i].name, text);
    }
}

/* As of the read's own moment: what was dropped before it is not taken for what never was. */
static void test_listed_events_come_with_the_bounds(void **state)
{
    struct harness *h = *state;
    append_many(h, 6);
    assert_int_equal(set_published(h, 4), STATUS_OK);
    assert_int_equal(purge(h, T0 + 2), STATUS_OK);
    struct store_read *read = store_read_new(STORE_READ_EVENTS);
    read->after = 4;
    read->limit = 1;
    assert_int_equal(harness_read(h, read), STATUS_OK);
    assert_int_equal(read->event_count, 1);
    assert_int_equal(read->bounds.oldest, 3);
    assert_int_equal(read->bounds.newest, 6);
    assert_int_equal(read->bounds.published, 4);
    store_read_free(read);
}

static void test_an_event_comes_back_whole(void **state)
{
    struct harness *h = *state;
    struct event_draft event = sample_event("connection.connected", "c-1");
    append_event(h, &event, STAMP_NONE);
    struct store_read *read = store_read_new(STORE_READ_EVENTS);
    assert_int_equal(harness_read(h, read), STATUS_OK);
    assert_str(read->events[0].draft.type, event.type);
    assert_str(read->events[0].draft.subject, event.subject);
    assert_str(read->events[0].draft.data, event.data);
    assert_int_equal(read->events[0].draft.wall_ms, event.wall_ms);
    store_read_free(read);
}

static void test_published_never_goes_back(void **state)
{
    static const int64_t rows[][2] = {{2, 2}, {1, 2}, {4, 4}, {0, 4}, {99, 5}};
    struct harness *h = *state;
    append_many(h, 5);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(set_published(h, rows[i][0]), STATUS_OK);
        assert_int_equal(get_bounds(h).published, rows[i][1]);
    }
}

static void test_bounds(void **state)
{
    struct harness *h = *state;
    struct event_bounds bounds = get_bounds(h);
    assert_int_equal(bounds.oldest, 0);
    assert_int_equal(bounds.newest, 0);
    assert_int_equal(bounds.oldest_unpublished_wall_ms, TIME_NONE);
    append_many(h, 5);
    assert_int_equal(set_published(h, 3), STATUS_OK);
    bounds = get_bounds(h);
    assert_int_equal(bounds.oldest, 1);
    assert_int_equal(bounds.newest, 5);
    assert_int_equal(bounds.newest_wall_ms, T0 + 4);
    assert_int_equal(bounds.oldest_unpublished_wall_ms, T0 + 3);
    assert_int_equal(set_published(h, 5), STATUS_OK);
    assert_int_equal(get_bounds(h).oldest_unpublished_wall_ms, TIME_NONE);
}

static void test_retention(void **state)
{
    static const struct {
        const char *name;
        int64_t published, before;
        const char *left;
        int64_t oldest;
    } rows[] = {
        {"what is not published stays", 0, T0 + 100, "1 2 3 4 5 6", 1},
        {"what is not old stays", 6, T0 + 2, "3 4 5 6", 3},
        {"again, nothing more", 6, T0 + 2, "3 4 5 6", 3},
        {"all of it", 6, T0 + 100, "", 7},
    };
    struct harness *h = *state;
    append_many(h, 6);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(set_published(h, rows[i].published), STATUS_OK);
        assert_int_equal(purge(h, rows[i].before), STATUS_OK);
        char text[256];
        list_events(h, 0, "", "", 0, text);
        if (!str_eq(str_c(text), str_c(rows[i].left)))
            fail_msg("%s: %s", rows[i].name, text);
        assert_int_equal(get_bounds(h).oldest, rows[i].oldest);
        assert_int_equal(get_bounds(h).newest, 6);
    }
    harness_restart(h);
    struct event_draft event = sample_event("a", "c-1");
    assert_int_equal(append_event(h, &event, STAMP_NONE), 7); /* never a number twice */
}

/** A connection whose needs_reconnect event is the next one. */
static void put_alerted(struct harness *h, const char *id)
{
    struct connection c = sample_connection(id);
    c.dead_reason = REASON_GRANT_REJECTED;
    c.alert_seq = 12345; /* the stamp decides, wherever it stands in the write */
    struct event_draft event = sample_event("connection.needs_reconnect", id);
    event.wall_ms = T0;
    struct store_write *write = store_write_new(T0);
    store_write_append_event(write, &event, STAMP_CONNECTION_ALERT);
    store_write_put_connection(write, &c);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
}

static int64_t alert_of(struct harness *h, const char *id)
{
    struct store_read *read = get_connection(h, id);
    assert_int_equal(read->connection_count, 1);
    int64_t seq = read->connections[0].alert_seq;
    store_read_free(read);
    return seq;
}

static void test_alerts(void **state)
{
    struct harness *h = *state;
    put_alerted(h, "c-2");
    struct connection fine = sample_connection("c-3");
    assert_int_equal(put_connection(h, &fine), STATUS_OK);
    put_alerted(h, "c-1");
    assert_int_equal(alert_of(h, "c-2"), 1);
    assert_int_equal(alert_of(h, "c-1"), 2);
    static const struct {
        const char *cursor, *id;
        int64_t seq;
    } rows[] = {{"", "c-1", 2}, {"c-1", "c-2", 1}, {"c-2", NULL, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct store_read *read = store_read_new(STORE_READ_ALERTS);
        read->cursor = str_c(rows[i].cursor);
        read->limit = 1;
        assert_int_equal(harness_read(h, read), STATUS_OK);
        assert_int_equal(read->connection_count, rows[i].id != NULL ? 1 : 0);
        assert_int_equal(read->event_count, read->connection_count);
        if (rows[i].id != NULL) {
            assert_str(read->connections[0].id, str_c(rows[i].id));
            assert_int_equal(read->events[0].seq, rows[i].seq);
            assert_str(read->events[0].draft.subject, str_c(rows[i].id));
        }
        store_read_free(read);
    }
}

/* Whoever reads the log for somebody else bounds what it holds in memory by bytes. */
static void test_events_are_bounded_by_their_bytes(void **state)
{
    struct harness *h = *state;
    for (int i = 0; i < 4; i++)
        put_alerted(h, (const char *[]){"c-1", "c-2", "c-3", "c-4"}[i]);
    const size_t each = sample_event("connection.needs_reconnect", "c-1").data.len;
    static const enum store_read_kind kinds[] = {STORE_READ_EVENTS, STORE_READ_ALERTS};
    const struct {
        const char *name;
        size_t bytes_max, limit, count;
    } rows[] = {
        {"no bound", 0, 0, 4},
        {"the first is given, however large", 1, 0, 1},
        {"that brings the sum to it is the last", 2 * each, 0, 2},
        {"a byte more lets one more in", 2 * each + 1, 0, 3},
        {"the limit counts too", 3 * each, 1, 1},
        {"more than there is", 100 * each, 0, 4},
    };
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            print_message("  %s\n", rows[i].name);
            struct store_read *read = store_read_new(kinds[k]);
            read->bytes_max = rows[i].bytes_max;
            read->limit = rows[i].limit;
            assert_int_equal(harness_read(h, read), STATUS_OK);
            assert_int_equal(read->event_count, rows[i].count);
            assert_int_equal(read->event_bytes, rows[i].count * each);
            store_read_free(read);
        }
    }
}

static void test_retention_spares_alerts(void **state)
{
    struct harness *h = *state;
    put_alerted(h, "c-1");
    append_many(h, 2);
    assert_int_equal(set_published(h, 3), STATUS_OK);
    assert_int_equal(purge(h, T0 + 100), STATUS_OK);
    char text[256];
    list_events(h, 0, "", "", 0, text);
    assert_string_equal(text, "1");
    assert_int_equal(get_bounds(h).oldest, 4);
    struct connection c = sample_connection("c-1");
    c.version = 1;
    assert_int_equal(put_connection(h, &c), STATUS_OK); /* recovered: alert_seq 0 */
    assert_int_equal(purge(h, T0 + 100), STATUS_OK);
    list_events(h, 0, "", "", 0, text);
    assert_string_equal(text, "");
}

static struct connector connector_of(struct harness *h, const char *id)
{
    struct store_read *read = store_read_new(STORE_READ_CONNECTORS);
    assert_int_equal(harness_read(h, read), STATUS_OK);
    struct connector found = {0};
    for (size_t i = 0; i < read->connector_count; i++) {
        if (str_eq(read->connectors[i].id, str_c(id)))
            found = (struct connector){.version = read->connectors[i].version,
                                       .rotated_seq = read->connectors[i].rotated_seq,
                                       .rescoped_seq = read->connectors[i].rescoped_seq};
    }
    store_read_free(read);
    return found;
}

static void test_connectors_are_stamped(void **state)
{
    struct harness *h = *state;
    struct connector connector = sample_connector("gcal");
    assert_int_equal(put_connector(h, &connector), STATUS_OK);
    struct event_draft event = sample_event("connector.rotated", "gcal");
    assert_int_equal(append_event(h, &event, STAMP_CONNECTOR_ROTATED), 1);
    assert_int_equal(append_event(h, &event, STAMP_CONNECTOR_RESCOPED), 2);
    assert_int_equal(connector_of(h, "gcal").rotated_seq, 1);
    assert_int_equal(connector_of(h, "gcal").rescoped_seq, 2);
    assert_int_equal(connector_of(h, "gcal").version, 1);
}

static enum status restart_log(struct harness *h, int64_t first, int64_t new_first)
{
    struct event_draft event = sample_event("log.restarted", "log");
    struct store_write *write = store_write_new(T0);
    store_write_restart_log(write, first, new_first, &event);
    store_write_set_published(write, new_first - 1);
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

static void test_the_log_restarts_above_another(void **state)
{
    struct harness *h = *state;
    struct connector connector = sample_connector("gcal");
    assert_int_equal(put_connector(h, &connector), STATUS_OK);
    append_many(h, 2);
    put_alerted(h, "c-1");
    struct event_draft rotated = sample_event("connector.rotated", "gcal");
    append_event(h, &rotated, STAMP_CONNECTOR_ROTATED);
    assert_int_equal(set_published(h, 2), STATUS_OK);

    assert_int_equal(restart_log(h, 2, 10), STATUS_CONFLICT); /* published */
    assert_int_equal(restart_log(h, 6, 10), STATUS_CONFLICT); /* past the next */
    assert_int_equal(restart_log(h, 3, 10), STATUS_OK);
    char text[256];
    list_events(h, 0, "", "", 0, text);
    assert_string_equal(text, "1 2 10 11 12");
    list_events(h, 0, "log.restarted", "", 0, text);
    assert_string_equal(text, "10");
    assert_int_equal(alert_of(h, "c-1"), 11);
    assert_int_equal(connector_of(h, "gcal").rotated_seq, 12);
    assert_int_equal(get_bounds(h).newest, 12);
    assert_int_equal(get_bounds(h).published, 9);
    assert_int_equal(append_event(h, &rotated, STAMP_NONE), 13);
}

static void test_the_log_restarts_by_one_step(void **state)
{
    struct harness *h = *state;
    append_many(h, 3);
    assert_int_equal(restart_log(h, 1, 1), STATUS_OK);
    char text[256];
    list_events(h, 0, "", "", 0, text);
    assert_string_equal(text, "1 2 3 4");
    list_events(h, 0, "log.restarted", "", 0, text);
    assert_string_equal(text, "1");
}

static void test_the_log_restarts_with_nothing_waiting(void **state)
{
    struct harness *h = *state;
    append_many(h, 2);
    assert_int_equal(set_published(h, 2), STATUS_OK);
    assert_int_equal(restart_log(h, 3, 50), STATUS_OK);
    char text[256];
    list_events(h, 0, "", "", 0, text);
    assert_string_equal(text, "1 2 50");
}

static void test_audit(void **state)
{
    struct harness *h = *state;
    const struct audit_entry entry = {.wall_ms = T0,
                                      .uid = 1,
                                      .gid = 2,
                                      .pid = 3,
                                      .method = STR("rotate"),
                                      .subject = STR("gcal"),
                                      .outcome = STR("ok"),
                                      .detail = STR("{}")};
    struct store_write *write = store_write_new(T0);
    store_write_append_audit(write, &entry);
    store_write_append_audit(write, &entry);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
    struct store_read *read = store_read_new(STORE_READ_AUDIT);
    read->after = 1;
    assert_int_equal(harness_read(h, read), STATUS_OK);
    assert_int_equal(read->audit_count, 1);
    const struct audit_entry *found = &read->audit[0];
    assert_int_equal(found->seq, 2);
    assert_true(found->wall_ms == T0 && found->uid == 1 && found->gid == 2 && found->pid == 3);
    assert_str(found->method, entry.method);
    assert_str(found->subject, entry.subject);
    assert_str(found->outcome, entry.outcome);
    assert_str(found->detail, entry.detail);
    store_read_free(read);
}

static void get_meta(struct harness *h, const char *name, struct str expected)
{
    struct store_read *read = store_read_new(STORE_READ_META);
    read->name = str_c(name);
    assert_int_equal(harness_read(h, read), STATUS_OK);
    assert_str(read->value, expected);
    assert_int_equal(str_is_set(read->value), str_is_set(expected));
    store_read_free(read);
}

static void test_meta(void **state)
{
    struct harness *h = *state;
    get_meta(h, "clock", STR_NONE);
    const struct str values[] = {STR("1"), STR("with\0NUL"), STR("")};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct store_write *write = store_write_new(T0 + (int64_t)i);
        store_write_put_meta(write, STR("clock"), values[i]);
        assert_int_equal(harness_write(h, write), STATUS_OK);
        store_write_free(write);
        get_meta(h, "clock", values[i]);
    }
    get_meta(h, STORE_META_LAST_COMMIT, STR("1000002"));
    get_meta(h, STORE_META_SOURCE, STR("refreshd/test"));
}

static void test_rescue(void **state)
{
    struct harness *h = *state;
    struct store_write *write = store_write_new(T0);
    store_write_put_rescue(write, STR("c-1"), STR("sealed"));
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
}

int conformance_events_run(const struct store_backend *backend)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_numbers_have_no_gaps, backend),
        STORE_TEST(test_events_are_listed, backend),
        STORE_TEST(test_listed_events_come_with_the_bounds, backend),
        STORE_TEST(test_an_event_comes_back_whole, backend),
        STORE_TEST(test_published_never_goes_back, backend),
        STORE_TEST(test_bounds, backend),
        STORE_TEST(test_retention, backend),
        STORE_TEST(test_alerts, backend),
        STORE_TEST(test_events_are_bounded_by_their_bytes, backend),
        STORE_TEST(test_retention_spares_alerts, backend),
        STORE_TEST(test_connectors_are_stamped, backend),
        STORE_TEST(test_the_log_restarts_above_another, backend),
        STORE_TEST(test_the_log_restarts_by_one_step, backend),
        STORE_TEST(test_the_log_restarts_with_nothing_waiting, backend),
        STORE_TEST(test_audit, backend),
        STORE_TEST(test_meta, backend),
        STORE_TEST(test_rescue, backend),
    };
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
