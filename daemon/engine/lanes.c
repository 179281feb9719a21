#include "engine/lanes.h"

#include "engine/endpoint.h"
#include "engine/job.h"
#include "engine/lane_pace.h"

enum { READ_RETRY_MS = 1000 };

/* ---- in ---- */

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

void lane_bypass(struct engine *engine, struct task *task, struct now now)
{
    task_detach(engine, task);
    job_start(engine, task, 0, now);
}

bool lane_lets_go(struct catalog_entry *entry, int64_t due_ms)
{
    struct lane *lane = &entry->lane;
    if (!lane_is_blocked(entry) && lane->ready.count < ENGINE_LANE_READY_MAX &&
        !is_behind_overflow(lane, due_ms))
        return false;
    lane_overflow(lane, due_ms);
    return true;
}

void lane_offer(struct engine *engine, struct task *task, struct now now)
{
    struct lane *lane = &task->entry->lane;
    task_detach(engine, task);
    if (task->entry->gone) {
        lane_bypass(engine, task, now);
        return;
    }
    if (!task_may_pass(task) && lane_lets_go(task->entry, task->stored_due_ms)) {
        task_free(engine, task);
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

void lane_end(struct engine *engine, struct catalog_entry *entry, struct now now)
{
    struct heap_node *top;
    while ((top = heap_top(&entry->lane.ready)) != NULL)
        lane_bypass(engine, task_of(top), now);
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
                     : PACING_BEGUN_OF_A_PLACE * engine->settings.max_in_flight;
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
            lane_bypass(engine, task, now);
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
        task_detach(engine, task);
        if (!task_may_pass(task))
            lane_pace_take(&task->entry->lane.pace, now);
        job_start_paced(engine, task, now);
    }
}

/* ---- what was let go is read again ---- */

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
            struct task *task = task_find(engine, due->id);
            if (task != NULL)
                continue;
            task = task_get(engine, due->id, entry);
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

void lanes_turn(struct engine *engine, struct now now)
{
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

static int64_t lane_next_ms(const struct engine *engine, const struct catalog_entry *entry)
{
    const struct lane *lane = &entry->lane;
    int64_t next_ms = pace_next_ms(engine, entry);
    if ((lane->ready.count > 0 || lane->overflow) && lane->closed_until_ms != TIME_NONE)
        next_ms = MIN_OF(next_ms, lane->closed_until_ms);
    else if (lane->overflow && !lane->reading && !lane_is_blocked(entry) &&
             lane->ready.count < ENGINE_LANE_READY_MAX / 2)
        next_ms = MIN_OF(next_ms, lane->retry_read_ms);
    return next_ms;
}

int64_t lanes_next_ms(const struct engine *engine)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < engine->entry_count; i++)
        next_ms = MIN_OF(next_ms, lane_next_ms(engine, engine->entries[i]));
    return next_ms;
}
