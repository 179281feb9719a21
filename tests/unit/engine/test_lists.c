/* The pages of lists: a cursor is what the same list gave, and nothing else. */
#include "unit/engine/engine_test.h"

enum { PEOPLE = 7 };

static void given(struct world *world)
{
    world_register(world, "gcal", "app_user", "rotating", "client-gcal", "s1");
    world_register(world, "gmail", "app_user", "rotating", "client-gmail", "s1");
    world_register(world, "jira", "app_user", "rotating", "client-jira", "s1");
    for (int i = 0; i < PEOPLE; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        world_import(world, "gcal", id);
        assert_done(world_do(world, RPC_TOKEN, "{\"connection\":\"%s\"}", id));
    }
}

static const struct {
    const char *name;
    enum rpc_method_id method;
    const char *params; /* of a first page, without braces */
    const char *id;     /* what items are told apart by */
    size_t count;
} lists[] = {
    {"connectors", RPC_LIST_CONNECTORS, "\"limit\":1", "connector", 3},
    {"connections", RPC_LIST_CONNECTIONS, "\"limit\":2", "connection", PEOPLE},
    {"audit", RPC_LIST_AUDIT, "\"limit\":3,\"outcome\":\"ok\"", NULL, 3 + PEOPLE},
    {"tokens", RPC_LIST_AUDIT, "\"limit\":2,\"tokens\":true", "connection", PEOPLE},
    {"events", RPC_LIST_EVENTS, "\"limit\":4,\"after\":0", "id", 3 + PEOPLE},
};

static struct world_call *page(struct world *world, size_t list, struct str cursor)
{
    if (!str_is_set(cursor))
        return world_do(world, lists[list].method, "{%s}", lists[list].params);
    return world_do(world, lists[list].method, "{%s,\"cursor\":\"" STR_FMT "\"}",
                    lists[list].params, STR_ARG(cursor));
}

static void page_by_page_each_comes_once(void **state)
{
    struct world *world = *state;
    given(world);
    for (size_t list = 0; list < ARRAY_LEN(lists); list++) {
        struct str cursor = STR_NONE, last = STR("");
        size_t seen = 0;
        do {
            const struct world_call *call = page(world, list, cursor);
            assert_done(call);
            const struct json *items = json_get(call->result, "items");
            for (size_t i = 0; i < json_count(items) && lists[list].method == RPC_LIST_CONNECTIONS;
                 i++) {
                struct str id = json_text(json_get(json_at(items, i), lists[list].id));
                assert_true(str_compare(last, id) < 0);
                last = id;
            }
            seen += json_count(items);
            cursor = world_text(call, "next_cursor");
        } while (str_is_set(cursor));
        if (seen != lists[list].count)
            fail_msg("%s: %zu", lists[list].name, seen);
    }
}

static void assert_no_cursor(struct world *world, size_t list, struct str cursor)
{
    const struct world_call *call = page(world, list, cursor);
    if (call->code != RPC_ERROR_PARAMS || !str_eq(world_text(call, "data.path"), STR("cursor")) ||
        !str_is_set(world_text(call, "data.expected")))
        fail_msg("%s takes \"" STR_FMT "\"", lists[list].name, STR_ARG(cursor));
}

static void what_is_no_cursor_is_refused(void **state)
{
    struct world *world = *state;
    given(world);
    static const char *const garbage[] = {"x",
                                          "c-1",
                                          "0",
                                          "-1",
                                          "1x",
                                          "/",
                                          "//",
                                          "///",
                                          "99999999999999999999",
                                          "connections/c-1/00000000",
                                          "connections//00000000",
                                          "connectors/gcal",
                                          "token-uses/1/1/c-1/00000000",
                                          "audit/1/00000000",
                                          "\\u00e4\\u00f6"};
    for (size_t list = 0; list < ARRAY_LEN(lists); list++) {
        bool takes_numbers = lists[list].method == RPC_LIST_EVENTS;
        for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
            if (!takes_numbers || strcmp(garbage[i], "0") != 0)
                assert_no_cursor(world, list, str_c(garbage[i]));
        }
    }
}

static void a_list_takes_its_own_cursors_only(void **state)
{
    struct world *world = *state;
    given(world);
    for (size_t from = 0; from < ARRAY_LEN(lists); from++) {
        struct str cursor = world_text(page(world, from, STR_NONE), "next_cursor");
        assert_true(str_is_set(cursor));
        for (size_t to = 0; to < ARRAY_LEN(lists); to++) {
            if (to != from)
                assert_no_cursor(world, to, cursor);
        }
    }
}

/* The number of an event is a cursor too (docs/protocol.md), and every shorter one a number. */
static void a_cursor_that_was_cut_or_changed_is_refused(void **state)
{
    struct world *world = *state;
    given(world);
    for (size_t list = 0; list < ARRAY_LEN(lists); list++) {
        if (lists[list].method == RPC_LIST_EVENTS)
            continue;
        char text[256];
        str_copy_cut(world_text(page(world, list, STR_NONE), "next_cursor"), text, sizeof(text));
        for (size_t len = 1; len < strlen(text); len++)
            assert_no_cursor(world, list, (struct str){.data = text, .len = len});
        for (size_t i = 0; i < strlen(text); i++) {
            text[i] ^= 1;
            assert_no_cursor(world, list, str_c(text));
            text[i] ^= 1;
        }
        assert_done(page(world, list, str_c(text)));
    }
}

static void a_cursor_outlives_what_it_names(void **state)
{
    struct world *world = *state;
    given(world);
    char text[256];
    const struct world_call *first = page(world, 0, STR_NONE);
    assert_true(str_eq(world_text(first, "items.0.connector"), STR("gcal")));
    str_copy_cut(world_text(first, "next_cursor"), text, sizeof(text));
    char connections[256];
    str_copy_cut(world_text(page(world, 1, STR_NONE), "next_cursor"), connections,
                 sizeof(connections));
    assert_done(world_do(world, RPC_UNREGISTER, "{\"connector\":\"gcal\",\"force\":true}"));
    assert_null(fake_store_connection(world->store, STR("c-1")));
    const struct world_call *next = page(world, 0, str_c(text));
    assert_done(next);
    assert_true(str_eq(world_text(next, "items.0.connector"), STR("gmail")));
    next = page(world, 1, str_c(connections));
    assert_done(next);
    assert_int_equal(json_count(json_get(next->result, "items")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(page_by_page_each_comes_once),      ROW(what_is_no_cursor_is_refused),
        ROW(a_list_takes_its_own_cursors_only), ROW(a_cursor_that_was_cut_or_changed_is_refused),
        ROW(a_cursor_outlives_what_it_names),
    };
    return cmocka_run_group_tests_name("lists", tests, NULL, NULL);
}
