#include "profiles.h"

#include "builtin_profiles.h"
#include "io/files.h"

#include <stdlib.h>

enum { PROFILE_FILE_MAX = 256 * 1024, EVENTS_TOKEN_MAX = 16 * 1024 };

static enum status parse(struct str text, struct str file, bool allow_plain_loopback,
                         struct profile **out, struct error *err)
{
    CLEANUP(json_freep) struct json *json = NULL;
    enum status status = json_parse(text, JSON_LIMITS_DEFAULT, &json, err);
    if (status != STATUS_OK) {
        error_prefix(err, STR_FMT, STR_ARG(file));
        return status;
    }
    return profile_parse(json, file, allow_plain_loopback, out, err);
}

/* A transmitter of security events wants a token, which stands in a file of its own. */
static bool read_events_token(struct profile *profile, struct str path, struct error *err)
{
    struct profile_security_events events;
    if (!profile_security_events(profile, &events))
        return true;
    const struct files_rules rules = {.bytes_max = EVENTS_TOKEN_MAX,
                                      .is_private = true,
                                      .private_directory = getenv("CREDENTIALS_DIRECTORY")};
    CLEANUP(buf_deinit) struct buf name = {0};
    CLEANUP(secret_freep) struct secret *text = NULL;
    buf_append(&name, events.token_file);
    if (files_read(buf_c(&name), &rules, &text, err) != FILES_OK) {
        error_prefix(err, STR_FMT ": habits.security_events.token_file", STR_ARG(path));
        return false;
    }
    struct str token = str_trim(secret_str(text));
    for (size_t i = 0; i < token.len; i++) {
        if (token.data[i] <= ' ' || token.data[i] > '~')
            token.len = 0;
    }
    if (str_is_empty(token)) {
        error_set(err, STATUS_INVALID,
                  STR_FMT ": habits.security_events.token_file: expected one bearer token in it",
                  STR_ARG(path));
        return false;
    }
    profile_take_events_token(profile, token);
    return true;
}

enum status profiles_load_file(struct str path, bool allow_plain_loopback, struct profile **out,
                               struct error *err)
{
    const struct files_rules rules = {.bytes_max = PROFILE_FILE_MAX};
    CLEANUP(buf_deinit) struct buf name = {0};
    CLEANUP(secret_freep) struct secret *text = NULL;
    buf_append(&name, path);
    if (files_read(buf_c(&name), &rules, &text, err) != FILES_OK)
        return STATUS_INVALID;
    enum status status = parse(secret_str(text), path, allow_plain_loopback, out, err);
    if (status == STATUS_OK && !read_events_token(*out, path, err)) {
        profile_freep(out);
        status = STATUS_INVALID;
    }
    return status;
}

static enum status add_builtin(struct profile_set *set, struct error *err)
{
    size_t count;
    const struct builtin_profile *builtin = builtin_profiles(&count);
    for (size_t i = 0; i < count; i++) {
        struct profile *profile = NULL;
        enum status status = parse(builtin[i].json, str_c(builtin[i].file), false, &profile, err);
        if (status != STATUS_OK)
            return status;
        profile_set_add(set, profile);
    }
    return STATUS_OK;
}

static enum status list(const struct config *config, struct arena *arena, struct files_list *files,
                        struct config_faults *faults)
{
    struct error err;
    const char *directory = arena_copy(arena, config->providers.path).data;
    enum files_result result = files_list(directory, STR(".json"), arena, files, &err);
    if (result == FILES_OK)
        return STATUS_OK;
    if (result == FILES_MISSING)
        (void)error_set(&err, STATUS_NOT_FOUND,
                        "%s: no such directory; make it, or take the key out: the built-in "
                        "profiles are there without it",
                        directory);
    config_tell_key(config, "providers", "path", &err, faults);
    return STATUS_INVALID;
}

static enum status add_directory(struct profile_set *set, const struct config *config,
                                 struct config_faults *faults)
{
    CLEANUP(arena_deinit) struct arena arena = {0};
    struct files_list files = {0};
    enum status status = list(config, &arena, &files, faults);
    for (size_t i = 0; i < files.count; i++) {
        struct error err;
        struct profile *profile = NULL;
        struct str path = arena_printf(&arena, STR_FMT "/" STR_FMT, STR_ARG(config->providers.path),
                                       STR_ARG(files.names[i]));
        if (profiles_load_file(path, config->http.allow_plain_loopback, &profile, &err) ==
            STATUS_OK) {
            profile_set_add(set, profile);
            continue;
        }
        config_fault_add(faults, "%s", err.text);
        status = STATUS_INVALID;
    }
    return status;
}

enum status profiles_load_builtin(struct profile_set **out, struct error *err)
{
    CLEANUP(profile_set_freep) struct profile_set *set = profile_set_new();
    enum status status = add_builtin(set, err);
    if (status == STATUS_OK)
        *out = TAKE_PTR(set);
    return status;
}

enum status profiles_load(const struct config *config, struct profile_set **out,
                          struct config_faults *faults)
{
    CLEANUP(profile_set_freep) struct profile_set *set = NULL;
    struct error err;
    enum status status = profiles_load_builtin(&set, &err);
    if (status != STATUS_OK)
        config_fault_add(faults, "%s", err.text);
    else if (!str_is_empty(config->providers.path))
        status = add_directory(set, config, faults);
    if (status == STATUS_OK)
        *out = TAKE_PTR(set);
    return status;
}
