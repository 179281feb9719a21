/* Ending a connection: the tokens here, the grant at the provider, one app of several, and what is
 * asked for in the background until the provider has answered (docs/behaviour.md "Disconnect"). */
#include "unit/engine/engine_test.h"

/* The provider's revocation endpoint, and what it was asked. */
struct revoker {
    struct world *world;
    struct fake_endpoint *endpoint;
    int status;
    const char *body;
    char token[FAKE_TOKEN_SIZE], hint[32];
    bool is_client; /* the last one proved to be the client */
};

static struct fake_reply on_revoke(void *ctx, const struct oauth_message *message)
{
    struct revoker *revoker = ctx;
    CLEANUP(buf_deinit) struct buf token = {0};
    CLEANUP(buf_deinit) struct buf hint = {0};
    str_copy_cut(fake_message_param(message, "token", &token), revoker->token,
                 sizeof(revoker->token));
    str_copy_cut(fake_message_param(message, "token_type_hint", &hint), revoker->hint,
                 sizeof(revoker->hint));
    revoker->is_client = fake_message_is_client(revoker->world->provider, message);
    return (struct fake_reply){
        .status = revoker->status,
        .body = revoker->body != NULL ? strdup(revoker->body) : NULL,
    };
}

static void serve(struct world *world, struct revoker *revoker, int status, const char *body)
{
    *revoker = (struct revoker){.world = world, .status = status, .body = body};
    revoker->endpoint =
        fake_provider_serve(world->provider, "https://rotating.example/revoke", on_revoke, revoker);
}

static struct fake_grant *given(struct world *world)
{
    world_register(world, "gcal", "shared", "rotating", "client-gcal", "s1");
    return world_import(world, "gcal", "c-1"); /* of app-c-1 */
}

static struct world_call *disconnect(struct world *world, const char *more)
{
    struct world_call *call = world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-1\"%s}", more);
    assert_done(call);
    return call;
}

#define assert_text(call, path, expected) \
    assert_true(str_eq(world_text((call), (path)), STR(expected)))

/* ---- disconnect ---- */

static void disconnect_erases_the_tokens_and_says_so(void **state)
{
    struct world *world = *state;
    struct revoker revoker;
    serve(world, &revoker, 200, NULL);
    given(world);
    struct world_call *call = disconnect(world, "");
    assert_text(call, "state", "disconnected");
    assert_false(str_is_set(world_text(call, "revocation")));
    const struct connection *connection = world_connection(world, "c-1");
    assert_true(str_is_empty(connection->sealed_access));
    assert_true(str_is_empty(connection->sealed_refresh));
    assert_events(world, "connection.disconnected", "c-1", 1);
    assert_event_text(world, "connection.disconnected", "c-1", "reason", "account_disconnected");
    disconnect(world, ""); /* twice is once */
    assert_events(world, "connection.disconnected", "c-1", 1);
    world_run(world, DAY);
    assert_int_equal(revoker.endpoint->requests, 0); /* nobody asked for it */
}

static void with_revoke_the_grant_is_ended_over_there(void **state)
{
    struct world *world = *state;
    struct revoker revoker;
    serve(world, &revoker, 200, NULL);
    struct fake_grant *grant = given(world);
    char refresh[FAKE_TOKEN_SIZE];
    fake_grant_refresh_token(grant, refresh);
    assert_text(disconnect(world, ",\"revoke\":true"), "revocation", "queued");
    world_settle(world);
    assert_int_equal(revoker.endpoint->requests, 1);
    assert_string_equal(revoker.token, refresh);
    assert_string_equal(revoker.hint, "refresh_token");
    assert_true(revoker.is_client);
    assert_int_equal(fake_store_revocation_count(world->store), 0); /* erased at the end */
    assert_int_equal(world->metrics.revocations_done, 1);
    world_run(world, DAY);
    assert_int_equal(revoker.endpoint->requests, 1);
}

static void a_provider_in_trouble_is_asked_again(void **state)
{
    struct world *world = *state;
    struct revoker revoker;
    serve(world, &revoker, 503, NULL);
    given(world);
    disconnect(world, ",\"revoke\":true");
    world_run(world, HOUR);
    assert_in_range(revoker.endpoint->requests, 4, 20);
    assert_int_equal(fake_store_revocation_count(world->store), 1);
    assert_state(world, "c-1", "disconnected");
    revoker.status = 200;
    world_run(world, 2 * HOUR);
    assert_int_equal(fake_store_revocation_count(world->store), 0);
    assert_int_equal(world->metrics.revocations_done, 1);
}

static void after_a_day_it_is_given_up(void **state)
{
    struct world *world = *state;
    struct revoker revoker;
    serve(world, &revoker, 503, NULL);
    given(world);
    disconnect(world, ",\"revoke\":true");
    world_run(world, 26LL * HOUR);
    assert_int_equal(fake_store_revocation_count(world->store), 0);
    assert_int_equal(world->metrics.revocations_given_up, 1);
    size_t requests = revoker.endpoint->requests;
    assert_in_range(requests, 20, 60);
    world_run(world, DAY);
    assert_int_equal(revoker.endpoint->requests, requests);
}

static void a_refusal_ends_it(void **state)
{
    struct world *world = *state;
    struct revoker revoker;
    serve(world, &revoker, 400, "{\"error\":\"unsupported_token_type\"}");
    given(world);
    disconnect(world, ",\"revoke\":true");
    world_settle(world);
    assert_int_equal(fake_store_revocation_count(world->store), 0);
    assert_int_equal(world->metrics.revocations_given_up, 1);
}

static void a_refused_client_waits_for_rotate(void **state)
{
    struct world *world = *state;
    struct revoker revoker;
    serve(world, &revoker, 401, "{\"error\":\"invalid_client\"}");
    given(world);
    disconnect(world, ",\"revoke\":true");
    world_run(world, MINUTE);
    assert_int_equal(fake_store_revocation_count(world->store), 1);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    assert_done(world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2\"}"));
    revoker.status = 200;
    revoker.body = NULL;
    world_run(world, 2 * HOUR);
    assert_true(revoker.is_client);
    assert_int_equal(fake_store_revocation_count(world->store), 0);
}

static void a_crash_forgets_no_revocation(void **state)
{
    struct world *world = *state;
    struct revoker revoker;
    serve(world, &revoker, 503, NULL);
    given(world);
    disconnect(world, ",\"revoke\":true");
    world_crash(world); /* before the first request has left */
    world_run(world, SECOND);
    assert_true(revoker.endpoint->requests > 0);
    world_crash(world); /* with one waiting for its next try */
    revoker.status = 200;
    world_run(world, 2 * HOUR);
    assert_int_equal(fake_store_revocation_count(world->store), 0);
    assert_int_equal(world->metrics.revocations_done, 1);
}

static void a_crash_at_the_disconnect_leaves_both_or_neither(void **state)
{
    static const enum fake_write_fate fates[] = {FAKE_WRITE_CRASH_BEFORE, FAKE_WRITE_CRASH_AFTER};
    struct world *world = *state;
    struct revoker revoker;
    serve(world, &revoker, 200, NULL);
    given(world);
    for (size_t i = 0; i < ARRAY_LEN(fates); i++) {
        fake_store_fail(
            world->store,
            (struct fake_store_fault){.when = FAKE_STORE_IMPORTS, .fate = fates[i], .count = 1});
        struct world_call *call =
            world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-1\",\"revoke\":true}");
        assert_true(call->is_lost);
        world_settle(world);
        bool is_done = fates[i] == FAKE_WRITE_CRASH_AFTER;
        assert_state(world, "c-1", is_done ? "disconnected" : "active");
        assert_int_equal(revoker.endpoint->requests, is_done);
    }
}

static void a_reconnect_meanwhile_is_not_touched(void **state)
{
    struct world *world = *state;
    struct revoker revoker;
    serve(world, &revoker, 503, NULL);
    struct fake_grant *old = given(world);
    char refresh[FAKE_TOKEN_SIZE];
    fake_grant_refresh_token(old, refresh);
    disconnect(world, ",\"revoke\":true");
    world_settle(world);
    struct fake_grant *grant = world_grant(world, "rotating", "client-gcal");
    assert_done(world_import_grant(world, grant, "gcal", "c-1", "{\"app\":\"app-c-1\"}",
                                   ",\"intent\":\"reconnect\""));
    revoker.status = 200;
    world_run(world, 2 * HOUR);
    assert_string_equal(revoker.token, refresh);
    assert_int_equal(fake_store_revocation_count(world->store), 0);
    assert_state(world, "c-1", "active");
}

static void without_a_way_to_revoke_the_answer_says_so(void **state)
{
    struct world *world = *state;
    world_register(world, "gcal", "shared", "bare", "client-gcal", "s1");
    world_import(world, "gcal", "c-1");
    struct world_call *call = disconnect(world, ",\"revoke\":true");
    assert_text(call, "state", "disconnected");
    assert_text(call, "revocation", "impossible");
    assert_true(str_is_set(world_text(call, "not_revoked_because")));
    assert_int_equal(fake_store_revocation_count(world->store), 0);
}

static void a_dry_run_only_tells(void **state)
{
    struct world *world = *state;
    given(world);
    struct world_call *call = disconnect(world, ",\"revoke\":true,\"dry_run\":true");
    assert_text(call, "state", "disconnected");
    assert_text(call, "revocation", "queued");
    assert_state(world, "c-1", "active");
    assert_int_equal(fake_store_revocation_count(world->store), 0);
}

static void a_failed_refresh_revokes_nothing(void **state)
{
    struct world *world = *state;
    struct revoker revoker;
    serve(world, &revoker, 200, NULL);
    given(world)->is_dead = true;
    world_run(world, 3 * DAY);
    assert_reason(world, "c-1", "grant_rejected");
    assert_int_equal(revoker.endpoint->requests, 0);
}

/* ---- several apps ---- */

static struct world_call *attach(struct world *world, const char *connection, const char *app)
{
    return world_do(world, RPC_ATTACH, "{\"connection\":\"%s\",\"app\":\"%s\"}", connection, app);
}

static void another_app_is_attached(void **state)
{
    struct world *world = *state;
    given(world);
    struct world_call *call = attach(world, "c-1", "aaa");
    assert_done(call);
    assert_text(call, "owner.apps.0", "aaa");
    assert_text(call, "owner.apps.1", "app-c-1");
    assert_done(attach(world, "c-1", "aaa")); /* twice is once */
    world->roles = RPC_ROLE_PLATFORM;
    assert_done(world_do(world, RPC_TOKEN, "{\"connector\":\"gcal\",\"owner\":{\"app\":\"aaa\"}}"));
}

static void an_app_has_one_connection_of_a_connector(void **state)
{
    struct world *world = *state;
    given(world);
    world_import(world, "gcal", "c-2");
    assert_failed_with(attach(world, "c-1", "app-c-2"), "exists");
    assert_done(world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-2\"}"));
    assert_done(attach(world, "c-1", "app-c-2")); /* that one needs it no more */
    world_register(world, "other", "shared", "static", "client-other", "s1");
    world_import(world, "other", "o-1");
    assert_done(attach(world, "o-1", "app-c-1")); /* another connector is another matter */
}

static void only_shared_connections_take_apps(void **state)
{
    struct world *world = *state;
    world_register(world, "gcal", "app_user", "rotating", "client-gcal", "s1");
    world_import(world, "gcal", "c-1");
    assert_failed_with(attach(world, "c-1", "crm"), "invalid_owner");
    assert_failed_with(attach(world, "c-9", "crm"), "unknown_connection");
}

static void an_app_leaves_alone_and_the_grant_stays(void **state)
{
    struct world *world = *state;
    struct revoker revoker;
    serve(world, &revoker, 200, NULL);
    given(world);
    attach(world, "c-1", "aaa");
    struct world_call *call = disconnect(world, ",\"app\":\"aaa\",\"revoke\":true");
    assert_text(call, "state", "active");
    assert_text(call, "owner.apps.0", "app-c-1");
    assert_text(call, "revocation", "impossible"); /* others use it */
    assert_events(world, "connection.disconnected", NULL, 0);
    world->roles = RPC_ROLE_PLATFORM;
    assert_failed_with(
        world_do(world, RPC_TOKEN, "{\"connector\":\"gcal\",\"owner\":{\"app\":\"aaa\"}}"),
        "unknown_connection");
    assert_done(
        world_do(world, RPC_TOKEN, "{\"connector\":\"gcal\",\"owner\":{\"app\":\"app-c-1\"}}"));
    world_settle(world);
    assert_int_equal(revoker.endpoint->requests, 0);
}

static void an_attach_survives_a_refresh_in_flight(void **state)
{
    struct world *world = *state;
    struct fake_grant *grant = given(world);
    fake_provider_set_latency(world->provider, 2000, 0);
    struct world_call *refresh = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-1\"}");
    world_run(world, 500);
    assert_done(attach(world, "c-1", "aaa"));
    world_wait(world, refresh);
    assert_done(refresh);
    assert_int_equal(grant->refreshed, 1);
    struct world_call *call = world_do(world, RPC_SHOW_CONNECTION, "{\"connection\":\"c-1\"}");
    assert_text(call, "owner.apps.0", "aaa");
    world_run(world, 2 * HOUR);
    assert_state(world, "c-1", "active");
}

/* ---- unregister ---- */

static void unregister_waits_for_revocations_unless_forced(void **state)
{
    struct world *world = *state;
    struct revoker revoker;
    serve(world, &revoker, 503, NULL);
    given(world);
    disconnect(world, ",\"revoke\":true");
    world_settle(world);
    assert_failed_with(world_do(world, RPC_UNREGISTER, "{\"connector\":\"gcal\"}"), "exists");
    assert_done(world_do(world, RPC_UNREGISTER, "{\"connector\":\"gcal\",\"force\":true}"));
    assert_int_equal(fake_store_revocation_count(world->store), 0);
    world_run(world, DAY);
}

static void many_are_revoked_a_few_at_a_time(void **state)
{
    struct world *world = *state;
    struct revoker revoker;
    serve(world, &revoker, 200, NULL);
    world_register(world, "gcal", "app_user", "rotating", "client-gcal", "s1");
    for (int i = 0; i < 300; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        world_import(world, "gcal", id);
        assert_done(world_do(world, RPC_DISCONNECT, "{\"connection\":\"%s\",\"revoke\":true}", id));
    }
    world_run(world, MINUTE);
    assert_int_equal(revoker.endpoint->requests, 300);
    assert_int_equal(fake_store_revocation_count(world->store), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(disconnect_erases_the_tokens_and_says_so),
        ROW(with_revoke_the_grant_is_ended_over_there),
        ROW(a_provider_in_trouble_is_asked_again),
        ROW(after_a_day_it_is_given_up),
        ROW(a_refusal_ends_it),
        ROW(a_refused_client_waits_for_rotate),
        ROW(a_crash_forgets_no_revocation),
        ROW(a_crash_at_the_disconnect_leaves_both_or_neither),
        ROW(a_reconnect_meanwhile_is_not_touched),
        ROW(without_a_way_to_revoke_the_answer_says_so),
        ROW(a_dry_run_only_tells),
        ROW(a_failed_refresh_revokes_nothing),
        ROW(another_app_is_attached),
        ROW(an_app_has_one_connection_of_a_connector),
        ROW(only_shared_connections_take_apps),
        ROW(an_app_leaves_alone_and_the_grant_stays),
        ROW(an_attach_survives_a_refresh_in_flight),
        ROW(unregister_waits_for_revocations_unless_forced),
        ROW(many_are_revoked_a_few_at_a_time),
    };
    return cmocka_run_group_tests_name("disconnect", tests, NULL, NULL);
}
