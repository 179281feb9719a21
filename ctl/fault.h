/**
 * A JSON-RPC error: which exit status it is, and what people are told, with what to do next. Pure.
 *
 *     refreshctl: c-81f2 needs a reconnect (needs_reconnect: grant_rejected)
 *       ana@example.com (user u-77) must sign in and reconnect in the app crm
 */
#ifndef CTL_FAULT_H
#define CTL_FAULT_H

#include "common/rpc_methods.h"
#include "ctl/exit.h"
#include "ctl/view.h"

/** As refreshctl(1) says: forbidden 4, needs_reconnect 5, else 1. */
enum ctl_exit fault_exit(const struct json *error);

/**
 * Append the lines for people.
 * @method  what was asked: its roles and flags are named
 */
void fault_write(const struct view *view, const struct rpc_method *method, const struct json *error,
                 struct buf *out);

/** Append "admin or operator": who may call the method. */
void fault_write_roles(const struct rpc_method *method, struct buf *out);

#endif
