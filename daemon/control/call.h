/**
 * One request under way, from the line that asked to the answer, alone or as a member of a batch.
 * It outlives its session: the engine answers whether or not somebody still listens.
 *
 *     struct call *call = call_new(session, batch, id, true);
 *     engine_call(engine, method, params, &session->caller, call_sink(call), now);
 *
 * call_result() and call_failure() end the call; one of them is called exactly once.
 */
#ifndef CONTROL_CALL_H
#define CONTROL_CALL_H

#include "control/control.h"

/** The answers of one batch, written as one array once all are there (JSON-RPC 2.0 §6). */
struct batch;
struct batch *batch_new(void);
/** Whoever began the batch is done with adding calls. */
void batch_close(struct batch *batch, struct session *session);

/**
 * @batch      NULL: the call stands alone
 * @id         borrowed; NULL is null
 * @is_answered false for a notification
 */
struct call *call_new(struct session *session, struct batch *batch, const struct json *id,
                      bool is_answered);
void call_result(void *ctx, struct json *take_result);
void call_failure(void *ctx, struct rpc_failure failure);
struct reply_sink call_sink(struct call *call);
/** RPC_ERROR_REFRESHD without further data. */
void call_fail(struct call *call, enum rpc_code word, const char *message);
/** End it unanswered: only where the session goes too. */
void call_drop(struct call *call);
/** The client has gone: the calls go on without it. */
void call_orphan_all(struct session *session);

#endif
