/**
 * What the files of this folder share: the fields of a control and of a session, and the few verbs
 * by which calls and watches speak through a session. Everybody else sees session.h.
 *
 * Whatever may end a session (a write, an answer of the engine) happens between session_enter() and
 * session_leave(); only the outermost leave finishes or frees it, so that nobody is left holding a
 * freed session:
 *
 *     session_enter(session);
 *     session_write(session, line);
 *     session_leave(session); // session may be gone now
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "common/frame.h"
#include "control/session.h"

struct call;
struct watch;

struct control {
    struct engine *engine;     /* borrowed */
    struct access_rules rules; /* own copy */
    struct control_hooks hooks;
    struct session *sessions; /* first of a list */
    size_t calls;             /* under way, those whose client has gone included */
    size_t watchers;
    bool draining;
    bool released; /* control_free() was called: the last call takes the memory along */
};

enum session_state {
    SESSION_OPEN,
    SESSION_ENDING,    /* no line is taken any more; finishes once all is answered */
    SESSION_ABANDONED, /* no byte is written any more; finishes at once */
    SESSION_FINISHED,
};

struct session {
    struct control *control;
    struct session *next, *previous; /* of the control */
    struct caller caller;
    struct session_output output;
    enum session_state state;
    struct frame_reader reader;
    int64_t tick_at_ms; /* a line has begun, or there is nothing to wait for; else TIME_NONE */
    struct call *calls; /* under way: first of a list */
    size_t call_count;
    struct watch *watch; /* NULL: none */
    uint64_t denied;     /* one bit for each method whose refusal has been logged */
    unsigned entered;    /* how deep we are inside: see above */
    bool freed;          /* session_free() was called from inside */
};

/** The memory too, once released and without calls. */
void control_release(struct control *control);

void session_enter(struct session *session);
void session_leave(struct session *session);
/** Give whole lines to the client; past the backlog's maximum the session is abandoned. */
void session_write(struct session *session, struct str lines);
/** Take no further line: what is under way is answered, a watch ends, then the session finishes. */
void session_end(struct session *session);
/** Say why with an answer to id (NULL is null), then end. @id, @failure borrowed. */
void session_refuse(struct session *session, const struct json *id,
                    const struct rpc_failure *failure);

#endif
