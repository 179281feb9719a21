/** Profiles for tests: the ones that are shipped, or a text of the test's own. */
#ifndef TESTS_UNIT_OAUTH_SUPPORT_PROFILES_H
#define TESTS_UNIT_OAUTH_SUPPORT_PROFILES_H

#include "common/buf.h"
#include "oauth/profile.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static inline void read_whole_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("%s can't be read", path);
    char block[4096];
    size_t len;
    while ((len = fread(block, 1, sizeof(block), file)) > 0)
        buf_append(out, (struct str){.data = block, .len = len});
    (void)fclose(file);
}

static inline struct profile *parse_profile_text(struct str text, const char *file)
{
    struct error err = {0};
    CLEANUP(json_freep) struct json *json = NULL;
    struct profile *profile = NULL;
    if (json_parse(text, JSON_LIMITS_DEFAULT, &json, &err) != STATUS_OK ||
        profile_parse(json, str_c(file), false, &profile, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return profile;
}

/** One of config/providers. */
static inline struct profile *load_profile(struct str id)
{
    char path[512];
    CLEANUP(buf_deinit) struct buf text = {0};
    (void)snprintf(path, sizeof(path), REFRESHD_SOURCE_DIR "/config/providers/" STR_FMT ".json",
                   STR_ARG(id));
    read_whole_file(path, &text);
    return parse_profile_text(buf_str(&text), path);
}

#endif
