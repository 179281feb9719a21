/* refresh: by hand. */
#include "engine/calls.h"
#include "engine/endpoint.h"
#include "engine/job.h"
#include "engine/view.h"

struct refresh_call {
    struct job_waiter waiter;
    struct op *op;
    int64_t tried_ms; /* when the last attempt of its history began; TIME_NONE: there is none */
};

static int64_t last_tried_ms(const struct connection *connection)
{
    size_t count = connection->history_count;
    return count == 0 ? TIME_NONE : connection->history[count - 1].started_ms;
}

/* Of the attempt that this call has waited for. */
static const char *outcome_of(const struct history_entry *attempt)
{
    switch ((enum transport_end)attempt->transport) {
    case TRANSPORT_LOST:
        return "uncertain";
    case TRANSPORT_NOT_SENT:
        return NULL;
    case TRANSPORT_ANSWERED:
        break;
    }
    return outcome_text((enum outcome)attempt->outcome);
}

/* NULL: nothing was presented. What the history says from before this call is not its outcome. */
static const char *outcome_since(const struct connection *connection, enum job_end end,
                                 int64_t tried_ms)
{
    bool is_unsent = end == JOB_NOT_NEEDED || end == JOB_SETUP;
    if (is_unsent || last_tried_ms(connection) == tried_ms)
        return NULL;
    return outcome_of(&connection->history[connection->history_count - 1]);
}

/* Why nothing was presented, where the job does not say so itself. */
static const char *guess_why_not(const struct op *op, const struct connection *connection)
{
    if (connection->held_ms != TIME_NONE)
        return "many grants seem to die at once: its verdict is held (force presents it again; "
               "confirm or clear ends that for the connector)";
    if (op->entry->connector.disabled)
        return "an admin has disabled the connector";
    if (connection_is_retrying(connection))
        return "the provider could not be reached; it is tried again";
    return "there was nothing to refresh: see the connection's state";
}

/* @outcome NULL: nothing was presented, and @why says why, if it is not empty */
static void answer_refresh(struct op *op, const struct connection *connection, const char *outcome,
                           const char *why, struct now now)
{
    CLEANUP(json_freep) struct json *detail = json_new_object();
    const char *told = outcome != NULL ? outcome : "not_sent";
    json_set_text(detail, "outcome", str_c(told));
    json_set_bool(detail, "force", op_bool(op, "force", false));
    op_audit_alone(op, connection->id, detail, now);
    struct json *result = json_new_object();
    json_set_text(result, "outcome", str_c(told));
    if (outcome == NULL)
        json_set_text(result, "not_sent_because",
                      str_c(why[0] != '\0' ? why : guess_why_not(op, connection)));
    json_set(result, "connection", view_connection(op->engine, connection, op->entry, true, now));
    op_result(op, result, now);
}

static void on_refresh_done(struct job_waiter *self, enum job_end end,
                            const struct connection *connection, const char *why, struct now now)
{
    struct refresh_call *call = CONTAINER_OF(self, struct refresh_call, waiter);
    struct op *op = call->op;
    if (end == JOB_STORE) {
        op_fail(op, RPC_CODE_STORE_UNAVAILABLE, "%s", why[0] != '\0' ? why : "it can't be read");
        return;
    }
    if (connection == NULL) {
        op_fail(op, RPC_CODE_UNKNOWN_CONNECTION, "there is no such connection any more");
        return;
    }
    answer_refresh(op, connection, outcome_since(connection, end, call->tried_ms), why, now);
}

/* Nothing can renew it: which is no news while its token is good, and an error as `token` has it
 * once that has ended. */
static void end_without_refresh_token(struct op *op, const struct connection *connection,
                                      struct now now)
{
    if (connection->dead_reason != REASON_NONE)
        op_fail_state(op, connection);
    else if (connection_serves_token(connection, now.ms))
        answer_refresh(op, connection, NULL, "it has no refresh token: nothing can renew it", now);
    else
        op_fail(op, RPC_CODE_TOKEN_EXPIRED,
                "the access token of " STR_FMT " has expired and nothing can renew it",
                STR_ARG(connection->id));
}

/* False: the op has ended. */
static bool refresh_is_allowed(struct op *op, const struct connection *connection, struct now now)
{
    bool force = op_bool(op, "force", false);
    bool is_dead = connection->dead_reason != REASON_NONE;
    bool may_revive = connection->dead_reason == REASON_REAUTHORIZATION_REQUIRED ||
                      connection->dead_reason == REASON_REFRESH_EXHAUSTED;
    if (connection->phase != PHASE_CONNECTED || op->entry->connector.disabled ||
        (is_dead && !may_revive && !force)) {
        op_fail_state(op, connection);
        return false;
    }
    if (str_is_empty(connection->sealed_refresh)) {
        end_without_refresh_token(op, connection, now);
        return false;
    }
    if (op->engine->draining) {
        op_fail(op, RPC_CODE_BUSY, "refreshd is stopping");
        return false;
    }
    return true;
}

static void on_refresh_read(struct op *op, struct now now)
{
    const struct connection *connection = op_connection(op);
    if (connection == NULL || !op_take_entry_of(op, connection) ||
        !refresh_is_allowed(op, connection, now))
        return;
    struct task *task = task_get(op->engine, connection->id, op->entry);
    if (task == NULL) {
        op_fail(op, RPC_CODE_BUSY, "too many refreshes are under way");
        return;
    }
    struct refresh_call *call = arena_alloc(&op->arena, sizeof(*call));
    *call = (struct refresh_call){.op = op, .tried_ms = last_tried_ms(connection)};
    call->waiter.done = on_refresh_done;
    job_wait(task, &call->waiter);
    if (task->place != TASK_RUNNING && !task->forced) {
        task->due_ms = task->stored_due_ms = connection->due_ms;
        task->expires_ms = connection->expires_ms;
        task->is_probe = connector_blocked_reason(&op->entry->connector) != REASON_NONE ||
                         pacing_is_shut(&endpoint_of(op->engine, op->entry)->pacer);
        task->insisted = op_bool(op, "force", false);
        schedule_force(op->engine, task, now);
    }
}

void call_refresh(struct op *op, struct now now)
{
    (void)now;
    op_read_connection(op, on_refresh_read);
}
