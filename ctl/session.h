/**
 * One command that needs the daemon: what was asked, where it goes, how it is shown.
 *
 *     CLEANUP(session_deinit) struct session session;
 *     session_init(&session, world, &args, view);
 *     if (session_open(&session) == CTL_EXIT_OK &&
 *         session_call(&session, "status", NULL, &result) == CTL_EXIT_OK) …
 *
 * What fails has been told on standard error when a function here returns.
 */
#ifndef CTL_SESSION_H
#define CTL_SESSION_H

#include "ctl/args.h"
#include "ctl/client.h"
#include "ctl/view.h"

struct session {
    const struct world *world;
    const struct args *args;
    struct view view;      /* standard output */
    struct view err_view;  /* standard error: may be coloured where output is not */
    struct client *client; /* NULL: not connected */
};

void session_init(struct session *session, const struct world *world, const struct args *args);
void session_deinit(struct session *session);
/** Connect, once more where it was connected. */
MUST_CHECK enum ctl_exit session_open(struct session *session);
/** As session_open(), but says nothing. @err filled on failure */
MUST_CHECK enum ctl_exit session_try_open(struct session *session, struct error *err);
/** Call a method. @out the result, the caller's to free */
MUST_CHECK enum ctl_exit session_call(struct session *session, const char *method,
                                      const struct json *params, struct json **out);

/** Call a method. @out the whole answer, with result or error; errors are the caller's to tell */
MUST_CHECK enum ctl_exit session_ask(struct session *session, const char *method,
                                     const struct json *params, struct json **out);

/** Tell an error: for people, or with --json as the object itself. */
void session_tell_error(const struct session *session, const struct json *error);
/** Tell a failure of our own. */
void session_tell_failure(const struct session *session, enum ctl_exit exit,
                          const struct error *err);
/** A remark for people on standard error; nothing with --json or -q. */
void session_remark(const struct session *session, const char *format, ...) PRINTF_LIKE(2, 3);
/** Print a value as JSON: one line, or indented on a terminal (not with --jsonl). */
MUST_CHECK enum ctl_exit session_print_json(const struct session *session,
                                            const struct json *value);
/** Print text to standard output. CTL_EXIT_ERROR where it can't be written. */
MUST_CHECK enum ctl_exit session_print(const struct session *session, struct str text);
bool session_is_json(const struct session *session);

#endif
