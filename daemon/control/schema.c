#include "control/schema.h"

#include "common/assert.h"

/* rpc_params_check()'s ids (common/rpc_check.c). */
#define ID_PATTERN "^[A-Za-z0-9._:@][A-Za-z0-9._:@-]{0,127}$"

static void set_type(struct json *schema, const char *type)
{
    json_set_text(schema, "type", str_c(type));
}

/** Lengths count bytes here and characters in JSON Schema: never the stricter of the two. */
static void set_lengths(struct json *schema, const struct rpc_param *param, const char *min_name,
                        const char *max_name)
{
    if (param->max <= 0)
        return;
    if (param->min > 0)
        json_set_i64(schema, min_name, MIN_OF(param->min, 1));
    json_set_i64(schema, max_name, param->max);
}

static void set_choices(struct json *schema, struct str choices)
{
    struct json *words = json_new_array();
    struct str choice;
    while (str_next_word(&choices, STR("|"), &choice))
        json_append_text(words, choice);
    json_set(schema, "enum", words);
}

static void set_range(struct json *schema, const struct rpc_param *param)
{
    json_set_i64(schema, "minimum", param->min);
    if (param->max != INT64_MAX)
        json_set_i64(schema, "maximum", param->max);
}

static void set_members(struct json *schema, const struct rpc_param *members)
{
    if (members == NULL)
        return;
    struct json *properties = json_new_object();
    struct json *required = json_new_array();
    for (const struct rpc_param *member = members; member->name != NULL; member++) {
        json_set(properties, member->name, schema_of_param(member));
        if (member->required)
            json_append_text(required, str_c(member->name));
    }
    json_set(schema, "properties", properties);
    if (json_count(required) > 0)
        json_set(schema, "required", required);
    else
        json_free(required);
    json_set_bool(schema, "additionalProperties", false);
}

static void set_objects(struct json *schema, const struct rpc_param *param)
{
    struct json *items = json_new_object();
    set_type(items, "object");
    set_members(items, param->members);
    json_set(schema, "items", items);
}

static void set_texts(struct json *schema, const struct rpc_param *param)
{
    struct json *items = json_new_object();
    set_type(items, "string");
    if (param->choices != NULL)
        set_choices(items, str_c(param->choices));
    json_set(schema, "items", items);
}

static void set_kind(struct json *schema, const struct rpc_param *param)
{
    switch (param->type) {
    case RPC_TYPE_SECRET:
        json_set_bool(schema, "writeOnly", true);
        set_lengths(schema, param, "minLength", "maxLength");
        return;
    case RPC_TYPE_TEXT:
        set_lengths(schema, param, "minLength", "maxLength");
        return;
    case RPC_TYPE_ID:
        json_set_text(schema, "pattern", STR(ID_PATTERN));
        return;
    case RPC_TYPE_ENUM:
        set_choices(schema, str_c(param->choices));
        return;
    case RPC_TYPE_TIME:
        json_set_text(schema, "format", STR("date-time"));
        return;
    case RPC_TYPE_INTEGER:
        set_range(schema, param);
        return;
    case RPC_TYPE_BOOLEAN:
        return;
    case RPC_TYPE_OBJECT:
        set_members(schema, param->members);
        return;
    case RPC_TYPE_TEXT_ARRAY:
        set_texts(schema, param);
        set_lengths(schema, param, "minItems", "maxItems");
        return;
    case RPC_TYPE_OBJECT_ARRAY:
        set_objects(schema, param);
        set_lengths(schema, param, "minItems", "maxItems");
        return;
    }
}

static const char *type_text(enum rpc_type type)
{
    switch (type) {
    case RPC_TYPE_TEXT:
    case RPC_TYPE_SECRET:
    case RPC_TYPE_ID:
    case RPC_TYPE_ENUM:
    case RPC_TYPE_TIME:
        return "string";
    case RPC_TYPE_INTEGER:
        return "integer";
    case RPC_TYPE_BOOLEAN:
        return "boolean";
    case RPC_TYPE_OBJECT:
        return "object";
    case RPC_TYPE_TEXT_ARRAY:
    case RPC_TYPE_OBJECT_ARRAY:
        return "array";
    }
    return "null";
}

struct json *schema_of_param(const struct rpc_param *param)
{
    ASSERT(param != NULL && param->name != NULL);
    struct json *schema = json_new_object();
    set_type(schema, type_text(param->type));
    set_kind(schema, param);
    if (param->help != NULL)
        json_set_text(schema, "description", str_c(param->help));
    return schema;
}

struct json *schema_of_result(const char *members, const char *description)
{
    struct json *schema = json_new_object();
    set_type(schema, "object");
    json_set_text(schema, "description", str_c(description));
    if (members == NULL)
        return schema;
    struct json *required = json_new_array();
    struct json *properties = json_new_object();
    struct str rest = str_c(members);
    struct str name;
    while (str_next_word(&rest, STR(" "), &name)) {
        char text[64];
        str_copy_cut(name, text, sizeof(text));
        json_append_text(required, name);
        json_set(properties, text, json_new_object());
    }
    json_set(schema, "properties", properties);
    json_set(schema, "required", required);
    return schema;
}
