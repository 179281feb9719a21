/* disconnect: erase the tokens, or detach one app of a shared connection; the grant at the provider
 * is revoked in the background where that is asked for. */
#include "engine/calls.h"
#include "engine/event_json.h"
#include "engine/revocation.h"
#include "engine/schedule.h"
#include "engine/view.h"
#include "port/record.h"

struct disconnection {
    struct connection next;
    const char *not_revoked_because; /* static; NULL: it is queued, where that was asked for */
};

/* `revocation` says what becomes of the grant over there. */
static void set_revocation(const struct op *op, const char *not_because, struct json *result)
{
    if (!op_bool(op, "revoke", false))
        return;
    json_set_text(result, "revocation", not_because == NULL ? STR("queued") : STR("impossible"));
    if (not_because != NULL)
        json_set_text(result, "not_revoked_because", str_c(not_because));
}

static void finish(struct op *op, struct now now)
{
    struct disconnection *disconnection = op->extra;
    disconnection->next.version++;
    schedule_note(op->engine, &disconnection->next, now);
    revocation_kick(op->engine, now);
    struct json *result = view_connection(op->engine, &disconnection->next, op->entry, false, now);
    set_revocation(op, disconnection->not_revoked_because, result);
    op_result(op, result, now);
}

static void on_saved(struct op *op, struct now now)
{
    const struct disconnection *disconnection = op->extra;
    if (op->write->status == STATUS_CONFLICT) {
        op_again(op, now);
        return;
    }
    if (op->write->status == STATUS_UNCERTAIN) {
        op_confirm(op, &disconnection->next, finish);
        return;
    }
    if (op->write->status != STATUS_OK) {
        op_fail_store(op, &op->write->error);
        return;
    }
    finish(op, now);
}

static void answer_dry_run(struct op *op, const struct connection *next, const char *not_because,
                           struct now now)
{
    struct json *result = view_connection(op->engine, next, op->entry, false, now);
    json_set_bool(result, "dry_run", true);
    set_revocation(op, not_because, result);
    op_result(op, result, now);
}

/* A grant that others go on using is not revoked. */
static const char *why_not_revoked(const struct op *op, const struct connection *before,
                                   const struct decision *decision)
{
    if (decision->next.phase != PHASE_DISCONNECTED)
        return "other apps use this connection";
    return revocation_why_not(op->engine, op->entry, before);
}

static void save(struct op *op, const struct connection *before, struct decision *decision,
                 struct now now)
{
    struct disconnection *disconnection = arena_alloc(&op->arena, sizeof(*disconnection));
    record_copy_connection(&op->arena, &decision->next, &disconnection->next);
    disconnection->not_revoked_because = why_not_revoked(op, before, decision);
    op->extra = disconnection;
    bool revokes = op_bool(op, "revoke", false) && disconnection->not_revoked_because == NULL;
    if (op_bool(op, "dry_run", false)) {
        answer_dry_run(op, &decision->next, disconnection->not_revoked_because, now);
        return;
    }
    struct store_write *write = store_write_new(now.ms);
    store_write_put_connection(write, &decision->next);
    event_append_facts(op->engine, write, op->entry, before, decision, now);
    if (revokes)
        revocation_append(op->engine, write, op->entry, before, now);
    CLEANUP(json_freep) struct json *detail = json_new_object();
    if (str_is_set(op_text(op, "app")))
        json_set_text(detail, "app", op_text(op, "app"));
    json_set_bool(detail, "revoke", revokes);
    op_audit(op, write, before->id, detail, now);
    op_write(op, write, on_saved);
}

/* The apps without this one, blank-separated; empty where it was the only one. */
static struct str apps_without(struct op *op, struct str apps, struct str app, bool *ret_found)
{
    CLEANUP(buf_deinit) struct buf rest = {0};
    struct str word;
    *ret_found = false;
    while (str_next_word(&apps, STR(" "), &word)) {
        if (str_eq(word, app)) {
            *ret_found = true;
            continue;
        }
        if (rest.len > 0)
            buf_append_byte(&rest, ' ');
        buf_append(&rest, word);
    }
    return arena_copy(&op->arena, buf_str(&rest));
}

static void on_connection(struct op *op, struct now now)
{
    const struct connection *connection = op_connection(op);
    if (connection == NULL || !op_take_entry_of(op, connection))
        return;
    struct decision decision = {.next = *connection};
    struct str app = op_text(op, "app");
    if (connection->phase == PHASE_DISCONNECTED) {
        struct json *result = view_connection(op->engine, connection, op->entry, false, now);
        set_revocation(op, "there is no token to revoke", result);
        op_result(op, result, now);
        return;
    }
    if (!str_is_set(app)) {
        lifecycle_disconnected(connection, now, &decision);
        save(op, connection, &decision, now);
        return;
    }
    bool found;
    decision.next.owner.apps = apps_without(op, connection->owner.apps, app, &found);
    if (op->entry->connector.type != CONNECTOR_SHARED || !found) {
        op_fail(op, RPC_CODE_INVALID_OWNER, "app " STR_FMT " does not use connection " STR_FMT,
                STR_ARG(app), STR_ARG(connection->id));
        return;
    }
    if (str_is_empty(decision.next.owner.apps)) /* the last app: nobody is left to use it */
        lifecycle_disconnected(connection, now, &decision);
    save(op, connection, &decision, now);
}

void call_disconnect(struct op *op, struct now now)
{
    (void)now;
    op_read_connection(op, on_connection);
}
