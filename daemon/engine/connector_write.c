#include "engine/connector_write.h"

#include "common/memory.h"
#include "engine/outbox.h"
#include "engine/schedule.h"
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
        change->entry->row_busy = change->entry->leaving = false;
    change_free(change);
}

static void change_end(struct connector_write *change, enum status status, struct now now)
{
    if (change->entry != NULL)
        change->entry->row_busy = change->entry->leaving = false;
    if (status == STATUS_OK)
        outbox_kick(change->engine, now);
    change->done(change, status, &change->write->error, now);
    change_free(change);
}

static void forget(struct connector_write *change, struct now now)
{
    schedule_forget(change->engine, change->entry, now);
    catalog_remove(change->engine, change->entry);
}

/* ---- it may have been written, or the row is not the one we know ---- */

static const struct connector *find_row(const struct store_read *read, struct str id)
{
    for (size_t i = 0; i < read->connector_count; i++) {
        if (str_eq(read->connectors[i].id, id))
            return &read->connectors[i];
    }
    return NULL;
}

/* Only one write of a row is under way at a time: the next version is what this one made. */
static enum status take_stored(struct connector_write *change, struct store_read *read,
                               struct now now)
{
    const struct connector *stored = find_row(read, change->next.id);
    bool was_uncertain = change->write->status == STATUS_UNCERTAIN;
    if (stored == NULL) {
        if (change->entry != NULL && !change->entry->gone)
            forget(change, now);
        return was_uncertain && !change->removes ? STATUS_UNAVAILABLE
               : change->removes                 ? STATUS_OK
                                                 : STATUS_CONFLICT;
    }
    catalog_take(change->engine, stored, read);
    if (!was_uncertain)
        return STATUS_CONFLICT;
    bool is_done = !change->removes && stored->version == change->next.version + 1;
    if (is_done)
        change->next.version++;
    return is_done ? STATUS_OK : STATUS_UNAVAILABLE;
}

static void reload(struct connector_write *change);

static void on_reloaded(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct connector_write *change = read->user;
    /* Nobody may write the row before it is known: its change ends only then. */
    if (read->status != STATUS_OK) {
        change->reload_ms = now.ms + CONNECTOR_RELOAD_MS;
        change->next_reload = change->engine->reloads;
        change->engine->reloads = change;
    } else {
        change_end(change, take_stored(change, read, now), now);
    }
    store_read_free(read);
}

static void reload(struct connector_write *change)
{
    struct store_read *read = store_read_new(STORE_READ_CONNECTORS);
    read->user = change;
    read->completion.resume = on_reloaded;
    change->engine->store.read(change->engine->store.ctx, read);
}

void connector_write_turn(struct engine *engine, struct now now)
{
    struct connector_write **link = &engine->reloads;
    while (*link != NULL) {
        struct connector_write *change = *link;
        if (now.ms < change->reload_ms) {
            link = &change->next_reload;
            continue;
        }
        *link = change->next_reload;
        reload(change);
    }
}

int64_t connector_write_next_ms(const struct engine *engine)
{
    int64_t next_ms = INT64_MAX;
    const struct connector_write *change = engine->reloads;
    for (; change != NULL; change = change->next_reload)
        next_ms = MIN_OF(next_ms, change->reload_ms);
    return next_ms;
}

/* ---- commit ---- */

static void on_committed(struct completion *completion, struct now now)
{
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct connector_write *change = write->user;
    struct engine *engine = change->engine;
    if (write->status == STATUS_CONFLICT || write->status == STATUS_UNCERTAIN) {
        reload(change);
        return;
    }
    if (write->status == STATUS_OK) {
        change->next.version++;
        if (change->stamps_rotated)
            change->next.rotated_seq = write->first_event_seq;
        if (change->stamps_rescoped)
            change->next.rescoped_seq = write->first_event_seq;
        if (change->removes)
            forget(change, now);
        else if (change->entry == NULL || !change->entry->gone)
            catalog_put(engine, &change->next, change->credentials, change->credential_count);
    }
    change_end(change, write->status, now);
}

void connector_write_commit(struct connector_write *change,
                            void (*done)(struct connector_write *change, enum status status,
                                         const struct error *err, struct now now),
                            void *user)
{
    change->done = done;
    change->user = user;
    if (change->removes)
        change->entry->leaving = true;
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
