#include "control/discover.h"

#include "common/assert.h"
#include "common/rpc_methods.h"
#include "control/access.h"
#include "control/schema.h"

#include <stdio.h>

#define OPENRPC_VERSION "1.2.6" /* the newest that every published meta schema takes */

enum { REF_MAX = 80 };

/** What every result of the method has; NULL: it varies, or is documented in docs/protocol.md. */
static const char *result_members(enum rpc_method_id id)
{
    static const char *const members[RPC_METHOD_COUNT] = {
        [RPC_ROTATE] = "credential_version checked connections",
        [RPC_RESCOPE] = "scopes_version added removed affected",
        [RPC_LIST_CONNECTORS] = "items next_cursor",
        [RPC_CONFIRM] = "connector held",
        [RPC_CLEAR] = "connector held",
        [RPC_TOKEN] = "access_token token_type expires_at scopes",
        [RPC_REFRESH] = "outcome connection",
        [RPC_REPORT] = "verdict",
        [RPC_LIST_CONNECTIONS] = "items next_cursor",
        [RPC_LIST_EVENTS] = "items next_cursor",
        [RPC_WATCH] = "watching last",
        [RPC_METRICS] = "content_type text",
        [RPC_RELOAD] = "reloaded needs_restart",
        [RPC_LIST_AUDIT] = "items next_cursor",
        [RPC_DISCOVER] = "openrpc info methods",
    };
    return members[id];
}

/** Errors that a method may give beyond those its parameters tell of. */
static const char *further_errors(enum rpc_method_id id)
{
    static const char *const words[RPC_METHOD_COUNT] = {
        [RPC_REGISTER] = "exists conflict",
        [RPC_UNREGISTER] = "conflict exists",
        [RPC_ROTATE] = "check_failed conflict",
        [RPC_RESCOPE] = "conflict",
        [RPC_IMPORT] = "exists conflict account_mismatch account_required not_connected "
                       "personal_connection",
        [RPC_AUTHORIZE] = "exists conflict not_connected personal_connection too_many",
        [RPC_COMPLETE] = "invalid_state check_failed provider_unavailable account_mismatch "
                         "account_required personal_connection unknown_connector "
                         "unknown_connection exists conflict not_connected invalid_owner",
        [RPC_TOKEN] = "needs_reconnect blocked not_connected token_expired held busy "
                      "provider_unavailable",
        [RPC_REFRESH] = "needs_reconnect blocked not_connected token_expired held busy",
        [RPC_REPORT] = "not_connected held busy conflict",
        [RPC_DISCONNECT] = "conflict invalid_owner personal_connection",
        [RPC_ATTACH] = "conflict exists invalid_owner",
        [RPC_CONFIRM] = "conflict",
        [RPC_CLEAR] = "conflict",
        [RPC_LIST_EVENTS] = "gone",
        [RPC_WATCH] = "gone too_many busy",
        [RPC_RELOAD] = "check_failed",
    };
    return words[id] != NULL ? words[id] : "";
}

static bool has_param(const struct rpc_method *method, const char *name)
{
    for (const struct rpc_param *param = method->params; param->name != NULL; param++) {
        if (str_eq(str_c(param->name), str_c(name)))
            return true;
    }
    return false;
}

/* Errors. */

static void add_error_ref(struct json *errors, struct str word)
{
    char ref[REF_MAX];
    snprintf(ref, sizeof(ref), "#/components/errors/" STR_FMT, STR_ARG(word));
    struct json *error = json_new_object();
    json_set_text(error, "$ref", str_c(ref));
    json_append(errors, error);
}

static struct json *method_errors(const struct rpc_method *method)
{
    struct json *errors = json_new_array();
    add_error_ref(errors, STR("invalid_params"));
    if (!(method->roles & RPC_ROLE_ANYONE))
        add_error_ref(errors, STR("forbidden"));
    if (has_param(method, "connector") && method->id != RPC_REGISTER)
        add_error_ref(errors, STR("unknown_connector"));
    if (has_param(method, "connection"))
        add_error_ref(errors, STR("unknown_connection"));
    if (has_param(method, "owner"))
        add_error_ref(errors, STR("invalid_owner"));
    if (method->id != RPC_DISCOVER && method->id != RPC_RELOAD)
        add_error_ref(errors, STR("store_unavailable"));
    struct str rest = str_c(further_errors(method->id));
    struct str word;
    while (str_next_word(&rest, STR(" "), &word))
        add_error_ref(errors, word);
    return errors;
}

static struct json *error_object(int code, const char *message, const char *data_name,
                                 const char *data_value)
{
    struct json *data = json_new_object();
    json_set_text(data, data_name, str_c(data_value));
    struct json *error = json_new_object();
    json_set_i64(error, "code", code);
    json_set_text(error, "message", str_c(message));
    json_set(error, "data", data);
    return error;
}

static struct json *all_errors(void)
{
    struct json *invalid = error_object(RPC_ERROR_PARAMS, "a parameter does not fit", "path",
                                        "where: tokens.expires_in");
    struct json *errors = json_new_object();
    json_set(errors, "invalid_params", invalid);
    for (int code = 0; code < RPC_CODE_COUNT; code++) {
        const char *word = rpc_code_text((enum rpc_code)code);
        json_set(errors, word, error_object(RPC_ERROR_REFRESHD, word, "code", word));
    }
    return errors;
}

/* Methods. */

static struct json *content_descriptor(const char *name, struct json *take_schema)
{
    struct json *content = json_new_object();
    json_set_text(content, "name", str_c(name));
    json_set(content, "schema", take_schema);
    return content;
}

static struct json *method_params(const struct rpc_method *method)
{
    struct json *params = json_new_array();
    for (const struct rpc_param *param = method->params; param->name != NULL; param++) {
        struct json *content = content_descriptor(param->name, schema_of_param(param));
        if (param->help != NULL)
            json_set_text(content, "description", str_c(param->help));
        json_set_bool(content, "required", param->required);
        json_append(params, content);
    }
    return params;
}

static struct json *method_roles(const struct rpc_method *method)
{
    const char *names[ACCESS_ROLE_NAMES_MAX];
    size_t count = access_role_names(method->roles, names);
    struct json *roles = json_new_array();
    for (size_t i = 0; i < count; i++)
        json_append_text(roles, str_c(names[i]));
    return roles;
}

static struct json *method_object(const struct rpc_method *method)
{
    struct json *result =
        content_descriptor("result", schema_of_result(result_members(method->id), method->result));
    json_set_text(result, "description", str_c(method->result));
    struct json *object = json_new_object();
    json_set_text(object, "name", str_c(method->name));
    json_set_text(object, "summary", str_c(method->summary));
    json_set_text(object, "paramStructure", STR("by-name"));
    json_set(object, "params", method_params(method));
    json_set(object, "result", result);
    json_set(object, "errors", method_errors(method));
    json_set(object, "x-roles", method_roles(method));
    json_set_bool(object, "x-changes", method->changes);
    return object;
}

static struct json *all_methods(void)
{
    struct json *methods = json_new_array();
    for (int id = 0; id < RPC_METHOD_COUNT; id++)
        json_append(methods, method_object(rpc_method_at((enum rpc_method_id)id)));
    return methods;
}

/* The document. */

static struct json *info(void)
{
    struct json *license = json_new_object();
    json_set_text(license, "name", STR("Apache-2.0"));
    struct json *info = json_new_object();
    json_set_text(info, "title", STR("refreshd"));
    json_set_text(info, "version", STR(REFRESHD_VERSION));
    json_set_text(
        info, "description",
        STR("Keeps OAuth 2.0 connections alive. JSON-RPC 2.0, one object or batch a line, "
            "over a Unix stream socket."));
    json_set(info, "license", license);
    return info;
}

static struct json *notifications(void)
{
    struct json *event = json_new_object();
    json_set_text(event, "name", STR("event"));
    json_set_text(event, "description",
                  STR("params is a CloudEvents 1.0 object; pushed where \"watch\" was called"));
    struct json *notifications = json_new_array();
    json_append(notifications, event);
    return notifications;
}

struct json *discover_document(void)
{
    struct json *components = json_new_object();
    json_set(components, "errors", all_errors());
    struct json *document = json_new_object();
    json_set_text(document, "openrpc", STR(OPENRPC_VERSION));
    json_set(document, "info", info());
    json_set(document, "methods", all_methods());
    json_set(document, "components", components);
    json_set(document, "x-notifications", notifications());
    return document;
}
