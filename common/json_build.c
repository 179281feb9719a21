/* Making and changing values. */
#include "common/json.h"

#include "common/assert.h"
#include "common/json_raw.h"

#include <math.h>

static struct json *made(struct json_object *object)
{
    ASSERT(object != NULL);
    return json_from_raw(object);
}

struct json *json_new_object(void)
{
    return made(json_object_new_object());
}

struct json *json_new_array(void)
{
    return made(json_object_new_array());
}

struct json *json_new_text(struct str text)
{
    return json_from_raw(json_raw_new_text(text));
}

struct json *json_new_i64(int64_t number)
{
    return made(json_object_new_int64(number));
}

struct json *json_new_f64(double number)
{
    ASSERT(isfinite(number)); /* JSON has no word for the others */
    return made(json_object_new_double(number));
}

struct json *json_new_bool(bool value)
{
    return made(json_object_new_boolean(value));
}

static struct json *copy_members(const struct json *json)
{
    struct json *copy = json_new_object();
    size_t index = 0;
    struct str name;
    const struct json *value;
    while (json_next_member(json, &index, &name, &value))
        json_raw_add_new(json_raw(copy), name.data, json_raw(json_copy(value)));
    return copy;
}

static struct json *copy_elements(const struct json *json)
{
    struct json *copy = json_new_array();
    for (size_t i = 0; i < json_count(json); i++)
        json_append(copy, json_copy(json_at(json, i)));
    return copy;
}

struct json *json_copy(const struct json *json)
{
    switch (json_type(json)) {
    case JSON_NULL:
        return NULL;
    case JSON_BOOL:
        return json_new_bool(json_bool(json, false));
    case JSON_INTEGER:
        return json_new_i64(json_i64(json, 0));
    case JSON_NUMBER:
        return json_new_f64(json_f64(json, 0));
    case JSON_TEXT:
        return json_new_text(json_text(json));
    case JSON_ARRAY:
        return copy_elements(json);
    case JSON_OBJECT:
        return copy_members(json);
    }
    return NULL;
}

void json_set(struct json *object, const char *name, struct json *take_value)
{
    ASSERT(json_type(object) == JSON_OBJECT && name != NULL && object != take_value);
    struct lh_entry *entry = lh_table_lookup_entry(json_object_get_object(json_raw(object)), name);
    if (entry == NULL) {
        json_raw_add_new(json_raw(object), name, json_raw(take_value));
        return;
    }
    json_free(json_from_raw(lh_entry_v(entry)));
    lh_entry_set_val(entry, json_raw(take_value));
}

void json_set_text(struct json *object, const char *name, struct str text)
{
    json_set(object, name, str_is_set(text) ? json_new_text(text) : NULL);
}

void json_set_i64(struct json *object, const char *name, int64_t number)
{
    json_set(object, name, json_new_i64(number));
}

void json_set_bool(struct json *object, const char *name, bool value)
{
    json_set(object, name, json_new_bool(value));
}

void json_set_null(struct json *object, const char *name)
{
    json_set(object, name, NULL);
}

void json_remove(struct json *object, const char *name)
{
    if (!json_has(object, name))
        return;
    json_set_null(object, name); /* wipes */
    json_object_object_del(json_raw(object), name);
}

void json_append(struct json *array, struct json *take_value)
{
    ASSERT(json_type(array) == JSON_ARRAY && array != take_value);
    json_raw_append(json_raw(array), json_raw(take_value));
}

void json_append_text(struct json *array, struct str text)
{
    json_append(array, str_is_set(text) ? json_new_text(text) : NULL);
}
