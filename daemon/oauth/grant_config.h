/**
 * The variables of one grant: its connector's `config`, its own over that, and what the provider
 * told in its first answer (a regional host, say), which is binding from then on. A value that the
 * profile's pattern does not accept is never taken: no answer can move a request to another scheme,
 * port or registered domain.
 *
 *     CLEANUP(json_freep) struct json *config = NULL;
 *     refresh.config = grant_config_merge(entry->config, connection->config_json, &config);
 *
 *     struct str bound = grant_config_bind(entry->config, connection->config_json,
 *                                          verdict->learned, &arena);
 *     if (str_is_set(bound)) next->config_json = bound;
 */
#ifndef OAUTH_GRANT_CONFIG_H
#define OAUTH_GRANT_CONFIG_H

#include "common/arena.h"
#include "oauth/profile.h"

/**
 * @connector  borrowed; NULL: none
 * @own        JSON text of an object; empty: none
 * @ret_made   what the caller frees; stays NULL where nothing had to be made
 * The variables to use: *ret_made, or connector itself.
 */
const struct json *grant_config_merge(const struct json *connector, struct str own,
                                      struct json **ret_made);

/**
 * What was learned and neither the connector nor the grant says yet, added to the grant's own; in
 * arena. STR_NONE: nothing new.
 *
 * @learned  JSON text of an object; empty: none
 */
struct str grant_config_bind(const struct json *connector, struct str own, struct str learned,
                             struct arena *arena);

/** The variables that this answer tells, as JSON text; STR_NONE: none.
 * @ret_refused  there was one that the profile does not accept */
struct str grant_config_learn(const struct profile *profile, const struct json *tokens,
                              const struct json *whole, struct arena *arena, bool *ret_refused);

#endif
