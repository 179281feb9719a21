#include "engine/op.h"

#include "common/assert.h"
#include "common/memory.h"
#include "engine/audit.h"
#include "engine/outbox.h"
#include "engine/schedule.h"
#include "engine/view.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OP_MESSAGE_MAX = ERROR_TEXT_MAX };

struct op *op_new(struct engine *engine, enum rpc_method_id method, const struct json *params,
                  const struct caller *caller, struct reply_sink sink)
{
    struct op *op = memory_new(sizeof(*op));
    op->engine = engine;
    op->method = method;
    op->params = params != NULL ? json_copy(params) : json_new_object();
    op->caller = *caller;
    op->sink = sink;
    engine->ops++;
    return op;
}

static void op_free(struct op *op)
{
    op->engine->ops--;
    if (op->entry != NULL)
        catalog_unref(op->entry);
    store_read_free(op->read);
    store_write_free(op->write);
    json_free(op->params);
    secret_free(op->secret);
    arena_deinit(&op->arena);
    free(op);
}

/* ---- steps ---- */

static void on_read(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct op *op = read->user;
    store_read_free(op->read);
    op->read = read;
    op->next(op, now);
}

void op_read(struct op *op, struct store_read *read, op_step *next)
{
    op->next = next;
    read->user = op;
    read->completion.resume = on_read;
    op->engine->store.read(op->engine->store.ctx, read);
}

static void on_written(struct completion *completion, struct now now)
{
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct op *op = write->user;
    store_write_free(op->write);
    op->write = write;
    /* What may have been written is looked for as well: nobody else would. */
    if (write->status == STATUS_OK || write->status == STATUS_UNCERTAIN)
        outbox_kick(op->engine, now);
    op->next(op, now);
}

void op_write(struct op *op, struct store_write *write, op_step *next)
{
    for (size_t i = 0; i < write->op_count; i++) {
        if (write->ops[i].kind == STORE_OP_PUT_CONNECTION)
            schedule_overtake(op->engine, write->ops[i].connection->id);
    }
    op->next = next;
    write->user = op;
    write->completion.resume = on_written;
    op->engine->store.write(op->engine->store.ctx, write);
}

/* ---- ends ---- */

void op_result(struct op *op, struct json *take_result, struct now now)
{
    (void)now;
    if (str_is_set(op->audited)) {
        const struct audit_what what = {
            .method = op->method, .subject = op->audited, .outcome = STR("ok")};
        audit_log(op->engine, &op->caller, &what, rpc_method_at(op->method)->name);
    }
    op->sink.result(op->sink.ctx, take_result);
    op_free(op);
}

/* Whom a call that failed was about, as far as it is known. */
static struct str subject_of(const struct op *op)
{
    if (str_is_set(op->audited))
        return op->audited;
    struct str connection = op_text(op, "connection");
    return str_is_set(connection) ? connection : op_text(op, "connector");
}

static void op_end(struct op *op, struct rpc_failure failure)
{
    if (rpc_method_at(op->method)->changes) {
        const struct audit_what what = {
            .method = op->method,
            .subject = subject_of(op),
            .outcome = failure.code == RPC_ERROR_REFRESHD ? str_c(rpc_code_text(failure.word))
                                                          : STR("invalid_params"),
        };
        audit_log(op->engine, &op->caller, &what, failure.message);
        audit_write_refused(op->engine, &op->caller, &what, op->engine->now);
    }
    op->sink.failure(op->sink.ctx, failure);
    op_free(op);
}

void op_fail_data(struct op *op, enum rpc_code word, struct json *take_data, const char *format,
                  ...)
{
    char message[OP_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    op_end(op,
           (struct rpc_failure){
               .code = RPC_ERROR_REFRESHD, .word = word, .message = message, .data = take_data});
}

void op_fail(struct op *op, enum rpc_code word, const char *format, ...)
{
    char message[OP_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    op_end(op, (struct rpc_failure){.code = RPC_ERROR_REFRESHD, .word = word, .message = message});
}

void op_fail_params(struct op *op, const char *path, const char *format, ...)
{
    char expected[OP_MESSAGE_MAX];
    char message[OP_MESSAGE_MAX + 64];
    va_list args;
    va_start(args, format);
    vsnprintf(expected, sizeof(expected), format, args);
    va_end(args);
    snprintf(message, sizeof(message), "%s: expected %s", path, expected);
    struct json *data = json_new_object();
    json_set_text(data, "path", str_c(path));
    json_set_text(data, "expected", str_c(expected));
    op_end(op, (struct rpc_failure){.code = RPC_ERROR_PARAMS, .message = message, .data = data});
}

void op_fail_params_as(struct op *op, const struct error *err)
{
    static const char between[] = ": expected ";
    char path[64] = "params";
    const char *expected = err->text;
    const char *found = strstr(err->text, between);
    if (found != NULL) {
        str_copy_cut(str_slice(str_c(err->text), 0, (size_t)(found - err->text)), path,
                     sizeof(path));
        expected = found + strlen(between);
    }
    op_fail_params(op, path, "%s", expected);
}

void op_fail_store(struct op *op, const struct error *err)
{
    op_fail(op, RPC_CODE_STORE_UNAVAILABLE, "the store can't do this now: %s", err->text);
}

void op_fail_state(struct op *op, const struct connection *connection)
{
    const struct connector *connector = &op->entry->connector;
    enum reason blocked = connector_blocked_reason(connector);
    enum connection_state state = connection_state_of(connection, blocked);
    if (state == STATE_PENDING || state == STATE_DISCONNECTED) {
        op_fail(op, RPC_CODE_NOT_CONNECTED, "connection " STR_FMT " is %s", STR_ARG(connection->id),
                connection_state_text(state));
        return;
    }
    enum reason reason = connection_reason_of(connection, blocked);
    struct json *data = json_new_object();
    json_set_text(data, "class", str_c(reason_class_text(reason_class_of(reason))));
    json_set_text(data, "reason", str_c(reason_text(reason)));
    json_set_text(data, "detail", str_is_empty(connection->detail) ? STR_NONE : connection->detail);
    json_set(data, "remedy", view_remedy(reason, connector, connection));
    bool is_blocked = state == STATE_BLOCKED;
    op_fail_data(op, is_blocked ? RPC_CODE_BLOCKED : RPC_CODE_NEEDS_RECONNECT, data,
                 is_blocked ? "connector of " STR_FMT " is blocked: %s"
                            : "connection " STR_FMT " needs a reconnect: %s",
                 STR_ARG(connection->id), reason_text(reason));
}

void op_wait(struct op *op, struct now now)
{
    heap_push(&op->engine->op_retries, &op->retry, now.ms);
}

struct confirmation {
    const struct connection *written;
    op_step *done;
};

/* By what it says, not by its version: another write may have made that. A refresh since may have
 * replaced the token, which makes a later version still and keeps the time of the grant. */
static bool is_stored_as_written(const struct connection *stored, const struct connection *written)
{
    if (stored->generation != written->generation || stored->phase != written->phase ||
        !str_eq(stored->owner.apps, written->owner.apps))
        return false;
    if (str_eq(stored->sealed_access, written->sealed_access))
        return true;
    bool is_same_token = !str_is_empty(written->refresh_print) &&
                         str_eq(stored->refresh_print, written->refresh_print);
    return is_same_token || (stored->requested_ms == written->requested_ms &&
                             stored->version > written->version + 1);
}

static void read_confirmation(struct op *op, struct now now);

static void on_confirmation(struct op *op, struct now now)
{
    const struct confirmation *wanted = op->confirmation;
    const struct store_read *read = op->read;
    if (read->status != STATUS_OK) { /* to say anything now would be a guess */
        op->after_wait = read_confirmation;
        heap_push(&op->engine->op_retries, &op->retry, now.ms + OP_RETRY_MAX_MS);
        return;
    }
    const struct connection *stored = read->connection_count > 0 ? &read->connections[0] : NULL;
    if (stored != NULL && is_stored_as_written(stored, wanted->written))
        wanted->done(op, now);
    else if (stored != NULL && stored->generation > wanted->written->generation)
        op_fail(op, RPC_CODE_CONFLICT, "it was connected anew meanwhile: try again");
    else
        op_again(op, now);
}

static void read_confirmation(struct op *op, struct now now)
{
    (void)now;
    op_read_connection_of(op, op->confirmation->written->id, on_confirmation);
}

void op_confirm(struct op *op, const struct connection *written, op_step *done)
{
    struct confirmation *wanted = arena_alloc(&op->arena, sizeof(*wanted));
    *wanted = (struct confirmation){.written = written, .done = done};
    op->confirmation = wanted;
    read_confirmation(op, (struct now){0});
}

void op_again(struct op *op, struct now now)
{
    if (++op->tries >= OP_TRIES_MAX) {
        op_fail(op, RPC_CODE_CONFLICT, "it was changed meanwhile, again and again: try later");
        return;
    }
    int64_t wait_ms = MIN_OF((int64_t)OP_RETRY_MS << MIN_OF(op->tries - 1, 10), OP_RETRY_MAX_MS);
    heap_push(&op->engine->op_retries, &op->retry, now.ms + wait_ms);
}

void op_turn(struct engine *engine, struct now now)
{
    struct heap_node *top;
    while ((top = heap_top(&engine->op_retries)) != NULL && top->key <= now.ms) {
        heap_remove(&engine->op_retries, top);
        struct op *op = CONTAINER_OF(top, struct op, retry);
        op_step *step = op->after_wait != NULL ? op->after_wait : op->begin;
        op->after_wait = NULL;
        step(op, now);
    }
}

int64_t op_next_ms(const struct engine *engine)
{
    const struct heap_node *top = heap_top(&engine->op_retries);
    return top != NULL ? top->key : INT64_MAX;
}

/* ---- what methods need ---- */

bool op_check_one_secret(struct op *op)
{
    if (json_get(op->params, "client_secret") == NULL ||
        json_get(op->params, "private_key") == NULL)
        return true;
    op_fail_params(op, "client_secret", "either client_secret or private_key, not both");
    return false;
}

struct str op_text(const struct op *op, const char *name)
{
    return json_text(json_get(op->params, name));
}

bool op_bool(const struct op *op, const char *name, bool fallback)
{
    return json_bool(json_get(op->params, name), fallback);
}

bool op_take_entry_named(struct op *op, struct str id)
{
    struct catalog_entry *entry = catalog_find(op->engine, id);
    if (entry == NULL) {
        op_fail(op, RPC_CODE_UNKNOWN_CONNECTOR, "there is no connector \"" STR_FMT "\"",
                STR_ARG(id));
        return false;
    }
    if (op->entry != NULL)
        catalog_unref(op->entry);
    op->entry = entry;
    catalog_ref(entry);
    return true;
}

bool op_take_entry(struct op *op)
{
    return op_take_entry_named(op, op_text(op, "connector"));
}

bool op_take_entry_of(struct op *op, const struct connection *connection)
{
    return op_take_entry_named(op, connection->connector);
}

static struct audit_what audited(struct op *op, struct str subject, const struct json *detail,
                                 struct buf *text)
{
    if (detail != NULL)
        json_write(detail, text);
    op->audited = arena_copy(&op->arena, subject);
    return (struct audit_what){
        .method = op->method, .subject = subject, .outcome = STR("ok"), .detail = buf_str(text)};
}

void op_audit(struct op *op, struct store_write *write, struct str subject,
              const struct json *detail, struct now now)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    const struct audit_what what = audited(op, subject, detail, &text);
    const struct audit_entry entry = audit_entry_of(&op->caller, &what, now);
    store_write_append_audit(write, &entry);
}

void op_audit_alone(struct op *op, struct str subject, const struct json *detail, struct now now)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    const struct audit_what what = audited(op, subject, detail, &text);
    audit_write(op->engine, &op->caller, &what, now);
}

void op_read_connection_of(struct op *op, struct str id, op_step *next)
{
    struct store_read *read = store_read_new(STORE_READ_CONNECTIONS);
    read->ids = arena_alloc(&read->arena, sizeof(*read->ids));
    read->ids[0] = arena_copy(&read->arena, id);
    read->id_count = 1;
    op_read(op, read, next);
}

void op_read_connection(struct op *op, op_step *next)
{
    op_read_connection_of(op, op_text(op, "connection"), next);
}

const struct connection *op_connection(struct op *op)
{
    if (op->read->status != STATUS_OK) {
        op_fail_store(op, &op->read->error);
        return NULL;
    }
    if (op->read->connection_count == 0) {
        struct str id = op_text(op, "connection");
        if (str_is_set(id))
            op_fail(op, RPC_CODE_UNKNOWN_CONNECTION, "there is no connection \"" STR_FMT "\"",
                    STR_ARG(id));
        else
            op_fail(op, RPC_CODE_UNKNOWN_CONNECTION, "this owner has no connection");
        return NULL;
    }
    return &op->read->connections[0];
}
