/* Tokens are kept fresh: when, how often, and what is written before and after. */
#include "unit/engine/engine_test.h"

#include "core/pacing.h"
#include "engine/catalog.h"

#include <stdlib.h>

static void given(struct world *world, const char *profile)
{
    world_register(world, "gcal", "app_user", profile, "client-gcal", "s1");
}

static bool is_fresh(const struct world *world, const char *id)
{
    const struct connection *c = world_connection(world, id);
    return c->expires_ms > world->clock.ms;
}

static void a_rotating_token_is_refreshed_before_it_ends(void **state)
{
    struct world *world = *state;
    given(world, "rotating");
    struct fake_grant *ana = world_import(world, "gcal", "c-ana");
    for (int hour = 0; hour < 48; hour++) {
        world_run(world, HOUR);
        assert_true(is_fresh(world, "c-ana"));
    }
    assert_in_range(ana->refreshed, 48, 64);
    assert_int_equal(ana->presented, ana->refreshed);
    assert_int_equal(ana->stale, 0);
    assert_events(world, "connection.needs_reconnect", NULL, 0);
}

static void a_token_that_does_not_rotate_is_refreshed_too(void **state)
{
    struct world *world = *state;
    given(world, "static");
    struct fake_grant *ana = world_import(world, "gcal", "c-ana");
    world_run(world, DAY);
    assert_in_range(ana->refreshed, 24, 32);
    assert_int_equal(ana->serial, 0);
    assert_state(world, "c-ana", "active");
}

static void a_thousand_callers_share_one_request(void **state)
{
    struct world *world = *state;
    given(world, "rotating");
    struct fake_grant *ana = world_import(world, "gcal", "c-ana");
    without_plan(world, "c-ana");
    world_run(world, 2 * HOUR); /* the token has ended, nothing is under way */
    size_t before = ana->presented;
    struct world_call *calls[1000];
    for (int i = 0; i < 1000; i++)
        calls[i] = world_ask(world, RPC_TOKEN, "{\"connection\":\"c-ana\"}");
    world_run(world, 5 * MINUTE);
    for (int i = 0; i < 1000; i++) {
        assert_done(calls[i]);
        assert_true(str_eq(world_text(calls[i], "access_token"), STR("at-0-1")));
    }
    assert_int_equal(ana->presented, before + 1);
}

struct order {
    struct world *world;
    size_t presented_without_intent, presented;
};

static void on_presented(void *ctx, struct fake_grant *grant, struct str token, int64_t deadline_ms)
{
    struct order *order = ctx;
    (void)grant;
    (void)deadline_ms;
    uint8_t print[VAULT_PRINT_BYTES];
    vault_print(order->world->vault, token, print);
    const struct connection *c = world_connection(order->world, "c-ana");
    struct str stored = fake_store_attempt_print(order->world->store, str_c("c-ana"));
    struct str sent = {.data = (const char *)print, .len = sizeof(print)};
    order->presented++;
    if (c->attempt_id == 0 || !str_eq(stored, sent) || !str_eq(c->refresh_print, sent))
        order->presented_without_intent++;
}

static void the_intent_stands_before_the_request_leaves(void **state)
{
    struct world *world = *state;
    given(world, "rotating");
    world_import(world, "gcal", "c-ana");
    struct order order = {.world = world};
    fake_provider_set_hooks(world->provider,
                            (struct fake_provider_hooks){.ctx = &order, .presented = on_presented});
    world_run(world, DAY);
    assert_true(order.presented > 20);
    assert_int_equal(order.presented_without_intent, 0);
    fake_provider_set_hooks(world->provider, (struct fake_provider_hooks){0});
}

static void no_intent_no_request(void **state)
{
    struct world *world = *state;
    given(world, "rotating");
    struct fake_grant *ana = world_import(world, "gcal", "c-ana");
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_INTENTS,
                                                            .fate = FAKE_WRITE_UNAVAILABLE,
                                                            .count = -1});
    world_run(world, 2 * HOUR);
    assert_int_equal(ana->presented, 0);
    const struct world_call *call = world_do(world, RPC_REFRESH, "{\"connection\":\"c-ana\"}");
    assert_failed_with(call, "store_unavailable");
    fake_store_clear_faults(world->store);
    world_run(world, 10 * SECOND);
    assert_int_equal(ana->refreshed, 1);
    assert_events(world, "connection.needs_reconnect", NULL, 0);
}

static void an_intent_of_which_nothing_is_known_presents_once(void **state,
                                                              enum fake_write_fate fate)
{
    struct world *world = *state;
    given(world, "rotating");
    struct fake_grant *ana = world_import(world, "gcal", "c-ana");
    fake_store_fail(world->store, (struct fake_store_fault){
                                      .when = FAKE_STORE_INTENTS, .fate = fate, .count = 1});
    world_run(world, HOUR);
    assert_int_equal(ana->presented, 1);
    assert_int_equal(ana->refreshed, 1);
    assert_int_equal(world_connection(world, "c-ana")->attempt_id, 0);
}

static void an_intent_uncertain_and_done_presents_once(void **state)
{
    an_intent_of_which_nothing_is_known_presents_once(state, FAKE_WRITE_UNCERTAIN_DONE);
}

static void an_intent_uncertain_and_not_done_presents_once(void **state)
{
    an_intent_of_which_nothing_is_known_presents_once(state, FAKE_WRITE_UNCERTAIN_NOT_DONE);
}

static void nobody_hears_of_an_answer_before_it_is_durable(void **state)
{
    struct world *world = *state;
    given(world, "rotating");
    struct fake_grant *ana = world_import(world, "gcal", "c-ana");
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_SAVES,
                                                            .fate = FAKE_WRITE_UNAVAILABLE,
                                                            .count = -1});
    world_run(world, MINUTE);
    struct world_call *call = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-ana\"}");
    world_run(world, 10 * MINUTE);
    assert_false(call->is_done);
    assert_int_equal(ana->presented, 1); /* nothing further is sent for that connection */
    assert_false(engine_is_drained(world->engine));
    fake_store_clear_faults(world->store);
    world_run(world, SECOND);
    assert_done(call);
    assert_int_equal(ana->presented, 1);
    assert_true(str_eq(world_text(call, "outcome"), STR("refreshed")));
}

static void a_save_that_fails_is_repeated(void **state, enum fake_write_fate fate)
{
    struct world *world = *state;
    given(world, "rotating");
    struct fake_grant *ana = world_import(world, "gcal", "c-ana");
    fake_store_fail(world->store,
                    (struct fake_store_fault){.when = FAKE_STORE_SAVES, .fate = fate, .count = 3});
    struct world_call *call = world_do(world, RPC_REFRESH, "{\"connection\":\"c-ana\"}");
    assert_done(call);
    assert_true(str_eq(world_text(call, "outcome"), STR("refreshed")));
    assert_int_equal(ana->presented, 1);
    world_run(world, 6 * HOUR);
    assert_int_equal(ana->presented, ana->refreshed);
    assert_int_equal(ana->stale, 0);
    assert_int_equal(fake_store_rescued(world->store, str_c("c-ana")), 0);
}

static void a_save_unavailable_is_repeated(void **state)
{
    a_save_that_fails_is_repeated(state, FAKE_WRITE_UNAVAILABLE);
}

static void a_save_uncertain_and_done_is_seen_to_be(void **state)
{
    a_save_that_fails_is_repeated(state, FAKE_WRITE_UNCERTAIN_DONE);
}

static void a_save_uncertain_and_not_done_is_repeated(void **state)
{
    a_save_that_fails_is_repeated(state, FAKE_WRITE_UNCERTAIN_NOT_DONE);
}

static void after_a_crash_the_open_attempt_goes_first(void **state)
{
    struct world *world = *state;
    given(world, "rotating");
    struct fake_grant *ana = world_import(world, "gcal", "c-ana");
    fake_provider_play(world->provider, ana,
                       (struct fake_answer){.kind = FAKE_LOST_ANSWER, .count = 1});
    world_ask(world, RPC_REFRESH, "{\"connection\":\"c-ana\"}");
    world_run(world, 500);
    assert_int_equal(ana->presented, 1);
    assert_int_equal(ana->serial, 1); /* over there it was rotated */
    world_crash(world);
    int64_t start_ms = world->clock.ms;
    world_run(world, 2 * SECOND);
    assert_int_equal(ana->presented, 2);
    assert_true(ana->last_presented_ms < start_ms + 2 * SECOND);
    assert_int_equal(ana->refreshed, 2);
    assert_state(world, "c-ana", "active");
    assert_events(world, "connection.needs_reconnect", NULL, 0);
}

static void a_crash_after_the_commit_presents_nothing_twice(void **state)
{
    struct world *world = *state;
    given(world, "rotating");
    struct fake_grant *ana = world_import(world, "gcal", "c-ana");
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_SAVES,
                                                            .fate = FAKE_WRITE_CRASH_AFTER,
                                                            .count = 1});
    world_run(world, HOUR);
    assert_int_equal(world->crashes, 1);
    assert_int_equal(ana->presented, 1);
    world_run(world, DAY);
    assert_int_equal(ana->stale, 0);
}

static void ten_thousand_open_attempts_are_resolved_first(void **state)
{
    struct world *world = *state;
    given(world, "rotating");
    world->settings.max_in_flight = 1024;
    world_restart(world);
    world_settle(world);
    fake_provider_set_latency(world->provider, 20, 0);
    enum { MANY = 300 };
    for (int i = 0; i < MANY; i++) {
        char id[32];
        snprintf(id, sizeof(id), "c-%04d", i);
        world_import(world, "gcal", id);
    }
    for (int i = 0; i < MANY; i++)
        world_ask(world, RPC_REFRESH, "{\"connection\":\"c-%04d\"}", i);
    fake_provider_set_latency(world->provider, 60 * SECOND, 0);
    world_run(world, 5 * SECOND);
    world_crash(world);
    fake_provider_set_latency(world->provider, 20, 0);
    fake_store_set_latency(world->store, 0);
    world_run(world, 2 * SECOND);
    size_t open = 0;
    for (const struct connection *c = NULL; (c = fake_store_next(world->store, c)) != NULL;)
        open += c->attempt_id != 0;
    assert_int_equal(open, 0);
}

static void stopping_finishes_what_is_in_flight_and_starts_nothing(void **state)
{
    struct world *world = *state;
    given(world, "rotating");
    struct fake_grant *ana = world_import(world, "gcal", "c-ana");
    struct fake_grant *bob = world_import(world, "gcal", "c-bob");
    fake_provider_set_latency(world->provider, 3 * SECOND, 0);
    struct world_call *first = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-ana\"}");
    world_run(world, 100);
    engine_drain(world->engine, world_now(world));
    struct world_call *second = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-bob\"}");
    world_run(world, 10 * SECOND);
    assert_done(first);
    assert_failed_with(second, "busy");
    assert_true(engine_is_drained(world->engine));
    assert_int_equal(ana->refreshed, 1);
    assert_int_equal(bob->presented, 0);
}

static void stopping_answers_those_who_wait_in_line(void **state)
{
    struct world *world = *state;
    world->settings.max_in_flight = 1;
    world_restart(world);
    world_settle(world);
    given(world, "rotating");
    world_import(world, "gcal", "c-ana");
    struct fake_grant *bob = world_import(world, "gcal", "c-bob");
    fake_provider_set_latency(world->provider, 5 * SECOND, 0);
    world_ask(world, RPC_REFRESH, "{\"connection\":\"c-ana\"}");
    world_run(world, 100);
    struct world_call *waiting = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-bob\"}");
    world_run(world, 100);
    engine_drain(world->engine, world_now(world));
    world_run(world, 20 * SECOND);
    assert_true(waiting->is_done);
    assert_int_equal(bob->presented, 0);
    assert_true(engine_is_drained(world->engine));
}

static void one_at_a_time(struct world *world)
{
    world->settings.max_in_flight = 1;
    world_restart(world);
    world_settle(world);
    given(world, "rotating");
}

static void the_next_goes_on_while_one_is_saved(void **state)
{
    struct world *world = *state;
    one_at_a_time(world);
    struct fake_grant *ana = world_import(world, "gcal", "c-ana");
    world_import(world, "gcal", "c-bob");
    fake_store_set_latency(world->store, 200);
    struct world_call *first = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-ana\"}");
    struct world_call *second = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-bob\"}");
    for (int i = 0; i < 100 && ana->refreshed == 0; i++)
        world_run(world, 20);
    world_run(world, 60);
    assert_false(first->is_done);
    assert_int_equal(engine_in_flight(world->engine), 2);
    world_run(world, 10 * SECOND);
    assert_done(first);
    assert_done(second);
    assert_int_equal(fake_provider_peak(world->provider), 1);
}

/* c-bob's intent is durable by the time that c-ana's answer comes: the wire does not stand empty.
 */
static void the_next_waits_for_a_place_with_its_intent_written(void **state)
{
    struct world *world = *state;
    one_at_a_time(world);
    world_import(world, "gcal", "c-ana");
    world_import(world, "gcal", "c-bob");
    fake_provider_set_latency(world->provider, 5 * SECOND, 0);
    struct world_call *first = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-ana\"}");
    struct world_call *second = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-bob\"}");
    world_run(world, 4 * SECOND);
    assert_int_equal(fake_provider_peak(world->provider), 1);
    assert_true(str_is_set(fake_store_attempt_print(world->store, STR("c-bob"))));
    world_run(world, 7 * SECOND);
    assert_done(first);
    assert_done(second);
    assert_int_equal(fake_provider_peak(world->provider), 1);
}

/* What waits with its intent written is called off when the daemon stops, and sent by the next. */
static void what_waits_for_a_place_is_called_off_by_a_stop(void **state)
{
    struct world *world = *state;
    one_at_a_time(world);
    world_import(world, "gcal", "c-ana");
    struct fake_grant *bob = world_import(world, "gcal", "c-bob");
    fake_provider_set_latency(world->provider, 5 * SECOND, 0);
    world_ask(world, RPC_REFRESH, "{\"connection\":\"c-ana\"}");
    struct world_call *second = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-bob\"}");
    world_run(world, SECOND);
    engine_drain(world->engine, world_now(world));
    world_run(world, 100);
    assert_true(second->is_done); /* and not when the one in front is answered */
    world_run(world, 5 * SECOND);
    assert_true(engine_is_drained(world->engine));
    assert_int_equal(bob->presented, 0);
    assert_false(str_is_set(fake_store_attempt_print(world->store, STR("c-bob"))));
}

static void answers_that_nothing_takes_stay_few(void **state)
{
    struct world *world = *state;
    one_at_a_time(world);
    struct fake_grant *grants[] = {
        world_import(world, "gcal", "c-0"), world_import(world, "gcal", "c-1"),
        world_import(world, "gcal", "c-2"), world_import(world, "gcal", "c-3"),
        world_import(world, "gcal", "c-4")};
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_SAVES,
                                                            .fate = FAKE_WRITE_UNAVAILABLE,
                                                            .count = -1});
    for (int i = 0; i < 5; i++)
        world_ask(world, RPC_REFRESH, "{\"connection\":\"c-%d\"}", i);
    world_run(world, 20 * SECOND);
    /* so many may have begun, and one more had before it was known */
    enum { FEW = PACING_BEGUN_OF_A_PLACE + 1 };
    assert_int_equal(engine_in_flight(world->engine), FEW);
    int64_t presented = 0;
    for (size_t i = 0; i < ARRAY_LEN(grants); i++)
        presented += (int64_t)grants[i]->presented;
    assert_int_equal(presented, FEW);
    fake_store_clear_faults(world->store);
    world_run(world, 20 * SECOND);
    for (size_t i = 0; i < ARRAY_LEN(grants); i++)
        assert_int_equal(grants[i]->refreshed, 1);
}

/** The client secret is in memory once for all that is in flight, and gone with the last of it. */
static void requests_in_flight_share_one_client_secret(void **state)
{
    struct world *world = *state;
    given(world, "rotating");
    world_import(world, "gcal", "c-0");
    world_import(world, "gcal", "c-1");
    const struct lane *lane = &catalog_find(world->engine, STR("gcal"))->lane;
    fake_provider_set_latency(world->provider, 2 * SECOND, 0);
    struct world_call *first = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-0\"}");
    world_run(world, SECOND);
    struct world_call *second = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-1\"}");
    world_run(world, SECOND / 2);
    const struct secret *shared = lane->client_secret;
    assert_true(str_eq(secret_str(shared), STR("s1")));
    world_run(world, SECOND);
    assert_done(first);
    assert_false(second->is_done);
    assert_ptr_equal(lane->client_secret, shared);
    world_run(world, 5 * SECOND);
    assert_done(second);
    assert_null(lane->client_secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_rotating_token_is_refreshed_before_it_ends),
        ROW(a_token_that_does_not_rotate_is_refreshed_too),
        ROW(requests_in_flight_share_one_client_secret),
        ROW(a_thousand_callers_share_one_request),
        ROW(the_intent_stands_before_the_request_leaves),
        ROW(no_intent_no_request),
        ROW(an_intent_uncertain_and_done_presents_once),
        ROW(an_intent_uncertain_and_not_done_presents_once),
        ROW(nobody_hears_of_an_answer_before_it_is_durable),
        ROW(a_save_unavailable_is_repeated),
        ROW(a_save_uncertain_and_done_is_seen_to_be),
        ROW(a_save_uncertain_and_not_done_is_repeated),
        ROW(after_a_crash_the_open_attempt_goes_first),
        ROW(a_crash_after_the_commit_presents_nothing_twice),
        ROW(ten_thousand_open_attempts_are_resolved_first),
        ROW(the_next_goes_on_while_one_is_saved),
        ROW(the_next_waits_for_a_place_with_its_intent_written),
        ROW(what_waits_for_a_place_is_called_off_by_a_stop),
        ROW(answers_that_nothing_takes_stay_few),
        ROW(stopping_finishes_what_is_in_flight_and_starts_nothing),
        ROW(stopping_answers_those_who_wait_in_line),
    };
    return cmocka_run_group_tests_name("refresh", tests, NULL, NULL);
}
