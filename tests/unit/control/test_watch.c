/** Watching: the answer first, events in order, no more than the client reads. */
#include "unit/common/rows.h"
#include "unit/control/fake_client.h"

#define WATCH(params) \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"watch\",\"params\":{" params "}}\n"
#define STARTED "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"watching\":true,\"last\":17}}\n"
#define EVENT(id) "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"id\":\"" id "\"}}\n"

static void check_from_now_on(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 1003);
    client_say(&client, WATCH(""));
    assert_answers(&client, STARTED);
    fake_engine_publish(client.engine, 2, 0);
    assert_answers(&client, EVENT("18") EVENT("19"));
    assert_int_equal(control_calls_in_flight(client.control), 1);
    client_leave(&client);
}

static void check_after_a_number(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, WATCH("\"after\":15"));
    assert_answers(&client, STARTED EVENT("16") EVENT("17"));
    client_leave(&client);
}

static void check_started_later(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, WATCH("\"after\":16,\"connection\":\"later\""));
    assert_answers(&client, "");
    fake_engine_start_watch(client.engine);
    assert_answers(&client, STARTED EVENT("17"));
    client_leave(&client);
}

static void check_gone(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, WATCH("\"after\":1,\"connection\":\"gone\""));
    assert_answers(&client,
                   "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":"
                   "\"older than retention\",\"data\":{\"code\":\"gone\",\"oldest\":5}}}\n");
    assert_int_equal(control_calls_in_flight(client.control), 0);
    client_say(&client, WATCH("")); /* the connection is as good as before */
    assert_answers(&client, STARTED);
    client_leave(&client);
}

static void check_failed_later(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, WATCH("\"connection\":\"later\""));
    fake_engine_fail_watch(client.engine);
    assert_answers(&client, "*\"id\":1,\"error\":*store_unavailable*");
    assert_int_equal(client.finished, 0);
    client_leave(&client);
}

static void check_ended_by_the_engine(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, WATCH(""));
    buf_clear(&client.heard);
    fake_engine_fail_watch(client.engine);
    assert_answers(&client, "*\"id\":null,\"error\":*store_unavailable*");
    assert_int_equal(client.finished, 1);
    client_leave(&client);
}

static void check_only_one(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, WATCH("") WATCH(""));
    assert_answers(&client, STARTED "*\"id\":1,\"error\":*\"too_many\"*");
    fake_engine_publish(client.engine, 1, 0);
    assert_answers(&client, EVENT("18"));
    assert_int_equal(client.finished, 0);
    client_leave(&client);
}

static void check_beside_other_calls(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, WATCH("") "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"status\"}\n");
    fake_engine_publish(client.engine, 1, 0);
    assert_answers(&client, STARTED "{\"jsonrpc\":\"2.0\",\"id\":2,*}\n" EVENT("18"));
    client_leave(&client);
}

static void check_as_a_notification(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"watch\"}\n");
    fake_engine_publish(client.engine, 1, 0);
    assert_answers(&client, EVENT("18"));
    client_leave(&client);
}

/* Flow control. */

static void check_room(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, WATCH(""));
    buf_clear(&client.heard);
    fake_engine_publish(client.engine, 1000, 0);
    assert_int_equal(count_lines(&client), CONTROL_WATCH_ROOM);
    for (int i = 0; i < 1000 / CONTROL_WATCH_ROOM; i++)
        session_drained(client.session, client_now(&client));
    assert_int_equal(count_lines(&client), 1000);
    assert_true(str_ends_with(buf_str(&client.heard), STR(EVENT("1017"))));
    client_leave(&client);
}

static void check_slow_reader(void **state UNUSED)
{
    enum { EVENT_BYTES = 1024 * 1024, AT_ONCE = 1 };
    struct client client;
    client_connect(&client, 0);
    client.reads_slowly = true;
    client_say(&client, WATCH(""));
    fake_engine_publish(client.engine, 10000, EVENT_BYTES);
    for (int i = 0; i < 100; i++)
        session_drained(client.session, client_now(&client));
    assert_int_equal(count_lines(&client), 1 + AT_ONCE); /* one of them is more than enough */
    assert_true(client.unread < CONTROL_BACKLOG_MAX);

    client.unread = CONTROL_WATCH_BACKLOG_MAX + 1; /* still too much */
    session_drained(client.session, client_now(&client));
    assert_int_equal(count_lines(&client), 1 + AT_ONCE);

    client.unread = CONTROL_WATCH_BACKLOG_MAX;
    session_drained(client.session, client_now(&client));
    assert_int_equal(count_lines(&client), 1 + 2 * AT_ONCE);
    assert_int_equal(client.finished, 0);
    client_leave(&client);
}

static void check_started_behind_a_backlog(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client.unread = CONTROL_WATCH_BACKLOG_MAX + 1;
    client_say(&client, WATCH("\"after\":16"));
    assert_answers(&client, STARTED);
    client.unread = 0;
    session_drained(client.session, client_now(&client));
    assert_answers(&client, EVENT("17"));
    client_leave(&client);
}

/* The end. */

static void check_half_closed(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, WATCH(""));
    session_half_close(client.session, client_now(&client));
    fake_engine_publish(client.engine, 1, 0);
    assert_answers(&client, STARTED EVENT("18"));
    assert_int_equal(client.finished, 0);
    client_leave(&client);
}

static void check_drained(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, WATCH("\"connection\":\"later\""));
    control_drain(client.control, client_now(&client));
    assert_answers(&client, "*\"id\":1,\"error\":*\"busy\"*");
    assert_int_equal(client.finished, 1);
    assert_int_equal(fake_engine_watchers(client.engine), 0);
    client_leave(&client);
}

static void check_left_before_it_started(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, WATCH("\"connection\":\"later\""));
    assert_int_equal(control_calls_in_flight(client.control), 2);
    client_leave(&client);
}

static void check_broken_by_an_event(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, WATCH(""));
    client.frees_on_write = true;
    fake_engine_publish(client.engine, 3, 0);
    assert_null(client.session);
    assert_int_equal(fake_engine_watchers(client.engine), 0);
    assert_answers(&client, STARTED EVENT("18"));
    client_leave(&client);
}

static void check_broken_by_its_start(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client.frees_on_write = true;
    client_say(&client, WATCH("\"after\":15"));
    assert_null(client.session);
    assert_int_equal(fake_engine_watchers(client.engine), 0);
    client_leave(&client);
}

static void check_past_a_limit(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, WATCH(""));
    client_say(&client, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n");
    assert_answers(&client, STARTED "*\"too_large\"*");
    assert_int_equal(client.finished, 1);
    assert_int_equal(fake_engine_watchers(client.engine), 0);
    client_leave(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_from_now_on),
        cmocka_unit_test(check_after_a_number),
        cmocka_unit_test(check_started_later),
        cmocka_unit_test(check_gone),
        cmocka_unit_test(check_failed_later),
        cmocka_unit_test(check_ended_by_the_engine),
        cmocka_unit_test(check_only_one),
        cmocka_unit_test(check_beside_other_calls),
        cmocka_unit_test(check_as_a_notification),
        cmocka_unit_test(check_room),
        cmocka_unit_test(check_slow_reader),
        cmocka_unit_test(check_started_behind_a_backlog),
        cmocka_unit_test(check_half_closed),
        cmocka_unit_test(check_drained),
        cmocka_unit_test(check_left_before_it_started),
        cmocka_unit_test(check_broken_by_an_event),
        cmocka_unit_test(check_broken_by_its_start),
        cmocka_unit_test(check_past_a_limit),
    };
    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
