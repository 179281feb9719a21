/**
 * From a line to calls: JSON-RPC 2.0's request objects and batches (§4, §6), the limits that stand
 * on a line, and who may call what.
 *
 *     request_take_line(session, STR("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}"), now);
 */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include "control/control.h"

/** @line borrowed; without its newline. Answers go through the session, now or later. */
void request_take_line(struct session *session, struct str line, struct now now);

#endif
