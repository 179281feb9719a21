/** A session's life: answers out of order, half-close, drain, clients that go, reload. */
#include "unit/common/rows.h"
#include "unit/control/fake_client.h"

#define LATER(id)                                                                           \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"refresh\",\"params\":{\"connection\":" \
    "\"later-" id "\"}}"
#define STATUS(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"status\"}"
#define RELOAD "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"reload\"}\n"
#define WATCH "{\"jsonrpc\":\"2.0\",\"id\":\"w\",\"method\":\"watch\"}\n"

static void half_close(struct client *client)
{
    session_half_close(client->session, client_now(client));
}

static void check_answers_out_of_order(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, LATER("1") "\n" LATER("2") "\n" STATUS("3") "\n");
    assert_answers(&client, "{\"jsonrpc\":\"2.0\",\"id\":3,*}\n");
    fake_engine_resume(client.engine, 1);
    assert_answers(&client, "{\"jsonrpc\":\"2.0\",\"id\":2,*\"later-2\"}}\n");
    fake_engine_resume(client.engine, 0);
    assert_answers(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,*\"later-1\"}}\n");
    client_leave(&client);
}

static void check_batch_waits_for_its_last(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, "[" LATER("1") "," STATUS("2") "," LATER("3") "]\n" STATUS("4") "\n");
    assert_answers(&client, "{\"jsonrpc\":\"2.0\",\"id\":4,*}\n");
    fake_engine_resume(client.engine, 1);
    assert_answers(&client, "");
    fake_engine_resume(client.engine, 0);
    assert_answers(&client, "[{\"jsonrpc\":\"2.0\",\"id\":2,*},{\"jsonrpc\":\"2.0\",\"id\":3,*},"
                            "{\"jsonrpc\":\"2.0\",\"id\":1,*}]\n");
    client_leave(&client);
}

/* Half-close. */

static void check_half_close_idle(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    half_close(&client);
    assert_int_equal(client.finished, 1);
    half_close(&client);
    assert_int_equal(client.finished, 1);
    client_leave(&client);
}

static void check_half_close_with_calls_under_way(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, LATER("1") "\n[" LATER("2") "]\n");
    half_close(&client);
    assert_int_equal(client.finished, 0);
    fake_engine_resume(client.engine, 0);
    assert_answers(&client, "{*\"id\":1,*}\n");
    assert_int_equal(client.finished, 0);
    fake_engine_resume(client.engine, 0);
    assert_answers(&client, "[{*\"id\":2,*}]\n");
    assert_int_equal(client.finished, 1);
    client_leave(&client);
}

static void check_half_close_waits_for_notifications(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"refresh\",\"params\":{\"connection\":"
                        "\"later\"}}\n");
    half_close(&client);
    assert_int_equal(client.finished, 0);
    fake_engine_resume(client.engine, 0);
    assert_answers(&client, "");
    assert_int_equal(client.finished, 1);
    client_leave(&client);
}

static void check_half_close_ends_the_last_line(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, STATUS("1"));
    half_close(&client);
    assert_answers(&client, "*\"id\":1,\"result\":*");
    assert_int_equal(client.finished, 1);
    client_leave(&client);
}

static void check_half_close_in_the_middle_of_a_line(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"meth");
    half_close(&client);
    assert_answers(&client, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,*}}\n");
    assert_int_equal(client.finished, 1);
    client_leave(&client);
}

/* Drain. */

static void check_drain(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, LATER("1") "\n" STATUS("2"));
    control_drain(client.control, client_now(&client));
    client_say(&client, "\n" STATUS("3") "\n"); /* not fully read by then */
    assert_answers(&client, "");
    assert_int_equal(client.finished, 0);
    fake_engine_resume(client.engine, 0);
    assert_answers(&client, "*\"id\":1,\"result\":*");
    assert_int_equal(client.finished, 1);
    client_leave(&client);
}

static void check_drain_idle_and_watching(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, WATCH);
    assert_int_equal(control_calls_in_flight(client.control), 1);
    client.frees_on_finish = true;
    control_drain(client.control, client_now(&client));
    assert_int_equal(client.finished, 1);
    assert_int_equal(control_calls_in_flight(client.control), 0);
    client_leave(&client);
}

static void check_connect_while_draining(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    control_drain(client.control, client_now(&client));
    session_free(client.session);
    client.finished = 0;
    client.session =
        session_new(client.control, &(struct session_peer){0}, client.output, client_now(&client));
    client_say(&client, STATUS("1") "\n");
    assert_answers(&client, "");
    assert_int_equal(session_deadline_ms(client.session), client.now_ms);
    session_tick(client.session, client_now(&client));
    assert_int_equal(client.finished, 1);
    client_leave(&client);
}

/* Clients that go. */

static void check_gone_with_calls_under_way(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, LATER("1") "\n[" LATER("2") "," STATUS("3") "]\n" LATER("4") "\n");
    session_free(client.session);
    client.session = NULL;
    assert_int_equal(control_calls_in_flight(client.control), 3);
    fake_engine_resume(client.engine, 1);
    fake_engine_resume(client.engine, 0);
    assert_int_equal(control_calls_in_flight(client.control), 1);
    assert_answers(&client, "");
    client_leave(&client);
}

static void check_answer_after_the_control(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, LATER("1") "\n[" LATER("2") "]\n");
    client_leave_all_at_once(&client);
}

static void check_freed_by_finish(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client.frees_on_finish = true;
    client_say(&client, LATER("1") "\n");
    half_close(&client);
    fake_engine_resume(client.engine, 0);
    assert_null(client.session);
    client_leave(&client);
}

static void check_freed_by_write(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client.frees_on_write = true;
    client_say(&client, LATER("1") "\n" STATUS("2") "\n" STATUS("3") "\n");
    assert_null(client.session);
    assert_int_equal(count_lines(&client), 1);
    assert_int_equal(fake_engine_called(client.engine), 2);
    client_leave(&client);
}

static void check_broken_by_a_batch(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client.frees_on_write = true;
    client_say(&client, "[" LATER("1") "," STATUS("2") "]\n");
    fake_engine_resume(client.engine, 0);
    assert_null(client.session);
    assert_int_equal(client.finished, 0);
    client_leave(&client);
}

/* Reload. */

static void check_reload(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 1001);
    client_say(&client, RELOAD);
    assert_answers(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"reloaded\":true,"
                            "\"needs_restart\":[]}}\n");
    assert_int_equal(client.reloads, 1);
    assert_string_equal(buf_c(&client.logged), "control.reload\n");
    client_leave(&client);
}

static void check_reload_names_what_needs_a_restart(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 1001);
    client.fixed_key = "[redis] url";
    client_say(&client, RELOAD);
    assert_answers(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"reloaded\":true,"
                            "\"needs_restart\":[\"[redis] url\"]}}\n");
    client_leave(&client);
}

static void check_reload_of_a_broken_configuration(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 1001);
    client.reload_status = STATUS_INVALID;
    client_say(&client, RELOAD);
    assert_answers(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":"
                            "\"refreshd.conf:3: unknown key \\\"sokcet\\\"\",\"data\":{\"code\":"
                            "\"check_failed\"}}}\n");
    client_leave(&client);
}

static void check_reload_forbidden(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 1003);
    client_say(&client, RELOAD);
    assert_answers(&client, "*\"forbidden\"*");
    assert_int_equal(client.reloads, 0);
    client_leave(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_answers_out_of_order),
        cmocka_unit_test(check_batch_waits_for_its_last),
        cmocka_unit_test(check_half_close_idle),
        cmocka_unit_test(check_half_close_with_calls_under_way),
        cmocka_unit_test(check_half_close_waits_for_notifications),
        cmocka_unit_test(check_half_close_ends_the_last_line),
        cmocka_unit_test(check_half_close_in_the_middle_of_a_line),
        cmocka_unit_test(check_drain),
        cmocka_unit_test(check_drain_idle_and_watching),
        cmocka_unit_test(check_connect_while_draining),
        cmocka_unit_test(check_gone_with_calls_under_way),
        cmocka_unit_test(check_answer_after_the_control),
        cmocka_unit_test(check_freed_by_finish),
        cmocka_unit_test(check_freed_by_write),
        cmocka_unit_test(check_broken_by_a_batch),
        cmocka_unit_test(check_reload),
        cmocka_unit_test(check_reload_names_what_needs_a_restart),
        cmocka_unit_test(check_reload_of_a_broken_configuration),
        cmocka_unit_test(check_reload_forbidden),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
