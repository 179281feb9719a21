/**
 * A session's one watch: events pushed as notifications behind the answer {watching, last}, as fast
 * as the client reads and no faster.
 *
 *     watch_start(session, call, params, now);
 *     // {"jsonrpc":"2.0","id":1,"result":{"watching":true,"last":17}}
 *     // {"jsonrpc":"2.0","method":"event","params":{"specversion":"1.0","id":"18",…}}
 *
 * The engine is asked for CONTROL_WATCH_ROOM events at a time, and for more only while less than
 * CONTROL_WATCH_BACKLOG_MAX bytes wait to be read, so that a watch costs the same however long the
 * log and however slow its reader. A watch that the engine ends takes the
 * connection along, after a line that says why: silence would look like "no events".
 */
#ifndef CONTROL_WATCH_H
#define CONTROL_WATCH_H

#include "control/call.h"

/** @call ends with started or failed. @params borrowed. */
void watch_start(struct session *session, struct call *call, const struct json *params,
                 struct now now);
/** The client has read: ask for more if there is room. Nothing without a watch. */
void watch_pump(struct session *session, struct now now);
/** End it; a watch that has not started yet is answered `busy`. */
void watch_stop(struct session *session);
/** End it without a word: the session goes too. */
void watch_drop(struct session *session);

#endif
