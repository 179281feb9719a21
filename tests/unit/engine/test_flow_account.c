/* The account behind a connection: reconnecting with the same, switching to another, and who says
 * which it is. */
#include "common/memory.h"
#include "unit/engine/flow_test.h"

/* ---- reconnect and switch ---- */

static void a_dead_grant_is_replaced_by_the_same_account(void **state)
{
    struct world *world = *state;
    given(world);
    connected(world, "1093")->is_dead = true;
    world_run(world, 2 * HOUR);
    assert_state(world, "c-1", "needs_reconnect");
    assert_done(approve(world, authorize(world, "reconnect"), some_account(world, "1093")));
    assert_state(world, "c-1", "active");
    assert_int_equal(world_connection(world, "c-1")->generation, 2);
    assert_events(world, "connection.reconnected", "c-1", 1);
    world_settle(world);
    assert_int_equal(fake_redis_hash_count(world->redis), 0);
}

static void another_account_can_not_reconnect(void **state)
{
    struct world *world = *state;
    given(world);
    struct fake_grant *ana = connected(world, "1093");
    size_t before = changes(world);
    const struct world_call *call =
        approve(world, authorize(world, "reconnect"), some_account(world, "2000"));
    assert_failed_with(call, "account_mismatch");
    assert_int_equal(changes(world), before);
    assert_int_equal(world_connection(world, "c-1")->generation, 1);
    world_run(world, 2 * HOUR);
    assert_true(ana->refreshed > 0); /* the old grant goes on */
}

static void the_same_number_of_another_issuer_is_another_account(void **state)
{
    struct world *world = *state;
    given(world);
    assert_done(
        world_do(world, RPC_REGISTER,
                 "{\"connector\":\"any\",\"type\":\"superagent\",\"profile\":{\"id\":\"any\","
                 "\"token_endpoint\":\"https://any.example/token\","
                 "\"authorization_endpoint\":\"https://any.example/authorize\"},"
                 "\"client_id\":\"client-any\",\"client_secret\":\"s1\",\"scopes\":[]}"));
    fake_provider_accept(world->provider, "client-any", "s1");
    static const char *const issuers[] = {"https://a.example", "https://b.example"};
    for (size_t i = 0; i < 2; i++) {
        struct fake_grant *grant = world_grant(world, "plain", "client-any");
        grant->subject = "7";
        grant->issuer = issuers[i];
        const struct world_call *flow =
            world_do(world, RPC_AUTHORIZE,
                     "{\"connector\":\"any\",\"owner\":" SA ",\"intent\":\"%s\",\"redirect_uri\":"
                     "\"" CALLBACK "\"}",
                     i == 0 ? "connect" : "reconnect");
        assert_string_equal(approve(world, flow, grant)->word, i == 0 ? "" : "account_mismatch");
    }
}

static void a_switch_takes_another_account_also_while_it_works(void **state)
{
    struct world *world = *state;
    given(world);
    struct fake_grant *ana = connected(world, "1093");
    assert_done(approve(world, authorize(world, "switch"), some_account(world, "2000")));
    assert_events(world, "connection.switched", "c-1", 1);
    assert_event_text(world, "connection.switched", "c-1", "account.id", "2000");
    assert_event_text(world, "connection.switched", "c-1", "previous_state", "active");
    size_t presented = ana->presented;
    world_run(world, 2 * HOUR);
    assert_int_equal(ana->presented, presented);
    assert_int_equal(fake_store_revocation_count(world->store), 0); /* nobody asked */
}

static void a_switch_to_the_same_account_is_a_reconnect(void **state)
{
    struct world *world = *state;
    given(world);
    connected(world, "1093");
    assert_done(approve(world, authorize(world, "switch"), some_account(world, "1093")));
    assert_events(world, "connection.switched", NULL, 0);
    assert_events(world, "connection.reconnected", "c-1", 1);
}

static void a_late_answer_of_the_old_grant_changes_nothing(void **state)
{
    struct world *world = *state;
    given(world);
    struct fake_grant *ana = connected(world, "1093");
    const struct world_call *flow = authorize(world, "switch");
    struct fake_grant *bo = some_account(world, "2000");
    char code[FAKE_TOKEN_SIZE];
    fake_grant_approve(bo, world_text(flow, "url"), code);
    fake_provider_set_latency(world->provider, 3 * SECOND, 0);
    world_ask(world, RPC_REFRESH, "{\"connection\":\"c-1\"}");
    world_run(world, 2 * SECOND);
    assert_int_equal(ana->presented, 1); /* under way, and it will come back after the switch */
    fake_provider_set_latency(world->provider, 100, 0);
    assert_done(complete(world, flow, code));
    world_run(world, 10 * SECOND);
    const struct connection *c = world_connection(world, "c-1");
    assert_int_equal(c->generation, 2);
    assert_true(str_eq(c->account_id, STR("2000")));
    assert_int_equal(c->attempt_id, 0);
    world_run(world, 3 * HOUR);
    assert_true(bo->refreshed >= 2);
    assert_int_equal(bo->stale, 0);
    assert_int_equal(ana->presented, 1);
}

static struct fake_reply note_revocation(void *ctx, const struct oauth_message *message)
{
    CLEANUP(buf_deinit) struct buf token = {0};
    str_copy_cut(fake_message_param(message, "token", &token), ctx, FAKE_TOKEN_SIZE);
    return (struct fake_reply){.status = 200};
}

static void the_old_grant_is_revoked_where_that_is_asked(void **state)
{
    struct world *world = *state;
    given(world);
    char revoked[FAKE_TOKEN_SIZE] = "", old[FAKE_TOKEN_SIZE];
    fake_provider_serve(world->provider, "https://rotating.example/revoke", note_revocation,
                        revoked);
    fake_grant_refresh_token(connected(world, "1093"), old);
    const struct world_call *flow =
        world_do(world, RPC_AUTHORIZE,
                 "{\"connector\":\"sa\",\"owner\":" SA ",\"intent\":\"switch\",\"revoke\":true,"
                 "\"redirect_uri\":\"" CALLBACK "\"}");
    world_settle(world);
    assert_string_equal(revoked, ""); /* not before somebody approves */
    assert_done(approve(world, flow, some_account(world, "2000")));
    world_run(world, 10 * SECOND);
    assert_string_equal(revoked, old);
    assert_int_equal(fake_store_revocation_count(world->store), 0);
}

/* ---- whose account ---- */

static struct fake_reply say_who(void *ctx, const struct oauth_message *message)
{
    assert_true(str_starts_with(fake_message_header(message, "authorization"), STR("Bearer at-")));
    const char *body = ctx;
    return (struct fake_reply){.status = body != NULL ? 200 : 503,
                               .body = memory_copy_str(str_c(body != NULL ? body : "{}"))};
}

static void userinfo_says_who_where_no_id_token_does(void **state)
{
    struct world *world = *state;
    given(world);
    static char ana[] = "{\"sub\":\"1093\",\"email\":\"ana@example.com\"}";
    struct fake_endpoint *endpoint =
        fake_provider_serve(world->provider, "https://rotating.example/userinfo", say_who, ana);
    const struct world_call *call =
        approve(world, authorize(world, "connect"), some_account(world, NULL));
    assert_done(call);
    assert_true(str_eq(world_text(call, "account.id"), STR("1093")));
    assert_true(str_eq(world_text(call, "account.label"), STR("ana@example.com")));
    assert_int_equal(endpoint->requests, 1);
    /* Nobody can say: a connection whose account is known is not handed over. */
    static char nobody[] = "{}";
    endpoint->ctx = nobody;
    assert_failed_with(approve(world, authorize(world, "reconnect"), some_account(world, NULL)),
                       "account_required");
    endpoint->ctx = NULL; /* 503 */
    assert_failed_with(approve(world, authorize(world, "reconnect"), some_account(world, NULL)),
                       "provider_unavailable");
    endpoint->ctx = ana;
    assert_done(approve(world, authorize(world, "reconnect"), some_account(world, NULL)));
}

static void userinfo_and_id_token_must_mean_the_same_person(void **state)
{
    struct world *world = *state;
    given(world);
    fake_provider_accept(world->provider, "client-own", "s1");
    assert_done(
        world_do(world, RPC_REGISTER,
                 "{\"connector\":\"own\",\"type\":\"superagent\",\"profile\":{\"id\":\"own\","
                 "\"token_endpoint\":\"https://own.example/token\","
                 "\"authorization_endpoint\":\"https://own.example/authorize\","
                 "\"userinfo_endpoint\":\"https://own.example/me\","
                 "\"habits\":{\"identity\":{\"source\":\"userinfo\"}}},"
                 "\"client_id\":\"client-own\",\"client_secret\":\"s1\",\"scopes\":[]}"));
    static char bo[] = "{\"sub\":\"2000\"}", ana[] = "{\"sub\":\"1093\",\"name\":\"Ana\"}";
    struct fake_endpoint *endpoint =
        fake_provider_serve(world->provider, "https://own.example/me", say_who, bo);
    for (size_t i = 0; i < 2; i++) {
        struct fake_grant *grant = world_grant(world, "plain", "client-own");
        grant->subject = "1093";
        grant->issuer = "https://own.example";
        endpoint->ctx = i == 0 ? bo : ana;
        const struct world_call *flow = world_do(world, RPC_AUTHORIZE,
                                                 "{\"connector\":\"own\",\"owner\":" SA
                                                 ",\"intent\":\"connect\",\"redirect_uri\":"
                                                 "\"" CALLBACK "\"}");
        const struct world_call *call = approve(world, flow, grant);
        assert_string_equal(call->word, i == 0 ? "check_failed" : "");
        if (i == 1)
            assert_true(str_eq(world_text(call, "account.label"), STR("Ana")));
    }
}

static void an_unknown_account_is_taken_as_it_comes(void **state)
{
    struct world *world = *state;
    given(world);
    static char nobody[] = "{}", bo[] = "{\"sub\":\"2000\"}";
    struct fake_endpoint *endpoint =
        fake_provider_serve(world->provider, "https://rotating.example/userinfo", say_who, nobody);
    assert_done(approve(world, authorize(world, "connect"), some_account(world, NULL)));
    endpoint->ctx = bo;
    const struct world_call *call =
        approve(world, authorize(world, "reconnect"), some_account(world, NULL));
    assert_done(call);
    assert_true(str_eq(world_text(call, "account.id"), STR("2000")));
    assert_false(json_bool(json_get_path(call->result, STR("account.verified")), true));
}

static void an_id_token_for_somebody_else_is_refused(void **state)
{
    struct world *world = *state;
    given(world);
    struct fake_grant *grant = some_account(world, "1093");
    grant->issuer = "https://evil.example";
    assert_failed_with(approve(world, authorize(world, "connect"), grant), "check_failed");
    assert_events(world, "connection.connected", NULL, 0);
}

static void a_nonce_binds_the_id_token_to_its_flow(void **state)
{
    struct world *world = *state;
    given(world);
    assert_done(
        world_do(world, RPC_RESCOPE, "{\"connector\":\"sa\",\"scopes\":[\"openid\",\"read\"]}"));
    const struct world_call *flow = authorize(world, "connect");
    struct fake_grant *grant = some_account(world, "1093");
    char code[FAKE_TOKEN_SIZE];
    fake_grant_approve(grant, world_text(flow, "url"), code);
    assert_int_equal(strlen(grant->code.nonce), 22);
    grant->code.nonce[0] ^= 1; /* an ID token of another sign-in */
    assert_failed_with(complete(world, flow, code), "check_failed");
    assert_done(approve(world, authorize(world, "connect"), some_account(world, "1093")));
}

static void an_import_with_an_id_token_knows_its_issuer(void **state)
{
    struct world *world = *state;
    given(world);
    /* {"iss":"https://rotating.example","sub":"1093"} */
    static const char tokens[] =
        "{\"access_token\":\"a\",\"refresh_token\":\"r\",\"id_token\":\"e30."
        "eyJpc3MiOiJodHRwczovL3JvdGF0aW5nLmV4YW1wbGUiLCJzdWIiOiIxMDkzIn0.x\"}";
    assert_done(world_do(
        world, RPC_IMPORT,
        "{\"connector\":\"sa\",\"connection\":\"c-1\",\"owner\":" SA ",\"tokens\":%s}", tokens));
    assert_true(
        str_eq(world_connection(world, "c-1")->account_issuer, STR("https://rotating.example")));
    assert_failed_with(world_do(world, RPC_IMPORT,
                                "{\"connector\":\"sa\",\"owner\":" SA ",\"intent\":\"reconnect\","
                                "\"account\":{\"id\":\"2000\"},\"tokens\":%s}",
                                tokens),
                       "account_mismatch");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_dead_grant_is_replaced_by_the_same_account),
        ROW(another_account_can_not_reconnect),
        ROW(the_same_number_of_another_issuer_is_another_account),
        ROW(a_switch_takes_another_account_also_while_it_works),
        ROW(a_switch_to_the_same_account_is_a_reconnect),
        ROW(a_late_answer_of_the_old_grant_changes_nothing),
        ROW(the_old_grant_is_revoked_where_that_is_asked),
        ROW(userinfo_says_who_where_no_id_token_does),
        ROW(userinfo_and_id_token_must_mean_the_same_person),
        ROW(an_unknown_account_is_taken_as_it_comes),
        ROW(an_id_token_for_somebody_else_is_refused),
        ROW(a_nonce_binds_the_id_token_to_its_flow),
        ROW(an_import_with_an_id_token_knows_its_issuer),
    };
    return cmocka_run_group_tests_name("accounts", tests, NULL, NULL);
}
