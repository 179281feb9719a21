/* Requests to a provider that present no refresh token: counted, bounded, answered once. */
#include "unit/engine/engine_test.h"

#include "common/memory.h"
#include "engine/errand.h"

struct result {
    size_t count;
    enum transport_end end;
    int status;
    char body[64], why[128];
    bool was_gone;
    bool in_send; /* while errand_send() had not returned */
};

static bool is_sending;

static void on_done(void *user, const struct errand_answer *answer, struct now now)
{
    struct result *result = user;
    (void)now;
    result->count++;
    result->end = answer->end;
    result->status = answer->http.status;
    str_copy_cut(answer->http.body, result->body, sizeof(result->body));
    str_copy_cut(str_c(answer->why), result->why, sizeof(result->why));
    result->was_gone = answer->entry != NULL && answer->entry->gone;
    result->in_send = is_sending;
}

static struct fake_reply say_hello(void *ctx, const struct oauth_message *message)
{
    (void)ctx;
    CLEANUP(buf_deinit) struct buf name = {0};
    assert_true(str_eq(fake_message_header(message, "accept"), STR("application/json")));
    assert_true(str_eq(fake_message_param(message, "name", &name), STR("ana b")));
    return (struct fake_reply){.status = 200, .body = memory_copy_str(STR("{\"hello\":1}"))};
}

static struct fake_endpoint *serve(struct world *world)
{
    return fake_provider_serve(world->provider, "https://plain.example/hello", say_hello, NULL);
}

static enum status ask(struct world *world, struct result *result, struct catalog_entry *entry,
                       bool for_caller)
{
    struct oauth_message message = {.method = STR("POST"),
                                    .url = STR("https://plain.example/hello?x=1")};
    message.headers[message.header_count++] =
        (struct oauth_header){.name = STR("Accept"), .value = STR("application/json")};
    message.body = secret_copy(STR("name=ana+b"));
    const struct errand_order order = {
        .message = &message,
        .deadline_ms = ERRAND_DEADLINE_MS,
        .entry = entry,
        .for_caller = for_caller,
        .done = on_done,
        .user = result,
    };
    struct error err = {0};
    is_sending = true;
    enum status status = errand_send(world->engine, &order, world_now(world), &err);
    is_sending = false;
    assert_null(message.body); /* taken either way */
    assert_true(status == STATUS_OK || err.text[0] != '\0');
    return status;
}

static void an_answer_comes_once_on_a_later_turn(void **state)
{
    struct world *world = *state;
    struct fake_endpoint *endpoint = serve(world);
    struct result result = {0};
    assert_int_equal(ask(world, &result, NULL, false), STATUS_OK);
    assert_int_equal(result.count, 0);
    assert_int_equal(engine_in_flight(world->engine), 1);
    world_settle(world);
    assert_int_equal(result.count, 1);
    assert_false(result.in_send);
    assert_int_equal(result.end, TRANSPORT_ANSWERED);
    assert_int_equal(result.status, 200);
    assert_string_equal(result.body, "{\"hello\":1}");
    assert_int_equal(engine_in_flight(world->engine), 0);
    assert_int_equal(endpoint->requests, 1);
    assert_int_equal(fake_provider_requests(world->provider), 0);
}

static void how_it_went_wrong_is_told(void **state)
{
    struct world *world = *state;
    static const struct {
        enum fake_answer_kind kind;
        enum transport_end end;
        const char *why;
        int64_t after_ms;
    } rows[] = {
        {FAKE_NOT_SENT, TRANSPORT_NOT_SENT, "connection refused", 0},
        {FAKE_LOST_ANSWER, TRANSPORT_LOST, "timed out", ERRAND_DEADLINE_MS - SECOND},
    };
    struct fake_endpoint *endpoint = serve(world);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct result result = {0};
        endpoint->script = (struct fake_answer){.kind = rows[i].kind, .count = 1};
        assert_int_equal(ask(world, &result, NULL, false), STATUS_OK);
        world_run(world, rows[i].after_ms);
        if (rows[i].after_ms > 0)
            assert_int_equal(result.count, 0); /* the deadline is waited for */
        world_run(world, 2 * SECOND);
        assert_int_equal(result.count, 1);
        assert_int_equal(result.end, rows[i].end);
        assert_string_equal(result.why, rows[i].why);
    }
}

static void its_connector_may_go_meanwhile(void **state)
{
    struct world *world = *state;
    serve(world);
    world_register(world, "gcal", "app_user", "plain", "client-gcal", "s1");
    struct result result = {0};
    struct catalog_entry *entry = catalog_find(world->engine, STR("gcal"));
    fake_provider_set_latency(world->provider, 10 * SECOND, 0);
    assert_int_equal(ask(world, &result, entry, false), STATUS_OK);
    assert_done(world_do(world, RPC_UNREGISTER, "{\"connector\":\"gcal\"}"));
    assert_null(catalog_find(world->engine, STR("gcal")));
    world_run(world, 20 * SECOND);
    assert_int_equal(result.count, 1);
    assert_true(result.was_gone);
}

static void more_than_there_is_room_for_are_refused(void **state)
{
    struct world *world = *state;
    static struct result results[ERRANDS_MAX + 1];
    memset(results, 0, sizeof(results));
    size_t sent = 0;
    serve(world);
    world_register(world, "gcal", "app_user", "plain", "client-gcal", "s1");
    struct catalog_entry *entry = catalog_find(world->engine, STR("gcal"));
    while (ask(world, &results[sent], entry, false) == STATUS_OK)
        sent++;
    assert_int_equal(sent, ERRANDS_OF_CONNECTOR_MAX); /* the others have their place */
    while (ask(world, &results[sent], NULL, false) == STATUS_OK)
        sent++;
    assert_int_equal(sent, ERRANDS_BACKGROUND_MAX); /* and whoever waits has one */
    while (ask(world, &results[sent], entry, true) == STATUS_OK)
        sent++;
    assert_int_equal(sent, ERRANDS_MAX);
    world_run(world, 2 * SECOND);
    for (size_t i = 0; i < sent; i++)
        assert_int_equal(results[i].count, 1);
    assert_int_equal(results[sent].count, 0);
    assert_int_equal(ask(world, &results[0], entry, false), STATUS_OK);
    world_settle(world);
}

static void a_stop_waits_for_it_and_begins_none(void **state)
{
    struct world *world = *state;
    serve(world);
    struct result before = {0}, after = {0}, of_a_call = {0};
    fake_provider_set_latency(world->provider, 5 * SECOND, 0);
    assert_int_equal(ask(world, &before, NULL, false), STATUS_OK);
    engine_drain(world->engine, world_now(world));
    assert_int_equal(ask(world, &after, NULL, false), STATUS_UNAVAILABLE);
    assert_int_equal(ask(world, &of_a_call, NULL, true), STATUS_OK); /* the call was there before */
    world_settle(world);
    assert_false(engine_is_drained(world->engine));
    world_run(world, 10 * SECOND);
    assert_true(engine_is_drained(world->engine));
    assert_int_equal(before.count, 1);
    assert_int_equal(of_a_call.count, 1);
    assert_int_equal(after.count, 0);
}

static void a_learned_address_must_be_public(void **state)
{
    struct world *world = *state;
    static const struct {
        bool ordered, made, refused;
    } rows[] = {{false, false, false}, {true, false, true}, {false, true, true}};
    struct fake_endpoint *endpoint = serve(world);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct result result = {0};
        struct oauth_message message = {.method = STR("POST"),
                                        .url = STR("https://plain.example/hello"),
                                        .host_is_made = rows[i].made};
        message.headers[message.header_count++] =
            (struct oauth_header){.name = STR("Accept"), .value = STR("application/json")};
        message.body = secret_copy(STR("name=ana+b"));
        const struct errand_order order = {.message = &message,
                                           .deadline_ms = SECOND,
                                           .refuse_private = rows[i].ordered,
                                           .done = on_done,
                                           .user = &result};
        assert_int_equal(errand_send(world->engine, &order, world_now(world), NULL), STATUS_OK);
        world_run(world, 2 * SECOND);
        assert_int_equal(result.count, 1);
        assert_int_equal(endpoint->refuse_private, rows[i].refused);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(an_answer_comes_once_on_a_later_turn), ROW(how_it_went_wrong_is_told),
        ROW(its_connector_may_go_meanwhile),       ROW(more_than_there_is_room_for_are_refused),
        ROW(a_stop_waits_for_it_and_begins_none),  ROW(a_learned_address_must_be_public),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
