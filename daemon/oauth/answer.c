#include "oauth/answer.h"

#include "oauth/body.h"

#include <inttypes.h>

struct str answer_header(const struct oauth_answer *answer, struct str name)
{
    for (size_t i = 0; i < answer->header_count; i++) {
        if (str_eq_nocase(answer->headers[i].name, name))
            return answer->headers[i].value;
    }
    return STR_NONE;
}

/** name="value" or name=value in a challenge, behind a blank or comma. */
static struct str find_param(struct str challenge, struct str name)
{
    for (size_t i = 0; i + name.len < challenge.len; i++) {
        bool at_start = i == 0 || challenge.data[i - 1] == ' ' || challenge.data[i - 1] == ',';
        if (!at_start || challenge.data[i + name.len] != '=' ||
            !str_eq_nocase(str_slice(challenge, i, name.len), name))
            continue;
        struct str value = str_slice(challenge, i + name.len + 1, challenge.len);
        if (!str_starts_with(value, STR("\"")))
            return str_slice(value, 0,
                             MIN_OF(str_find_byte(value, ','), str_find_byte(value, ' ')));
        value = str_slice(value, 1, value.len);
        return str_slice(value, 0, str_find_byte(value, '"'));
    }
    return STR_NONE;
}

struct str answer_challenge_param(const struct oauth_answer *answer, struct str name)
{
    for (size_t i = 0; i < answer->header_count; i++) {
        if (!str_eq_nocase(answer->headers[i].name, STR("www-authenticate")))
            continue;
        struct str value = str_trim(find_param(answer->headers[i].value, name));
        if (value.len > 0)
            return value;
    }
    return STR_NONE;
}

struct str answer_scalar(const struct json *value, struct arena *arena)
{
    switch (json_type(value)) {
    case JSON_BOOL:
        return json_bool(value, false) ? STR("true") : STR("false");
    case JSON_INTEGER:
        return arena_printf(arena, "%" PRId64, json_i64(value, 0));
    case JSON_TEXT:
        return json_text(value);
    case JSON_NULL:
    case JSON_NUMBER:
    case JSON_ARRAY:
    case JSON_OBJECT:
        return STR_NONE;
    }
    return STR_NONE;
}

bool answer_find(const struct json *json, const struct field *field, const struct json **ret_value)
{
    for (size_t i = 0; i < field->count; i++) {
        if (json_find_path(json, field->names[i], ret_value))
            return true;
    }
    *ret_value = NULL;
    return false;
}

/** Under the profile's names first, then under the RFC's (RFC 6749 §5.2). */
static struct str find_text(const struct json *json, const struct field *field, const char *name,
                            struct arena *arena)
{
    for (size_t i = 0; i < field->count; i++) {
        struct str text = str_trim(answer_scalar(json_get_path(json, field->names[i]), arena));
        if (text.len > 0)
            return text;
    }
    return str_trim(json_text(json_get(json, name)));
}

/** Absent, null, false, "", 0, {} and [] are all no error. */
static bool says_something(const struct json *value)
{
    switch (json_type(value)) {
    case JSON_NULL:
        return false;
    case JSON_BOOL:
        return json_bool(value, false);
    case JSON_INTEGER:
        return json_i64(value, 0) != 0;
    case JSON_NUMBER:
        return true;
    case JSON_TEXT:
        return str_trim(json_text(value)).len > 0;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return json_count(value) > 0;
    }
    return false;
}

static void add_number(struct answer *answer, int64_t number)
{
    if (answer->number_count < ANSWER_NUMBERS_MAX)
        answer->numbers[answer->number_count++] = number;
}

static void add_json_number(struct answer *answer, const struct json *value)
{
    int64_t number;
    for (size_t i = 0; json_type(value) == JSON_ARRAY && i < json_count(value); i++) {
        number = json_i64(json_at(value, i), -1);
        if (number >= 0 || str_to_i64(json_text(json_at(value, i)), &number) == STATUS_OK)
            add_number(answer, number);
    }
    number = json_i64(value, -1);
    if (number >= 0 || str_to_i64(json_text(value), &number) == STATUS_OK)
        add_number(answer, number);
}

/** "AADSTS70002: … AADSTS70008: …" → 70002, 70008. */
static void add_text_numbers(struct answer *answer, struct str text, struct str prefix)
{
    enum { DIGITS_MAX = 12 };
    for (size_t i = 0; prefix.len > 0 && i + prefix.len < text.len; i++) {
        if (!str_eq(str_slice(text, i, prefix.len), prefix))
            continue;
        size_t from = i + prefix.len;
        size_t to = from;
        while (to < text.len && to - from < DIGITS_MAX && text.data[to] >= '0' &&
               text.data[to] <= '9')
            to++;
        int64_t number;
        if (str_to_i64(str_slice(text, from, to - from), &number) == STATUS_OK)
            add_number(answer, number);
    }
}

static void read_error(const struct profile *profile, struct arena *arena, struct answer *answer)
{
    const struct json *json = answer->json;
    answer->error = find_text(json, &profile->response.error, "error", arena);
    answer->description =
        find_text(json, &profile->response.description, "error_description", arena);
    answer->error_without_word = answer->error.len == 0 && says_something(json_get(json, "error"));
    for (size_t i = 0; i < profile->response.number_members.count; i++)
        add_json_number(answer, json_get_path(json, profile->response.number_members.names[i]));
    add_text_numbers(answer, answer->description, profile->response.number_prefix);
}

void answer_read(const struct profile *profile, const struct oauth_answer *from,
                 struct arena *arena, struct answer *ret)
{
    *ret = (struct answer){.text = from->body};
    if (str_starts_with(ret->text, STR("\xEF\xBB\xBF")))
        ret->text = str_slice(ret->text, 3, ret->text.len);
    if (from->body_too_large || from->body.len > ANSWER_BODY_MAX) {
        ret->kind = BODY_OTHER;
        ret->fault = "body_too_large";
        return;
    }
    if (from->status >= 400 && from->status <= 499)
        ret->challenge_error = answer_challenge_param(from, STR("error"));
    ret->kind =
        body_parse(ret->text, answer_header(from, STR("content-type")), &ret->json, &ret->fault);
    if (ret->kind != BODY_OBJECT)
        return;
    ret->fault = NULL;
    read_error(profile, arena, ret);
}

void answer_deinit(struct answer *answer)
{
    json_free(answer->json);
    *answer = (struct answer){0};
}
