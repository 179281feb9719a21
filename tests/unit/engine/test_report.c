/* An API refuses an access token: one refresh tells whether the grant lives (SPEC "Noticing
 * early").
 */
#include "unit/engine/engine_test.h"

#include "common/encoding.h"
#include "common/secret.h"

static void hash_hex(const char *token, char hex[SECRET_HASH_HEX + 1])
{
    uint8_t hash[SECRET_HASH_BYTES];
    secret_sha256(str_c(token), hash);
    struct buf text = {0};
    encoding_hex((struct str){.data = (const char *)hash, .len = sizeof(hash)}, &text);
    str_copy_cut(buf_str(&text), hex, SECRET_HASH_HEX + 1);
    buf_deinit(&text);
}

static struct fake_grant *given(struct world *world, const char *profile)
{
    world_register(world, "gcal", "app_user", profile, "client-gcal", "s1");
    struct fake_grant *ana = world_import(world, "gcal", "c-ana");
    world->roles = RPC_ROLE_PLATFORM | RPC_ROLE_OPERATOR;
    return ana;
}

static struct world_call *ask_report(struct world *world, const char *more)
{
    return world_ask(world, RPC_REPORT, "{\"connection\":\"c-ana\",\"status\":401%s}", more);
}

static struct world_call *report(struct world *world, const char *more)
{
    struct world_call *call = ask_report(world, more);
    world_wait(world, call);
    return call;
}

static void assert_verdict(const struct world_call *call, const char *verdict)
{
    assert_done(call);
    assert_true(str_eq(world_text(call, "verdict"), str_c(verdict)));
}

static struct world_call *report_token(struct world *world, const char *token)
{
    char hex[SECRET_HASH_HEX + 1], more[128];
    hash_hex(token, hex);
    snprintf(more, sizeof(more), ",\"token_sha256\":\"%s\"", hex);
    return report(world, more);
}

static void a_reported_token_is_refreshed_at_once(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "rotating");
    char token[FAKE_TOKEN_SIZE];
    fake_grant_access_token(ana, token);
    assert_verdict(report_token(world, token), "refreshed"); /* seconds after it came */
    assert_int_equal(ana->refreshed, 1);
    fake_grant_access_token(ana, token);
    world_run(world, SECOND);
    assert_verdict(report_token(world, token), "refreshed"); /* the next one too: no gap */
    assert_int_equal(ana->refreshed, 2);
    assert_state(world, "c-ana", "active");
    assert_int_equal(world_connection(world, "c-ana")->suspected_by, SUSPECTED_BY_NOBODY);
}

static void of_a_token_that_was_replaced_one_is_told_to_fetch_again(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "rotating");
    char token[FAKE_TOKEN_SIZE];
    fake_grant_access_token(ana, token);
    world_do(world, RPC_REFRESH, "{\"connection\":\"c-ana\"}");
    assert_verdict(report_token(world, token), "fetch_again");
    assert_int_equal(ana->presented, 1);
}

static void many_reports_of_one_token_cost_one_check(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "rotating");
    struct world_call *calls[100];
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        calls[i] = ask_report(world, "");
    world_run(world, 10 * SECOND);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        assert_verdict(calls[i], "refreshed");
    assert_verdict(report(world, ""), "refreshed"); /* a straggler that names no token */
    assert_int_equal(ana->presented, 1);
    world_run(world, MINUTE);
    assert_verdict(report(world, ""), "refreshed"); /* it must mean the new one */
    assert_int_equal(ana->presented, 2);
}

static void a_dead_grant_is_found_by_a_report(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "rotating");
    ana->is_dead = true;
    assert_verdict(report(world, ""), "needs_reconnect");
    assert_reason(world, "c-ana", "grant_rejected");
    assert_event_text(world, "connection.needs_reconnect", "c-ana", "detail", "after_report");
    assert_event_text(world, "connection.needs_reconnect", "c-ana", "token_usable_until", "null");
    assert_failed_with(world_do(world, RPC_TOKEN, "{\"connection\":\"c-ana\"}"), "needs_reconnect");
    assert_verdict(report(world, ""), "needs_reconnect"); /* and asks nobody again */
    assert_int_equal(ana->presented, 1);
    assert_events(world, "connection.needs_reconnect", NULL, 1);
}

static void many_reports_of_a_dead_grant_cost_one_check_too(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "rotating");
    ana->is_dead = true;
    struct world_call *calls[20];
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        calls[i] = ask_report(world, "");
        world_run(world, 100); /* also while the verdict settles */
    }
    world_run(world, MINUTE);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        assert_verdict(calls[i], "needs_reconnect");
    assert_int_equal(ana->presented, 1);
    assert_events(world, "connection.needs_reconnect", NULL, 1);
}

static void a_provider_that_is_away_leaves_it_open(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "static");
    fake_provider_play(
        world->provider, ana,
        (struct fake_answer){.kind = FAKE_STATUS, .count = -1, .status = 503, .body = ""});
    assert_verdict(report(world, ""), "unknown");
    assert_verdict(report(world, ""), "unknown"); /* the retry has its time */
    assert_int_equal(ana->presented, 1);
    assert_state(world, "c-ana", "retrying");
    ana->is_dead = true;
    fake_provider_play(world->provider, ana, (struct fake_answer){0});
    world_run(world, 10 * MINUTE);
    assert_event_text(world, "connection.needs_reconnect", "c-ana", "detail", "after_report");
}

static void the_suspicion_outlives_the_process(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "static");
    fake_provider_play(world->provider, ana,
                       (struct fake_answer){.kind = FAKE_NOT_SENT, .count = 1});
    ask_report(world, "");
    world_run(world, 100);
    ana->is_dead = true;
    world_crash(world);
    world_run(world, 10 * MINUTE);
    assert_event_text(world, "connection.needs_reconnect", "c-ana", "detail", "after_report");
}

static void only_a_401_or_a_403_for_the_token_counts(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "rotating");
    static const struct {
        const char *name;
        int status;
        const char *challenge;
        bool counts;
    } rows[] = {
        {"a server error", 500, "", false},
        {"too many", 429, "", false},
        {"a success", 200, "", false},
        {"forbidden", 403, "", false},
        {"not that scope", 403, "Bearer error=\\\"insufficient_scope\\\"", false},
        {"invalid token", 403, "Bearer realm=\\\"x\\\", error=\\\"invalid_token\\\"", true},
        {"another scheme's", 403, "Digest error=\\\"invalid_token\\\"", false},
        {"unauthorized, whatever it says", 401, "Negotiate", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t before = ana->presented;
        const struct world_call *call =
            world_do(world, RPC_REPORT,
                     "{\"connection\":\"c-ana\",\"status\":%d,\"www_authenticate\":\"%s\"}",
                     rows[i].status, rows[i].challenge);
        if (!str_eq(world_text(call, "verdict"),
                    rows[i].counts ? STR("refreshed") : STR("unknown")) ||
            (ana->presented > before) != rows[i].counts)
            fail_msg("%s: " STR_FMT, rows[i].name, STR_ARG(world_text(call, "verdict")));
        world_run(world, MINUTE);
    }
}

static void what_cannot_be_asked_stays_unknown(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "rotating");
    assert_done(world_do(world, RPC_DISABLE, "{\"connector\":\"gcal\"}"));
    assert_verdict(report(world, ""), "unknown");
    assert_done(world_do(world, RPC_ENABLE, "{\"connector\":\"gcal\"}"));
    assert_done(world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-ana\"}"));
    assert_failed_with(report(world, ""), "not_connected");
    assert_int_equal(ana->presented, 0);
}

static void reports_are_checked_before_they_are_believed(void **state)
{
    struct world *world = *state;
    given(world, "rotating");
    static const struct {
        const char *name, *params, *word;
    } rows[] = {
        {"no connection of that id", "{\"connection\":\"c-x\",\"status\":401}",
         "unknown_connection"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_failed_with(world_do(world, RPC_REPORT, "%s", rows[i].params), rows[i].word);
    const struct world_call *call = report(world, ",\"token_sha256\":\"xyz\"");
    assert_int_equal(call->code, -32602);
    assert_true(str_eq(world_text(call, "data.path"), STR("token_sha256")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_reported_token_is_refreshed_at_once),
        ROW(of_a_token_that_was_replaced_one_is_told_to_fetch_again),
        ROW(many_reports_of_one_token_cost_one_check),
        ROW(a_dead_grant_is_found_by_a_report),
        ROW(many_reports_of_a_dead_grant_cost_one_check_too),
        ROW(a_provider_that_is_away_leaves_it_open),
        ROW(the_suspicion_outlives_the_process),
        ROW(only_a_401_or_a_403_for_the_token_counts),
        ROW(what_cannot_be_asked_stays_unknown),
        ROW(reports_are_checked_before_they_are_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
