#include "oauth/profile_reader.h"
#include "oauth/url_template.h"

#include <stdio.h>
#include <string.h>

enum { VARS_MAX = 16, PATTERN_MAX = 256, VALUE_MAX = 253 };

const struct profile_var *profile_find_var(const struct profile *profile, struct str name)
{
    for (size_t i = 0; i < profile->var_count; i++) {
        if (str_eq(profile->vars[i].name, name))
            return &profile->vars[i];
    }
    return NULL;
}

bool profile_var_accepts(const struct profile_var *var, struct str value)
{
    char text[VALUE_MAX + 1];
    if (value.len == 0 || value.len > VALUE_MAX || memchr(value.data, '\0', value.len) != NULL)
        return false;
    for (size_t i = 0; i < var->one_of.count; i++) {
        if (str_eq(var->one_of.items[i], value))
            return true;
    }
    if (!var->has_regex)
        return var->one_of.count == 0;
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    return regexec(&var->regex, text, 0, NULL, 0) == 0;
}

enum status profile_var_value(const struct profile_var *var, const struct json *config,
                              struct str *ret_value, struct error *err)
{
    const struct json *given = json_get_str(config, var->name);
    struct str value = given == NULL ? var->fallback : json_text(given);
    if (given == NULL && !str_is_set(value))
        return error_set(err, STATUS_INVALID, "config." STR_FMT ": expected a value, there is none",
                         STR_ARG(var->name));
    if (!profile_var_accepts(var, value)) {
        if (var->one_of.count > 0 && !var->has_regex)
            return error_set(err, STATUS_INVALID,
                             "config." STR_FMT ": expected one of %zu values such as \"" STR_FMT
                             "\"",
                             STR_ARG(var->name), var->one_of.count, STR_ARG(var->one_of.items[0]));
        return error_set(err, STATUS_INVALID,
                         "config." STR_FMT
                         ": expected a text of 1 to 253 bytes that matches " STR_FMT,
                         STR_ARG(var->name),
                         STR_ARG(str_is_empty(var->pattern) ? STR("anything") : var->pattern));
    }
    *ret_value = value;
    return STATUS_OK;
}

/** The literal end of a pattern: "[a-z]+\.my\.salesforce\.com" → ".my.salesforce.com". */
static struct str literal_end(struct str pattern, char *to, size_t size)
{
    size_t at = size;
    size_t i = pattern.len;
    while (i > 0 && at > 0) {
        char c = pattern.data[i - 1];
        bool escaped = i >= 2 && pattern.data[i - 2] == '\\';
        bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
        if (escaped && (c != '.' || (i >= 3 && pattern.data[i - 3] == '\\')))
            break;
        if (!escaped && !plain)
            break;
        to[--at] = c;
        i -= escaped ? 2 : 1;
    }
    struct str end = {.data = to + at, .len = size - at};
    size_t dot = str_find_byte(end, '.');
    return str_slice(end, dot, end.len);
}

bool profile_var_keeps_domain(const struct profile_var *var)
{
    char end[PATTERN_MAX];
    if (var->one_of.count > 0 && !var->has_regex)
        return true;
    if (str_find_byte(var->pattern, '|') < var->pattern.len)
        return false;
    return url_suffix_is_domain(literal_end(var->pattern, end, sizeof(end)));
}

static enum status take_pattern(struct profile_reader *reader, const char *path,
                                const struct json *value, void *field)
{
    struct profile_var *var = field;
    char text[PATTERN_MAX + 8];
    struct str pattern = json_text(value);
    if (pattern.len == 0 || pattern.len > PATTERN_MAX || memchr(pattern.data, '\0', pattern.len))
        return reader_fail(reader, path, value, "a POSIX extended regular expression");
    if (str_starts_with(pattern, STR("^")))
        pattern = str_slice(pattern, 1, pattern.len);
    if (str_ends_with(pattern, STR("$")) && !str_ends_with(pattern, STR("\\$")))
        pattern = str_slice(pattern, 0, pattern.len - 1);
    for (size_t i = 0; i + 1 < pattern.len; i++) {
        if (pattern.data[i] == '\\' && pattern.data[i + 1] >= '0' && pattern.data[i + 1] <= '9')
            return reader_fail(reader, path, value, "a pattern without back-references");
    }
    (void)snprintf(text, sizeof(text), "^(" STR_FMT ")$", STR_ARG(pattern));
    if (var->has_regex || regcomp(&var->regex, text, REG_EXTENDED | REG_NOSUB) != 0)
        return reader_fail(reader, path, value, "a POSIX extended regular expression");
    var->has_regex = true;
    var->pattern = arena_copy(&reader->profile->arena, pattern);
    return STATUS_OK;
}

static const struct habit var_members[] = {
    {"pattern", take_pattern, 0},
    {"one_of", reader_take_texts, offsetof(struct profile_var, one_of)},
    {"default", reader_take_text, offsetof(struct profile_var, fallback)},
    {"description", reader_take_note, 0},
};

static enum status take_var(struct profile_reader *reader, const char *path,
                            const struct json *value, struct profile_var *var)
{
    enum status status;
    if (json_type(value) == JSON_TEXT)
        status = take_pattern(reader, path, value, var);
    else
        status = reader_take_members(reader, path, value, var_members, ARRAY_LEN(var_members), var);
    if (status != STATUS_OK)
        return status;
    if (str_is_set(var->fallback) && !profile_var_accepts(var, var->fallback))
        return reader_fail(reader, path, value, "a default that matches the variable's pattern");
    return STATUS_OK;
}

enum status profile_take_vars(struct profile_reader *reader, const char *path,
                              const struct json *value, void *field)
{
    struct profile *profile = field;
    size_t count = json_count(value);
    if (json_type(value) != JSON_OBJECT || count > VARS_MAX)
        return reader_fail(reader, path, value, "an object of at most 16 variables");
    profile->vars = arena_alloc(&profile->arena, (count + 1) * sizeof(*profile->vars));
    size_t index = 0;
    struct str name;
    const struct json *member;
    while (json_next_member(value, &index, &name, &member)) {
        char member_path[READER_PATH_MAX];
        (void)snprintf(member_path, sizeof(member_path), "%s." STR_FMT, path,
                       STR_ARG(str_slice(name, 0, 64)));
        struct profile_var *var = &profile->vars[profile->var_count++];
        var->name = arena_copy(&profile->arena, name);
        enum status status = take_var(reader, member_path, member, var);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}
