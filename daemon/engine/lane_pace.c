#include "engine/lane_pace.h"

#include "common/memory.h"

/* While the overdue ones are spread over W, as many fall due again in each D of the block's length
 * as have gathered in it: the rate has to cover both. */
int64_t lane_pace_interval_us(int64_t count, int64_t blocked_ms)
{
    int64_t spread_ms = 2 * blocked_ms;
    if (blocked_ms == LANE_PACE_UNKNOWN_MS || spread_ms > LANE_PACE_SPREAD_MAX_MS)
        spread_ms = LANE_PACE_SPREAD_MAX_MS;
    spread_ms = MAX_OF(spread_ms, (int64_t)LANE_PACE_SPREAD_MIN_MS);
    int64_t gathered_ms = MAX_OF(blocked_ms, spread_ms / 2);
    /* 1 / (count / spread + count / gathered) */
    int64_t interval_us =
        spread_ms * 1000 / (spread_ms + gathered_ms) * gathered_ms / MAX_OF(count, (int64_t)1);
    return MIN_OF(interval_us, (int64_t)LANE_PACE_INTERVAL_MAX_US);
}

static void set_interval(struct lane_pace *pace, int64_t count)
{
    pace->interval_us = lane_pace_interval_us(count, pace->blocked_ms);
}

static struct catalog_entry *end_of_read(struct store_read *read)
{
    struct engine *engine = read->user;
    engine->background--;
    return read->status == STATUS_OK ? catalog_find(engine, read->connector) : NULL;
}

static void on_counts(struct completion *completion, struct now now)
{
    (void)now;
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct catalog_entry *entry = end_of_read(read);
    int64_t count = 0;
    for (size_t i = 0; i < read->count_count; i++) {
        if (read->counts[i].phase == PHASE_CONNECTED && read->counts[i].dead_reason == REASON_NONE)
            count += read->counts[i].count;
    }
    if (entry != NULL)
        set_interval(&entry->lane.pace, count);
    store_read_free(read);
}

static void submit(struct engine *engine, const struct catalog_entry *entry,
                   enum store_read_kind kind, struct now now,
                   void (*resume)(struct completion *completion, struct now now))
{
    struct store_read *read = store_read_new(kind);
    read->connector = arena_copy(&read->arena, entry->connector.id);
    read->until_ms = now.ms;
    read->limit = STORE_READ_LIMIT_MAX;
    read->user = engine;
    read->completion.resume = resume;
    engine->background++;
    engine->store.read(engine->store.ctx, read);
}

/* More than fit into one read: then it is as good as all of them. */
static void on_overdue(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct engine *engine = read->user;
    struct catalog_entry *entry = end_of_read(read);
    if (entry != NULL && read->due_count == read->limit)
        submit(engine, entry, STORE_READ_COUNTS, now, on_counts);
    else if (entry != NULL)
        set_interval(&entry->lane.pace, (int64_t)read->due_count);
    store_read_free(read);
}

void lane_pace_begin(struct engine *engine, struct catalog_entry *entry, int64_t blocked_since_ms,
                     struct now now)
{
    entry->lane.pace = (struct lane_pace){
        .is_on = true,
        .blocked_ms = blocked_since_ms == LANE_PACE_UNKNOWN_MS
                          ? LANE_PACE_UNKNOWN_MS
                          : MAX_OF(now.ms - blocked_since_ms, (int64_t)1),
        .interval_us = LANE_PACE_INTERVAL_MAX_US, /* until they are counted */
        .next_us = now.ms * 1000,
    };
    submit(engine, entry, STORE_READ_DUE, now, on_overdue);
}

bool lane_pace_allows(const struct lane_pace *pace, struct now now)
{
    return !pace->is_on || pace->next_us <= now.ms * 1000;
}

void lane_pace_take(struct lane_pace *pace, struct now now)
{
    if (!pace->is_on)
        return;
    /* What could not start in its time (all places were taken) is not made up for in a burst. */
    int64_t latest_us = now.ms * 1000 - 1000 * 1000;
    pace->next_us = MAX_OF(pace->next_us, latest_us) + pace->interval_us;
}

void lane_pace_end(struct lane_pace *pace)
{
    pace->is_on = false;
}

int64_t lane_pace_next_ms(const struct lane_pace *pace)
{
    return pace->is_on ? (pace->next_us + 999) / 1000 : INT64_MAX;
}
