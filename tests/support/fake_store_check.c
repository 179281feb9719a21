/* What must hold before anything of a write is done (daemon/port/store.h). */
#include "common/assert.h"
#include "support/fake_store_state.h"

static enum status conflict(struct store_write *write, const char *what, struct str id)
{
    return error_set(&write->error, STATUS_CONFLICT, "%s: " STR_FMT, what, STR_ARG(id));
}

static enum status check_put(struct fake_store *store, struct store_write *write,
                             const struct connection *c)
{
    const struct fake_row *row = fake_store_row(store, c->id);
    if ((row == NULL) != (c->version == 0) ||
        (row != NULL && row->connection.version != c->version))
        return conflict(write, "connection has changed meanwhile", c->id);
    if (!fake_store_keys_are_free(store, c))
        return conflict(write, "the owner has a connection", c->id);
    return STATUS_OK;
}

static enum status check_attempt(struct fake_store *store, struct store_write *write,
                                 const struct store_op *op)
{
    const struct fake_row *row = fake_store_row(store, op->id);
    bool fits = row != NULL;
    if (fits && op->kind == STORE_OP_OPEN_ATTEMPT)
        fits = row->connection.attempt_id == 0 && row->connection.version == op->number;
    else if (fits)
        fits = row->connection.attempt_id == op->attempt_id;
    return fits ? STATUS_OK : conflict(write, "another attempt, or another version", op->id);
}

static enum status check_connector(struct fake_store *store, struct store_write *write,
                                   const struct store_op *op)
{
    struct str id = op->connector->id;
    const struct fake_connector_row *row = fake_store_connector_row(store, id);
    bool is_delete = op->kind == STORE_OP_DELETE_CONNECTOR;
    bool fits = row != NULL ? row->connector.version == op->connector->version
                            : op->connector->version == 0 && !is_delete;
    const struct fake_node *node = NULL;
    while (fits && is_delete && (node = fake_tree_after(&store->by_id, node)) != NULL) {
        const struct connection *c = &FAKE_ROW(node, struct fake_row, by_id)->connection;
        if (str_eq(c->connector, id) && c->phase == PHASE_CONNECTED)
            return conflict(write, "connector has connections", id);
    }
    return fits ? STATUS_OK : conflict(write, "connector has changed meanwhile", id);
}

static enum status check_flow(struct fake_store *store, struct store_write *write,
                              const struct store_op *op)
{
    if (op->kind == STORE_OP_DROP_PENDING) {
        const struct fake_row *row = fake_store_row(store, op->id);
        return row != NULL && row->connection.phase == PHASE_PENDING
                   ? STATUS_OK
                   : conflict(write, "it is not pending", op->id);
    }
    bool is_put = op->kind == STORE_OP_PUT_FLOW;
    bool exists = fake_store_flow(store, is_put ? op->flow->print : op->id) != NULL;
    return exists != is_put ? STATUS_OK : conflict(write, "flow", STR("its print"));
}

/* Operations take effect in their order: a connection that is put earlier in the same write may
 * have let go of its owner's keys. One such is enough here. */
static void note_leaving(struct fake_store *store, const struct store_op *op)
{
    if (op->kind == STORE_OP_DROP_PENDING)
        store->leaving = fake_store_row(store, op->id);
    if (op->kind != STORE_OP_PUT_CONNECTION)
        return;
    struct fake_row *row = fake_store_row(store, op->connection->id);
    if (row != NULL && row->connection.owner.apps.len > op->connection->owner.apps.len)
        store->leaving = row;
}

static bool is_seen(const struct fake_store *store, const struct store_op *op)
{
    for (size_t i = 0; i < store->seen_count; i++) {
        if (str_eq(store->seen[i].source, op->id) && str_eq(store->seen[i].id, op->value))
            return true;
    }
    return false;
}

static enum status check_op(struct fake_store *store, struct store_write *write,
                            const struct store_op *op)
{
    switch (op->kind) {
    case STORE_OP_PUT_CONNECTION:
        return check_put(store, write, op->connection);
    case STORE_OP_OPEN_ATTEMPT:
    case STORE_OP_CLOSE_ATTEMPT:
        return check_attempt(store, write, op);
    case STORE_OP_PUT_CONNECTOR:
    case STORE_OP_DELETE_CONNECTOR:
        return check_connector(store, write, op);
    case STORE_OP_RESTART_LOG:
        if (op->number <= store->published || op->number > store->last + 1)
            return conflict(write, "published, or past the next number", STR("log"));
        return STATUS_OK;
    case STORE_OP_PUT_CREDENTIAL:
    case STORE_OP_APPEND_EVENT:
    case STORE_OP_APPEND_AUDIT:
    case STORE_OP_SET_PUBLISHED:
    case STORE_OP_PURGE_EVENTS:
    case STORE_OP_PUT_RESCUE:
    case STORE_OP_PUT_META:
    case STORE_OP_PUT_REVOCATION:
    case STORE_OP_DROP_REVOCATION:
    case STORE_OP_ADD_TOKEN_USE:
    case STORE_OP_PURGE_AUDIT:
    case STORE_OP_PURGE_FLOWS:
    case STORE_OP_NOTE_READ:
    case STORE_OP_PURGE_SEEN:
        return STATUS_OK;
    case STORE_OP_PUT_SEEN:
        return is_seen(store, op) ? conflict(write, "it was acted on before", op->id) : STATUS_OK;
    case STORE_OP_PUT_FLOW:
    case STORE_OP_TAKE_FLOW:
    case STORE_OP_DROP_PENDING:
        return check_flow(store, write, op);
    }
    UNREACHABLE("a store operation");
}

enum status fake_store_check(struct fake_store *store, struct store_write *write)
{
    store->leaving = NULL;
    for (size_t i = 0; i < write->op_count; i++) {
        enum status status = check_op(store, write, &write->ops[i]);
        if (status != STATUS_OK)
            return status;
        note_leaving(store, &write->ops[i]);
    }
    return STATUS_OK;
}
