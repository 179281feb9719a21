/* Parameters against the table: what passes, and where and how the rest is told. */
#include "common/rpc_methods.h"

#include "rows.h"

struct check_row {
    const char *name;
    const char *method;
    const char *params;
    const char *path;     /* NULL: it passes */
    const char *expected; /* how it begins */
};

#define OWNED "\"connector\":\"gcal\",\"owner\":{\"superagent\":\"sa-1\"}"
#define TOKENS "\"tokens\":{\"access_token\":\"a\"}"
#define REGISTER "\"connector\":\"gcal\",\"type\":\"shared\",\"client_id\":\"x\",\"scopes\":[\"a\"]"

static const struct check_row check_rows[] = {
    {"no parameters", "status", "{}", NULL, NULL},
    {"a required id", "show-connection", "{\"connection\":\"c-81f2\"}", NULL, NULL},
    {"all of an import", "import",
     "{" OWNED ",\"intent\":\"connect\",\"acting_user\":\"u@x.org\",\"tokens\":{\"access_token\":"
     "\"a\",\"refresh_token\":\"r\",\"expires_in\":3600,\"scope\":\"\",\"token_type\":\"Bearer\"},"
     "\"requested_scopes\":[],\"account\":{\"id\":\"1093\",\"label\":\"\"}}",
     NULL, NULL},
    {"a list of imports", "import", "{\"connections\":[{" OWNED "," TOKENS "}]}", NULL, NULL},
    {"an import judges for itself what is missing", "import", "{}", NULL, NULL},
    {"null is as good as not there", "token", "{\"connection\":null,\"min_valid_s\":null}", NULL,
     NULL},
    {"any members of a profile", "register", "{" REGISTER ",\"profile\":{\"x\":[1,{}]}}", NULL,
     NULL},
    {"an empty set of scopes", "rescope", "{\"connector\":\"g\",\"scopes\":[]}", NULL, NULL},
    {"least integer", "rotate", "{\"connector\":\"g\",\"overlap_s\":0}", NULL, NULL},
    {"greatest integer", "rotate", "{\"connector\":\"g\",\"overlap_s\":31536000}", NULL, NULL},
    {"any sequence number", "watch", "{\"after\":9223372036854775807}", NULL, NULL},

    {"by position", "status", "[]", "", "an object: parameters go by name"},
    {"a parameter that there is not", "status", "{\"x\":1}", "x", "no parameters"},
    {"a misspelt one", "unregister", "{\"connector\":\"g\",\"farce\":true}", "farce",
     "no such member, only connector, force"},
    {"unknown though null", "status", "{\"x\":null}", "x", "no parameters"},
    {"missing", "show-connection", "{}", "connection", "an id: "},
    {"required yet null", "show-connection", "{\"connection\":null}", "connection", "an id: "},
    {"id of a wrong type", "show-connection", "{\"connection\":7}", "connection", "an id: "},
    {"empty id", "show-connection", "{\"connection\":\"\"}", "connection", "an id: "},
    {"id that looks like a flag", "show-connection", "{\"connection\":\"-h\"}", "connection",
     "an id: "},
    {"id with a slash", "show-connection", "{\"connection\":\"a/b\"}", "connection", "an id: "},
    {"id with NUL", "show-connection", "{\"connection\":\"a\\u0000\"}", "connection", "an id: "},
    {"integer too small", "list-audit", "{\"limit\":0}", "limit", "an integer from 1 to 1000"},
    {"integer too large", "list-audit", "{\"limit\":1001}", "limit", "an integer from 1 to 1000"},
    {"negative sequence number", "watch", "{\"after\":-1}", "after", "an integer of 0 or more"},
    {"fraction for an integer", "list-audit", "{\"limit\":1.0}", "limit", "an integer"},
    {"text for an integer", "list-audit", "{\"limit\":\"1\"}", "limit", "an integer"},
    {"integer for a boolean", "refresh", "{\"connection\":\"c\",\"force\":1}", "force",
     "true or false"},
    {"no such choice", "list-connections", "{\"state\":\"dead\"}", "state",
     "one of \"pending\", \"active\","},
    {"part of a choice", "list-connections", "{\"state\":\"pend\"}", "state", "one of"},
    {"choices joined are none", "list-connections", "{\"state\":\"pending|active\"}", "state",
     "one of"},
    {"empty secret", "rotate", "{\"connector\":\"g\",\"client_secret\":\"\"}", "client_secret",
     "a string of 1 to 65536 bytes"},
    {"element of a wrong type", "rescope", "{\"connector\":\"g\",\"scopes\":[\"a\",2]}",
     "scopes[1]", "a string"},
    {"empty element", "rescope", "{\"connector\":\"g\",\"scopes\":[\"\"]}", "scopes[0]",
     "a string of 1 to 1024 bytes"},
    {"text for an array", "rescope", "{\"connector\":\"g\",\"scopes\":\"a\"}", "scopes",
     "an array of 0 to 500 strings"},
    {"too few elements", "watch", "{\"types\":[]}", "types", "an array of 1 to 64 strings"},
    {"a type that no event has", "watch", "{\"types\":[\"log.restarted\",\"log\"]}", "types[1]",
     "one of \"connection.needs_reconnect\", "},
    {"array for an object", "import", "{\"owner\":[]}", "owner", "an object"},
    {"inside of an object", "import", "{\"tokens\":{\"access_token\":\"a\",\"expires_in\":\"x\"}}",
     "tokens.expires_in", "an integer"},
    {"missing inside of an object", "import", "{\"tokens\":{}}", "tokens.access_token",
     "a string of 1 to 65536 bytes; it is required"},
    {"unknown inside of an object", "import", "{\"owner\":{\"team\":\"x\"}}", "owner.team",
     "no such member, only app, apps, superagent, user"},
    {"inside of a list", "import",
     "{\"connections\":[{" OWNED "," TOKENS "},{" OWNED ",\"tokens\":{\"access_token\":1}}]}",
     "connections[1].tokens.access_token", "a string"},
    {"missing inside of a list", "import", "{\"connections\":[{" OWNED "}]}",
     "connections[0].tokens", "an object; it is required"},
    {"null in a list", "import", "{\"connections\":[null]}", "connections[0]", "an object"},
    {"no time", "import", "{\"tokens\":{\"access_token\":\"a\",\"expires_at\":\"soon\"}}",
     "tokens.expires_at", "an RFC 3339 time"},
    {"a name that forges a line", "status", "{\"a\\nb\":1}", "a\\x0ab", "no parameters"},
};

static void check_check(void **state)
{
    const struct check_row *row = *state;
    CLEANUP(json_freep) struct json *params = NULL;
    assert_int_equal(json_parse(str_c(row->params), JSON_LIMITS_DEFAULT, &params, NULL), STATUS_OK);
    const struct rpc_method *method = rpc_method_find(str_c(row->method));
    assert_non_null(method);
    struct rpc_fault fault = {0};
    enum status status = rpc_params_check(method, params, &fault);
    if (row->path == NULL) {
        if (status != STATUS_OK)
            fail_msg("%s: expected %s", fault.path, fault.expected);
        return;
    }
    assert_int_equal(status, STATUS_INVALID);
    assert_string_equal(fault.path, row->path);
    if (!str_starts_with(str_c(fault.expected), str_c(row->expected)))
        fail_msg("expected \"%s\", got \"%s\"", row->expected, fault.expected);
}

static void absent_params_count_as_none(void **state UNUSED)
{
    struct rpc_fault fault;
    assert_int_equal(rpc_params_check(rpc_method_at(RPC_STATUS), NULL, &fault), STATUS_OK);
    assert_int_equal(rpc_params_check(rpc_method_at(RPC_TOKEN), NULL, &fault), STATUS_OK);
    assert_int_equal(rpc_params_check(rpc_method_at(RPC_ROTATE), NULL, &fault), STATUS_INVALID);
    assert_string_equal(fault.path, "connector");
}

static void long_values_are_bounded(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    for (int i = 0; i < 129; i++)
        buf_append_byte(&text, 'a');
    CLEANUP(json_freep) struct json *params = json_new_object();
    struct rpc_fault fault;
    json_set_text(params, "connection", buf_str(&text));
    assert_int_equal(rpc_params_check(rpc_method_at(RPC_REFRESH), params, &fault), STATUS_INVALID);
    json_set_text(params, "connection", str_slice(buf_str(&text), 0, 128));
    assert_int_equal(rpc_params_check(rpc_method_at(RPC_REFRESH), params, &fault), STATUS_OK);
}

static void the_longest_fault_is_cut_to_fit(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf name = {0};
    for (int i = 0; i < 1000; i++)
        buf_append(&name, STR("\xc3\xa4"));
    CLEANUP(json_freep) struct json *params = json_new_object();
    json_set_bool(params, buf_c(&name), true);
    struct rpc_fault fault;
    assert_int_equal(rpc_params_check(rpc_method_at(RPC_REGISTER), params, &fault), STATUS_INVALID);
    assert_true(strlen(fault.path) < 100);
    assert_true(str_is_utf8(str_c(fault.path)));
    assert_true(str_ends_with(str_c(fault.expected), STR("config, policy")));
    json_remove(params, buf_c(&name));
    json_set_text(params, "reason", STR("x"));
    assert_int_equal(rpc_params_check(rpc_method_at(RPC_LIST_CONNECTIONS), params, &fault),
                     STATUS_INVALID);
    assert_true(str_ends_with(str_c(fault.expected), STR("\"policy_blocked\"")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_params_count_as_none),
        cmocka_unit_test(long_values_are_bounded),
        cmocka_unit_test(the_longest_fault_is_cut_to_fit),
    };
    return RUN_ROWS(check_rows, check_check) + cmocka_run_group_tests(tests, NULL, NULL);
}
