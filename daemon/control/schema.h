/**
 * A method's parameters as JSON Schema (draft 7), from the same table that checks them.
 *
 *     struct json *schema = schema_of_param(&method->params[0]);
 *     // {"type":"string","pattern":"…","description":"id of the connector"}
 */
#ifndef CONTROL_SCHEMA_H
#define CONTROL_SCHEMA_H

#include "common/rpc_methods.h"

/** The caller owns the schema. */
struct json *schema_of_param(const struct rpc_param *param);
/** An object that has these members at least: their names, separated by blanks. */
struct json *schema_of_result(const char *members, const char *description);

#endif
