/** The OpenRPC document: every method, every parameter, no reference that leads nowhere. */
#include "control/discover.h"

#include "common/rpc_methods.h"
#include "unit/common/rows.h"
#include "unit/control/fake_client.h"

static struct json *ask(void)
{
    struct client client;
    client_connect(&client, 5000); /* nobody in particular */
    client_say(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rpc.discover\"}\n");
    struct json *answer = NULL;
    struct error err = {0};
    assert_int_equal(json_parse(buf_str(&client.heard), JSON_LIMITS_DEFAULT, &answer, &err),
                     STATUS_OK);
    client_leave(&client);
    struct json *document = json_copy(json_get(answer, "result"));
    json_free(answer);
    return document;
}

static void assert_text(const struct json *json, const char *path, const char *expected)
{
    assert_str_is(json_text(json_get_path(json, str_c(path))), str_c(expected));
}

static void check_head(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *document = ask();
    assert_text(document, "openrpc", "1.2.6");
    assert_text(document, "info.title", "refreshd");
    assert_text(document, "info.version", REFRESHD_VERSION);
    assert_text(document, "x-notifications.0.name", "event");
}

static void check_method(const struct rpc_method *method, const struct json *object,
                         const struct json *errors)
{
    assert_text(object, "name", method->name);
    assert_text(object, "paramStructure", "by-name");
    assert_true(json_text(json_get(object, "summary")).len > 0);
    assert_true(json_count(json_get(object, "x-roles")) > 0);
    assert_text(object, "result.name", "result");
    assert_text(object, "result.schema.type", "object");
    const struct json *params = json_get(object, "params");
    size_t count = 0;
    for (; method->params[count].name != NULL; count++) {
        const struct json *param = json_at(params, count);
        assert_text(param, "name", method->params[count].name);
        assert_int_equal(json_bool(json_get(param, "required"), false),
                         method->params[count].required);
        assert_true(json_text(json_get_path(param, STR("schema.type"))).len > 0);
    }
    assert_int_equal(json_count(params), count);
    for (size_t i = 0; i < json_count(json_get(object, "errors")); i++) {
        struct str ref = json_text(json_get(json_at(json_get(object, "errors"), i), "$ref"));
        struct str prefix = STR("#/components/errors/");
        assert_true(str_starts_with(ref, prefix));
        assert_int_equal(json_type(json_get_str(errors, str_slice(ref, prefix.len, ref.len))),
                         JSON_OBJECT);
    }
}

static void check_methods(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *document = ask();
    const struct json *methods = json_get(document, "methods");
    assert_int_equal(json_count(methods), RPC_METHOD_COUNT);
    for (size_t id = 0; id < RPC_METHOD_COUNT; id++)
        check_method(rpc_method_at((enum rpc_method_id)id), json_at(methods, id),
                     json_get_path(document, STR("components.errors")));
}

static void check_error_words(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *document = discover_document();
    const struct json *errors = json_get_path(document, STR("components.errors"));
    assert_int_equal(json_count(errors), RPC_CODE_COUNT + 1);
    for (int code = 0; code < RPC_CODE_COUNT; code++) {
        const char *word = rpc_code_text((enum rpc_code)code);
        assert_text(json_get(errors, word), "data.code", word);
    }
}

struct schema_row {
    const char *name;
    enum rpc_method_id method;
    size_t param;
    const char *path, *expected; /* of the parameter's schema, as JSON */
};

static const struct schema_row schema_rows[] = {
    {"an id has a pattern", RPC_REFRESH, 0, "pattern",
     "\"^[A-Za-z0-9._:@][A-Za-z0-9._:@-]{0,127}$\""},
    {"a choice is an enum", RPC_REGISTER, 1, "enum", "[\"shared\",\"superagent\",\"app_user\"]"},
    {"a secret is write-only", RPC_REGISTER, 5, "writeOnly", "true"},
    {"an integer has a range", RPC_LIST_CONNECTORS, 0, "maximum", "1000"},
    {"an open end is left open", RPC_LIST_EVENTS, 0, "maximum", "null"},
    {"an object lists its members", RPC_IMPORT, 5, "properties.access_token.type", "\"string\""},
    {"members that must be", RPC_IMPORT, 5, "required", "[\"access_token\"]"},
    {"an object takes no others", RPC_IMPORT, 5, "additionalProperties", "false"},
    {"a time has a format", RPC_IMPORT, 5, "properties.expires_at.format", "\"date-time\""},
    {"an array of texts", RPC_RESCOPE, 1, "items.type", "\"string\""},
    {"an array of objects", RPC_IMPORT, 10, "items.required",
     "[\"connector\",\"owner\",\"tokens\"]"},
};

static void check_schema(void **state)
{
    const struct schema_row *row = *state;
    CLEANUP(json_freep) struct json *document = discover_document();
    const struct json *method = json_at(json_get(document, "methods"), (size_t)row->method);
    const struct json *schema = json_get(json_at(json_get(method, "params"), row->param), "schema");
    CLEANUP(buf_deinit) struct buf text = {0};
    json_write(json_get_path(schema, str_c(row->path)), &text);
    assert_str_is(buf_str(&text), str_c(row->expected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_head),
        cmocka_unit_test(check_methods),
        cmocka_unit_test(check_error_words),
    };
    int failed = RUN_ROWS(schema_rows, check_schema);
    failed += cmocka_run_group_tests_name("discover", tests, NULL, NULL);
    return failed;
}
