#include "engine/schedule.h"

#include "common/assert.h"
#include "common/memory.h"
#include "engine/endpoint.h"
#include "engine/job.h"
#include "engine/lane_pace.h"

#include <stdlib.h>
#include <string.h>

enum {
    WINDOW_LOW = ENGINE_WINDOW / 2,
    WINDOW_HIGH = ENGINE_WINDOW * 4,
    READ_RETRY_MS = 1000,
    LANE_JOBS_OF_A_PLACE = 2, /* one has it, one writes its intent (core/pacing.h) */
};

static void lane_offer(struct engine *engine, struct task *task, struct now now);
static void start_to_end(struct engine *engine, struct task *task, struct now now);

/* ---- tasks ---- */

/* FNV-1a */
static uint32_t hash_of(struct str id)
{
    uint32_t hash = UINT32_C(2166136261);
    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (unsigned char)id.data[i]) * UINT32_C(16777619);
    return hash;
}

static void link_task(struct schedule_state *schedule, struct task *task)
{
    task->id_hash = hash_of(str_c(task->id));
    struct task **bucket = &schedule->by_id[task->id_hash % SCHEDULE_BUCKETS];
    task->next_by_id = *bucket;
    *bucket = task;
}

static void unlink_task(struct schedule_state *schedule, struct task *task)
{
    struct task **link = &schedule->by_id[task->id_hash % SCHEDULE_BUCKETS];
    while (*link != task)
        link = &(*link)->next_by_id;
    *link = task->next_by_id;
}

struct task *schedule_find(const struct engine *engine, struct str connection)
{
    uint32_t hash = hash_of(connection);
    struct task *task = engine->schedule.by_id[hash % SCHEDULE_BUCKETS];
    while (task != NULL && (task->id_hash != hash || !str_eq(str_c(task->id), connection)))
        task = task->next_by_id;
    return task;
}

void schedule_detach(struct engine *engine, struct task *task)
{
    switch (task->place) {
    case TASK_UPCOMING:
        heap_remove(&engine->schedule.upcoming, &task->node);
        break;
    case TASK_READY:
        heap_remove(&task->entry->lane.ready, &task->node);
        break;
    case TASK_RESTING:
        heap_remove(&engine->schedule.resting, &task->node);
        break;
    case TASK_RUNNING:
    case TASK_NOWHERE:
        break;
    }
    task->place = TASK_NOWHERE;
}

static void task_free(struct engine *engine, struct task *task)
{
    ASSERT(task->job == NULL && task->waiters == NULL);
    schedule_detach(engine, task);
    unlink_task(&engine->schedule, task);
    engine->schedule.task_count--;
    catalog_unref(task->entry);
    free(task->id);
    free(task);
}

struct task *schedule_task(struct engine *engine, struct str connection,
                           struct catalog_entry *entry)
{
    struct task *task = schedule_find(engine, connection);
    if (task != NULL && task->entry->gone && task->place != TASK_RUNNING)
        task_free(engine, task);
    else if (task != NULL)
        return task;
    if (engine->schedule.task_count >= ENGINE_TASKS_MAX)
        return NULL;
    task = memory_new(sizeof(*task));
    task->id = memory_copy_str(connection);
    task->entry = entry;
    catalog_ref(entry);
    link_task(&engine->schedule, task);
    engine->schedule.task_count++;
    return task;
}

static struct task *task_of(struct heap_node *node)
{
    return CONTAINER_OF(node, struct task, node);
}

/* ---- the window ---- */

static bool within_frontier(const struct schedule_state *schedule, const char *id, int64_t due_ms)
{
    if (schedule->all_read || due_ms < schedule->frontier_due_ms)
        return true;
    return due_ms == schedule->frontier_due_ms && strcmp(id, schedule->frontier_id) <= 0;
}

static void frontier_draw_back(struct schedule_state *schedule, int64_t due_ms)
{
    if (!within_frontier(schedule, "", due_ms))
        return;
    schedule->all_read = false;
    schedule->frontier_due_ms = due_ms - 1;
    schedule->frontier_id[0] = '\0';
}

/* Not near, as far as the window is known: a read that is under way may be about to say it is. */
static void let_go(struct engine *engine, int64_t due_ms)
{
    struct schedule_state *schedule = &engine->schedule;
    if (!schedule->reading || due_ms == TIME_NONE)
        return;
    schedule->missed_due_ms = schedule->missed ? MIN_OF(schedule->missed_due_ms, due_ms) : due_ms;
    schedule->missed = true;
}

/* Too much is near: give up what is farthest and draw the frontier back. */
static void window_trim(struct engine *engine)
{
    struct schedule_state *schedule = &engine->schedule;
    if (schedule->upcoming.count <= WINDOW_HIGH)
        return;
    int64_t due_ms = INT64_MAX;
    while (schedule->upcoming.count > WINDOW_HIGH / 2) {
        struct task *last = task_of(heap_last(&schedule->upcoming));
        due_ms = MIN_OF(due_ms, last->stored_due_ms);
        let_go(engine, last->stored_due_ms);
        task_free(engine, last);
    }
    frontier_draw_back(schedule, due_ms);
}

static void make_upcoming(struct engine *engine, struct task *task)
{
    schedule_detach(engine, task);
    heap_push(&engine->schedule.upcoming, &task->node, task->due_ms);
    task->place = TASK_UPCOMING;
}

static void task_forget_asker(struct task *task)
{
    task->forced = task->insisted = task->is_probe = task->recovers = false;
    task->rested = task->turned_away = false;
}

void schedule_settle(struct engine *engine, struct task *task, int64_t due_ms, int64_t expires_ms,
                     struct now now)
{
    (void)now;
    ASSERT(task->job == NULL);
    schedule_detach(engine, task);
    task_forget_asker(task);
    task->due_ms = task->stored_due_ms = due_ms;
    task->expires_ms = expires_ms;
    if (due_ms == TIME_NONE || !within_frontier(&engine->schedule, task->id, due_ms)) {
        let_go(engine, due_ms);
        task_free(engine, task);
        return;
    }
    make_upcoming(engine, task);
    window_trim(engine);
}

void schedule_hold(struct engine *engine, struct task *task, int64_t at_ms)
{
    ASSERT(task->job == NULL);
    schedule_detach(engine, task);
    task_forget_asker(task);
    task->due_ms = at_ms;
    make_upcoming(engine, task);
    window_trim(engine);
}

void schedule_rest(struct engine *engine, struct task *task, int64_t at_ms)
{
    ASSERT(task->job == NULL);
    schedule_detach(engine, task);
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
        let_go(engine, task->noted_due_ms);
        frontier_draw_back(schedule, task->noted_due_ms);
    }
    task_free(engine, task);
}

void schedule_release(struct engine *engine, struct task *task, const struct connection *connection,
                      int64_t hold_until_ms, struct now now)
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
        schedule_hold(engine, task, hold_until_ms);
    else
        schedule_settle(engine, task, due_ms, expires_ms, now);
}

void schedule_overtake(struct engine *engine, struct str connection)
{
    struct task *task = schedule_find(engine, connection);
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
    struct task *task = schedule_find(engine, connection->id);
    if (task != NULL && task->place == TASK_RUNNING) {
        note_running(task, connection);
        return;
    }
    if (task != NULL && task->waiters != NULL && task->place == TASK_RESTING) {
        start_to_end(engine, task, now); /* it reads the newer record, and tells who waits */
        return;
    }
    if (task != NULL && !task->entry->gone) {
        if (!task->forced) /* a wanted one is read anew before all else */
            schedule_settle(engine, task, connection->due_ms, connection->expires_ms, now);
        return;
    }
    struct catalog_entry *entry = catalog_find(engine, connection->connector);
    if (entry == NULL || connection->due_ms == TIME_NONE)
        return;
    char id[sizeof(engine->schedule.frontier_id)];
    str_copy_cut(connection->id, id, sizeof(id));
    if (!within_frontier(&engine->schedule, id, connection->due_ms)) {
        let_go(engine, connection->due_ms);
        return;
    }
    task = schedule_task(engine, connection->id, entry);
    if (task == NULL) { /* full: the frontier comes back to it */
        let_go(engine, connection->due_ms);
        frontier_draw_back(&engine->schedule, connection->due_ms);
        return;
    }
    schedule_settle(engine, task, connection->due_ms, connection->expires_ms, now);
}

/* How many rows were taken; fewer than there are: too many tasks are in memory. */
static size_t window_take(struct engine *engine, const struct store_read *read)
{
    for (size_t i = 0; i < read->due_count; i++) {
        const struct due_entry *due = &read->due[i];
        struct catalog_entry *entry = catalog_find(engine, due->connector);
        if (entry == NULL || schedule_find(engine, due->id) != NULL)
            continue;
        struct task *task = schedule_task(engine, due->id, entry);
        if (task == NULL)
            return i;
        task->due_ms = task->stored_due_ms = due->due_ms;
        task->expires_ms = due->expires_ms;
        make_upcoming(engine, task);
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
    size_t taken = window_take(engine, read);
    if (taken == read->due_count && taken < read->limit) {
        schedule->all_read = true;
    } else if (taken > 0) {
        const struct due_entry *last = &read->due[taken - 1];
        schedule->frontier_due_ms = last->due_ms;
        str_copy_cut(last->id, schedule->frontier_id, sizeof(schedule->frontier_id));
    }
    if (schedule->missed)
        frontier_draw_back(schedule, schedule->missed_due_ms);
    schedule->missed = false;
    store_read_free(read);
}

/* Few are left, or the next one lies past a frontier that was drawn back: there may be one before.
 */
static bool window_is_short(const struct schedule_state *schedule)
{
    const struct heap_node *top = heap_top(&schedule->upcoming);
    if (schedule->reading || schedule->all_read ||
        schedule->task_count + ENGINE_WINDOW > ENGINE_TASKS_MAX)
        return false;
    return schedule->upcoming.count < WINDOW_LOW || top->key > schedule->frontier_due_ms;
}

static void window_read(struct engine *engine, struct now now)
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

/* ---- lanes ---- */

static bool lane_is_blocked(const struct catalog_entry *entry)
{
    return connector_blocked_reason(&entry->connector) != REASON_NONE ||
           entry->suspicion != SUSPICION_NONE;
}

static bool task_may_pass(const struct task *task)
{
    return task->forced || task->is_probe;
}

/* Let a task go; its lane reads it again when it opens or has room. */
static void lane_overflow(struct lane *lane, int64_t due_ms)
{
    lane->overflow_due_ms = lane->overflow ? MIN_OF(lane->overflow_due_ms, due_ms) : due_ms;
    lane->overflow = true;
}

static void lane_drop(struct engine *engine, struct task *task)
{
    lane_overflow(&task->entry->lane, task->stored_due_ms);
    task_free(engine, task);
}

/* What was let go comes first: it is read again in its order, and this one with it. */
static bool is_behind_overflow(const struct lane *lane, int64_t due_ms)
{
    return (lane->overflow && due_ms >= lane->overflow_due_ms) ||
           (lane->reading && due_ms >= lane->reading_due_ms);
}

/* The job finds the record gone, or a request not to be sent any more, and tells who waits. */
static void start_to_end(struct engine *engine, struct task *task, struct now now)
{
    schedule_detach(engine, task);
    job_start(engine, task, 0, now);
}

static void lane_offer(struct engine *engine, struct task *task, struct now now)
{
    struct lane *lane = &task->entry->lane;
    schedule_detach(engine, task);
    if (task->entry->gone) {
        start_to_end(engine, task, now);
        return;
    }
    if (!task_may_pass(task) &&
        (lane_is_blocked(task->entry) || lane->ready.count >= ENGINE_LANE_READY_MAX ||
         is_behind_overflow(lane, task->stored_due_ms))) {
        lane_drop(engine, task);
        return;
    }
    int64_t key = task->expires_ms != TIME_NONE ? task->expires_ms : task->due_ms;
    if (task->recovers)
        key = INT64_MIN;
    else if (task_may_pass(task))
        key = INT64_MIN + 1;
    heap_push(&lane->ready, &task->node, key);
    task->place = TASK_READY;
}

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

static void end_ready(struct engine *engine, struct catalog_entry *entry, struct now now)
{
    struct heap_node *top;
    while ((top = heap_top(&entry->lane.ready)) != NULL)
        start_to_end(engine, task_of(top), now);
}

static void drop_upcoming(struct engine *engine, const struct catalog_entry *entry)
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

/* @entry NULL: of all */
static void end_resting(struct engine *engine, const struct catalog_entry *entry, struct now now)
{
    struct heap *resting = &engine->schedule.resting;
    size_t unseen = resting->count;
    while (unseen > 0) {
        struct task *task = task_of(resting->nodes[unseen - 1]);
        if (entry == NULL || task->entry == entry)
            start_to_end(engine, task, now); /* one not seen yet may take its place */
        else
            unseen--;
        unseen = MIN_OF(unseen, resting->count);
    }
}

void schedule_forget(struct engine *engine, struct catalog_entry *entry, struct now now)
{
    drop_upcoming(engine, entry);
    end_ready(engine, entry, now);
    end_resting(engine, entry, now);
}

void schedule_drain(struct engine *engine, struct now now)
{
    end_resting(engine, NULL, now);
    for (size_t i = 0; i < engine->entry_count; i++)
        end_ready(engine, engine->entries[i], now);
}

void schedule_reopen(struct catalog_entry *entry)
{
    entry->lane.closed_until_ms = TIME_NONE;
}

static bool lane_is_open(const struct lane *lane, struct now now)
{
    return lane->closed_until_ms == TIME_NONE || now.ms >= lane->closed_until_ms;
}

static bool lane_has_room(const struct engine *engine, const struct catalog_entry *entry,
                          struct now now)
{
    size_t max = catalog_is_unproven(entry, now.ms)
                     ? 1
                     : LANE_JOBS_OF_A_PLACE * engine->settings.max_in_flight;
    return entry->lane.in_flight < max && engine->jobs < ENGINE_JOBS_MAX;
}

static bool lane_may_start(const struct lane *lane, const struct task *task, struct now now)
{
    if (!task->forced && !lane_is_open(lane, now))
        return false;
    return task_may_pass(task) || lane_pace_allows(&lane->pace, now);
}

/* Nothing has gathered any more: what falls due from now on goes its own pace. */
static void lane_end_pace(struct lane *lane)
{
    if (lane->ready.count == 0 && !lane->overflow && !lane->reading)
        lane_pace_end(&lane->pace);
}

/* Somebody asks by hand, or the credentials are tried: one request, whatever the provider's pace.
 */
static bool task_sets_the_pace(const struct task *task)
{
    return task->is_probe || task->insisted;
}

/* Its provider does not answer, and nobody waits for that longer than need be. */
static bool task_is_to_be_told(const struct catalog_entry *entry, const struct task *task)
{
    return task->forced && !task_sets_the_pace(task) && !task->recovers &&
           pacing_is_shut(&entry->endpoint->pacer);
}

static bool lane_can_start(const struct engine *engine, const struct catalog_entry *entry,
                           const struct task *task, struct now now)
{
    return lane_has_room(engine, entry, now) && lane_may_start(&entry->lane, task, now);
}

/* What needs no request goes first: tasks that are let go, callers who are told. */
static struct task *lane_clear(struct engine *engine, struct catalog_entry *entry, struct now now)
{
    struct heap_node *top;
    while ((top = heap_top(&entry->lane.ready)) != NULL) {
        struct task *task = task_of(top);
        if (!task_may_pass(task) && lane_is_blocked(entry)) {
            lane_drop(engine, task);
        } else if (task_is_to_be_told(entry, task) && engine->jobs < ENGINE_JOBS_MAX) {
            task->turned_away = true;
            start_to_end(engine, task, now);
        } else {
            return task;
        }
    }
    return NULL;
}

/* The next to be started of those that share a provider: earliest end of the access token first. */
static struct task *lanes_choose(struct engine *engine, struct endpoint *endpoint, struct now now)
{
    struct task *best = NULL;
    for (size_t i = 0; i < endpoint->entry_count; i++) {
        struct catalog_entry *entry = endpoint->entries[i];
        struct task *task = lane_clear(engine, entry, now);
        if (task != NULL && lane_can_start(engine, entry, task, now) &&
            (best == NULL || task->node.key < best->node.key))
            best = task;
    }
    return best;
}

/* The breaker's probe: each connector in turn, so that one whose requests alone are lost does not
 * keep the others from showing that the provider answers. */
static struct task *lanes_choose_probe(struct engine *engine, struct endpoint *endpoint,
                                       struct now now)
{
    for (size_t i = 0; i < endpoint->entry_count; i++) {
        size_t place = (endpoint->probe_place + i) % endpoint->entry_count;
        struct catalog_entry *entry = endpoint->entries[place];
        struct task *task = lane_clear(engine, entry, now);
        if (task == NULL || !lane_can_start(engine, entry, task, now))
            continue;
        endpoint->probe_place = place; /* until it is sent it keeps its turn */
        return task;
    }
    return NULL;
}

static struct task *next_task(struct engine *engine, struct endpoint *endpoint, struct now now)
{
    if (endpoint->entry_count > 1 && pacing_is_shut(&endpoint->pacer))
        return lanes_choose_probe(engine, endpoint, now);
    return lanes_choose(engine, endpoint, now);
}

static void lanes_start(struct engine *engine, struct endpoint *endpoint, struct now now)
{
    struct task *task;
    while ((task = next_task(engine, endpoint, now)) != NULL) {
        if (!task_sets_the_pace(task) &&
            !pacing_may_begin(&endpoint->pacer, (int64_t)engine->settings.max_in_flight, now.ms))
            return;
        if (pacing_is_shut(&endpoint->pacer))
            endpoint->probe_place++;
        schedule_detach(engine, task);
        if (!task_may_pass(task))
            lane_pace_take(&task->entry->lane.pace, now);
        job_start_paced(engine, task, now);
    }
}

static void on_lane_read(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct engine *engine = read->user;
    engine->background--;
    struct catalog_entry *entry = catalog_find(engine, read->connector);
    if (entry == NULL) {
        store_read_free(read);
        return;
    }
    struct lane *lane = &entry->lane;
    lane->reading = false;
    if (read->status != STATUS_OK) {
        lane_overflow(lane, read->after_due_ms);
        lane->retry_read_ms = now.ms + READ_RETRY_MS;
    } else {
        for (size_t i = 0; i < read->due_count; i++) {
            const struct due_entry *due = &read->due[i];
            struct task *task = schedule_find(engine, due->id);
            if (task != NULL)
                continue;
            task = schedule_task(engine, due->id, entry);
            if (task == NULL) {
                lane_overflow(lane, due->due_ms);
                break;
            }
            task->due_ms = task->stored_due_ms = due->due_ms;
            task->expires_ms = due->expires_ms;
            lane_offer(engine, task, now);
        }
        if (read->due_count == read->limit)
            lane_overflow(lane, read->due[read->due_count - 1].due_ms);
    }
    lanes_start(engine, endpoint_of(engine, entry), now);
    store_read_free(read);
}

static void lane_read(struct engine *engine, struct catalog_entry *entry, struct now now)
{
    struct lane *lane = &entry->lane;
    if (!lane->overflow || lane->reading || lane_is_blocked(entry) || !lane_is_open(lane, now) ||
        now.ms < lane->retry_read_ms || lane->ready.count >= ENGINE_LANE_READY_MAX / 2)
        return;
    struct store_read *read = store_read_new(STORE_READ_DUE);
    read->connector = arena_copy(&read->arena, entry->connector.id);
    read->until_ms = now.ms;
    read->after_due_ms = lane->overflow_due_ms - 1;
    read->limit = ENGINE_LANE_READY_MAX;
    read->user = engine;
    read->completion.resume = on_lane_read;
    lane->reading = true;
    lane->reading_due_ms = lane->overflow_due_ms;
    lane->overflow = false;
    engine->background++;
    engine->store.read(engine->store.ctx, read);
}

/* ---- the turn ---- */

/* The verdict has settled: it needs no request, and waits for nobody else's. */
static void wake_resting(struct engine *engine, struct now now)
{
    struct heap_node *top;
    while ((top = heap_top(&engine->schedule.resting)) != NULL && top->key <= now.ms &&
           engine->jobs < ENGINE_JOBS_MAX) {
        struct task *task = task_of(top);
        schedule_detach(engine, task);
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
    for (size_t i = 0; i < engine->entry_count; i++) {
        struct catalog_entry *entry = engine->entries[i];
        if (lane_is_open(&entry->lane, now))
            entry->lane.closed_until_ms = TIME_NONE;
        struct endpoint *endpoint = endpoint_of(engine, entry);
        if (endpoint->entries[0] == entry) /* once for all that share it */
            lanes_start(engine, endpoint, now);
        lane_read(engine, entry, now);
        lane_end_pace(&entry->lane);
    }
}

/* What is past held nothing up: this turn would have started it. */
static int64_t pace_next_ms(const struct engine *engine, const struct catalog_entry *entry)
{
    if (entry->lane.ready.count == 0 || entry->endpoint == NULL)
        return INT64_MAX;
    int64_t next_ms =
        pacing_next_ms(&entry->endpoint->pacer, (int64_t)engine->settings.max_in_flight);
    int64_t lane_ms = lane_pace_next_ms(&entry->lane.pace);
    if (lane_ms > engine->now.ms)
        next_ms = next_ms > engine->now.ms ? MIN_OF(next_ms, lane_ms) : lane_ms;
    return next_ms > engine->now.ms ? next_ms : INT64_MAX;
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
    for (size_t i = 0; i < engine->entry_count; i++) {
        const struct lane *lane = &engine->entries[i]->lane;
        if ((lane->ready.count > 0 || lane->overflow) && lane->closed_until_ms != TIME_NONE)
            next_ms = MIN_OF(next_ms, lane->closed_until_ms);
        else if (lane->overflow && !lane->reading && !lane_is_blocked(engine->entries[i]) &&
                 lane->ready.count < ENGINE_LANE_READY_MAX / 2)
            next_ms = MIN_OF(next_ms, lane->retry_read_ms);
        next_ms = MIN_OF(next_ms, pace_next_ms(engine, engine->entries[i]));
    }
    return next_ms;
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
