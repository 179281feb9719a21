#include "engine/window.h"

#include "engine/lanes.h"

#include <string.h>

enum { WINDOW_LOW = ENGINE_WINDOW / 2, WINDOW_HIGH = ENGINE_WINDOW * 4, READ_RETRY_MS = 1000 };

bool window_holds(const struct schedule_state *schedule, const char *id, int64_t due_ms)
{
    if (schedule->all_read || due_ms < schedule->frontier_due_ms)
        return true;
    return due_ms == schedule->frontier_due_ms && strcmp(id, schedule->frontier_id) <= 0;
}

void window_draw_back(struct schedule_state *schedule, int64_t due_ms)
{
    if (!window_holds(schedule, "", due_ms))
        return;
    schedule->all_read = false;
    schedule->frontier_due_ms = due_ms - 1;
    schedule->frontier_id[0] = '\0';
}

void window_let_go(struct engine *engine, int64_t due_ms)
{
    struct schedule_state *schedule = &engine->schedule;
    if (!schedule->reading || due_ms == TIME_NONE)
        return;
    schedule->missed_due_ms = schedule->missed ? MIN_OF(schedule->missed_due_ms, due_ms) : due_ms;
    schedule->missed = true;
}

/* Too much is near: give up what is farthest and draw the frontier back. */
static void trim(struct engine *engine)
{
    struct schedule_state *schedule = &engine->schedule;
    if (schedule->upcoming.count <= WINDOW_HIGH)
        return;
    int64_t due_ms = INT64_MAX;
    heap_sort(&schedule->upcoming);
    while (schedule->upcoming.count > WINDOW_HIGH / 2) {
        struct task *last = task_of(heap_last(&schedule->upcoming));
        due_ms = MIN_OF(due_ms, last->stored_due_ms);
        window_let_go(engine, last->stored_due_ms);
        task_free(engine, last);
    }
    window_draw_back(schedule, due_ms);
}

static void push(struct engine *engine, struct task *task)
{
    task_detach(engine, task);
    heap_push(&engine->schedule.upcoming, &task->node, task->due_ms);
    task->place = TASK_UPCOMING;
}

void window_put(struct engine *engine, struct task *task)
{
    push(engine, task);
    trim(engine);
}

/* How many rows were taken; fewer than there are: too many tasks are in memory. */
static size_t take(struct engine *engine, const struct store_read *read, struct now now)
{
    for (size_t i = 0; i < read->due_count; i++) {
        const struct due_entry *due = &read->due[i];
        struct catalog_entry *entry = catalog_find(engine, due->connector);
        if (entry == NULL || task_find(engine, due->id) != NULL)
            continue;
        if (due->due_ms <= now.ms && lane_lets_go(entry, due->due_ms))
            continue;
        struct task *task = task_get(engine, due->id, entry);
        if (task == NULL)
            return i;
        task->due_ms = task->stored_due_ms = due->due_ms;
        task->expires_ms = due->expires_ms;
        push(engine, task);
    }
    return read->due_count;
}

static void on_window(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct engine *engine = read->user;
    struct schedule_state *schedule = &engine->schedule;
    schedule->reading = false;
    engine->background--;
    if (read->status != STATUS_OK) {
        log_write(engine->log, LOG_LEVEL_WARNING, "schedule.read_failed", read->error.text,
                  LOG_TEXT("status", str_c(status_text(read->status))));
        schedule->retry_read_ms = now.ms + READ_RETRY_MS;
        schedule->missed = false; /* the frontier stays where it was: it comes to them yet */
        store_read_free(read);
        return;
    }
    size_t taken = take(engine, read, now);
    if (taken == read->due_count && taken < read->limit) {
        schedule->all_read = true;
    } else if (taken > 0) {
        const struct due_entry *last = &read->due[taken - 1];
        schedule->frontier_due_ms = last->due_ms;
        str_copy_cut(last->id, schedule->frontier_id, sizeof(schedule->frontier_id));
    }
    if (schedule->missed)
        window_draw_back(schedule, schedule->missed_due_ms);
    schedule->missed = false;
    store_read_free(read);
}

bool window_is_short(const struct schedule_state *schedule)
{
    const struct heap_node *top = heap_top(&schedule->upcoming);
    if (schedule->reading || schedule->all_read ||
        schedule->task_count + ENGINE_WINDOW > ENGINE_TASKS_MAX)
        return false;
    return schedule->upcoming.count < WINDOW_LOW || top->key > schedule->frontier_due_ms;
}

void window_read(struct engine *engine, struct now now)
{
    struct schedule_state *schedule = &engine->schedule;
    if (!window_is_short(schedule) || now.ms < schedule->retry_read_ms)
        return;
    struct store_read *read = store_read_new(STORE_READ_DUE);
    read->until_ms = INT64_MAX;
    read->after_due_ms = schedule->frontier_due_ms;
    read->cursor = arena_copy(&read->arena, str_c(schedule->frontier_id));
    read->limit = ENGINE_WINDOW;
    read->user = engine;
    read->completion.resume = on_window;
    schedule->reading = true;
    engine->background++;
    engine->store.read(engine->store.ctx, read);
}

void window_drop(struct engine *engine, const struct catalog_entry *entry)
{
    struct heap *upcoming = &engine->schedule.upcoming;
    size_t unseen = upcoming->count;
    while (unseen > 0) {
        struct task *task = task_of(upcoming->nodes[unseen - 1]);
        if (task->entry == entry)
            task_free(engine, task); /* one not seen yet may take its place */
        else
            unseen--;
        unseen = MIN_OF(unseen, upcoming->count);
    }
}
