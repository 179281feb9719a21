#include "engine/guard_sweep.h"

#include "common/memory.h"
#include "engine/event_json.h"
#include "engine/outbox.h"
#include "engine/schedule.h"

#include <stdlib.h>

struct guard_sweep {
    struct guard_sweep *next;
    struct engine *engine;
    struct catalog_entry *entry; /* referenced */
    struct hold *hold;           /* NULL: it is over, and so is this */
    char cursor[144];
    bool is_busy, is_done;
    int64_t retry_ms;
    struct store_read *records; /* of the page that is being written */
    struct connection *written; /* what becomes of them; in its arena */
    size_t written_count;
};

void guard_sweep_add(struct engine *engine, struct catalog_entry *entry, struct hold *hold)
{
    struct guard_sweep *sweep = memory_new(sizeof(*sweep));
    sweep->engine = engine;
    sweep->entry = entry;
    sweep->hold = hold;
    catalog_ref(entry);
    hold->sweeps++;
    struct guard_sweep **end = &engine->guard.sweeps;
    while (*end != NULL)
        end = &(*end)->next;
    *end = sweep;
}

void guard_sweep_drop(struct engine *engine, const struct hold *hold)
{
    for (struct guard_sweep *sweep = engine->guard.sweeps; sweep != NULL; sweep = sweep->next) {
        if (sweep->hold == hold)
            sweep->hold = NULL;
    }
}

static void page_failed(struct guard_sweep *sweep, struct now now)
{
    sweep->is_busy = false;
    sweep->retry_ms = now.ms + GUARD_RETRY_MS;
}

/* ---- one page: decide, write ---- */

static bool decide(const struct guard_sweep *sweep, const struct connection *connection,
                   struct now now, struct decision *ret_decision)
{
    struct engine *engine = sweep->engine;
    const struct hold *hold = sweep->hold;
    /* Not all at once: what was let go is refreshed over a minute. */
    int64_t spread_ms = (int64_t)(engine_random(engine) % (60 * 1000));
    switch (hold->todo) {
    case GUARD_ACTION_RECHECK: {
        const struct guard_word word = {.holds = true, .since_ms = hold->since_ms};
        return lifecycle_verdict_recheck(connection,
                                         hold->since_ms - engine->settings.guard_window_ms, word,
                                         &engine->settings.rules, now, ret_decision);
    }
    case GUARD_ACTION_CONFIRM:
        return lifecycle_verdict_end(connection, true, TIME_NONE, now, ret_decision);
    case GUARD_ACTION_CLEAR:
        return lifecycle_verdict_end(connection, false, now.ms + spread_ms, now, ret_decision);
    case GUARD_ACTION_NONE:
        break;
    }
    return false;
}

static void page_done(struct guard_sweep *sweep)
{
    const struct store_read *records = sweep->records;
    str_copy_cut(records->ids[records->id_count - 1], sweep->cursor, sizeof(sweep->cursor));
    sweep->is_busy = false;
}

static void forget_page(struct guard_sweep *sweep)
{
    store_read_free(sweep->records);
    sweep->records = NULL;
}

static void on_written(struct completion *completion, struct now now)
{
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct guard_sweep *sweep = write->user;
    struct engine *engine = sweep->engine;
    engine->background--;
    if (write->status == STATUS_OK) {
        for (size_t i = 0; i < sweep->written_count; i++) {
            sweep->written[i].version++;
            schedule_note(engine, &sweep->written[i], now);
        }
        page_done(sweep);
        outbox_kick(engine, now);
    } else {
        page_failed(sweep, now);
    }
    store_write_free(write);
    forget_page(sweep);
}

static void write_page(struct guard_sweep *sweep, struct store_read *records, struct now now)
{
    struct engine *engine = sweep->engine;
    struct store_write *write = store_write_new(now.ms);
    sweep->records = records;
    sweep->written =
        arena_alloc(&records->arena, records->connection_count * sizeof(*sweep->written) + 1);
    sweep->written_count = 0;
    for (size_t i = 0; i < records->connection_count; i++) {
        const struct connection *connection = &records->connections[i];
        struct decision decision;
        if (!decide(sweep, connection, now, &decision))
            continue;
        schedule_overtake(engine, connection->id);
        store_write_put_connection(write, &decision.next);
        event_append_facts(engine, write, sweep->entry, connection, &decision, now);
        sweep->written[sweep->written_count++] = decision.next;
    }
    if (sweep->written_count == 0) {
        store_write_free(write);
        page_done(sweep);
        forget_page(sweep);
        return;
    }
    write->user = sweep;
    write->completion.resume = on_written;
    engine->background++;
    engine->store.write(engine->store.ctx, write);
}

static bool is_over(const struct guard_sweep *sweep)
{
    return sweep->hold == NULL || sweep->entry->gone || sweep->engine->draining;
}

static void on_records(struct completion *completion, struct now now)
{
    struct store_read *records = CONTAINER_OF(completion, struct store_read, completion);
    struct guard_sweep *sweep = records->user;
    sweep->engine->background--;
    if (records->status == STATUS_OK && !is_over(sweep)) {
        write_page(sweep, records, now);
        return;
    }
    page_failed(sweep, now);
    store_read_free(records);
}

/* ---- the pages ---- */

static void read_records(struct guard_sweep *sweep, const struct store_read *page)
{
    struct store_read *read = store_read_new(STORE_READ_CONNECTIONS);
    read->ids = arena_alloc(&read->arena, page->connection_count * sizeof(*read->ids));
    read->id_count = page->connection_count;
    for (size_t i = 0; i < page->connection_count; i++)
        read->ids[i] = arena_copy(&read->arena, page->connections[i].id);
    read->user = sweep;
    read->completion.resume = on_records;
    sweep->engine->background++;
    sweep->engine->store.read(sweep->engine->store.ctx, read);
}

static void on_page(struct completion *completion, struct now now)
{
    struct store_read *page = CONTAINER_OF(completion, struct store_read, completion);
    struct guard_sweep *sweep = page->user;
    sweep->engine->background--;
    if (page->status != STATUS_OK || is_over(sweep)) {
        page_failed(sweep, now);
    } else if (page->connection_count > 0) {
        read_records(sweep, page);
    } else {
        sweep->is_busy = false;
        sweep->is_done = true;
    }
    store_read_free(page);
}

static void read_page(struct guard_sweep *sweep)
{
    bool rechecks = sweep->hold->todo == GUARD_ACTION_RECHECK;
    struct store_read *page = store_read_new(STORE_READ_CONNECTION_PAGE);
    page->filter = (struct connection_filter){
        .connector = arena_copy(&page->arena, sweep->entry->connector.id),
        .state = rechecks ? (int)STATE_NEEDS_RECONNECT : -1,
        .reason = -1,
        .has_verdict = !rechecks,
    };
    page->cursor = arena_copy(&page->arena, str_c(sweep->cursor));
    page->limit = GUARD_PAGE;
    page->user = sweep;
    page->completion.resume = on_page;
    sweep->is_busy = true;
    sweep->engine->background++;
    sweep->engine->store.read(sweep->engine->store.ctx, page);
}

static void sweep_free(struct guard_sweep *sweep)
{
    store_read_free(sweep->records);
    catalog_unref(sweep->entry);
    free(sweep);
}

static void sweep_end(struct engine *engine, struct now now)
{
    struct guard_sweep *sweep = engine->guard.sweeps;
    engine->guard.sweeps = sweep->next;
    if (sweep->hold != NULL && --sweep->hold->sweeps == 0) {
        sweep->hold->todo = GUARD_ACTION_NONE;
        engine->guard.is_dirty = true;
        /* What it settled may have been the last that another hold was about. */
        for (struct hold *hold = engine->guard.holds; hold != NULL; hold = hold->next)
            hold->look_ms = MIN_OF(hold->look_ms, now.ms);
    }
    sweep_free(sweep);
}

void guard_sweep_turn(struct engine *engine, struct now now)
{
    struct guard_sweep *sweep;
    while ((sweep = engine->guard.sweeps) != NULL && !sweep->is_busy) {
        if (sweep->is_done || sweep->hold == NULL || sweep->entry->gone) {
            sweep_end(engine, now);
            continue;
        }
        if (engine->draining || now.ms < sweep->retry_ms)
            return;
        read_page(sweep);
    }
}

int64_t guard_sweep_next_ms(const struct engine *engine)
{
    const struct guard_sweep *sweep = engine->guard.sweeps;
    if (sweep == NULL || sweep->is_busy || engine->draining)
        return INT64_MAX;
    return sweep->retry_ms;
}

void guard_sweep_free(struct engine *engine)
{
    struct guard_sweep *sweep;
    while ((sweep = engine->guard.sweeps) != NULL) {
        engine->guard.sweeps = sweep->next;
        sweep_free(sweep);
    }
}
