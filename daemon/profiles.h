/** The profiles a daemon works with: the built-in ones, and a directory that adds and replaces. */
#ifndef PROFILES_H
#define PROFILES_H

#include "oauth/profile.h"

/**
 * @directory             borrowed; STR_NONE: the built-in ones only
 * @allow_plain_loopback  as profile_parse() takes it; applies to the directory's profiles
 *
 * Blocks on files. STATUS_INVALID names file, member and what was expected.
 */
MUST_CHECK enum status profiles_load(struct str directory, bool allow_plain_loopback,
                                     struct profile_set **out, struct error *err);

/** One profile's file. */
MUST_CHECK enum status profiles_load_file(struct str path, bool allow_plain_loopback,
                                          struct profile **out, struct error *err);

#endif
