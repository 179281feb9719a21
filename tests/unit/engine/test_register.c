/* `register` again: what is neither credential nor scope changes; of these nothing changes, and
 * whoever gives others is told which verb is for that. */
#include "unit/engine/engine_test.h"

#define GCAL "\"connector\":\"gcal\",\"type\":\"app_user\",\"provider\":\"rotating\""
#define CLIENT "\"client_id\":\"client-gcal\""
#define SECRET "\"client_secret\":\"s1-of-gcal\""
#define SCOPES "\"scopes\":[\"read\",\"write\"]"

static void given(struct world *world)
{
    world_register(world, "gcal", "app_user", "rotating", "client-gcal", "s1-of-gcal");
}

static struct world_call *again(struct world *world, const char *params)
{
    return world_do(world, RPC_REGISTER, "{" GCAL ",%s}", params);
}

static void the_same_values_pass(void **state)
{
    static const char *const rows[] = {
        CLIENT "," SECRET "," SCOPES,
        CLIENT "," SCOPES,
        CLIENT "," SECRET ",\"scopes\":[\"write\",\"read\",\"write\"]",
        CLIENT "," SECRET "," SCOPES ",\"auth_method\":\"client_secret_basic\"",
        CLIENT ",\"client_secret\":null,\"certificate\":null," SCOPES,
    };
    struct world *world = *state;
    given(world);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world_call *call = again(world, rows[i]);
        if (call->result == NULL)
            fail_msg("%s", rows[i]);
        assert_int_equal(world_number(call, "credential_version"), 1);
    }
    assert_events(world, "connector.updated", NULL, 0);
    assert_events(world, "connector.registered", NULL, 1);
}

static void another_credential_or_scope_is_refused(void **state)
{
    static const struct {
        const char *params, *path, *verb;
    } rows[] = {
        {"\"client_id\":\"client-2\"," SECRET "," SCOPES, "client_id", "rotate"},
        {CLIENT ",\"client_secret\":\"s1-of-gcaL\"," SCOPES, "client_secret", "rotate"},
        {CLIENT ",\"client_secret\":\"s1\"," SCOPES, "client_secret", "rotate"},
        {CLIENT ",\"private_key\":\"s1-of-gcal\"," SCOPES, "private_key", "rotate"},
        {CLIENT "," SECRET ",\"certificate\":\"PEM\"," SCOPES, "certificate", "rotate"},
        {CLIENT "," SECRET ",\"key_id\":\"k\"," SCOPES, "key_id", "rotate"},
        {CLIENT "," SECRET ",\"auth_method\":\"client_secret_post\"," SCOPES, "auth_method",
         "client_secret_basic"},
        {CLIENT "," SECRET ",\"scopes\":[\"read\"]", "scopes", "rescope"},
        {CLIENT "," SECRET ",\"scopes\":[\"read\",\"write\",\"admin\"]", "scopes", "rescope"},
        {CLIENT "," SECRET ",\"scopes\":[]", "scopes", "rescope"},
        {CLIENT "," SECRET ",\"scopes\":[\"a b\"]", "scopes", "scope tokens"},
    };
    struct world *world = *state;
    given(world);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world_call *call = again(world, rows[i].params);
        char expected[512];
        str_copy_cut(world_text(call, "data.expected"), expected, sizeof(expected));
        if (call->code != RPC_ERROR_PARAMS ||
            !str_eq(world_text(call, "data.path"), str_c(rows[i].path)) ||
            strstr(expected, rows[i].verb) == NULL)
            fail_msg("%s: %s", rows[i].params, expected);
        assert_null(strstr(expected, "s1-of-gcal"));
    }
}

static void and_nothing_else_of_it_is_taken(void **state)
{
    struct world *world = *state;
    given(world);
    struct world_call *call =
        again(world, CLIENT ",\"client_secret\":\"s2\"," SCOPES ",\"name\":\"Calendar\"");
    assert_failed_with(call, "params");
    call = world_do(world, RPC_SHOW_CONNECTOR, "{\"connector\":\"gcal\"}");
    assert_true(str_eq(world_text(call, "name"), STR("gcal")));
    assert_events(world, "connector.updated", NULL, 0);
    assert_done(again(world, CLIENT "," SECRET "," SCOPES ",\"name\":\"Calendar\""));
    assert_events(world, "connector.updated", NULL, 1);
}

static void after_a_change_only_the_new_ones_pass(void **state)
{
    struct world *world = *state;
    given(world);
    assert_done(
        world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2-of-gcal\"}"));
    assert_failed_with(again(world, CLIENT "," SECRET "," SCOPES), "params");
    assert_done(again(world, CLIENT ",\"client_secret\":\"s2-of-gcal\"," SCOPES));
    assert_done(world_do(world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"read\"]}"));
    assert_failed_with(again(world, CLIENT "," SCOPES), "params");
    assert_done(again(world, CLIENT ",\"scopes\":[\"read\"]"));
    world_crash(world);
    assert_failed_with(again(world, CLIENT "," SECRET ",\"scopes\":[\"read\"]"), "params");
    assert_done(again(world, CLIENT ",\"client_secret\":\"s2-of-gcal\",\"scopes\":[\"read\"]"));
}

static void what_is_given_must_make_sense_together(void **state)
{
    static const struct {
        enum rpc_method_id method;
        const char *params, *path;
    } rows[] = {
        {RPC_REGISTER,
         "\"connector\":\"new\",\"type\":\"shared\",\"provider\":\"rotating\"," CLIENT "," SECRET
         "," SCOPES ",\"private_key\":\"PEM\"",
         "client_secret"},
        {RPC_ROTATE, "\"connector\":\"gcal\"," SECRET ",\"private_key\":\"PEM\"", "client_secret"},
        {RPC_REGISTER, GCAL "," CLIENT "," SCOPES ",\"name\":\"two\\nlines\"", "name"},
        {RPC_REGISTER, GCAL "," CLIENT "," SCOPES ",\"name\":\"a\\u0000b\"", "name"},
        {RPC_REGISTER, GCAL "," CLIENT "," SCOPES ",\"app_hint\":\"\\u001b[2J\"", "app_hint"},
        {RPC_LIST_AUDIT, "\"method\":\"imprt\"", "method"},
        {RPC_LIST_AUDIT, "\"outcome\":\"okay\"", "outcome"},
    };
    struct world *world = *state;
    given(world);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world_call *call = world_do(world, rows[i].method, "{%s}", rows[i].params);
        if (call->code != RPC_ERROR_PARAMS ||
            !str_eq(world_text(call, "data.path"), str_c(rows[i].path)))
            fail_msg("%s", rows[i].params);
    }
    assert_events(world, "connector.registered", NULL, 1);
    assert_events(world, "connector.updated", NULL, 0);
    assert_done(world_do(world, RPC_LIST_AUDIT, "{\"outcome\":\"invalid_params\"}"));
    assert_done(world_do(world, RPC_LIST_AUDIT, "{\"outcome\":\"forbidden\"}"));
}

static void a_rotate_that_comes_between_is_seen(void **state)
{
    struct world *world = *state;
    given(world);
    struct world_call *rotate =
        world_ask(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2-of-gcal\"}");
    struct world_call *late = world_ask(
        world, RPC_REGISTER, "{" GCAL "," CLIENT "," SECRET "," SCOPES ",\"name\":\"Calendar\"}");
    world_wait(world, rotate);
    world_wait(world, late);
    assert_done(rotate);
    assert_failed_with(late, "params"); /* it is refused by what is stored in the end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(the_same_values_pass),
        ROW(another_credential_or_scope_is_refused),
        ROW(and_nothing_else_of_it_is_taken),
        ROW(after_a_change_only_the_new_ones_pass),
        ROW(what_is_given_must_make_sense_together),
        ROW(a_rotate_that_comes_between_is_seen),
    };
    return cmocka_run_group_tests_name("register", tests, NULL, NULL);
}
