/* Noticing early, and not letting go: ends that are told ahead, refresh tokens that nobody uses.
 * Grants that are checked between refreshes are in test_probe.c. */
#include "unit/engine/notice_test.h"

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
    };
    return cmocka_run_group_tests_name("notices", tests, NULL, NULL);
}
