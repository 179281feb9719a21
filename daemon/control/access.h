/**
 * The rules of [access], owned: a copy that lives as long as a control does.
 *
 *     struct access_rules own = access_rules_copy(rules);
 *     unsigned roles = access_roles(&own, &peer); // RPC_ROLE_ADMIN | RPC_ROLE_OPERATOR
 *     access_rules_deinit(&own);
 */
#ifndef CONTROL_ACCESS_H
#define CONTROL_ACCESS_H

#include "control/session.h"

struct access_rules access_rules_copy(const struct access_rules *rules);
void access_rules_deinit(struct access_rules *rules);

enum { ACCESS_ROLE_NAMES_MAX = 4 };
/** "admin", "platform" … in this order; returns how many. */
size_t access_role_names(unsigned roles, const char *ret_names[ACCESS_ROLE_NAMES_MAX]);
/** "admin or operator", with between as " or "; "no role" for none. */
void access_roles_text(unsigned roles, const char *between, struct buf *out);

#endif
