/* Who is told to reconnect, how often, and who is not (docs/behaviour.md "States and reasons").
 */
#include "unit/engine/engine_test.h"

static struct fake_grant *given(struct world *world, const char *profile, const char *id)
{
    if (fake_store_connector(world->store, STR("gcal")) == NULL)
        world_register(world, "gcal", "app_user", profile, "client-gcal", "s1");
    return world_import(world, "gcal", id);
}

static const struct fake_answer unavailable = {.kind = FAKE_STATUS, .count = -1, .status = 503};

static void a_dead_grant_is_told_once_with_who_must_do_what(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "rotating", "c-ana");
    world_run(world, 2 * HOUR);
    ana->is_dead = true;
    world_run(world, DAY);
    assert_state(world, "c-ana", "needs_reconnect");
    assert_reason(world, "c-ana", "grant_rejected");
    assert_events(world, "connection.needs_reconnect", "c-ana", 1);
    assert_event_text(world, "connection.needs_reconnect", "c-ana", "class", "cannot_refresh");
    assert_event_text(world, "connection.needs_reconnect", "c-ana", "remedy.action", "reconnect");
    assert_event_text(world, "connection.needs_reconnect", "c-ana", "remedy.actor_id", "c-ana");
    assert_event_text(world, "connection.needs_reconnect", "c-ana", "remedy.surface", "in_app");
    assert_event_text(world, "connection.needs_reconnect", "c-ana", "state", "needs_reconnect");
    assert_event_text(world, "connection.needs_reconnect", "c-ana", "previous_state", "active");
    assert_event_text(world, "connection.needs_reconnect", "c-ana", "provider_error.code",
                      "invalid_grant");
}

static void a_refused_token_is_never_sent_again_restarts_included(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "rotating", "c-ana");
    ana->is_dead = true;
    world_run(world, 2 * HOUR);
    assert_int_equal(ana->presented, 1);
    for (int i = 0; i < 5; i++) {
        world_crash(world);
        world_run(world, 6 * HOUR);
    }
    assert_int_equal(ana->presented, 1);
    assert_failed_with(world_do(world, RPC_REFRESH, "{\"connection\":\"c-ana\"}"),
                       "needs_reconnect");
    assert_failed_with(world_do(world, RPC_TOKEN, "{\"connection\":\"c-ana\"}"), "needs_reconnect");
    assert_int_equal(ana->presented, 1);
    assert_events(world, "connection.needs_reconnect", NULL, 1);
}

static void an_operator_may_force_it_and_a_live_one_recovers(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "rotating", "c-ana");
    ana->is_dead = true;
    world_run(world, 2 * HOUR);
    struct world_call *call =
        world_do(world, RPC_REFRESH, "{\"connection\":\"c-ana\",\"force\":true}");
    assert_done(call);
    assert_true(str_eq(world_text(call, "outcome"), STR("grant_dead")));
    assert_int_equal(ana->presented, 2);
    assert_events(world, "connection.needs_reconnect", NULL, 1);
    ana->is_dead = false; /* the provider was wrong */
    call = world_do(world, RPC_REFRESH, "{\"connection\":\"c-ana\",\"force\":true}");
    assert_true(str_eq(world_text(call, "outcome"), STR("refreshed")));
    assert_state(world, "c-ana", "active");
    assert_events(world, "connection.recovered", "c-ana", 1);
}

static void days_of_failures_send_nobody_to_reconnect(struct world *world,
                                                      struct fake_answer answer)
{
    struct fake_grant *ana = given(world, "rotating", "c-ana");
    struct fake_grant *bob = given(world, "rotating", "c-bob");
    fake_provider_play(world->provider, NULL, answer);
    world_run(world, 2 * DAY);
    world_run(world, 2 * DAY);
    assert_events(world, "connection.needs_reconnect", NULL, 0);
    assert_state(world, "c-ana", "retrying");
    /* Capped: one try in at most five minutes, and few at the beginning. */
    assert_in_range(ana->presented, 100, 4 * 24 * 12 * 3);
    assert_in_range(bob->presented, 100, 4 * 24 * 12 * 3);
    fake_provider_play(world->provider, NULL, (struct fake_answer){0});
    world_run(world, 10 * MINUTE);
    assert_state(world, "c-ana", "active");
    assert_state(world, "c-bob", "active");
    assert_true(world_connection(world, "c-ana")->expires_ms > world->clock.ms);
}

static void four_days_of_503_do_not(void **state)
{
    days_of_failures_send_nobody_to_reconnect(*state, unavailable);
}

static void four_days_of_429_do_not(void **state)
{
    days_of_failures_send_nobody_to_reconnect(
        *state, (struct fake_answer){.kind = FAKE_STATUS, .count = -1, .status = 429});
}

static void four_days_of_html_do_not(void **state)
{
    days_of_failures_send_nobody_to_reconnect(*state,
                                              (struct fake_answer){.kind = FAKE_STATUS,
                                                                   .count = -1,
                                                                   .status = 200,
                                                                   .body = "<html>Sign in</html>",
                                                                   .content_type = "text/html"});
}

static void four_days_without_a_connection_do_not(void **state)
{
    days_of_failures_send_nobody_to_reconnect(
        *state, (struct fake_answer){.kind = FAKE_NOT_SENT, .count = -1});
}

static void four_days_of_timeouts_do_not(void **state)
{
    days_of_failures_send_nobody_to_reconnect(
        *state, (struct fake_answer){.kind = FAKE_LOST_REQUEST, .count = -1});
}

static void a_valid_token_is_served_while_its_refresh_fails(void **state)
{
    struct world *world = *state;
    given(world, "rotating", "c-ana");
    fake_provider_play(world->provider, NULL, unavailable);
    world_run(world, 58 * MINUTE);
    assert_state(world, "c-ana", "retrying");
    assert_done(world_do(world, RPC_TOKEN, "{\"connection\":\"c-ana\"}"));
    world_run(world, 10 * MINUTE);
    assert_failed_with(world_do(world, RPC_TOKEN, "{\"connection\":\"c-ana\"}"),
                       "provider_unavailable");
}

static void retry_after_holds_the_whole_client(void **state)
{
    struct world *world = *state;
    given(world, "static", "c-ana");
    struct fake_grant *bob = given(world, "static", "c-bob");
    fake_provider_play(
        world->provider, NULL,
        (struct fake_answer){.kind = FAKE_STATUS, .count = 1, .status = 429, .retry_after = "900"});
    world_do(world, RPC_REFRESH, "{\"connection\":\"c-ana\"}");
    int64_t asked_ms = world->clock.ms;
    world_ask(world, RPC_TOKEN, "{\"connection\":\"c-bob\",\"min_valid_s\":3595}");
    world_run(world, 14 * MINUTE);
    assert_int_equal(fake_provider_requests(world->provider), 1);
    world_run(world, 2 * MINUTE);
    assert_true(fake_provider_requests(world->provider) >= 2);
    assert_true(bob->presented == 0 || bob->last_presented_ms >= asked_ms + 15 * MINUTE - SECOND);
}

static void a_lost_answer_is_asked_for_again_in_time(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "rotating", "c-ana");
    ana->grace_ms = 30 * SECOND;
    fake_provider_play(world->provider, ana,
                       (struct fake_answer){.kind = FAKE_LOST_ANSWER, .count = 1});
    world_run(world, HOUR);
    assert_int_equal(ana->presented, 2);
    assert_state(world, "c-ana", "active");
    world_run(world, DAY);
    assert_events(world, "connection.needs_reconnect", NULL, 0);
}

static void a_lost_successor_is_called_rotation_lost(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "rotating", "c-ana");
    ana->grace_ms = 0;
    fake_provider_play(world->provider, ana,
                       (struct fake_answer){.kind = FAKE_LOST_ANSWER, .count = 1});
    world_run(world, 2 * HOUR);
    assert_reason(world, "c-ana", "rotation_lost");
    assert_events(world, "connection.needs_reconnect", "c-ana", 1);
}

static void an_answer_cut_short_is_kept_for_an_operator(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "rotating", "c-ana");
    ana->grace_ms = 30 * SECOND;
    fake_provider_play(world->provider, ana,
                       (struct fake_answer){.kind = FAKE_TRUNCATED, .count = 1});
    world_run(world, HOUR);
    assert_int_equal(fake_store_rescued(world->store, STR("c-ana")), 1);
    assert_state(world, "c-ana", "active");
}

static void four_days_past_its_end_while_others_succeed_is_exhausted(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "static", "c-ana");
    given(world, "static", "c-bob");
    fake_provider_play(world->provider, ana, unavailable);
    for (int day = 0; day < 4; day++)
        world_run(world, DAY);
    assert_state(world, "c-ana", "retrying");
    world_run(world, 3 * HOUR);
    assert_reason(world, "c-ana", "refresh_exhausted");
    assert_events(world, "connection.needs_reconnect", NULL, 1);
    fake_provider_play(world->provider, ana, (struct fake_answer){0});
    world_run(world, DAY + HOUR); /* tried daily */
    assert_state(world, "c-ana", "active");
    assert_events(world, "connection.recovered", "c-ana", 1);
}

static void without_others_it_stays_retrying(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "static", "c-ana");
    fake_provider_play(world->provider, ana, unavailable);
    for (int day = 0; day < 8; day++)
        world_run(world, DAY);
    assert_state(world, "c-ana", "retrying");
    assert_events(world, "connection.needs_reconnect", NULL, 0);
}

static void without_a_refresh_token_its_end_is_told(void **state)
{
    struct world *world = *state;
    given(world, "static", "c-ana");
    assert_done(world_do(world, RPC_IMPORT,
                         "{\"connector\":\"gcal\",\"connection\":\"c-bob\",\"owner\":{\"app\":"
                         "\"crm\",\"user\":\"bob\"},\"tokens\":{\"access_token\":\"at-x\","
                         "\"expires_in\":600}}"));
    assert_done(world_do(world, RPC_TOKEN, "{\"connection\":\"c-bob\"}"));
    world_run(world, 11 * MINUTE);
    assert_reason(world, "c-bob", "refresh_token_missing");
    assert_events(world, "connection.needs_reconnect", "c-bob", 1);
}

static void fewer_scopes_are_an_advisory_said_once(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "rotating", "c-ana");
    ana->scope = "read";
    world_run(world, 12 * HOUR);
    assert_reason(world, "c-ana", "scopes_reduced");
    assert_events(world, "connection.needs_reconnect", "c-ana", 1);
    assert_event_text(world, "connection.needs_reconnect", "c-ana", "severity", "advisory");
    assert_event_text(world, "connection.needs_reconnect", "c-ana", "grant_alive", "true");
    assert_done(world_do(world, RPC_TOKEN, "{\"connection\":\"c-ana\"}"));
    ana->scope = "read write";
    world_run(world, 2 * HOUR);
    assert_state(world, "c-ana", "active");
    assert_events(world, "connection.recovered", "c-ana", 1);
}

static void one_dead_grant_says_nothing_about_another(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "rotating", "c-ana");
    given(world, "rotating", "c-bob");
    ana->is_dead = true;
    world_run(world, DAY);
    assert_state(world, "c-bob", "active");
    assert_events(world, "connection.needs_reconnect", "c-bob", 0);
}

static void a_step_of_the_wall_clock_changes_no_presentation(void **state)
{
    struct world *world = *state;
    struct fake_grant *ana = given(world, "rotating", "c-ana");
    world_run(world, 6 * HOUR);
    size_t before = ana->presented;
    world->clock.wall_offset_ms = 10 * (int64_t)365 * DAY;
    world_run(world, 6 * HOUR);
    assert_in_range(ana->presented, before + 6, before + 8);
    assert_state(world, "c-ana", "active");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_dead_grant_is_told_once_with_who_must_do_what),
        ROW(a_refused_token_is_never_sent_again_restarts_included),
        ROW(an_operator_may_force_it_and_a_live_one_recovers),
        ROW(four_days_of_503_do_not),
        ROW(four_days_of_429_do_not),
        ROW(four_days_of_html_do_not),
        ROW(four_days_without_a_connection_do_not),
        ROW(four_days_of_timeouts_do_not),
        ROW(a_valid_token_is_served_while_its_refresh_fails),
        ROW(retry_after_holds_the_whole_client),
        ROW(a_lost_answer_is_asked_for_again_in_time),
        ROW(a_lost_successor_is_called_rotation_lost),
        ROW(an_answer_cut_short_is_kept_for_an_operator),
        ROW(four_days_past_its_end_while_others_succeed_is_exhausted),
        ROW(without_others_it_stays_retrying),
        ROW(without_a_refresh_token_its_end_is_told),
        ROW(fewer_scopes_are_an_advisory_said_once),
        ROW(one_dead_grant_says_nothing_about_another),
        ROW(a_step_of_the_wall_clock_changes_no_presentation),
    };
    return cmocka_run_group_tests_name("verdicts", tests, NULL, NULL);
}
