/* The whole command against a daemon that answers by a script; what shows events is in
 * test_run_events.c. */
#include "ctl/run.h"

#include "ctl/import.h"
#include "ctl/keygen.h"

#include "common/json.h"

#include "fake_daemon.h"
#include "fake_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct fake_daemon_row rows[] = {
    {
        .name = "a result for people",
        .line = "unregister|gcal",
        .answers = {RESULT("{}")},
        .exit = CTL_EXIT_OK,
        .requests = "\"method\":\"unregister\",\"params\":{\"connector\":\"gcal\"}",
        .out = "gcal: unregistered\n",
        .err = "",
    },
    {
        .name = "a result as JSON, in one line",
        .line = "reload|--json",
        .answers = {RESULT("{\"a\":[1,2]}")},
        .exit = CTL_EXIT_OK,
        .requests = "reload",
        .out = "{\"a\":[1,2]}\n",
        .err = "",
    },
    {
        .name = "a notification before the answer is passed over",
        .line = "reload|--json",
        .answers = {EVENT("3") "\n" RESULT("{}")},
        .exit = CTL_EXIT_OK,
        .requests = "reload",
        .out = "{}\n",
        .err = "",
    },
    {
        .name = "an error",
        .line = "reload",
        .answers = {ERROR("{\"code\":-32000,\"message\":\"no\",\"data\":{}}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "reload",
        .out = "",
        .err = "refreshctl: no",
    },
    {
        .name = "an error as JSON stands on standard error",
        .line = "reload|--json",
        .answers = {ERROR("{\"code\":-32000,\"message\":\"no\"}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "reload",
        .out = "",
        .err = "{\"code\":-32000,\"message\":\"no\"}\n",
    },
    {
        .name = "an error without an id",
        .line = "reload",
        .answers = {"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"too "
                    "many\"}}"},
        .exit = CTL_EXIT_ERROR,
        .requests = "reload",
        .out = "",
        .err = "too many",
    },
    {
        .name = "forbidden",
        .line = "reload",
        .answers = {ERROR(
            "{\"code\":-32000,\"message\":\"no\",\"data\":{\"code\":\"forbidden\"}}")},
        .exit = CTL_EXIT_FORBIDDEN,
        .requests = "reload",
        .out = "",
        .err = "reload is for admin",
    },
    {
        .name = "a person has to reconnect",
        .line = "token|c-1",
        .answers = {ERROR(
            "{\"code\":-32000,\"message\":\"no\",\"data\":{\"code\":\"needs_reconnect\"}}")},
        .exit = CTL_EXIT_NEEDS_RECONNECT,
        .requests = "token",
        .out = "",
        .err = "needs_reconnect",
    },
    {
        .name = "no JSON-RPC",
        .line = "status",
        .answers = {"HTTP/1.1 400 Bad Request"},
        .exit = CTL_EXIT_ERROR,
        .requests = "status",
        .out = "",
        .err = "does not speak JSON-RPC",
    },
    {
        .name = "the daemon hangs up",
        .line = "status",
        .answers = {EVENT("1")},
        .exit = CTL_EXIT_NO_DAEMON,
        .requests = "status",
        .out = "",
        .err = "closed the connection",
    },
    {
        .name = "rotate proves where there are connections",
        .line = "rotate|g|--client-secret-stdin",
        .answers = {RESULT("{\"counts\":{\"active\":1}}"),
                    RESULT("{\"credential_version\":2,\"checked\":true,\"connections\":1}")},
        .exit = CTL_EXIT_OK,
        .requests = "\"client_secret\":\"s\",\"check\":true",
        .out = "g: credential version 2, proved with one refresh; 1 connection will use it from "
               "the next "
               "refresh on\n",
        .err = "",
        .in = "s\n",
    },
    {
        .name = "rotate does not where there are none",
        .line = "rotate|g|--client-secret-stdin|-q",
        .answers = {RESULT("{\"counts\":{\"disconnected\":4}}"), RESULT("{}")},
        .exit = CTL_EXIT_OK,
        .requests = "\"client_secret\":\"s\"}}\n",
        .out = "",
        .err = "",
        .in = "s\n",
    },
    {
        .name = "rotate asks nothing before --no-check",
        .line = "rotate|g|--client-secret-stdin|--no-check|-q",
        .answers = {RESULT("{}")},
        .exit = CTL_EXIT_OK,
        .requests = "\"check\":false",
        .out = "",
        .err = "",
        .in = "s\n",
    },
    {
        .name = "a person is asked before disconnect",
        .line = "disconnect|c-1",
        .answers = {NULL},
        .exit = CTL_EXIT_ERROR,
        .requests = "",
        .out = "",
        .err = "nothing was done",
        .terminal = true,
    },
    {
        .name = "and says yes",
        .line = "disconnect|c-1|-q",
        .answers = {RESULT("{}")},
        .exit = CTL_EXIT_OK,
        .requests = "disconnect",
        .out = "",
        .err = "",
        .terminal = true,
        .yes = true,
    },
    {
        .name = "-y asks nobody",
        .line = "disconnect|c-1|-yq",
        .answers = {RESULT("{}")},
        .exit = CTL_EXIT_OK,
        .requests = "disconnect",
        .out = "",
        .err = "",
        .terminal = true,
    },
    {
        .name = "a page, and how to go on",
        .line = "list-connectors|-q",
        .answers = {RESULT("{\"items\":[{\"connector\":\"a\"}],\"next_cursor\":\"n\"}")},
        .exit = CTL_EXIT_OK,
        .requests = "list-connectors",
        .out = "a\n",
        .err = "",
    },
    {
        .name = "the next page is named",
        .line = "list-connectors",
        .answers = {RESULT("{\"items\":[{\"connector\":\"a\"}],\"next_cursor\":\"n\"}")},
        .exit = CTL_EXIT_OK,
        .requests = "list-connectors",
        .out = "CONNECTOR\na\n",
        .err = "--cursor n",
    },
    {
        .name = "all pages",
        .line = "list-connectors|--all|--json",
        .answers = {RESULT("{\"items\":[1],\"next_cursor\":\"n\"}"),
                    RESULT("{\"items\":[2],\"next_cursor\":null}")},
        .exit = CTL_EXIT_OK,
        .requests = "\"cursor\":\"n\"",
        .out = "{\"items\":[1,2],\"next_cursor\":null}\n",
        .err = "",
    },
    {
        .name = "all pages as lines",
        .line = "list-connectors|--all|--jsonl",
        .answers = {RESULT("{\"items\":[1],\"next_cursor\":\"n\"}"),
                    RESULT("{\"items\":[2],\"next_cursor\":null}")},
        .exit = CTL_EXIT_OK,
        .requests = "\"cursor\":\"n\"",
        .out = "1\n2\n",
        .err = "",
    },
    {
        .name = "an import that fails in part",
        .line = "import|--connections-file|-",
        .answers = {RESULT("{\"results\":[{\"error\":{\"message\":\"no\"}}]}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "access_token",
        .out = "connections[0]: no\n0 connections imported, 1 refused\n",
        .err = "",
        .in =
            "[{\"connector\":\"g\",\"owner\":{\"app\":\"a\"},\"tokens\":{\"access_token\":\"t\"}}]",
    },
    {
        .name = "a refresh that sent nothing is no success, and says why",
        .line = "refresh|c-1",
        .answers = {RESULT("{\"outcome\":\"not_sent\",\"not_sent_because\":\"it rests\"}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "refresh",
        .out = "not sent\n  Not sent because  it rests\n",
        .err = "",
    },
    {
        .name = "nor is one that failed",
        .line = "refresh|c-1|--json",
        .answers = {RESULT("{\"outcome\":\"transient\"}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "refresh",
        .out = "{\"outcome\":\"transient\"}\n",
        .err = "",
    },
    {
        .name = "one that went well is",
        .line = "refresh|c-1|--json",
        .answers = {RESULT("{\"outcome\":\"refreshed\"}")},
        .exit = CTL_EXIT_OK,
        .requests = "refresh",
        .out = "{\"outcome\":\"refreshed\"}\n",
        .err = "",
    },
    {
        .name = "a refresh that ends in a dead grant",
        .line = "refresh|c-1|-q",
        .answers = {RESULT("{\"outcome\":\"grant_dead\"}")},
        .exit = CTL_EXIT_NEEDS_RECONNECT,
        .requests = "refresh",
        .out = "",
        .err = "",
    },
    {
        .name = "a result that can't be written",
        .line = "unregister|gcal",
        .answers = {RESULT("{}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "unregister",
        .out = "",
        .err = "refreshctl: can't write standard output: it is full\n",
        .is_full = true,
    },
    {
        .name = "a result that can't be written, told to a program",
        .line = "reload|--json",
        .answers = {RESULT("{}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "reload",
        .out = "",
        .err = "{\"message\":\"can't write standard output: it is full\",\"data\":{\"code\":"
               "\"failed\"}}\n",
        .is_full = true,
    },
};

static void runs(void **state UNUSED)
{
    fake_daemon_run_rows(rows, ARRAY_LEN(rows));
}

static void needs_no_daemon_for_these(void **state UNUSED)
{
    static const struct {
        const char *name, *line, *out;
        enum ctl_exit exit;
        bool is_full;
    } local[] = {
        {"the version", "--version", "refreshctl ", CTL_EXIT_OK, false},
        {"the overview", "--help", "refreshctl [OPTION]", CTL_EXIT_OK, false},
        {"one verb", "help|rotate", "refreshctl rotate CONNECTOR", CTL_EXIT_OK, false},
        {"the same by option", "rotate|-h", "refreshctl rotate CONNECTOR", CTL_EXIT_OK, false},
        {"completion", "completion|bash", "# bash completion", CTL_EXIT_OK, false},
        {"a wrong line", "nonsense", "", CTL_EXIT_USAGE, false},
        {"nobody there", "status", "", CTL_EXIT_NO_DAEMON, false},
        {"nowhere to write the version", "--version", "", CTL_EXIT_ERROR, true},
        {"nor the help", "status|--help", "", CTL_EXIT_ERROR, true},
        {"nor the completion", "completion|bash", "", CTL_EXIT_ERROR, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(local); i++) {
        print_message("  %s\n", local[i].name);
        struct fake_world fake;
        fake_world_init(&fake);
        fake.socket_path = "/nonexistent/socket";
        fake.is_full = local[i].is_full;
        struct fake_line line;
        fake_line_split(&line, local[i].line);
        assert_int_equal(run(line.argc, line.argv, &fake.world), local[i].exit);
        assert_true(str_starts_with(buf_str(&fake.out), str_c(local[i].out)));
        assert_true(local[i].exit == CTL_EXIT_OK || fake.err.len > 0);
        fake_world_deinit(&fake);
    }
}

static void makes_a_key_once(void **state UNUSED)
{
    char folder[] = "/tmp/ctl-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[96];
    snprintf(path, sizeof(path), "%s/key", folder);
    struct error err = {0};
    assert_int_equal(keygen_write(path, &err), STATUS_OK);
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(before.st_mode & 0777, 0600);
    assert_int_equal(before.st_size, 45);
    assert_int_equal(keygen_write(path, &err), STATUS_CONFLICT);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    unlink(path);
    rmdir(folder);
    assert_int_equal(keygen_write(path, &err), STATUS_INVALID);
}

static void cuts_long_imports(void **state UNUSED)
{
    CLEANUP(json_freep) struct json *params = json_new_object();
    struct json *list = json_new_array();
    for (int i = 0; i < 2500; i++)
        json_append(list, json_new_i64(i));
    json_set(params, "connections", list);
    static const size_t sizes[] = {1000, 1000, 500};
    size_t position = 0;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CLEANUP(json_freep) struct json *part = NULL;
        assert_true(import_next(params, &position, &part));
        const struct json *connections = json_get(part, "connections");
        assert_int_equal(json_count(connections), sizes[i]);
        assert_int_equal(json_i64(json_at(connections, 0), -1), 1000 * (int64_t)i);
    }
    CLEANUP(json_freep) struct json *none = NULL;
    assert_false(import_next(params, &position, &none));
}

static void names_the_connection_at_fault(void **state UNUSED)
{
    static const char text[] =
        "{\"connections\":[{\"connector\":\"g\",\"owner\":{},\"tokens\":{\"access_token\":\"t\"}},"
        "{\"connector\":\"g\",\"owner\":{},\"tokens\":{\"access_token\":7}}]}";
    CLEANUP(json_freep) struct json *params = NULL;
    assert_int_equal(json_parse(str_c(text), JSON_LIMITS_DEFAULT, &params, NULL), STATUS_OK);
    struct rpc_fault fault;
    assert_int_equal(import_check(rpc_method_at(RPC_IMPORT), params, &fault), STATUS_INVALID);
    assert_string_equal(fault.path, "connections[1].tokens.access_token");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs),
        cmocka_unit_test(needs_no_daemon_for_these),
        cmocka_unit_test(makes_a_key_once),
        cmocka_unit_test(cuts_long_imports),
        cmocka_unit_test(names_the_connection_at_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
