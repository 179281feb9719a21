/**
 * One parameter's text as typed → JSON of the parameter's type. Pure: files and prompts are read
 * by the caller (ctl/params.h).
 *
 *     "openid,mail"             → ["openid","mail"]          RPC_TYPE_TEXT_ARRAY
 *     "app=crm,user=u-77"       → {"app":"crm","user":"u-77"} RPC_TYPE_OBJECT
 *     "apps=crm;sales"          → {"apps":["crm","sales"]}
 *     "{\"app\":\"crm\"}"       → as it stands
 *     "1d"                      → 86400                      an integer called …_s
 */
#ifndef CTL_VALUE_H
#define CTL_VALUE_H

#include "common/rpc_methods.h"

/**
 * @now_ms  what "+2h" and "-1d" count from, for RPC_TYPE_TIME
 * @out     the caller's to free
 * STATUS_INVALID: err says what was expected, and never shows a secret's text.
 */
MUST_CHECK enum status value_parse(const struct rpc_param *param, struct str text, int64_t now_ms,
                                   struct json **out, struct error *err);

/**
 * Put a value into params: arrays grow, objects take the new members, all else is replaced; so
 * that a flag may be given twice.
 */
void value_merge(struct json *params, const char *name, struct json *take_value);

/** Append what is expected of this parameter: "a whole number from 0 to 86400". */
void value_expected(const struct rpc_param *param, struct buf *out);

#endif
