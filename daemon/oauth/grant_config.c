#include "oauth/grant_config.h"

#include "oauth/answer.h"
#include "oauth/url_template.h"

#include <string.h>

static struct json *parse_object(struct str text)
{
    struct json *json = NULL;
    if (text.len == 0 || json_parse(text, JSON_LIMITS_DEFAULT, &json, NULL) != STATUS_OK)
        return NULL;
    if (json_type(json) == JSON_OBJECT)
        return json;
    json_free(json);
    return NULL;
}

/** Names are the profile's: variables, at most so long (profile_vars.c). */
static void set_text(struct json *object, struct str name, struct str value)
{
    enum { NAME_MAX_BYTES = 128 };
    char text[NAME_MAX_BYTES];
    str_copy_cut(name, text, sizeof(text));
    json_set_text(object, text, value);
}

static struct str to_text(const struct json *json, struct arena *arena)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    json_write(json, &text);
    return arena_copy(arena, buf_str(&text));
}

const struct json *grant_config_merge(const struct json *connector, struct str own,
                                      struct json **ret_made)
{
    CLEANUP(json_freep) struct json *mine = parse_object(own);
    if (mine == NULL)
        return connector;
    struct json *made = connector != NULL ? json_copy(connector) : json_new_object();
    size_t index = 0;
    struct str name;
    const struct json *value;
    while (json_next_member(mine, &index, &name, &value))
        set_text(made, name, json_text(value));
    *ret_made = made;
    return made;
}

struct str grant_config_bind(const struct json *connector, struct str own, struct str learned,
                             struct arena *arena)
{
    CLEANUP(json_freep) struct json *fresh = parse_object(learned);
    CLEANUP(json_freep) struct json *mine = parse_object(own);
    bool is_new = false;
    size_t index = 0;
    struct str name;
    const struct json *value;
    if (fresh == NULL)
        return STR_NONE;
    if (mine == NULL)
        mine = json_new_object();
    while (json_next_member(fresh, &index, &name, &value)) {
        if (json_get_str(connector, name) != NULL || json_get_str(mine, name) != NULL)
            continue;
        set_text(mine, name, json_text(value));
        is_new = true;
    }
    return is_new ? to_text(mine, arena) : STR_NONE;
}

/** Of an https URL without user name and port its host; any other text as it is. */
static struct str cut_host(struct str text)
{
    if (!str_starts_with(text, STR("https://")))
        return text;
    struct str rest = str_slice(text, 8, text.len);
    size_t end = 0;
    while (end < rest.len && strchr("/?#", rest.data[end]) == NULL)
        end++;
    return str_slice(rest, 0, end);
}

static struct str find_value(const struct profile_var *var, const struct json *tokens,
                             const struct json *whole, struct arena *arena)
{
    for (size_t i = 0; i < var->learned_from.count; i++) {
        struct str path = var->learned_from.names[i];
        struct str value = answer_scalar(json_get_path(tokens, path), arena);
        if (value.len == 0)
            value = answer_scalar(json_get_path(whole, path), arena);
        if (value.len > 0)
            return value;
    }
    return STR_NONE;
}

struct str grant_config_learn(const struct profile *profile, const struct json *tokens,
                              const struct json *whole, struct arena *arena, bool *ret_refused)
{
    CLEANUP(json_freep) struct json *learned = NULL;
    for (size_t i = 0; i < profile->var_count; i++) {
        const struct profile_var *var = &profile->vars[i];
        struct str value = find_value(var, tokens, whole, arena);
        if (value.len == 0)
            continue;
        if (!profile_var_accepts(var, value))
            value = cut_host(value);
        if (!profile_var_accepts(var, value)) {
            *ret_refused = true;
            continue;
        }
        if (learned == NULL)
            learned = json_new_object();
        set_text(learned, var->name, value);
    }
    return learned == NULL ? STR_NONE : to_text(learned, arena);
}
