/* Watching the log, and what retention leaves of it: every event once, in order, and whoever can't
 * have one is told. */
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

struct seen {
    struct watcher *watcher;
    int64_t last, seqs[4096];
    size_t count, room;
    bool started, failed, cancel_at_start;
    char word[32];
    size_t enough;             /* it says so after each so many; 0: never */
    int64_t oldest, gone_last; /* of the failure's data; -1: it has none */
};

static void on_started(void *ctx, int64_t last)
{
    struct seen *seen = ctx;
    seen->started = true;
    seen->last = last;
    if (seen->cancel_at_start)
        engine_watch_cancel(seen->watcher);
}

static void on_failure(void *ctx, struct rpc_failure failure)
{
    struct seen *seen = ctx;
    seen->failed = true;
    snprintf(seen->word, sizeof(seen->word), "%s", rpc_code_text(failure.word));
    seen->oldest = json_i64(json_get(failure.data, "oldest"), -1);
    seen->gone_last = json_i64(json_get(failure.data, "last"), -1);
    json_free(failure.data);
}

static bool on_event(void *ctx, int64_t seq, struct str cloudevent)
{
    struct seen *seen = ctx;
    assert_true(str_starts_with(cloudevent, STR("{\"specversion\":\"1.0\"")));
    assert_true(seen->count < ARRAY_LEN(seen->seqs));
    seen->seqs[seen->count++] = seq;
    seen->room--;
    return seen->enough == 0 || seen->count % seen->enough != 0;
}

/* Exactly the numbers from one to the other. */
static void assert_seen(const struct seen *seen, int64_t from, int64_t to)
{
    assert_int_equal(seen->count, to - from + 1);
    for (size_t i = 0; i < seen->count; i++)
        assert_int_equal(seen->seqs[i], from + (int64_t)i);
}

static void watch(struct world *world, struct seen *seen, const char *text)
{
    struct json *params = NULL;
    assert_int_equal(json_parse(str_c(text), JSON_LIMITS_DEFAULT, &params, NULL), STATUS_OK);
    const struct watch_sink sink = {
        .ctx = seen, .started = on_started, .failure = on_failure, .event = on_event};
    seen->watcher = engine_watch(world->engine, params, sink, world_now(world));
    json_free(params);
}

static void more(struct world *world, struct seen *seen, size_t room)
{
    seen->room = room;
    engine_watch_more(seen->watcher, room, world_now(world));
    world_settle(world);
}

static void a_watcher_sees_every_event_once(void **state)
{
    struct world *world = *state;
    given(world);
    people(world, 0, 300);
    struct seen seen = {0};
    watch(world, &seen, "{\"after\":0}");
    more(world, &seen, 7); /* no more than it has room for */
    assert_int_equal(seen.count, 7);
    more(world, &seen, 200);
    assert_int_equal(seen.count, 207);
    more(world, &seen, 4000);
    people(world, 300, 310);
    world_settle(world);
    assert_seen(&seen, 1, fake_store_last(world->store));
    engine_watch_cancel(seen.watcher);
}

static void a_watcher_without_a_number_begins_now(void **state)
{
    struct world *world = *state;
    given(world);
    people(world, 0, 3);
    struct seen seen = {0};
    watch(world, &seen, "{}");
    more(world, &seen, 100);
    assert_true(seen.started);
    assert_int_equal(seen.last, fake_store_last(world->store));
    assert_int_equal(seen.count, 0);
    people(world, 3, 5);
    world_settle(world);
    assert_int_equal(seen.count, 2);
    engine_watch_cancel(seen.watcher);
}

static void a_number_that_the_log_has_not_reached_is_gone(void **state)
{
    struct world *world = *state;
    given(world);
    people(world, 0, 3);
    int64_t last = fake_store_last(world->store);
    const struct {
        const char *name;
        int64_t after;
        bool is_gone;
    } rows[] = {
        {"the newest is no gap", last, false},
        {"one behind it is", last + 1, true},
        {"far behind it is", INT64_MAX, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char params[64];
        snprintf(params, sizeof(params), "{\"after\":%lld}", (long long)rows[i].after);
        struct seen seen = {0};
        watch(world, &seen, params);
        world_settle(world);
        if (seen.failed != rows[i].is_gone || seen.started == rows[i].is_gone)
            fail_msg("watch: %s", rows[i].name);
        const struct world_call *page = world_do(world, RPC_LIST_EVENTS, "%s", params);
        if ((strcmp(page->word, "gone") == 0) != rows[i].is_gone)
            fail_msg("list-events: %s", rows[i].name);
        if (!rows[i].is_gone) {
            engine_watch_cancel(seen.watcher);
            continue;
        }
        assert_string_equal(seen.word, "gone");
        assert_int_equal(seen.oldest, 1);
        assert_int_equal(seen.gone_last, last);
        assert_int_equal(world_number(page, "data.oldest"), 1);
        assert_int_equal(world_number(page, "data.last"), last);
    }
}

/* What is told of a number, the log has, whatever happens to the process then. */
static void a_number_that_was_told_is_never_gone_after_a_crash(void **state)
{
    struct world *world = *state;
    given(world);
    struct seen seen = {0};
    watch(world, &seen, "{\"after\":0}");
    more(world, &seen, 1000);
    people(world, 0, 5);
    int64_t told = seen.seqs[seen.count - 1];
    world_crash(world);
    world_settle(world);
    char params[64];
    snprintf(params, sizeof(params), "{\"after\":%lld}", (long long)told);
    struct seen again = {0};
    watch(world, &again, params);
    more(world, &again, 1000);
    assert_true(again.started);
    people(world, 5, 6);
    assert_seen(&again, told + 1, told + 1);
    engine_watch_cancel(again.watcher);
}

/* ---- retention ---- */

static void an_hour_is_kept(struct world *world)
{
    world->settings.retention_ms = HOUR;
    world_restart(world);
    world_settle(world);
    given(world);
}

static int64_t oldest_kept(struct world *world)
{
    return world_number(world_do(world, RPC_STATUS, "{}"), "log.oldest");
}

static void a_watcher_that_comes_too_late_is_told(void **state)
{
    struct world *world = *state;
    an_hour_is_kept(world);
    people(world, 0, 5);
    world_run(world, 3 * HOUR);
    people(world, 5, 6);
    world_run(world, HOUR / 2);
    struct seen seen = {0};
    watch(world, &seen, "{\"after\":1}");
    world_settle(world);
    assert_true(seen.failed);
    assert_string_equal(seen.word, "gone");
    assert_int_equal(seen.oldest, oldest_kept(world));
}

static void a_watcher_may_leave_as_it_is_told_to_begin(void **state)
{
    struct world *world = *state;
    given(world);
    people(world, 0, 3);
    struct seen seen = {.cancel_at_start = true};
    watch(world, &seen, "{\"after\":0}");
    world_settle(world);
    assert_true(seen.started);
    assert_int_equal(seen.count, 0);
}

static void a_slow_watcher_is_told_what_it_can_not_have(void **state)
{
    struct world *world = *state;
    an_hour_is_kept(world);
    people(world, 0, 5);
    struct seen seen = {0};
    watch(world, &seen, "{\"after\":0}");
    more(world, &seen, 2); /* then it reads no further */
    world_run(world, 3 * HOUR);
    people(world, 5, 6);
    int64_t oldest = oldest_kept(world);
    assert_true(oldest > 3);
    more(world, &seen, 100);
    assert_int_equal(seen.count, 2); /* nothing behind the gap */
    assert_true(seen.failed);
    assert_string_equal(seen.word, "gone");
    assert_int_equal(seen.oldest, oldest);
}

static void what_a_filter_has_passed_over_may_go(void **state)
{
    struct world *world = *state;
    an_hour_is_kept(world);
    struct seen seen = {0};
    watch(world, &seen, "{\"after\":0,\"types\":[\"connection.disconnected\"]}");
    more(world, &seen, 100);
    people(world, 0, 5);
    world_run(world, 3 * HOUR);
    assert_true(oldest_kept(world) > 5);
    world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-3\"}");
    world_settle(world);
    assert_false(seen.failed);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.seqs[0], fake_store_last(world->store));
    engine_watch_cancel(seen.watcher);
}

static void an_event_is_kept_until_it_is_published(void **state)
{
    struct world *world = *state;
    an_hour_is_kept(world);
    world_settle(world);
    fake_redis_set_down(world->redis, true);
    people(world, 0, 5);
    world_run(world, 10 * DAY);
    int64_t last = fake_store_last(world->store);
    int64_t published = fake_store_published(world->store);
    assert_int_equal(fake_store_event_count(world->store), last - published);
    fake_redis_set_down(world->redis, false);
    world_run(world, 10 * SECOND);
    assert_int_equal(fake_redis_count(world->redis), last);
    for (size_t i = 0; i < fake_redis_count(world->redis); i++)
        assert_int_equal(fake_redis_entry(world->redis, i)->seq, i + 1);
    world_run(world, HOUR);
    assert_int_equal(fake_store_event_count(world->store), 0);
    people(world, 5, 6);
    world_settle(world);
    assert_int_equal(fake_store_last(world->store), last + 1); /* no number is given twice */
    assert_int_equal(oldest_kept(world), last + 1);
}

static void without_redis_retention_holds_too(void **state)
{
    struct world *world = *state;
    world->has_redis = false;
    an_hour_is_kept(world);
    people(world, 0, 5);
    world_run(world, 3 * HOUR);
    assert_int_equal(fake_store_event_count(world->store), 0);
}

static void a_page_begun_before_retention_goes_on_or_says_why_not(void **state)
{
    struct world *world = *state;
    an_hour_is_kept(world);
    people(world, 0, 5);
    struct world_call *page = world_do(world, RPC_LIST_EVENTS, "{\"after\":0,\"limit\":2}");
    struct str cursor = world_text(page, "next_cursor");
    assert_true(str_eq(cursor, STR("2")));
    page = world_do(world, RPC_LIST_EVENTS, "{\"cursor\":\"2\",\"limit\":100}");
    assert_int_equal(json_count(json_get(page->result, "items")), 4);
    world_run(world, 3 * HOUR);
    page = world_do(world, RPC_LIST_EVENTS, "{\"cursor\":\"2\",\"limit\":100}");
    assert_failed_with(page, "gone");
    assert_int_equal(world_number(page, "data.oldest"), oldest_kept(world));
}

static void a_list_without_a_number_is_empty(void **state)
{
    struct world *world = *state;
    given(world);
    people(world, 0, 3);
    struct world_call *call = world_do(world, RPC_LIST_EVENTS, "{}");
    assert_done(call);
    assert_int_equal(json_count(json_get(call->result, "items")), 0);
}

/* ---- renumbering ---- */

static void the_log_begins_anew_under_a_watcher(void **state)
{
    struct world *world = *state;
    given(world);
    people(world, 0, 3);
    world_settle(world);
    int64_t before = fake_store_last(world->store);
    fake_redis_set_down(world->redis, true);
    people(world, 3, 5); /* these are not published */
    struct seen seen = {0};
    watch(world, &seen, "{\"after\":0}");
    more(world, &seen, 1000);
    assert_seen(&seen, 1, before + 2);
    seen.count = 0;
    fake_redis_empty(world->redis);
    fake_redis_set_log(world->redis, "log-other", 900);
    fake_redis_set_down(world->redis, false);
    world_run(world, MINUTE);
    people(world, 5, 6);
    world_settle(world);
    assert_events(world, "log.restarted", NULL, 1);
    assert_seen(&seen, 901, fake_store_last(world->store)); /* log.restarted is the first */
    assert_int_equal(seen.count, 4);
    engine_watch_cancel(seen.watcher);
}

static void a_watcher_may_have_had_enough_before_its_room_is_full(void **state)
{
    struct world *world = *state;
    given(world);
    people(world, 0, 20);
    struct seen seen = {.enough = 5};
    watch(world, &seen, "{\"after\":0}");
    for (size_t i = 1; i <= 4; i++) {
        more(world, &seen, 100);
        assert_seen(&seen, 1, 5 * (int64_t)i);
    }
    more(world, &seen, 100);
    assert_seen(&seen, 1, 21);
    engine_watch_cancel(seen.watcher);
}

/* ---- many ---- */

static void many_watch_at_once_each_at_its_own_pace(void **state)
{
    enum { MANY = 256 };
    static struct seen seen[MANY];
    struct world *world = *state;
    given(world);
    memset(seen, 0, sizeof(seen));
    for (size_t i = 0; i < MANY; i++)
        watch(world, &seen[i], "{\"after\":0}");
    people(world, 0, 50);
    int64_t last = fake_store_last(world->store);
    for (size_t i = 0; i < MANY; i++)
        more(world, &seen[i], i % 64 + 1);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(seen[i].count, MIN_OF((int64_t)(i % 64) + 1, last));
    for (size_t i = 0; i < MANY; i++) {
        more(world, &seen[i], 1000);
        assert_seen(&seen[i], 1, last);
        engine_watch_cancel(seen[i].watcher);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_watcher_sees_every_event_once),
        ROW(a_watcher_without_a_number_begins_now),
        ROW(a_number_that_the_log_has_not_reached_is_gone),
        ROW(a_number_that_was_told_is_never_gone_after_a_crash),
        ROW(a_watcher_that_comes_too_late_is_told),
        ROW(a_watcher_may_leave_as_it_is_told_to_begin),
        ROW(a_slow_watcher_is_told_what_it_can_not_have),
        ROW(what_a_filter_has_passed_over_may_go),
        ROW(an_event_is_kept_until_it_is_published),
        ROW(without_redis_retention_holds_too),
        ROW(a_page_begun_before_retention_goes_on_or_says_why_not),
        ROW(a_list_without_a_number_is_empty),
        ROW(the_log_begins_anew_under_a_watcher),
        ROW(a_watcher_may_have_had_enough_before_its_room_is_full),
        ROW(many_watch_at_once_each_at_its_own_pace),
    };
    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
