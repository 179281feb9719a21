/* A write that may be done is done whole: each operation, in its order. */
#include "common/assert.h"
#include "common/memory.h"
#include "port/record.h"
#include "support/fake_store_state.h"

#include <stdlib.h>

static void *grow_array(void *array, size_t count, size_t size)
{
    return memory_grow(array, (count + 1) * size);
}

static void put_rescue(struct fake_store *store, const struct store_op *op)
{
    const struct fake_row *row = fake_store_row(store, op->id);
    if (row == NULL || row->connection.phase != PHASE_CONNECTED)
        return;
    store->rescues = memory_grow(store->rescues, (store->rescue_count + 1) * sizeof(struct str));
    store->rescues[store->rescue_count++] = arena_copy(&store->arena, op->id);
    fake_store_drop_rescues(store, op->id, STORE_RESCUES_MAX);
}

static void put_seen(struct fake_store *store, const struct store_op *op)
{
    store->seen = grow_array(store->seen, store->seen_count, sizeof(*store->seen));
    store->seen[store->seen_count++] = (struct fake_seen){
        .source = arena_copy(&store->arena, op->id),
        .id = arena_copy(&store->arena, op->value),
        .until_ms = op->number,
    };
}

static void purge_seen(struct fake_store *store, int64_t now_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < store->seen_count; i++) {
        if (store->seen[i].until_ms > now_ms)
            store->seen[kept++] = store->seen[i];
    }
    store->seen_count = kept;
}

static void put_connector(struct fake_store *store, const struct connector *connector)
{
    struct fake_connector_row *row = fake_store_connector_row(store, connector->id);
    if (row == NULL) {
        row = memory_new(sizeof(*row));
        store->connectors = grow_array(store->connectors, store->connector_count,
                                       sizeof(struct fake_connector_row *));
        store->connectors[store->connector_count++] = row;
    }
    struct arena old = row->arena, fresh = {0};
    record_copy_connector(&fresh, connector, &row->connector);
    row->connector.version = connector->version + 1;
    row->arena = fresh;
    arena_deinit(&old);
}

static void drop_credentials(struct fake_store *store, struct str connector, int64_t version)
{
    size_t kept = 0;
    for (size_t i = 0; i < store->credential_count; i++) {
        struct fake_credential_row *row = store->credentials[i];
        bool is_meant = str_eq(row->credential.connector, connector) &&
                        (version == 0 || row->credential.version == version);
        if (!is_meant) {
            store->credentials[kept++] = row;
            continue;
        }
        arena_deinit(&row->arena);
        free(row);
    }
    store->credential_count = kept;
}

static void put_credential(struct fake_store *store, const struct credential *credential)
{
    drop_credentials(store, credential->connector, credential->version);
    struct fake_credential_row *row = memory_new(sizeof(*row));
    record_copy_credential(&row->arena, credential, &row->credential);
    store->credentials = grow_array(store->credentials, store->credential_count,
                                    sizeof(struct fake_credential_row *));
    store->credentials[store->credential_count++] = row;
}

/* Of a connector, or of one grant. */
static void drop_revocations(struct fake_store *store, struct str connector, struct str connection,
                             int64_t generation)
{
    size_t kept = 0;
    for (size_t i = 0; i < store->revocation_count; i++) {
        const struct revocation *r = &store->revocations[i];
        bool is_meant = str_is_set(connector)
                            ? str_eq(r->connector, connector)
                            : str_eq(r->connection, connection) && r->generation == generation;
        if (!is_meant)
            store->revocations[kept++] = *r;
    }
    store->revocation_count = kept;
}

static void put_revocation(struct fake_store *store, const struct revocation *given)
{
    drop_revocations(store, STR_NONE, given->connection, given->generation);
    struct revocation copy = *given;
    copy.connector = arena_copy(&store->arena, given->connector);
    copy.connection = arena_copy(&store->arena, given->connection);
    copy.sealed_token = arena_copy(&store->arena, given->sealed_token);
    store->revocations = grow_array(store->revocations, store->revocation_count, sizeof(copy));
    store->revocations[store->revocation_count++] = copy;
}

static void add_token_use(struct fake_store *store, const struct token_use *given)
{
    for (size_t i = 0; i < store->token_use_count; i++) {
        struct token_use *use = &store->token_uses[i];
        if (use->uid == given->uid && use->hour_wall_ms == given->hour_wall_ms &&
            str_eq(use->connection, given->connection)) {
            use->count += given->count;
            return;
        }
    }
    struct token_use copy = *given;
    copy.connection = arena_copy(&store->arena, given->connection);
    store->token_uses = grow_array(store->token_uses, store->token_use_count, sizeof(copy));
    store->token_uses[store->token_use_count++] = copy;
}

static void purge_audit(struct fake_store *store, int64_t before_wall_ms)
{
    size_t first = 0, kept = 0;
    while (first + 1 < store->audit_count && store->audit[first].wall_ms < before_wall_ms)
        first++;
    for (size_t i = first; i < store->audit_count; i++)
        store->audit[i - first] = store->audit[i];
    store->audit_count -= first;
    for (size_t i = 0; i < store->token_use_count; i++) {
        if (store->token_uses[i].hour_wall_ms >= before_wall_ms)
            store->token_uses[kept++] = store->token_uses[i];
    }
    store->token_use_count = kept;
}

const struct flow *fake_store_flow(const struct fake_store *store, struct str print)
{
    for (size_t i = 0; i < store->flow_count; i++) {
        if (str_eq(store->flows[i].print, print))
            return &store->flows[i];
    }
    return NULL;
}

/* One of the three says which. */
static void drop_flows(struct fake_store *store, struct str print, struct str connector,
                       struct str connection)
{
    size_t kept = 0;
    for (size_t i = 0; i < store->flow_count; i++) {
        const struct flow *flow = &store->flows[i];
        bool is_meant = (str_is_set(print) && str_eq(flow->print, print)) ||
                        (str_is_set(connector) && str_eq(flow->connector, connector)) ||
                        (str_is_set(connection) && str_eq(flow->connection, connection));
        if (!is_meant)
            store->flows[kept++] = *flow;
    }
    store->flow_count = kept;
}

static void put_flow(struct fake_store *store, const struct flow *flow)
{
    store->flows = grow_array(store->flows, store->flow_count, sizeof(*flow));
    record_copy_flow(&store->arena, flow, &store->flows[store->flow_count++]);
}

static void purge_flows(struct fake_store *store, int64_t now_ms)
{
    size_t kept = 0, dropped = 0;
    for (size_t i = 0; i < store->flow_count; i++) {
        bool is_over = store->flows[i].expires_ms <= now_ms && dropped < STORE_FLOWS_PURGED_MAX;
        if (is_over)
            dropped++;
        else
            store->flows[kept++] = store->flows[i];
    }
    store->flow_count = kept;
    struct fake_node *node = fake_tree_after(&store->by_id, NULL);
    for (dropped = 0; node != NULL && dropped < STORE_FLOWS_PURGED_MAX;) {
        struct fake_row *row = CONTAINER_OF(node, struct fake_row, by_id);
        node = fake_tree_after(&store->by_id, node);
        if (row->connection.phase != PHASE_PENDING ||
            row->connection.requested_ms > now_ms - FLOW_LIFETIME_MS)
            continue;
        drop_flows(store, STR_NONE, STR_NONE, row->connection.id);
        fake_store_drop_row(store, row);
        dropped++;
    }
}

static void delete_connector(struct fake_store *store, struct str id)
{
    drop_flows(store, STR_NONE, id, STR_NONE);
    drop_revocations(store, id, STR_NONE, 0);
    struct fake_node *node = fake_tree_after(&store->by_id, NULL);
    while (node != NULL) {
        struct fake_row *row = CONTAINER_OF(node, struct fake_row, by_id);
        node = fake_tree_after(&store->by_id, node);
        if (!str_eq(row->connection.connector, id))
            continue;
        fake_store_drop_rescues(store, row->connection.id, 0);
        fake_store_drop_row(store, row);
    }
    drop_credentials(store, id, 0);
    for (size_t i = 0; i < store->connector_count; i++) {
        struct fake_connector_row *row = store->connectors[i];
        if (!str_eq(row->connector.id, id))
            continue;
        store->connectors[i] = store->connectors[--store->connector_count];
        arena_deinit(&row->arena);
        free(row);
        return;
    }
}

static void append_audit(struct fake_store *store, const struct audit_entry *given)
{
    struct audit_entry entry = *given;
    entry.seq = ++store->audit_last;
    entry.method = arena_copy(&store->arena, given->method);
    entry.subject = arena_copy(&store->arena, given->subject);
    entry.outcome = arena_copy(&store->arena, given->outcome);
    entry.detail = arena_copy(&store->arena, given->detail);
    store->audit = grow_array(store->audit, store->audit_count, sizeof(entry));
    store->audit[store->audit_count++] = entry;
}

static void put_meta(struct fake_store *store, struct str name, struct str value)
{
    struct str copy = arena_copy(&store->arena, str_is_set(value) ? value : STR(""));
    for (size_t i = 0; i < store->meta_count; i++) {
        if (str_eq(store->metas[2 * i], name)) {
            store->metas[2 * i + 1] = copy;
            return;
        }
    }
    store->metas = memory_grow(store->metas, 2 * (store->meta_count + 1) * sizeof(struct str));
    store->metas[2 * store->meta_count] = arena_copy(&store->arena, name);
    store->metas[2 * store->meta_count++ + 1] = copy;
}

static void set_attempt(struct fake_store *store, const struct store_op *op, int64_t now_ms)
{
    struct fake_row *row = fake_store_row(store, op->id);
    bool opens = op->kind == STORE_OP_OPEN_ATTEMPT;
    row->connection.attempt_id = opens ? op->attempt_id : 0;
    row->connection.attempt_started_ms = opens ? now_ms : TIME_NONE;
    row->attempt_print = opens ? arena_copy(&row->arena, op->value) : STR_NONE;
}

static void apply_op(struct fake_store *store, struct store_write *write, const struct store_op *op)
{
    switch (op->kind) {
    case STORE_OP_PUT_CONNECTION:
        fake_store_put_connection(store, op->connection);
        return;
    case STORE_OP_OPEN_ATTEMPT:
    case STORE_OP_CLOSE_ATTEMPT:
        set_attempt(store, op, write->now_ms);
        return;
    case STORE_OP_PUT_CONNECTOR:
        put_connector(store, op->connector);
        return;
    case STORE_OP_DELETE_CONNECTOR:
        delete_connector(store, op->connector->id);
        return;
    case STORE_OP_PUT_CREDENTIAL:
        put_credential(store, op->credential);
        return;
    case STORE_OP_APPEND_EVENT:
        fake_store_append_event(store, write, op);
        return;
    case STORE_OP_APPEND_AUDIT:
        append_audit(store, op->audit);
        return;
    case STORE_OP_SET_PUBLISHED:
        store->published = MAX_OF(store->published, MIN_OF(op->number, store->last));
        return;
    case STORE_OP_RESTART_LOG:
        fake_store_restart_log(store, op);
        return;
    case STORE_OP_PURGE_EVENTS:
        fake_store_purge_events(store, op->number);
        return;
    case STORE_OP_PUT_RESCUE:
        put_rescue(store, op);
        return;
    case STORE_OP_PUT_META:
        put_meta(store, op->id, op->value);
        return;
    case STORE_OP_PUT_REVOCATION:
        put_revocation(store, op->revocation);
        return;
    case STORE_OP_DROP_REVOCATION:
        drop_revocations(store, STR_NONE, op->id, op->number);
        return;
    case STORE_OP_ADD_TOKEN_USE:
        add_token_use(store, op->use);
        return;
    case STORE_OP_PURGE_AUDIT:
        purge_audit(store, op->number);
        return;
    case STORE_OP_NOTE_READ:
        fake_store_note_read(store, op);
        return;
    case STORE_OP_PUT_SEEN:
        put_seen(store, op);
        return;
    case STORE_OP_PURGE_SEEN:
        purge_seen(store, op->number);
        return;
    case STORE_OP_PUT_FLOW:
        put_flow(store, op->flow);
        return;
    case STORE_OP_TAKE_FLOW:
        drop_flows(store, op->id, STR_NONE, STR_NONE);
        return;
    case STORE_OP_PURGE_FLOWS:
        purge_flows(store, op->number);
        return;
    case STORE_OP_DROP_PENDING:
        drop_flows(store, STR_NONE, STR_NONE, op->id);
        fake_store_drop_row(store, fake_store_row(store, op->id));
        return;
    }
}

enum status fake_store_apply(struct fake_store *store, struct store_write *write)
{
    write->first_event_seq = 0;
    enum status status = fake_store_check(store, write);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < write->op_count; i++)
        apply_op(store, write, &write->ops[i]);
    store->last_commit_ms = write->now_ms;
    fake_store_stamp(store, write);
    return STATUS_OK;
}

void fake_store_wipe(struct fake_store *store)
{
    struct fake_node *node;
    while ((node = fake_tree_after(&store->by_id, NULL)) != NULL)
        fake_store_drop_row(store, CONTAINER_OF(node, struct fake_row, by_id));
    while (store->connector_count > 0)
        delete_connector(store, store->connectors[0]->connector.id);
    for (size_t i = 0; i < store->credential_count; i++) { /* of connectors that never came */
        arena_deinit(&store->credentials[i]->arena);
        free(store->credentials[i]);
    }
    for (size_t i = 0; i < store->event_count; i++) {
        arena_deinit(&store->events[i]->arena);
        free(store->events[i]);
    }
    free(store->connectors);
    free(store->credentials);
    free(store->events);
    free(store->audit);
    free(store->rescues);
    free(store->revocations);
    free(store->token_uses);
    free(store->flows);
    free(store->seen);
    free(store->metas);
    arena_deinit(&store->arena);
}
