/* Writes: first all conditions are looked at, then all is done, so that a write is whole or not. */
#include "common/assert.h"
#include "common/memory.h"
#include "port/record.h"
#include "support/fake_store_state.h"

#include <stdlib.h>

/* ---- rows ---- */

static void *grow_array(void *array, size_t count, size_t size)
{
    return memory_grow(array, (count + 1) * size);
}

struct fake_row *fake_store_row(const struct fake_store *store, struct str id)
{
    struct fake_row key = {.connection.id = id};
    struct fake_node *node = fake_tree_find(&store->by_id, &key.by_id);
    return node != NULL ? CONTAINER_OF(node, struct fake_row, by_id) : NULL;
}

struct fake_owner *fake_store_owner(const struct fake_store *store, struct str connector,
                                    struct str key)
{
    struct fake_owner wanted = {.connector = connector, .key = key};
    struct fake_node *node = fake_tree_find(&store->owners, &wanted.by_key);
    return node != NULL ? CONTAINER_OF(node, struct fake_owner, by_key) : NULL;
}

struct fake_connector_row *fake_store_connector_row(const struct fake_store *store, struct str id)
{
    for (size_t i = 0; i < store->connector_count; i++) {
        if (str_eq(store->connectors[i]->connector.id, id))
            return store->connectors[i];
    }
    return NULL;
}

/* Calls do() for each key of an owner; stops and returns false when it does. */
static bool each_key(struct fake_store *store, const struct connection *c, struct fake_row *row,
                     bool (*work)(struct fake_store *store, const struct connection *c,
                                  struct fake_row *row, struct str key))
{
    char text[OWNER_KEY_MAX];
    struct str rest = c->owner.apps, app;
    while (str_next_word(&rest, STR(" "), &app)) {
        if (!work(store, c, row, owner_key_app(app, text)))
            return false;
    }
    if (!str_is_empty(c->owner.superagent) &&
        !work(store, c, row, owner_key_superagent(c->owner.superagent, text)))
        return false;
    return str_is_empty(c->owner.app) ||
           work(store, c, row, owner_key_app_user(c->owner.app, c->owner.user, text));
}

static bool key_is_free(struct fake_store *store, const struct connection *c, struct fake_row *row,
                        struct str key)
{
    const struct fake_owner *owner = fake_store_owner(store, c->connector, key);
    return owner == NULL || owner->row == row || owner->row == store->leaving;
}

static bool key_add(struct fake_store *store, const struct connection *c, struct fake_row *row,
                    struct str key)
{
    struct fake_owner *owner = memory_new(sizeof(*owner));
    owner->connector = arena_copy(&owner->arena, c->connector);
    owner->key = arena_copy(&owner->arena, key);
    owner->row = row;
    fake_tree_insert(&store->owners, &owner->by_key);
    return true;
}

static bool key_drop(struct fake_store *store, const struct connection *c, struct fake_row *row,
                     struct str key)
{
    (void)row;
    struct fake_owner *owner = fake_store_owner(store, c->connector, key);
    ASSERT(owner != NULL);
    fake_tree_remove(&store->owners, &owner->by_key);
    arena_deinit(&owner->arena);
    free(owner);
    return true;
}

static void row_free(struct fake_store *store, struct fake_row *row)
{
    each_key(store, &row->connection, row, key_drop);
    if (row->connection.due_ms != TIME_NONE)
        fake_tree_remove(&store->by_due, &row->by_due);
    fake_tree_remove(&store->by_id, &row->by_id);
    arena_deinit(&row->arena);
    free(row);
}

/* ---- conditions ---- */

static enum status conflict(struct store_write *write, const char *what, struct str id)
{
    return error_set(&write->error, STATUS_CONFLICT, "%s: " STR_FMT, what, STR_ARG(id));
}

static enum status check_put(struct fake_store *store, struct store_write *write,
                             const struct connection *c)
{
    struct fake_row *row = fake_store_row(store, c->id);
    if ((row == NULL) != (c->version == 0) ||
        (row != NULL && row->connection.version != c->version))
        return conflict(write, "connection has changed meanwhile", c->id);
    if (!each_key(store, c, row, key_is_free))
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

/* ---- doing it ---- */

/* All but the newest `keep` of a connection. */
static void drop_rescues(struct fake_store *store, struct str connection, size_t keep)
{
    size_t kept = 0, drop = fake_store_rescued(store, connection);
    drop -= MIN_OF(drop, keep);
    for (size_t i = 0; i < store->rescue_count; i++) {
        if (drop > 0 && str_eq(store->rescues[i], connection))
            drop--;
        else
            store->rescues[kept++] = store->rescues[i];
    }
    store->rescue_count = kept;
}

static void put_rescue(struct fake_store *store, const struct store_op *op)
{
    const struct fake_row *row = fake_store_row(store, op->id);
    if (row == NULL || row->connection.phase != PHASE_CONNECTED)
        return;
    store->rescues = memory_grow(store->rescues, (store->rescue_count + 1) * sizeof(struct str));
    store->rescues[store->rescue_count++] = arena_copy(&store->arena, op->id);
    drop_rescues(store, op->id, STORE_RESCUES_MAX);
}

static void put_connection(struct fake_store *store, const struct connection *c)
{
    struct fake_row *row = fake_store_row(store, c->id);
    bool is_new = row == NULL;
    if (!is_new &&
        (row->connection.generation != c->generation || row->connection.phase != c->phase))
        drop_rescues(store, c->id, 0);
    if (is_new)
        row = memory_new(sizeof(*row));
    else
        each_key(store, &row->connection, row, key_drop);
    if (!is_new && row->connection.due_ms != TIME_NONE)
        fake_tree_remove(&store->by_due, &row->by_due);
    struct arena old = row->arena, fresh = {0};
    struct connection copy;
    record_copy_connection(&fresh, c, &copy);
    copy.version = c->version + 1;
    copy.last_read_ms = MAX_OF(c->last_read_ms, row->connection.last_read_ms);
    copy.attempt_id = row->connection.attempt_id;
    copy.attempt_started_ms = row->connection.attempt_started_ms;
    row->attempt_print = arena_copy(&fresh, row->attempt_print);
    row->connection = copy;
    row->arena = fresh;
    arena_deinit(&old);
    if (is_new)
        fake_tree_insert(&store->by_id, &row->by_id);
    if (copy.due_ms != TIME_NONE)
        fake_tree_insert(&store->by_due, &row->by_due);
    each_key(store, &row->connection, row, key_add);
}

static void note_read(struct fake_store *store, const struct store_op *op)
{
    struct fake_row *row = fake_store_row(store, op->id);
    if (row != NULL)
        row->connection.last_read_ms = MAX_OF(row->connection.last_read_ms, op->number);
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
        row_free(store, row);
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
        drop_rescues(store, row->connection.id, 0);
        row_free(store, row);
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

static void insert_event(struct fake_store *store, size_t place, int64_t seq,
                         const struct event_draft *draft)
{
    struct fake_event *event = memory_new(sizeof(*event));
    event->event = (struct stored_event){.seq = seq, .draft = *draft};
    struct event_draft *own = &event->event.draft;
    own->type = arena_copy(&event->arena, draft->type);
    own->subject = arena_copy(&event->arena, draft->subject);
    own->data = arena_copy(&event->arena, draft->data);
    if (store->event_count == store->event_capacity) {
        store->event_capacity = store->event_capacity == 0 ? 256 : store->event_capacity * 2;
        store->events =
            memory_grow(store->events, store->event_capacity * sizeof(struct fake_event *));
    }
    for (size_t i = store->event_count++; i > place; i--)
        store->events[i] = store->events[i - 1];
    store->events[place] = event;
}

static void append_event(struct fake_store *store, struct store_write *write,
                         const struct store_op *op)
{
    int64_t seq = ++store->last;
    insert_event(store, store->event_count, seq, op->event);
    if (write->first_event_seq == 0)
        write->first_event_seq = seq;
}

void fake_store_add_events(struct fake_store *store, const struct event_draft *draft, size_t count)
{
    for (; count > 0; count--)
        insert_event(store, store->event_count, ++store->last, draft);
}

static void stamp(struct fake_store *store, const struct store_op *op, int64_t seq)
{
    struct fake_row *row;
    struct fake_connector_row *connector;
    switch (op->stamp) {
    case STAMP_NONE:
        return;
    case STAMP_CONNECTION_ALERT:
        row = fake_store_row(store, op->event->subject);
        if (row != NULL)
            row->connection.alert_seq = seq;
        return;
    case STAMP_CONNECTOR_ROTATED:
    case STAMP_CONNECTOR_RESCOPED:
        connector = fake_store_connector_row(store, op->event->subject);
        if (connector != NULL && op->stamp == STAMP_CONNECTOR_ROTATED)
            connector->connector.rotated_seq = seq;
        else if (connector != NULL)
            connector->connector.rescoped_seq = seq;
        return;
    }
}

static void move(int64_t *seq, int64_t first, int64_t by)
{
    if (*seq >= first)
        *seq += by;
}

static void restart_log(struct fake_store *store, const struct store_op *op)
{
    int64_t first = op->number, by = op->number_b + 1 - op->number;
    size_t place = 0;
    while (place < store->event_count && store->events[place]->event.seq < first)
        place++;
    for (size_t i = place; i < store->event_count; i++)
        store->events[i]->event.seq += by;
    struct fake_node *node = NULL;
    while ((node = fake_tree_after(&store->by_id, node)) != NULL)
        move(&CONTAINER_OF(node, struct fake_row, by_id)->connection.alert_seq, first, by);
    for (size_t i = 0; i < store->connector_count; i++) {
        move(&store->connectors[i]->connector.rotated_seq, first, by);
        move(&store->connectors[i]->connector.rescoped_seq, first, by);
    }
    store->last += by;
    insert_event(store, place, op->number_b, op->event);
}

static bool is_an_alert(const struct fake_store *store, int64_t seq)
{
    const struct fake_node *node = NULL;
    while ((node = fake_tree_after(&store->by_id, node)) != NULL) {
        if (FAKE_ROW(node, struct fake_row, by_id)->connection.alert_seq == seq)
            return true;
    }
    return false;
}

static void purge(struct fake_store *store, int64_t before_wall_ms)
{
    size_t stays = 0;
    while (stays < store->event_count &&
           (store->events[stays]->event.seq <= store->purged ||
            (store->events[stays]->event.draft.wall_ms < before_wall_ms &&
             store->events[stays]->event.seq <= store->published)))
        stays++;
    int64_t bound = stays < store->event_count ? store->events[stays]->event.seq : store->last + 1;
    size_t kept = 0;
    for (size_t i = 0; i < store->event_count; i++) {
        struct fake_event *event = store->events[i];
        if (event->event.seq >= bound || is_an_alert(store, event->event.seq)) {
            store->events[kept++] = event;
            continue;
        }
        arena_deinit(&event->arena);
        free(event);
    }
    store->event_count = kept;
    store->purged = MAX_OF(store->purged, bound - 1);
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
        put_connection(store, op->connection);
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
        append_event(store, write, op);
        return;
    case STORE_OP_APPEND_AUDIT:
        append_audit(store, op->audit);
        return;
    case STORE_OP_SET_PUBLISHED:
        store->published = MAX_OF(store->published, MIN_OF(op->number, store->last));
        return;
    case STORE_OP_RESTART_LOG:
        restart_log(store, op);
        return;
    case STORE_OP_PURGE_EVENTS:
        purge(store, op->number);
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
        note_read(store, op);
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
        row_free(store, fake_store_row(store, op->id));
        return;
    }
}

enum status fake_store_apply(struct fake_store *store, struct store_write *write)
{
    write->first_event_seq = 0;
    store->leaving = NULL;
    for (size_t i = 0; i < write->op_count; i++) {
        enum status status = check_op(store, write, &write->ops[i]);
        if (status != STATUS_OK)
            return status;
        note_leaving(store, &write->ops[i]);
    }
    for (size_t i = 0; i < write->op_count; i++)
        apply_op(store, write, &write->ops[i]);
    store->last_commit_ms = write->now_ms;
    int64_t seq = write->first_event_seq;
    for (size_t i = 0; i < write->op_count; i++) {
        if (write->ops[i].kind == STORE_OP_APPEND_EVENT)
            stamp(store, &write->ops[i], seq++);
    }
    return STATUS_OK;
}

void fake_store_seed(struct fake_store *store, const struct connection *connection)
{
    put_connection(store, connection);
}

void fake_store_wipe(struct fake_store *store)
{
    struct fake_node *node;
    while ((node = fake_tree_after(&store->by_id, NULL)) != NULL)
        row_free(store, CONTAINER_OF(node, struct fake_row, by_id));
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
