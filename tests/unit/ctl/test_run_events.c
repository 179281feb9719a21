/* The whole command where it shows events: page by page, and followed across restarts. */
#include "common/macros.h"
#include "fake_daemon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct fake_daemon_row rows[] = {
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
    fake_daemon_run_rows(rows, ARRAY_LEN(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(runs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
