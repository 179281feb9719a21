#include "oauth/profile_reader.h"

#include <stdio.h>

#define AT(member) offsetof(struct profile, member)

static const struct {
    const char *word;
    enum expiry_form form;
    bool has_path;
} expiry_forms[] = {
    {"relative_s", EXPIRY_RELATIVE_S, true},
    {"relative_ms", EXPIRY_RELATIVE_MS, true},
    {"duration_dhm", EXPIRY_DURATION_DHM, true},
    {"absolute", EXPIRY_ABSOLUTE, true},
    {"absolute_epoch", EXPIRY_ABSOLUTE, true},
    {"absolute_epoch_ms", EXPIRY_ABSOLUTE, true},
    {"absolute_iso8601", EXPIRY_ABSOLUTE, true},
    {"none", EXPIRY_NONE, false},
    {"never", EXPIRY_NEVER, false},
};

static bool cut_expiry(struct str text, struct expiry_source *ret)
{
    size_t colon = str_find_byte(text, ':');
    struct str word = str_slice(text, 0, colon);
    ret->path = str_slice(text, colon + 1, text.len);
    for (size_t i = 0; i < ARRAY_LEN(expiry_forms); i++) {
        if (str_eq(word, str_c(expiry_forms[i].word)) &&
            expiry_forms[i].has_path == (ret->path.len > 0)) {
            ret->form = expiry_forms[i].form;
            return true;
        }
    }
    return false;
}

static enum status take_expiry(struct profile_reader *reader, const char *path,
                               const struct json *value, void *field)
{
    struct expiry_rule *rule = field;
    struct str_list list = {0};
    enum status status = reader_take_texts(reader, path, value, &list);
    if (status != STATUS_OK)
        return status;
    if (list.count > PROFILE_EXPIRY_SOURCES_MAX)
        return reader_fail(reader, path, value, "at most 6 forms of expiry");
    rule->count = list.count;
    for (size_t i = 0; i < list.count; i++) {
        if (!cut_expiry(list.items[i], &rule->sources[i]))
            return reader_fail(reader, path, value,
                               "FORM:MEMBER with FORM relative_s, relative_ms, duration_dhm, "
                               "absolute_epoch or absolute_iso8601; or \"none\", \"never\"");
    }
    return STATUS_OK;
}

static const struct habit renamed_fields[] = {
    {"access_token", reader_take_field, AT(response.access_token)},
    {"refresh_token", reader_take_field, AT(response.refresh_token)},
    {"token_type", reader_take_field, AT(response.token_type)},
    {"id_token", reader_take_field, AT(response.id_token)},
    {"scope", reader_take_field, AT(response.scope)},
    {"error", reader_take_field, AT(response.error)},
    {"error_description", reader_take_field, AT(response.description)},
};

static enum status take_renamed(struct profile_reader *reader, const char *path,
                                const struct json *value, UNUSED void *field)
{
    return reader_take_members(reader, path, value, renamed_fields, ARRAY_LEN(renamed_fields),
                               reader->profile);
}

/** {"ok": true}: one member and the value, or the values, that it has in a success. */
static enum status take_success_marker(struct profile_reader *reader, const char *path,
                                       const struct json *value, void *field)
{
    struct member_condition *marker = field;
    size_t index = 0;
    struct str name;
    const struct json *wanted;
    if (json_count(value) != 1 || !json_next_member(value, &index, &name, &wanted))
        return reader_fail(reader, path, value, "an object of one member, such as {\"ok\": true}");
    marker->path = arena_copy(&reader->profile->arena, name);
    return reader_take_scalars(reader, path, wanted, &marker->values);
}

static enum status take_scope_format(struct profile_reader *reader, const char *path,
                                     const struct json *value, void *field)
{
    static const char *const words[] = {
        [SCOPE_SPACE] = "space", [SCOPE_COMMA] = "comma", [SCOPE_PIPE] = "pipe"};
    return reader_take_word(reader, path, value, words, ARRAY_LEN(words), field);
}

static enum status take_zero_expiry(struct profile_reader *reader, const char *path,
                                    const struct json *value, void *field)
{
    static const char *const words[] = {"unknown", "never"};
    int word = 0;
    enum status status = reader_take_word(reader, path, value, words, ARRAY_LEN(words), &word);
    if (status == STATUS_OK)
        *(bool *)field = word == 1;
    return status;
}

static const struct habit number_habits[] = {
    {"members", reader_take_field, AT(response.number_members)},
    {"text_prefix", reader_take_text, AT(response.number_prefix)},
};

static enum status take_numbers(struct profile_reader *reader, const char *path,
                                const struct json *value, UNUSED void *field)
{
    return reader_take_members(reader, path, value, number_habits, ARRAY_LEN(number_habits),
                               reader->profile);
}

static const struct habit response_habits[] = {
    {"expires", take_expiry, AT(response.expires)},
    {"refresh_expires", take_expiry, AT(response.refresh_expires)},
    {"refresh_hard_expires", take_expiry, AT(response.refresh_hard_expires)},
    {"zero_expiry", take_zero_expiry, AT(response.zero_expiry_is_never)},
    {"nesting", reader_take_texts, AT(response.nesting)},
    {"grants", reader_take_map, AT(response.grants)},
    {"renamed_fields", take_renamed, 0},
    {"success_marker", take_success_marker, AT(response.success)},
    {"scope_format", take_scope_format, AT(response.scope_format)},
    {"token_optional", reader_take_bool, AT(response.token_optional)},
    {"error_numbers", take_numbers, 0},
    {"trace_members", reader_take_field, AT(response.trace)},
    {"trace_header", reader_take_text, AT(response.trace_header)},
};

enum status profile_take_response(struct profile_reader *reader, const char *path,
                                  const struct json *value, UNUSED void *field)
{
    return reader_take_members(reader, path, value, response_habits, ARRAY_LEN(response_habits),
                               reader->profile);
}
