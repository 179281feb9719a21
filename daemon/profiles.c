#include "profiles.h"

#include "builtin_profiles.h"
#include "io/files.h"

enum { PROFILE_FILE_MAX = 256 * 1024 };

static enum status parse(struct str text, struct str file, bool allow_plain_loopback,
                         struct profile **out, struct error *err)
{
    CLEANUP(json_freep) struct json *json = NULL;
    enum status status = json_parse(text, JSON_LIMITS_DEFAULT, &json, err);
    if (status != STATUS_OK) {
        error_prefix(err, STR_FMT ": ", STR_ARG(file));
        return status;
    }
    return profile_parse(json, file, allow_plain_loopback, out, err);
}

enum status profiles_load_file(struct str path, bool allow_plain_loopback, struct profile **out,
                               struct error *err)
{
    CLEANUP(buf_deinit) struct buf name = {0};
    CLEANUP(buf_deinit) struct buf text = {0};
    buf_append(&name, path);
    enum status status = files_read(buf_c(&name), PROFILE_FILE_MAX, &text, err);
    return status == STATUS_OK ? parse(buf_str(&text), path, allow_plain_loopback, out, err)
                               : status;
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

static enum status add_directory(struct profile_set *set, struct str directory,
                                 bool allow_plain_loopback, struct error *err)
{
    CLEANUP(buf_deinit) struct buf name = {0};
    CLEANUP(file_list_deinit) struct file_list files = {0};
    buf_append(&name, directory);
    enum status status = files_list(buf_c(&name), ".json", &files, err);
    for (size_t i = 0; i < files.count && status == STATUS_OK; i++) {
        struct profile *profile = NULL;
        status = profiles_load_file(str_c(files.paths[i]), allow_plain_loopback, &profile, err);
        if (status == STATUS_OK)
            profile_set_add(set, profile);
    }
    return status;
}

enum status profiles_load(struct str directory, bool allow_plain_loopback, struct profile_set **out,
                          struct error *err)
{
    CLEANUP(profile_set_freep) struct profile_set *set = profile_set_new();
    enum status status = add_builtin(set, err);
    if (status == STATUS_OK && !str_is_empty(directory))
        status = add_directory(set, directory, allow_plain_loopback, err);
    if (status != STATUS_OK)
        return status;
    *out = TAKE_PTR(set);
    return STATUS_OK;
}
