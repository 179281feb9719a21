/* What a provider's profile changes in the life of a connection: what is presented, where it goes,
 * when it may be asked, and how long its refresh token lives. */
#include "unit/engine/engine_test.h"

#include "common/memory.h"

/** A token endpoint of its own, and what was seen of it. */
struct server {
    size_t requests;
    char url[512];  /* of the last request */
    char body[512]; /* … */
    int64_t first_ms;
    struct world *world;
    const char *more; /* members of each answer, ",\"host\":\"…\"" */
    int status;
    const char *error; /* a body instead */
};

static struct fake_reply renew(void *ctx, const struct oauth_message *message)
{
    struct server *server = ctx;
    char text[512];
    if (server->requests++ == 0)
        server->first_ms = server->world->clock.ms;
    str_copy_cut(message->url, server->url, sizeof(server->url));
    str_copy_cut(message->body == NULL ? STR("") : secret_str(message->body), server->body,
                 sizeof(server->body));
    if (server->error != NULL)
        return (struct fake_reply){.status = server->status,
                                   .body = memory_copy_str(str_c(server->error))};
    (void)snprintf(text, sizeof(text), "{\"access_token\":\"AT-%zu\",\"expires_in\":%d%s}",
                   server->requests, (int)(HOUR / SECOND),
                   server->more == NULL ? "" : server->more);
    return (struct fake_reply){.status = 200, .body = memory_copy_str(str_c(text))};
}

static void serve(struct world *world, struct server *server, const char *url)
{
    server->world = world;
    (void)fake_provider_serve(world->provider, url, renew, server);
}

static const struct world_call *reg(struct world *world, const char *profile, const char *config)
{
    return world_do(world, RPC_REGISTER,
                    "{\"connector\":\"meta\",\"type\":\"superagent\",\"profile\":%s,"
                    "\"client_id\":\"id\",\"client_secret\":\"s\",\"scopes\":[],\"config\":%s}",
                    profile, config);
}

static const struct world_call *bring(struct world *world, const char *tokens, const char *more)
{
    return world_do(
        world, RPC_IMPORT,
        "{\"connector\":\"meta\",\"connection\":\"c-1\","
        "\"owner\":{\"superagent\":\"sa-1\"},\"tokens\":{\"access_token\":\"AT-0\"%s}%s}",
        tokens, more);
}

/* ---- grants without a refresh token ---- */

static const char *const self_renewing =
    "{\"id\":\"renew\",\"token_endpoint\":\"https://renew.example/token\",\"habits\":{"
    "\"request\":{\"method\":\"GET\",\"presents\":\"access_token\",\"extra_params\":"
    "{\"grant_type\":\"renew\",\"access_token\":\"{access_token}\"}},"
    "\"refresh_token\":{\"rotation\":\"never\"}}}";

static void an_access_token_that_renews_itself_is_presented(void **state)
{
    struct world *world = *state;
    struct server server = {0};
    serve(world, &server, "https://renew.example/token");
    assert_done(reg(world, self_renewing, "{}"));
    assert_done(bring(world, ",\"expires_in\":3600", ""));
    world_run(world, HOUR);
    assert_int_equal(server.requests, 1);
    assert_true(str_contains(str_c(server.url), STR("access_token=AT-0")));
    assert_false(str_contains(str_c(server.url), STR("refresh_token")));
    world_run(world, 3 * HOUR);
    assert_in_range(server.requests, 4, 6);
    char token[32];
    (void)snprintf(token, sizeof(token), "access_token=AT-%zu", server.requests - 1);
    assert_true(str_contains(str_c(server.url), str_c(token)));
    assert_state(world, "c-1", "active");
    const struct world_call *call = world_do(world, RPC_TOKEN, "{\"connection\":\"c-1\"}");
    (void)snprintf(token, sizeof(token), "AT-%zu", server.requests);
    assert_true(str_eq(world_text(call, "access_token"), str_c(token)));
}

static void once_it_has_ended_nothing_can_renew_it(void **state)
{
    struct world *world = *state;
    struct server server = {.status = 503, .error = ""};
    serve(world, &server, "https://renew.example/token");
    assert_done(reg(world, self_renewing, "{}"));
    assert_done(bring(world, ",\"expires_in\":3600", ""));
    world_run(world, 2 * HOUR);
    size_t asked = server.requests;
    assert_true(asked > 0);
    assert_state(world, "c-1", "needs_reconnect");
    assert_reason(world, "c-1", "refresh_token_expired");
    assert_events(world, "connection.needs_reconnect", "c-1", 1);
    world_run(world, DAY);
    assert_int_equal(server.requests, asked);
}

static void without_a_known_end_it_is_left_alone(void **state)
{
    struct world *world = *state;
    struct server server = {0};
    serve(world, &server, "https://renew.example/token");
    assert_done(reg(world, self_renewing, "{}"));
    assert_done(bring(world, "", ""));
    world_run(world, (int64_t)30 * DAY);
    assert_int_equal(server.requests, 0);
    assert_state(world, "c-1", "active");
}

/* ---- variables ---- */

#define REGIONAL                                                                                   \
    "{\"id\":\"regional\",\"token_endpoint\":\"https://{host}/token\",\"habits\":{\"vars\":{"      \
    "\"host\":{\"pattern\":\"[a-z0-9.]+\\\\.region\\\\.example\",\"learned_from\":\"api_host\"%s}" \
    "}}}"

static const char *regional_with(const char *more)
{
    static char text[512];
    (void)snprintf(text, sizeof(text), REGIONAL, more);
    return text;
}

#define REFRESHABLE ",\"refresh_token\":\"RT\",\"expires_in\":3600"

static void a_host_learned_from_the_first_answer_binds(void **state)
{
    struct world *world = *state;
    struct server first = {.more = ",\"api_host\":\"https://eu.region.example/\""};
    struct server second = {.more = ",\"api_host\":\"us.region.example\""};
    serve(world, &first, "https://www.region.example/token");
    serve(world, &second, "https://eu.region.example/token");
    assert_done(reg(world, regional_with(",\"default\":\"www.region.example\""), "{}"));
    assert_done(bring(world, REFRESHABLE, ""));
    world_run(world, 5 * HOUR);
    assert_int_equal(first.requests, 1);
    assert_in_range(second.requests, 3, 6);
    const struct world_call *shown =
        world_do(world, RPC_SHOW_CONNECTION, "{\"connection\":\"c-1\"}");
    assert_true(str_eq(world_text(shown, "config.host"), STR("eu.region.example")));
}

static void a_host_elsewhere_is_not_learned(void **state)
{
    static const char *const hosts[] = {
        ",\"api_host\":\"evil.example\"",
        ",\"api_host\":\"http://eu.region.example\"",
        ",\"api_host\":\"https://eu.region.example:8443\"",
        ",\"api_host\":\"https://eu.region.example@evil.example/\"",
        ",\"api_host\":\"eu.region.example.evil.example\"",
        ",\"api_host\":\"10.0.0.1\"",
        ",\"api_host\":{\"a\":1}",
        ",\"api_host\":\"eu.region.example/..\"",
    };
    struct world *world = *state;
    struct server server = {0};
    serve(world, &server, "https://www.region.example/token");
    assert_done(reg(world, regional_with(",\"default\":\"www.region.example\""), "{}"));
    assert_done(bring(world, REFRESHABLE, ""));
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        size_t before = server.requests;
        server.more = hosts[i];
        world_run(world, 2 * HOUR);
        if (server.requests < before + 2)
            fail_msg("%s: the next requests went elsewhere", hosts[i]);
        assert_state(world, "c-1", "active"); /* the tokens in it are good all the same */
    }
}

static void a_connection_brings_what_its_connector_leaves_out(void **state)
{
    struct world *world = *state;
    struct server server = {0};
    serve(world, &server, "https://eu.region.example/token");
    assert_done(reg(world, regional_with(""), "{}"));
    const struct world_call *call = bring(world, REFRESHABLE, "");
    assert_int_equal(call->code, RPC_ERROR_PARAMS);
    assert_true(str_eq(json_text(json_get(call->data, "path")), STR("config")));
    call = bring(world, REFRESHABLE, ",\"config\":{\"host\":\"eu.evil.example\"}");
    assert_int_equal(call->code, RPC_ERROR_PARAMS);
    call = bring(world, REFRESHABLE, ",\"config\":{\"hots\":\"eu.region.example\"}");
    assert_int_equal(call->code, RPC_ERROR_PARAMS);
    assert_done(bring(world, REFRESHABLE, ",\"config\":{\"host\":\"eu.region.example\"}"));
    world_run(world, HOUR);
    assert_int_equal(server.requests, 1);
}

/* ---- two grants in one answer ---- */

static const char *const two_grants =
    "{\"id\":\"chat\",\"authorization_endpoint\":\"https://chat.example/authorize\","
    "\"token_endpoint\":\"https://chat.example/token\",\"habits\":{\"response\":{"
    "\"nesting\":[\".\",\"person\"],\"grants\":{\"bot\":\".\",\"user\":\"person\"}},"
    "\"identity\":{\"source\":\"response\",\"id\":\"account\"},"
    "\"vars\":{\"grant\":{\"one_of\":[\"bot\",\"user\"],\"default\":\"bot\"}}}}";

static void of_two_grants_each_connection_keeps_its_own(void **state)
{
    static const struct {
        const char *config, *wanted;
    } rows[] = {{"{}", "AT-1"}, {"{\"grant\":\"user\"}", "AT-person"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world *world = world_new(1);
        struct server server = {.more = ",\"refresh_token\":\"RT-bot\",\"account\":\"a-1\","
                                        "\"person\":{\"access_token\":\"AT-person\","
                                        "\"refresh_token\":\"RT-person\",\"expires_in\":3600}"};
        serve(world, &server, "https://chat.example/token");
        assert_done(reg(world, two_grants, rows[i].config));
        const struct world_call *call = world_do(
            world, RPC_AUTHORIZE,
            "{\"connector\":\"meta\",\"owner\":{\"superagent\":\"sa-1\"},\"intent\":\"connect\","
            "\"redirect_uri\":\"https://app.example/back\"}");
        assert_done(call);
        char flow[256];
        str_copy_cut(world_text(call, "state"), flow, sizeof(flow));
        call = world_do(world, RPC_COMPLETE, "{\"state\":\"%s\",\"code\":\"c\"}", flow);
        assert_done(call);
        call = world_do(world, RPC_TOKEN,
                        "{\"connector\":\"meta\",\"owner\":{\"superagent\":\"sa-1\"}}");
        assert_done(call);
        assert_true(str_eq(world_text(call, "access_token"), str_c(rows[i].wanted)));
        world_free(world);
    }
}

/* ---- too early ---- */

static const char *const late =
    "{\"id\":\"late\",\"token_endpoint\":\"https://late.example/token\",\"habits\":{"
    "\"access_token\":{\"not_before_s\":30}}}";

static void nothing_is_asked_before_the_provider_accepts_it(void **state)
{
    struct world *world = *state;
    struct server server = {0};
    serve(world, &server, "https://late.example/token");
    assert_done(reg(world, late, "{}"));
    int64_t from_ms = world->clock.ms;
    assert_done(bring(world, ",\"refresh_token\":\"RT\",\"expires_in\":600", ""));
    world_run(world, 300 * SECOND);
    const struct world_call *call = world_do(world, RPC_REFRESH, "{\"connection\":\"c-1\"}");
    assert_done(call);
    assert_int_equal(server.requests, 0);
    call = world_do(world, RPC_TOKEN, "{\"connection\":\"c-1\",\"min_valid_s\":0}");
    assert_true(str_eq(world_text(call, "access_token"), STR("AT-0")));
    world_run(world, 300 * SECOND);
    assert_int_equal(server.requests, 1);
    assert_in_range(server.first_ms - from_ms, 570 * SECOND, 600 * SECOND);
}

/* ---- what the person is asked for ---- */

static void a_claims_challenge_reaches_whoever_reconnects(void **state)
{
    struct world *world = *state;
    struct server server = {
        .status = 400,
        .error = "{\"error\":\"interaction_required\",\"claims\":\"{\\\"access_token\\\":"
                 "{\\\"acrs\\\":{\\\"essential\\\":true}}}\"}"};
    serve(world, &server, "https://late.example/token");
    assert_done(reg(world, late, "{}"));
    assert_done(bring(world, ",\"refresh_token\":\"RT\",\"expires_in\":600", ""));
    world_run(world, 600 * SECOND);
    assert_state(world, "c-1", "needs_reconnect");
    assert_event_text(world, "connection.needs_reconnect", "c-1", "claims",
                      "{\"access_token\":{\"acrs\":{\"essential\":true}}}");
    server.error = NULL; /* an admin changed the policy */
    assert_done(world_do(world, RPC_REFRESH, "{\"connection\":\"c-1\"}"));
    assert_state(world, "c-1", "active");
    assert_false(str_is_set(world_connection(world, "c-1")->claims));
}

/* ---- how long the refresh token lives ---- */

struct end_row {
    const char *name, *habits, *more;
    int64_t first_days,
        later_days; /* after the grant; after a refresh ten days later; 0: unknown */
};

static const struct end_row ends[] = {
    {"nothing known", "\"rotation\":\"never\"", "", 0, 0},
    {"from the grant", "\"lifetime_s\":8640000,\"resets_on_use\":false", ",\"refresh_token\":\"R\"",
     100, 90},
    {"from each use", "\"lifetime_s\":8640000,\"resets_on_use\":true", "", 100, 100},
    {"with each new token", "\"lifetime_s\":8640000", ",\"refresh_token\":\"R\"", 100, 100},
    {"without use", "\"idle_lifetime_s\":2592000", "", 30, 30},
    {"without use, and a cap", "\"idle_lifetime_s\":2592000,\"hard_lifetime_s\":3024000", "", 30,
     25},
    {"said, and a cap", "\"hard_lifetime_s\":3024000",
     ",\"refresh_token\":\"R\",\"refresh_token_expires_in\":2592000", 35, 25},
};

static void a_refresh_token_ends_when_its_provider_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct world *world = world_new(1);
        struct server server = {.more = ends[i].more};
        char profile[400];
        (void)snprintf(profile, sizeof(profile),
                       "{\"id\":\"e\",\"token_endpoint\":\"https://late.example/token\","
                       "\"habits\":{\"refresh_token\":{%s}}}",
                       ends[i].habits);
        serve(world, &server, "https://late.example/token");
        assert_done(reg(world, profile, "{}"));
        assert_done(bring(world, ",\"refresh_token\":\"RT\",\"expires_in\":1296000", ""));
        int64_t end_ms = world_connection(world, "c-1")->refresh_expires_ms;
        int64_t left_ms = end_ms == TIME_NONE ? 0 : end_ms - world->clock.ms;
        if (left_ms / HOUR != ends[i].first_days * 24 &&
            left_ms / HOUR + 1 != ends[i].first_days * 24)
            fail_msg("%s: %lld h at first", ends[i].name, (long long)(left_ms / HOUR));
        world_run(world, (int64_t)10 * DAY);
        assert_done(world_do(world, RPC_REFRESH, "{\"connection\":\"c-1\"}"));
        end_ms = world_connection(world, "c-1")->refresh_expires_ms;
        left_ms = end_ms == TIME_NONE ? 0 : end_ms - world->clock.ms;
        int64_t wanted = ends[i].later_days * 24;
        if (left_ms / HOUR != wanted && left_ms / HOUR + 1 != wanted)
            fail_msg("%s: %lld h later", ends[i].name, (long long)(left_ms / HOUR));
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(an_access_token_that_renews_itself_is_presented),
        ROW(once_it_has_ended_nothing_can_renew_it),
        ROW(without_a_known_end_it_is_left_alone),
        ROW(a_host_learned_from_the_first_answer_binds),
        ROW(a_host_elsewhere_is_not_learned),
        ROW(a_connection_brings_what_its_connector_leaves_out),
        cmocka_unit_test(of_two_grants_each_connection_keeps_its_own),
        ROW(nothing_is_asked_before_the_provider_accepts_it),
        ROW(a_claims_challenge_reaches_whoever_reconnects),
        cmocka_unit_test(a_refresh_token_ends_when_its_provider_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
