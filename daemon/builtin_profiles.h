/** config/providers/, compiled in. */
#ifndef BUILTIN_PROFILES_H
#define BUILTIN_PROFILES_H

#include "common/macros.h"
#include "common/str.h"

struct builtin_profile {
    const char *file; /* "slack.json" */
    struct str json;
};

const struct builtin_profile *builtin_profiles(size_t *ret_count);

#endif
