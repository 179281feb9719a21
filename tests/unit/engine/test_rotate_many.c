/* What ten thousand connections make of a rotation, a block and a rescope. */
#include "unit/engine/rotate_test.h"

enum { MANY = 10000 };

struct rate {
    size_t last, in_bin, peak, total;
    int64_t bin_ms, first_ms, last_ms;
};

static void watch_rate(void *ctx, struct world *world)
{
    struct rate *rate = ctx;
    size_t requests = fake_provider_requests(world->provider);
    if (world->clock.ms >= rate->bin_ms + MINUTE) {
        rate->bin_ms = world->clock.ms;
        rate->in_bin = 0;
    }
    rate->in_bin += requests - rate->last;
    rate->total += requests - rate->last;
    rate->peak = MAX_OF(rate->peak, rate->in_bin);
    rate->last = requests;
}

/* Imported over the time between two refreshes: they fall due evenly, as they do in real life. */
static void ten_thousand_outlive_a_secret_that_was_dead_for_ten_minutes(void **state)
{
    struct world *world = *state;
    world_register(world, "gcal", "app_user", "rotating", "client-gcal", "s1");
    for (int i = 0; i < MANY; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        world_import(world, "gcal", id);
        world_run(world, 297);
    }
    world_run(world, 3 * HOUR);
    size_t connected = world_events(world, "connection.connected", NULL);
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    while (world_events(world, "connector.credentials_rejected", NULL) == 0)
        world_run(world, 100);
    struct rate rate = {.last = fake_provider_requests(world->provider), .bin_ms = world->clock.ms};
    world->watch = watch_rate;
    world->watch_ctx = &rate;
    world_run(world, 10 * MINUTE);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    rotate(world, "\"client_secret\":\"s2\"");
    world_run(world, 50 * MINUTE); /* each has been refreshed once */
    world->watch = NULL;
    assert_events(world, "connector.credentials_rejected", NULL, 1);
    assert_events(world, "connector.rotated", NULL, 1);
    assert_events(world, "connector.credentials_recovered", NULL, 1);
    assert_int_equal(fake_store_event_count(world->store),
                     connected + 4); /* and the registration */
    assert_int_equal(count_fresh(world), MANY);
    size_t mean = rate.total / 60;
    if (rate.peak > 2 * mean)
        fail_msg("peak of %zu a minute, mean %zu", rate.peak, mean);
}

static void what_gathered_while_it_was_disabled_comes_back_evenly(void **state)
{
    enum { PEOPLE = 2000, SPREAD_MIN = 20 };
    struct world *world = *state;
    given_gcal(world, PEOPLE);
    world_run(world, 3 * HOUR);
    assert_done(world_do(world, RPC_DISABLE, "{\"connector\":\"gcal\"}"));
    world_run(world, 6 * HOUR);
    assert_int_equal(count_fresh(world), 0);
    struct rate rate = {.last = fake_provider_requests(world->provider), .bin_ms = world->clock.ms};
    assert_done(world_do(world, RPC_ENABLE, "{\"connector\":\"gcal\"}"));
    world->watch = watch_rate;
    world->watch_ctx = &rate;
    world_run(world, SPREAD_MIN * MINUTE);
    world->watch = NULL;
    assert_int_equal(count_fresh(world), PEOPLE);
    assert_in_range(rate.total, PEOPLE, PEOPLE + PEOPLE / 10);
    size_t mean = rate.total / SPREAD_MIN;
    if (rate.peak > 2 * mean)
        fail_msg("peak of %zu a minute, mean %zu", rate.peak, mean);
}

static void ten_thousand_are_rescoped_across_three_crashes(void **state)
{
    struct world *world = *state;
    given_gcal(world, MANY);
    world_do(world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"read\"]}");
    for (int i = 0; i < 3; i++) {
        world_run(world, 500);
        const struct sweep *sweep = &fake_store_connector(world->store, STR("gcal"))->sweep;
        assert_true(sweep->scopes_version != 0 && sweep->done > 0 && sweep->done < MANY);
        world_crash(world);
    }
    world_run(world, MINUTE);
    assert_events(world, "connection.needs_reconnect", NULL, MANY);
    size_t told = 0;
    for (const struct connection *c = NULL; (c = fake_store_next(world->store, c)) != NULL;)
        told += c->alert_seq != 0;
    assert_int_equal(told, MANY); /* each has its own: one event, one connection */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(ten_thousand_outlive_a_secret_that_was_dead_for_ten_minutes),
        ROW(what_gathered_while_it_was_disabled_comes_back_evenly),
        ROW(ten_thousand_are_rescoped_across_three_crashes),
    };
    return cmocka_run_group_tests_name("rotate for ten thousand", tests, NULL, NULL);
}
