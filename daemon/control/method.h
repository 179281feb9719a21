/**
 * One request to the method it names: who may, do the parameters fit, then the engine, or what
 * control answers itself (`reload`, `rpc.discover`).
 *
 *     method_call(session, call, &(struct method_request){.name = STR("status")}, now);
 */
#ifndef CONTROL_METHOD_H
#define CONTROL_METHOD_H

#include "control/call.h"

struct method_request {
    struct str name;           /* borrowed, as params */
    const struct json *params; /* an object, an array or NULL */
    bool in_batch;
};

/** Ends the call, now or on a later turn. */
void method_call(struct session *session, struct call *call, const struct method_request *request,
                 struct now now);

#endif
