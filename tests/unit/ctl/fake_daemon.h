/**
 * A daemon that answers by a script, in a thread, and whole runs of refreshctl against it.
 *
 *     static const struct fake_daemon_row rows[] = {
 *         {.name = "all pages", .line = "list-connectors|--all", .answers = {RESULT("…"), …}, …},
 *     };
 *     fake_daemon_run_rows(rows, ARRAY_LEN(rows));
 */
#ifndef TESTS_CTL_FAKE_DAEMON_H
#define TESTS_CTL_FAKE_DAEMON_H

#include "ctl/exit.h"

#include <stdbool.h>
#include <stddef.h>

enum { FAKE_DAEMON_STEPS_MAX = 8 };

/* What it says; "$ID" becomes the id of the request. */
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

struct fake_daemon_row {
    const char *name, *line;
    const char *answers[FAKE_DAEMON_STEPS_MAX]; /* one a request; a NULL hangs up, two end it all */
    enum ctl_exit exit;
    const char *requests;        /* a part of what the server got */
    const char *out;             /* whole */
    const char *err;             /* a part */
    bool terminal, yes, is_full; /* as in struct fake_world */
    const char *in;              /* what standard input reads */
};

/** Runs the line of each row, split at its bars, and compares. */
void fake_daemon_run_rows(const struct fake_daemon_row *rows, size_t count);

#endif
