#include "control/request.h"

#include "common/assert.h"
#include "control/answer.h"
#include "control/call.h"
#include "control/method.h"

/** One member of a batch, or a whole line, read as JSON-RPC 2.0 §4 wants it. */
struct request {
    const struct json *id; /* borrowed, as all here; NULL is null */
    bool is_answered;      /* false: a notification */
    struct str method;
    const struct json *params;
    const char *fault; /* why it is none; NULL: it is one */
};

static bool is_id(const struct json *id)
{
    enum json_type type = json_type(id);
    if (type == JSON_TEXT)
        return json_text(id).len <= CONTROL_ID_BYTES_MAX;
    return type == JSON_NULL || type == JSON_INTEGER || type == JSON_NUMBER;
}

static const char *find_fault(const struct json *request)
{
    const struct json *params = json_get(request, "params");
    if (!str_eq(json_text(json_get(request, "jsonrpc")), STR("2.0")))
        return "expected the member \"jsonrpc\" to be \"2.0\"";
    if (json_type(json_get(request, "method")) != JSON_TEXT)
        return "expected the member \"method\" to be a string";
    if (json_has(request, "params") && json_type(params) != JSON_OBJECT &&
        json_type(params) != JSON_ARRAY)
        return "expected the member \"params\" to be an object, or to be left out";
    return NULL;
}

static struct request read_request(const struct json *json)
{
    struct request request = {.is_answered = true};
    if (json_type(json) != JSON_OBJECT) {
        request.fault = "expected a request object, or an array of them";
        return request;
    }
    if (!is_id(json_get(json, "id"))) {
        request.fault = "expected the member \"id\" to be a string of at most 1024 bytes, a "
                        "number or null";
        return request;
    }
    request.id = json_get(json, "id");
    request.fault = find_fault(json);
    if (request.fault != NULL)
        return request; /* answered even without an id: it is no notification either */
    request.is_answered = json_has(json, "id");
    request.method = json_text(json_get(json, "method"));
    request.params = json_get(json, "params");
    return request;
}

static void take_request(struct session *session, struct batch *batch,
                         const struct request *request, struct now now)
{
    struct call *call = call_new(session, batch, request->id, request->is_answered);
    if (request->fault != NULL) {
        call_failure(call,
                     (struct rpc_failure){.code = RPC_ERROR_REQUEST, .message = request->fault});
        return;
    }
    method_call(session, call,
                &(struct method_request){
                    .name = request->method,
                    .params = request->params,
                    .in_batch = batch != NULL,
                },
                now);
}

/** Past the limit nothing of the line is carried out. */
static bool has_room(const struct session *session, size_t requests)
{
    return requests <= CONTROL_REQUESTS_IN_FLIGHT_MAX - session->call_count;
}

static void refuse_flood(struct session *session, const struct json *id)
{
    session_refuse(session, id,
                   &(struct rpc_failure){
                       .code = RPC_ERROR_REFRESHD,
                       .word = RPC_CODE_TOO_MANY,
                       .message = "at most 64 requests of one connection may be under way; closing",
                   });
}

static void take_batch(struct session *session, const struct json *array, struct now now)
{
    size_t count = json_count(array);
    if (count > CONTROL_BATCH_MAX || !has_room(session, count)) {
        refuse_flood(session, NULL);
        return;
    }
    struct batch *batch = batch_new();
    for (size_t i = 0; i < count; i++) {
        const struct request request = read_request(json_at(array, i));
        take_request(session, batch, &request, now);
    }
    batch_close(batch, session);
}

static void take_single(struct session *session, const struct json *json, struct now now)
{
    struct request request = read_request(json);
    if (json_type(json) == JSON_ARRAY)
        request.fault = "expected a batch of at least one request";
    if (!has_room(session, 1))
        refuse_flood(session, request.id);
    else
        take_request(session, NULL, &request, now);
}

/** No JSON: the line ends where it ends, so that the next one can be read. Past a limit the
 * connection is closed. */
static void refuse_text(struct session *session, enum json_fault fault, const struct error *err)
{
    if (fault == JSON_FAULT_TOO_DEEP || fault == JSON_FAULT_TOO_LARGE) {
        session_refuse(session, NULL,
                       &(struct rpc_failure){
                           .code = RPC_ERROR_REFRESHD,
                           .word = RPC_CODE_TOO_LARGE,
                           .message = err->text,
                       });
        return;
    }
    CLEANUP(buf_deinit) struct buf line = {0};
    answer_failure(&line, NULL,
                   &(struct rpc_failure){.code = RPC_ERROR_PARSE, .message = err->text});
    buf_append_byte(&line, '\n');
    session_write(session, buf_str(&line));
}

void request_take_line(struct session *session, struct str line, struct now now)
{
    ASSERT(session->entered > 0);
    CLEANUP(json_freep) struct json *json = NULL;
    enum json_fault fault = JSON_FAULT_NONE;
    struct error err = {0};
    if (json_parse_fault(line, JSON_LIMITS_DEFAULT, &json, &fault, &err) != STATUS_OK)
        refuse_text(session, fault, &err);
    else if (json_type(json) == JSON_ARRAY && json_count(json) > 0)
        take_batch(session, json, now);
    else
        take_single(session, json, now);
}
