/**
 * JSON-RPC's answers as text (JSON-RPC 2.0 §5), without a newline. Pure: appends to a buffer.
 *
 *     CLEANUP(buf_deinit) struct buf line = {.secret = true};
 *     answer_failure(&line, id, (struct rpc_failure){.code = RPC_ERROR_METHOD, .message = "…"});
 *     // {"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"…"}}
 */
#ifndef CONTROL_ANSWER_H
#define CONTROL_ANSWER_H

#include "engine/api.h"

/** @id, @result borrowed; NULL is null. */
void answer_result(struct buf *out, const struct json *id, const struct json *result);
/** @failure its data is borrowed here. The word stands in data.code, before all other members. */
void answer_failure(struct buf *out, const struct json *id, const struct rpc_failure *failure);

#endif
