/* rescope: replace the set of scopes that a connector asks for (docs/behaviour.md "Rescope").
 */
#include "engine/calls.h"
#include "engine/connector_write.h"
#include "engine/event_json.h"
#include "engine/sweep.h"
#include "oauth/scope_set.h"

enum { SURVEY_PAGE = 500 };

struct rescope {
    struct str scopes, added, removed;
    bool only_missing;
    struct str cursor;
    int64_t affected, total;
    int64_t from_version; /* what added and removed are against */
};

static void finish(struct op *op, struct now now)
{
    const struct rescope *rescope = op->extra;
    struct json *result = json_new_object();
    json_set_text(result, "connector", op->entry->connector.id);
    json_set_i64(result, "scopes_version", op->entry->connector.scopes_version);
    json_set(result, "added", scope_set_to_json(rescope->added));
    json_set(result, "removed", scope_set_to_json(rescope->removed));
    json_set_i64(result, "affected", rescope->affected);
    if (op_bool(op, "dry_run", false))
        json_set_bool(result, "dry_run", true);
    op_result(op, result, now);
}

static void on_rescoped(struct connector_write *change, enum status status, const struct error *err,
                        struct now now)
{
    struct op *op = change->user;
    if (status == STATUS_CONFLICT)
        op_again(op, now);
    else if (status != STATUS_OK)
        op_fail_store(op, err);
    else
        finish(op, now);
}

static void take_over(struct op *op, struct now now)
{
    const struct rescope *rescope = op->extra;
    struct connector_write *change = connector_write_begin(op->engine, op->entry, now);
    if (change == NULL) {
        op_again(op, now);
        return;
    }
    struct connector *next = &change->next;
    if (next->scopes_version != rescope->from_version) { /* another one came in between */
        connector_write_abandon(change);
        op_again(op, now);
        return;
    }
    next->scopes = rescope->scopes;
    next->scopes_added = rescope->added;
    next->scopes_removed = rescope->removed;
    next->only_missing = rescope->only_missing;
    next->scopes_version++;
    next->scopes_changed_ms = now.ms;
    next->sweep = (struct sweep){.scopes_version = next->scopes_version, .total = rescope->total};
    event_append_connector(change->write, EVENT_CONNECTOR_RESCOPED, next, rescope->affected, now);
    change->stamps_rescoped = true;
    CLEANUP(json_freep) struct json *detail = json_new_object();
    json_set(detail, "added", scope_set_to_json(rescope->added));
    json_set(detail, "removed", scope_set_to_json(rescope->removed));
    op_audit(op, change->write, next->id, detail, now);
    connector_write_commit(change, on_rescoped, op);
}

/* How many people it concerns, before anything is changed: the answer, the event and a dry run say
 * so. */
static void read_survey_page(struct op *op);

static void on_survey_page(struct op *op, struct now now)
{
    struct rescope *rescope = op->extra;
    if (op->read->status != STATUS_OK) {
        op_fail_store(op, &op->read->error);
        return;
    }
    size_t count = op->read->connection_count;
    for (size_t i = 0; i < count; i++) {
        rescope->total++;
        rescope->affected += sweep_concerns(op->entry, &op->read->arena, &op->read->connections[i],
                                            rescope->scopes, rescope->only_missing);
    }
    if (count > 0) {
        rescope->cursor = arena_copy(&op->arena, op->read->connections[count - 1].id);
        read_survey_page(op);
    } else if (op_bool(op, "dry_run", false)) {
        finish(op, now);
    } else {
        take_over(op, now);
    }
}

static void read_survey_page(struct op *op)
{
    const struct rescope *rescope = op->extra;
    struct store_read *read = store_read_new(STORE_READ_CONNECTION_PAGE);
    read->filter = (struct connection_filter){
        .connector = arena_copy(&read->arena, op->entry->connector.id),
        .state = -1,
        .reason = -1,
    };
    read->cursor = arena_copy(&read->arena, rescope->cursor);
    read->limit = SURVEY_PAGE;
    op_read(op, read, on_survey_page);
}

void call_rescope(struct op *op, struct now now)
{
    if (!op_take_entry(op))
        return;
    struct rescope *rescope = arena_alloc(&op->arena, sizeof(*rescope));
    op->extra = rescope;
    struct error err = {0};
    if (scope_set_from_json(&op->arena, json_get(op->params, "scopes"), &rescope->scopes, &err) !=
        STATUS_OK) {
        op_fail_params(op, "scopes", "an array of scope tokens: %s", err.text);
        return;
    }
    const struct connector *connector = &op->entry->connector;
    rescope->from_version = connector->scopes_version;
    rescope->added = scope_set_minus(&op->arena, rescope->scopes, connector->scopes);
    rescope->removed = scope_set_minus(&op->arena, connector->scopes, rescope->scopes);
    rescope->only_missing = op_bool(op, "only_missing", false);
    if (str_is_empty(rescope->added) && str_is_empty(rescope->removed))
        finish(op, now); /* the same set changes nothing */
    else
        read_survey_page(op);
}
