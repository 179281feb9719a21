/* confirm, clear: an operator ends what the mass-failure guard holds of a connector. */
#include "engine/calls.h"
#include "engine/guard.h"

struct guard_call {
    enum guard_action action;
    int64_t count; /* verdicts that it concerns, as far as they were counted */
};

static void finish(struct op *op, int64_t held, struct now now)
{
    struct json *result = json_new_object();
    json_set_text(result, "connector", op->entry->connector.id);
    json_set_i64(result, "held", held);
    op_result(op, result, now);
}

static void on_decided(void *user, enum status status, const struct error *err, struct now now)
{
    struct op *op = user;
    const struct guard_call *call = op->extra;
    if (status == STATUS_OK)
        finish(op, call->count, now);
    else
        op_fail_store(op, err);
}

static void on_counted(struct op *op, struct now now)
{
    struct guard_call *call = op->extra;
    if (op->read->status != STATUS_OK) {
        op_fail_store(op, &op->read->error);
        return;
    }
    call->count = (int64_t)op->read->connection_count;
    if (guard_hold_of(op->engine, op->entry) == NULL) {
        finish(op, 0, now); /* nothing is held: it is as it was wanted */
        return;
    }
    if (op->entry->gone || guard_is_busy(op->engine)) {
        op_again(op, now);
        return;
    }
    struct store_write *write = store_write_new(now.ms);
    CLEANUP(json_freep) struct json *detail = json_new_object();
    json_set_i64(detail, "held", call->count);
    op_audit(op, write, op->entry->connector.id, detail, now);
    guard_decide(op->engine, op->entry, call->action, write, on_decided, op, now);
}

static void begin(struct op *op, enum guard_action action)
{
    if (!op_take_entry(op))
        return;
    endpoint_of(op->engine, op->entry);
    struct guard_call *call = arena_alloc(&op->arena, sizeof(*call));
    *call = (struct guard_call){.action = action};
    op->extra = call;
    struct store_read *read = store_read_new(STORE_READ_CONNECTION_PAGE);
    read->filter = (struct connection_filter){
        .connector = arena_copy(&read->arena, op->entry->connector.id),
        .state = -1,
        .reason = -1,
        .has_verdict = true,
    };
    read->limit = STORE_READ_LIMIT_DEFAULT;
    op_read(op, read, on_counted);
}

void call_confirm(struct op *op, struct now now)
{
    (void)now;
    begin(op, GUARD_ACTION_CONFIRM);
}

void call_clear(struct op *op, struct now now)
{
    (void)now;
    begin(op, GUARD_ACTION_CLEAR);
}
