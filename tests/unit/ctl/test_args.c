#include "ctl/args.h"

#include "fake_world.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PARSES_FROM(name_, line_, params_, source, text)                        \
    {                                                                           \
        .name = (name_), .line = (line_), .params = (params_), .source = (text) \
    }
#define PARSES(name, line, params) PARSES_FROM(name, line, params, in, NULL)
#define FAILS_FROM(name_, line_, error_, source, text)                        \
    {                                                                         \
        .name = (name_), .line = (line_), .error = (error_), .source = (text) \
    }
#define FAILS(name, line, error) FAILS_FROM(name, line, error, in, NULL)

static const struct {
    const char *name;
    const char *line;   /* words separated by '|' */
    const char *params; /* expected, as written; NULL: fails */
    const char *error;  /* a part of the error's text */
    const char *typed, *file, *in;
} rows[] = {
    PARSES("a positional and nothing else", "show-connector|gcal", "{\"connector\":\"gcal\"}"),
    PARSES("two positionals, the last one a list", "rescope|gcal|openid|mail,drive",
           "{\"connector\":\"gcal\",\"scopes\":[\"openid\",\"mail\",\"drive\"]}"),
    PARSES("a list by flag, blanks and commas, twice", "rescope|gcal|--scopes|a,b|--scopes|c d",
           "{\"connector\":\"gcal\",\"scopes\":[\"a\",\"b\",\"c\",\"d\"]}"),
    PARSES("a list as JSON keeps commas inside", "rescope|gcal|--scopes|[\"a,b\"]",
           "{\"connector\":\"gcal\",\"scopes\":[\"a,b\"]}"),
    PARSES("an empty list", "rescope|gcal|--scopes|", "{\"connector\":\"gcal\",\"scopes\":[]}"),
    PARSES("value behind the sign, names with underscore", "rescope|gcal|--scopes=a|--only_missing",
           "{\"connector\":\"gcal\",\"scopes\":[\"a\"],\"only_missing\":true}"),
    PARSES("a boolean off", "rotate|gcal|--no-check|--client-id|x",
           "{\"connector\":\"gcal\",\"check\":false,\"client_id\":\"x\"}"),
    PARSES("a boolean with a word", "refresh|c-1|--force=yes",
           "{\"connection\":\"c-1\",\"force\":true}"),
    PARSES("an owner of pairs", "token|--connector|gcal|--owner|app=crm,user=u-77",
           "{\"connector\":\"gcal\",\"owner\":{\"app\":\"crm\",\"user\":\"u-77\"}}"),
    PARSES("an owner's list is split at semicolons", "token|--connector|g|--owner|apps=crm;sales",
           "{\"connector\":\"g\",\"owner\":{\"apps\":[\"crm\",\"sales\"]}}"),
    PARSES("an owner as JSON", "token|--connector|g|--owner|{\"app\":\"crm\"}",
           "{\"connector\":\"g\",\"owner\":{\"app\":\"crm\"}}"),
    PARSES_FROM("an object from a file", "token|--connector|g|--owner|@file",
                "{\"connector\":\"g\",\"owner\":{\"app\":\"crm\"}}", file, "{\"app\":\"crm\"}\n"),
    PARSES_FROM("an object from standard input", "token|--connector|g|--owner|@-",
                "{\"connector\":\"g\",\"owner\":{\"app\":\"crm\"}}", in, "{\"app\":\"crm\"}"),
    PARSES("a span for seconds", "token|c-1|--min-valid-s|5min",
           "{\"connection\":\"c-1\",\"min_valid_s\":300}"),
    PARSES("a plain number of seconds", "token|c-1|--min-valid-s|30",
           "{\"connection\":\"c-1\",\"min_valid_s\":30}"),
    PARSES(
        "members are typed, free objects are text",
        "register|g|--type|shared|--client-id|1|--scopes|a|--policy|refresh=on_demand,idle_after_s="
        "1d"
        "|--policy|refreshed_events=yes|--config|tenant=7",
        "{\"connector\":\"g\",\"type\":\"shared\",\"client_id\":\"1\",\"scopes\":[\"a\"],"
        "\"policy\":{"
        "\"refresh\":\"on_demand\",\"idle_after_s\":86400,\"refreshed_events\":true},\"config\":{"
        "\"tenant\":\"7\"}}"),
    PARSES_FROM("a secret from a file, without its newline", "rotate|g|--client-secret-file|file",
                "{\"connector\":\"g\",\"client_secret\":\"s3cret\"}", file, "s3cret\r\n"),
    PARSES_FROM("a secret from standard input", "rotate|g|--client-secret-stdin",
                "{\"connector\":\"g\",\"client_secret\":\"s3cret\"}", in, "s3cret\n"),
    PARSES_FROM("a secret from the prompt", "rotate|g|--client-secret",
                "{\"connector\":\"g\",\"client_secret\":\"typed\"}", typed, "typed"),
    PARSES_FROM("rotate alone asks", "rotate|g",
                "{\"connector\":\"g\",\"client_secret\":\"typed\"}", typed, "typed"),
    PARSES_FROM("parameters from a file, flags win", "rescope|g|--params|file|--scopes|x",
                "{\"scopes\":[\"x\"],\"only_missing\":true,\"connector\":\"g\"}", file,
                "{\"scopes\":[\"a\",\"b\"],\"only_missing\":true}"),
    PARSES_FROM("--from is --params", "show-connector|--from|-", "{\"connector\":\"g\"}", in,
                "{\"connector\":\"g\"}"),
    PARSES_FROM("tokens from a file", "import|g|--owner|superagent=s|--tokens-file|-",
                "{\"connector\":\"g\",\"owner\":{\"superagent\":\"s\"},\"tokens\":{\"access_"
                "token\":\"a\"}}",
                in, "{\"access_token\":\"a\"}"),
    PARSES("words behind --", "show-connector|--|gcal", "{\"connector\":\"gcal\"}"),
    PARSES("no parameters", "status", "{}"),

    FAILS("no verb", "--json", "a verb is missing"),
    FAILS("a mistyped verb", "show-conection|c", "did you mean show-connection"),
    FAILS("another word", "xyzzy", "there is no verb \"xyzzy\""),
    FAILS("a verb cut short", "regis|g", "did you mean register"),
    FAILS("a mistyped flag", "register|g|--tpye|shared", "did you mean --type"),
    FAILS("an option before its verb", "--force|refresh|c", "the verb comes first"),
    FAILS("required ones missing, all named", "register|g",
          "register needs --type, --client-id, --scopes"),
    FAILS("a required positional missing", "show-connector", "show-connector needs CONNECTOR"),
    FAILS("a word too many", "status|now", "status takes no argument"),
    FAILS("a flag without its value", "token|c|--min-valid-s", "--min-valid-s needs a value"),
    FAILS("not a number", "token|c|--min-valid-s|soon", "seconds or a span"),
    FAILS("below the range", "list-connections|--limit|0",
          "--limit: expected a whole number from 1 to 1000, got \"0\""),
    FAILS("above the range", "list-connections|--limit|1001",
          "--limit: expected a whole number from 1 to 1000, got \"1001\""),
    FAILS("below a range without an end", "events|--limit|0",
          "--limit: expected a whole number, 1 or more, got \"0\""),
    FAILS("below 0", "events|--after|-1",
          "--after: expected a whole number, 0 or more, got \"-1\""),
    FAILS("not one of the choices", "register|g|--type|x|--client-id|1|--scopes|a",
          "shared|superagent|app_user"),
    FAILS("a member that is not there", "token|--connector|g|--owner|usr=1",
          "did you mean \"user\""),
    FAILS("a member's wrong value names both",
          "register|g|--type|shared|--client-id|1|--scopes|a|--policy|refresh=lazy", "policy"),
    FAILS("no pair at all", "token|--connector|g|--owner|crm", "name=value"),
    FAILS("broken JSON", "token|--connector|g|--owner|{", "owner: not JSON"),
    FAILS("an id with a blank", "show-connector|a b", "connector: expected an id"),
    FAILS("a file that is not there", "rotate|g|--client-secret-file|nowhere", "nowhere"),
    FAILS_FROM("an empty secret", "rotate|g|--client-secret-file|file", "client_secret is empty",
               file, "\n"),
    FAILS("standard input twice", "rotate|g|--client-secret-stdin|--params|-",
          "only one value can come from standard input"),
    FAILS("nobody to ask", "rotate|g|--client-secret", "--client-secret-file FILE"),
    FAILS("a key has several lines", "rotate|g|--private-key", "--private-key-file FILE"),
    FAILS_FROM("parameters that are no object", "status|--params|file", "expected a JSON object",
               file, "[]"),
    FAILS_FROM("an unknown member in a file", "status|--params|file", "x: expected", file,
               "{\"x\":1}"),
    FAILS("a colour that is none", "status|--color|blue", "auto, always or never"),
    FAILS("an unknown letter", "status|-x", "no option -x"),
    FAILS("a value where none belongs", "status|--json=yes", "--json takes no value"),
    FAILS("keygen without a file", "keygen", "keygen needs one argument"),
    FAILS("another shell", "completion|fish", "expected bash"),
};

static void parses(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].name);
        struct fake_world fake;
        fake_world_init(&fake);
        fake.typed = rows[i].typed;
        fake.file_text = rows[i].file;
        fake.stdin_text = rows[i].in;
        struct fake_line line;
        fake_line_split(&line, rows[i].line);
        struct args args;
        struct error err = {0};
        enum status status = args_parse(line.argc, line.argv, &fake.world, &args, &err);
        CLEANUP(buf_deinit) struct buf written = {0};
        if (rows[i].params != NULL) {
            assert_string_equal(err.text, "");
            assert_int_equal(status, STATUS_OK);
            json_write(args.params, &written);
            assert_string_equal(buf_c(&written), rows[i].params);
        } else {
            assert_int_not_equal(status, STATUS_OK);
            if (strstr(err.text, rows[i].error) == NULL)
                assert_string_equal(err.text, rows[i].error);
        }
        args_deinit(&args);
        fake_world_deinit(&fake);
    }
}

/* However a secret gets onto the line: it is refused, and not said back. */
static const struct {
    const char *name, *line;
} secret_rows[] = {
    {"behind the sign", "rotate|g|--client-secret=hunter2"},
    {"as the next word", "rotate|g|--client-secret|hunter2"},
    {"as the next word, before the connector", "rotate|--client-secret|hunter2|g"},
    {"for standard input", "rotate|g|--client-secret-stdin=hunter2"},
    {"a key", "rotate|g|--private-key=hunter2"},
    {"tokens as JSON", "import|g|--tokens|{\"access_token\":\"hunter2\"}"},
    {"tokens as pairs", "import|g|--tokens|access_token=hunter2"},
    {"connections as JSON", "import|--connections|[{\"tokens\":\"hunter2\"}]"},
};

static void refuses_secrets(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(secret_rows); i++) {
        print_message("  %s\n", secret_rows[i].name);
        struct fake_world fake;
        fake_world_init(&fake);
        fake.typed = "typed";
        struct fake_line line;
        fake_line_split(&line, secret_rows[i].line);
        struct args args;
        struct error err = {0};
        assert_int_equal(args_parse(line.argc, line.argv, &fake.world, &args, &err),
                         STATUS_INVALID);
        assert_null(strstr(err.text, "hunter2"));
        assert_non_null(strstr(err.text, "-file FILE"));
        assert_int_equal(fake.prompts, 0);
        args_deinit(&args);
        fake_world_deinit(&fake);
    }
}

static void asks_nobody_when_the_line_is_wrong(void **state UNUSED)
{
    struct fake_world fake;
    fake_world_init(&fake);
    fake.typed = "typed";
    struct fake_line line;
    fake_line_split(&line, "register|g|--client-secret");
    struct args args;
    struct error err = {0};
    assert_int_equal(args_parse(line.argc, line.argv, &fake.world, &args, &err), STATUS_INVALID);
    assert_int_equal(fake.prompts, 0);
    args_deinit(&args);
    fake_world_deinit(&fake);
}

static void takes_options_anywhere(void **state UNUSED)
{
    struct fake_world fake;
    fake_world_init(&fake);
    struct fake_line line;
    fake_line_split(&line, "-qy|--socket=/s|status|--json|--color|never|--timeout|5s|-a");
    struct args args;
    struct error err = {0};
    assert_int_equal(args_parse(line.argc, line.argv, &fake.world, &args, &err), STATUS_OK);
    assert_true(args.quiet && args.yes && args.json && args.all);
    assert_string_equal(args.socket, "/s");
    assert_int_equal(args.colour, STYLE_NEVER);
    assert_int_equal(args.timeout_ms, 5000);
    args_deinit(&args);
    fake_world_deinit(&fake);
}

static void helps_before_it_complains(void **state UNUSED)
{
    struct fake_world fake;
    fake_world_init(&fake);
    struct fake_line line;
    fake_line_split(&line, "register|--help");
    struct args args;
    struct error err = {0};
    assert_int_equal(args_parse(line.argc, line.argv, &fake.world, &args, &err), STATUS_OK);
    assert_true(args.help && args.has_verb);
    args_deinit(&args);
    fake_world_deinit(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),
        cmocka_unit_test(refuses_secrets),
        cmocka_unit_test(asks_nobody_when_the_line_is_wrong),
        cmocka_unit_test(takes_options_anywhere),
        cmocka_unit_test(helps_before_it_complains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
