#include "ctl/import.h"

#include <stdio.h>

bool import_is_list(const struct rpc_method *method, const struct json *params)
{
    return method->id == RPC_IMPORT && json_type(json_get(params, "connections")) == JSON_ARRAY;
}

/* The parameters, but for a list with these connections alone. */
static struct json *without_list(const struct json *params, struct json *take_list)
{
    struct json *part = json_copy(params);
    json_set(part, "connections", take_list);
    return part;
}

static enum status check_one(const struct rpc_method *method, const struct json *connection,
                             size_t index, struct rpc_fault *ret_fault)
{
    struct json *list = json_new_array();
    json_append(list, json_copy(connection));
    CLEANUP(json_freep) struct json *alone = json_new_object();
    json_set(alone, "connections", list);
    enum status status = rpc_params_check(method, alone, ret_fault);
    struct str rest = str_c(ret_fault->path);
    if (status == STATUS_OK || !str_starts_with(rest, STR("connections[0]")))
        return status;
    struct rpc_fault fault = *ret_fault;
    snprintf(ret_fault->path, sizeof(ret_fault->path), "connections[%zu]%.120s", index,
             fault.path + STR("connections[0]").len);
    return status;
}

enum status import_check(const struct rpc_method *method, const struct json *params,
                         struct rpc_fault *ret_fault)
{
    const struct json *list = json_get(params, "connections");
    if (!import_is_list(method, params) || json_count(list) == 0)
        return rpc_params_check(method, params, ret_fault);
    for (size_t i = 0; i < json_count(list); i++) {
        enum status status = check_one(method, json_at(list, i), i, ret_fault);
        if (status != STATUS_OK)
            return status;
    }
    struct json *first = json_new_array();
    json_append(first, json_copy(json_at(list, 0)));
    CLEANUP(json_freep) struct json *part = without_list(params, first);
    return rpc_params_check(method, part, ret_fault);
}

bool import_next(const struct json *params, size_t *position, struct json **out)
{
    const struct json *list = json_get(params, "connections");
    if (*position >= json_count(list))
        return false;
    struct json *part = json_new_array();
    CLEANUP(buf_deinit) struct buf bytes = {.secret = true};
    size_t total = 0;
    while (*position < json_count(list) && json_count(part) < IMPORT_PART_MAX) {
        buf_clear(&bytes);
        json_write(json_at(list, *position), &bytes);
        total += bytes.len + 1;
        /* One that is too large alone is sent alone: the daemon says so. */
        if (total > IMPORT_PART_BYTES && json_count(part) > 0)
            break;
        json_append(part, json_copy(json_at(list, *position)));
        (*position)++;
    }
    struct json *params_part = json_new_object();
    json_set(params_part, "connections", part);
    *out = params_part;
    return true;
}

void import_join(struct json *all, const struct json *result)
{
    const struct json *results = json_get(result, "results");
    for (size_t i = 0; i < json_count(results); i++)
        json_append(all, json_copy(json_at(results, i)));
}

size_t import_failures(const struct json *results)
{
    size_t failures = 0;
    for (size_t i = 0; i < json_count(results); i++) {
        if (json_get(json_at(results, i), "error") != NULL)
            failures++;
    }
    return failures;
}
