/* A hold outlives the process: what it knows and how it ends, whenever that dies. */
#include "unit/engine/guard_test.h"

/* ---- crashes ---- */

static void a_crash_in_the_hold_changes_nothing(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", PEOPLE);
    world_run(world, 48 * MINUTE);
    provider_errs(world);
    for (int i = 0; i < 10; i++) {
        world_run(world, MINUTE);
        world_crash(world);
    }
    provider_is_well(world);
    world_run(world, 2 * HOUR);
    assert_hardly_anybody_was_told(world);
}

static void many_that_settle_over_a_crash_are_still_many(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", PEOPLE);
    provider_errs(world);
    everyone_is_refreshed(world);
    world_run(world, 300);
    world_crash(world);
    world_run(world, MINUTE);
    assert_events(world, "provider.suspect", NULL, 1);
    assert_events(world, "connection.needs_reconnect", NULL, 0);
    provider_is_well(world);
    world_run(world, 2 * HOUR);
    assert_everyone(world, "gcal", PEOPLE, "active");
    assert_events(world, "connection.needs_reconnect", NULL, 0);
}

static void a_crash_before_or_after_the_suspicion_is_written(void **state)
{
    static const enum fake_write_fate fates[] = {
        FAKE_WRITE_CRASH_BEFORE, FAKE_WRITE_CRASH_AFTER, FAKE_WRITE_UNCERTAIN_DONE,
        FAKE_WRITE_UNCERTAIN_NOT_DONE, FAKE_WRITE_UNAVAILABLE};
    for (size_t i = 0; i < ARRAY_LEN(fates); i++) {
        struct world *world = world_new(i + 2);
        given_people(world, "gcal", "rotating", PEOPLE);
        provider_errs(world);
        fake_store_fail(world->store, (struct fake_store_fault){
                                          .when = FAKE_STORE_META, .fate = fates[i], .count = 1});
        world_run(world, 70 * MINUTE);
        provider_is_well(world);
        world_run(world, 3 * HOUR);
        assert_events(world, "provider.suspect", NULL, 1);
        assert_events(world, "provider.recovered", NULL, 1);
        assert_everyone(world, "gcal", PEOPLE, "active");
        world_free(world);
    }
    (void)state;
}

/* ---- what a hold knows after a restart ---- */

static void assert_holds(struct world *world, int count)
{
    struct world_call *status = world_do(world, RPC_STATUS, "{}");
    assert_done(status);
    assert_int_equal(json_count(json_get(status->result, "holds")), count);
}

static void assert_shown_as_held(struct world *world, int count)
{
    const struct json *holds = json_get(world_do(world, RPC_STATUS, "{}")->result, "holds");
    assert_int_equal(json_count(holds), 1);
    assert_int_equal(json_i64(json_get(json_at(holds, 0), "held"), -1), count);
}

/* Each save that says of a grant that it lives is uncertain, and has worked. */
static void who_lives_by_an_uncertain_save_ends_the_hold_too(void **state)
{
    struct world *world = *state;
    given_people(world, "gcal", "rotating", PEOPLE);
    provider_errs(world);
    everyone_is_refreshed(world);
    world_run(world, 14 * SECOND);
    assert_int_equal(held(world), PEOPLE);
    assert_shown_as_held(world, PEOPLE);
    provider_is_well(world);
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_SAVES,
                                                            .fate = FAKE_WRITE_UNCERTAIN_DONE,
                                                            .count = -1});
    world_run(world, 2 * MINUTE);
    fake_store_clear_faults(world->store);
    assert_int_equal(held(world), 0);
    world_run(world, 2 * HOUR);
    assert_everyone(world, "gcal", PEOPLE, "active");
    assert_events(world, "provider.recovered", NULL, 1);
    assert_holds(world, 0);
}

/* Twenty verdicts are held, and the process has just been killed and started again. */
static void given_a_crash_in_the_hold(struct world *world)
{
    given_people(world, "gcal", "rotating", PEOPLE);
    provider_errs(world);
    everyone_is_refreshed(world);
    world_run(world, 14 * SECOND);
    assert_int_equal(held(world), PEOPLE);
    world_crash(world);
    world_run(world, 100);
    world->roles = RPC_ROLE_OPERATOR;
}

static void status_says_after_a_crash_what_is_held(void **state)
{
    struct world *world = *state;
    given_a_crash_in_the_hold(world);
    for (int i = 0; i < 2; i++) {
        assert_shown_as_held(world, PEOPLE);
        world_run(world, 70 * SECOND); /* past the first recheck */
    }
}

static void confirm_after_a_crash_ends_the_hold(void **state)
{
    struct world *world = *state;
    given_a_crash_in_the_hold(world);
    struct world_call *call = world_do(world, RPC_CONFIRM, "{\"connector\":\"gcal\"}");
    assert_done(call);
    assert_int_equal(world_number(call, "held"), PEOPLE);
    world_run(world, 2 * SECOND);
    assert_everyone(world, "gcal", PEOPLE, "needs_reconnect");
    assert_events(world, "connection.needs_reconnect", NULL, PEOPLE);
    assert_holds(world, 0);
    assert_events(world, "provider.recovered", NULL, 0);
}

static void clear_after_a_crash_ends_the_hold(void **state)
{
    struct world *world = *state;
    given_a_crash_in_the_hold(world);
    provider_is_well(world);
    assert_done(world_do(world, RPC_CLEAR, "{\"connector\":\"gcal\"}"));
    world_run(world, 2 * SECOND);
    assert_holds(world, 0);
    assert_events(world, "provider.recovered", NULL, 1);
    world_run(world, 90 * SECOND);
    assert_everyone(world, "gcal", PEOPLE, "active");
    assert_events(world, "connection.needs_reconnect", NULL, 0);
}

static void all_who_live_after_a_crash_end_the_hold(void **state)
{
    struct world *world = *state;
    given_a_crash_in_the_hold(world);
    provider_is_well(world);
    world_run(world, 75 * SECOND); /* presented again a minute after it tripped */
    assert_everyone(world, "gcal", PEOPLE, "active");
    assert_holds(world, 0);
    assert_events(world, "provider.recovered", NULL, 1);
    assert_event_text(world, "provider.recovered", "rotating", "held", "20");
}

static void a_crash_after_the_last_verdict_ends_the_hold(void **state)
{
    struct world *world = *state;
    given_a_crash_in_the_hold(world);
    provider_is_well(world);
    for (int i = 0; i < 60 && held(world) > 0; i++)
        world_run(world, SECOND);
    world_crash(world);
    world_run(world, 15 * SECOND);
    assert_holds(world, 0);
    assert_events(world, "provider.recovered", NULL, 1);
}

/* The other connector of the endpoint, which nobody has asked for since the start, has nothing
 * held: for it no hold goes on. */
static void confirm_after_a_crash_is_about_one_connector(void **state)
{
    struct world *world = *state;
    given_people(world, "docs", "rotating", 1);
    given_a_crash_in_the_hold(world);
    assert_done(world_do(world, RPC_CONFIRM, "{\"connector\":\"gcal\"}"));
    world_run(world, 20 * SECOND);
    assert_everyone(world, "gcal", PEOPLE, "needs_reconnect");
    assert_holds(world, 0);
}

static void who_dies_after_it_was_confirmed_is_told(void **state)
{
    struct world *world = *state;
    unsigned roles = world->roles;
    given_a_crash_in_the_hold(world);
    assert_done(world_do(world, RPC_CONFIRM, "{\"connector\":\"gcal\"}"));
    world_run(world, 20 * SECOND);
    world_crash(world);
    world->roles = roles;
    for (int i = 0; i < 8; i++) {
        char id[32];
        snprintf(id, sizeof(id), "late-%d", i);
        world_import(world, "gcal", id);
        world_do(world, RPC_REFRESH, "{\"connection\":\"%s\"}", id);
        world_run(world, 6 * SECOND);
        assert_state(world, id, "needs_reconnect");
    }
    assert_events(world, "provider.suspect", NULL, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_crash_in_the_hold_changes_nothing),
        ROW(many_that_settle_over_a_crash_are_still_many),
        ROW(a_crash_before_or_after_the_suspicion_is_written),
        ROW(who_lives_by_an_uncertain_save_ends_the_hold_too),
        ROW(status_says_after_a_crash_what_is_held),
        ROW(confirm_after_a_crash_ends_the_hold),
        ROW(clear_after_a_crash_ends_the_hold),
        ROW(all_who_live_after_a_crash_end_the_hold),
        ROW(a_crash_after_the_last_verdict_ends_the_hold),
        ROW(confirm_after_a_crash_is_about_one_connector),
        ROW(who_dies_after_it_was_confirmed_is_told),
    };
    return cmocka_run_group_tests_name("guard over a restart", tests, NULL, NULL);
}
