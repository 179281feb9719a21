/* The whole command against a server in a thread that answers by a script. */
#include "ctl/run.h"

#include "ctl/import.h"
#include "ctl/keygen.h"

#include "common/json.h"

#include "fake_world.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { STEPS_MAX = 8, REQUEST_MAX = 64 * 1024 };

/* One request read, one text written ("$ID" becomes its id). NULL: hang up. */
struct server {
    char folder[64], path[96];
    int listener;
    pthread_t thread;
    const char *const *answers; /* up to NULL NULL: a NULL ends one connection, two end all */
    struct buf requests;        /* all lines received */
};

static bool read_request(int fd, struct buf *line)
{
    char byte;
    while (recv(fd, &byte, 1, 0) == 1) {
        buf_append_byte(line, byte);
        if (byte == '\n')
            return true;
    }
    return false;
}

static void answer(int fd, const char *text, struct str request)
{
    CLEANUP(json_freep) struct json *json = NULL;
    if (json_parse(request, JSON_LIMITS_DEFAULT, &json, NULL) != STATUS_OK)
        return;
    CLEANUP(buf_deinit) struct buf out = {0};
    const char *mark = strstr(text, "$ID");
    if (mark != NULL) {
        buf_append(&out, (struct str){.data = text, .len = (size_t)(mark - text)});
        buf_printf(&out, "%lld%s", (long long)json_i64(json_get(json, "id"), 0), mark + 3);
    } else {
        buf_append(&out, str_c(text));
    }
    buf_append_byte(&out, '\n');
    (void)send(fd, out.data, out.len, MSG_NOSIGNAL);
}

static void *serve(void *ctx)
{
    struct server *server = ctx;
    const char *const *next = server->answers;
    while (next[0] != NULL) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        for (; next[0] != NULL; next++) {
            CLEANUP(buf_deinit) struct buf line = {0};
            if (!read_request(fd, &line))
                break;
            buf_append(&server->requests, buf_str(&line));
            answer(fd, next[0], buf_str(&line));
        }
        close(fd);
        next++;
    }
    return NULL;
}

static void server_start(struct server *server, const char *const *answers)
{
    *server = (struct server){.answers = answers};
    snprintf(server->folder, sizeof(server->folder), "/tmp/ctl-test-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    snprintf(server->path, sizeof(server->path), "%s/s", server->folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, server->path, strlen(server->path) + 1);
    server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->listener, 4), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    unlink(server->path);
    rmdir(server->folder);
    buf_deinit(&server->requests);
}

#define RESULT(json) "{\"jsonrpc\":\"2.0\",\"id\":$ID,\"result\":" json "}"
#define ERROR(json) "{\"jsonrpc\":\"2.0\",\"id\":$ID,\"error\":" json "}"
#define EVENT(id)                                                        \
    "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"id\":\"" id \
    "\",\"type\":\"connection.connected\"}}"

#define PUSHED(json) "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":" json "}"
#define ITEM(id, minute)                                                                        \
    "{\"id\":\"" id                                                                             \
    "\",\"type\":\"connection.connected\",\"subject\":\"c-1\",\"time\":\"2026-11-23T02:" minute \
    ":00.000Z\"}"

static const struct {
    const char *name, *line;
    const char *answers[STEPS_MAX];
    enum ctl_exit exit;
    const char *requests; /* a part of what the server got */
    const char *out;      /* whole */
    const char *err;      /* a part */
    bool terminal, yes, is_full;
    const char *in;
} rows[] = {
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
        .name = "events begin with the oldest kept",
        .line = "list-events|--jsonl",
        .answers = {ERROR("{\"code\":-32000,\"data\":{\"code\":\"gone\",\"oldest\":18}}"),
                    RESULT("{\"items\":[{\"id\":\"18\"}],\"next_cursor\":null}")},
        .exit = CTL_EXIT_OK,
        .requests = "\"after\":17",
        .out = "{\"id\":\"18\"}\n",
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
        .name = "watch goes on after a restart, without a gap",
        .line = "watch|--json",
        .answers = {RESULT("{\"watching\":true,\"last\":6}") "\n" EVENT("7"), NULL,
                    ERROR("{\"code\":-32000,\"message\":\"no more\"}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "\"method\":\"watch\",\"params\":{\"after\":7}",
        .out = "{\"id\":\"7\",\"type\":\"connection.connected\"}\n",
        .err = "no more",
    },
    {
        .name = "watch says so where it is a person's",
        .line = "watch",
        .answers = {RESULT("{\"watching\":true,\"last\":6}") "\n" EVENT("7"), NULL,
                    RESULT("{\"watching\":true,\"last\":7}") "\n" EVENT("8"), NULL,
                    ERROR("{\"code\":-32000,\"message\":\"no more\"}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "\"method\":\"watch\",\"params\":{\"after\":8}",
        .out = "  #7       connection.connected\n  #8       connection.connected\n",
        .err = "watching; interrupt to end\n"
               "the daemon is gone; going on behind event 7\n"
               "the daemon is back; going on behind event 7\n"
               "the daemon is gone; going on behind event 8\n"
               "refreshctl: no more\n",
    },
    {
        .name = "watch tells programs too that it was away",
        .line = "watch|--json",
        .answers = {RESULT("{\"watching\":true,\"last\":6}"), NULL,
                    RESULT("{\"watching\":true,\"last\":6}"), NULL,
                    ERROR("{\"message\":\"no more\"}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "watch",
        .out = "",
        .err = "{\"message\":\"the daemon is gone; going on behind event 6\",\"data\":{"
               "\"code\":\"no_daemon\",\"after\":6}}\n"
               "{\"message\":\"the daemon is back; going on behind event 6\",\"data\":{"
               "\"code\":\"back\",\"after\":6}}\n",
    },
    {
        .name = "watch chooses for itself, and knows how far it is",
        .line = "watch|--types|log.restarted|--json",
        .answers = {RESULT("{\"watching\":true,\"last\":6}") "\n" EVENT("7") "\n" EVENT("8"), NULL,
                    ERROR("{\"message\":\"no more\"}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "\"method\":\"watch\",\"params\":{\"after\":8}",
        .out = "",
        .err = "no more",
    },
    {
        .name = "watch that read too slowly connects again",
        .line = "watch|--after|6|-q",
        .answers = {RESULT("{\"watching\":true,\"last\":6}") "\n" EVENT("7") "\n" PUSHED(
                        "{\"code\":-32000,\"message\":\"not read\",\"data\":{\"code\":"
                        "\"too_large\"}}"),
                    NULL, RESULT("{\"watching\":true,\"last\":8}") "\n" EVENT("8"), NULL,
                    ERROR("{\"message\":\"no more\"}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "\"params\":{\"after\":7}",
        .out = "7\n8\n",
        .err = "no more",
    },
    {
        .name = "watch tries again while the daemon stops",
        .line = "watch|--json",
        .answers = {RESULT("{\"watching\":true,\"last\":6}"), NULL,
                    ERROR("{\"message\":\"stopping\",\"data\":{\"code\":\"busy\"}}"), NULL,
                    ERROR("{\"message\":\"no more\"}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "\"after\":6",
        .out = "",
        .err = "no more",
    },
    {
        .name = "watch ends where retention was faster",
        .line = "watch",
        .answers = {RESULT("{\"watching\":true,\"last\":6}") "\n" PUSHED(
            "{\"code\":-32000,\"message\":\"not so "
            "far\",\"data\":{\"code\":\"gone\",\"oldest\":40}}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "watch",
        .out = "",
        .err = "the oldest event kept is 40: --after 39",
    },
    {
        .name = "watch does not go on in a log that is older",
        .line = "watch|--json",
        .answers = {RESULT("{\"watching\":true,\"last\":6}") "\n" EVENT("7"), NULL,
                    ERROR("{\"message\":\"no\",\"data\":{\"code\":\"gone\",\"oldest\":1,"
                          "\"last\":3}}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "watch",
        .out = "{\"id\":\"7\",\"type\":\"connection.connected\"}\n",
        .err = "{\"message\":\"no\",\"data\":{\"code\":\"gone\",\"oldest\":1,\"last\":3}}\n",
    },
    {
        .name = "and tells people what that means",
        .line = "watch",
        .answers = {RESULT("{\"watching\":true,\"last\":6}") "\n" EVENT("7"), NULL,
                    ERROR("{\"message\":\"no\",\"data\":{\"code\":\"gone\",\"oldest\":1,"
                          "\"last\":3}}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "watch",
        .out = "  #7       connection.connected\n",
        .err = "the oldest event kept is 1: --after 0; the newest is 3: --after 3\n"
               "event 7 was shown before: an older store has been restored\n",
    },
    {
        .name = "an event that never was is not waited for",
        .line = "events|--after|99|--follow",
        .answers = {ERROR("{\"message\":\"no\",\"data\":{\"code\":\"gone\",\"oldest\":4,"
                          "\"last\":3}}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "\"after\":99",
        .out = "",
        .err = "  the newest is 3: --after 3\n",
    },
    {
        .name = "events are followed from the oldest kept",
        .line = "events|--follow|--json|--limit|2",
        .answers = {ERROR("{\"code\":-32000,\"data\":{\"code\":\"gone\",\"oldest\":18}}"), NULL,
                    RESULT("{\"watching\":true,\"last\":19}") "\n" EVENT("18") "\n" EVENT(
                        "19") "\n" EVENT("20")},
        .exit = CTL_EXIT_OK,
        .requests = "\"method\":\"watch\",\"params\":{\"after\":17}",
        .out = "{\"id\":\"18\",\"type\":\"connection.connected\"}\n{\"id\":\"19\",\"type\":"
               "\"connection.connected\"}\n",
        .err = "",
    },
    {
        .name = "events that are gone are told where a number was named",
        .line = "events|--after|3|--follow",
        .answers = {ERROR("{\"message\":\"no\",\"data\":{\"code\":\"gone\",\"oldest\":18}}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "\"after\":3",
        .out = "",
        .err = "the oldest event kept is 18: --after 17",
    },
    {
        .name = "a type that no event has",
        .line = "events|--type|connection.connected,connection.needs_reconect",
        .exit = CTL_EXIT_USAGE,
        .requests = "",
        .out = "",
        .err = "--type: \"connection.needs_reconect\" is none of its words; did you mean "
               "\"connection.needs_reconnect\"?",
    },
    {
        .name = "a type far from all",
        .line = "watch|--types|nonsense",
        .exit = CTL_EXIT_USAGE,
        .requests = "",
        .out = "",
        .err = "--types: \"nonsense\" is none of its words, which --help lists",
    },
    {
        .name = "events page by page",
        .line = "events|--json|--type|log.restarted,provider.suspect|--type|connection.connected|--"
                "connection|c-1",
        .answers = {ERROR("{\"code\":-32000,\"data\":{\"code\":\"gone\",\"oldest\":2}}"),
                    RESULT("{\"items\":[" ITEM("2", "00") "," ITEM(
                        "3", "01") "],\"next_cursor\":\"3\"}"),
                    RESULT("{\"items\":[" ITEM("9", "02") "],\"next_cursor\":null}")},
        .exit = CTL_EXIT_OK,
        .requests = "\"params\":{\"after\":3,\"limit\":200,\"types\":[\"log.restarted\",\"provider."
                    "suspect\",\"connection.connected\"],"
                    "\"connection\":\"c-1\"}",
        .out = ITEM("2", "00") "\n" ITEM("3", "01") "\n" ITEM("9", "02") "\n",
        .err = "",
    },
    {
        .name = "events of a time, so many",
        .line = "events|--after|1|--since|2026-11-23T02:01:00Z|--limit|2|-q",
        .answers = {RESULT("{\"items\":[" ITEM("2", "00") "," ITEM("3", "01") "," ITEM(
            "4", "02") "," ITEM("5", "03") "],\"next_cursor\":\"5\"}")},
        .exit = CTL_EXIT_OK,
        .requests = "\"after\":1",
        .out = "3\n4\n",
        .err = "",
    },
    {
        .name = "events for people, in columns",
        .line = "events|--after|1",
        .answers = {RESULT(
            "{\"items\":[" ITEM("2", "00") "," ITEM("30", "03") "],\"next_cursor\":null}")},
        .exit = CTL_EXIT_OK,
        .requests = "list-events",
        .out = "2026-11-23 02:00:00Z  4 min ago    #2       connection.connected             c-1\n"
               "2026-11-23 02:03:00Z  1 min ago    #30      connection.connected             c-1\n",
        .err = "",
    },
    {
        .name = "no events",
        .line = "events",
        .answers = {RESULT("{\"items\":[],\"next_cursor\":null}")},
        .exit = CTL_EXIT_OK,
        .requests = "\"after\":0",
        .out = "",
        .err = "none\n",
    },
    {
        .name = "events are not everybody's",
        .line = "events",
        .answers = {ERROR("{\"message\":\"no\",\"data\":{\"code\":\"forbidden\"}}")},
        .exit = CTL_EXIT_FORBIDDEN,
        .requests = "list-events",
        .out = "",
        .err = "events is for admin or operator",
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
    {
        .name = "an event that can't be written ends the list",
        .line = "events|--after|1",
        .answers = {RESULT("{\"items\":[" ITEM("2", "00") "," ITEM("3", "01") "],\"next_cursor\":"
                                                                              "\"3\"}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "list-events",
        .out = "",
        .err = "refreshctl: can't write standard output: it is full\n",
        .is_full = true,
    },
    {
        .name = "and what is followed",
        .line = "watch|-q",
        .answers = {RESULT("{\"watching\":true,\"last\":6}") "\n" EVENT("7")},
        .exit = CTL_EXIT_ERROR,
        .requests = "watch",
        .out = "",
        .err = "refreshctl: can't write standard output: it is full\n",
        .is_full = true,
    },
    {
        .name = "watch that saw nothing yet goes on where it began",
        .line = "watch|--json",
        .answers = {RESULT("{\"watching\":true,\"last\":6}"), NULL,
                    ERROR("{\"message\":\"no more\"}")},
        .exit = CTL_EXIT_ERROR,
        .requests = "\"after\":6",
        .out = "",
        .err = "no more",
    },
};

static void runs(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].name);
        struct server server;
        server_start(&server, rows[i].answers);
        struct fake_world fake;
        fake_world_init(&fake);
        fake.socket_path = server.path;
        fake.terminal = rows[i].terminal;
        fake.yes = rows[i].yes;
        fake.is_full = rows[i].is_full;
        fake.stdin_text = rows[i].in;
        struct fake_line line;
        fake_line_split(&line, rows[i].line);
        assert_int_equal(run(line.argc, line.argv, &fake.world), rows[i].exit);
        assert_string_equal(buf_c(&fake.out), rows[i].out);
        if (strstr(buf_c(&fake.err), rows[i].err) == NULL)
            assert_string_equal(buf_c(&fake.err), rows[i].err);
        if (strstr(buf_c(&server.requests), rows[i].requests) == NULL)
            assert_string_equal(buf_c(&server.requests), rows[i].requests);
        server_stop(&server);
        fake_world_deinit(&fake);
    }
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
