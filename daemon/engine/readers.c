#include "engine/readers.h"

#include "common/assert.h"
#include "common/memory.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    char connection[144];
    int64_t at_ms;
};

static int compare_readings(const void *a, const void *b)
{
    return strcmp(((const struct reading *)a)->connection, ((const struct reading *)b)->connection);
}

static void put(struct readers_state *state, struct str connection, int64_t at_ms)
{
    struct reading wanted = {.at_ms = at_ms};
    str_copy_cut(connection, wanted.connection, sizeof(wanted.connection));
    struct reading **found = tfind(&wanted, &state->readings, compare_readings);
    if (found != NULL) {
        (*found)->at_ms = MAX_OF((*found)->at_ms, at_ms);
        return;
    }
    if (state->count >= READERS_MAX)
        return;
    struct reading *reading = memory_new(sizeof(*reading));
    *reading = wanted;
    ASSERT(tsearch(reading, &state->readings, compare_readings) != NULL);
    state->count++;
}

void readers_note(struct engine *engine, const struct catalog_entry *entry, struct str connection,
                  struct now now)
{
    struct readers_state *state = &engine->readers;
    if (entry->connector.policy != REFRESH_ON_DEMAND)
        return;
    if (state->count == 0)
        state->flush_due_ms = now.ms + READERS_FLUSH_MS;
    put(state, connection, now.ms);
    if (state->count >= READERS_MAX / 2 && !state->is_unsaved)
        state->flush_due_ms = MIN_OF(state->flush_due_ms, now.ms);
}

int64_t readers_last_ms(const struct engine *engine, struct str connection)
{
    struct reading wanted = {0};
    str_copy_cut(connection, wanted.connection, sizeof(wanted.connection));
    struct reading **found = tfind(&wanted, &engine->readers.readings, compare_readings);
    return found != NULL ? (*found)->at_ms : TIME_NONE;
}

static void on_flushed(struct completion *completion, struct now now)
{
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct engine *engine = write->user;
    struct readers_state *state = &engine->readers;
    engine->background--;
    state->flushing = false;
    bool is_saved = write->status == STATUS_OK;
    for (size_t i = 0; i < write->op_count && !is_saved; i++)
        put(state, write->ops[i].id, write->ops[i].number);
    state->is_unsaved = !is_saved;
    if (state->count > 0)
        state->flush_due_ms = is_saved ? now.ms : now.ms + READERS_FLUSH_MS;
    store_write_free(write);
}

static void flush(struct engine *engine, struct now now)
{
    struct readers_state *state = &engine->readers;
    struct store_write *write = store_write_new(now.ms);
    while (state->count > 0 && write->op_count < READERS_PER_WRITE) {
        struct reading *reading = *(struct reading **)state->readings; /* the root of the tree */
        store_write_note_read(write, str_c(reading->connection), reading->at_ms);
        tdelete(reading, &state->readings, compare_readings);
        free(reading);
        state->count--;
    }
    write->user = engine;
    write->completion.resume = on_flushed;
    state->flushing = true;
    engine->background++;
    engine->store.write(engine->store.ctx, write);
}

bool readers_want_flush(const struct engine *engine)
{
    return engine->readers.count > 0 && !engine->readers.is_unsaved;
}

void readers_turn(struct engine *engine, struct now now)
{
    if (engine->readers.count > 0 && now.ms >= readers_next_ms(engine))
        flush(engine, now);
}

int64_t readers_next_ms(const struct engine *engine)
{
    const struct readers_state *state = &engine->readers;
    if (state->count == 0 || state->flushing)
        return INT64_MAX;
    if (engine->draining)
        return state->is_unsaved ? INT64_MAX : 0;
    return state->flush_due_ms;
}

void readers_free(struct engine *engine)
{
    tdestroy(engine->readers.readings, free);
    engine->readers.readings = NULL;
}
