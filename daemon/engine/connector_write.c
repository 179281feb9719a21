#include "engine/connector_write.h"

#include "common/memory.h"
#include "engine/outbox.h"
#include "port/record.h"

#include <stdlib.h>
#include <string.h>

struct connector_write *connector_write_begin(struct engine *engine, struct catalog_entry *entry,
                                              struct now now)
{
    if (entry != NULL && entry->row_busy)
        return NULL;
    struct connector_write *change = memory_new(sizeof(*change));
    size_t count = entry != NULL ? entry->credential_count : 0;
    change->engine = engine;
    change->entry = entry;
    change->write = store_write_new(now.ms);
    change->credentials = arena_alloc(&change->arena, (count + 1) * sizeof(struct credential));
    change->credential_changed = arena_alloc(&change->arena, (count + 1) * sizeof(bool));
    change->credential_count = count;
    if (entry != NULL) {
        entry->row_busy = true;
        catalog_ref(entry);
        record_copy_connector(&change->arena, &entry->connector, &change->next);
        for (size_t i = 0; i < count; i++)
            record_copy_credential(&change->arena, &entry->credentials[i], &change->credentials[i]);
    }
    engine->background++;
    return change;
}

void connector_write_add_credential(struct connector_write *change,
                                    const struct credential *credential)
{
    memmove(change->credentials + 1, change->credentials,
            change->credential_count * sizeof(*change->credentials));
    memmove(change->credential_changed + 1, change->credential_changed,
            change->credential_count * sizeof(*change->credential_changed));
    change->credentials[0] = *credential;
    change->credential_changed[0] = true;
    change->credential_count++;
}

static void change_free(struct connector_write *change)
{
    change->engine->background--;
    if (change->entry != NULL)
        catalog_unref(change->entry);
    store_write_free(change->write);
    arena_deinit(&change->arena);
    free(change);
}

void connector_write_abandon(struct connector_write *change)
{
    if (change->entry != NULL)
        change->entry->row_busy = false;
    change_free(change);
}

static void on_committed(struct completion *completion, struct now now)
{
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct connector_write *change = write->user;
    struct engine *engine = change->engine;
    if (change->entry != NULL)
        change->entry->row_busy = false;
    if (write->status == STATUS_OK) {
        change->next.version++;
        if (change->stamps_rotated)
            change->next.rotated_seq = write->first_event_seq;
        if (change->stamps_rescoped)
            change->next.rescoped_seq = write->first_event_seq;
        if (change->removes)
            catalog_remove(engine, change->entry);
        else if (change->entry == NULL || !change->entry->gone)
            catalog_put(engine, &change->next, change->credentials, change->credential_count);
        outbox_kick(engine, now);
    }
    change->done(change, write->status, &write->error, now);
    change_free(change);
}

void connector_write_commit(struct connector_write *change,
                            void (*done)(struct connector_write *change, enum status status,
                                         const struct error *err, struct now now),
                            void *user)
{
    change->done = done;
    change->user = user;
    if (change->removes)
        store_write_delete_connector(change->write, change->next.id, change->next.version);
    else
        store_write_put_connector(change->write, &change->next);
    for (size_t i = 0; i < change->credential_count && !change->removes; i++) {
        if (change->credential_changed[i])
            store_write_put_credential(change->write, &change->credentials[i]);
    }
    change->write->user = change;
    change->write->completion.resume = on_committed;
    change->engine->store.write(change->engine->store.ctx, change->write);
}
