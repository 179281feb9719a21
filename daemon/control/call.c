#include "control/call.h"

#include "common/assert.h"
#include "common/memory.h"
#include "control/answer.h"

#include <stdlib.h>

struct call {
    struct control *control;
    struct session *session;      /* NULL: the client has gone */
    struct call *next, *previous; /* of the session */
    struct batch *batch;          /* NULL: stands alone */
    struct json *id;              /* NULL is null */
    bool is_answered;
};

struct batch {
    size_t open; /* calls not ended, and one for whoever still adds */
    struct buf answers;
};

/* Batches. */

struct batch *batch_new(void)
{
    struct batch *batch = memory_new(sizeof(*batch));
    batch->open = 1;
    batch->answers = (struct buf){.secret = true, .max = CONTROL_BACKLOG_MAX};
    return batch;
}

static void batch_add(struct batch *batch, struct str answer)
{
    buf_append(&batch->answers, batch->answers.len == 0 ? STR("[") : STR(","));
    buf_append(&batch->answers, answer);
}

/** An array that nobody can be given whole is replaced by one error (docs/protocol.md
 * "Limits"). */
static void batch_write(struct batch *batch, struct session *session)
{
    if (batch->answers.len == 0)
        return; /* notifications only: nothing is answered, not even [] */
    buf_append(&batch->answers, STR("]\n"));
    if (batch->answers.overflowed)
        session_refuse(session, NULL,
                       &(struct rpc_failure){
                           .code = RPC_ERROR_REFRESHD,
                           .word = RPC_CODE_TOO_LARGE,
                           .message = "the answers of this batch pass 8 MiB together; closing",
                       });
    else
        session_write(session, buf_str(&batch->answers));
}

void batch_close(struct batch *batch, struct session *session)
{
    ASSERT(batch->open > 0);
    if (--batch->open > 0)
        return;
    if (session != NULL)
        batch_write(batch, session);
    buf_deinit(&batch->answers);
    free(batch);
}

/* Calls. */

struct call *call_new(struct session *session, struct batch *batch, const struct json *id,
                      bool is_answered)
{
    ASSERT(session != NULL && session->call_count < CONTROL_REQUESTS_IN_FLIGHT_MAX);
    struct call *call = memory_new(sizeof(*call));
    *call = (struct call){
        .control = session->control,
        .session = session,
        .next = session->calls,
        .batch = batch,
        .id = json_copy(id),
        .is_answered = is_answered,
    };
    if (call->next != NULL)
        call->next->previous = call;
    session->calls = call;
    session->call_count++;
    session->control->calls++;
    if (batch != NULL)
        batch->open++;
    return call;
}

static void unlink_call(struct call *call)
{
    if (call->session == NULL)
        return;
    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        call->session->calls = call->next;
    if (call->next != NULL)
        call->next->previous = call->previous;
    call->session->call_count--;
}

static void call_free(struct call *call)
{
    unlink_call(call);
    json_free(call->id);
    call->control->calls--;
    control_release(call->control);
    free(call);
}

/** @answer owned by the caller; empty where nothing is answered */
static void call_end(struct call *call, struct buf *answer)
{
    struct session *session = call->session;
    struct batch *batch = call->batch;
    call_free(call);
    if (session != NULL)
        session_enter(session);
    if (session != NULL && answer->len > 0) {
        if (batch != NULL) {
            batch_add(batch, buf_str(answer));
        } else {
            buf_append_byte(answer, '\n');
            session_write(session, buf_str(answer));
        }
    }
    if (batch != NULL)
        batch_close(batch, session);
    if (session != NULL)
        session_leave(session);
}

static bool is_heard(const struct call *call)
{
    return call->is_answered && call->session != NULL;
}

void call_result(void *ctx, struct json *take_result)
{
    struct call *call = ctx;
    CLEANUP(json_freep) struct json *result = take_result;
    CLEANUP(buf_deinit) struct buf answer = {.secret = true, .max = CONTROL_BACKLOG_MAX / 2};
    if (is_heard(call))
        answer_result(&answer, call->id, result);
    if (answer.overflowed) {
        call_fail(call, RPC_CODE_TOO_LARGE,
                  "the answer is more than 4 MiB: ask for fewer with \"limit\"");
        return;
    }
    call_end(call, &answer);
}

void call_failure(void *ctx, struct rpc_failure failure)
{
    struct call *call = ctx;
    CLEANUP(buf_deinit) struct buf answer = {.secret = true};
    if (is_heard(call))
        answer_failure(&answer, call->id, &failure);
    json_free(failure.data);
    call_end(call, &answer);
}

struct reply_sink call_sink(struct call *call)
{
    return (struct reply_sink){.ctx = call, .result = call_result, .failure = call_failure};
}

void call_fail(struct call *call, enum rpc_code word, const char *message)
{
    call_failure(
        call, (struct rpc_failure){.code = RPC_ERROR_REFRESHD, .word = word, .message = message});
}

void call_drop(struct call *call)
{
    struct batch *batch = call->batch;
    call_free(call);
    if (batch != NULL)
        batch_close(batch, NULL);
}

void call_orphan_all(struct session *session)
{
    for (struct call *call = session->calls; call != NULL; call = call->next)
        call->session = NULL;
    session->calls = NULL;
    session->call_count = 0;
}
