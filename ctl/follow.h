/**
 * The log as it grows, for `watch` and `events --follow`: each event once and in order, until
 * interrupted. A daemon that goes away, or that cuts us off because nobody read what we wrote, is
 * asked again, and the log goes on behind the last event; standard error says so.
 *
 *     struct follow follow = {.session = &session, .filter = &filter, .after = FOLLOW_FROM_NOW};
 *     return follow_run(&follow);
 *
 * Signals have their usual effect: between two lines nothing is lost by it, and a caller's shell
 * sees what ended us. A reader that goes away is noticed at once, by SIGPIPE.
 */
#ifndef CTL_FOLLOW_H
#define CTL_FOLLOW_H

#include "ctl/event_filter.h"
#include "ctl/session.h"

enum { FOLLOW_FROM_NOW = -1, FOLLOW_FROM_OLDEST = -2 };

struct follow {
    struct session *session; /* connected */
    const struct event_filter *filter;
    int64_t after; /* a number, or where to begin; moves on with what has come */
    int64_t left;  /* how many to show; 0: without end */

    bool started;       /* the daemon has answered once */
    bool from_oldest;   /* retention may move the beginning until it has */
    bool is_away;       /* told, and not back yet */
    int64_t backoff_ms; /* before the next try */
};

/** What --limit asked for has been shown: CTL_EXIT_OK. All else is a failure, told already: no
 * daemon at the start, an error as answer, output that nobody takes. */
enum ctl_exit follow_run(struct follow *follow);

/** The number in an event's id, or -1. */
int64_t follow_sequence(const struct json *event);
/** One event to standard output: a line of JSON, its id, or as people read it. @age say how long
 * ago it was, too */
enum ctl_exit follow_print(struct session *session, const struct json *event, bool age);

#endif
