/* Grants checked between refreshes (docs/behaviour.md "Noticing early"). */
#include "unit/engine/notice_test.h"

struct introspection {
    bool active;
    int status;
    size_t clients; /* that authenticated */
    const struct world *world;
};

static struct fake_reply introspect(void *ctx, const struct oauth_message *message)
{
    struct introspection *state = ctx;
    struct buf token = {0}, hint = {0};
    state->clients += fake_message_is_client(state->world->provider, message);
    bool is_refresh =
        str_eq(fake_message_param(message, "token_type_hint", &hint), STR("refresh_token")) &&
        str_starts_with(fake_message_param(message, "token", &token), STR("rt-"));
    buf_deinit(&token);
    buf_deinit(&hint);
    return (struct fake_reply){
        .status = is_refresh ? state->status : 400,
        .body = strdup(state->active ? "{\"active\":true}" : "{\"active\":false}"),
    };
}

/* Connector gcal is checked every ten minutes, at an endpoint that calls every grant active. */
static struct fake_endpoint *given_probes(struct world *world, struct introspection *state)
{
    *state = (struct introspection){.world = world, .status = 200, .active = true};
    given(world, NEVER_ROTATES, "\"probe_every_s\":600");
    return fake_provider_serve(world->provider, "https://own.example/introspect", introspect,
                               state);
}

static void a_grant_is_checked_between_refreshes(void **state)
{
    struct world *world = *state;
    struct introspection provider;
    struct fake_endpoint *endpoint = given_probes(world, &provider);
    struct fake_grant *ana = granted(world, "c-ana", "");
    world_run(world, DAY);
    assert_in_range(ana->refreshed, 24, 32);
    assert_in_range(endpoint->requests, 24 * 4, 24 * 8);
    assert_int_equal(provider.clients, endpoint->requests);
}

static void an_inactive_grant_is_refreshed_and_lives(void **state)
{
    struct world *world = *state;
    struct introspection provider;
    given_probes(world, &provider);
    struct fake_grant *ana = granted(world, "c-ana", "");
    provider.active = false;
    world_run(world, 11 * MINUTE);
    assert_int_equal(ana->refreshed, 1); /* the refresh decides, and it works */
    assert_state(world, "c-ana", "active");
    assert_events(world, "connection.needs_reconnect", NULL, 0);
}

static void an_inactive_grant_that_cannot_be_refreshed_is_dead(void **state)
{
    struct world *world = *state;
    struct introspection provider;
    given_probes(world, &provider);
    struct fake_grant *ana = granted(world, "c-ana", "");
    provider.active = false;
    ana->is_dead = true;
    world_run(world, 11 * MINUTE);
    assert_int_equal(ana->presented, 1);
    assert_reason(world, "c-ana", "grant_rejected");
    assert_event_text(world, "connection.needs_reconnect", "c-ana", "detail", "after_probe");
}

static void an_unclear_answer_is_no_suspicion(void **state)
{
    struct world *world = *state;
    struct introspection provider;
    struct fake_endpoint *endpoint = given_probes(world, &provider);
    struct fake_grant *ana = granted(world, "c-ana", "");
    provider.status = 503;
    provider.active = false;
    world_run(world, 40 * MINUTE);
    assert_in_range(endpoint->requests, 3, 5);
    assert_int_equal(ana->presented, 0);
}

static void neither_dead_nor_blocked_grants_are_checked(void **state)
{
    struct world *world = *state;
    struct introspection provider;
    struct fake_endpoint *endpoint = given_probes(world, &provider);
    struct fake_grant *ana = granted(world, "c-ana", "");
    assert_done(world_do(world, RPC_DISABLE, "{\"connector\":\"gcal\"}"));
    world_run(world, HOUR);
    assert_int_equal(endpoint->requests, 0);
    ana->is_dead = true;
    assert_done(world_do(world, RPC_ENABLE, "{\"connector\":\"gcal\"}"));
    world_run(world, HOUR);
    size_t before = endpoint->requests;
    assert_state(world, "c-ana", "needs_reconnect");
    world_run(world, DAY);
    assert_int_equal(endpoint->requests, before);
}

static void its_time_outlives_a_restart(void **state)
{
    struct world *world = *state;
    struct introspection provider;
    struct fake_endpoint *endpoint = given_probes(world, &provider);
    granted(world, "c-ana", "");
    for (int i = 0; i < 40; i++) {
        world_run(world, MINUTE);
        world_crash(world);
    }
    assert_in_range(endpoint->requests, 3, 5);
}

static void whoever_wants_a_token_meanwhile_gets_one(void **state)
{
    struct world *world = *state;
    struct introspection provider;
    struct fake_endpoint *endpoint = given_probes(world, &provider);
    struct fake_grant *ana = granted(world, "c-ana", "");
    fake_provider_set_latency(world->provider, 5 * SECOND, 0);
    while (endpoint->requests == 0)
        world_run(world, SECOND);
    const struct world_call *call = world_do(world, RPC_REFRESH, "{\"connection\":\"c-ana\"}");
    assert_done(call);
    assert_true(str_eq(world_text(call, "outcome"), STR("refreshed")));
    assert_int_equal(ana->refreshed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_grant_is_checked_between_refreshes),
        ROW(an_inactive_grant_is_refreshed_and_lives),
        ROW(an_inactive_grant_that_cannot_be_refreshed_is_dead),
        ROW(an_unclear_answer_is_no_suspicion),
        ROW(neither_dead_nor_blocked_grants_are_checked),
        ROW(its_time_outlives_a_restart),
        ROW(whoever_wants_a_token_meanwhile_gets_one),
    };
    return cmocka_run_group_tests_name("probes", tests, NULL, NULL);
}
