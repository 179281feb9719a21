/**
 * json-c's types for the files that touch them: json.c, json_read.c, json_build.c. A struct
 * json is a json-c object under another name; JSON null is NULL in both. Two of json-c's names are
 * also ours; they get others while its headers are read.
 *
 *     struct json_object *object = json_raw(json);
 */
#ifndef COMMON_JSON_RAW_H
#define COMMON_JSON_RAW_H

#include "common/json.h"

#define json_type jsonc_type
#define json_bool jsonc_bool
#include <json-c/json_object.h>
#include <json-c/linkhash.h>
#undef json_type
#undef json_bool

/** json-c takes even what it only reads as mutable. */
static inline struct json_object *json_raw(const struct json *json)
{
    union {
        const struct json *borrowed;
        struct json_object *object;
    } value = {.borrowed = json};
    return value.object;
}

static inline struct json *json_from_raw(struct json_object *object)
{
    union {
        struct json_object *object;
        struct json *json;
    } value = {.object = object};
    return value.json;
}

/** The member's entry, NULL where there is none. name holds no NUL. */
struct lh_entry *json_raw_find(struct json_object *object, struct str name);
/** Adds a member whose name is not there yet. */
struct lh_entry *json_raw_add_new(struct json_object *object, const char *name,
                                  struct json_object *take_value);
void json_raw_append(struct json_object *array, struct json_object *take_value);
struct json_object *json_raw_new_text(struct str text);

/** The text of a value known to be one. */
static inline struct str json_raw_text(struct json_object *text)
{
    return (struct str){.data = json_object_get_string(text),
                        .len = (size_t)json_object_get_string_len(text)};
}

#endif
