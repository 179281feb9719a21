/**
 * `rpc.discover`: an OpenRPC 1.2 document (spec.open-rpc.org), made from the table of methods, so
 * that it can't say anything else than what is checked.
 *
 *     struct json *document = discover_document();
 *     // {"openrpc":"1.2.6","info":{…},"methods":[…],"components":{"errors":{…}}}
 *
 * Beyond OpenRPC: `x-roles` of a method (any of them may call it), `x-changes` (it writes an audit
 * record), and `x-notifications` of the document: what `watch` pushes.
 */
#ifndef CONTROL_DISCOVER_H
#define CONTROL_DISCOVER_H

#include "common/json.h"

/** The caller owns the document. */
struct json *discover_document(void);

#endif
