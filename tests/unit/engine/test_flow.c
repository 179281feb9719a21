/* Connecting by authorize, browser, complete (docs/behaviour.md "Connecting"). */
#include "unit/engine/engine_test.h"

#include "common/memory.h"

#define SA "{\"superagent\":\"s-1\"}"
#define ANA "{\"app\":\"crm\",\"user\":\"ana\"}"
#define CALLBACK "https://app.example/cb"

static void given(struct world *world)
{
    world->roles |= RPC_ROLE_PLATFORM;
    world_register(world, "sa", "superagent", "rotating", "client-sa", "s1");
    world_register(world, "gcal", "app_user", "rotating", "client-gcal", "s1");
    world_register(world, "crm", "shared", "plain", "client-crm", "s1");
}

static struct fake_grant *some_account(struct world *world, const char *subject)
{
    struct fake_grant *grant = world_grant(world, "rotating", "client-sa");
    grant->subject = subject;
    grant->issuer = "https://rotating.example";
    return grant;
}

static struct world_call *authorize(struct world *world, const char *intent)
{
    return world_do(world, RPC_AUTHORIZE,
                    "{\"connector\":\"sa\",\"owner\":" SA ",\"intent\":\"%s\",\"redirect_uri\":"
                    "\"" CALLBACK "\"}",
                    intent);
}

static struct world_call *ask_complete(struct world *world, const struct world_call *flow,
                                       const char *code)
{
    struct str state = world_text(flow, "state");
    return world_ask(world, RPC_COMPLETE, "{\"state\":\"" STR_FMT "\",\"code\":\"%s\"}",
                     STR_ARG(state), code);
}

static struct world_call *complete(struct world *world, const struct world_call *flow,
                                   const char *code)
{
    struct world_call *call = ask_complete(world, flow, code);
    world_wait(world, call);
    return call;
}

static struct world_call *approve(struct world *world, const struct world_call *flow,
                                  struct fake_grant *grant)
{
    char code[FAKE_TOKEN_SIZE];
    return complete(world, flow, fake_grant_approve(grant, world_text(flow, "url"), code));
}

/* Ana's account stands behind connection c-1. */
static struct fake_grant *connected(struct world *world, const char *subject)
{
    struct fake_grant *grant = some_account(world, subject);
    struct world_call *flow =
        world_do(world, RPC_AUTHORIZE,
                 "{\"connector\":\"sa\",\"owner\":" SA ",\"connection\":\"c-1\",\"intent\":"
                 "\"connect\",\"redirect_uri\":\"" CALLBACK "\"}");
    assert_done(approve(world, flow, grant));
    return grant;
}

static size_t changes(const struct world *world)
{
    return fake_store_event_count(world->store);
}

static void assert_url_param(const struct world_call *flow, const char *name, const char *wanted)
{
    CLEANUP(buf_deinit) struct buf value = {0};
    struct str text = fake_url_param(world_text(flow, "url"), name, &value);
    assert_int_equal(str_is_set(text), wanted != NULL);
    if (wanted != NULL && !str_eq(text, str_c(wanted)))
        fail_msg("%s is \"" STR_FMT "\"", name, STR_ARG(text));
}

/* ---- connect ---- */

static void a_person_approves_and_is_connected(void **state)
{
    struct world *world = *state;
    given(world);
    const struct world_call *flow = authorize(world, "connect");
    assert_done(flow);
    assert_true(
        str_starts_with(world_text(flow, "url"), STR("https://rotating.example/authorize?")));
    assert_int_equal(world_text(flow, "state").len, 43); /* 256 bits */
    assert_url_param(flow, "redirect_uri", CALLBACK);
    assert_url_param(flow, "scope", "read write");
    assert_url_param(flow, "client_id", "client-sa");
    assert_url_param(flow, "code_challenge_method", "S256");
    assert_url_param(flow, "nonce", NULL);
    struct fake_grant *grant = some_account(world, "1093");
    const struct world_call *call = approve(world, flow, grant);
    assert_done(call);
    assert_true(str_eq(world_text(call, "state"), STR("active")));
    assert_true(str_eq(world_text(call, "account.id"), STR("1093")));
    assert_true(str_eq(world_text(call, "account.label"), STR("1093@example.com")));
    assert_events(world, "connection.connected", NULL, 1);
    world_run(world, DAY);
    assert_in_range(grant->refreshed, 20, 32);
    assert_int_equal(grant->stale, 0);
}

static void a_new_connection_is_pending_until_then(void **state)
{
    struct world *world = *state;
    given(world);
    size_t before = changes(world);
    const struct world_call *flow = world_do(world, RPC_AUTHORIZE,
                                             "{\"connector\":\"sa\",\"owner\":" SA
                                             ",\"connection\":\"c-1\",\"intent\":\"connect\","
                                             "\"redirect_uri\":\"" CALLBACK "\"}");
    assert_done(flow);
    assert_state(world, "c-1", "pending");
    assert_failed_with(world_do(world, RPC_TOKEN, "{\"connection\":\"c-1\"}"), "not_connected");
    assert_failed_with(world_do(world, RPC_REFRESH, "{\"connection\":\"c-1\"}"), "not_connected");
    assert_failed_with(authorize(world, "reconnect"), "not_connected");
    assert_int_equal(changes(world), before);
    assert_done(approve(world, flow, some_account(world, "1093")));
    assert_state(world, "c-1", "active");
    assert_event_text(world, "connection.connected", "c-1", "previous_state", "pending");
}

static void an_abandoned_flow_is_forgotten_with_its_connection(void **state)
{
    struct world *world = *state;
    given(world);
    const struct world_call *flow = world_do(world, RPC_AUTHORIZE,
                                             "{\"connector\":\"sa\",\"owner\":" SA
                                             ",\"connection\":\"c-1\",\"intent\":\"connect\","
                                             "\"redirect_uri\":\"" CALLBACK "\"}");
    size_t before = changes(world);
    world_run(world, 9 * MINUTE);
    assert_state(world, "c-1", "pending");
    world_run(world, 2 * MINUTE);
    assert_null(fake_store_connection(world->store, STR("c-1")));
    assert_int_equal(fake_store_flow_count(world->store), 0);
    assert_failed_with(approve(world, flow, some_account(world, "1093")), "invalid_state");
    assert_int_equal(changes(world), before);
}

static void whoever_asks_again_has_the_whole_time_again(void **state)
{
    struct world *world = *state;
    given(world);
    authorize(world, "connect");
    world_run(world, 8 * MINUTE);
    const struct world_call *second = authorize(world, "connect");
    assert_done(second);
    world_run(world, 8 * MINUTE);
    assert_int_equal(fake_store_connection_count(world->store), 1);
    assert_done(approve(world, second, some_account(world, "1093")));
    assert_events(world, "connection.connected", NULL, 1);
}

static void an_import_takes_a_pending_ones_place(void **state)
{
    struct world *world = *state;
    given(world);
    const struct world_call *flow = authorize(world, "connect");
    assert_done(world_import_grant(world, some_account(world, "1093"), "sa", "c-9", SA, ""));
    assert_int_equal(fake_store_connection_count(world->store), 1);
    assert_state(world, "c-9", "active");
    assert_failed_with(approve(world, flow, some_account(world, "1093")), "invalid_state");
    assert_failed_with(authorize(world, "connect"), "exists");
}

static void a_denial_changes_nothing(void **state)
{
    struct world *world = *state;
    given(world);
    connected(world, "1093");
    size_t before = changes(world);
    const struct world_call *flow = authorize(world, "switch");
    struct str flow_state = world_text(flow, "state");
    const struct world_call *call =
        world_do(world, RPC_COMPLETE,
                 "{\"state\":\"" STR_FMT "\",\"error\":\"access_denied\",\"error_description\":"
                 "\"The resource owner said no\"}",
                 STR_ARG(flow_state));
    assert_done(call);
    assert_true(str_eq(world_text(call, "state"), STR("active")));
    assert_int_equal(world_number(call, "generation"), 1);
    assert_int_equal(changes(world), before);
    assert_failed_with(approve(world, flow, some_account(world, "2000")), "invalid_state");
}

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

/* ---- parameters ---- */

static void a_code_goes_only_where_it_may(void **state)
{
    struct world *world = *state;
    given(world);
    static const char *const bad[] = {"http://app.example/cb", "https://app.example/cb#x",
                                      "myapp:/cb", "/cb"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_failed_with(world_do(world, RPC_AUTHORIZE,
                                    "{\"connector\":\"sa\",\"owner\":" SA ",\"intent\":\"connect\","
                                    "\"redirect_uri\":\"%s\"}",
                                    bad[i]),
                           "params");
    assert_int_equal(fake_store_connection_count(world->store), 0);
    assert_failed_with(world_do(world, RPC_AUTHORIZE,
                                "{\"connector\":\"sa\",\"owner\":{\"app\":\"crm\"},\"intent\":"
                                "\"connect\",\"redirect_uri\":\"" CALLBACK "\"}"),
                       "invalid_owner");
    assert_failed_with(authorize(world, "reconnect"), "unknown_connection");
}

static void an_answer_of_another_server_is_refused(void **state)
{
    struct world *world = *state;
    given(world);
    static const struct {
        const char *iss, *word;
    } rows[] = {{"https://evil.example", "check_failed"}, {"https://rotating.example", ""}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake_grant *grant = some_account(world, "1093");
        const struct world_call *flow = authorize(world, "connect");
        char code[FAKE_TOKEN_SIZE];
        fake_grant_approve(grant, world_text(flow, "url"), code);
        struct str flow_state = world_text(flow, "state");
        const struct world_call *call = world_do(
            world, RPC_COMPLETE, "{\"state\":\"" STR_FMT "\",\"code\":\"%s\",\"iss\":\"%s\"}",
            STR_ARG(flow_state), code, rows[i].iss);
        assert_string_equal(call->word, rows[i].word);
        assert_int_equal(grant->code.exchanged + grant->code.refused,
                         i); /* no code to a stranger */
    }
}

/* ---- what the provider answers ---- */

static void what_the_provider_refuses_is_told_with_its_word(void **state)
{
    struct world *world = *state;
    given(world);
    static const struct {
        int status;
        const char *body, *word, *outcome, *code;
        enum fake_answer_kind kind;
    } rows[] = {
        {400, "{\"error\":\"invalid_grant\"}", "check_failed", "grant_dead", "invalid_grant",
         FAKE_STATUS},
        {401, "{\"error\":\"invalid_client\"}", "check_failed", "client_rejected", "invalid_client",
         FAKE_STATUS},
        {400, "{\"error\":\"invalid_scope\"}", "check_failed", "scope_problem", "invalid_scope",
         FAKE_STATUS},
        {503, "{}", "provider_unavailable", "transient", NULL, FAKE_STATUS},
        {429, "{}", "provider_unavailable", "rate_limited", NULL, FAKE_STATUS},
        {200, "{\"access_token\":7}", "provider_unavailable", "malformed", NULL, FAKE_STATUS},
        {0, NULL, "provider_unavailable", NULL, NULL, FAKE_NOT_SENT},
        {0, NULL, "provider_unavailable", NULL, NULL, FAKE_LOST_ANSWER},
    };
    size_t before = changes(world);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake_grant *grant = some_account(world, "1093");
        grant->script = (struct fake_answer){
            .kind = rows[i].kind, .count = 1, .status = rows[i].status, .body = rows[i].body};
        const struct world_call *call = approve(world, authorize(world, "connect"), grant);
        assert_failed_with(call, rows[i].word);
        if (rows[i].outcome != NULL)
            assert_true(str_eq(world_text(call, "data.outcome"), str_c(rows[i].outcome)));
        if (rows[i].code != NULL)
            assert_true(str_eq(world_text(call, "data.provider_error.code"), str_c(rows[i].code)));
    }
    assert_int_equal(changes(world), before);
}

static void what_was_sent_stays_out_of_the_providers_words(void **state)
{
    struct world *world = *state;
    given(world);
    assert_done(world_do(world, RPC_ROTATE, "{\"connector\":\"sa\",\"client_secret\":\"s2-new\"}"));
    fake_provider_accept(world->provider, "client-sa", "s2-new");
    static const struct {
        const char *name, *body;
    } rows[] = {
        {"the secret", "{\"error\":\"invalid_grant\",\"error_description\":\"got s2-new\"}"},
        {"the Authorization header of client-sa:s2-new",
         "{\"error\":\"invalid_grant\",\"error_description\":\"got Y2xpZW50LXNhOnMyLW5ldw==\"}"},
        {"the same without padding",
         "{\"error\":\"invalid_grant\",\"error_description\":\"got Y2xpZW50LXNhOnMyLW5ldw\"}"},
        {"that of client-sa:s1, which retires",
         "{\"error\":\"invalid_grant\",\"error_description\":\"got Y2xpZW50LXNhOnMx\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake_grant *grant = some_account(world, "1093");
        grant->script = (struct fake_answer){
            .kind = FAKE_STATUS, .count = 1, .status = 400, .body = rows[i].body};
        const struct world_call *call = approve(world, authorize(world, "connect"), grant);
        assert_failed_with(call, "check_failed");
        struct str message = world_text(call, "data.provider_error.message");
        if (!str_eq(message, STR("got ***")) && !str_eq(message, STR("got ***==")))
            fail_msg("%s: " STR_FMT, rows[i].name, STR_ARG(message));
    }
}

static void a_retiring_secret_still_exchanges_codes(void **state)
{
    struct world *world = *state;
    given(world);
    const struct world_call *flow = authorize(world, "connect");
    /* Rotated here, and not yet at the provider. */
    assert_done(world_do(world, RPC_ROTATE, "{\"connector\":\"sa\",\"client_secret\":\"s2\"}"));
    assert_done(approve(world, flow, some_account(world, "1093")));
    assert_events(world, "connection.connected", NULL, 1);
}

static void a_replaced_client_ends_its_flows(void **state)
{
    struct world *world = *state;
    given(world);
    const struct world_call *flow = authorize(world, "connect");
    assert_done(world_do(world, RPC_ROTATE,
                         "{\"connector\":\"sa\",\"client_id\":\"client-2\",\"client_secret\":"
                         "\"s2\"}"));
    struct fake_grant *grant = some_account(world, "1093");
    assert_failed_with(approve(world, flow, grant), "invalid_state");
    assert_int_equal(grant->code.exchanged, 0);
}

static void what_was_asked_is_fixed_when_the_flow_begins(void **state)
{
    struct world *world = *state;
    given(world);
    const struct world_call *flow = authorize(world, "connect");
    assert_done(world_do(world, RPC_RESCOPE,
                         "{\"connector\":\"sa\",\"scopes\":[\"read\",\"write\",\"admin\"]}"));
    const struct world_call *call = approve(world, flow, some_account(world, "1093"));
    assert_done(call);
    assert_true(str_eq(world_text(call, "state"), STR("needs_reconnect")));
    assert_true(str_eq(world_text(call, "reason"), STR("scopes_changed")));
    assert_events(world, "connection.connected", NULL, 1);
    assert_events(world, "connection.needs_reconnect", NULL, 1);
    world_run(world, HOUR);
    assert_events(world, "connection.needs_reconnect", NULL, 1); /* asked once */
    assert_done(approve(world, authorize(world, "reconnect"), some_account(world, "1093")));
    struct str id = world_text(call, "connection");
    char text[64];
    str_copy_cut(id, text, sizeof(text));
    assert_state(world, text, "active");
}

static void granting_less_than_was_asked_nags_nobody(void **state)
{
    struct world *world = *state;
    given(world);
    struct fake_grant *grant = some_account(world, "1093");
    grant->scope = "read";
    const struct world_call *call = approve(world, authorize(world, "connect"), grant);
    assert_done(call);
    assert_true(str_eq(world_text(call, "state"), STR("active")));
    world_run(world, DAY);
    assert_events(world, "connection.needs_reconnect", NULL, 0);
}

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
    CLEANUP(buf_deinit) struct buf wanted = {0};
    (void)wanted;
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

/* ---- personal accounts ---- */

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

/* ---- the rest of the house ---- */

static void a_call_under_way_is_finished_before_a_stop(void **state)
{
    struct world *world = *state;
    given(world);
    const struct world_call *flow = authorize(world, "connect");
    struct fake_grant *grant = some_account(world, "1093");
    char code[FAKE_TOKEN_SIZE];
    fake_grant_approve(grant, world_text(flow, "url"), code);
    fake_provider_set_latency(world->provider, 4 * SECOND, 0);
    const struct world_call *call = ask_complete(world, flow, code);
    world_run(world, SECOND);
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
    const struct world_call *flow = authorize(world, "connect");
    struct fake_grant *grant = some_account(world, "1093");
    char code[FAKE_TOKEN_SIZE];
    fake_grant_approve(grant, world_text(flow, "url"), code);
    fake_provider_set_latency(world->provider, 4 * SECOND, 0);
    const struct world_call *call = ask_complete(world, flow, code);
    world_run(world, SECOND);
    assert_done(world_do(world, RPC_UNREGISTER, "{\"connector\":\"sa\"}"));
    world_register(world, "sa", "superagent", "rotating", "client-2", "s1");
    world_wait(world, call);
    assert_failed_with(call, "unknown_connector");
    assert_events(world, "connection.connected", NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_person_approves_and_is_connected),
        ROW(a_new_connection_is_pending_until_then),
        ROW(an_abandoned_flow_is_forgotten_with_its_connection),
        ROW(whoever_asks_again_has_the_whole_time_again),
        ROW(an_import_takes_a_pending_ones_place),
        ROW(a_denial_changes_nothing),
        ROW(a_state_is_good_once),
        ROW(a_state_that_nobody_gave_is_refused),
        ROW(the_store_holds_no_state),
        ROW(a_flow_survives_a_restart),
        ROW(after_a_crash_in_the_exchange_nobody_sends_the_code_again),
        ROW(too_many_flows_of_one_connection_are_refused),
        ROW(too_many_flows_at_all_are_refused),
        ROW(a_pending_connection_takes_no_part),
        ROW(a_code_goes_only_where_it_may),
        ROW(an_answer_of_another_server_is_refused),
        ROW(what_the_provider_refuses_is_told_with_its_word),
        ROW(what_was_sent_stays_out_of_the_providers_words),
        ROW(a_retiring_secret_still_exchanges_codes),
        ROW(a_replaced_client_ends_its_flows),
        ROW(what_was_asked_is_fixed_when_the_flow_begins),
        ROW(granting_less_than_was_asked_nags_nobody),
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
        ROW(an_admin_can_not_act_for_a_person),
        ROW(the_acting_user_must_be_the_owner),
        ROW(an_admins_first_import_is_not_in_the_way_of_a_pending_one),
        ROW(reconnecting_a_shared_connection_touches_no_persons),
        ROW(a_call_under_way_is_finished_before_a_stop),
        ROW(a_save_that_is_uncertain_is_looked_for),
        ROW(flows_go_with_their_connector),
        ROW(a_grant_is_not_for_a_connector_that_took_the_id),
    };
    return cmocka_run_group_tests_name("connecting", tests, NULL, NULL);
}
