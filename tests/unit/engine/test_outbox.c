/* The log's way to Redis: nothing lost, nothing twice, in order. */
#include "engine/outbox.h"
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

/* A replica that becomes the master, or a copy that is brought back, may stop at any moment of
 * this. The stream's end is what tells that something is missing: the hash must not come after it.
 */
static void the_hash_is_whole_before_the_stream_is(void **state)
{
    struct world *world = *state;
    given(world);
    people(world, 0, 5);
    fake_provider_grant_at(world->provider, 2)->is_dead = true;
    world_run(world, 2 * HOUR);
    size_t all = fake_redis_count(world->redis);
    fake_redis_set_latency(world->redis, 20);
    fake_redis_empty(world->redis);
    for (int i = 0; fake_redis_count(world->redis) == 0; i++) {
        assert_true(i < 20000);
        world_run(world, 1);
    }
    assert_int_equal(fake_redis_hash_count(world->redis), 1);
    world_run(world, MINUTE);
    assert_int_equal(fake_redis_count(world->redis), all);
    assert_int_equal(fake_redis_hash_count(world->redis), 1);
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

/* ---- several batches under way ---- */

/* Events in the log at once, each with so many bytes of data: what gathered while Redis was away.
 */
static void backlog(struct world *world, size_t count, size_t bytes)
{
    CLEANUP(buf_deinit) struct buf data = {0};
    buf_printf(&data, "{\"x\":\"%0*d\"}", (int)bytes, 0);
    const struct event_draft draft = {.type = STR("connector.updated"),
                                      .subject = STR("gcal"),
                                      .wall_ms = world_now(world).wall_ms,
                                      .data = buf_str(&data)};
    fake_store_add_events(world->store, &draft, count);
}

/* Redis is slow from here on, and away until this returns: a backlog waits for it. */
static void given_a_backlog(struct world *world, size_t count, size_t bytes)
{
    given(world);
    world_settle(world);
    fake_redis_set_down(world->redis, true);
    people(world, 0, 1);
    backlog(world, count, bytes);
    fake_redis_set_latency(world->redis, 20);
    world_run(world, MINUTE);
    fake_redis_forget_use(world->redis);
    fake_redis_set_down(world->redis, false);
}

static void assert_all_arrived_once(const struct world *world)
{
    assert_stream_from(world, 0);
    assert_int_equal(fake_redis_use(world->redis).published_twice, 0);
}

static void a_backlog_goes_in_several_batches_at_a_time(void **state)
{
    struct world *world = *state;
    given_a_backlog(world, 20 * OUTBOX_BATCH, 100);
    world_run(world, MINUTE);
    assert_all_arrived_once(world);
    struct fake_redis_use use = fake_redis_use(world->redis);
    assert_int_equal(use.under_way_peak, OUTBOX_BATCHES_UNDER_WAY_MAX);
    assert_int_equal(use.batches, 21);
}

static void large_events_fill_a_batch_by_their_bytes(void **state)
{
    enum { LARGE = 200 * 1000, HEAD = 400 };
    struct world *world = *state;
    given_a_backlog(world, 40, LARGE);
    world_run(world, MINUTE);
    assert_all_arrived_once(world);
    size_t batch_max = OUTBOX_BATCH_BYTES + LARGE + 2 * HEAD;
    assert_in_range(fake_redis_use(world->redis).bytes_peak, 4 * LARGE,
                    OUTBOX_BATCHES_UNDER_WAY_MAX * batch_max);
}

/* What happens to the batch after so many others, all of them under way together. */
static const struct {
    const char *name;
    struct fake_redis_fault fault;
} mishaps[] = {
    {"the first is refused", {FAKE_REDIS_REFUSED, 0, false}},
    {"the second is refused", {FAKE_REDIS_REFUSED, 1, false}},
    {"the last is refused", {FAKE_REDIS_REFUSED, 3, false}},
    {"one in the middle of a long backlog is refused", {FAKE_REDIS_REFUSED, 9, false}},
    {"the first stops half-way", {FAKE_REDIS_HALF_DONE, 0, false}},
    {"the third stops half-way", {FAKE_REDIS_HALF_DONE, 2, false}},
    {"the answer to the first is lost", {FAKE_REDIS_ANSWER_LOST, 0, false}},
    {"the answer to the third is lost", {FAKE_REDIS_ANSWER_LOST, 2, false}},
    {"the first finds Redis elsewhere", {FAKE_REDIS_CONFLICT, 0, false}},
    {"the second finds Redis elsewhere", {FAKE_REDIS_CONFLICT, 1, false}},
    {"the connection is lost at the first", {FAKE_REDIS_CUT, 0, false}},
    {"the connection is lost at the third", {FAKE_REDIS_CUT, 2, false}},
};

static void whatever_befalls_a_batch_all_arrives_once_and_in_order(void **state)
{
    struct world *world = *state;
    given(world);
    for (size_t i = 0; i < ARRAY_LEN(mishaps); i++) {
        print_message("  %s\n", mishaps[i].name);
        fake_redis_set_down(world->redis, true);
        backlog(world, 12 * OUTBOX_BATCH, 10);
        fake_redis_set_latency(world->redis, 20);
        world_run(world, 20 * SECOND);
        fake_redis_fail(world->redis, mishaps[i].fault);
        fake_redis_set_down(world->redis, false);
        world_run(world, MINUTE);
        assert_all_arrived_once(world);
        assert_int_equal(fake_redis_published(world->redis), fake_redis_count(world->redis));
    }
}

static void redis_emptied_under_a_pipeline_is_refilled_without_messages(void **state)
{
    struct world *world = *state;
    given_a_backlog(world, 12 * OUTBOX_BATCH, 10);
    while (fake_redis_count(world->redis) < 5 * OUTBOX_BATCH)
        world_run(world, 1);
    size_t before = fake_redis_published(world->redis);
    fake_redis_empty(world->redis);
    world_run(world, MINUTE);
    assert_stream_from(world, 0);
    assert_in_range(fake_redis_use(world->redis).published_twice, 0, OUTBOX_BATCH);
    assert_in_range(fake_redis_published(world->redis), fake_store_event_count(world->store),
                    fake_store_event_count(world->store) + OUTBOX_BATCH);
    assert_true(before >= (size_t)5 * OUTBOX_BATCH);
}

static void events_that_come_one_by_one_gather_while_a_batch_is_under_way(void **state)
{
    struct world *world = *state;
    given(world);
    world_settle(world);
    fake_redis_set_latency(world->redis, 50);
    fake_redis_forget_use(world->redis);
    for (int i = 0; i < 100; i++) {
        people(world, i, i + 1);
        world_run(world, 2);
    }
    world_run(world, SECOND);
    assert_all_arrived_once(world);
    assert_int_equal(fake_redis_use(world->redis).under_way_peak, 1);
    assert_in_range(fake_redis_use(world->redis).batches, 3, 30);
}

static void count_acknowledgements(void *ctx, const struct store_write *write)
{
    size_t *count = ctx;
    for (size_t i = 0; i < write->op_count; i++)
        *count += write->ops[i].kind == STORE_OP_SET_PUBLISHED;
}

static void a_slow_store_learns_the_highest_number_and_not_every_batch(void **state)
{
    struct world *world = *state;
    size_t acknowledgements = 0;
    given_a_backlog(world, 40 * OUTBOX_BATCH, 10);
    fake_redis_set_latency(world->redis, 1);
    fake_store_set_latency(world->store, 30);
    fake_store_set_hooks(world->store, (struct fake_store_hooks){.ctx = &acknowledgements,
                                                                 .wrote = count_acknowledgements});
    world_run(world, MINUTE);
    assert_all_arrived_once(world);
    assert_in_range(acknowledgements, 1, 41);
    fake_store_set_hooks(world->store, (struct fake_store_hooks){0});
}

/* An older release sent larger batches, and the last of them stopped half-way. */
static void a_batch_that_does_not_reach_the_stream_gives_way(void **state)
{
    struct world *world = *state;
    given_a_backlog(world, 4 * OUTBOX_BATCH, 10);
    fake_redis_set_log(world->redis, "log-1", 1);
    fake_redis_set_generated(world->redis, OUTBOX_BATCH + 300);
    world_run(world, MINUTE);
    assert_int_equal(fake_store_published(world->store), fake_store_last(world->store));
    assert_events(world, "log.restarted", NULL, 0);
    assert_int_equal(fake_redis_entry(world->redis, 1)->seq, OUTBOX_BATCH + 301);
}

/* Its first, its middle and its last step. */
static void a_step_of_the_hash_that_arrives_late_is_made_good(void **state)
{
    struct world *world = *state;
    given(world);
    people(world, 0, 3);
    fake_provider_grant_at(world->provider, 1)->is_dead = true;
    world_run(world, 2 * HOUR);
    for (size_t step = 0; step < 3; step++) {
        fake_redis_fail(world->redis, (struct fake_redis_fault){
                                          .fate = FAKE_REDIS_CUT, .skip = step, .of_hash = true});
        fake_redis_empty(world->redis);
        while (fake_redis_hash_count(world->redis) == 0)
            world_run(world, 1);
        fake_redis_hash_put(world->redis, "c-2", "{}");
        world_run(world, 10 * SECOND);
        assert_int_equal(fake_redis_hash_count(world->redis), 1);
        assert_non_null(fake_redis_hash_get(world->redis, "c-1"));
    }
}

static void given_one_in_need(struct world *world)
{
    given(world);
    people(world, 0, 3);
    fake_provider_grant_at(world->provider, 1)->is_dead = true;
    world_run(world, 2 * HOUR);
    assert_int_equal(fake_redis_hash_count(world->redis), 1);
}

static void a_hash_that_is_deleted_alone_is_made_anew(void **state)
{
    struct world *world = *state;
    given_one_in_need(world);
    size_t entries = fake_redis_count(world->redis), published = fake_redis_published(world->redis);
    fake_redis_drop_hash(world->redis);
    world_run(world, 6 * SECOND);
    assert_int_equal(fake_redis_hash_count(world->redis), 1);
    assert_non_null(fake_redis_hash_get(world->redis, "c-1"));
    assert_int_equal(fake_redis_count(world->redis), entries);
    assert_int_equal(fake_redis_published(world->redis), published);
}

static void a_hash_is_missed_while_one_batch_follows_upon_the_other(void **state)
{
    struct world *world = *state;
    given_one_in_need(world);
    fake_redis_set_latency(world->redis, 50);
    fake_redis_drop_hash(world->redis);
    for (int i = 0; i < 1100; i++) { /* 11 s */
        people(world, 10 + i, 11 + i);
        world_run(world, 10);
    }
    assert_non_null(fake_redis_hash_get(world->redis, "c-1"));
}

static void a_hash_of_others_while_nobody_is_in_need_is_taken_away(void **state)
{
    struct world *world = *state;
    given(world);
    people(world, 0, 3);
    world_run(world, MINUTE);
    fake_redis_hash_put(world->redis, "c-1", "{}");
    world_run(world, 6 * SECOND);
    assert_int_equal(fake_redis_hash_count(world->redis), 0);
}

/* Deleted, added, changed by another hand: nothing tells, and yet it does not stay. */
static void single_fields_of_the_hash_are_put_right_in_time(void **state)
{
    static const struct {
        const char *name, *connection, *json; /* NULL: deleted */
    } rows[] = {
        {"one is deleted", "c-1", NULL},
        {"one is added", "c-0", "{}"},
        {"one is changed", "c-1", "{}"},
    };
    struct world *world = *state;
    given_one_in_need(world);
    people(world, 3, 5);
    fake_provider_grant_at(world->provider, 3)->is_dead = true; /* so that the hash is never gone */
    world_run(world, 2 * HOUR);
    assert_int_equal(fake_redis_hash_count(world->redis), 2);
    char *event = strdup(fake_redis_hash_get(world->redis, "c-1"));
    size_t entries = fake_redis_count(world->redis), published = fake_redis_published(world->redis);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].name);
        if (rows[i].json == NULL)
            fake_redis_hash_delete(world->redis, rows[i].connection);
        else
            fake_redis_hash_put(world->redis, rows[i].connection, rows[i].json);
        world_run(world, OUTBOX_HASH_ANEW_MS + 10 * SECOND);
        assert_int_equal(fake_redis_hash_count(world->redis), 2);
        assert_string_equal(fake_redis_hash_get(world->redis, "c-1"), event);
    }
    free(event);
    assert_int_equal(fake_redis_count(world->redis), entries);
    assert_int_equal(fake_redis_published(world->redis), published);
}

/* A hundredth of the time, however many are in need and however slow Redis is. */
static void a_hash_that_takes_long_is_made_anew_less_often(void **state)
{
    struct world *world = *state;
    given_one_in_need(world);
    fake_redis_set_latency(world->redis, 10 * SECOND); /* beginning, one page, end */
    world_run(world, 10 * MINUTE);
    fake_redis_hash_put(world->redis, "c-0", "{}");
    world_run(world, 2 * OUTBOX_HASH_ANEW_MS);
    assert_int_equal(fake_redis_hash_count(world->redis), 2);
    world_run(world, HOUR);
    assert_int_equal(fake_redis_hash_count(world->redis), 1);
}

static void a_backlog_does_not_keep_the_process_from_ending(void **state)
{
    struct world *world = *state;
    given_a_backlog(world, 60 * OUTBOX_BATCH, 10);
    fake_redis_set_latency(world->redis, 2 * SECOND);
    while (fake_redis_count(world->redis) < 3 * OUTBOX_BATCH)
        world_run(world, 1);
    int64_t before_ms = world->clock.ms;
    world_restart(world);
    assert_in_range(world->clock.ms - before_ms, 0, 5 * SECOND);
    fake_redis_set_latency(world->redis, 1);
    world_run(world, MINUTE);
    assert_all_arrived_once(world);
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
        ROW(the_hash_is_whole_before_the_stream_is),
        ROW(the_hash_holds_who_is_in_need_now),
        ROW(another_logs_longer_stream),
        ROW(another_logs_shorter_stream),
        ROW(a_stream_ahead_of_the_log_is_gone_on_above),
        ROW(a_restart_that_is_uncertain_is_done_once),
        ROW(without_redis_all_goes_on),
        ROW(what_redis_took_is_noted_in_the_end),
        ROW(an_event_of_a_write_in_doubt_is_sent),
        ROW(a_backlog_goes_in_several_batches_at_a_time),
        ROW(large_events_fill_a_batch_by_their_bytes),
        ROW(whatever_befalls_a_batch_all_arrives_once_and_in_order),
        ROW(redis_emptied_under_a_pipeline_is_refilled_without_messages),
        ROW(events_that_come_one_by_one_gather_while_a_batch_is_under_way),
        ROW(a_slow_store_learns_the_highest_number_and_not_every_batch),
        ROW(a_batch_that_does_not_reach_the_stream_gives_way),
        ROW(a_step_of_the_hash_that_arrives_late_is_made_good),
        ROW(a_hash_that_is_deleted_alone_is_made_anew),
        ROW(a_hash_is_missed_while_one_batch_follows_upon_the_other),
        ROW(a_hash_of_others_while_nobody_is_in_need_is_taken_away),
        ROW(single_fields_of_the_hash_are_put_right_in_time),
        ROW(a_hash_that_takes_long_is_made_anew_less_often),
        ROW(a_backlog_does_not_keep_the_process_from_ending),
    };
    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
