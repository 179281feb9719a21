/* What happens while something else is under way: writes that overtake a job, connectors that go
 * and come back under the same name, callers who will not wait, answers that may have been kept. */
#include "unit/engine/engine_test.h"

#define HONEST              \
    (struct fake_answer)    \
    {                       \
        .kind = FAKE_HONEST \
    }
#define OWNER "{\"superagent\":\"sa-c-1\"}"

static struct fake_grant *given(struct world *world)
{
    world_register(world, "sa", "superagent", "rotating", "client-sa", "s1");
    return world_import(world, "sa", "c-1");
}

/* As world_import_grant() does, without waiting for the answer. */
static struct world_call *ask_import(struct world *world, const struct fake_grant *grant,
                                     const char *intent)
{
    char access[FAKE_TOKEN_SIZE], refresh[FAKE_TOKEN_SIZE];
    return world_ask(world, RPC_IMPORT,
                     "{\"connector\":\"sa\",\"connection\":\"c-1\",\"owner\":" OWNER
                     ",\"intent\":\"%s\",\"tokens\":{\"access_token\":\"%s\","
                     "\"refresh_token\":\"%s\",\"expires_in\":3600}}",
                     intent, fake_grant_access_token(grant, access),
                     fake_grant_refresh_token(grant, refresh));
}

/* The connector goes, with all it has; another client takes its name and connects the same id. */
static struct fake_grant *made_anew(struct world *world)
{
    assert_done(world_do(world, RPC_UNREGISTER, "{\"connector\":\"sa\",\"force\":true}"));
    fake_provider_refuse(world->provider, "client-sa", "s1");
    world_register(world, "sa", "superagent", "rotating", "client-two", "t1");
    struct fake_grant *fresh = world_grant(world, "rotating", "client-two");
    assert_done(world_import_grant(world, fresh, "sa", "c-1", OWNER, ""));
    return fresh;
}

/* ---- a connector that goes, and one of the same name ---- */

static void an_unregistered_connectors_plan_goes_with_it(void **state)
{
    struct world *world = *state;
    given(world);
    size_t tasks = engine_task_count(world->engine);
    assert_done(world_do(world, RPC_UNREGISTER, "{\"connector\":\"sa\",\"force\":true}"));
    assert_int_equal(tasks, 1);
    assert_int_equal(engine_task_count(world->engine), 0);
}

static void a_connector_of_the_same_name_refreshes_with_its_own_client(void **state)
{
    struct world *world = *state;
    given(world);
    struct fake_grant *fresh = made_anew(world);
    world_run(world, 65 * MINUTE);
    assert_int_equal(fresh->refreshed, 1);
    assert_int_equal(fake_provider_rejections(world->provider), 0);
    assert_state(world, "c-1", "active");
}

static void a_late_answer_leaves_the_new_connector_alone(void **state)
{
    struct world *world = *state;
    struct fake_grant *old = given(world);
    fake_provider_set_latency(world->provider, 3 * SECOND, 0);
    struct world_call *refresh = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-1\"}");
    world_run(world, 500);
    assert_int_equal(old->unanswered, 1);
    struct fake_grant *fresh = made_anew(world);
    world_wait(world, refresh);
    assert_failed_with(refresh, "unknown_connection");
    world_run(world, 65 * MINUTE);
    assert_int_equal(fresh->refreshed, 1);
    assert_int_equal(fresh->stale, 0);
    assert_int_equal(fake_provider_rejections(world->provider), 0);
}

static void a_refresh_whose_record_goes_says_so(void **state)
{
    struct world *world = *state;
    given(world);
    fake_provider_set_latency(world->provider, 3 * SECOND, 0);
    struct world_call *refresh = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-1\"}");
    world_run(world, 500);
    assert_done(world_do(world, RPC_UNREGISTER, "{\"connector\":\"sa\",\"force\":true}"));
    world_wait(world, refresh);
    assert_failed_with(refresh, "unknown_connection");
}

/* ---- writes that overtake a job ---- */

static void a_grant_that_comes_as_an_answer_is_dropped_is_refreshed(void **state)
{
    struct world *world = *state;
    given(world);
    fake_store_set_latency(world->store, 10);
    fake_provider_set_latency(world->provider, 100, 0);
    for (int gap = 0; gap < 60; gap += 2) {
        struct world_call *refresh = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-1\"}");
        world_run(world, 60);
        assert_done(world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-1\"}"));
        world_run(world, 40 + gap);
        struct fake_grant *fresh = world_grant(world, "rotating", "client-sa");
        assert_done(world_import_grant(world, fresh, "sa", "c-1", OWNER, ""));
        world_wait(world, refresh);
        world_run(world, 70 * MINUTE);
        if (fresh->refreshed == 0)
            fail_msg("connected %d ms after the disconnect: never refreshed", 40 + gap);
        assert_state(world, "c-1", "active");
    }
}

static void a_grant_that_is_being_written_keeps_the_old_token_unsent(void **state)
{
    struct world *world = *state;
    struct fake_grant *old = given(world);
    struct fake_grant *fresh = world_grant(world, "rotating", "client-sa");
    fake_store_set_latency(world->store, 10);
    world_ask(world, RPC_REFRESH, "{\"connection\":\"c-1\"}");
    world_run(world, 15); /* the job reads; then come the import's read, the intent, the grant */
    struct world_call *import = ask_import(world, fresh, "reconnect");
    world_wait(world, import);
    assert_done(import);
    world_run(world, 3 * HOUR);
    assert_int_equal(old->presented, 0);
    assert_in_range(fresh->refreshed, 3, 5);
    assert_int_equal(world_connection(world, "c-1")->uncertain_tries, 0);
    assert_state(world, "c-1", "active");
}

static void a_disconnect_that_is_being_written_keeps_the_token_unsent(void **state)
{
    struct world *world = *state;
    struct fake_grant *old = given(world);
    fake_store_set_latency(world->store, 10);
    world_ask(world, RPC_REFRESH, "{\"connection\":\"c-1\"}");
    world_run(world, 15);
    assert_done(world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-1\"}"));
    world_run(world, HOUR);
    assert_int_equal(old->presented, 0);
    assert_int_equal(world_connection(world, "c-1")->attempt_id, 0);
    assert_state(world, "c-1", "disconnected");
}

/* ---- writes of which nobody knows whether they were done ---- */

static void fail_next_import(struct world *world, enum fake_write_fate fate)
{
    fake_store_fail(world->store, (struct fake_store_fault){
                                      .when = FAKE_STORE_IMPORTS, .fate = fate, .count = 1});
}

static void an_import_is_not_taken_for_another_ones(void **state)
{
    struct world *world = *state;
    given(world);
    struct fake_grant *first = world_grant(world, "rotating", "client-sa");
    struct fake_grant *second = world_grant(world, "rotating", "client-sa");
    fail_next_import(world, FAKE_WRITE_UNCERTAIN_NOT_DONE);
    struct world_call *lost = ask_import(world, first, "reconnect");
    struct world_call *done = ask_import(world, second, "reconnect");
    world_wait(world, done);
    world_wait(world, lost);
    assert_done(done);
    assert_done(lost);
    assert_int_equal(world_connection(world, "c-1")->generation, 3);
    world_run(world, 65 * MINUTE);
    assert_int_equal(first->refreshed, 1);
    assert_int_equal(second->presented, 0);
}

static void an_import_that_was_done_is_not_done_again(void **state)
{
    struct world *world = *state;
    given(world);
    struct fake_grant *fresh = world_grant(world, "rotating", "client-sa");
    fail_next_import(world, FAKE_WRITE_UNCERTAIN_DONE);
    struct world_call *import = ask_import(world, fresh, "reconnect");
    world_wait(world, import);
    assert_done(import);
    assert_int_equal(world_connection(world, "c-1")->generation, 2);
    assert_events(world, "connection.reconnected", "c-1", 1);
}

static void a_disconnect_is_not_taken_for_another_write(void **state)
{
    struct world *world = *state;
    given(world);
    struct fake_grant *fresh = world_grant(world, "rotating", "client-sa");
    fail_next_import(world, FAKE_WRITE_UNCERTAIN_NOT_DONE);
    struct world_call *lost = world_ask(world, RPC_DISCONNECT, "{\"connection\":\"c-1\"}");
    struct world_call *done = ask_import(world, fresh, "reconnect");
    world_wait(world, done);
    world_wait(world, lost);
    assert_done(done);
    assert_failed_with(lost, "conflict");
    assert_state(world, "c-1", "active");
}

/* ---- callers who will not wait ---- */

/* What is sent in ten minutes, without and with a caller a second. */
static void assert_callers_change_nothing(struct world *world)
{
    size_t before = fake_provider_requests(world->provider);
    world_run(world, 10 * MINUTE);
    size_t alone = fake_provider_requests(world->provider) - before;
    before = fake_provider_requests(world->provider);
    for (int i = 0; i < 600; i++) {
        world_ask(world, RPC_TOKEN, "{\"connection\":\"c-1\",\"min_valid_s\":60}");
        world_run(world, SECOND);
    }
    size_t called = fake_provider_requests(world->provider) - before;
    if (called > 2 * alone + 2)
        fail_msg("%zu requests in ten minutes alone, %zu with callers", alone, called);
}

static const struct back_off_row {
    const char *name;
    const char *profile;
    struct fake_answer answer;
} back_off_rows[] = {
    {"callers_wait_out_the_back_off",
     "static",
     {.kind = FAKE_STATUS, .count = -1, .status = 503, .body = "{}"}},
    {"callers_wait_out_lost_answers", "rotating", {.kind = FAKE_LOST_REQUEST, .count = -1}},
    {"callers_wait_out_a_doubt",
     "static",
     {.kind = FAKE_STATUS, .count = -1, .status = 400, .body = "{\"error\":\"what_is_this\"}"}},
    {"callers_wait_out_a_retry_after",
     "static",
     {.kind = FAKE_STATUS, .count = -1, .status = 429, .body = "{}", .retry_after = "300"}},
};

static void callers_wait_out(void **state)
{
    const struct back_off_row *row = *state;
    struct world *world = world_new(1);
    world_register(world, "sa", "superagent", row->profile, "client-sa", "s1");
    world_import(world, "sa", "c-1");
    fake_provider_play(world->provider, NULL, row->answer);
    world_run(world, 90 * MINUTE);
    assert_callers_change_nothing(world);
    assert_failed_with(world_do(world, RPC_TOKEN, "{\"connection\":\"c-1\"}"),
                       "provider_unavailable");
    fake_provider_play(world->provider, NULL, HONEST);
    world_run(world, 30 * MINUTE);
    assert_done(world_do(world, RPC_TOKEN, "{\"connection\":\"c-1\"}"));
    world_free(world);
}

/* ---- answers that are kept for an operator ---- */

static size_t rescued(struct world *world)
{
    return fake_store_rescued(world->store, STR("c-1"));
}

static void given_rescues(struct world *world)
{
    given(world);
    fake_provider_play(world->provider, NULL,
                       (struct fake_answer){
                           .kind = FAKE_STATUS, .count = -1, .status = 200, .body = "{\"foo\":1}"});
    world_run(world, DAY);
    fake_provider_play(world->provider, NULL, HONEST);
    assert_true(rescued(world) > 0);
}

static void answers_kept_are_few(void **state)
{
    struct world *world = *state;
    given_rescues(world);
    assert_true(world->metrics.answers_rescued > STORE_RESCUES_MAX);
    assert_int_equal(rescued(world), STORE_RESCUES_MAX);
}

static void a_disconnect_drops_answers_kept(void **state)
{
    struct world *world = *state;
    given_rescues(world);
    assert_done(world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-1\"}"));
    assert_int_equal(rescued(world), 0);
}

static void a_new_grant_drops_answers_kept(void **state)
{
    struct world *world = *state;
    given_rescues(world);
    struct world_call *import =
        ask_import(world, world_grant(world, "rotating", "client-sa"), "reconnect");
    world_wait(world, import);
    assert_done(import);
    assert_int_equal(rescued(world), 0);
}

static void an_unregistered_connectors_answers_kept_go_with_it(void **state)
{
    struct world *world = *state;
    given_rescues(world);
    assert_done(world_do(world, RPC_UNREGISTER, "{\"connector\":\"sa\",\"force\":true}"));
    assert_int_equal(rescued(world), 0);
}

static void nothing_is_kept_of_what_was_disconnected(void **state)
{
    struct world *world = *state;
    given(world);
    fake_provider_set_latency(world->provider, 2 * SECOND, 0);
    world_ask(world, RPC_REFRESH, "{\"connection\":\"c-1\"}");
    world_run(world, 500);
    assert_done(world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-1\"}"));
    world_run(world, MINUTE);
    assert_int_equal(rescued(world), 0);
    assert_int_equal(world->metrics.answers_rescued, 0);
    assert_int_equal(world_connection(world, "c-1")->attempt_id, 0);
}

/* ---- what must not stop ---- */

static void a_damaged_access_token_does_not_stop_refreshing(void **state)
{
    struct world *world = *state;
    struct fake_grant *grant = given(world);
    CLEANUP(arena_deinit) struct arena arena = {0};
    struct connection damaged;
    record_copy_connection(&arena, world_connection(world, "c-1"), &damaged);
    damaged.sealed_access = STR("no box that anything here has sealed, but long enough for one");
    fake_store_seed(world->store, &damaged);
    world_run(world, 65 * MINUTE);
    assert_int_equal(grant->refreshed, 1);
    assert_done(world_do(world, RPC_TOKEN, "{\"connection\":\"c-1\"}"));
}

static void an_answer_is_unsaved_until_it_is_durable(void **state)
{
    struct world *world = *state;
    given(world);
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_SAVES,
                                                            .fate = FAKE_WRITE_UNAVAILABLE,
                                                            .count = -1});
    assert_false(engine_has_unsaved(world->engine));
    struct world_call *refresh = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-1\"}");
    world_run(world, MINUTE);
    assert_true(engine_has_unsaved(world->engine));
    assert_false(refresh->is_done);
    fake_store_clear_faults(world->store);
    world_wait(world, refresh);
    assert_done(refresh);
    assert_false(engine_has_unsaved(world->engine));
}

#define BACK_OFF_ROW(number)                                               \
    {                                                                      \
        .name = back_off_rows[number].name, .test_func = callers_wait_out, \
        .initial_state = (void *)(uintptr_t)&back_off_rows[number],        \
    }

int main(void)
{
    const struct CMUnitTest rows[] = {
        ROW(an_unregistered_connectors_plan_goes_with_it),
        ROW(a_connector_of_the_same_name_refreshes_with_its_own_client),
        ROW(a_late_answer_leaves_the_new_connector_alone),
        ROW(a_refresh_whose_record_goes_says_so),
        ROW(a_grant_that_comes_as_an_answer_is_dropped_is_refreshed),
        ROW(a_grant_that_is_being_written_keeps_the_old_token_unsent),
        ROW(a_disconnect_that_is_being_written_keeps_the_token_unsent),
        ROW(an_import_is_not_taken_for_another_ones),
        ROW(an_import_that_was_done_is_not_done_again),
        ROW(a_disconnect_is_not_taken_for_another_write),
        BACK_OFF_ROW(0),
        BACK_OFF_ROW(1),
        BACK_OFF_ROW(2),
        BACK_OFF_ROW(3),
        ROW(answers_kept_are_few),
        ROW(a_disconnect_drops_answers_kept),
        ROW(a_new_grant_drops_answers_kept),
        ROW(an_unregistered_connectors_answers_kept_go_with_it),
        ROW(nothing_is_kept_of_what_was_disconnected),
        ROW(a_damaged_access_token_does_not_stop_refreshing),
        ROW(an_answer_is_unsaved_until_it_is_durable),
    };
    return cmocka_run_group_tests(rows, NULL, NULL);
}
