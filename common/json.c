#include "common/json.h"

#include "common/assert.h"
#include "common/json_raw.h"
#include "common/memory.h"
#include "common/secret.h"

#include <limits.h>
#include <string.h>

static bool is_named(const struct lh_entry *member, struct str name)
{
    const char *found = lh_entry_k(member);
    return (name.len == 0 || strncmp(found, name.data, name.len) == 0) && found[name.len] == '\0';
}

/* Objects mostly have a few members, and most of the names asked for are in none of them: looking
 * at each first byte takes less than json-c's hash of the name. */
struct lh_entry *json_raw_find(struct json_object *object, struct str name)
{
    enum { FEW = 16, NAME_ON_STACK = 128 };
    struct lh_table *members = json_object_get_object(object);
    if (lh_table_length(members) <= FEW) {
        struct lh_entry *member = members->head;
        while (member != NULL && !is_named(member, name))
            member = member->next;
        return member;
    }
    char copy[NAME_ON_STACK];
    if (name.len < sizeof(copy)) {
        str_copy_cut(name, copy, sizeof(copy));
        return lh_table_lookup_entry(members, copy);
    }
    CLEANUP(memory_freep) char *heap = memory_copy_str(name);
    return lh_table_lookup_entry(members, heap);
}

struct lh_entry *json_raw_add_new(struct json_object *object, const char *name,
                                  struct json_object *take_value)
{
    int result = json_object_object_add_ex(object, name, take_value, JSON_C_OBJECT_ADD_KEY_IS_NEW);
    ASSERT(result == 0);
    return json_object_get_object(object)->tail;
}

void json_raw_append(struct json_object *array, struct json_object *take_value)
{
    int result = json_object_array_add(array, take_value);
    ASSERT(result == 0);
}

struct json_object *json_raw_new_text(struct str text)
{
    ASSERT(text.len <= INT_MAX);
    struct json_object *object =
        json_object_new_string_len(text.data != NULL ? text.data : "", (int)text.len);
    ASSERT(object != NULL);
    return object;
}

/* Freeing. */

static void wipe_text(struct json_object *text)
{
    union {
        const char *borrowed;
        char *bytes;
    } content = {.borrowed = json_object_get_string(text)};
    secret_wipe(content.bytes, (size_t)json_object_get_string_len(text));
}

/** As deep as the tree, whose depth the reader and our own code bound. */
static void wipe(struct json_object *object)
{
    if (json_object_is_type(object, json_type_string))
        wipe_text(object);
    if (json_object_is_type(object, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(object); i++)
            wipe(json_object_array_get_idx(object, i));
    }
    if (json_object_is_type(object, json_type_object)) {
        for (struct lh_entry *member = json_object_get_object(object)->head; member != NULL;
             member = member->next)
            wipe(lh_entry_v(member));
    }
}

void json_free(struct json *json)
{
    if (json == NULL)
        return;
    wipe(json_raw(json));
    /* One owner each: the setters take, json_copy() shares nothing. */
    int freed = json_object_put(json_raw(json));
    ASSERT(freed == 1);
}

void json_freep(struct json **json)
{
    json_free(*json);
    *json = NULL;
}

/* Reading. */

enum json_type json_type(const struct json *json)
{
    switch (json_object_get_type(json_raw(json))) {
    case json_type_null:
        return JSON_NULL;
    case json_type_boolean:
        return JSON_BOOL;
    case json_type_int:
        return JSON_INTEGER;
    case json_type_double:
        return JSON_NUMBER;
    case json_type_string:
        return JSON_TEXT;
    case json_type_array:
        return JSON_ARRAY;
    case json_type_object:
        return JSON_OBJECT;
    }
    return JSON_NULL;
}

const char *json_type_text(enum json_type type)
{
    switch (type) {
    case JSON_NULL:
        return "null";
    case JSON_BOOL:
        return "a boolean";
    case JSON_INTEGER:
        return "an integer";
    case JSON_NUMBER:
        return "a number";
    case JSON_TEXT:
        return "a string";
    case JSON_ARRAY:
        return "an array";
    case JSON_OBJECT:
        return "an object";
    }
    return "nothing";
}

/** false: there is none. */
static bool find_member(const struct json *object, struct str name, const struct json **ret_value)
{
    struct lh_entry *member = NULL;
    if (json_type(object) == JSON_OBJECT && str_find_byte(name, '\0') == name.len)
        member = json_raw_find(json_raw(object), name);
    *ret_value = member != NULL ? json_from_raw(lh_entry_v(member)) : NULL;
    return member != NULL;
}

const struct json *json_get(const struct json *object, const char *name)
{
    return json_get_str(object, str_c(name));
}

const struct json *json_get_str(const struct json *object, struct str name)
{
    const struct json *value;
    (void)find_member(object, name, &value);
    return value;
}

bool json_has(const struct json *object, const char *name)
{
    const struct json *value;
    return find_member(object, str_c(name), &value);
}

static bool find_step(const struct json *json, struct str step, const struct json **ret_value)
{
    uint64_t index;
    if (json_type(json) != JSON_ARRAY)
        return find_member(json, step, ret_value);
    *ret_value = str_to_u64(step, &index) == STATUS_OK ? json_at(json, index) : NULL;
    return *ret_value != NULL;
}

bool json_find_path(const struct json *json, struct str path, const struct json **ret_value)
{
    if (path.len > 0 && str_find_byte(path, '.') == path.len)
        return find_step(json, path, ret_value); /* as nearly all are */
    bool is_there = false;
    struct str step;
    while (str_next_word(&path, STR("."), &step))
        is_there = find_step(json, step, &json);
    *ret_value = json;
    return is_there;
}

const struct json *json_get_path(const struct json *json, struct str path)
{
    const struct json *value;
    (void)json_find_path(json, path, &value);
    return value;
}

struct str json_text(const struct json *json)
{
    return json_type(json) == JSON_TEXT ? json_raw_text(json_raw(json)) : STR_NONE;
}

int64_t json_i64(const struct json *json, int64_t fallback)
{
    return json_type(json) == JSON_INTEGER ? json_object_get_int64(json_raw(json)) : fallback;
}

double json_f64(const struct json *json, double fallback)
{
    bool is_number = json_type(json) == JSON_INTEGER || json_type(json) == JSON_NUMBER;
    return is_number ? json_object_get_double(json_raw(json)) : fallback;
}

bool json_bool(const struct json *json, bool fallback)
{
    return json_type(json) == JSON_BOOL ? json_object_get_boolean(json_raw(json)) != 0 : fallback;
}

size_t json_count(const struct json *json)
{
    if (json_type(json) == JSON_ARRAY)
        return json_object_array_length(json_raw(json));
    return json_type(json) == JSON_OBJECT ? (size_t)json_object_object_length(json_raw(json)) : 0;
}

const struct json *json_at(const struct json *array, size_t index)
{
    if (json_type(array) != JSON_ARRAY || index >= json_count(array))
        return NULL;
    return json_from_raw(json_object_array_get_idx(json_raw(array), index));
}

bool json_next_member(const struct json *object, size_t *index, struct str *ret_name,
                      const struct json **ret_value)
{
    ASSERT(index != NULL && ret_name != NULL && ret_value != NULL);
    /* The position is the address of the entry to come, so that a walk costs no search. */
    enum { END = 1 };
    if (json_type(object) != JSON_OBJECT || *index == END)
        return false;
    struct lh_entry *entry = *index == 0 ? json_object_get_object(json_raw(object))->head
                                         : (struct lh_entry *)(uintptr_t)*index;
    if (entry == NULL)
        return false;
    *ret_name = str_c(lh_entry_k(entry));
    *ret_value = json_from_raw(lh_entry_v(entry));
    *index = entry->next == NULL ? END : (size_t)(uintptr_t)entry->next;
    return true;
}
