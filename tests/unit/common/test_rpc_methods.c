/* The table is whole and sound, and says what docs/protocol.md "Who may" says. */
#include "common/rpc_methods.h"

#include "rows.h"

static void every_method_is_described(void **state UNUSED)
{
    for (int id = 0; id < RPC_METHOD_COUNT; id++) {
        const struct rpc_method *method = rpc_method_at((enum rpc_method_id)id);
        assert_int_equal(method->id, id);
        assert_non_null(method->name);
        assert_non_null(method->params);
        assert_non_null(method->result);
        assert_true(str_ends_with(str_c(method->summary), STR(".")));
        assert_non_null(method->positional);
        assert_true(method->roles != 0);
        assert_ptr_equal(rpc_method_find(str_c(method->name)), method);
    }
    assert_null(rpc_method_find(STR("no-such-method")));
    assert_null(rpc_method_find(STR_NONE));
}

static void check_params(const struct rpc_param *params)
{
    for (const struct rpc_param *param = params; param->name != NULL; param++) {
        assert_non_null(param->help);
        if (param->type != RPC_TYPE_TEXT_ARRAY) /* it may be of any words */
            assert_int_equal(param->choices != NULL, param->type == RPC_TYPE_ENUM);
        if (param->type == RPC_TYPE_INTEGER)
            assert_true(param->min <= param->max && param->max > 0);
        if (param->type == RPC_TYPE_OBJECT_ARRAY)
            assert_non_null(param->members);
        if (param->members != NULL)
            check_params(param->members);
        for (const struct rpc_param *other = params; other != param; other++)
            assert_string_not_equal(other->name, param->name);
    }
}

static void every_parameter_is_sound(void **state UNUSED)
{
    for (int id = 0; id < RPC_METHOD_COUNT; id++)
        check_params(rpc_method_at((enum rpc_method_id)id)->params);
}

static void positionals_are_parameters(void **state UNUSED)
{
    for (int id = 0; id < RPC_METHOD_COUNT; id++) {
        const struct rpc_method *method = rpc_method_at((enum rpc_method_id)id);
        struct str rest = str_c(method->positional);
        struct str name;
        while (str_next_word(&rest, STR(" "), &name)) {
            const struct rpc_param *param = method->params;
            while (param->name != NULL && !str_eq(name, str_c(param->name)))
                param++;
            assert_non_null(param->name);
            assert_int_not_equal(param->type, RPC_TYPE_SECRET);
        }
    }
}

struct role_row {
    const char *name;
    unsigned roles;
    bool changes;
};

enum { A = RPC_ROLE_ADMIN, P = RPC_ROLE_PLATFORM, O = RPC_ROLE_OPERATOR };

static const struct role_row role_rows[] = {
    {"register", A, true},
    {"unregister", A, true},
    {"disable", A, true},
    {"enable", A, true},
    {"rotate", A, true},
    {"rescope", A, true},
    {"list-connectors", A | O, false},
    {"show-connector", A | O, false},
    {"import", A | P, true},
    {"authorize", A | P, true},
    {"complete", A | P, true},
    {"token", P, false},
    {"refresh", A | O, true},
    {"report", P, true},
    {"disconnect", A | P, true},
    {"attach", A | P, true},
    {"confirm", A | O, true},
    {"clear", A | O, true},
    {"list-connections", A | O | P, false},
    {"show-connection", A | O | P, false},
    {"list-events", A | O, false},
    {"watch", A | O, false},
    {"status", A | O, false},
    {"metrics", A | O, false},
    {"reload", A, true},
    {"list-audit", A | O, false},
    {"rpc.discover", RPC_ROLE_ANYONE, false},
};

static void check_role(void **state)
{
    const struct role_row *row = *state;
    const struct rpc_method *method = rpc_method_find(str_c(row->name));
    assert_non_null(method);
    assert_int_equal(method->roles, row->roles);
    assert_int_equal(method->changes, row->changes);
}

static void codes_are_words(void **state UNUSED)
{
    for (int code = 0; code < RPC_CODE_COUNT; code++)
        assert_non_null(rpc_code_text((enum rpc_code)code));
    assert_string_equal(rpc_code_text(RPC_CODE_STORE_UNAVAILABLE), "store_unavailable");
    assert_string_equal(rpc_code_text(RPC_CODE_UNKNOWN_CONNECTOR), "unknown_connector");
}

int main(void)
{
    _Static_assert(ARRAY_LEN(role_rows) == RPC_METHOD_COUNT, "one row a method");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_is_described),
        cmocka_unit_test(every_parameter_is_sound),
        cmocka_unit_test(positionals_are_parameters),
        cmocka_unit_test(codes_are_words),
    };
    return RUN_ROWS(role_rows, check_role) + cmocka_run_group_tests(tests, NULL, NULL);
}
