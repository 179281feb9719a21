/** Every limit: one below it all goes well, one past it there is a clear error, then the end. */
#include "common/frame.h"
#include "unit/common/rows.h"
#include "unit/control/fake_client.h"

#define LATER(id)                                                                           \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"refresh\",\"params\":{\"connection\":" \
    "\"later-" id "\"}}"
#define STATUS(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"status\"}"
#define REFUSED(id, word)                                                                       \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"error\":{\"code\":-32000,\"message\":\"*\",\"data\":" \
    "{\"code\":\"" word "\"}}}\n"

static void assert_open(struct client *client)
{
    assert_int_equal(client->finished, 0);
    buf_clear(&client->heard);
    client_say(client, STATUS("\"open?\"") "\n");
    assert_answers(client, "*\"id\":\"open?\",\"result\":*");
}

static void assert_closed(struct client *client)
{
    assert_int_equal(client->finished, 1);
    size_t called = fake_engine_called(client->engine);
    client_say(client, "\n" STATUS("\"open?\"") "\n");
    assert_int_equal(fake_engine_called(client->engine), called);
    assert_answers(client, "");
    assert_int_equal(session_deadline_ms(client->session), TIME_NONE);
}

/* A line's bytes. */

/** A request of so many bytes, blanks at its end. */
static void say_line_of(struct client *client, size_t len)
{
    CLEANUP(buf_deinit) struct buf line = {0};
    buf_append(&line, STR(STATUS("1")));
    size_t blanks = len - line.len;
    memset(buf_extend(&line, blanks), ' ', blanks);
    session_feed(client->session, buf_str(&line), client_now(client));
    assert_int_equal(fake_engine_called(client->engine), 0);
}

static void check_line_of_1_mib(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    say_line_of(&client, FRAME_LINE_MAX);
    client_say(&client, "\n");
    assert_answers(&client, "*\"result\":*");
    assert_open(&client);
    client_leave(&client);
}

static void check_line_past_1_mib(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    say_line_of(&client, FRAME_LINE_MAX + 1);
    client_say(&client, "\n");
    assert_answers(&client, REFUSED("null", "too_large"));
    assert_closed(&client);
    assert_int_equal(fake_engine_called(client.engine), 0);
    client_leave(&client);
}

static void check_line_without_end(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    char piece[4096];
    memset(piece, 'x', sizeof(piece));
    size_t said = 0;
    while (client.finished == 0 && said < 2 * (size_t)FRAME_LINE_MAX) {
        session_feed(client.session, (struct str){piece, sizeof(piece)}, client_now(&client));
        said += sizeof(piece);
    }
    assert_in_range(said, FRAME_LINE_MAX, FRAME_LINE_MAX + 2 * sizeof(piece));
    assert_answers(&client, REFUSED("null", "too_large"));
    client_leave(&client);
}

/* Depth and count of values. */

struct depth_row {
    const char *name;
    unsigned depth; /* of arrays inside params.profile.x */
    bool allowed;
};

static const struct depth_row depth_rows[] = {
    {"depth 32", 29, true}, /* the request, params and profile are three */
    {"depth 33", 30, false},
    {"depth 100", 100, false},
    {"depth 100,000", 100000, false},
};

static void check_depth(void **state)
{
    const struct depth_row *row = *state;
    struct client client;
    client_connect(&client, 0);
    CLEANUP(buf_deinit) struct buf line = {0};
    buf_append(&line, STR("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"register\",\"params\":{"
                          "\"connector\":\"g\",\"type\":\"shared\",\"client_id\":\"c\",\"scopes\":"
                          "[],\"profile\":{\"x\":"));
    for (unsigned i = 0; i < row->depth; i++)
        buf_append_byte(&line, '[');
    for (unsigned i = 0; i < row->depth; i++)
        buf_append_byte(&line, ']');
    buf_append(&line, STR("}}}\n"));
    session_feed(client.session, buf_str(&line), client_now(&client));
    assert_answers(&client, row->allowed ? "*\"result\":*" : REFUSED("null", "too_large"));
    if (row->allowed)
        assert_open(&client);
    else
        assert_closed(&client);
    client_leave(&client);
}

static void check_many_values(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    CLEANUP(buf_deinit) struct buf line = {0};
    buf_append_byte(&line, '[');
    for (int i = 0; i < 200000; i++)
        buf_append(&line, STR("1,"));
    buf_append(&line, STR("1]\n"));
    session_feed(client.session, buf_str(&line), client_now(&client));
    assert_answers(&client, REFUSED("null", "too_large"));
    assert_closed(&client);
    client_leave(&client);
}

static void check_long_id(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    for (size_t len = CONTROL_ID_BYTES_MAX; len <= CONTROL_ID_BYTES_MAX + 1; len++) {
        CLEANUP(buf_deinit) struct buf line = {0};
        buf_append(&line, STR("{\"jsonrpc\":\"2.0\",\"method\":\"status\",\"id\":\""));
        memset(buf_extend(&line, len), 'i', len);
        buf_append(&line, STR("\"}\n"));
        session_feed(client.session, buf_str(&line), client_now(&client));
        assert_answers(&client,
                       len == CONTROL_ID_BYTES_MAX
                           ? "*\"id\":\"iii*\"result\":*"
                           : "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,*");
    }
    assert_open(&client);
    client_leave(&client);
}

/* Requests under way. */

static void say_later(struct client *client, int count)
{
    for (int i = 0; i < count; i++)
        client_say(client, LATER("1") "\n");
}

static void check_64_under_way(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    say_later(&client, 64);
    assert_int_equal(fake_engine_held(client.engine), 64);
    assert_int_equal(control_calls_in_flight(client.control), 64);
    fake_engine_resume(client.engine, 63);
    assert_open(&client);
    say_later(&client, 1);
    assert_int_equal(fake_engine_held(client.engine), 64);
    assert_int_equal(client.finished, 0);
    client_leave(&client);
}

static void check_65_under_way(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    say_later(&client, 64);
    client_say(&client, STATUS("\"65th\"") "\n");
    assert_answers(&client, REFUSED("\"65th\"", "too_many"));
    assert_int_equal(client.finished, 0); /* what was taken is still answered */
    client_say(&client, STATUS("1") "\n");
    assert_answers(&client, "");
    while (fake_engine_held(client.engine) > 0)
        fake_engine_resume(client.engine, 0);
    assert_int_equal(count_lines(&client), 64);
    buf_clear(&client.heard);
    assert_closed(&client);
    assert_string_equal(buf_c(&client.logged), "control.closing\n");
    client_leave(&client);
}

static void check_notifications_count(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    say_later(&client, 63);
    client_say(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"refresh\",\"params\":{\"connection\":"
                        "\"later\"}}\n" STATUS("1") "\n");
    assert_answers(&client, REFUSED("1", "too_many"));
    client_leave(&client);
}

static void say_batch(struct client *client, int count, const char *member)
{
    CLEANUP(buf_deinit) struct buf line = {0};
    for (int i = 0; i < count; i++)
        buf_printf(&line, "%s%s", i == 0 ? "[" : ",", member);
    buf_append(&line, STR("]\n"));
    session_feed(client->session, buf_str(&line), client_now(client));
}

static void check_batch_of_64(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    say_batch(&client, 64, STATUS("1"));
    assert_answers(&client, "[{*}]\n");
    assert_int_equal(fake_engine_called(client.engine), 64);
    assert_open(&client);
    client_leave(&client);
}

static void check_batch_of_65(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    say_batch(&client, 65, STATUS("1"));
    assert_answers(&client, REFUSED("null", "too_many"));
    assert_int_equal(fake_engine_called(client.engine), 0);
    assert_closed(&client);
    client_leave(&client);
}

static void check_batch_over_what_is_under_way(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    say_later(&client, 60);
    say_batch(&client, 4, STATUS("1"));
    assert_answers(&client, "[{*}]\n");
    say_batch(&client, 5, STATUS("1"));
    assert_answers(&client, REFUSED("null", "too_many"));
    assert_int_equal(fake_engine_called(client.engine), 64);
    client_leave(&client);
}

/* Answers that nobody reads. */

#define LARGE(id)                                                                           \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"refresh\",\"params\":{\"connection\":" \
    "\"large\"}}"

static void check_backlog(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client.reads_slowly = true;
    client_say(&client, LATER("9") "\n" LARGE("1") "\n" LARGE("2") "\n");
    assert_int_equal(count_lines(&client), 2);
    assert_int_equal(client.finished, 0);
    buf_clear(&client.heard);
    client_say(&client, LARGE("3") "\n");
    assert_answers(&client, REFUSED("null", "too_large"));
    assert_int_equal(client.finished, 1);
    fake_engine_resume(client.engine, 0); /* too late for anybody */
    assert_closed(&client);
    client_leave(&client);
}

static void check_backlog_read_in_time(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client.reads_slowly = true;
    for (int i = 0; i < 10; i++) {
        client_say(&client, LARGE("1") "\n");
        client.unread = 0;
        session_drained(client.session, client_now(&client));
    }
    assert_int_equal(count_lines(&client), 10);
    assert_int_equal(client.finished, 0);
    client_leave(&client);
}

static void check_many_small_answers_unread(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client.reads_slowly = true;
    for (int i = 0; i < 200000 && client.finished == 0; i++)
        client_say(&client, STATUS("1") "\n");
    assert_int_equal(client.finished, 1);
    assert_in_range(client.heard.len, CONTROL_BACKLOG_MAX - 1024, CONTROL_BACKLOG_MAX + 1024);
    client_leave(&client);
}

static void check_batch_larger_than_the_backlog(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    say_batch(&client, 3, LARGE("1"));
    assert_answers(&client, REFUSED("null", "too_large"));
    assert_closed(&client);
    client_leave(&client);
}

/* Time for a line. */

static void tick_at(struct client *client, int64_t after_ms)
{
    client->now_ms = FAKE_NOW_MS + after_ms;
    session_tick(client->session, client_now(client));
}

static void check_line_in_10_s(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    assert_int_equal(session_deadline_ms(client.session), TIME_NONE);
    client_say(&client, "{\"jsonrpc\":");
    assert_int_equal(session_deadline_ms(client.session), FAKE_NOW_MS + 10000);
    tick_at(&client, 9999);
    assert_int_equal(client.finished, 0);
    client_say(&client, "\"2.0\",\"id\":1,\"method\":\"status\"}\n");
    assert_answers(&client, "*\"result\":*");
    assert_int_equal(session_deadline_ms(client.session), TIME_NONE);
    tick_at(&client, 100000);
    assert_open(&client);
    client_leave(&client);
}

static void check_drip(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    for (int64_t ms = 0; ms < 10000; ms += 500) {
        tick_at(&client, ms);
        client_say(&client, " ");
    }
    assert_int_equal(session_deadline_ms(client.session), FAKE_NOW_MS + 10000);
    assert_int_equal(client.finished, 0);
    tick_at(&client, 10000);
    assert_answers(&client,
                   "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,*10 s*}}\n");
    assert_closed(&client);
    client_leave(&client);
}

static void check_next_line_has_its_own_time(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, "  ");
    client.now_ms += 6000;
    client_say(&client, STATUS("1") "\n{");
    assert_int_equal(session_deadline_ms(client.session), FAKE_NOW_MS + 16000);
    client_leave(&client);
}

static void check_waiting_for_an_answer_is_no_line(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 0);
    client_say(&client, LATER("1") "\n");
    assert_int_equal(session_deadline_ms(client.session), TIME_NONE);
    tick_at(&client, 1000000);
    assert_int_equal(client.finished, 0);
    client_leave(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_line_of_1_mib),
        cmocka_unit_test(check_line_past_1_mib),
        cmocka_unit_test(check_line_without_end),
        cmocka_unit_test(check_many_values),
        cmocka_unit_test(check_long_id),
        cmocka_unit_test(check_64_under_way),
        cmocka_unit_test(check_65_under_way),
        cmocka_unit_test(check_notifications_count),
        cmocka_unit_test(check_batch_of_64),
        cmocka_unit_test(check_batch_of_65),
        cmocka_unit_test(check_batch_over_what_is_under_way),
        cmocka_unit_test(check_backlog),
        cmocka_unit_test(check_backlog_read_in_time),
        cmocka_unit_test(check_many_small_answers_unread),
        cmocka_unit_test(check_batch_larger_than_the_backlog),
        cmocka_unit_test(check_line_in_10_s),
        cmocka_unit_test(check_drip),
        cmocka_unit_test(check_next_line_has_its_own_time),
        cmocka_unit_test(check_waiting_for_an_answer_is_no_line),
    };
    int failed = RUN_ROWS(depth_rows, check_depth);
    failed += cmocka_run_group_tests_name("limits", tests, NULL, NULL);
    return failed;
}
