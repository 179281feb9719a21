#include "control/session.h"

#include "common/assert.h"
#include "common/memory.h"
#include "control/answer.h"
#include "control/call.h"
#include "control/control.h"
#include "control/request.h"
#include "control/watch.h"

#include <stdlib.h>

/* Beginning and end. */

struct session *session_new(struct control *control, const struct session_peer *peer,
                            struct session_output output, struct now now)
{
    ASSERT(control != NULL && !control->released && peer != NULL);
    ASSERT(output.write != NULL && output.finish != NULL && output.backlog != NULL);
    struct session *session = memory_new(sizeof(*session));
    session->control = control;
    session->caller = (struct caller){
        .uid = peer->uid,
        .gid = peer->gid,
        .pid = peer->pid,
        .roles = access_roles(&control->rules, peer),
    };
    session->output = output;
    frame_reader_init(&session->reader, FRAME_LINE_MAX);
    session->next = control->sessions;
    if (session->next != NULL)
        session->next->previous = session;
    control->sessions = session;
    if (control->draining) {
        session->state = SESSION_ENDING;
        session->tick_at_ms = now.ms;
    }
    return session;
}

static void destroy(struct session *session)
{
    watch_drop(session);
    call_orphan_all(session);
    if (session->previous != NULL)
        session->previous->next = session->next;
    else
        session->control->sessions = session->next;
    if (session->next != NULL)
        session->next->previous = session->previous;
    frame_reader_deinit(&session->reader);
    free(session);
}

void session_free(struct session *session)
{
    if (session == NULL)
        return;
    session->state = SESSION_FINISHED;
    if (session->entered > 0)
        session->freed = true;
    else
        destroy(session);
}

void session_enter(struct session *session)
{
    session->entered++;
}

static bool has_said_all(const struct session *session)
{
    if (session->state == SESSION_ENDING)
        return session->calls == NULL && session->watch == NULL;
    return session->state == SESSION_ABANDONED;
}

void session_leave(struct session *session)
{
    ASSERT(session->entered > 0);
    if (--session->entered > 0)
        return;
    if (session->freed) {
        destroy(session);
    } else if (has_said_all(session)) {
        session->state = SESSION_FINISHED;
        session->tick_at_ms = TIME_NONE;
        session->output.finish(session->output.ctx); /* the session may be gone now */
    }
}

/* Speaking. */

static bool may_write(const struct session *session)
{
    return session->state == SESSION_OPEN || session->state == SESSION_ENDING;
}

/** Nobody reads: one last line, past the limit as it is, and no more. */
static void abandon(struct session *session)
{
    CLEANUP(buf_deinit) struct buf line = {0};
    answer_failure(&line, NULL,
                   &(struct rpc_failure){
                       .code = RPC_ERROR_REFRESHD,
                       .word = RPC_CODE_TOO_LARGE,
                       .message = "more than 8 MiB of answers wait to be read; closing",
                   });
    buf_append_byte(&line, '\n');
    log_write(session->control->hooks.log, LOG_LEVEL_NOTICE, "control.closing",
              "a client does not read its answers", LOG_I64("uid", session->caller.uid),
              LOG_I64("pid", session->caller.pid));
    session->state = SESSION_ABANDONED;
    session->output.write(session->output.ctx, buf_str(&line));
}

void session_write(struct session *session, struct str lines)
{
    ASSERT(session->entered > 0);
    if (!may_write(session))
        return;
    if (session->output.backlog(session->output.ctx) + lines.len > CONTROL_BACKLOG_MAX)
        abandon(session);
    else
        session->output.write(session->output.ctx, lines);
}

void session_end(struct session *session)
{
    ASSERT(session->entered > 0);
    if (session->state == SESSION_OPEN)
        session->state = SESSION_ENDING;
    session->tick_at_ms = TIME_NONE;
    watch_stop(session);
}

void session_refuse(struct session *session, const struct json *id,
                    const struct rpc_failure *failure)
{
    CLEANUP(buf_deinit) struct buf line = {0};
    answer_failure(&line, id, failure);
    buf_append_byte(&line, '\n');
    session_write(session, buf_str(&line));
    log_write(session->control->hooks.log, LOG_LEVEL_NOTICE, "control.closing", failure->message,
              LOG_I64("uid", session->caller.uid), LOG_I64("pid", session->caller.pid));
    session_end(session);
}

/* Listening. */

static void take_lines(struct session *session, struct now now)
{
    while (session->state == SESSION_OPEN) {
        struct str line;
        switch (frame_reader_next(&session->reader, &line)) {
        case FRAME_LINE:
            session->tick_at_ms = TIME_NONE;
            request_take_line(session, line, now);
            continue;
        case FRAME_TOO_LONG:
            session_refuse(session, NULL,
                           &(struct rpc_failure){
                               .code = RPC_ERROR_REFRESHD,
                               .word = RPC_CODE_TOO_LARGE,
                               .message = "a line is at most 1 MiB (1048576 bytes); closing",
                           });
            return;
        case FRAME_MORE:
            return;
        }
    }
}

/** One deadline for a line, which further bytes of it do not move (a slow writer is cut off). */
static void watch_over_line(struct session *session, struct now now)
{
    if (session->state != SESSION_OPEN)
        return;
    if (!frame_reader_is_midline(&session->reader))
        session->tick_at_ms = TIME_NONE;
    else if (session->tick_at_ms == TIME_NONE)
        session->tick_at_ms = now.ms + CONTROL_LINE_TIMEOUT_MS;
}

void session_feed(struct session *session, struct str bytes, struct now now)
{
    ASSERT(session != NULL);
    if (session->state != SESSION_OPEN)
        return;
    session_enter(session);
    frame_reader_feed(&session->reader, bytes);
    take_lines(session, now);
    watch_over_line(session, now);
    session_leave(session);
}

void session_half_close(struct session *session, struct now now)
{
    ASSERT(session != NULL);
    session_enter(session);
    /* NOLINTBEGIN(clang-analyzer-unix.Malloc): it lives until the outermost session_leave() */
    if (session->state == SESSION_OPEN && frame_reader_is_midline(&session->reader))
        session_feed(session, STR("\n"), now);
    if (session->state == SESSION_OPEN) {
        session->state = SESSION_ENDING; /* a watch goes on: it was asked for */
        session->tick_at_ms = TIME_NONE;
    }
    /* NOLINTEND(clang-analyzer-unix.Malloc) */
    session_leave(session);
}

void session_drained(struct session *session, struct now now)
{
    ASSERT(session != NULL);
    session_enter(session);
    if (may_write(session))
        watch_pump(session, now);
    session_leave(session);
}

int64_t session_deadline_ms(const struct session *session)
{
    ASSERT(session != NULL);
    return session->tick_at_ms;
}

void session_tick(struct session *session, struct now now)
{
    ASSERT(session != NULL);
    session_enter(session);
    if (session->state == SESSION_OPEN && session->tick_at_ms != TIME_NONE &&
        now.ms >= session->tick_at_ms)
        session_refuse(session, NULL,
                       &(struct rpc_failure){
                           .code = RPC_ERROR_PARSE,
                           .message = "a line that has begun must be whole within 10 s; closing",
                       });
    session_leave(session);
}
