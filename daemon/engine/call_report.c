/* report: an API refused an access token. If it is still the one that is stored, one refresh tells
 * whether the grant lives; many reports of one token cost one. */
#include "common/encoding.h"
#include "engine/calls.h"
#include "engine/job.h"
#include "engine/reports.h"
#include "engine/sealed_token.h"
#include "oauth/grant_probe.h"
#include "port/record.h"

struct report_call {
    struct job_waiter waiter;
    struct op *op;
    struct reported token; /* what the check is about */
    struct connection next;
    int64_t asked_ms;
};

static void answer(struct op *op, enum report_verdict verdict, struct now now)
{
    struct json *result = json_new_object();
    json_set_text(result, "verdict", str_c(report_verdict_text(verdict)));
    op_result(op, result, now);
}

/* ---- the check ---- */

static enum report_verdict verdict_of(const struct report_call *call, enum job_end end,
                                      const struct connection *connection)
{
    if (end == JOB_REFRESHED || connection->last_success_ms > call->asked_ms)
        return REPORT_REFRESHED;
    return connection_grant_alive(connection) ? REPORT_UNKNOWN : REPORT_NEEDS_RECONNECT;
}

static void on_checked(struct job_waiter *self, enum job_end end,
                       const struct connection *connection, const char *why, struct now now)
{
    struct report_call *call = CONTAINER_OF(self, struct report_call, waiter);
    struct op *op = call->op;
    if (connection == NULL) {
        op_fail(op, end == JOB_STORE ? RPC_CODE_STORE_UNAVAILABLE : RPC_CODE_UNKNOWN_CONNECTION,
                "%s", end == JOB_STORE ? why : "there is no such connection any more");
        return;
    }
    enum report_verdict verdict = verdict_of(call, end, connection);
    reports_remember(op->engine, &call->token, verdict, now);
    answer(op, verdict, now);
}

/* One refresh, now: the gap between two of them does not count. */
static void check(struct op *op, const struct connection *connection, struct now now)
{
    struct report_call *call = op->extra;
    struct task *task = task_get(op->engine, connection->id, op->entry);
    if (task == NULL) {
        op_fail(op, RPC_CODE_BUSY, "too many refreshes are under way");
        return;
    }
    bool is_awaited = task->place == TASK_RUNNING || task->forced || task->waiters != NULL;
    call->asked_ms = now.ms;
    call->waiter.done = on_checked;
    job_wait(task, &call->waiter);
    if (is_awaited)
        return;
    task->due_ms = task->stored_due_ms = connection->due_ms;
    task->expires_ms = connection->expires_ms;
    schedule_force(op->engine, task, now);
}

static void on_suspected(struct op *op, struct now now)
{
    struct report_call *call = op->extra;
    if (op->write->status == STATUS_CONFLICT || op->write->status == STATUS_UNCERTAIN) {
        op_again(op, now); /* it says whether this report, or another of it, was noted */
        return;
    }
    if (op->write->status != STATUS_OK) {
        op_fail_store(op, &op->write->error);
        return;
    }
    call->next.version++;
    if (connection_grant_alive(&call->next))
        check(op, &call->next, now);
    else
        answer(op, REPORT_NEEDS_RECONNECT, now);
}

/* First the suspicion: should the refresh need several tries, or another process, its verdict still
 * knows what it came from. */
static void note_suspicion(struct op *op, const struct connection *connection, struct now now)
{
    struct report_call *call = op->extra;
    struct decision decision;
    bool is_noted = connection->suspected_by != SUSPECTED_BY_NOBODY ||
                    !lifecycle_suspected(connection, SUSPECTED_BY_REPORT, now, &decision);
    if (is_noted && connection_grant_alive(connection)) {
        check(op, connection, now);
        return;
    }
    if (is_noted) {
        answer(op, REPORT_NEEDS_RECONNECT, now);
        return;
    }
    record_copy_connection(&op->arena, &decision.next, &call->next);
    op->engine->metrics->suspicions++;
    struct store_write *write = store_write_new(now.ms);
    store_write_put_connection(write, &decision.next);
    CLEANUP(json_freep) struct json *detail = json_new_object();
    json_set_i64(detail, "status", json_i64(json_get(op->params, "status"), 0));
    op_audit(op, write, connection->id, detail, now);
    op_write(op, write, on_suspected);
}

/* ---- is there anything to check? ---- */

/* Nothing can be asked, or it was asked and waits for its time. */
static bool is_out_of_reach(const struct op *op, const struct connection *connection,
                            struct now now)
{
    if (str_is_empty(connection->sealed_refresh) || op->engine->draining ||
        connector_blocked_reason(&op->entry->connector) != REASON_NONE ||
        op->entry->lane.closed_until_ms > now.ms)
        return true;
    return connection_is_retrying(connection) && connection->refresh_due_ms > now.ms;
}

/* False: the op has failed. */
static bool open_stored(struct op *op, const struct connection *connection)
{
    struct report_call *call = op->extra;
    CLEANUP(secret_freep) struct secret *token = NULL;
    struct error err = {0};
    str_copy_cut(connection->id, call->token.connection, sizeof(call->token.connection));
    if (sealed_token_open(op->engine, connection->id, "access_token", connection->generation,
                          connection->sealed_access, &token, &err) != STATUS_OK) {
        op_fail(op, RPC_CODE_STORE_UNAVAILABLE, "the stored token can't be opened: %s", err.text);
        return false;
    }
    secret_sha256(secret_str(token), call->token.hash);
    return true;
}

static bool is_another_token(const struct op *op)
{
    const struct report_call *call = op->extra;
    struct str given = op_text(op, "token_sha256");
    CLEANUP(buf_deinit) struct buf bytes = {0};
    if (!str_is_set(given) || encoding_unhex(given, &bytes) != STATUS_OK)
        return false;
    const struct str stored = {.data = (const char *)call->token.hash,
                               .len = sizeof(call->token.hash)};
    return !secret_eq(buf_str(&bytes), stored);
}

static void on_report_read(struct op *op, struct now now)
{
    const struct connection *connection = op_connection(op);
    if (connection == NULL || !op_take_entry_of(op, connection))
        return;
    if (connection->phase != PHASE_CONNECTED) {
        op_fail_state(op, connection);
        return;
    }
    struct report_call *call = arena_alloc(&op->arena, sizeof(*call));
    call->op = op;
    op->extra = call;
    if (!open_stored(op, connection))
        return;
    bool is_alive = connection_grant_alive(connection);
    bool has_hash = str_is_set(op_text(op, "token_sha256"));
    const struct task *task = task_find(op->engine, connection->id);
    enum report_verdict verdict;
    if (!is_alive && !connection_serves_token(connection, now.ms))
        answer(op, REPORT_NEEDS_RECONNECT, now);
    else if (is_another_token(op))
        answer(op, REPORT_FETCH_AGAIN, now);
    else if (is_alive && task != NULL && (task->place == TASK_RUNNING || task->waiters != NULL))
        check(op, connection, now);
    else if (is_alive && reports_recall(op->engine, &call->token, has_hash, now, &verdict))
        answer(op, verdict, now);
    else if (is_alive && is_out_of_reach(op, connection, now))
        answer(op, REPORT_UNKNOWN, now);
    else
        note_suspicion(op, connection, now);
}

/* The API's answer has other causes: nothing is asked, nothing changes. */
static void on_innocent_read(struct op *op, struct now now)
{
    const struct connection *connection = op_connection(op);
    if (connection != NULL)
        answer(op, REPORT_UNKNOWN, now);
}

void call_report(struct op *op, struct now now)
{
    (void)now;
    struct str hash = op_text(op, "token_sha256");
    CLEANUP(buf_deinit) struct buf bytes = {0};
    if (str_is_set(hash) &&
        (hash.len != SECRET_HASH_HEX || encoding_unhex(hash, &bytes) != STATUS_OK)) {
        op_fail_params(op, "token_sha256", "the token's SHA-256 as 64 hexadecimal digits");
        return;
    }
    op->engine->metrics->reports++;
    int64_t status = json_i64(json_get(op->params, "status"), 0);
    if (oauth_status_blames_token(status, op_text(op, "www_authenticate")))
        op_read_connection(op, on_report_read);
    else
        op_read_connection(op, on_innocent_read);
}
