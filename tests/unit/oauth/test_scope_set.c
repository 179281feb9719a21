#include "oauth/scope_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void from_text(UNUSED void **state)
{
    static const struct {
        const char *text, *set;
    } rows[] = {
        {"", ""},
        {"  ", ""},
        {"b a", "a b"},
        {"a a a", "a"},
        {" mail.read\topenid \n mail.read", "mail.read openid"},
        {"a:b a", "a a:b"},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str set = scope_set_from_text(&arena, str_c(rows[i].text));
        assert_true(str_is_set(set));
        assert_string_equal(set.data, rows[i].set);
        assert_true(str_eq(set, scope_set_from_text(&arena, set)));
    }
    arena_deinit(&arena);
}

/** Any number of them, the last a repetition of the first. */
static void as_many_scopes_as_there_are(UNUSED void **state)
{
    enum { MANY = 70 };
    struct arena arena = {0};
    for (int count = 1; count <= MANY; count++) {
        CLEANUP(buf_deinit) struct buf text = {0};
        CLEANUP(buf_deinit) struct buf expected = {0};
        for (int i = count - 1; i >= 0; i--)
            buf_printf(&text, "%c%c ", 'a' + i / 26, 'a' + i % 26);
        buf_printf(&text, "%c%c", 'a' + (count - 1) / 26, 'a' + (count - 1) % 26);
        for (int i = 0; i < count; i++)
            buf_printf(&expected, "%s%c%c", i > 0 ? " " : "", 'a' + i / 26, 'a' + i % 26);
        struct str set = scope_set_from_text(&arena, buf_str(&text));
        assert_true(str_eq(set, buf_str(&expected)));
        CLEANUP(buf_deinit) struct buf letters = {0};
        for (int i = 0; i < count; i++)
            buf_append(&letters, STR("x "));
        assert_true(str_eq(scope_set_from_text(&arena, buf_str(&letters)), STR("x")));
    }
    arena_deinit(&arena);
}

static void from_json(UNUSED void **state)
{
    static const struct {
        const char *json, *set, *says;
    } rows[] = {
        {"[]", "", NULL},
        {"[\"b\",\"a\",\"b\"]", "a b", NULL},
        {"\"a b\"", NULL, "expected an array of scope names, got a string"},
        {"null", NULL, "expected an array"},
        {"[\"a\",7]", NULL, "[1]: expected a scope name"},
        {"[\"a b\"]", NULL, "[0]: expected a scope name"},
        {"[\"\"]", NULL, "[0]: expected a scope name"},
        {"[\"a\\\"b\"]", NULL, "[0]: expected a scope name"},
        {"[\"\\u00e9\"]", NULL, "[0]: expected a scope name"},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error err = {0};
        struct str set = STR_NONE;
        CLEANUP(json_freep) struct json *json = NULL;
        assert_int_equal(json_parse(str_c(rows[i].json), JSON_LIMITS_DEFAULT, &json, &err),
                         STATUS_OK);
        enum status status = scope_set_from_json(&arena, json, &set, &err);
        assert_int_equal(status, rows[i].set == NULL ? STATUS_INVALID : STATUS_OK);
        if (rows[i].set != NULL)
            assert_string_equal(set.data, rows[i].set);
        else
            assert_true(str_contains(str_c(err.text), str_c(rows[i].says)));
    }
    arena_deinit(&arena);
}

static void comparing(UNUSED void **state)
{
    struct arena arena = {0};
    struct str set = STR("a b c");
    assert_true(scope_set_covers(set, STR("a c")));
    assert_true(scope_set_covers(set, STR("c a")));
    assert_true(scope_set_covers(set, STR("")));
    assert_false(scope_set_covers(set, STR("a d")));
    assert_false(scope_set_covers(STR(""), STR("a")));
    assert_true(scope_set_has(set, STR("b")));
    assert_false(scope_set_has(STR("ab"), STR("b")));
    assert_string_equal(scope_set_minus(&arena, set, STR("b")).data, "a c");
    assert_string_equal(scope_set_minus(&arena, set, set).data, "");
    assert_string_equal(scope_set_minus(&arena, STR(""), set).data, "");
    CLEANUP(json_freep) struct json *json = scope_set_to_json(set);
    assert_int_equal(json_count(json), 3);
    assert_true(str_eq(json_text(json_at(json, 2)), STR("c")));
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_text),
        cmocka_unit_test(as_many_scopes_as_there_are),
        cmocka_unit_test(from_json),
        cmocka_unit_test(comparing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
