/* Noticing early, and not letting go: ends that are told ahead, refresh tokens that nobody uses,
 * grants that are checked between refreshes. */
#include "unit/engine/engine_test.h"

/* An inline profile of its own: what the world's have not. */
static void given(struct world *world, const char *habits, const char *policy)
{
    fake_provider_accept(world->provider, "client-gcal", "s1");
    const struct world_call *call =
        world_do(world, RPC_REGISTER,
                 "{\"connector\":\"gcal\",\"type\":\"app_user\",\"client_id\":\"client-gcal\","
                 "\"client_secret\":\"s1\",\"scopes\":[\"read\"],\"policy\":{%s},"
                 "\"profile\":{\"id\":\"own\",\"name\":\"Own\",\"issuer\":\"https://own.example\","
                 "\"token_endpoint\":\"https://own.example/token\","
                 "\"introspection_endpoint\":\"https://own.example/introspect\","
                 "\"habits\":{%s}}}",
                 policy, habits);
    assert_done(call);
}

static struct fake_grant *granted(struct world *world, const char *id, const char *tokens_more)
{
    struct fake_grant *grant = world_grant(world, "static", "client-gcal");
    char access[FAKE_TOKEN_SIZE], refresh[FAKE_TOKEN_SIZE];
    assert_done(world_do(
        world, RPC_IMPORT,
        "{\"connector\":\"gcal\",\"connection\":\"%s\",\"owner\":{\"app\":\"crm\",\"user\":\"%s\"},"
        "\"tokens\":{\"access_token\":\"%s\",\"refresh_token\":\"%s\",\"expires_in\":3600%s}}",
        id, id, fake_grant_access_token(grant, access), fake_grant_refresh_token(grant, refresh),
        tokens_more));
    return grant;
}

#define NEVER_ROTATES "\"refresh_token\":{\"rotation\":\"never\"}"
#define expiring(world) world_events((world), "connection.expiring", NULL)

/* ---- connection.expiring ---- */

static void a_known_end_is_told_seven_days_and_one_day_ahead(void **state)
{
    struct world *world = *state;
    given(world, NEVER_ROTATES, "");
    granted(world, "c-ana", ",\"refresh_token_expires_in\":864000"); /* ten days */
    world_run(world, 3 * (int64_t)DAY - HOUR);
    assert_int_equal(expiring(world), 0);
    world_run(world, 2 * HOUR);
    assert_int_equal(expiring(world), 1);
    assert_event_text(world, "connection.expiring", "c-ana", "remedy.action", "reconnect");
    assert_event_text(world, "connection.expiring", "c-ana", "remedy.actor", "app_user");
    assert_event_text(world, "connection.expiring", "c-ana", "grant_alive", "true");
    assert_event_text(world, "connection.expiring", "c-ana", "severity", "advisory");
    world_run(world, 6 * (int64_t)DAY);
    assert_int_equal(expiring(world), 2);
    assert_state(world, "c-ana", "active");
    world_run(world, 2 * (int64_t)DAY);
    assert_int_equal(expiring(world), 1); /* the first is past what the log retains */
    assert_reason(world, "c-ana", "refresh_token_expired");
}

static void each_is_told_once_across_restarts(void **state)
{
    struct world *world = *state;
    given(world, NEVER_ROTATES, "");
    granted(world, "c-ana", ",\"refresh_token_expires_in\":518400"); /* six days: less than seven */
    world_run(world, MINUTE);
    assert_int_equal(expiring(world), 1);
    for (int day = 0; day < 5; day++) {
        world_crash(world);
        world_run(world, DAY / 2);
        world_restart(world);
        world_run(world, DAY / 2);
    }
    assert_int_equal(expiring(world), 2);
}

static void a_new_grant_is_told_anew(void **state)
{
    struct world *world = *state;
    given(world, NEVER_ROTATES, "");
    granted(world, "c-ana", ",\"refresh_token_expires_in\":518400");
    world_run(world, MINUTE);
    assert_int_equal(expiring(world), 1);
    world->roles = RPC_ROLE_PLATFORM;
    granted(world, "c-ana",
            ",\"refresh_token_expires_in\":518400},\"intent\":\"reconnect\","
            "\"acting_user\":\"c-ana\",\"account\":{\"id\":\"1\"");
    world_run(world, MINUTE);
    assert_int_equal(expiring(world), 2);
}

static void an_end_that_refreshing_puts_off_is_not_told(void **state)
{
    struct world *world = *state;
    given(world,
          "\"refresh_token\":{\"rotation\":\"never\",\"lifetime_s\":259200,"
          "\"resets_on_use\":true}",
          "");
    granted(world, "c-ana", "");
    for (int week = 0; week < 5; week++) { /* the log forgets after a week */
        world_run(world, 6 * (int64_t)DAY);
        assert_int_equal(expiring(world), 0);
    }
    assert_state(world, "c-ana", "active");
}

static void list_connections_finds_those_that_end_soon(void **state)
{
    struct world *world = *state;
    given(world, NEVER_ROTATES, "");
    granted(world, "c-ana", ",\"refresh_token_expires_in\":518400");
    granted(world, "c-ben", ",\"refresh_token_expires_in\":5184000");
    granted(world, "c-cy", "");
    const struct world_call *call = world_do(world, RPC_LIST_CONNECTIONS, "{\"expiring\":true}");
    assert_done(call);
    const struct json *items = json_get(call->result, "items");
    assert_int_equal(json_count(items), 1);
    assert_true(str_eq(json_text(json_get(json_at(items, 0), "connection")), STR("c-ana")));
}

/* ---- on_demand ---- */

#define IDLE_30D "\"refresh_token\":{\"rotation\":\"never\",\"idle_lifetime_s\":2592000}"
#define ON_DEMAND "\"refresh\":\"on_demand\",\"idle_after_s\":86400"

static void token(struct world *world, const char *id)
{
    unsigned roles = world->roles;
    world->roles = RPC_ROLE_PLATFORM;
    const struct world_call *call = world_do(world, RPC_TOKEN, "{\"connection\":\"%s\"}", id);
    assert_done(call);
    world->roles = roles;
}

/* A year without the look at Redis every five seconds. */
static void without_redis(struct world *world)
{
    world->has_redis = false;
    world_restart(world);
    world_settle(world);
}

static void an_idle_connection_is_refreshed_only_to_live(void **state)
{
    struct world *world = *state;
    without_redis(world);
    given(world, IDLE_30D, ON_DEMAND);
    struct fake_grant *ana = granted(world, "c-ana", "");
    world_run(world, DAY);
    assert_in_range(ana->refreshed, 24, 32); /* just connected: it is read, as far as is known */
    size_t eager = ana->refreshed;
    int64_t last_ms = ana->last_presented_ms;
    for (int day = 0; day < 365; day++) {
        world_run(world, DAY);
        assert_true(world->clock.ms - last_ms < 30 * (int64_t)DAY);
        last_ms = ana->last_presented_ms;
    }
    assert_in_range(ana->refreshed - eager, 12, 18);
    assert_state(world, "c-ana", "active");
    assert_int_equal(expiring(world), 0);
}

static void the_first_token_makes_it_eager_again(void **state)
{
    struct world *world = *state;
    given(world, IDLE_30D, ON_DEMAND);
    struct fake_grant *ana = granted(world, "c-ana", "");
    world_run(world, 3 * (int64_t)DAY);
    size_t before = ana->refreshed;
    token(world, "c-ana"); /* its access token is over: the call waits for a new one */
    assert_int_equal(ana->refreshed, before + 1);
    world_run(world, 12 * HOUR);
    assert_in_range(ana->refreshed - before, 12, 17);
    world_run(world, 3 * (int64_t)DAY);
    before = ana->refreshed;
    world_run(world, 3 * (int64_t)DAY);
    assert_int_equal(ana->refreshed, before); /* and idle again */
}

static void whoever_reads_keeps_it_fresh_across_a_restart(void **state)
{
    struct world *world = *state;
    given(world, IDLE_30D, ON_DEMAND);
    struct fake_grant *ana = granted(world, "c-ana", "");
    for (int i = 0; i < 10; i++) {
        world_run(world, 20 * HOUR);
        token(world, "c-ana");
        world_restart(world); /* what was noted is written before the end */
    }
    assert_in_range(ana->refreshed, 190, 260);
    assert_true(world_connection(world, "c-ana")->last_read_ms > world->clock.ms - HOUR);
}

static void reading_costs_no_write_of_its_own(void **state)
{
    struct world *world = *state;
    given(world, IDLE_30D, ON_DEMAND);
    granted(world, "c-ana", "");
    int64_t version = world_connection(world, "c-ana")->version;
    for (int i = 0; i < 1000; i++)
        token(world, "c-ana");
    world_run(world, 2 * MINUTE);
    assert_int_equal(world_connection(world, "c-ana")->version, version);
    assert_true(world_connection(world, "c-ana")->last_read_ms > world->clock.ms - 3 * MINUTE);
}

static void without_a_lifetime_of_disuse_an_idle_one_rests(void **state)
{
    struct world *world = *state;
    given(world, NEVER_ROTATES, ON_DEMAND);
    struct fake_grant *ana = granted(world, "c-ana", "");
    world_run(world, 3 * (int64_t)DAY);
    size_t before = ana->refreshed;
    world_run(world, 60 * (int64_t)DAY);
    assert_int_equal(ana->refreshed, before);
    const struct world_call *call =
        world_do(world, RPC_SHOW_CONNECTION, "{\"connection\":\"c-ana\"}");
    assert_true(str_eq(world_text(call, "not_scheduled_because"), STR("idle")));
    token(world, "c-ana");
    assert_int_equal(ana->refreshed, before + 1);
}

static void an_eager_one_of_unknown_lifetime_is_kept_alive(void **state)
{
    struct world *world = *state;
    without_redis(world);
    given(world, IDLE_30D, "");
    struct fake_grant *ana = world_grant(world, "static", "client-gcal");
    ana->lifetime_s = 0;
    char access[FAKE_TOKEN_SIZE], refresh[FAKE_TOKEN_SIZE];
    assert_done(world_do(world, RPC_IMPORT,
                         "{\"connector\":\"gcal\",\"connection\":\"c-ana\",\"owner\":{\"app\":"
                         "\"crm\",\"user\":\"u\"},"
                         "\"tokens\":{\"access_token\":\"%s\",\"refresh_token\":\"%s\"}}",
                         fake_grant_access_token(ana, access),
                         fake_grant_refresh_token(ana, refresh)));
    world_run(world, 365 * (int64_t)DAY);
    assert_in_range(ana->refreshed, 12, 18);
}

/* ---- probes ---- */

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

static struct fake_endpoint *served(struct world *world, struct introspection *state)
{
    state->world = world;
    state->status = 200;
    state->active = true;
    return fake_provider_serve(world->provider, "https://own.example/introspect", introspect,
                               state);
}

#define PROBED "\"probe_every_s\":600"

static void a_grant_is_checked_between_refreshes(void **state)
{
    struct world *world = *state;
    struct introspection provider = {0};
    struct fake_endpoint *endpoint = served(world, &provider);
    given(world, NEVER_ROTATES, PROBED);
    struct fake_grant *ana = granted(world, "c-ana", "");
    world_run(world, DAY);
    assert_in_range(ana->refreshed, 24, 32);
    assert_in_range(endpoint->requests, 24 * 4, 24 * 8);
    assert_int_equal(provider.clients, endpoint->requests);
}

static void an_inactive_grant_is_refreshed_and_lives(void **state)
{
    struct world *world = *state;
    struct introspection provider = {0};
    served(world, &provider);
    given(world, NEVER_ROTATES, PROBED);
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
    struct introspection provider = {0};
    served(world, &provider);
    given(world, NEVER_ROTATES, PROBED);
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
    struct introspection provider = {0};
    struct fake_endpoint *endpoint = served(world, &provider);
    given(world, NEVER_ROTATES, PROBED);
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
    struct introspection provider = {0};
    struct fake_endpoint *endpoint = served(world, &provider);
    given(world, NEVER_ROTATES, PROBED);
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
    struct introspection provider = {0};
    struct fake_endpoint *endpoint = served(world, &provider);
    given(world, NEVER_ROTATES, PROBED);
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
    struct introspection provider = {0};
    struct fake_endpoint *endpoint = served(world, &provider);
    given(world, NEVER_ROTATES, PROBED);
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
        ROW(a_known_end_is_told_seven_days_and_one_day_ahead),
        ROW(each_is_told_once_across_restarts),
        ROW(a_new_grant_is_told_anew),
        ROW(an_end_that_refreshing_puts_off_is_not_told),
        ROW(list_connections_finds_those_that_end_soon),
        ROW(an_idle_connection_is_refreshed_only_to_live),
        ROW(the_first_token_makes_it_eager_again),
        ROW(whoever_reads_keeps_it_fresh_across_a_restart),
        ROW(reading_costs_no_write_of_its_own),
        ROW(without_a_lifetime_of_disuse_an_idle_one_rests),
        ROW(an_eager_one_of_unknown_lifetime_is_kept_alive),
        ROW(a_grant_is_checked_between_refreshes),
        ROW(an_inactive_grant_is_refreshed_and_lives),
        ROW(an_inactive_grant_that_cannot_be_refreshed_is_dead),
        ROW(an_unclear_answer_is_no_suspicion),
        ROW(neither_dead_nor_blocked_grants_are_checked),
        ROW(its_time_outlives_a_restart),
        ROW(whoever_wants_a_token_meanwhile_gets_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
