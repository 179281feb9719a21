/* Reads, each as daemon/port/store.h says. */
#include "common/assert.h"
#include "common/memory.h"
#include "port/record.h"
#include "support/fake_store_state.h"

static const struct fake_row *row_of(const struct fake_node *node)
{
    return FAKE_ROW(node, struct fake_row, by_id);
}

static size_t limit_of(const struct store_read *read)
{
    return read->limit == 0 ? STORE_READ_LIMIT_DEFAULT
                            : MIN_OF(read->limit, (size_t)STORE_READ_LIMIT_MAX);
}

/* Room for one more; arrays double, in the arena. */
static void *room(struct store_read *read, void *array, size_t count, size_t size)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return array;
    char *bigger = arena_alloc(&read->arena, (count == 0 ? 1 : count * 2) * size);
    for (size_t i = 0; i < count * size; i++)
        bigger[i] = ((const char *)array)[i];
    return bigger;
}

static void add_connection(struct store_read *read, const struct fake_row *row, bool without_sealed)
{
    read->connections =
        room(read, read->connections, read->connection_count, sizeof(*read->connections));
    struct connection *copy = &read->connections[read->connection_count++];
    record_copy_connection(&read->arena, &row->connection, copy);
    if (without_sealed)
        copy->sealed_access = copy->sealed_refresh = STR_NONE;
}

static void read_connections(const struct fake_store *store, struct store_read *read)
{
    for (size_t i = 0; i < read->id_count; i++) {
        const struct fake_row *row = fake_store_row(store, read->ids[i]);
        if (row != NULL)
            add_connection(read, row, false);
    }
}

static void read_owner(const struct fake_store *store, struct store_read *read)
{
    const struct fake_owner *owner = fake_store_owner(store, read->connector, read->owner_key);
    if (owner != NULL)
        add_connection(read, owner->row, false);
}

static bool has_owner_key(const struct connection *c, struct str key)
{
    char text[OWNER_KEY_MAX];
    struct str rest = c->owner.apps, app;
    while (str_next_word(&rest, STR(" "), &app)) {
        if (str_eq(owner_key_app(app, text), key))
            return true;
    }
    if (!str_is_empty(c->owner.superagent))
        return str_eq(owner_key_superagent(c->owner.superagent, text), key);
    return !str_is_empty(c->owner.app) &&
           str_eq(owner_key_app_user(c->owner.app, c->owner.user, text), key);
}

static bool is_of_app(const struct connection *c, struct str wanted)
{
    struct str rest = c->owner.apps, app;
    while (str_next_word(&rest, STR(" "), &app)) {
        if (str_eq(app, wanted))
            return true;
    }
    return str_eq(c->owner.app, wanted);
}

static bool passes(const struct fake_store *store, const struct connection_filter *filter,
                   const struct connection *c)
{
    const struct fake_connector_row *connector = fake_store_connector_row(store, c->connector);
    if (connector == NULL ||
        (!str_is_empty(filter->connector) && !str_eq(filter->connector, c->connector)))
        return false;
    enum reason blocked = connector_blocked_reason(&connector->connector);
    if (filter->state >= 0 && (int)connection_state_of(c, blocked) != filter->state)
        return false;
    if (filter->reason >= 0 && (int)connection_reason_of(c, blocked) != filter->reason)
        return false;
    if (!str_is_empty(filter->owner_key) && !has_owner_key(c, filter->owner_key))
        return false;
    if (!str_is_empty(filter->app) && !is_of_app(c, filter->app))
        return false;
    if (filter->has_verdict && c->verdict_reason == REASON_NONE)
        return false;
    return filter->expiring_before_ms <= 0 ||
           (c->refresh_expires_ms > 0 && c->refresh_expires_ms < filter->expiring_before_ms);
}

/* The rows behind the cursor, in order of id. */
static const struct fake_node *next_row(const struct fake_store *store,
                                        const struct store_read *read, const struct fake_node *node)
{
    const struct fake_row key = {.connection.id = read->cursor};
    return fake_tree_after(&store->by_id, node != NULL ? node : &key.by_id);
}

static void read_page(const struct fake_store *store, struct store_read *read)
{
    const struct fake_node *node = NULL;
    while (read->connection_count < limit_of(read) &&
           (node = next_row(store, read, node)) != NULL) {
        if (passes(store, &read->filter, &row_of(node)->connection))
            add_connection(read, row_of(node), true);
    }
}

static void read_account(const struct fake_store *store, struct store_read *read)
{
    const struct fake_node *node = NULL;
    bool by_label = str_is_empty(read->subject);
    while (read->connection_count < limit_of(read) &&
           (node = next_row(store, read, node)) != NULL) {
        const struct connection *c = &row_of(node)->connection;
        bool is_meant =
            by_label ? str_eq(c->account_label, read->name) : str_eq(c->account_id, read->subject);
        if (is_meant)
            add_connection(read, row_of(node), true);
    }
}

static void read_seen(const struct fake_store *store, struct store_read *read)
{
    read->value = STR_NONE;
    for (size_t i = 0; i < store->seen_count; i++) {
        if (str_eq(store->seen[i].source, read->name) && str_eq(store->seen[i].id, read->subject))
            read->value = arena_copy(&read->arena, read->subject);
    }
}

static void read_attempts(const struct fake_store *store, struct store_read *read)
{
    const struct fake_node *node = NULL;
    while (read->connection_count < limit_of(read) &&
           (node = next_row(store, read, node)) != NULL) {
        if (row_of(node)->connection.attempt_id != 0)
            add_connection(read, row_of(node), false);
    }
}

static void read_due(const struct fake_store *store, struct store_read *read)
{
    const struct fake_row key = {.connection = {.due_ms = read->after_due_ms, .id = read->cursor}};
    const struct fake_node *node = &key.by_due;
    while (read->due_count < limit_of(read) &&
           (node = fake_tree_after(&store->by_due, node)) != NULL) {
        const struct connection *c = &FAKE_ROW(node, struct fake_row, by_due)->connection;
        if (c->due_ms > read->until_ms)
            return;
        if (!str_is_empty(read->connector) && !str_eq(read->connector, c->connector))
            continue;
        read->due = room(read, read->due, read->due_count, sizeof(*read->due));
        read->due[read->due_count++] = (struct due_entry){
            .id = arena_copy(&read->arena, c->id),
            .connector = arena_copy(&read->arena, c->connector),
            .due_ms = c->due_ms,
            .expires_ms = c->expires_ms,
        };
    }
}

static void read_connectors(const struct fake_store *store, struct store_read *read)
{
    for (size_t i = 0; i < store->connector_count; i++) {
        read->connectors =
            room(read, read->connectors, read->connector_count, sizeof(*read->connectors));
        record_copy_connector(&read->arena, &store->connectors[i]->connector,
                              &read->connectors[read->connector_count++]);
    }
    for (size_t i = 0; i < store->credential_count; i++) {
        read->credentials =
            room(read, read->credentials, read->credential_count, sizeof(*read->credentials));
        record_copy_credential(&read->arena, &store->credentials[i]->credential,
                               &read->credentials[read->credential_count++]);
    }
}

static struct count_row count_of(const struct connection *c)
{
    return (struct count_row){
        .connector = c->connector,
        .phase = c->phase,
        .dead_reason = c->dead_reason,
        .advisory_reason = c->advisory_reason,
        .retrying = c->failures > 0 || c->uncertain_tries > 0 || c->doubts > 0,
        .credential_version = c->credential_version,
        .count = 1,
    };
}

static bool counts_alike(const struct count_row *a, const struct count_row *b)
{
    return str_eq(a->connector, b->connector) && a->phase == b->phase &&
           a->dead_reason == b->dead_reason && a->advisory_reason == b->advisory_reason &&
           a->retrying == b->retrying && a->credential_version == b->credential_version;
}

/* In order of the connector, as the readers of counts rely on. */
static void add_count(struct store_read *read, struct count_row row)
{
    size_t place = 0;
    for (; place < read->count_count; place++) {
        if (counts_alike(&read->counts[place], &row)) {
            read->counts[place].count++;
            return;
        }
    }
    read->counts = room(read, read->counts, read->count_count, sizeof(*read->counts));
    place = read->count_count++;
    while (place > 0 && str_compare(read->counts[place - 1].connector, row.connector) > 0) {
        read->counts[place] = read->counts[place - 1];
        place--;
    }
    row.connector = arena_copy(&read->arena, row.connector);
    read->counts[place] = row;
}

static void read_counts(const struct fake_store *store, struct store_read *read)
{
    const struct fake_node *node = NULL;
    while ((node = fake_tree_after(&store->by_id, node)) != NULL) {
        const struct connection *c = &row_of(node)->connection;
        if (str_is_empty(read->connector) || str_eq(read->connector, c->connector))
            add_count(read, count_of(c));
    }
}

static void add_event(struct store_read *read, const struct stored_event *event)
{
    read->events = room(read, read->events, read->event_count, sizeof(*read->events));
    struct stored_event *copy = &read->events[read->event_count++];
    *copy = *event;
    copy->draft.type = arena_copy(&read->arena, event->draft.type);
    copy->draft.subject = arena_copy(&read->arena, event->draft.subject);
    copy->draft.data = arena_copy(&read->arena, event->draft.data);
    read->event_bytes += event->draft.data.len;
}

static bool wants_event(const struct store_read *read)
{
    return read->event_count < limit_of(read) &&
           (read->bytes_max == 0 || read->event_bytes < read->bytes_max);
}

static bool is_wanted(struct str types, struct str type)
{
    struct str word;
    bool any = true;
    while (str_next_word(&types, STR(" "), &word)) {
        any = false;
        if (str_eq(word, type))
            return true;
    }
    return any;
}

static size_t first_behind(const struct fake_store *store, int64_t after)
{
    size_t low = 0, high = store->event_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (store->events[middle]->event.seq <= after)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void read_edges(const struct fake_store *store, struct store_read *read)
{
    read->bounds = (struct event_bounds){
        .oldest = store->last == 0 ? 0 : store->purged + 1,
        .newest = store->last,
        .published = store->published,
        .newest_wall_ms = TIME_NONE,
        .oldest_unpublished_wall_ms = TIME_NONE,
    };
}

static void read_events(const struct fake_store *store, struct store_read *read)
{
    read_edges(store, read);
    for (size_t i = first_behind(store, read->after); i < store->event_count && wants_event(read);
         i++) {
        const struct stored_event *event = &store->events[i]->event;
        bool is_subject =
            str_is_empty(read->subject) || str_eq(read->subject, event->draft.subject);
        if (is_subject && is_wanted(read->types, event->draft.type))
            add_event(read, event);
    }
}

static void read_bounds(const struct fake_store *store, struct store_read *read)
{
    struct event_bounds *bounds = &read->bounds;
    read_edges(store, read);
    size_t waiting = first_behind(store, store->published);
    if (waiting < store->event_count)
        bounds->oldest_unpublished_wall_ms = store->events[waiting]->event.draft.wall_ms;
    if (store->event_count > 0 && store->events[store->event_count - 1]->event.seq == store->last)
        bounds->newest_wall_ms = store->events[store->event_count - 1]->event.draft.wall_ms;
}

static void read_alerts(const struct fake_store *store, struct store_read *read)
{
    const struct fake_node *node = NULL;
    while (wants_event(read) && (node = next_row(store, read, node)) != NULL) {
        int64_t seq = row_of(node)->connection.alert_seq;
        if (seq == 0)
            continue;
        size_t place = first_behind(store, seq - 1);
        ASSERT(place < store->event_count && store->events[place]->event.seq == seq);
        add_connection(read, row_of(node), false);
        add_event(read, &store->events[place]->event);
    }
}

static bool is_any_or(struct str wanted, struct str text)
{
    return str_is_empty(wanted) || str_eq(wanted, text);
}

static bool audit_passes(const struct audit_filter *filter, const struct audit_entry *entry)
{
    return is_any_or(filter->method, entry->method) && is_any_or(filter->subject, entry->subject) &&
           is_any_or(filter->outcome, entry->outcome) &&
           (filter->uid < 0 || filter->uid == entry->uid);
}

static void read_audit(const struct fake_store *store, struct store_read *read)
{
    for (size_t i = 0; i < store->audit_count && read->audit_count < limit_of(read); i++) {
        if (store->audit[i].seq <= read->after ||
            !audit_passes(&read->audit_filter, &store->audit[i]))
            continue;
        read->audit = room(read, read->audit, read->audit_count, sizeof(*read->audit));
        struct audit_entry *copy = &read->audit[read->audit_count++];
        *copy = store->audit[i];
        copy->method = arena_copy(&read->arena, copy->method);
        copy->subject = arena_copy(&read->arena, copy->subject);
        copy->outcome = arena_copy(&read->arena, copy->outcome);
        copy->detail = arena_copy(&read->arena, copy->detail);
    }
}

static bool is_before(const struct revocation *a, const struct revocation *b)
{
    int order = str_compare(a->connection, b->connection);
    if (a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms;
    return order != 0 ? order < 0 : a->generation < b->generation;
}

static const struct revocation *next_revocation(const struct fake_store *store,
                                                const struct store_read *read,
                                                const struct revocation *last)
{
    const struct revocation *next = NULL;
    for (size_t i = 0; i < store->revocation_count; i++) {
        const struct revocation *r = &store->revocations[i];
        if (r->due_ms <= read->until_ms && is_any_or(read->connector, r->connector) &&
            (last == NULL || is_before(last, r)) && (next == NULL || is_before(r, next)))
            next = r;
    }
    return next;
}

static void read_revocations(const struct fake_store *store, struct store_read *read)
{
    const struct revocation *r = NULL;
    while (read->revocation_count < limit_of(read) &&
           (r = next_revocation(store, read, r)) != NULL) {
        read->revocations =
            room(read, read->revocations, read->revocation_count, sizeof(*read->revocations));
        struct revocation *copy = &read->revocations[read->revocation_count++];
        *copy = *r;
        copy->connector = arena_copy(&read->arena, r->connector);
        copy->connection = arena_copy(&read->arena, r->connection);
        copy->sealed_token = arena_copy(&read->arena, r->sealed_token);
    }
}

static int compare_uses(const struct token_use *a, const struct token_use *b)
{
    int order = str_compare(a->connection, b->connection);
    if (a->hour_wall_ms != b->hour_wall_ms)
        return a->hour_wall_ms < b->hour_wall_ms ? -1 : 1;
    if (order != 0)
        return order;
    return (a->uid > b->uid) - (a->uid < b->uid);
}

static void read_token_uses(const struct fake_store *store, struct store_read *read)
{
    struct token_use last = {
        .hour_wall_ms = read->after,
        .connection = str_is_set(read->cursor) ? read->cursor : STR(""),
        .uid = read->after_uid,
    };
    while (read->token_use_count < limit_of(read)) {
        const struct token_use *next = NULL;
        for (size_t i = 0; i < store->token_use_count; i++) {
            const struct token_use *use = &store->token_uses[i];
            bool passes = is_any_or(read->audit_filter.subject, use->connection) &&
                          (read->audit_filter.uid < 0 || read->audit_filter.uid == use->uid);
            if (passes && compare_uses(use, &last) > 0 &&
                (next == NULL || compare_uses(use, next) < 0))
                next = use;
        }
        if (next == NULL)
            return;
        last = *next;
        read->token_uses =
            room(read, read->token_uses, read->token_use_count, sizeof(*read->token_uses));
        struct token_use *copy = &read->token_uses[read->token_use_count++];
        *copy = last;
        copy->connection = arena_copy(&read->arena, last.connection);
    }
}

static void read_flow(const struct fake_store *store, struct store_read *read)
{
    const struct flow *flow = fake_store_flow(store, read->name);
    if (flow == NULL)
        return;
    struct flow *copy = arena_alloc(&read->arena, sizeof(*copy));
    record_copy_flow(&read->arena, flow, copy);
    read->flow = copy;
}

static void read_flow_bounds(const struct fake_store *store, struct store_read *read)
{
    struct flow_bounds *bounds = &read->flow_bounds;
    int64_t first_ms = INT64_MAX;
    for (size_t i = 0; i < store->flow_count; i++) {
        const struct flow *flow = &store->flows[i];
        bool is_open = flow->expires_ms > read->until_ms;
        bounds->open += is_open;
        bounds->of_connection += is_open && str_eq(flow->connection, read->subject);
        first_ms = MIN_OF(first_ms, flow->expires_ms);
    }
    const struct fake_node *node = NULL;
    while ((node = fake_tree_after(&store->by_id, node)) != NULL) {
        const struct connection *c = &row_of(node)->connection;
        if (c->phase == PHASE_PENDING)
            first_ms = MIN_OF(first_ms, c->requested_ms + FLOW_LIFETIME_MS);
    }
    bounds->first_end_ms = first_ms == INT64_MAX ? TIME_NONE : first_ms;
}

static void read_meta(const struct fake_store *store, struct store_read *read)
{
    read->value = STR_NONE;
    if (str_eq(read->name, STR(STORE_META_LAST_COMMIT)))
        read->value = arena_printf(&read->arena, "%lld", (long long)store->last_commit_ms);
    for (size_t i = 0; i < store->meta_count; i++) {
        if (str_eq(store->metas[2 * i], read->name))
            read->value = arena_copy(&read->arena, store->metas[2 * i + 1]);
    }
}

void fake_store_answer(struct fake_store *store, struct store_read *read)
{
    read->status = STATUS_OK;
    switch (read->kind) {
    case STORE_READ_CONNECTIONS:
        read_connections(store, read);
        return;
    case STORE_READ_CONNECTION_OWNER:
        read_owner(store, read);
        return;
    case STORE_READ_CONNECTION_PAGE:
        read_page(store, read);
        return;
    case STORE_READ_DUE:
        read_due(store, read);
        return;
    case STORE_READ_OPEN_ATTEMPTS:
        read_attempts(store, read);
        return;
    case STORE_READ_CONNECTORS:
        read_connectors(store, read);
        return;
    case STORE_READ_COUNTS:
        read_counts(store, read);
        return;
    case STORE_READ_EVENTS:
        read_events(store, read);
        return;
    case STORE_READ_EVENT_BOUNDS:
        read_bounds(store, read);
        return;
    case STORE_READ_ALERTS:
        read_alerts(store, read);
        return;
    case STORE_READ_AUDIT:
        read_audit(store, read);
        return;
    case STORE_READ_META:
        read_meta(store, read);
        return;
    case STORE_READ_REVOCATIONS:
        read_revocations(store, read);
        return;
    case STORE_READ_TOKEN_USES:
        read_token_uses(store, read);
        return;
    case STORE_READ_SEEN:
        read_seen(store, read);
        return;
    case STORE_READ_ACCOUNT:
        read_account(store, read);
        return;
    case STORE_READ_FLOW:
        read_flow(store, read);
        return;
    case STORE_READ_FLOW_BOUNDS:
        read_flow_bounds(store, read);
        return;
    }
}
