/* The connections: each with its place by id and by due time, and the keys of its owner. */
#include "common/assert.h"
#include "common/memory.h"
#include "port/record.h"
#include "support/fake_store_state.h"

#include <stdlib.h>

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

void fake_store_drop_row(struct fake_store *store, struct fake_row *row)
{
    each_key(store, &row->connection, row, key_drop);
    if (row->connection.due_ms != TIME_NONE)
        fake_tree_remove(&store->by_due, &row->by_due);
    fake_tree_remove(&store->by_id, &row->by_id);
    arena_deinit(&row->arena);
    free(row);
}

/* All but the newest `keep` of a connection. */
void fake_store_drop_rescues(struct fake_store *store, struct str connection, size_t keep)
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

void fake_store_put_connection(struct fake_store *store, const struct connection *c)
{
    struct fake_row *row = fake_store_row(store, c->id);
    bool is_new = row == NULL;
    if (!is_new &&
        (row->connection.generation != c->generation || row->connection.phase != c->phase))
        fake_store_drop_rescues(store, c->id, 0);
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

void fake_store_note_read(struct fake_store *store, const struct store_op *op)
{
    struct fake_row *row = fake_store_row(store, op->id);
    if (row != NULL)
        row->connection.last_read_ms = MAX_OF(row->connection.last_read_ms, op->number);
}

bool fake_store_keys_are_free(struct fake_store *store, const struct connection *c)
{
    return each_key(store, c, fake_store_row(store, c->id), key_is_free);
}

void fake_store_seed(struct fake_store *store, const struct connection *connection)
{
    fake_store_put_connection(store, connection);
}
