/** What one value says about another, and what is derived where nothing was said. */
#ifndef CONFIG_CONFIG_CHECK_H
#define CONFIG_CONFIG_CHECK_H

#include "config/config.h"

typedef void config_contradiction_fn(void *ctx, const char *section, const char *name,
                                     const char *expected);

/** All single values are good. Fills state_dir and the store's path where they are unset, merges
 * the URL's user into redis.username, sorts spans; each contradiction is told to fn. */
void config_check(struct config *config, config_contradiction_fn *fn, void *ctx);

#endif
