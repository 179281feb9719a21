#include "support/fake_store.h"

#include "common/assert.h"
#include "common/memory.h"
#include "support/fake_store_state.h"

#include <stdlib.h>

/* ---- the orders ---- */

static int compare_ids(const struct fake_node *a, const struct fake_node *b)
{
    return str_compare(FAKE_ROW(a, struct fake_row, by_id)->connection.id,
                       FAKE_ROW(b, struct fake_row, by_id)->connection.id);
}

static int compare_due(const struct fake_node *a, const struct fake_node *b)
{
    const struct connection *left = &FAKE_ROW(a, struct fake_row, by_due)->connection;
    const struct connection *right = &FAKE_ROW(b, struct fake_row, by_due)->connection;
    if (left->due_ms != right->due_ms)
        return left->due_ms < right->due_ms ? -1 : 1;
    return str_compare(left->id, right->id);
}

static int compare_owners(const struct fake_node *a, const struct fake_node *b)
{
    const struct fake_owner *left = FAKE_ROW(a, struct fake_owner, by_key);
    const struct fake_owner *right = FAKE_ROW(b, struct fake_owner, by_key);
    int order = str_compare(left->connector, right->connector);
    return order != 0 ? order : str_compare(left->key, right->key);
}

/* ---- faults ---- */

static bool is_about(enum fake_store_when when, const struct store_write *write)
{
    bool puts = false, opens = false, closes = false, connector = false, published = false,
         meta = false;
    for (size_t i = 0; i < write->op_count; i++) {
        enum store_op_kind kind = write->ops[i].kind;
        puts = puts || kind == STORE_OP_PUT_CONNECTION;
        opens = opens || kind == STORE_OP_OPEN_ATTEMPT;
        closes = closes || kind == STORE_OP_CLOSE_ATTEMPT;
        connector = connector || kind == STORE_OP_PUT_CONNECTOR;
        published = published || kind == STORE_OP_SET_PUBLISHED;
        meta = meta || kind == STORE_OP_PUT_META;
    }
    switch (when) {
    case FAKE_STORE_ANY:
        return true;
    case FAKE_STORE_INTENTS:
        return opens;
    case FAKE_STORE_SAVES:
        return closes;
    case FAKE_STORE_META:
        return meta;
    case FAKE_STORE_CONNECTORS:
        return connector;
    case FAKE_STORE_IMPORTS:
        return puts && !closes && !connector;
    case FAKE_STORE_PUBLISHED:
        return published;
    }
    UNREACHABLE("a kind of write");
}

static enum fake_write_fate planned_fate(struct fake_store *store, const struct store_write *write)
{
    for (size_t i = 0; i < store->fault_count; i++) {
        struct fake_store_fault *fault = &store->faults[i];
        if (fault->count == 0 || !is_about(fault->when, write))
            continue;
        if (fault->skip > 0) {
            fault->skip--;
            continue;
        }
        if (fault->count > 0)
            fault->count--;
        return fault->fate;
    }
    return FAKE_WRITE_DONE;
}

static enum fake_write_fate random_fate(const struct fake_store_odds *odds)
{
    if (odds->random == NULL)
        return FAKE_WRITE_DONE;
    const struct {
        int64_t chance;
        enum fake_write_fate fate;
    } fates[] = {
        {odds->conflict, FAKE_WRITE_CONFLICT},
        {odds->unavailable, FAKE_WRITE_UNAVAILABLE},
        {odds->uncertain_done, FAKE_WRITE_UNCERTAIN_DONE},
        {odds->uncertain_not_done, FAKE_WRITE_UNCERTAIN_NOT_DONE},
        {odds->crash_before, FAKE_WRITE_CRASH_BEFORE},
        {odds->crash_after, FAKE_WRITE_CRASH_AFTER},
    };
    int64_t dice = fake_random_below(odds->random, 1000000);
    for (size_t i = 0; i < ARRAY_LEN(fates); i++) {
        if (dice < fates[i].chance)
            return fates[i].fate;
        dice -= fates[i].chance;
    }
    return FAKE_WRITE_DONE;
}

/* ---- carrying out ---- */

static enum status do_write(struct fake_store *store, struct store_write *write)
{
    enum status status = fake_store_apply(store, write);
    if (status == STATUS_OK) {
        store->health.commits++;
        if (store->hooks.wrote != NULL)
            store->hooks.wrote(store->hooks.ctx, write);
    }
    return status;
}

static void crash(struct fake_store *store)
{
    if (store->hooks.crash != NULL)
        store->hooks.crash(store->hooks.ctx);
}

static enum status fail(struct store_write *write, enum status status)
{
    return error_set(&write->error, status, "the fake store was told to");
}

static enum status carry_out(struct fake_store *store, struct store_write *write)
{
    enum fake_write_fate fate = planned_fate(store, write);
    if (fate == FAKE_WRITE_DONE)
        fate = random_fate(&store->odds);
    enum status status = STATUS_OK;
    switch (fate) {
    case FAKE_WRITE_DONE:
        return do_write(store, write);
    case FAKE_WRITE_CONFLICT:
        return fail(write, STATUS_CONFLICT);
    case FAKE_WRITE_UNAVAILABLE:
        return fail(write, STATUS_UNAVAILABLE);
    case FAKE_WRITE_UNCERTAIN_DONE:
        status = do_write(store, write);
        write->first_event_seq = 0;
        return status == STATUS_OK ? fail(write, STATUS_UNCERTAIN) : status;
    case FAKE_WRITE_UNCERTAIN_NOT_DONE:
        return fail(write, STATUS_UNCERTAIN);
    case FAKE_WRITE_CRASH_BEFORE:
        crash(store);
        return fail(write, STATUS_UNAVAILABLE);
    case FAKE_WRITE_CRASH_AFTER:
        status = do_write(store, write);
        crash(store);
        return status;
    }
    UNREACHABLE("a fate");
}

static bool read_fails(struct fake_store *store)
{
    if (store->failing_reads != 0) {
        if (store->failing_reads > 0)
            store->failing_reads--;
        return true;
    }
    return store->odds.random != NULL &&
           fake_random_happens(store->odds.random, store->odds.read_unavailable);
}

static void finish(struct fake_store *store, struct fake_request request)
{
    if (request.write != NULL) {
        store->health.writes++;
        request.write->status = store->is_cut ? STATUS_OK : carry_out(store, request.write);
        inbox_put(store->inbox, &request.write->completion);
        return;
    }
    ASSERT(request.read != NULL);
    store->health.reads++;
    if (store->is_cut)
        request.read->status = STATUS_OK;
    else if (read_fails(store))
        request.read->status =
            error_set(&request.read->error, STATUS_UNAVAILABLE, "the fake store was told to");
    else
        fake_store_answer(store, request.read);
    inbox_put(store->inbox, &request.read->completion);
}

static void work(void *ctx)
{
    struct fake_store *store = ctx;
    if (store->queue_head == store->queue_count) { /* it was cut meanwhile */
        store->is_working = false;
        return;
    }
    struct fake_request request = store->queue[store->queue_head++];
    store->is_working = store->queue_head < store->queue_count;
    if (store->is_working)
        fake_clock_after(store->clock, store->latency_ms, work, store);
    else
        store->queue_head = store->queue_count = 0;
    finish(store, request);
}

static void submit(struct fake_store *store, struct fake_request request)
{
    if (store->is_cut) {
        finish(store, request);
        return;
    }
    if (store->queue_count == store->queue_capacity) {
        store->queue_capacity = store->queue_capacity == 0 ? 64 : store->queue_capacity * 2;
        store->queue = memory_grow(store->queue, store->queue_capacity * sizeof(request));
    }
    store->queue[store->queue_count++] = request;
    if (store->is_working)
        return;
    store->is_working = true;
    fake_clock_after(store->clock, store->latency_ms, work, store);
}

static void on_write(void *ctx, struct store_write *write)
{
    submit(ctx, (struct fake_request){.write = write});
}

static void on_read(void *ctx, struct store_read *read)
{
    submit(ctx, (struct fake_request){.read = read});
}

static void on_health(void *ctx, struct store_health *ret_health)
{
    struct fake_store *store = ctx;
    *ret_health = store->health;
    ret_health->writable = true;
    ret_health->queued = fake_store_queued(store);
}

/* The timer that is set fires on an emptied queue: it has to find none to do. */
void fake_store_cut(struct fake_store *store)
{
    store->is_cut = true;
    size_t head = store->queue_head, count = store->queue_count;
    store->queue_head = store->queue_count = 0;
    for (size_t i = head; i < count; i++)
        finish(store, store->queue[i]);
}

void fake_store_reopen(struct fake_store *store)
{
    store->is_cut = false;
}

/* ---- life ---- */

struct fake_store *fake_store_new(struct fake_clock *clock, struct inbox *inbox)
{
    struct fake_store *store = memory_new(sizeof(*store));
    store->clock = clock;
    store->inbox = inbox;
    store->latency_ms = 1;
    store->by_id.compare = compare_ids;
    store->by_due.compare = compare_due;
    store->owners.compare = compare_owners;
    return store;
}

void fake_store_free(struct fake_store *store)
{
    if (store == NULL)
        return;
    fake_store_wipe(store);
    free(store->queue);
    free(store);
}

struct store_port fake_store_port(struct fake_store *store)
{
    return (struct store_port){
        .ctx = store, .write = on_write, .read = on_read, .health = on_health};
}

void fake_store_set_latency(struct fake_store *store, int64_t latency_ms)
{
    store->latency_ms = latency_ms;
}

void fake_store_fail(struct fake_store *store, struct fake_store_fault fault)
{
    ASSERT(store->fault_count < FAKE_STORE_FAULTS_MAX);
    store->faults[store->fault_count++] = fault;
}

void fake_store_fail_reads(struct fake_store *store, int count)
{
    store->failing_reads = count;
}

void fake_store_clear_faults(struct fake_store *store)
{
    store->fault_count = 0;
    store->failing_reads = 0;
}

void fake_store_set_odds(struct fake_store *store, struct fake_store_odds odds)
{
    store->odds = odds;
}

void fake_store_set_hooks(struct fake_store *store, struct fake_store_hooks hooks)
{
    store->hooks = hooks;
}

/* ---- for tests ---- */

const struct connection *fake_store_connection(const struct fake_store *store, struct str id)
{
    const struct fake_row *row = fake_store_row(store, id);
    return row != NULL ? &row->connection : NULL;
}

const struct connector *fake_store_connector(const struct fake_store *store, struct str id)
{
    const struct fake_connector_row *row = fake_store_connector_row(store, id);
    return row != NULL ? &row->connector : NULL;
}

const struct connection *fake_store_next(const struct fake_store *store,
                                         const struct connection *after)
{
    const struct fake_row *row =
        after != NULL ? FAKE_ROW(after, struct fake_row, connection) : NULL;
    const struct fake_node *node = fake_tree_after(&store->by_id, row != NULL ? &row->by_id : NULL);
    return node != NULL ? &FAKE_ROW(node, struct fake_row, by_id)->connection : NULL;
}

struct str fake_store_attempt_print(const struct fake_store *store, struct str id)
{
    const struct fake_row *row = fake_store_row(store, id);
    return row != NULL ? row->attempt_print : STR_NONE;
}

size_t fake_store_event_count(const struct fake_store *store)
{
    return store->event_count;
}

const struct stored_event *fake_store_event(const struct fake_store *store, size_t index)
{
    return &store->events[index]->event;
}

int64_t fake_store_published(const struct fake_store *store)
{
    return store->published;
}

int64_t fake_store_last(const struct fake_store *store)
{
    return store->last;
}

size_t fake_store_rescued(const struct fake_store *store, struct str connection)
{
    size_t count = 0;
    for (size_t i = 0; i < store->rescue_count; i++)
        count += str_eq(store->rescues[i], connection);
    return count;
}

size_t fake_store_flow_count(const struct fake_store *store)
{
    return store->flow_count;
}

const struct credential *fake_store_credential(const struct fake_store *store, struct str connector,
                                               int64_t version)
{
    for (size_t i = 0; i < store->credential_count; i++) {
        const struct credential *credential = &store->credentials[i]->credential;
        if (str_eq(credential->connector, connector) && credential->version == version)
            return credential;
    }
    return NULL;
}

size_t fake_store_revocation_count(const struct fake_store *store)
{
    return store->revocation_count;
}

const struct audit_entry *fake_store_audit(const struct fake_store *store, size_t index)
{
    return &store->audit[index];
}

size_t fake_store_audit_count(const struct fake_store *store)
{
    return store->audit_count;
}

size_t fake_store_connection_count(const struct fake_store *store)
{
    return store->by_id.count;
}

size_t fake_store_queued(const struct fake_store *store)
{
    return store->queue_count - store->queue_head;
}
