/* attach: one more app uses a shared connection. An app has at most one connection of a connector;
 * one that was disconnected stands in nobody's way: it lets go of the app. */
#include "engine/calls.h"
#include "engine/view.h"
#include "port/record.h"

struct attachment {
    struct connection next;
    struct str app;
};

static void finish(struct op *op, struct now now)
{
    struct attachment *attachment = op->extra;
    attachment->next.version++;
    op_result(op, view_connection(op->engine, &attachment->next, op->entry, false, now), now);
}

static void on_saved(struct op *op, struct now now)
{
    const struct attachment *attachment = op->extra;
    if (op->write->status == STATUS_CONFLICT)
        op_again(op, now);
    else if (op->write->status == STATUS_UNCERTAIN)
        op_confirm(op, &attachment->next, finish);
    else if (op->write->status != STATUS_OK)
        op_fail_store(op, &op->write->error);
    else
        finish(op, now);
}

/* Sorted and unique, as owners are kept. */
static struct str apps_with(struct arena *arena, struct str apps, struct str app)
{
    CLEANUP(buf_deinit) struct buf all = {0};
    struct str word;
    bool is_placed = false;
    while (str_next_word(&apps, STR(" "), &word)) {
        if (!is_placed && str_compare(app, word) < 0) {
            buf_append(&all, app);
            buf_append_byte(&all, ' ');
            is_placed = true;
        }
        buf_append(&all, word);
        buf_append_byte(&all, ' ');
    }
    if (!is_placed)
        buf_append(&all, app);
    return arena_copy(arena, str_trim(buf_str(&all)));
}

static struct str apps_without(struct arena *arena, struct str apps, struct str app)
{
    CLEANUP(buf_deinit) struct buf rest = {0};
    struct str word;
    while (str_next_word(&apps, STR(" "), &word)) {
        if (str_eq(word, app))
            continue;
        if (rest.len > 0)
            buf_append_byte(&rest, ' ');
        buf_append(&rest, word);
    }
    return arena_copy(arena, buf_str(&rest));
}

/* @other the app's connection now, disconnected; NULL: it has none */
static void save(struct op *op, const struct connection *other, struct now now)
{
    struct attachment *attachment = op->extra;
    struct store_write *write = store_write_new(now.ms);
    if (other != NULL) { /* first: its key has to be free */
        struct connection left = *other;
        left.owner.apps = apps_without(&op->arena, other->owner.apps, attachment->app);
        store_write_put_connection(write, &left);
    }
    store_write_put_connection(write, &attachment->next);
    CLEANUP(json_freep) struct json *detail = json_new_object();
    json_set_text(detail, "app", attachment->app);
    op_audit(op, write, attachment->next.id, detail, now);
    op_write(op, write, on_saved);
}

static void on_other(struct op *op, struct now now)
{
    const struct attachment *attachment = op->extra;
    if (op->read->status != STATUS_OK) {
        op_fail_store(op, &op->read->error);
        return;
    }
    const struct connection *other =
        op->read->connection_count > 0 ? &op->read->connections[0] : NULL;
    if (other != NULL && !str_eq(other->id, attachment->next.id) &&
        other->phase != PHASE_DISCONNECTED) {
        op_fail(op, RPC_CODE_EXISTS,
                "app " STR_FMT " uses connection " STR_FMT " of this connector",
                STR_ARG(attachment->app), STR_ARG(other->id));
        return;
    }
    save(op, other, now);
}

static bool uses(struct str apps, struct str app)
{
    struct str word;
    while (str_next_word(&apps, STR(" "), &word)) {
        if (str_eq(word, app))
            return true;
    }
    return false;
}

static void on_connection(struct op *op, struct now now)
{
    const struct connection *connection = op_connection(op);
    if (connection == NULL || !op_take_entry_of(op, connection))
        return;
    struct str app = op_text(op, "app");
    if (op->entry->connector.type != CONNECTOR_SHARED) {
        op_fail(op, RPC_CODE_INVALID_OWNER,
                "connection " STR_FMT " is not shared by apps: its connector's type is %s",
                STR_ARG(connection->id), connector_type_text(op->entry->connector.type));
        return;
    }
    if (uses(connection->owner.apps, app)) { /* idempotent */
        op_result(op, view_connection(op->engine, connection, op->entry, false, now), now);
        return;
    }
    struct attachment *attachment = arena_alloc(&op->arena, sizeof(*attachment));
    op->extra = attachment;
    record_copy_connection(&op->arena, connection, &attachment->next);
    attachment->app = arena_copy(&op->arena, app);
    attachment->next.owner.apps = apps_with(&op->arena, connection->owner.apps, app);
    char key[OWNER_KEY_MAX];
    struct store_read *read = store_read_new(STORE_READ_CONNECTION_OWNER);
    read->connector = arena_copy(&read->arena, op->entry->connector.id);
    read->owner_key = arena_copy(&read->arena, owner_key_app(app, key));
    op_read(op, read, on_other);
}

void call_attach(struct op *op, struct now now)
{
    (void)now;
    op_read_connection(op, on_connection);
}
