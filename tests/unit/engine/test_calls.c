/* import, disconnect, token: what they take, what they answer, what becomes of it. */
#include "unit/engine/engine_test.h"

static void given(struct world *world)
{
    world_register(world, "gcal", "app_user", "rotating", "client-gcal", "s1");
    world_register(world, "crm", "shared", "rotating", "client-crm", "s1");
    world_register(world, "sa", "superagent", "rotating", "client-sa", "s1");
}

static struct fake_grant *some_grant(struct world *world)
{
    return world_grant(world, "rotating", "client-gcal");
}

/* ---- owners ---- */

static void owners_must_fit_the_type(void **state)
{
    struct world *world = *state;
    given(world);
    static const struct {
        const char *name, *connector, *owner, *word;
    } rows[] = {
        {"a person of an app", "gcal", "{\"app\":\"crm\",\"user\":\"u1\"}", ""},
        {"an app without a person", "gcal", "{\"app\":\"crm\"}", "invalid_owner"},
        {"a superagent for app_user", "gcal", "{\"superagent\":\"x\"}", "invalid_owner"},
        {"one more member", "gcal", "{\"app\":\"a\",\"user\":\"b\",\"x\":\"y\"}", "invalid_owner"},
        {"nobody", "gcal", "{}", "invalid_owner"},
        {"an app, shared", "crm", "{\"app\":\"a1\"}", ""},
        {"apps, shared", "crm", "{\"apps\":[\"a3\",\"a2\"]}", ""},
        {"no apps", "crm", "{\"apps\":[]}", "invalid_owner"},
        {"a person for shared", "crm", "{\"app\":\"a\",\"user\":\"b\"}", "invalid_owner"},
        {"a superagent", "sa", "{\"superagent\":\"s-1\"}", ""},
        {"an app for superagent", "sa", "{\"app\":\"a\"}", "invalid_owner"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%zu", i);
        const struct world_call *call =
            world_import_grant(world, some_grant(world), rows[i].connector, id, rows[i].owner, "");
        if (strcmp(call->word, rows[i].word) != 0)
            fail_msg("%s: \"%s\"", rows[i].name, call->word);
    }
}

static void an_owner_has_one_connection_of_a_connector(void **state)
{
    struct world *world = *state;
    given(world);
    world_import_grant(world, some_grant(world), "crm", "c-1", "{\"apps\":[\"a\",\"b\"]}", "");
    struct world_call *call =
        world_import_grant(world, some_grant(world), "crm", "c-2", "{\"app\":\"b\"}", "");
    assert_failed_with(call, "exists");
    /* Also where only the second of its apps has one. */
    call = world_do(world, RPC_IMPORT,
                    "{\"connector\":\"crm\",\"owner\":{\"apps\":[\"Z\",\"b\"]},\"tokens\":"
                    "{\"access_token\":\"x\",\"refresh_token\":\"y\",\"expires_in\":60}}");
    assert_failed_with(call, "exists");
    assert_true(str_eq(world_text(call, "data.connection"), STR("c-1")));
    assert_done(world_do(world, RPC_TOKEN, "{\"connector\":\"crm\",\"owner\":{\"app\":\"b\"}}"));
    assert_failed_with(
        world_do(world, RPC_TOKEN, "{\"connector\":\"crm\",\"owner\":{\"app\":\"q\"}}"),
        "unknown_connection");
}

static void a_personal_account_is_its_persons(void **state)
{
    struct world *world = *state;
    given(world);
    world_import(world, "gcal", "c-ana");
    static const char owner[] = "{\"app\":\"crm\",\"user\":\"c-ana\"}";
    assert_failed_with(world_import_grant(world, some_grant(world), "gcal", "c-ana", owner,
                                          ",\"intent\":\"reconnect\""),
                       "personal_connection");
    world->roles = RPC_ROLE_PLATFORM;
    assert_failed_with(world_import_grant(world, some_grant(world), "gcal", "c-ana", owner,
                                          ",\"intent\":\"reconnect\""),
                       "params");
    assert_failed_with(world_import_grant(world, some_grant(world), "gcal", "c-ana", owner,
                                          ",\"intent\":\"reconnect\",\"acting_user\":\"bob\""),
                       "personal_connection");
    assert_done(world_import_grant(world, some_grant(world), "gcal", "c-ana", owner,
                                   ",\"intent\":\"reconnect\",\"acting_user\":\"c-ana\""));
    assert_events(world, "connection.reconnected", "c-ana", 1);
}

static void reconnect_is_for_the_same_account_switch_for_another(void **state)
{
    struct world *world = *state;
    given(world);
    static const char owner[] = "{\"superagent\":\"s-1\"}";
    world_import_grant(world, some_grant(world), "sa", "c-1", owner,
                       ",\"account\":{\"id\":\"ana\"}");
    assert_failed_with(world_import_grant(world, some_grant(world), "sa", "c-1", owner, ""),
                       "exists");
    assert_failed_with(world_import_grant(world, some_grant(world), "sa", "c-1", owner,
                                          ",\"intent\":\"reconnect\",\"account\":{\"id\":\"bob\"}"),
                       "account_mismatch");
    assert_failed_with(world_import_grant(world, some_grant(world), "sa", "c-1", owner,
                                          ",\"intent\":\"reconnect\""),
                       "account_required");
    assert_int_equal(world_connection(world, "c-1")->generation, 1);
    assert_done(world_import_grant(world, some_grant(world), "sa", "c-1", owner,
                                   ",\"intent\":\"reconnect\",\"account\":{\"id\":\"ana\"}"));
    assert_done(world_import_grant(world, some_grant(world), "sa", "c-1", owner,
                                   ",\"intent\":\"switch\",\"account\":{\"id\":\"bob\"}"));
    assert_int_equal(world_connection(world, "c-1")->generation, 3);
    assert_events(world, "connection.reconnected", "c-1", 1);
    assert_events(world, "connection.switched", "c-1", 1);
    assert_done(world_import_grant(world, some_grant(world), "sa", "c-1", owner,
                                   ",\"intent\":\"switch\",\"account\":{\"id\":\"bob\"}"));
    assert_events(world, "connection.reconnected", "c-1", 2); /* the same account: no switch */
    assert_failed_with(world_import_grant(world, some_grant(world), "sa", "c-9",
                                          "{\"superagent\":\"s-9\"}", ",\"intent\":\"reconnect\""),
                       "unknown_connection");
}

static void an_expired_token_needs_a_refresh_token(void **state)
{
    struct world *world = *state;
    given(world);
    assert_failed_with(world_do(world, RPC_IMPORT,
                                "{\"connector\":\"sa\",\"owner\":{\"superagent\":\"s\"},"
                                "\"tokens\":{\"access_token\":\"x\",\"expires_in\":0}}"),
                       "params");
    struct fake_grant *grant = world_grant(world, "rotating", "client-sa");
    grant->lifetime_s = 0;
    assert_done(world_import_grant(world, grant, "sa", "c-1", "{\"superagent\":\"s\"}", ""));
    grant->lifetime_s = 3600;
    world_run(world, 5 * SECOND); /* refreshed at once */
    assert_int_equal(grant->refreshed, 1);
    assert_done(world_do(world, RPC_TOKEN, "{\"connection\":\"c-1\"}"));
}

static void an_uncertain_import_is_seen_to_be_done(void **state)
{
    struct world *world = *state;
    given(world);
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_IMPORTS,
                                                            .fate = FAKE_WRITE_UNCERTAIN_DONE,
                                                            .count = 1});
    struct fake_grant *grant = some_grant(world);
    assert_done(
        world_import_grant(world, grant, "gcal", "c-1", "{\"app\":\"crm\",\"user\":\"u\"}", ""));
    world_run(world, HOUR);
    assert_int_equal(grant->refreshed, 1); /* and it is in the schedule */
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_IMPORTS,
                                                            .fate = FAKE_WRITE_UNCERTAIN_NOT_DONE,
                                                            .count = 1});
    assert_done(world_import_grant(world, some_grant(world), "gcal", "c-2",
                                   "{\"app\":\"crm\",\"user\":\"v\"}", ""));
    assert_events(world, "connection.connected", "c-2", 1);
}

static void many_are_imported_in_one_call(void **state)
{
    struct world *world = *state;
    given(world);
    struct world_call *call = world_do(
        world, RPC_IMPORT,
        "{\"connections\":["
        "{\"connector\":\"sa\",\"owner\":{\"superagent\":\"s1\"},\"tokens\":{\"access_token\":"
        "\"x\",\"refresh_token\":\"y\",\"expires_in\":60}},"
        "{\"connector\":\"none\",\"owner\":{\"superagent\":\"s1\"},\"tokens\":{\"access_token\":"
        "\"x\"}},"
        "{\"connector\":\"sa\",\"owner\":{\"superagent\":\"s1\"},\"tokens\":{\"access_token\":"
        "\"x\"}},"
        "{\"connector\":\"sa\",\"owner\":{\"app\":\"a\"},\"tokens\":{\"access_token\":\"x\"}}]}");
    assert_done(call);
    assert_true(str_is_set(world_text(call, "results.0.connection")));
    assert_true(str_eq(world_text(call, "results.1.error.data.code"), STR("unknown_connector")));
    assert_true(str_eq(world_text(call, "results.2.error.data.code"), STR("exists")));
    assert_true(str_eq(world_text(call, "results.3.error.data.code"), STR("invalid_owner")));
}

/* ---- disconnect ---- */

static void a_late_answer_is_dropped(void **state)
{
    struct world *world = *state;
    given(world);
    struct fake_grant *ana = world_import(world, "gcal", "c-ana");
    fake_provider_set_latency(world->provider, 2 * SECOND, 0);
    world_ask(world, RPC_REFRESH, "{\"connection\":\"c-ana\"}");
    world_run(world, 500);
    assert_int_equal(ana->unanswered, 1);
    assert_done(world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-ana\"}"));
    world_run(world, MINUTE);
    const struct connection *c = world_connection(world, "c-ana");
    assert_int_equal(c->phase, PHASE_DISCONNECTED);
    assert_true(str_is_empty(c->sealed_access) && str_is_empty(c->sealed_refresh));
    assert_int_equal(c->attempt_id, 0);
    assert_int_equal(c->due_ms, TIME_NONE);
    assert_int_equal(fake_store_rescued(world->store, STR("c-ana")), 0);
    assert_events(world, "connection.disconnected", "c-ana", 1);
    world_run(world, DAY);
    assert_int_equal(ana->presented, 1);
    assert_failed_with(world_do(world, RPC_TOKEN, "{\"connection\":\"c-ana\"}"), "not_connected");
}

static void a_switch_in_flight_keeps_the_new_grant(void **state)
{
    struct world *world = *state;
    given(world);
    struct fake_grant *old = world_import(world, "sa", "c-1");
    fake_provider_set_latency(world->provider, 2 * SECOND, 0);
    world_ask(world, RPC_REFRESH, "{\"connection\":\"c-1\"}");
    world_run(world, 500);
    struct fake_grant *fresh = world_grant(world, "rotating", "client-sa");
    assert_done(world_import_grant(world, fresh, "sa", "c-1", "{\"superagent\":\"sa-c-1\"}",
                                   ",\"intent\":\"switch\",\"account\":{\"id\":\"bob\"}"));
    world_run(world, 3 * HOUR);
    assert_int_equal(old->presented, 1);
    assert_in_range(fresh->refreshed, 3, 5);
    assert_int_equal(fresh->stale, 0);
    assert_state(world, "c-1", "active");
}

static void a_crash_between_disconnect_and_answer_leaves_it_alone(void **state)
{
    struct world *world = *state;
    given(world);
    struct fake_grant *ana = world_import(world, "gcal", "c-ana");
    fake_provider_set_latency(world->provider, 2 * SECOND, 0);
    world_ask(world, RPC_REFRESH, "{\"connection\":\"c-ana\"}");
    world_run(world, 500);
    world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-ana\"}");
    world_crash(world);
    world_run(world, DAY);
    assert_int_equal(ana->presented, 1);
    assert_int_equal(world_connection(world, "c-ana")->attempt_id, 0);
    assert_int_equal(world_connection(world, "c-ana")->due_ms, TIME_NONE);
}

static void the_last_app_to_leave_disconnects(void **state)
{
    struct world *world = *state;
    given(world);
    world_import_grant(world, world_grant(world, "rotating", "client-crm"), "crm", "c-1",
                       "{\"apps\":[\"a\",\"b\"]}", "");
    assert_done(world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-1\",\"app\":\"a\"}"));
    assert_state(world, "c-1", "active");
    assert_failed_with(world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-1\",\"app\":\"a\"}"),
                       "invalid_owner");
    assert_done(world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-1\",\"app\":\"b\"}"));
    assert_state(world, "c-1", "disconnected");
}

/* ---- token ---- */

static void min_valid_s_means_what_it_says(void **state)
{
    static const struct {
        const char *name;
        int64_t age_s; /* of a token of an hour */
        const char *min_valid;
        bool is_down;
        const char *word;
        size_t requests;
    } rows[] = {
        {"fresh, default", 0, "", false, "", 0},
        {"two minutes left, default", 3480, "", false, "", 0},
        {"30 s left, default", 3570, "", false, "", 1},
        {"30 s left, default, provider down", 3570, "", true, "", 1},
        {"30 s left, asked for 300, provider down", 3570, ",\"min_valid_s\":300", true,
         "provider_unavailable", 1},
        {"under 10 min old, asked for 3000", 590, ",\"min_valid_s\":3000", false, "", 0},
        {"20 min old, asked for 3000", 1200, ",\"min_valid_s\":3000", false, "", 1},
        {"20 min old, above the lifetime", 1200, ",\"min_valid_s\":7200", false, "", 1},
        {"30 s left, asked for 0", 3570, ",\"min_valid_s\":0", false, "", 0},
        {"ended, default", 3700, "", false, "", 1},
        {"ended, default, provider down", 3700, "", true, "provider_unavailable", 1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world *world = world_new(i + 1);
        given(world);
        struct fake_grant *ana = world_import(world, "gcal", "c-ana");
        without_plan(world, "c-ana");
        world_run(world, rows[i].age_s * SECOND);
        if (rows[i].is_down)
            fake_provider_play(world->provider, ana,
                               (struct fake_answer){.kind = FAKE_NOT_SENT, .count = -1});
        size_t before = ana->presented;
        const struct world_call *call =
            world_do(world, RPC_TOKEN, "{\"connection\":\"c-ana\"%s}", rows[i].min_valid);
        if (strcmp(call->word, rows[i].word) != 0)
            fail_msg("%s: \"%s\"", rows[i].name, call->word);
        if (!rows[i].is_down && ana->presented - before != rows[i].requests)
            fail_msg("%s: %zu requests", rows[i].name, ana->presented - before);
        world_free(world);
    }
}

static void two_refreshes_keep_their_distance(void **state)
{
    struct world *world = *state;
    given(world);
    struct fake_grant *ana = world_import(world, "gcal", "c-ana");
    world_run(world, 30 * MINUTE);
    for (int i = 0; i < 25; i++) { /* asking for the freshest each second */
        assert_done(world_do(world, RPC_TOKEN, "{\"connection\":\"c-ana\",\"min_valid_s\":9999}"));
        world_run(world, SECOND);
    }
    assert_int_equal(ana->presented, 1);
}

static void every_change_is_audited_with_it(void **state)
{
    struct world *world = *state;
    given(world);
    size_t before = fake_store_audit_count(world->store);
    world_import(world, "gcal", "c-ana");
    world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-ana\"}");
    assert_int_equal(fake_store_audit_count(world->store), before + 2);
    struct world_call *call = world_do(world, RPC_LIST_AUDIT, "{\"limit\":100}");
    assert_done(call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(owners_must_fit_the_type),
        ROW(an_owner_has_one_connection_of_a_connector),
        ROW(a_personal_account_is_its_persons),
        ROW(reconnect_is_for_the_same_account_switch_for_another),
        ROW(an_expired_token_needs_a_refresh_token),
        ROW(an_uncertain_import_is_seen_to_be_done),
        ROW(many_are_imported_in_one_call),
        ROW(a_late_answer_is_dropped),
        ROW(a_switch_in_flight_keeps_the_new_grant),
        ROW(a_crash_between_disconnect_and_answer_leaves_it_alone),
        ROW(the_last_app_to_leave_disconnects),
        cmocka_unit_test(min_valid_s_means_what_it_says),
        ROW(two_refreshes_keep_their_distance),
        ROW(every_change_is_audited_with_it),
    };
    return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
