/* How long a stop may take, whatever is under way and however silent everybody is: as long as the
 * requests that have been sent may take, then 2 s for Redis (docs/operations.md "Start and stop").
 */
#include "engine/errand.h"
#include "engine/outbox.h"
#include "unit/engine/engine_test.h"

enum {
    CALLERS = 100,
    SLACK_MS = 500, /* writes of the store, steps of this test */
    SILENT_MS = 24 * HOUR,
};

static int64_t stop(struct world *world)
{
    int64_t before_ms = world->clock.ms;
    engine_drain(world->engine, world_now(world));
    while (!engine_is_drained(world->engine) && world->clock.ms - before_ms < HOUR)
        world_run(world, 10);
    return world->clock.ms - before_ms;
}

static void people(struct world *world, const char *profile, int count)
{
    world_register(world, "gcal", "app_user", profile, "client-gcal", "s1");
    for (int i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        world_import(world, "gcal", id);
    }
    world_run(world, SECOND);
}

static void freeze_redis(struct world *world)
{
    fake_redis_set_latency(world->redis, SILENT_MS);
}

/* ---- Redis ---- */

static void nothing_under_way_ends_at_once(void **state)
{
    struct world *world = *state;
    people(world, "plain", 3);
    assert_in_range(stop(world), 0, SLACK_MS);
}

static void a_redis_that_is_down_holds_nothing_up(void **state)
{
    struct world *world = *state;
    people(world, "plain", 3);
    fake_redis_set_down(world->redis, true);
    world_do(world, RPC_DISABLE, "{\"connector\":\"gcal\"}");
    world_run(world, MINUTE);
    assert_in_range(stop(world), 0, SLACK_MS);
}

static void a_frozen_redis_holds_a_stop_up_for_two_seconds(void **state)
{
    struct world *world = *state;
    people(world, "plain", 3);
    freeze_redis(world);
    world_do(world, RPC_DISABLE, "{\"connector\":\"gcal\"}");
    world_run(world, 100);
    assert_in_range(stop(world), OUTBOX_DRAIN_MS, OUTBOX_DRAIN_MS + SLACK_MS);
}

/* And what it did not take it gets from the next life. */
static void what_a_frozen_redis_has_missed_comes_after_the_next_start(void **state)
{
    struct world *world = *state;
    people(world, "plain", 3);
    freeze_redis(world);
    world_do(world, RPC_DISABLE, "{\"connector\":\"gcal\"}");
    int64_t before_ms = world->clock.ms;
    world_restart(world);
    assert_in_range(world->clock.ms - before_ms, 0, OUTBOX_DRAIN_MS + SLACK_MS);
    fake_redis_set_latency(world->redis, 1);
    world_run(world, 10 * SECOND);
    assert_int_equal(fake_redis_count(world->redis), fake_store_event_count(world->store));
    assert_true(fake_redis_is_sound(world->redis));
}

static void what_came_of_a_request_in_flight_is_told_before_the_end(void **state)
{
    struct world *world = *state;
    people(world, "plain", 3);
    assert_done(world_do(world, RPC_REGISTER,
                         "{\"connector\":\"gcal\",\"type\":\"app_user\",\"provider\":\"plain\","
                         "\"client_id\":\"client-gcal\",\"scopes\":[\"read\",\"write\"],"
                         "\"policy\":{\"refreshed_events\":true}}"));
    fake_provider_set_latency(world->provider, 10 * SECOND, 0);
    world_ask(world, RPC_REFRESH, "{\"connection\":\"c-1\"}");
    world_run(world, 100);
    assert_in_range(stop(world), 9 * SECOND, 10 * SECOND + SLACK_MS);
    assert_events(world, "connection.refreshed", "c-1", 1);
    assert_int_equal(fake_redis_count(world->redis), fake_store_event_count(world->store));
}

/* ---- all of it at a time ---- */

static struct fake_reply on_revoke(void *ctx UNUSED, const struct oauth_message *message UNUSED)
{
    return (struct fake_reply){.status = 200};
}

static void whatever_is_silent_a_stop_ends_in_time(void **state)
{
    static const struct {
        const char *profile;
        int64_t latency_ms; /* to and fro: more than a request may take */
    } rows[] = {{"plain", 10 * SECOND}, {"rotating", 3 * SECOND}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world *world = world_new(1);
        struct world_call *calls[CALLERS];
        print_message("  %s\n", rows[i].profile);
        world->settings.max_in_flight = 8; /* the others wait in line, or for the wire */
        world_restart(world);
        world_settle(world);
        people(world, rows[i].profile, CALLERS);
        world_register(world, "rev", "app_user", "rotating", "client-rev", "s1");
        world_import(world, "rev", "r-1");
        fake_provider_serve(world->provider, "https://rotating.example/revoke", on_revoke, NULL);
        fake_provider_set_latency(world->provider, rows[i].latency_ms, 0);
        freeze_redis(world);
        world_do(world, RPC_DISCONNECT, "{\"connection\":\"r-1\",\"revoke\":true}");
        for (size_t n = 0; n < CALLERS; n++)
            calls[n] = world_ask(world, RPC_TOKEN,
                                 "{\"connection\":\"c-%zu\",\"min_valid_s\":86400}", n / 2);
        world_run(world, 500);
        assert_true(engine_in_flight(world->engine) > 1);
        assert_in_range(stop(world), SECOND, ERRAND_DEADLINE_MS + OUTBOX_DRAIN_MS + SLACK_MS);
        for (size_t n = 0; n < CALLERS; n++)
            assert_true(calls[n]->is_done);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(nothing_under_way_ends_at_once),
        ROW(a_redis_that_is_down_holds_nothing_up),
        ROW(a_frozen_redis_holds_a_stop_up_for_two_seconds),
        ROW(what_a_frozen_redis_has_missed_comes_after_the_next_start),
        ROW(what_came_of_a_request_in_flight_is_told_before_the_end),
        cmocka_unit_test(whatever_is_silent_a_stop_ends_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
