/* Connecting by authorize, browser, complete (docs/behaviour.md "Connecting"). */
#include "unit/engine/flow_test.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_person_approves_and_is_connected),
        ROW(a_new_connection_is_pending_until_then),
        ROW(an_abandoned_flow_is_forgotten_with_its_connection),
        ROW(whoever_asks_again_has_the_whole_time_again),
        ROW(an_import_takes_a_pending_ones_place),
        ROW(a_denial_changes_nothing),
        ROW(a_code_goes_only_where_it_may),
        ROW(an_answer_of_another_server_is_refused),
        ROW(what_the_provider_refuses_is_told_with_its_word),
        ROW(what_was_sent_stays_out_of_the_providers_words),
        ROW(a_retiring_secret_still_exchanges_codes),
        ROW(a_replaced_client_ends_its_flows),
        ROW(what_was_asked_is_fixed_when_the_flow_begins),
        ROW(granting_less_than_was_asked_nags_nobody),
    };
    return cmocka_run_group_tests_name("connecting", tests, NULL, NULL);
}
