#include "port/store.h"

#include "common/assert.h"
#include "common/memory.h"
#include "common/spares.h"
#include "port/record.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* Requests come with what a refresh needs, so that it takes one block: a write of its intent (1
 * operation) or outcome (2 to 4), a read of its connection. They hold what is in the store's file
 * too: what is secret of it is sealed. */

struct write_block {
    struct store_write write;
    struct store_op ops[4];
    alignas(max_align_t) char room[3 * 1024];
};

struct read_block {
    struct store_read read;
    alignas(max_align_t) char room[3 * 1024];
};

static _Thread_local struct spares spare_writes = {.size = sizeof(struct write_block)};
static _Thread_local struct spares spare_reads = {.size = sizeof(struct read_block)};

struct store_write *store_write_new(int64_t now_ms)
{
    struct write_block *block = spares_take(&spare_writes);
    block->write = (struct store_write){
        .now_ms = now_ms, .ops = block->ops, .op_capacity = ARRAY_LEN(block->ops)};
    block->write.arena.is_plain = true;
    arena_lend(&block->write.arena, block->room, sizeof(block->room));
    return &block->write;
}

void store_write_free(struct store_write *write)
{
    if (write == NULL)
        return;
    struct write_block *block = CONTAINER_OF(write, struct write_block, write);
    arena_deinit(&write->arena);
    if (write->ops != block->ops)
        free(write->ops);
    spares_give(&spare_writes, block);
}

static void grow_ops(struct store_write *write)
{
    struct write_block *block = CONTAINER_OF(write, struct write_block, write);
    bool is_first = write->ops == block->ops;
    write->op_capacity *= 2;
    ASSERT(write->op_capacity <= STORE_WRITE_OPS_MAX);
    write->ops =
        memory_grow(is_first ? NULL : write->ops, write->op_capacity * sizeof(write->ops[0]));
    if (is_first)
        memcpy(write->ops, block->ops, sizeof(block->ops));
}

static struct store_op *add_op(struct store_write *write, enum store_op_kind kind)
{
    ASSERT(write != NULL);
    if (write->op_count == write->op_capacity)
        grow_ops(write);
    struct store_op *op = &write->ops[write->op_count++];
    *op = (struct store_op){.kind = kind};
    return op;
}

/** Replace each text by a copy that lives as long as the write. */
static void own(struct store_write *write, struct str *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        *texts[i] = arena_copy(&write->arena, *texts[i]);
}

void store_write_put_connection(struct store_write *write, const struct connection *connection)
{
    struct connection *copy = arena_alloc(&write->arena, sizeof(*copy));
    record_copy_connection(&write->arena, connection, copy);
    add_op(write, STORE_OP_PUT_CONNECTION)->connection = copy;
}

void store_write_lend_connection(struct store_write *write, const struct connection *connection,
                                 const struct connection *before)
{
    struct store_op *op = add_op(write, STORE_OP_PUT_CONNECTION);
    op->connection = connection;
    op->before = before;
}

void store_write_open_attempt(struct store_write *write, struct str connection,
                              int64_t expected_version, uint64_t attempt_id,
                              struct str refresh_print)
{
    ASSERT(attempt_id != 0);
    struct store_op *op = add_op(write, STORE_OP_OPEN_ATTEMPT);
    op->id = arena_copy(&write->arena, connection);
    op->number = expected_version;
    op->attempt_id = attempt_id;
    op->value = arena_copy(&write->arena, refresh_print);
}

void store_write_close_attempt(struct store_write *write, struct str connection,
                               uint64_t attempt_id)
{
    struct store_op *op = add_op(write, STORE_OP_CLOSE_ATTEMPT);
    op->id = arena_copy(&write->arena, connection);
    op->attempt_id = attempt_id;
}

void store_write_put_connector(struct store_write *write, const struct connector *connector)
{
    struct connector *copy = arena_alloc(&write->arena, sizeof(*copy));
    record_copy_connector(&write->arena, connector, copy);
    add_op(write, STORE_OP_PUT_CONNECTOR)->connector = copy;
}

void store_write_delete_connector(struct store_write *write, struct str id, int64_t version)
{
    struct connector *named = arena_alloc(&write->arena, sizeof(*named));
    *named = (struct connector){.id = arena_copy(&write->arena, id), .version = version};
    add_op(write, STORE_OP_DELETE_CONNECTOR)->connector = named;
}

void store_write_put_credential(struct store_write *write, const struct credential *credential)
{
    struct credential *copy = arena_alloc(&write->arena, sizeof(*copy));
    record_copy_credential(&write->arena, credential, copy);
    add_op(write, STORE_OP_PUT_CREDENTIAL)->credential = copy;
}

static const struct event_draft *copy_event(struct store_write *write,
                                            const struct event_draft *event)
{
    struct event_draft *copy = arena_alloc(&write->arena, sizeof(*copy));
    *copy = *event;
    struct str *const texts[] = {&copy->type, &copy->subject, &copy->data};
    own(write, texts, ARRAY_LEN(texts));
    return copy;
}

void store_write_append_event(struct store_write *write, const struct event_draft *event,
                              enum event_stamp stamp)
{
    struct store_op *op = add_op(write, STORE_OP_APPEND_EVENT);
    op->event = copy_event(write, event);
    op->stamp = stamp;
}

void store_write_append_audit(struct store_write *write, const struct audit_entry *audit)
{
    struct audit_entry *copy = arena_alloc(&write->arena, sizeof(*copy));
    *copy = *audit;
    struct str *const texts[] = {&copy->method, &copy->subject, &copy->outcome, &copy->detail};
    own(write, texts, ARRAY_LEN(texts));
    add_op(write, STORE_OP_APPEND_AUDIT)->audit = copy;
}

void store_write_set_published(struct store_write *write, int64_t seq)
{
    add_op(write, STORE_OP_SET_PUBLISHED)->number = seq;
}

void store_write_restart_log(struct store_write *write, int64_t first, int64_t new_first,
                             const struct event_draft *event)
{
    ASSERT(first > 0 && new_first >= first);
    struct store_op *op = add_op(write, STORE_OP_RESTART_LOG);
    op->number = first;
    op->number_b = new_first;
    op->event = copy_event(write, event);
}

void store_write_purge_events(struct store_write *write, int64_t before_wall_ms)
{
    add_op(write, STORE_OP_PURGE_EVENTS)->number = before_wall_ms;
}

void store_write_put_rescue(struct store_write *write, struct str connection, struct str sealed)
{
    struct store_op *op = add_op(write, STORE_OP_PUT_RESCUE);
    op->id = arena_copy(&write->arena, connection);
    op->value = arena_copy(&write->arena, sealed);
}

void store_write_put_meta(struct store_write *write, struct str name, struct str value)
{
    struct store_op *op = add_op(write, STORE_OP_PUT_META);
    op->id = arena_copy(&write->arena, name);
    op->value = arena_copy(&write->arena, value);
}

void store_write_put_revocation(struct store_write *write, const struct revocation *revocation)
{
    struct revocation *copy = arena_alloc(&write->arena, sizeof(*copy));
    *copy = *revocation;
    struct str *const texts[] = {&copy->connector, &copy->connection, &copy->sealed_token};
    own(write, texts, ARRAY_LEN(texts));
    add_op(write, STORE_OP_PUT_REVOCATION)->revocation = copy;
}

void store_write_drop_revocation(struct store_write *write, struct str connection,
                                 int64_t generation)
{
    struct store_op *op = add_op(write, STORE_OP_DROP_REVOCATION);
    op->id = arena_copy(&write->arena, connection);
    op->number = generation;
}

void store_write_add_token_use(struct store_write *write, const struct token_use *use)
{
    struct token_use *copy = arena_alloc(&write->arena, sizeof(*copy));
    *copy = *use;
    copy->connection = arena_copy(&write->arena, use->connection);
    add_op(write, STORE_OP_ADD_TOKEN_USE)->use = copy;
}

void store_write_purge_audit(struct store_write *write, int64_t before_wall_ms)
{
    add_op(write, STORE_OP_PURGE_AUDIT)->number = before_wall_ms;
}

void store_write_put_flow(struct store_write *write, const struct flow *flow)
{
    ASSERT(!str_is_empty(flow->print) && !str_is_empty(flow->connection));
    struct flow *copy = arena_alloc(&write->arena, sizeof(*copy));
    record_copy_flow(&write->arena, flow, copy);
    add_op(write, STORE_OP_PUT_FLOW)->flow = copy;
}

void store_write_take_flow(struct store_write *write, struct str print)
{
    add_op(write, STORE_OP_TAKE_FLOW)->id = arena_copy(&write->arena, print);
}

void store_write_purge_flows(struct store_write *write, int64_t now_ms)
{
    add_op(write, STORE_OP_PURGE_FLOWS)->number = now_ms;
}

void store_write_drop_pending(struct store_write *write, struct str connection)
{
    add_op(write, STORE_OP_DROP_PENDING)->id = arena_copy(&write->arena, connection);
}

void store_write_note_read(struct store_write *write, struct str connection, int64_t at_ms)
{
    struct store_op *op = add_op(write, STORE_OP_NOTE_READ);
    op->id = arena_copy(&write->arena, connection);
    op->number = at_ms;
}

void store_write_put_seen(struct store_write *write, struct str source, struct str id,
                          int64_t until_ms)
{
    struct store_op *op = add_op(write, STORE_OP_PUT_SEEN);
    op->id = arena_copy(&write->arena, source);
    op->value = arena_copy(&write->arena, id);
    op->number = until_ms;
}

void store_write_purge_seen(struct store_write *write, int64_t now_ms)
{
    add_op(write, STORE_OP_PURGE_SEEN)->number = now_ms;
}

bool store_read_is_last(const struct store_read *read)
{
    bool is_full = read->limit > 0 && read->event_count >= read->limit;
    return !is_full && (read->bytes_max == 0 || read->event_bytes < read->bytes_max);
}

struct store_read *store_read_new(enum store_read_kind kind)
{
    struct read_block *block = spares_take(&spare_reads);
    block->read = (struct store_read){
        .kind = kind,
        .filter = {.state = -1, .reason = -1},
        .audit_filter = {.uid = -1},
        .arena = {.is_plain = true},
    };
    arena_lend(&block->read.arena, block->room, sizeof(block->room));
    return &block->read;
}

void store_read_free(struct store_read *read)
{
    if (read == NULL)
        return;
    arena_deinit(&read->arena);
    spares_give(&spare_reads, CONTAINER_OF(read, struct read_block, read));
}
