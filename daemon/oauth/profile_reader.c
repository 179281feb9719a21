#include "oauth/profile_reader.h"

#include "common/assert.h"
#include "common/suggest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum status reader_fail(struct profile_reader *reader, const char *path, const struct json *value,
                        const char *expected)
{
    struct str file = reader->profile->file;
    struct str text = json_text(value);
    if (str_is_set(text))
        return error_set(reader->err, STATUS_INVALID,
                         STR_FMT ": %s: expected %s, got \"" STR_FMT "\"", STR_ARG(file), path,
                         expected, STR_ARG(str_slice(text, 0, 80)));
    if (value == NULL)
        return error_set(reader->err, STATUS_INVALID, STR_FMT ": %s: expected %s", STR_ARG(file),
                         path, expected);
    return error_set(reader->err, STATUS_INVALID, STR_FMT ": %s: expected %s, got %s",
                     STR_ARG(file), path, expected, json_type_text(json_type(value)));
}

/** "\"a\", \"b\" or \"c\"" into to. */
static void list_words(char *to, size_t size, const char *const *words, size_t count)
{
    size_t used = 0;
    to[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++) {
        const char *glue = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        int more = snprintf(to + used, size - used, "%s\"%s\"", glue, words[i]);
        used += more > 0 ? (size_t)more : 0;
    }
}

static enum status fail_unknown(struct profile_reader *reader, const char *path, struct str name,
                                const struct habit *table, size_t count)
{
    enum { NAMES_MAX = 32, TEXT_MAX = 280 };
    const char *names[NAMES_MAX];
    char text[TEXT_MAX];
    ASSERT(count <= NAMES_MAX);
    struct suggest suggest = {.word = name};
    for (size_t i = 0; i < count; i++) {
        names[i] = table[i].name;
        suggest_offer(&suggest, names[i]);
    }
    list_words(text, sizeof(text), names, count);
    const char *meant = suggest_best(&suggest);
    return error_set(reader->err, STATUS_INVALID,
                     STR_FMT ": %s." STR_FMT ": unknown habit, expected %s%s%s%s",
                     STR_ARG(reader->profile->file), path, STR_ARG(str_slice(name, 0, 60)), text,
                     meant != NULL ? "; did you mean \"" : "", meant != NULL ? meant : "",
                     meant != NULL ? "\"?" : "");
}

enum status reader_take_members(struct profile_reader *reader, const char *path,
                                const struct json *object, const struct habit *table, size_t count,
                                void *base)
{
    if (json_type(object) != JSON_OBJECT)
        return reader_fail(reader, path, object, "an object");
    size_t index = 0;
    struct str name;
    const struct json *value;
    while (json_next_member(object, &index, &name, &value)) {
        size_t i = 0;
        while (i < count && !str_eq(str_c(table[i].name), name))
            i++;
        if (i == count)
            return fail_unknown(reader, path, name, table, count);
        char member[READER_PATH_MAX];
        (void)snprintf(member, sizeof(member), "%s.%s", path, table[i].name);
        void *field = (char *)base + table[i].offset;
        enum status status = table[i].take(reader, member, value, field);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static bool has_control(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return true;
    }
    return false;
}

enum status reader_take_text(struct profile_reader *reader, const char *path,
                             const struct json *value, void *field)
{
    struct str text = json_text(value);
    if (text.len == 0 || text.len > READER_TEXT_MAX || has_control(text))
        return reader_fail(reader, path, value, "a text of 1 to 2048 printable characters");
    *(struct str *)field = arena_copy(&reader->profile->arena, text);
    return STATUS_OK;
}

enum status reader_take_bool(struct profile_reader *reader, const char *path,
                             const struct json *value, void *field)
{
    if (json_type(value) != JSON_BOOL)
        return reader_fail(reader, path, value, "true or false");
    *(bool *)field = json_bool(value, false);
    return STATUS_OK;
}

enum status reader_take_seconds(struct profile_reader *reader, const char *path,
                                const struct json *value, void *field)
{
    enum { SECONDS_MAX = 2000000000 };
    if (json_type(value) == JSON_NULL)
        return STATUS_OK;
    int64_t seconds = json_i64(value, -1);
    if (seconds < 0 || seconds > SECONDS_MAX)
        return reader_fail(reader, path, value, "a number of seconds, 0 to 2000000000, or null");
    *(int64_t *)field = seconds;
    return STATUS_OK;
}

struct str reader_scalar(struct profile_reader *reader, const struct json *value)
{
    switch (json_type(value)) {
    case JSON_BOOL:
        return json_bool(value, false) ? STR("true") : STR("false");
    case JSON_INTEGER:
        return arena_printf(&reader->profile->arena, "%" PRId64, json_i64(value, 0));
    case JSON_TEXT:
        return arena_copy(&reader->profile->arena, json_text(value));
    case JSON_NULL:
    case JSON_NUMBER:
    case JSON_ARRAY:
    case JSON_OBJECT:
        return STR_NONE;
    }
    return STR_NONE;
}

static enum status take_list(struct profile_reader *reader, const char *path,
                             const struct json *value, bool texts_only, struct str_list *ret)
{
    const char *expected = texts_only ? "a text or an array of texts (1 to 256)"
                                      : "a text, number or boolean, or an array of these";
    bool is_array = json_type(value) == JSON_ARRAY;
    size_t count = is_array ? json_count(value) : 1;
    if (count == 0 || count > READER_LIST_MAX)
        return reader_fail(reader, path, value, expected);
    struct str *items = arena_alloc(&reader->profile->arena, count * sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        const struct json *item = is_array ? json_at(value, i) : value;
        items[i] =
            texts_only && json_type(item) != JSON_TEXT ? STR_NONE : reader_scalar(reader, item);
        if (!str_is_set(items[i]) || items[i].len > READER_TEXT_MAX)
            return reader_fail(reader, path, item, expected);
    }
    *ret = (struct str_list){.items = items, .count = count};
    return STATUS_OK;
}

enum status reader_take_texts(struct profile_reader *reader, const char *path,
                              const struct json *value, void *field)
{
    return take_list(reader, path, value, true, field);
}

enum status reader_take_scalars(struct profile_reader *reader, const char *path,
                                const struct json *value, struct str_list *ret)
{
    return take_list(reader, path, value, false, ret);
}

enum status reader_take_map(struct profile_reader *reader, const char *path,
                            const struct json *value, void *field)
{
    size_t count = json_count(value);
    if (json_type(value) != JSON_OBJECT || count > READER_LIST_MAX)
        return reader_fail(reader, path, value, "an object of texts");
    struct text_pair *items = arena_alloc(&reader->profile->arena, (count + 1) * sizeof(*items));
    size_t index = 0;
    size_t i = 0;
    struct str name;
    const struct json *text;
    while (json_next_member(value, &index, &name, &text)) {
        items[i].name = arena_copy(&reader->profile->arena, name);
        items[i].value = arena_copy(&reader->profile->arena, json_text(text));
        if (name.len == 0 || has_control(name) || !str_is_set(items[i].value) ||
            has_control(items[i].value))
            return reader_fail(reader, path, text, "texts without control characters as values");
        i++;
    }
    *(struct text_map *)field = (struct text_map){.items = items, .count = count};
    return STATUS_OK;
}

enum status reader_take_field(struct profile_reader *reader, const char *path,
                              const struct json *value, void *field)
{
    struct str_list list = {0};
    enum status status = reader_take_texts(reader, path, value, &list);
    if (status != STATUS_OK)
        return status;
    if (list.count > PROFILE_FIELD_NAMES_MAX)
        return reader_fail(reader, path, value, "at most 6 member paths");
    struct field *to = field;
    to->count = list.count;
    for (size_t i = 0; i < list.count; i++)
        to->names[i] = list.items[i];
    return STATUS_OK;
}

enum status reader_take_word(struct profile_reader *reader, const char *path,
                             const struct json *value, const char *const *words, size_t count,
                             int *ret)
{
    enum { TEXT_MAX = 200 };
    char expected[TEXT_MAX];
    struct str text = json_text(value);
    for (size_t i = 0; i < count; i++) {
        if (str_eq(text, str_c(words[i]))) {
            *ret = (int)i;
            return STATUS_OK;
        }
    }
    list_words(expected, sizeof(expected), words, count);
    return reader_fail(reader, path, value, expected);
}

enum status reader_take_note(struct profile_reader *reader, const char *path,
                             const struct json *value, UNUSED void *field)
{
    if (json_type(value) != JSON_TEXT)
        return reader_fail(reader, path, value, "a text");
    return STATUS_OK;
}
