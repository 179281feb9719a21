/** An owner as people write it: the members that fit the connector's type, and no others. */
#ifndef ENGINE_OWNER_JSON_H
#define ENGINE_OWNER_JSON_H

#include "common/arena.h"
#include "common/json.h"
#include "core/connection.h"

/**
 * Shared: {"app":"crm"} or {"apps":["crm","mail"]} (order means nothing); superagent:
 * {"superagent":"sa-1"}; app_user: {"app":"crm","user":"u-77"}.
 * Texts go to arena. STATUS_INVALID with what was expected.
 */
MUST_CHECK enum status owner_from_json(struct arena *arena, enum connector_type type,
                                       const struct json *json, struct owner *ret_owner,
                                       struct error *err);

/** The key to look its connection up by; for several apps, that of the first. */
struct str owner_key(enum connector_type type, const struct owner *owner, char text[OWNER_KEY_MAX]);

#endif
