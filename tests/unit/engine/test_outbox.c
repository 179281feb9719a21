/* The log's way to Redis: nothing lost, nothing twice, in order. */
#include "unit/engine/engine_test.h"

static void given(struct world *world)
{
    world_register(world, "gcal", "app_user", "rotating", "client-gcal", "s1");
}

static void people(struct world *world, int from, int to)
{
    for (int i = from; i < to; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        world_import(world, "gcal", id);
    }
}

/* The stream holds exactly the log's events from this one on. */
static void assert_stream_from(const struct world *world, size_t first)
{
    assert_int_equal(fake_redis_count(world->redis), fake_store_event_count(world->store) - first);
    for (size_t i = 0; i < fake_redis_count(world->redis); i++)
        assert_int_equal(fake_redis_entry(world->redis, i)->seq,
                         fake_store_event(world->store, first + i)->seq);
    assert_int_equal(fake_store_published(world->store), fake_store_last(world->store));
}

static void events_arrive_in_their_order(void **state)
{
    struct world *world = *state;
    given(world);
    people(world, 0, 30);
    world_settle(world);
    assert_stream_from(world, 0);
    assert_int_equal(fake_redis_published(world->redis), fake_redis_count(world->redis));
}

static void redis_down_delays_and_stops_nothing(void **state)
{
    struct world *world = *state;
    given(world);
    people(world, 0, 5);
    fake_redis_set_down(world->redis, true);
    people(world, 5, 20);
    world_run(world, 5 * HOUR);
    for (size_t i = 0; i < 20; i++)
        assert_in_range(fake_provider_grant_at(world->provider, i)->refreshed, 5, 7);
    fake_redis_set_down(world->redis, false);
    world_run(world, 10 * SECOND);
    assert_stream_from(world, 0);
}

static void an_emptied_redis_gets_all_again_and_its_hash(void **state)
{
    struct world *world = *state;
    given(world);
    people(world, 0, 5);
    fake_provider_grant_at(world->provider, 2)->is_dead = true;
    world_run(world, 2 * HOUR);
    assert_int_equal(fake_redis_hash_count(world->redis), 1);
    size_t published = fake_redis_published(world->redis);
    fake_redis_empty(world->redis);
    world_run(world, 20 * SECOND);
    assert_stream_from(world, 0);
    assert_int_equal(fake_redis_published(world->redis), published); /* history is not PUBLISHed */
    assert_int_equal(fake_redis_hash_count(world->redis), 1);
    assert_non_null(fake_redis_hash_get(world->redis, "c-2"));
}

static void the_hash_holds_who_is_in_need_now(void **state)
{
    struct world *world = *state;
    given(world);
    people(world, 0, 3);
    fake_provider_grant_at(world->provider, 0)->is_dead = true;
    fake_provider_grant_at(world->provider, 1)->is_dead = true;
    world_run(world, 2 * HOUR);
    assert_int_equal(fake_redis_hash_count(world->redis), 2);
    world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-0\"}");
    world_settle(world);
    assert_int_equal(fake_redis_hash_count(world->redis), 1);
    assert_non_null(strstr(fake_redis_hash_get(world->redis, "c-1"), "grant_rejected"));
}

static void another_logs_stream_is_gone_on_above(struct world *world, int64_t foreign_last)
{
    given(world);
    people(world, 0, 10);
    world_settle(world);
    int64_t before = fake_store_last(world->store);
    fake_redis_empty(world->redis);
    fake_redis_set_log(world->redis, "log-other", foreign_last);
    people(world, 10, 12);
    world_run(world, MINUTE);
    assert_true(fake_store_last(world->store) > MAX_OF(before, foreign_last));
    assert_events(world, "log.restarted", NULL, 1);
    assert_string_equal(fake_redis_entry(world->redis, 0)->type, "log.restarted");
    assert_int_equal(fake_redis_count(world->redis), 3);
    assert_int_equal(fake_store_published(world->store), fake_store_last(world->store));
    people(world, 12, 14);
    world_run(world, MINUTE);
    assert_int_equal(fake_redis_count(world->redis), 5);
    assert_events(world, "log.restarted", NULL, 1);
}

static void another_logs_longer_stream(void **state)
{
    another_logs_stream_is_gone_on_above(*state, 5000);
}

static void another_logs_shorter_stream(void **state)
{
    another_logs_stream_is_gone_on_above(*state, 3);
}

static void a_stream_ahead_of_the_log_is_gone_on_above(void **state)
{
    struct world *world = *state;
    given(world);
    people(world, 0, 3);
    world_settle(world);
    fake_redis_empty(world->redis);
    fake_redis_set_log(world->redis, "log-1", 900); /* a restored store */
    people(world, 3, 5);
    world_run(world, MINUTE);
    assert_int_equal(fake_store_published(world->store), fake_store_last(world->store));
    assert_true(fake_store_last(world->store) > 900);
    assert_events(world, "log.restarted", NULL, 1);
}

static void a_restart_that_is_uncertain_is_done_once(void **state)
{
    struct world *world = *state;
    given(world);
    people(world, 0, 3);
    world_settle(world);
    fake_redis_set_down(world->redis, true);
    people(world, 3, 5);
    fake_redis_empty(world->redis);
    fake_redis_set_log(world->redis, "log-other", 70);
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_ANY,
                                                            .fate = FAKE_WRITE_UNCERTAIN_DONE,
                                                            .count = 1});
    fake_redis_set_down(world->redis, false);
    world_run(world, MINUTE);
    assert_events(world, "log.restarted", NULL, 1);
    assert_int_equal(fake_redis_count(world->redis), 3);
}

static void without_redis_all_goes_on(void **state)
{
    struct world *world = *state;
    world->has_redis = false;
    world_restart(world);
    world_settle(world);
    given(world);
    people(world, 0, 3);
    world_run(world, DAY);
    assert_int_equal(fake_redis_count(world->redis), 0);
    assert_state(world, "c-1", "active");
}

static void what_redis_took_is_noted_in_the_end(void **state)
{
    struct world *world = *state;
    given(world);
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_PUBLISHED,
                                                            .fate = FAKE_WRITE_UNAVAILABLE,
                                                            .count = 2});
    people(world, 0, 1); /* and no event after it */
    world_run(world, MINUTE);
    assert_stream_from(world, 0);
}

static void an_event_of_a_write_in_doubt_is_sent(void **state)
{
    struct world *world = *state;
    given(world);
    world_settle(world);
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_CONNECTORS,
                                                            .fate = FAKE_WRITE_UNCERTAIN_DONE,
                                                            .count = 1});
    world_do(world, RPC_DISABLE, "{\"connector\":\"gcal\"}");
    world_run(world, MINUTE);
    assert_events(world, "connector.disabled", "gcal", 1);
    assert_stream_from(world, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(events_arrive_in_their_order),
        ROW(redis_down_delays_and_stops_nothing),
        ROW(an_emptied_redis_gets_all_again_and_its_hash),
        ROW(the_hash_holds_who_is_in_need_now),
        ROW(another_logs_longer_stream),
        ROW(another_logs_shorter_stream),
        ROW(a_stream_ahead_of_the_log_is_gone_on_above),
        ROW(a_restart_that_is_uncertain_is_done_once),
        ROW(without_redis_all_goes_on),
        ROW(what_redis_took_is_noted_in_the_end),
        ROW(an_event_of_a_write_in_doubt_is_sent),
    };
    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
