#include "control/method.h"

#include "common/assert.h"
#include "common/encoding.h"
#include "control/access.h"
#include "control/discover.h"
#include "control/watch.h"

enum { SHOWN_METHOD_MAX = 64 };

static void fail_unknown(struct call *call, struct str name)
{
    CLEANUP(buf_deinit) struct buf message = {0};
    buf_append(&message, STR("no method \""));
    encoding_printable(name, SHOWN_METHOD_MAX, &message);
    buf_append(&message, STR("\"; \"rpc.discover\" describes those there are"));
    call_failure(call, (struct rpc_failure){.code = RPC_ERROR_METHOD, .message = buf_c(&message)});
}

/** Whom a call is about, as far as its parameters say so in the form of an id. */
static struct str subject_of(const struct json *params)
{
    static const char *const names[] = {"connection", "connector"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct str id = json_text(json_get(params, names[i]));
        if (rpc_is_id(id))
            return id;
    }
    return STR_NONE;
}

/** Each method's refusal is put on record once a session, so that nobody fills log and disk. */
static void record_denied(struct session *session, const struct rpc_method *method,
                          const struct method_request *request, struct now now)
{
    _Static_assert(RPC_METHOD_COUNT <= 64, "one bit for each method");
    uint64_t bit = UINT64_C(1) << (unsigned)method->id;
    if (session->denied & bit)
        return;
    session->denied |= bit;
    log_write(session->control->hooks.log, LOG_LEVEL_NOTICE, "control.denied",
              "a peer called a method that its roles do not allow",
              LOG_TEXT("method", str_c(method->name)), LOG_I64("uid", session->caller.uid),
              LOG_I64("gid", session->caller.gid), LOG_I64("pid", session->caller.pid));
    engine_audit(session->control->engine, method->id, &session->caller,
                 subject_of(request->params), str_c(rpc_code_text(RPC_CODE_FORBIDDEN)), now);
}

static void fail_forbidden(struct session *session, struct call *call,
                           const struct rpc_method *method, const struct method_request *request,
                           struct now now)
{
    record_denied(session, method, request, now);
    CLEANUP(buf_deinit) struct buf message = {0};
    buf_printf(&message, "\"%s\" needs the role ", method->name);
    access_roles_text(method->roles, " or ", &message);
    buf_printf(&message, "; uid %lld has ", (long long)session->caller.uid);
    access_roles_text(session->caller.roles, " and ", &message);

    const char *names[ACCESS_ROLE_NAMES_MAX];
    size_t count = access_role_names(method->roles, names);
    struct json *roles = json_new_array();
    for (size_t i = 0; i < count; i++)
        json_append_text(roles, str_c(names[i]));
    struct json *data = json_new_object();
    json_set(data, "roles", roles);
    call_failure(call, (struct rpc_failure){
                           .code = RPC_ERROR_REFRESHD,
                           .word = RPC_CODE_FORBIDDEN,
                           .message = buf_c(&message),
                           .data = data,
                       });
}

static void fail_params(struct call *call, const struct rpc_fault *fault)
{
    CLEANUP(buf_deinit) struct buf message = {0};
    bool whole = fault->path[0] == '\0';
    buf_printf(&message, "params%s%s: expected %s", whole ? "" : ".", fault->path, fault->expected);
    struct json *data = json_new_object();
    json_set_text(data, "path", str_c(fault->path));
    json_set_text(data, "expected", str_c(fault->expected));
    call_failure(call, (struct rpc_failure){
                           .code = RPC_ERROR_PARAMS,
                           .message = buf_c(&message),
                           .data = data,
                       });
}

/** Parameters that do not fit a call that would change something: that is put on record too. */
static void record_invalid(struct session *session, const struct rpc_method *method,
                           const struct method_request *request, struct now now)
{
    if (method->changes)
        engine_audit(session->control->engine, method->id, &session->caller,
                     subject_of(request->params), STR("invalid_params"), now);
}

static void reload(struct session *session, struct call *call, struct now now)
{
    const struct control_hooks *hooks = &session->control->hooks;
    CLEANUP(json_freep) struct json *fixed = json_new_array();
    struct error err = {0};
    enum status status = hooks->reload(hooks->ctx, fixed, &err);
    log_write(hooks->log, LOG_LEVEL_NOTICE, "control.reload",
              status == STATUS_OK ? "configuration and profiles read again"
                                  : "configuration and profiles stay as they were",
              LOG_I64("uid", session->caller.uid), LOG_I64("gid", session->caller.gid),
              LOG_I64("pid", session->caller.pid));
    engine_audit(session->control->engine, RPC_RELOAD, &session->caller, STR_NONE,
                 status == STATUS_OK ? STR("ok") : str_c(rpc_code_text(RPC_CODE_CHECK_FAILED)),
                 now);
    if (status != STATUS_OK) {
        call_fail(call, RPC_CODE_CHECK_FAILED, err.text);
        return;
    }
    struct json *result = json_new_object();
    json_set_bool(result, "reloaded", true);
    json_set(result, "needs_restart", TAKE_PTR(fixed));
    call_result(call, result);
}

static void watch(struct session *session, struct call *call, const struct method_request *request,
                  const struct json *params, struct now now)
{
    if (request->in_batch)
        call_failure(call, (struct rpc_failure){
                               .code = RPC_ERROR_REQUEST,
                               .message = "expected \"watch\" on a line of its own, not in a batch",
                           });
    else
        watch_start(session, call, params, now);
}

void method_call(struct session *session, struct call *call, const struct method_request *request,
                 struct now now)
{
    ASSERT(session->entered > 0);
    const struct rpc_method *method = rpc_method_find(request->name);
    if (method == NULL) {
        fail_unknown(call, request->name);
        return;
    }
    if (!(method->roles & (session->caller.roles | RPC_ROLE_ANYONE))) {
        fail_forbidden(session, call, method, request, now);
        return;
    }
    /* An empty array is what some clients send for "no parameters". */
    const struct json *params = request->params;
    if (json_type(params) == JSON_ARRAY && json_count(params) == 0)
        params = NULL;
    struct rpc_fault fault = {0};
    if (rpc_params_check(method, params, &fault) != STATUS_OK) {
        record_invalid(session, method, request, now);
        fail_params(call, &fault);
    } else if (method->id == RPC_DISCOVER)
        call_result(call, discover_document());
    else if (method->id == RPC_RELOAD)
        reload(session, call, now);
    else if (method->id == RPC_WATCH)
        watch(session, call, request, params, now);
    else
        engine_call(session->control->engine, method->id, params, &session->caller, call_sink(call),
                    now);
}
