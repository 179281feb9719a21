/** Who holds which role, and which role may call what (docs/protocol.md "Who may"). */
#include "control/access.h"

#include "unit/common/rows.h"
#include "unit/control/fake_client.h"

#include <stdio.h>

enum {
    A = RPC_ROLE_ADMIN,
    P = RPC_ROLE_PLATFORM,
    O = RPC_ROLE_OPERATOR,
};

struct peer_row {
    const char *name;
    int64_t uid, gid;
    int64_t groups[3];
    size_t group_count;
    unsigned roles;
};

static const struct peer_row peer_rows[] = {
    {"root has all", 0, 0, {0}, 0, A | P | O},
    {"the daemon's own user has all", FAKE_OWN_UID, 990, {0}, 0, A | P | O},
    {"the group of the daemon's number has none", 5000, FAKE_OWN_UID, {0}, 0, 0},
    {"root's group has none", 5000, 0, {0}, 1, 0},
    {"a stranger has none", 5000, 5000, {5001, 5002}, 2, 0},
    {"admin by uid", 1001, 5000, {0}, 0, A},
    {"platform by uid", 1002, 5000, {0}, 0, P},
    {"operator by uid", 1003, 5000, {0}, 0, O},
    {"admin by primary group", 5000, 2001, {0}, 0, A},
    {"platform by a supplementary group", 5000, 5000, {5001, 2002}, 2, P},
    {"operator by the last group", 5000, 5000, {5001, 5002, 2003}, 3, O},
    {"groups behind the count are none", 5000, 5000, {5001, 2002}, 1, 0},
    {"roles add up", 1001, 2002, {2003}, 1, A | P | O},
    {"a uid in a group list means nothing", 2001, 5000, {0}, 0, 0},
    {"a gid in a uid list means nothing", 5000, 1001, {1002}, 1, 0},
};

static void check_peer(void **state)
{
    const struct peer_row *row = *state;
    const struct session_peer peer = {
        .uid = row->uid, .gid = row->gid, .groups = row->groups, .group_count = row->group_count};
    assert_int_equal(access_roles(&fake_rules, &peer), row->roles);

    struct access_rules copy = access_rules_copy(&fake_rules);
    assert_int_equal(access_roles(&copy, &peer), row->roles);
    access_rules_deinit(&copy);
}

struct method_row {
    const char *name;
    unsigned roles;
};

static const struct method_row method_rows[] = {
    {"register", A},
    {"unregister", A},
    {"disable", A},
    {"enable", A},
    {"rotate", A},
    {"rescope", A},
    {"list-connectors", A | O},
    {"show-connector", A | O},
    {"import", A | P},
    {"authorize", A | P},
    {"complete", A | P},
    {"token", P},
    {"refresh", A | O},
    {"report", P},
    {"disconnect", A | P},
    {"attach", A | P},
    {"confirm", A | O},
    {"clear", A | O},
    {"list-connections", A | P | O},
    {"show-connection", A | P | O},
    {"list-events", A | O},
    {"watch", A | O},
    {"status", A | O},
    {"metrics", A | O},
    {"reload", A},
    {"list-audit", A | O},
    {"rpc.discover", A | P | O | RPC_ROLE_ANYONE},
};

/** A parameter that no method knows: whoever may call is told so, whoever may not is not. */
static void check_call(const struct method_row *row, int64_t uid, bool allowed)
{
    struct client client;
    client_connect(&client, uid);
    CLEANUP(buf_deinit) struct buf line = {0};
    buf_printf(&line, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{\"?\":1}}\n",
               row->name);
    client_say(&client, buf_c(&line));
    assert_answers(&client, allowed ? "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32602,*\n"
                                    : "*\"code\":-32000,\"message\":\"*needs the role *\",\"data\":"
                                      "{\"code\":\"forbidden\",\"roles\":[*]}}}\n");
    assert_string_equal(buf_c(&client.logged), allowed ? "" : "control.denied\n");
    assert_int_equal(fake_engine_called(client.engine), 0);
    const struct rpc_method *method = rpc_method_find(str_c(row->name));
    char audited[96] = "";
    if (!allowed || method->changes)
        snprintf(audited, sizeof(audited), "%s  %s", row->name,
                 allowed ? "invalid_params" : "forbidden");
    assert_string_equal(fake_engine_audited(client.engine), audited);
    client_leave(&client);
}

static void check_method(void **state)
{
    const struct method_row *row = *state;
    check_call(row, 0, true);
    check_call(row, 1001, row->roles & (A | RPC_ROLE_ANYONE));
    check_call(row, 1002, row->roles & (P | RPC_ROLE_ANYONE));
    check_call(row, 1003, row->roles & (O | RPC_ROLE_ANYONE));
    check_call(row, 5000, row->roles & RPC_ROLE_ANYONE);
}

static void check_every_method_has_a_row(void **state UNUSED)
{
    assert_int_equal(ARRAY_LEN(method_rows), RPC_METHOD_COUNT);
    for (int id = 0; id < RPC_METHOD_COUNT; id++)
        assert_string_equal(rpc_method_at((enum rpc_method_id)id)->name, method_rows[id].name);
}

static void check_words_of_a_refusal(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 1003);
    client_say(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"import\"}\n");
    assert_answers(&client,
                   "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":"
                   "\"\\\"import\\\" needs the role admin or platform; uid 1003 has operator\","
                   "\"data\":{\"code\":\"forbidden\",\"roles\":[\"admin\",\"platform\"]}}}\n");
    client_leave(&client);
}

static void check_refusals_do_not_fill_the_log(void **state UNUSED)
{
    struct client client;
    client_connect(&client, 5000);
    for (int i = 0; i < 5; i++)
        client_say(&client, "{\"jsonrpc\":\"2.0\",\"method\":\"token\"}\n"
                            "{\"jsonrpc\":\"2.0\",\"method\":\"status\"}\n");
    assert_string_equal(buf_c(&client.logged), "control.denied\ncontrol.denied\n");
    assert_answers(&client, "");
    client_leave(&client);
}

static void check_rights_are_those_at_connect(void **state UNUSED)
{
    const char *line = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n";
    struct client client;
    client_connect(&client, 1003);
    control_set_access(client.control, &(struct access_rules){.own_uid = FAKE_OWN_UID});
    client_say(&client, line);
    assert_answers(&client, "*\"result\":*");
    client_leave(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_every_method_has_a_row),
        cmocka_unit_test(check_words_of_a_refusal),
        cmocka_unit_test(check_refusals_do_not_fill_the_log),
        cmocka_unit_test(check_rights_are_those_at_connect),
    };
    int failed = 0;
    failed += RUN_ROWS(peer_rows, check_peer);
    failed += RUN_ROWS(method_rows, check_method);
    failed += cmocka_run_group_tests_name("access", tests, NULL, NULL);
    return failed;
}
