/* token: a fresh access token. */
#include "engine/audit.h"
#include "engine/calls.h"
#include "engine/endpoint.h"
#include "engine/job.h"
#include "engine/owner_json.h"
#include "engine/readers.h"
#include "engine/sealed_token.h"
#include "engine/view.h"
#include "oauth/scope_set.h"

enum { MIN_VALID_DEFAULT_MS = 60 * 1000 };

struct token_call {
    struct job_waiter waiter;
    struct op *op;
};

/* ---- the answer ---- */

static void answer_token(struct op *op, const struct connection *connection, struct now now)
{
    CLEANUP(secret_freep) struct secret *token = NULL;
    struct error err = {0};
    if (sealed_token_open(op->engine, connection->id, "access_token", connection->generation,
                          connection->sealed_access, &token, &err) != STATUS_OK) {
        log_write(op->engine->log, LOG_LEVEL_ERROR, "token.unusable", err.text,
                  LOG_TEXT("connection", connection->id));
        op_fail(op, RPC_CODE_STORE_UNAVAILABLE, "the stored token can't be opened: %s", err.text);
        return;
    }
    struct json *result = json_new_object();
    json_set_text(result, "access_token", secret_str(token));
    json_set_text(result, "token_type",
                  str_is_empty(connection->token_type) ? STR("Bearer") : connection->token_type);
    view_set_time(result, "expires_at", connection->expires_ms, now);
    json_set(result, "scopes", scope_set_to_json(connection->scopes_granted));
    log_audit(op->engine->log, "token.given", "an access token was handed out",
              LOG_TEXT("connection", connection->id), LOG_I64("uid", op->caller.uid),
              LOG_I64("gid", op->caller.gid), LOG_I64("pid", op->caller.pid));
    audit_note_token(op->engine, op->caller.uid, connection->id, now);
    op_result(op, result, now);
}

/* What is asked for, and what is there. */
struct validity {
    bool is_explicit;
    int64_t wanted_ms, left_ms; /* left: INT64_MAX where the end is not known */
    bool serves;                /* the token may be handed out at all */
    bool above_lifetime;        /* more than a token ever lasts: the freshest will do */
};

static struct validity validity_of(const struct op *op, const struct connection *connection,
                                   struct now now)
{
    const struct json *given = json_get(op->params, "min_valid_s");
    struct validity validity = {
        .is_explicit = given != NULL,
        .wanted_ms = MIN_VALID_DEFAULT_MS,
        .left_ms =
            connection->expires_ms == TIME_NONE ? INT64_MAX : connection->expires_ms - now.ms,
        .serves = connection_serves_token(connection, now.ms),
    };
    if (given != NULL)
        validity.wanted_ms = json_i64(given, 0) * 1000;
    else if (connection->lifetime_ms > 0)
        validity.wanted_ms = MIN_OF(validity.wanted_ms, connection->lifetime_ms / 2);
    validity.above_lifetime =
        connection->lifetime_ms > 0 && validity.wanted_ms > connection->lifetime_ms;
    return validity;
}

static void give_what_there_is(struct op *op, const struct connection *connection, enum job_end end,
                               const char *why, struct now now)
{
    struct validity validity = validity_of(op, connection, now);
    bool will_do = validity.left_ms >= validity.wanted_ms || !validity.is_explicit ||
                   (validity.above_lifetime && end == JOB_REFRESHED);
    if (validity.serves && will_do) {
        answer_token(op, connection, now);
        return;
    }
    enum reason blocked = connector_blocked_reason(&op->entry->connector);
    if (!connection_grant_alive(connection) || blocked != REASON_NONE)
        op_fail_state(op, connection);
    else if (end == JOB_STORE)
        op_fail(op, RPC_CODE_STORE_UNAVAILABLE, "%s", why);
    else if (str_is_empty(connection->sealed_refresh))
        op_fail(op, RPC_CODE_TOKEN_EXPIRED,
                "the access token of " STR_FMT " has expired and nothing can renew it",
                STR_ARG(connection->id));
    else
        op_fail(op, RPC_CODE_PROVIDER_UNAVAILABLE,
                "no fresh token can be had from the provider now; it is tried again%s%s",
                why[0] != '\0' ? ": " : "", why);
}

/* ---- waiting for a refresh ---- */

static void on_refreshed(struct job_waiter *self, enum job_end end,
                         const struct connection *connection, const char *why, struct now now)
{
    struct token_call *call = CONTAINER_OF(self, struct token_call, waiter);
    struct op *op = call->op;
    if (connection == NULL)
        op_fail(op, end == JOB_STORE ? RPC_CODE_STORE_UNAVAILABLE : RPC_CODE_UNKNOWN_CONNECTION,
                "%s", end == JOB_STORE ? why : "there is no such connection any more");
    else
        give_what_there_is(op, connection, end, why, now);
}

/* Two refreshes of one connection keep a distance, unless its token is of no use any more. */
static bool is_just_refreshed(const struct connection *connection, struct now now)
{
    return !connection_is_retrying(connection) && connection->last_attempt_ms != TIME_NONE &&
           connection_grant_alive(connection) && connection_serves_token(connection, now.ms) &&
           now.ms - connection->last_success_ms < schedule_gap_ms(connection->lifetime_ms);
}

/* Would asking the provider now do any good? A back-off is kept, whoever asks. */
static bool may_refresh(const struct op *op, const struct connection *connection, struct now now)
{
    if (!connection_grant_alive(connection) || str_is_empty(connection->sealed_refresh) ||
        connector_blocked_reason(&op->entry->connector) != REASON_NONE || op->engine->draining)
        return false;
    if (op->entry->lane.closed_until_ms > now.ms ||
        pacing_is_shut(&endpoint_of(op->engine, op->entry)->pacer))
        return false;
    if (connection_is_retrying(connection) && connection->refresh_due_ms > now.ms)
        return false;
    return !is_just_refreshed(connection, now);
}

static void join_refresh(struct op *op, const struct connection *connection, struct now now)
{
    struct task *task = task_find(op->engine, connection->id);
    bool is_running = task != NULL && (task->place == TASK_RUNNING || task->place == TASK_RESTING);
    if (!is_running && !may_refresh(op, connection, now)) {
        enum job_end end = is_just_refreshed(connection, now) ? JOB_REFRESHED : JOB_FAILED;
        give_what_there_is(op, connection, end, "", now);
        return;
    }
    if (task == NULL)
        task = task_get(op->engine, connection->id, op->entry);
    if (task == NULL) {
        op_fail(op, RPC_CODE_BUSY, "too many refreshes are under way");
        return;
    }
    if (is_running || task->forced)
        op->engine->metrics->token_calls_joined++;
    struct token_call *call = arena_alloc(&op->arena, sizeof(*call));
    call->op = op;
    call->waiter.done = on_refreshed;
    job_wait(task, &call->waiter);
    if (!is_running && !task->forced) {
        task->due_ms = task->stored_due_ms = connection->due_ms;
        task->expires_ms = connection->expires_ms;
        schedule_force(op->engine, task, now);
    }
}

/* It was left to itself, and is read again: from now on it is kept fresh, beginning at once. This
 * call has its token and does not wait. */
static void wake(struct op *op, const struct connection *connection, struct now now)
{
    if (connection->unscheduled != UNSCHEDULED_IDLE || !may_refresh(op, connection, now))
        return;
    struct task *task = task_get(op->engine, connection->id, op->entry);
    if (task == NULL || task->place == TASK_RUNNING || task->forced)
        return;
    task->due_ms = task->stored_due_ms = connection->due_ms;
    task->expires_ms = connection->expires_ms;
    schedule_force(op->engine, task, now);
}

static void on_token_read(struct op *op, struct now now)
{
    const struct connection *connection = op_connection(op);
    if (connection == NULL || !op_take_entry_of(op, connection))
        return;
    if (connection->phase != PHASE_CONNECTED) {
        op_fail_state(op, connection);
        return;
    }
    readers_note(op->engine, op->entry, connection->id, now);
    struct validity validity = validity_of(op, connection, now);
    if (validity.serves && validity.left_ms >= validity.wanted_ms) {
        wake(op, connection, now);
        answer_token(op, connection, now);
    } else {
        join_refresh(op, connection, now);
    }
}

void call_token(struct op *op, struct now now)
{
    (void)now;
    op->engine->metrics->token_calls++;
    bool has_id = json_get(op->params, "connection") != NULL;
    bool has_owner = json_get(op->params, "owner") != NULL;
    if (has_id && !has_owner) {
        op_read_connection(op, on_token_read);
        return;
    }
    if (has_id || !has_owner || json_get(op->params, "connector") == NULL) {
        op_fail_params(op, "connection", "either connection, or connector and owner");
        return;
    }
    if (!op_take_entry(op))
        return;
    struct owner owner;
    struct error err = {0};
    if (owner_from_json(&op->arena, op->entry->connector.type, json_get(op->params, "owner"),
                        &owner, &err) != STATUS_OK) {
        op_fail(op, RPC_CODE_INVALID_OWNER, "%s", err.text);
        return;
    }
    char key[OWNER_KEY_MAX];
    struct store_read *read = store_read_new(STORE_READ_CONNECTION_OWNER);
    read->connector = arena_copy(&read->arena, op->entry->connector.id);
    read->owner_key = arena_copy(&read->arena, owner_key(op->entry->connector.type, &owner, key));
    op_read(op, read, on_token_read);
}
