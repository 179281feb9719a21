/* Accounts of persons: nobody else connects them, and they notice nothing of shared ones. */
#include "unit/engine/flow_test.h"

static struct world_call *authorize_personal(struct world *world, const char *more)
{
    return world_do(world, RPC_AUTHORIZE,
                    "{\"connector\":\"gcal\",\"owner\":" ANA ",\"connection\":\"c-ana\","
                    "\"redirect_uri\":\"" CALLBACK "\"%s}",
                    more);
}

static struct fake_grant *personal_account(struct world *world, const char *subject)
{
    struct fake_grant *grant = world_grant(world, "rotating", "client-gcal");
    grant->subject = subject;
    grant->issuer = "https://rotating.example";
    return grant;
}

static void an_admin_can_not_act_for_a_person(void **state)
{
    struct world *world = *state;
    given(world);
    static const char *const intents[] = {"connect", "reconnect", "switch"};
    world->roles = RPC_ROLE_ADMIN | RPC_ROLE_OPERATOR;
    for (size_t i = 0; i < ARRAY_LEN(intents); i++) {
        char more[96];
        snprintf(more, sizeof(more), ",\"intent\":\"%s\",\"acting_user\":\"ana\"", intents[i]);
        assert_failed_with(authorize_personal(world, more), "personal_connection");
    }
    world->roles |= RPC_ROLE_PLATFORM;
    const struct world_call *flow =
        authorize_personal(world, ",\"intent\":\"connect\",\"acting_user\":\"ana\"");
    assert_done(flow);
    char code[FAKE_TOKEN_SIZE];
    struct fake_grant *grant = personal_account(world, "1093");
    fake_grant_approve(grant, world_text(flow, "url"), code);
    world->roles = RPC_ROLE_ADMIN;
    assert_failed_with(complete(world, flow, code), "personal_connection");
    world->roles = RPC_ROLE_PLATFORM; /* that used nothing up */
    assert_done(complete(world, flow, code));
}

static void the_acting_user_must_be_the_owner(void **state)
{
    struct world *world = *state;
    given(world);
    world->roles = RPC_ROLE_PLATFORM;
    assert_failed_with(authorize_personal(world, ",\"intent\":\"connect\""), "params");
    assert_failed_with(authorize_personal(world, ",\"intent\":\"connect\",\"acting_user\":\"bob\""),
                       "personal_connection");
    assert_int_equal(fake_store_flow_count(world->store), 0);
    assert_done(authorize_personal(world, ",\"intent\":\"connect\",\"acting_user\":\"ana\""));
}

static void an_admins_first_import_is_not_in_the_way_of_a_pending_one(void **state)
{
    struct world *world = *state;
    given(world);
    assert_done(authorize_personal(world, ",\"intent\":\"connect\",\"acting_user\":\"ana\""));
    world->roles = RPC_ROLE_ADMIN;
    assert_done(
        world_import_grant(world, personal_account(world, "1093"), "gcal", "c-ana", ANA, ""));
    assert_failed_with(world_import_grant(world, personal_account(world, "1093"), "gcal", "c-ana",
                                          ANA, ",\"intent\":\"reconnect\""),
                       "personal_connection");
}

/* Same app, same provider, same account: and nobody else notices anything. */
static void reconnecting_a_shared_connection_touches_no_persons(void **state)
{
    struct world *world = *state;
    given(world);
    world_import_grant(world, world_grant(world, "plain", "client-crm"), "crm", "c-shared",
                       "{\"app\":\"crm\"}", ",\"account\":{\"id\":\"1093\"}");
    world_import_grant(world, personal_account(world, NULL), "gcal", "c-ana", ANA,
                       ",\"acting_user\":\"ana\",\"account\":{\"id\":\"1093\"}");
    without_plan(world, "c-ana");
    struct arena arena = {0};
    struct connection before;
    record_copy_connection(&arena, world_connection(world, "c-ana"), &before);
    size_t events = world_events(world, "connection.connected", "c-ana");
    const struct world_call *flow =
        world_do(world, RPC_AUTHORIZE,
                 "{\"connector\":\"crm\",\"owner\":{\"app\":\"crm\"},\"intent\":\"reconnect\","
                 "\"redirect_uri\":\"" CALLBACK "\"}");
    struct fake_grant *fresh = world_grant(world, "plain", "client-crm");
    fresh->subject = "1093";
    fresh->issuer = "https://plain.example";
    assert_done(approve(world, flow, fresh));
    assert_events(world, "connection.reconnected", "c-shared", 1);
    world_run(world, HOUR);
    const struct connection *after = world_connection(world, "c-ana");
    assert_int_equal(after->version, before.version);
    assert_int_equal(after->generation, before.generation);
    assert_true(str_eq(after->sealed_refresh, before.sealed_refresh));
    static const char *const types[] = {"connection.reconnected", "connection.switched",
                                        "connection.needs_reconnect", "connection.recovered",
                                        "connection.disconnected"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        assert_events(world, types[i], "c-ana", 0);
    assert_events(world, "connection.connected", "c-ana", events);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(an_admin_can_not_act_for_a_person),
        ROW(the_acting_user_must_be_the_owner),
        ROW(an_admins_first_import_is_not_in_the_way_of_a_pending_one),
        ROW(reconnecting_a_shared_connection_touches_no_persons),
    };
    return cmocka_run_group_tests_name("personal accounts", tests, NULL, NULL);
}
