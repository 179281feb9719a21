/**
 * A client of one session, without a socket: what it says, and all that it was answered.
 *
 *     struct client client;
 *     client_connect(&client, 0);                  // uid 0: all roles
 *     client_say(&client, "{\"jsonrpc\":…}\n");
 *     assert_answers(&client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":*}\n");
 *     client_leave(&client);
 */
#ifndef UNIT_CONTROL_FAKE_CLIENT_H
#define UNIT_CONTROL_FAKE_CLIENT_H

#include "common/buf.h"
#include "control/session.h"
#include "unit/control/fake_engine.h"

enum { FAKE_NOW_MS = 1000000, FAKE_OWN_UID = 990 };

struct client {
    struct engine *engine;
    struct control *control;
    struct session *session; /* NULL: gone */
    struct session_output output;
    struct buf heard;     /* all that was written, in order */
    size_t unread;        /* what backlog() says */
    bool reads_slowly;    /* what is written stays unread */
    bool frees_on_finish; /* as a socket does whose bytes are all written */
    bool frees_on_write;  /* as a socket does that is broken */
    size_t finished;      /* times finish() was called */
    enum status reload_status;
    const char *fixed_key; /* what a reload can't take over; NULL: nothing */
    size_t reloads;
    struct log log;
    struct buf logged; /* "control.denied\n" … */
    int64_t now_ms;
};

/** Rules: uid 1001 and group 2001 admin, 1002 and 2002 platform, 1003 and 2003 operator. */
extern const struct access_rules fake_rules;

struct now client_now(const struct client *client);
void client_connect(struct client *client, int64_t uid);
void client_say(struct client *client, const char *text);
/** Frees all; nothing may be left under way. */
void client_leave(struct client *client);
/** The end of the daemon with a call under way: the engine answers after control_free(). */
void client_leave_all_at_once(struct client *client);

/** Does text fit the pattern, in which '*' stands for any run of bytes? */
bool matches(struct str text, struct str pattern);
/** All that was heard fits, and is then forgotten. */
void assert_answers(struct client *client, const char *pattern);
size_t count_lines(const struct client *client);

#endif
