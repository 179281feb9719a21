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
    if (var->pattern_count == 0)
        return var->one_of.count == 0;
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    for (size_t i = 0; i < var->pattern_count; i++) {
        if (regexec(&var->regexes[i], text, 0, NULL, 0) == 0)
            return true;
    }
    return false;
}

static enum status fail_value(const struct profile_var *var, struct error *err)
{
    struct str name = var->name;
    if (var->one_of.count > 0 && var->pattern_count == 0)
        return error_set(err, STATUS_INVALID,
                         "config." STR_FMT ": expected one of %zu values such as \"" STR_FMT "\"",
                         STR_ARG(name), var->one_of.count, STR_ARG(var->one_of.items[0]));
    if (var->pattern_count == 0)
        return error_set(err, STATUS_INVALID,
                         "config." STR_FMT ": expected a text of 1 to 253 bytes", STR_ARG(name));
    return error_set(err, STATUS_INVALID,
                     "config." STR_FMT ": expected a text of 1 to 253 bytes that matches " STR_FMT
                     "%s",
                     STR_ARG(name), STR_ARG(var->patterns[0]),
                     var->pattern_count > 1 ? " or another of its patterns" : "");
}

enum status profile_var_value(const struct profile_var *var, const struct json *config,
                              struct str *ret_value, struct error *err)
{
    const struct json *given = json_get_str(config, var->name);
    struct str value = given == NULL ? var->fallback : json_text(given);
    if (given == NULL && !str_is_set(value))
        return error_set(err, STATUS_INVALID, "config." STR_FMT ": expected a value, there is none",
                         STR_ARG(var->name));
    if (!profile_var_accepts(var, value))
        return fail_value(var, err);
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
    for (size_t i = 0; i < var->pattern_count; i++) {
        struct str pattern = var->patterns[i];
        if (str_find_byte(pattern, '|') < pattern.len ||
            !url_suffix_is_domain(literal_end(pattern, end, sizeof(end))))
            return false;
    }
    return var->pattern_count > 0 || var->one_of.count > 0;
}

static enum status add_pattern(struct profile_reader *reader, const char *path,
                               const struct json *value, struct profile_var *var)
{
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
    if (regcomp(&var->regexes[var->pattern_count], text, REG_EXTENDED | REG_NOSUB) != 0)
        return reader_fail(reader, path, value, "a POSIX extended regular expression");
    var->patterns[var->pattern_count++] = arena_copy(&reader->profile->arena, pattern);
    return STATUS_OK;
}

/** One, or several of which one must match: each says for itself where its host ends. */
static enum status take_pattern(struct profile_reader *reader, const char *path,
                                const struct json *value, void *field)
{
    struct profile_var *var = field;
    bool is_array = json_type(value) == JSON_ARRAY;
    size_t count = is_array ? json_count(value) : 1;
    if (count == 0 || count > PROFILE_PATTERNS_MAX || var->pattern_count > 0)
        return reader_fail(reader, path, value, "1 to 8 POSIX extended regular expressions");
    for (size_t i = 0; i < count; i++) {
        enum status status = add_pattern(reader, path, is_array ? json_at(value, i) : value, var);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status take_per(struct profile_reader *reader, const char *path,
                            const struct json *value, void *field)
{
    static const char *const words[] = {"connector", "connection"};
    int word = 0;
    enum status status = reader_take_word(reader, path, value, words, ARRAY_LEN(words), &word);
    if (status == STATUS_OK)
        *(bool *)field = word == 1;
    return status;
}

static const struct habit var_members[] = {
    {"pattern", take_pattern, 0},
    {"one_of", reader_take_texts, offsetof(struct profile_var, one_of)},
    {"default", reader_take_text, offsetof(struct profile_var, fallback)},
    {"learned_from", reader_take_field, offsetof(struct profile_var, learned_from)},
    {"per", take_per, offsetof(struct profile_var, is_per_connection)},
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
    if (var->learned_from.count > 0)
        var->is_per_connection = true;
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
