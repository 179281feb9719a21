/* What a flow goes through: it is good once, forgotten in time, and outlives restarts, crashes and
 * uncertain saves, but not its connector. */
#include "unit/engine/flow_test.h"

/* ---- state ---- */

static void a_state_is_good_once(void **state)
{
    struct world *world = *state;
    given(world);
    struct fake_grant *grant = some_account(world, "1093");
    const struct world_call *flow = authorize(world, "connect");
    char code[FAKE_TOKEN_SIZE];
    fake_grant_approve(grant, world_text(flow, "url"), code);
    struct world_call *calls[8];
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        calls[i] = ask_complete(world, flow, code);
    size_t done = 0, refused = 0;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        world_wait(world, calls[i]);
        done += calls[i]->result != NULL;
        refused += strcmp(calls[i]->word, "invalid_state") == 0;
    }
    assert_int_equal(done, 1);
    assert_int_equal(refused, ARRAY_LEN(calls) - 1);
    assert_int_equal(grant->code.exchanged, 1);
    assert_int_equal(grant->code.refused, 0); /* nobody sent the code twice */
    assert_failed_with(complete(world, flow, code), "invalid_state");
}

static void a_state_that_nobody_gave_is_refused(void **state)
{
    struct world *world = *state;
    given(world);
    authorize(world, "connect");
    assert_failed_with(world_do(world, RPC_COMPLETE, "{\"state\":\"guess\",\"code\":\"c\"}"),
                       "invalid_state");
    assert_failed_with(world_do(world, RPC_COMPLETE, "{\"state\":\"guess\"}"), "params");
    assert_failed_with(
        world_do(world, RPC_COMPLETE, "{\"state\":\"guess\",\"code\":\"c\",\"error\":\"e\"}"),
        "params");
}

static void the_store_holds_no_state(void **state)
{
    struct world *world = *state;
    given(world);
    const struct world_call *flow = authorize(world, "connect");
    assert_int_equal(fake_store_flow_count(world->store), 1);
    assert_null(fake_store_flow(world->store, world_text(flow, "state")));
}

static void a_flow_survives_a_restart(void **state)
{
    struct world *world = *state;
    given(world);
    const struct world_call *flow = authorize(world, "connect");
    world_crash(world);
    assert_done(approve(world, flow, some_account(world, "1093")));
    assert_events(world, "connection.connected", NULL, 1);
}

static void after_a_crash_in_the_exchange_nobody_sends_the_code_again(void **state)
{
    struct world *world = *state;
    given(world);
    struct fake_grant *grant = some_account(world, "1093");
    const struct world_call *flow = authorize(world, "connect");
    char code[FAKE_TOKEN_SIZE];
    fake_grant_approve(grant, world_text(flow, "url"), code);
    fake_provider_set_latency(world->provider, 4 * SECOND, 0);
    const struct world_call *lost = ask_complete(world, flow, code);
    world_run(world, 3 * SECOND);
    world_crash(world);
    assert_true(lost->is_lost);
    assert_failed_with(complete(world, flow, code), "invalid_state");
    assert_int_equal(grant->code.refused, 0);
    assert_events(world, "connection.connected", NULL, 0);
}

static void too_many_flows_of_one_connection_are_refused(void **state)
{
    struct world *world = *state;
    given(world);
    for (int i = 0; i < FLOWS_OF_CONNECTION_MAX; i++)
        assert_done(authorize(world, "connect"));
    assert_failed_with(authorize(world, "connect"), "too_many");
    world_run(world, 11 * MINUTE);
    assert_done(authorize(world, "connect"));
}

static void on_nothing(struct completion *completion, struct now now)
{
    (void)now;
    store_write_free(CONTAINER_OF(completion, struct store_write, completion));
}

static void too_many_flows_at_all_are_refused(void **state)
{
    struct world *world = *state;
    given(world);
    struct store_port store = fake_store_port(world->store);
    for (int i = 0; i < FLOWS_MAX;) {
        struct store_write *write = store_write_new(world->clock.ms);
        for (int n = 0; n < 1000 && i < FLOWS_MAX; n++, i++) {
            char print[24];
            snprintf(print, sizeof(print), "print-%d", i);
            const struct flow flow = {.print = str_c(print),
                                      .connector = STR("sa"),
                                      .connection = STR("c-of-somebody"),
                                      .expires_ms = world->clock.ms + MINUTE};
            store_write_put_flow(write, &flow);
        }
        write->completion.resume = on_nothing;
        store.write(store.ctx, write);
    }
    world_settle(world);
    assert_failed_with(authorize(world, "connect"), "too_many");
    world_run(world, 2 * MINUTE);
    assert_done(authorize(world, "connect"));
}

/* Nobody was connected: there is nobody to ask anew, and nothing to prove a secret with. */
static void a_pending_connection_takes_no_part(void **state)
{
    struct world *world = *state;
    given(world);
    assert_done(authorize(world, "connect"));
    size_t before = changes(world);
    const struct world_call *call =
        world_do(world, RPC_RESCOPE, "{\"connector\":\"sa\",\"scopes\":[\"read\",\"admin\"]}");
    assert_int_equal(world_number(call, "affected"), 0);
    call = world_do(world, RPC_ROTATE,
                    "{\"connector\":\"sa\",\"client_secret\":\"s2\",\"check\":true}");
    assert_done(call);
    assert_false(json_bool(json_get(call->result, "checked"), true));
    world_run(world, MINUTE);
    assert_int_equal(changes(world), before + 2); /* rescoped, rotated */
}

/* ---- the rest of the house ---- */

/* Approved, and the provider takes its time with the exchange of the code. */
static const struct world_call *a_complete_under_way(struct world *world)
{
    const struct world_call *flow = authorize(world, "connect");
    struct fake_grant *grant = some_account(world, "1093");
    char code[FAKE_TOKEN_SIZE];
    fake_grant_approve(grant, world_text(flow, "url"), code);
    fake_provider_set_latency(world->provider, 4 * SECOND, 0);
    const struct world_call *call = ask_complete(world, flow, code);
    world_run(world, SECOND);
    return call;
}

static void a_call_under_way_is_finished_before_a_stop(void **state)
{
    struct world *world = *state;
    given(world);
    const struct world_call *call = a_complete_under_way(world);
    world_restart(world);
    assert_true(call->is_done);
    assert_events(world, "connection.connected", NULL, 1);
}

static void a_save_that_is_uncertain_is_looked_for(void **state)
{
    static const enum fake_write_fate fates[] = {
        FAKE_WRITE_UNCERTAIN_DONE, FAKE_WRITE_UNCERTAIN_NOT_DONE, FAKE_WRITE_CONFLICT};
    struct world *world = *state;
    given(world);
    connected(world, "1093");
    for (size_t i = 0; i < ARRAY_LEN(fates); i++) {
        const struct world_call *flow = authorize(world, "reconnect");
        fake_store_fail(
            world->store,
            (struct fake_store_fault){.when = FAKE_STORE_IMPORTS, .fate = fates[i], .count = 1});
        assert_done(approve(world, flow, some_account(world, "1093")));
        assert_events(world, "connection.reconnected", "c-1", i + 1);
    }
}

static void flows_go_with_their_connector(void **state)
{
    struct world *world = *state;
    given(world);
    const struct world_call *flow = authorize(world, "connect");
    assert_done(world_do(world, RPC_UNREGISTER, "{\"connector\":\"sa\"}"));
    assert_int_equal(fake_store_flow_count(world->store), 0);
    assert_int_equal(fake_store_connection_count(world->store), 0);
    assert_failed_with(approve(world, flow, some_account(world, "1093")), "invalid_state");
}

static void a_grant_is_not_for_a_connector_that_took_the_id(void **state)
{
    struct world *world = *state;
    given(world);
    const struct world_call *call = a_complete_under_way(world);
    assert_done(world_do(world, RPC_UNREGISTER, "{\"connector\":\"sa\"}"));
    world_register(world, "sa", "superagent", "rotating", "client-2", "s1");
    world_wait(world, call);
    assert_failed_with(call, "unknown_connector");
    assert_events(world, "connection.connected", NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_state_is_good_once),
        ROW(a_state_that_nobody_gave_is_refused),
        ROW(the_store_holds_no_state),
        ROW(a_flow_survives_a_restart),
        ROW(after_a_crash_in_the_exchange_nobody_sends_the_code_again),
        ROW(too_many_flows_of_one_connection_are_refused),
        ROW(too_many_flows_at_all_are_refused),
        ROW(a_pending_connection_takes_no_part),
        ROW(a_call_under_way_is_finished_before_a_stop),
        ROW(a_save_that_is_uncertain_is_looked_for),
        ROW(flows_go_with_their_connector),
        ROW(a_grant_is_not_for_a_connector_that_took_the_id),
    };
    return cmocka_run_group_tests_name("the life of a flow", tests, NULL, NULL);
}
