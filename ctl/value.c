#include "ctl/value.h"

#include "common/arena.h"
#include "common/suggest.h"
#include "common/time_text.h"
#include "ctl/flag.h"
#include "ctl/world.h"

#include <inttypes.h>

static enum status expected(const struct rpc_param *param, struct str text, struct error *err)
{
    CLEANUP(buf_deinit) struct buf line = {0};
    flag_write_name(param, &line);
    buf_append(&line, STR(": expected "));
    value_expected(param, &line);
    if (!flag_is_secret(param))
        buf_printf(&line, ", got \"" STR_FMT "\"", (int)MIN_OF(text.len, 80), text.data);
    return error_set(err, STATUS_INVALID, "%s", buf_c(&line));
}

static enum status parse_integer(const struct rpc_param *param, struct str text, struct json **out,
                                 struct error *err)
{
    int64_t number;
    if (str_to_i64(text, &number) != STATUS_OK) {
        int64_t span_ms;
        bool is_span = str_ends_with(str_c(param->name), STR("_s"));
        if (!is_span || time_text_parse_span(text, &span_ms) != STATUS_OK || span_ms == INT64_MAX)
            return expected(param, text, err);
        number = span_ms / 1000;
    }
    if (param->min < param->max && (number < param->min || number > param->max))
        return expected(param, text, err);
    *out = json_new_i64(number);
    return STATUS_OK;
}

static enum status parse_boolean(const struct rpc_param *param, struct str text, struct json **out,
                                 struct error *err)
{
    static const struct {
        struct str word;
        bool value;
    } words[] = {
        {STR_INIT("yes"), true},    {STR_INIT("no"), false}, {STR_INIT("true"), true},
        {STR_INIT("false"), false}, {STR_INIT("on"), true},  {STR_INIT("off"), false},
        {STR_INIT("1"), true},      {STR_INIT("0"), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_eq_nocase(text, words[i].word)) {
            *out = json_new_bool(words[i].value);
            return STATUS_OK;
        }
    }
    return expected(param, text, err);
}

static bool is_choice(const struct rpc_param *param, struct str text)
{
    struct str rest = str_c(param->choices);
    struct str choice;
    while (str_next_word(&rest, STR("|"), &choice)) {
        if (str_eq(text, choice))
            return true;
    }
    return false;
}

static enum status parse_enum(const struct rpc_param *param, struct str text, struct json **out,
                              struct error *err)
{
    if (!is_choice(param, text))
        return expected(param, text, err);
    *out = json_new_text(text);
    return STATUS_OK;
}

/* RFC 3339, or "+2h", "-1d": from now. */
static enum status parse_time(const struct rpc_param *param, struct str text, int64_t now_ms,
                              struct json **out, struct error *err)
{
    int64_t wall_ms;
    bool relative = text.len > 1 && (text.data[0] == '+' || text.data[0] == '-');
    if (relative) {
        int64_t span_ms;
        if (time_text_parse_span(str_slice(text, 1, text.len), &span_ms) != STATUS_OK ||
            span_ms > INT64_MAX / 2 - now_ms)
            return expected(param, text, err);
        wall_ms = text.data[0] == '+' ? now_ms + span_ms : now_ms - span_ms;
    } else if (str_eq(text, STR("now"))) {
        wall_ms = now_ms;
    } else if (time_text_parse_rfc3339(text, &wall_ms) != STATUS_OK) {
        return expected(param, text, err);
    }
    char stamp[TIME_TEXT_SIZE];
    time_text_rfc3339(wall_ms, stamp);
    *out = json_new_text(str_c(stamp));
    return STATUS_OK;
}

static enum status parse_json(const struct rpc_param *param, struct str text, enum json_type type,
                              struct json **out, struct error *err)
{
    /* A file of connections may be larger than one request: run_import() cuts it up. */
    struct json_limits limits = {
        .bytes_max = WORLD_FILE_MAX, .depth_max = 32, .values_max = 10000000};
    CLEANUP(json_freep) struct json *json = NULL;
    if (json_parse(text, limits, &json, err) != STATUS_OK) {
        error_prefix(err, "%s: not JSON", param->name);
        return STATUS_INVALID;
    }
    if (json_type(json) != type)
        return error_set(err, STATUS_INVALID, "%s: expected %s, got %s", param->name,
                         json_type_text(type), json_type_text(json_type(json)));
    *out = TAKE_PTR(json);
    return STATUS_OK;
}

static struct json *split_texts(struct str text, struct str separators)
{
    struct json *array = json_new_array();
    struct str word;
    while (str_next_word(&text, separators, &word))
        json_append_text(array, word);
    return array;
}

static enum status unknown_member(const struct rpc_param *param, struct str name, struct error *err)
{
    struct suggest suggest = {.word = name};
    CLEANUP(buf_deinit) struct buf known = {0};
    for (const struct rpc_param *member = param->members; member->name != NULL; member++) {
        suggest_offer(&suggest, member->name);
        buf_printf(&known, "%s%s", known.len > 0 ? ", " : "", member->name);
    }
    const char *meant = suggest_best(&suggest);
    if (meant != NULL)
        return error_set(err, STATUS_INVALID,
                         "%s has no member \"" STR_FMT "\"; did you mean \"%s\"?", param->name,
                         STR_ARG(name), meant);
    return error_set(err, STATUS_INVALID, "%s has no member \"" STR_FMT "\"; it has %s",
                     param->name, STR_ARG(name), buf_c(&known));
}

/* One "name=value" of an object. Inside it ',' ends the pair, so that arrays are split at ';'. */
static enum status parse_pair(const struct rpc_param *param, struct str pair, int64_t now_ms,
                              struct json *object, struct error *err)
{
    size_t sign = str_find_byte(pair, '=');
    struct str name = str_trim(str_slice(pair, 0, sign));
    struct str text = str_slice(pair, sign + 1, pair.len);
    if (sign == pair.len || name.len == 0)
        return expected(param, pair, err);
    char key[RPC_PATH_MAX];
    str_copy_cut(name, key, sizeof(key));
    if (param->members == NULL) {
        json_set_text(object, key, text);
        return STATUS_OK;
    }
    const struct rpc_param *member = flag_param(param->members, name);
    if (member == NULL)
        return unknown_member(param, name, err);
    if (member->type == RPC_TYPE_TEXT_ARRAY) {
        value_merge(object, member->name, split_texts(text, STR("; ")));
        return STATUS_OK;
    }
    struct json *value = NULL;
    enum status status = value_parse(member, text, now_ms, &value, err);
    if (status == STATUS_OK)
        json_set(object, member->name, value);
    else
        error_prefix(err, "%s", param->name);
    return status;
}

static enum status parse_object(const struct rpc_param *param, struct str text, int64_t now_ms,
                                struct json **out, struct error *err)
{
    if (str_starts_with(str_trim(text), STR("{")))
        return parse_json(param, text, JSON_OBJECT, out, err);
    CLEANUP(json_freep) struct json *object = json_new_object();
    struct str pair;
    bool any = false;
    while (str_next_word(&text, STR(","), &pair)) {
        enum status status = parse_pair(param, pair, now_ms, object, err);
        if (status != STATUS_OK)
            return status;
        any = true;
    }
    if (!any)
        return expected(param, text, err);
    *out = TAKE_PTR(object);
    return STATUS_OK;
}

static enum status unknown_word(const struct rpc_param *param, struct str word, struct error *err)
{
    struct suggest suggest = {.word = word};
    CLEANUP(arena_deinit) struct arena words = {0};
    struct str rest = str_c(param->choices);
    struct str choice;
    while (str_next_word(&rest, STR("|"), &choice))
        suggest_offer(&suggest, arena_copy(&words, choice).data);
    const char *meant = suggest_best(&suggest);
    CLEANUP(buf_deinit) struct buf name = {0};
    flag_write_name(param, &name);
    if (meant != NULL)
        return error_set(err, STATUS_INVALID,
                         "%s: \"" STR_FMT "\" is none of its words; did you mean \"%s\"?",
                         buf_c(&name), STR_ARG(word), meant);
    return error_set(err, STATUS_INVALID,
                     "%s: \"" STR_FMT "\" is none of its words, which --help lists", buf_c(&name),
                     STR_ARG(word));
}

static enum status parse_texts(const struct rpc_param *param, struct str text, struct json **out,
                               struct error *err)
{
    CLEANUP(json_freep) struct json *texts = NULL;
    if (str_starts_with(str_trim(text), STR("["))) {
        enum status status = parse_json(param, text, JSON_ARRAY, &texts, err);
        if (status != STATUS_OK)
            return status;
    } else {
        texts = split_texts(text, STR(", \t\n"));
    }
    for (size_t i = 0; param->choices != NULL && i < json_count(texts); i++) {
        struct str word = json_text(json_at(texts, i));
        if (!is_choice(param, word))
            return unknown_word(param, word, err);
    }
    *out = TAKE_PTR(texts);
    return STATUS_OK;
}

enum status value_parse(const struct rpc_param *param, struct str text, int64_t now_ms,
                        struct json **out, struct error *err)
{
    switch (param->type) {
    case RPC_TYPE_TEXT:
    case RPC_TYPE_SECRET:
    case RPC_TYPE_ID:
        if (!str_is_utf8(text))
            return expected(param, text, err);
        *out = json_new_text(text);
        return STATUS_OK;
    case RPC_TYPE_ENUM:
        return parse_enum(param, text, out, err);
    case RPC_TYPE_INTEGER:
        return parse_integer(param, text, out, err);
    case RPC_TYPE_BOOLEAN:
        return parse_boolean(param, text, out, err);
    case RPC_TYPE_OBJECT:
        return parse_object(param, text, now_ms, out, err);
    case RPC_TYPE_TIME:
        return parse_time(param, text, now_ms, out, err);
    case RPC_TYPE_TEXT_ARRAY:
        return parse_texts(param, text, out, err);
    case RPC_TYPE_OBJECT_ARRAY:
        return parse_json(param, text, JSON_ARRAY, out, err);
    }
    return error_set(err, STATUS_INTERNAL, "%s: a type without a reader", param->name);
}

void value_merge(struct json *params, const char *name, struct json *take_value)
{
    CLEANUP(json_freep) struct json *value = take_value;
    const struct json *before = json_get(params, name);
    if (json_type(before) != json_type(value) ||
        (json_type(value) != JSON_ARRAY && json_type(value) != JSON_OBJECT)) {
        json_set(params, name, TAKE_PTR(value));
        return;
    }
    CLEANUP(json_freep) struct json *both = json_copy(before);
    for (size_t i = 0; json_type(value) == JSON_ARRAY && i < json_count(value); i++)
        json_append(both, json_copy(json_at(value, i)));
    size_t index = 0;
    struct str member;
    const struct json *child;
    while (json_type(value) == JSON_OBJECT && json_next_member(value, &index, &member, &child)) {
        CLEANUP(buf_deinit) struct buf key = {0};
        buf_append(&key, member);
        json_set(both, buf_c(&key), json_copy(child));
    }
    json_set(params, name, TAKE_PTR(both));
}

void value_expected(const struct rpc_param *param, struct buf *out)
{
    switch (param->type) {
    case RPC_TYPE_TEXT:
    case RPC_TYPE_SECRET:
        buf_append(out, STR("text in UTF-8"));
        return;
    case RPC_TYPE_ID:
        buf_append(out, STR("an id: 1 to 128 of A-Z a-z 0-9 . _ : @ -"));
        return;
    case RPC_TYPE_ENUM:
        buf_printf(out, "one of %s", param->choices);
        return;
    case RPC_TYPE_INTEGER:
        if (str_ends_with(str_c(param->name), STR("_s")))
            buf_append(out, STR("seconds or a span such as 5min, 2h, 1d"));
        else
            buf_append(out, STR("a whole number"));
        if (param->max == INT64_MAX)
            buf_printf(out, ", %" PRId64 " or more", param->min);
        else if (param->min < param->max)
            buf_printf(out, " from %" PRId64 " to %" PRId64, param->min, param->max);
        return;
    case RPC_TYPE_BOOLEAN:
        buf_append(out, STR("yes or no"));
        return;
    case RPC_TYPE_OBJECT:
        buf_append(out, flag_is_secret(param) ? STR("a JSON object")
                                              : STR("name=value,name=value or a JSON object"));
        return;
    case RPC_TYPE_TIME:
        buf_append(out, STR("a time such as 2026-11-23T02:03:04Z, +2h or -1d"));
        return;
    case RPC_TYPE_TEXT_ARRAY:
        buf_append(out, STR("words separated by commas or blanks, or a JSON array"));
        return;
    case RPC_TYPE_OBJECT_ARRAY:
        buf_append(out, STR("a JSON array of objects"));
        return;
    }
}
