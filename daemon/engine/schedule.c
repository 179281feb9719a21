#include "engine/schedule.h"

#include "common/assert.h"
#include "engine/job.h"
#include "engine/lanes.h"
#include "engine/window.h"

/* ---- where a task goes when its job is over, or its record was saved ---- */

static void task_forget_asker(struct task *task)
{
    task->forced = task->insisted = task->is_probe = task->recovers = false;
    task->rested = task->turned_away = false;
}

static void settle(struct engine *engine, struct task *task, int64_t due_ms, int64_t expires_ms)
{
    ASSERT(task->job == NULL);
    task_detach(engine, task);
    task_forget_asker(task);
    task->due_ms = task->stored_due_ms = due_ms;
    task->expires_ms = expires_ms;
    if (due_ms == TIME_NONE || !window_holds(&engine->schedule, task->id, due_ms)) {
        window_let_go(engine, due_ms);
        task_free(engine, task);
        return;
    }
    window_put(engine, task);
}

static void hold(struct engine *engine, struct task *task, int64_t at_ms)
{
    ASSERT(task->job == NULL);
    task_detach(engine, task);
    task_forget_asker(task);
    task->due_ms = at_ms;
    window_put(engine, task);
}

void schedule_rest(struct engine *engine, struct task *task, int64_t at_ms)
{
    ASSERT(task->job == NULL);
    task_detach(engine, task);
    task_forget_asker(task);
    task->overtaken = task->noted = false;
    task->due_ms = at_ms;
    heap_push(&engine->schedule.resting, &task->node, at_ms);
    task->place = TASK_RESTING;
}

/* An unregistered connector's connection: whatever has its id now is the window's to find. */
static void release_gone(struct engine *engine, struct task *task)
{
    struct schedule_state *schedule = &engine->schedule;
    if (task->noted && task->noted_due_ms != TIME_NONE) {
        window_let_go(engine, task->noted_due_ms);
        window_draw_back(schedule, task->noted_due_ms);
    }
    task_free(engine, task);
}

void schedule_release(struct engine *engine, struct task *task, const struct connection *connection,
                      int64_t hold_until_ms)
{
    ASSERT(task->job == NULL);
    if (task->entry->gone) {
        release_gone(engine, task);
        return;
    }
    bool is_newer =
        task->noted && task->noted_version > (connection != NULL ? connection->version : 0);
    int64_t due_ms = TIME_NONE, expires_ms = TIME_NONE;
    if (is_newer) {
        due_ms = task->noted_due_ms;
        expires_ms = task->noted_expires_ms;
    } else if (connection != NULL) {
        due_ms = connection->due_ms;
        expires_ms = connection->expires_ms;
    }
    task->overtaken = task->noted = false;
    if (hold_until_ms != TIME_NONE && !is_newer)
        hold(engine, task, hold_until_ms);
    else
        settle(engine, task, due_ms, expires_ms);
}

void schedule_overtake(struct engine *engine, struct str connection)
{
    struct task *task = task_find(engine, connection);
    if (task != NULL && task->place == TASK_RUNNING)
        task->overtaken = true;
}

/* The newest counts; a record that was made anew after its connector went counts from 1 again. */
static void note_running(struct task *task, const struct connection *connection)
{
    if (task->noted && !task->entry->gone && connection->version <= task->noted_version)
        return;
    task->noted = true;
    task->noted_version = connection->version;
    task->noted_due_ms = connection->due_ms;
    task->noted_expires_ms = connection->expires_ms;
}

void schedule_note(struct engine *engine, const struct connection *connection, struct now now)
{
    struct task *task = task_find(engine, connection->id);
    if (task != NULL && task->place == TASK_RUNNING) {
        note_running(task, connection);
        return;
    }
    if (task != NULL && task->waiters != NULL && task->place == TASK_RESTING) {
        lane_bypass(engine, task, now); /* it reads the newer record, and tells who waits */
        return;
    }
    if (task != NULL && !task->entry->gone) {
        if (!task->forced) /* a wanted one is read anew before all else */
            settle(engine, task, connection->due_ms, connection->expires_ms);
        return;
    }
    struct catalog_entry *entry = catalog_find(engine, connection->connector);
    if (entry == NULL || connection->due_ms == TIME_NONE)
        return;
    char id[sizeof(engine->schedule.frontier_id)];
    str_copy_cut(connection->id, id, sizeof(id));
    if (!window_holds(&engine->schedule, id, connection->due_ms)) {
        window_let_go(engine, connection->due_ms);
        return;
    }
    task = task_get(engine, connection->id, entry);
    if (task == NULL) { /* full: the frontier comes back to it */
        window_let_go(engine, connection->due_ms);
        window_draw_back(&engine->schedule, connection->due_ms);
        return;
    }
    settle(engine, task, connection->due_ms, connection->expires_ms);
}

/* ---- who asks, and who has to be told ---- */

void schedule_force(struct engine *engine, struct task *task, struct now now)
{
    if (task->place == TASK_RESTING && !task->insisted)
        return; /* the verdict is there: who asks is told when it has settled */
    task->forced = true;
    if (task->due_ms == TIME_NONE)
        task->due_ms = now.ms;
    if (task->place != TASK_RUNNING)
        lane_offer(engine, task, now);
}

/* @entry NULL: of all */
static void end_resting(struct engine *engine, const struct catalog_entry *entry, struct now now)
{
    struct heap *resting = &engine->schedule.resting;
    size_t unseen = resting->count;
    while (unseen > 0) {
        struct task *task = task_of(resting->nodes[unseen - 1]);
        if (entry == NULL || task->entry == entry)
            lane_bypass(engine, task, now); /* one not seen yet may take its place */
        else
            unseen--;
        unseen = MIN_OF(unseen, resting->count);
    }
}

void schedule_forget(struct engine *engine, struct catalog_entry *entry, struct now now)
{
    window_drop(engine, entry);
    lane_end(engine, entry, now);
    end_resting(engine, entry, now);
}

void schedule_drain(struct engine *engine, struct now now)
{
    end_resting(engine, NULL, now);
    for (size_t i = 0; i < engine->entry_count; i++)
        lane_end(engine, engine->entries[i], now);
}

/* ---- the turn ---- */

/* The verdict has settled: it needs no request, and waits for nobody else's. */
static void wake_resting(struct engine *engine, struct now now)
{
    struct heap_node *top;
    while ((top = heap_top(&engine->schedule.resting)) != NULL && top->key <= now.ms &&
           engine->jobs < ENGINE_JOBS_MAX) {
        struct task *task = task_of(top);
        task_detach(engine, task);
        task->rested = true;
        job_start(engine, task, 0, now);
    }
}

void schedule_turn(struct engine *engine, struct now now)
{
    struct schedule_state *schedule = &engine->schedule;
    if (engine->draining)
        return;
    wake_resting(engine, now);
    bool is_routine = engine->recovery == RECOVERY_DONE;
    if (is_routine)
        window_read(engine, now);
    if (is_routine && now.ms >= schedule->next_tick_ms) {
        struct heap_node *top;
        bool moved = false;
        while ((top = heap_top(&schedule->upcoming)) != NULL && task_of(top)->due_ms <= now.ms) {
            lane_offer(engine, task_of(top), now);
            moved = true;
        }
        if (moved)
            schedule->next_tick_ms = now.ms + ENGINE_TICK_MS;
    }
    lanes_turn(engine, now);
}

int64_t schedule_next_ms(const struct engine *engine)
{
    const struct schedule_state *schedule = &engine->schedule;
    int64_t next_ms = INT64_MAX;
    if (engine->draining || engine->recovery != RECOVERY_DONE)
        return next_ms;
    const struct heap_node *top = heap_top(&schedule->upcoming);
    if (top != NULL)
        next_ms = MAX_OF(top->key, schedule->next_tick_ms);
    if (window_is_short(schedule))
        next_ms = MIN_OF(next_ms, schedule->retry_read_ms);
    top = heap_top(&schedule->resting);
    if (top != NULL && engine->jobs < ENGINE_JOBS_MAX)
        next_ms = MIN_OF(next_ms, top->key);
    return MIN_OF(next_ms, lanes_next_ms(engine));
}

int64_t schedule_overdue_ms(const struct engine *engine, struct now now)
{
    const struct heap_node *top = heap_top(&engine->schedule.upcoming);
    if (top == NULL || engine->draining || engine->recovery != RECOVERY_DONE)
        return 0;
    return MAX_OF(now.ms - MAX_OF(top->key, engine->schedule.next_tick_ms), 0);
}

void schedule_free(struct engine *engine)
{
    struct schedule_state *schedule = &engine->schedule;
    for (size_t i = 0; i < SCHEDULE_BUCKETS; i++) {
        while (schedule->by_id[i] != NULL) {
            /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): task_free() unlinks it */
            schedule->by_id[i]->waiters = NULL;
            task_free(engine, schedule->by_id[i]);
        }
    }
    heap_deinit(&schedule->upcoming);
    heap_deinit(&schedule->resting);
}
