/* Many grants that seem to die at once (docs/behaviour.md "The mass-failure guard"). */
#include "unit/engine/guard_test.h"

/* ---- one grant ---- */

static void a_verdict_settles_for_five_seconds(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", 2);
    fake_provider_grant_at(world->provider, 0)->is_dead = true;
    world_ask(world, RPC_REFRESH, "{\"connection\":\"gcal-0\"}");
    world_run(world, 4500);
    assert_state(world, "gcal-0", "retrying");
    assert_events(world, "connection.needs_reconnect", NULL, 0);
    assert_done(world_do(world, RPC_TOKEN, "{\"connection\":\"gcal-0\"}"));
    world_run(world, 1000);
    assert_state(world, "gcal-0", "needs_reconnect");
    assert_events(world, "connection.needs_reconnect", "gcal-0", 1);
    assert_event_text(world, "connection.needs_reconnect", "gcal-0", "previous_state", "active");
}

static void who_waits_hears_the_verdict_itself(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", 1);
    fake_provider_grant_at(world->provider, 0)->is_dead = true;
    world_run(world, MINUTE);
    struct world_call *token =
        world_ask(world, RPC_TOKEN, "{\"connection\":\"gcal-0\",\"min_valid_s\":3599}");
    struct world_call *refresh = world_ask(world, RPC_REFRESH, "{\"connection\":\"gcal-0\"}");
    world_run(world, 6 * SECOND);
    assert_failed_with(token, "needs_reconnect");
    assert_done(refresh);
    assert_true(str_eq(world_text(refresh, "outcome"), STR("grant_dead")));
    assert_true(str_eq(world_text(refresh, "connection.state"), STR("needs_reconnect")));
    assert_int_equal(fake_provider_grant_at(world->provider, 0)->presented, 1);
}

static void a_new_grant_ends_the_wait(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", 1);
    fake_provider_grant_at(world->provider, 0)->is_dead = true;
    struct world_call *refresh = world_ask(world, RPC_REFRESH, "{\"connection\":\"gcal-0\"}");
    world_run(world, 2 * SECOND);
    world->roles = RPC_ROLE_PLATFORM;
    struct fake_grant *fresh = world_grant(world, "rotating", "client-gcal");
    assert_done(world_import_grant(world, fresh, "gcal", "gcal-0",
                                   "{\"app\":\"crm\",\"user\":\"gcal-0\"}",
                                   ",\"intent\":\"reconnect\",\"acting_user\":\"gcal-0\""));
    world_run(world, 10 * SECOND);
    assert_done(refresh);
    assert_state(world, "gcal-0", "active");
    assert_events(world, "connection.needs_reconnect", NULL, 0);
}

static void a_crash_while_it_settles_loses_and_doubles_nothing(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", 2);
    fake_provider_grant_at(world->provider, 0)->is_dead = true;
    world_ask(world, RPC_REFRESH, "{\"connection\":\"gcal-0\"}");
    world_run(world, 2 * SECOND);
    world_crash(world);
    world_run(world, 4 * SECOND);
    world_crash(world);
    world_run(world, 20 * SECOND);
    assert_state(world, "gcal-0", "needs_reconnect");
    assert_events(world, "connection.needs_reconnect", "gcal-0", 1);
    assert_int_equal(fake_provider_grant_at(world->provider, 0)->presented, 1);
}

static void a_stop_while_it_settles_answers_who_waits(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", 1);
    fake_provider_grant_at(world->provider, 0)->is_dead = true;
    struct world_call *refresh = world_ask(world, RPC_REFRESH, "{\"connection\":\"gcal-0\"}");
    world_run(world, 2 * SECOND);
    engine_drain(world->engine, world_now(world));
    world_run(world, 500);
    assert_true(refresh->is_done);
    world_crash(world);
    world_run(world, 20 * SECOND);
    assert_events(world, "connection.needs_reconnect", "gcal-0", 1);
}

static void four_dead_are_four_people(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", 4);
    everyone_dies(world);
    world_run(world, 2 * HOUR);
    assert_events(world, "connection.needs_reconnect", NULL, 4);
    assert_events(world, "provider.suspect", NULL, 0);
}

/* ---- a provider that errs ---- */

static void ten_minutes_of_a_mistake_end_with_everybody_well(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", PEOPLE);
    world_run(world, 48 * MINUTE); /* they are due from here on, over three minutes */
    provider_errs(world);
    world_run(world, 10 * MINUTE);
    provider_is_well(world);
    world_run(world, 2 * HOUR);
    assert_hardly_anybody_was_told(world);
}

static void the_event_says_what_is_held_and_until_when(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", PEOPLE);
    provider_errs(world);
    world_run(world, HOUR);
    assert_event_text(world, "provider.suspect", "rotating", "provider", "rotating");
    assert_event_text(world, "provider.suspect", "rotating", "connector", "gcal");
    assert_event_text(world, "provider.suspect", "rotating", "window_s", "900");
    char *until = world_event_text(world, "provider.suspect", "rotating", "until");
    assert_non_null(until);
    assert_string_not_equal(until, "null");
    free(until);
    assert_true(held(world) >= PEOPLE - 5);
    struct world_call *show = world_do(world, RPC_SHOW_CONNECTION, "{\"connection\":\"gcal-0\"}");
    assert_true(str_eq(world_text(show, "state"), STR("retrying")) ||
                str_eq(world_text(show, "state"), STR("needs_reconnect")));
}

static void one_that_means_it_is_believed_at_the_end_of_the_hold(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", PEOPLE);
    world_run(world, 48 * MINUTE);
    everyone_dies(world);
    world_run(world, 5 * MINUTE);
    assert_events(world, "provider.suspect", NULL, 1);
    assert_true(world_events(world, "connection.needs_reconnect", NULL) <= 5);
    world_run(world, 62 * MINUTE);
    assert_everyone(world, "gcal", PEOPLE, "needs_reconnect");
    assert_events(world, "connection.needs_reconnect", NULL, PEOPLE);
    assert_events(world, "connection.recovered", NULL, 0);
    world_run(world, DAY);
    assert_events(world, "provider.suspect", NULL, 1);
    assert_events(world, "provider.recovered", NULL, 0);
    /* At 1, 5, 15 and 60 min after the trip, and never again. */
    assert_in_range(fake_provider_grant_at(world->provider, 0)->presented, 4, 5);
}

static void what_dies_after_it_was_believed_is_told_as_it_comes(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", PEOPLE);
    world_run(world, 48 * MINUTE);
    everyone_dies(world);
    world_run(world, 70 * MINUTE);
    world_import(world, "gcal", "late");
    fake_provider_grant_at(world->provider, PEOPLE)->is_dead = true;
    world_do(world, RPC_REFRESH, "{\"connection\":\"late\"}");
    world_run(world, 6 * SECOND);
    assert_state(world, "late", "needs_reconnect");
    assert_events(world, "provider.suspect", NULL, 1);
}

static void the_next_wave_is_another_one(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", PEOPLE);
    for (int wave = 1; wave <= 2; wave++) {
        provider_errs(world);
        world_run(world, HOUR);
        provider_is_well(world);
        world_run(world, 5 * HOUR);
        assert_events(world, "provider.suspect", NULL, (size_t)wave);
        assert_events(world, "provider.recovered", NULL, (size_t)wave);
        assert_everyone(world, "gcal", PEOPLE, "active");
    }
}

static void connectors_of_one_endpoint_are_one_wave(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", 3);
    given_people(world, "docs", "rotating", 3);
    given_people(world, "mail", "rotating", 3);
    world_run(world, 48 * MINUTE);
    provider_errs(world);
    world_run(world, 10 * MINUTE);
    provider_is_well(world);
    world_run(world, 2 * HOUR);
    assert_events(world, "provider.suspect", NULL, 1);
    assert_event_text(world, "provider.suspect", "rotating", "connector", "null");
    size_t told = world_events(world, "connection.needs_reconnect", NULL);
    assert_true(told <= 5);
    assert_events(world, "connection.recovered", NULL, told);
    assert_everyone(world, "gcal", 3, "active");
    assert_everyone(world, "mail", 3, "active");
}

static void another_provider_is_not_suspected_with_it(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", PEOPLE);
    given_people(world, "mail", "static", 2);
    fake_provider_grant_at(world->provider, PEOPLE)->is_dead = true;
    for (size_t i = 0; i < PEOPLE; i++)
        fake_provider_play(world->provider, fake_provider_grant_at(world->provider, i), errs);
    world_run(world, HOUR);
    assert_events(world, "provider.suspect", NULL, 1);
    assert_state(world, "mail-0", "needs_reconnect");
    assert_state(world, "mail-1", "active");
}

/* ---- an operator decides ---- */

static void confirm_tells_everybody_at_once(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", PEOPLE);
    world_run(world, 48 * MINUTE);
    everyone_dies(world);
    world_run(world, 5 * MINUTE);
    size_t presented = fake_provider_requests(world->provider);
    world->roles = RPC_ROLE_OPERATOR;
    struct world_call *call = world_do(world, RPC_CONFIRM, "{\"connector\":\"gcal\"}");
    assert_done(call);
    assert_true(world_number(call, "held") >= PEOPLE - 5);
    world_run(world, 2 * SECOND);
    assert_everyone(world, "gcal", PEOPLE, "needs_reconnect");
    assert_events(world, "connection.needs_reconnect", NULL, PEOPLE);
    world_run(world, DAY);
    assert_int_equal(fake_provider_requests(world->provider), presented);
    assert_events(world, "provider.suspect", NULL, 1);
    assert_events(world, "provider.recovered", NULL, 0);
    call = world_do(world, RPC_CONFIRM, "{\"connector\":\"gcal\"}");
    assert_done(call); /* once more changes nothing */
    assert_int_equal(world_number(call, "held"), 0);
}

static void clear_lets_everybody_go(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", PEOPLE);
    world_run(world, 48 * MINUTE);
    provider_errs(world);
    world_run(world, 3 * MINUTE);
    size_t told = world_events(world, "connection.needs_reconnect", NULL);
    provider_is_well(world);
    assert_done(world_do(world, RPC_CLEAR, "{\"connector\":\"gcal\"}"));
    world_run(world, 90 * SECOND);
    assert_everyone(world, "gcal", PEOPLE, "active");
    assert_events(world, "connection.needs_reconnect", NULL, told);
    assert_events(world, "connection.recovered", NULL, told);
    assert_events(world, "provider.suspect", NULL, 1);
    assert_events(world, "provider.recovered", NULL, 1);
}

static void a_crash_after_a_decision_carries_it_out(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", PEOPLE);
    world_run(world, 48 * MINUTE);
    everyone_dies(world);
    world_run(world, 5 * MINUTE);
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_META,
                                                            .fate = FAKE_WRITE_CRASH_AFTER,
                                                            .count = 1});
    world_do(world, RPC_CONFIRM, "{\"connector\":\"gcal\"}");
    world_run(world, 10 * SECOND);
    assert_everyone(world, "gcal", PEOPLE, "needs_reconnect");
    assert_events(world, "connection.needs_reconnect", NULL, PEOPLE);
}

/* ---- nobody succeeds ---- */

static void days_without_a_success_are_told_once(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "static", 3);
    fake_provider_play(world->provider, NULL,
                       (struct fake_answer){.kind = FAKE_STATUS, .count = -1, .status = 503});
    for (int day = 0; day < 8; day++)
        world_run(world, DAY);
    assert_events(world, "provider.suspect", NULL, 1);
    assert_event_text(world, "provider.suspect", "static", "held", "0");
    assert_event_text(world, "provider.suspect", "static", "until", "null");
    assert_events(world, "connection.needs_reconnect", NULL, 0);
    provider_is_well(world);
    world_run(world, 10 * MINUTE);
    assert_events(world, "provider.recovered", NULL, 1);
    assert_everyone(world, "gcal", 3, "active");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_verdict_settles_for_five_seconds),
        ROW(who_waits_hears_the_verdict_itself),
        ROW(a_new_grant_ends_the_wait),
        ROW(a_crash_while_it_settles_loses_and_doubles_nothing),
        ROW(a_stop_while_it_settles_answers_who_waits),
        ROW(four_dead_are_four_people),
        ROW(ten_minutes_of_a_mistake_end_with_everybody_well),
        ROW(the_event_says_what_is_held_and_until_when),
        ROW(one_that_means_it_is_believed_at_the_end_of_the_hold),
        ROW(what_dies_after_it_was_believed_is_told_as_it_comes),
        ROW(the_next_wave_is_another_one),
        ROW(connectors_of_one_endpoint_are_one_wave),
        ROW(another_provider_is_not_suspected_with_it),
        ROW(confirm_tells_everybody_at_once),
        ROW(clear_lets_everybody_go),
        ROW(a_crash_after_a_decision_carries_it_out),
        ROW(days_without_a_success_are_told_once),
    };
    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
