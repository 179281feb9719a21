/* Parameters held against their rows. */
#include "common/rpc_methods.h"

#include "common/assert.h"
#include "common/encoding.h"
#include "common/time_text.h"

#include <stdio.h>
#include <string.h>

enum { ID_BYTES_MAX = 128, ELEMENT_BYTES_MAX = 1024, SHOWN_NAME_MAX = 64 };

/** A place in the parameters: the chain from here up to the top names it. */
struct place {
    const struct place *parent;
    struct str name; /* of a member; else an element */
    size_t index;
};

static void write_path(const struct place *place, struct buf *out)
{
    if (place == NULL)
        return;
    write_path(place->parent, out);
    if (!str_is_set(place->name)) {
        buf_printf(out, "[%zu]", place->index);
        return;
    }
    if (out->len > 0)
        buf_append_byte(out, '.');
    encoding_printable(place->name, SHOWN_NAME_MAX, out);
}

static enum status fault_at(struct rpc_fault *fault, const struct place *place, struct str expected)
{
    CLEANUP(buf_deinit) struct buf path = {0};
    write_path(place, &path);
    str_copy_cut(buf_str(&path), fault->path, sizeof(fault->path));
    str_copy_cut(expected, fault->expected, sizeof(fault->expected));
    return STATUS_INVALID;
}

static void write_range(const struct rpc_param *param, const char *unit, struct buf *out)
{
    if (param->max <= 0)
        return;
    buf_printf(out, " of %lld to %lld %s", (long long)param->min, (long long)param->max, unit);
}

static void write_choices(struct str choices, struct buf *out)
{
    buf_append(out, STR("one of"));
    struct str choice;
    for (bool first = true; str_next_word(&choices, STR("|"), &choice); first = false)
        buf_printf(out, "%s \"" STR_FMT "\"", first ? "" : ",", STR_ARG(choice));
}

static void write_expected(const struct rpc_param *param, struct buf *out)
{
    switch (param->type) {
    case RPC_TYPE_TEXT:
    case RPC_TYPE_SECRET:
        buf_append(out, STR("a string"));
        write_range(param, "bytes", out);
        return;
    case RPC_TYPE_ID:
        buf_printf(out, "an id: 1 to %d of A-Z a-z 0-9 . _ : @ -, not beginning with -",
                   ID_BYTES_MAX);
        return;
    case RPC_TYPE_ENUM:
        write_choices(str_c(param->choices), out);
        return;
    case RPC_TYPE_INTEGER:
        buf_append(out, STR("an integer"));
        if (param->max == INT64_MAX)
            buf_printf(out, " of %lld or more", (long long)param->min);
        else
            buf_printf(out, " from %lld to %lld", (long long)param->min, (long long)param->max);
        return;
    case RPC_TYPE_BOOLEAN:
        buf_append(out, STR("true or false"));
        return;
    case RPC_TYPE_OBJECT:
        buf_append(out, STR("an object"));
        return;
    case RPC_TYPE_TIME:
        buf_append(out, STR("an RFC 3339 time, \"2026-11-23T02:03:04Z\" say"));
        return;
    case RPC_TYPE_TEXT_ARRAY:
        buf_append(out, STR("an array"));
        write_range(param, "strings", out);
        return;
    case RPC_TYPE_OBJECT_ARRAY:
        buf_append(out, STR("an array"));
        write_range(param, "objects", out);
        return;
    }
}

static enum status fault_expected(struct rpc_fault *fault, const struct place *place,
                                  const struct rpc_param *param, bool is_missing)
{
    CLEANUP(buf_deinit) struct buf expected = {0};
    write_expected(param, &expected);
    if (is_missing)
        buf_append(&expected, STR("; it is required"));
    return fault_at(fault, place, buf_str(&expected));
}

bool rpc_is_id(struct str text)
{
    if (text.len == 0 || text.len > ID_BYTES_MAX || text.data[0] == '-')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool alnum = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alnum && str_find_byte(STR("._:@-"), c) == 5)
            return false;
    }
    return true;
}

static bool is_choice(struct str text, struct str choices)
{
    struct str choice;
    while (str_next_word(&choices, STR("|"), &choice)) {
        if (str_eq(text, choice))
            return true;
    }
    return false;
}

static bool is_in_range(const struct rpc_param *param, int64_t number)
{
    return number >= param->min && number <= param->max;
}

static bool has_length(const struct rpc_param *param, size_t len)
{
    return param->max <= 0 || is_in_range(param, (int64_t)len);
}

/** Type and range of the value itself, not of what is inside. */
static bool has_shape(const struct rpc_param *param, const struct json *value)
{
    struct str text = json_text(value);
    int64_t wall_ms;
    switch (param->type) {
    case RPC_TYPE_TEXT:
    case RPC_TYPE_SECRET:
        return str_is_set(text) && has_length(param, text.len);
    case RPC_TYPE_ID:
        return rpc_is_id(text);
    case RPC_TYPE_ENUM:
        return str_is_set(text) && is_choice(text, str_c(param->choices));
    case RPC_TYPE_INTEGER:
        return json_type(value) == JSON_INTEGER && is_in_range(param, json_i64(value, 0));
    case RPC_TYPE_BOOLEAN:
        return json_type(value) == JSON_BOOL;
    case RPC_TYPE_TIME:
        return time_text_parse_rfc3339(text, &wall_ms) == STATUS_OK;
    case RPC_TYPE_OBJECT:
        return json_type(value) == JSON_OBJECT;
    case RPC_TYPE_TEXT_ARRAY:
    case RPC_TYPE_OBJECT_ARRAY:
        return json_type(value) == JSON_ARRAY && has_length(param, json_count(value));
    }
    return false;
}

static enum status check_object(const struct rpc_param *members, const struct json *object,
                                const struct place *place, struct rpc_fault *fault);

static enum status check_element(const struct rpc_param *param, const struct json *element,
                                 const struct place *place, struct rpc_fault *fault)
{
    if (param->type == RPC_TYPE_OBJECT_ARRAY) {
        if (json_type(element) != JSON_OBJECT)
            return fault_at(fault, place, STR("an object"));
        return check_object(param->members, element, place, fault);
    }
    struct str text = json_text(element);
    if (text.len == 0 || text.len > ELEMENT_BYTES_MAX)
        return fault_at(fault, place, STR("a string of 1 to 1024 bytes"));
    if (param->choices == NULL || is_choice(text, str_c(param->choices)))
        return STATUS_OK;
    CLEANUP(buf_deinit) struct buf expected = {0};
    write_choices(str_c(param->choices), &expected);
    return fault_at(fault, place, buf_str(&expected));
}

static enum status check_value(const struct rpc_param *param, const struct json *value,
                               const struct place *place, struct rpc_fault *fault)
{
    if (!has_shape(param, value))
        return fault_expected(fault, place, param, false);
    if (param->type == RPC_TYPE_OBJECT)
        return check_object(param->members, value, place, fault);
    if (param->type != RPC_TYPE_TEXT_ARRAY && param->type != RPC_TYPE_OBJECT_ARRAY)
        return STATUS_OK;
    for (size_t i = 0; i < json_count(value); i++) {
        const struct place element = {.parent = place, .index = i};
        enum status status = check_element(param, json_at(value, i), &element, fault);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static const struct rpc_param *find_param(const struct rpc_param *members, struct str name)
{
    for (const struct rpc_param *param = members; param->name != NULL; param++) {
        if (str_eq(name, str_c(param->name)))
            return param;
    }
    return NULL;
}

static enum status fault_unknown(const struct rpc_param *members, const struct place *place,
                                 struct rpc_fault *fault)
{
    if (members->name == NULL)
        return fault_at(fault, place, STR("no parameters"));
    CLEANUP(buf_deinit) struct buf expected = {0};
    buf_append(&expected, STR("no such member, only"));
    for (const struct rpc_param *param = members; param->name != NULL; param++)
        buf_printf(&expected, "%s %s", param == members ? "" : ",", param->name);
    return fault_at(fault, place, buf_str(&expected));
}

/** @members NULL: any. A null stands for a member that is not there. */
static enum status check_object(const struct rpc_param *members, const struct json *object,
                                const struct place *place, struct rpc_fault *fault)
{
    if (members == NULL)
        return STATUS_OK;
    size_t index = 0;
    struct str name;
    const struct json *value;
    while (json_next_member(object, &index, &name, &value)) {
        const struct place here = {.parent = place, .name = name};
        const struct rpc_param *param = find_param(members, name);
        if (param == NULL)
            return fault_unknown(members, &here, fault);
        enum status status = value == NULL ? STATUS_OK : check_value(param, value, &here, fault);
        if (status != STATUS_OK)
            return status;
    }
    for (const struct rpc_param *param = members; param->name != NULL; param++) {
        const struct place here = {.parent = place, .name = str_c(param->name)};
        if (param->required && json_get(object, param->name) == NULL)
            return fault_expected(fault, &here, param, true);
    }
    return STATUS_OK;
}

enum status rpc_params_check(const struct rpc_method *method, const struct json *params,
                             struct rpc_fault *ret_fault)
{
    ASSERT(method != NULL && ret_fault != NULL);
    if (params != NULL && json_type(params) != JSON_OBJECT)
        return fault_at(ret_fault, NULL, STR("an object: parameters go by name"));
    return check_object(method->params, params, NULL, ret_fault);
}

const char *rpc_code_text(enum rpc_code code)
{
    static const char *const words[RPC_CODE_COUNT] = {
        [RPC_CODE_UNKNOWN_CONNECTOR] = "unknown_connector",
        [RPC_CODE_UNKNOWN_CONNECTION] = "unknown_connection",
        [RPC_CODE_NEEDS_RECONNECT] = "needs_reconnect",
        [RPC_CODE_BLOCKED] = "blocked",
        [RPC_CODE_NOT_CONNECTED] = "not_connected",
        [RPC_CODE_TOKEN_EXPIRED] = "token_expired",
        [RPC_CODE_HELD] = "held",
        [RPC_CODE_EXISTS] = "exists",
        [RPC_CODE_INVALID_OWNER] = "invalid_owner",
        [RPC_CODE_ACCOUNT_MISMATCH] = "account_mismatch",
        [RPC_CODE_ACCOUNT_REQUIRED] = "account_required",
        [RPC_CODE_PERSONAL_CONNECTION] = "personal_connection",
        [RPC_CODE_FORBIDDEN] = "forbidden",
        [RPC_CODE_CONFLICT] = "conflict",
        [RPC_CODE_BUSY] = "busy",
        [RPC_CODE_TOO_MANY] = "too_many",
        [RPC_CODE_TOO_LARGE] = "too_large",
        [RPC_CODE_GONE] = "gone",
        [RPC_CODE_PROVIDER_UNAVAILABLE] = "provider_unavailable",
        [RPC_CODE_CHECK_FAILED] = "check_failed",
        [RPC_CODE_INVALID_STATE] = "invalid_state",
        [RPC_CODE_STORE_UNAVAILABLE] = "store_unavailable",
    };
    ASSERT((unsigned)code < RPC_CODE_COUNT);
    return words[code];
}
