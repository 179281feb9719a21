/** The profiles a daemon works with: the built-in ones, and a directory that adds and replaces. */
#ifndef PROFILES_H
#define PROFILES_H

#include "config/config.h"
#include "oauth/profile.h"

/**
 * The built-in ones and those of [providers] path, in the order of their names. [http]
 * allow_plain_loopback applies to the directory's.
 *
 * Blocks on files. STATUS_INVALID: faults name each file that is wrong, its first wrong member and
 * what was expected.
 */
MUST_CHECK enum status profiles_load(const struct config *config, struct profile_set **out,
                                     struct config_faults *faults);

/** The built-in ones alone. */
MUST_CHECK enum status profiles_load_builtin(struct profile_set **out, struct error *err);

/** One profile's file. */
MUST_CHECK enum status profiles_load_file(struct str path, bool allow_plain_loopback,
                                          struct profile **out, struct error *err);

#endif
