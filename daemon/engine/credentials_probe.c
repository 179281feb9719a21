#include "engine/credentials_probe.h"

#include "common/memory.h"
#include "engine/candidate.h"
#include "engine/credentials.h"
#include "engine/job.h"

#include <stdlib.h>

void credentials_probe_now(struct engine *engine, struct catalog_entry *entry, struct now now)
{
    (void)engine;
    entry->connector.probe_due_ms = now.ms;
    entry->probe_retry_ms = now.ms;
    entry->asked_count = 0;
}

struct probe {
    struct job_waiter waiter;
    struct catalog_entry *entry;
    char connection[144];
};

static bool was_asked(const struct catalog_entry *entry, struct str connection)
{
    for (size_t i = 0; i < entry->asked_count; i++) {
        if (str_eq(connection, str_c(entry->asked[i])))
            return true;
    }
    return entry->suspicion == SUSPICION_UNCONFIRMED &&
           str_eq(connection, str_c(entry->suspect_connection));
}

/* A suspicion keeps the lane shut, so that is settled soon; a block has time. */
static int64_t next_asking_ms(const struct catalog_entry *entry, struct now now)
{
    if (entry->suspicion == SUSPICION_UNCONFIRMED)
        return now.ms + CREDENTIALS_RETRY_MS;
    return now.ms + MIN_OF((int64_t)CREDENTIALS_RETRY_MS << entry->asked_count,
                           (int64_t)CREDENTIALS_PROBE_MIN_MS);
}

static void on_probed(struct job_waiter *self, enum job_end end,
                      const struct connection *connection, const char *why, struct now now)
{
    (void)connection;
    (void)why;
    struct probe *probe = CONTAINER_OF(self, struct probe, waiter);
    struct catalog_entry *entry = probe->entry;
    bool is_settled =
        entry->row_wish != ROW_WISH_NONE ||
        (entry->suspicion == SUSPICION_NONE && entry->connector.rejected_ms == TIME_NONE);
    entry->probing = false;
    if (is_settled) {
        entry->asked_count = 0;
    } else {
        if (end != JOB_STORE && entry->asked_count < CREDENTIALS_ASKED_MAX)
            str_copy_cut(str_c(probe->connection), entry->asked[entry->asked_count++],
                         sizeof(entry->asked[0]));
        entry->probe_retry_ms = next_asking_ms(entry, now);
    }
    catalog_unref(entry);
    free(probe);
}

static void ask(struct engine *engine, struct catalog_entry *entry,
                const struct connection *connection, struct now now)
{
    struct task *task = task_get(engine, connection->id, entry);
    if (task == NULL) { /* too many are in memory */
        entry->probing = false;
        entry->probe_retry_ms = now.ms + CREDENTIALS_RETRY_MS;
        return;
    }
    if (task->place == TASK_NOWHERE) {
        task->due_ms = task->stored_due_ms = connection->due_ms;
        task->expires_ms = connection->expires_ms;
    }
    struct probe *probe = memory_new(sizeof(*probe));
    probe->entry = entry;
    probe->waiter.done = on_probed;
    probe->waiter.at_once = true;
    str_copy_cut(connection->id, probe->connection, sizeof(probe->connection));
    catalog_ref(entry);
    task->is_probe = true;
    job_wait(task, &probe->waiter);
    schedule_force(engine, task, now);
}

/* All that can be asked were, and none had a definite answer: that one refusal has to do. A block
 * that concerns nobody, while others wait behind it, is none. */
static void nobody_to_ask(struct catalog_entry *entry, struct now now)
{
    entry->probing = false;
    entry->asked_count = 0;
    if (entry->suspicion == SUSPICION_UNCONFIRMED)
        entry->row_wish = ROW_WISH_BLOCK;
    else if (entry->saw_foreign && !entry->saw_own)
        entry->row_wish = ROW_WISH_RECOVER;
    else
        entry->probe_retry_ms = now.ms + CREDENTIALS_PROBE_MIN_MS;
}

static void read_page(struct engine *engine, struct catalog_entry *entry,
                      const struct store_read *last);

/* The best of a page; any of those, so that it is not always the same one. */
static const struct connection *choose(struct engine *engine, struct catalog_entry *entry,
                                       const struct store_read *records, struct now now)
{
    const struct connection *best = NULL;
    enum candidate_rating best_rating = CANDIDATE_BUSY;
    size_t count = records->connection_count;
    size_t first = count > 0 ? (size_t)(engine_random(engine) % count) : 0;
    for (size_t n = 0; n < count; n++) {
        const struct connection *connection = &records->connections[(first + n) % count];
        enum candidate_rating rating = candidate_rate(entry, connection, now);
        entry->saw_foreign = entry->saw_foreign || rating == CANDIDATE_FOREIGN;
        entry->saw_own = entry->saw_own || rating > CANDIDATE_FOREIGN;
        if (rating <= best_rating || was_asked(entry, connection->id))
            continue;
        best = connection;
        best_rating = rating;
    }
    return best;
}

/* NULL: the search is over for now. */
static struct catalog_entry *search_of(struct store_read *read, struct now now)
{
    struct engine *engine = read->user;
    struct catalog_entry *entry = catalog_find(engine, read->connector);
    engine->background--;
    if (entry == NULL || (read->status == STATUS_OK && !engine->draining))
        return entry;
    entry->probing = false;
    entry->probe_retry_ms = now.ms + CREDENTIALS_RETRY_MS;
    return NULL;
}

static void submit(struct engine *engine, struct store_read *read,
                   void (*resume)(struct completion *completion, struct now now))
{
    read->user = engine;
    read->completion.resume = resume;
    engine->background++;
    engine->store.read(engine->store.ctx, read);
}

static void on_records(struct completion *completion, struct now now)
{
    struct store_read *records = CONTAINER_OF(completion, struct store_read, completion);
    struct engine *engine = records->user;
    struct catalog_entry *entry = search_of(records, now);
    if (entry != NULL) {
        const struct connection *chosen = choose(engine, entry, records, now);
        if (chosen != NULL)
            ask(engine, entry, chosen, now);
        else
            read_page(engine, entry, records);
    }
    store_read_free(records);
}

static void on_page(struct completion *completion, struct now now)
{
    struct store_read *page = CONTAINER_OF(completion, struct store_read, completion);
    struct engine *engine = page->user;
    struct catalog_entry *entry = search_of(page, now);
    struct store_read *records = entry != NULL ? candidate_read_records(page) : NULL;
    if (records != NULL)
        submit(engine, records, on_records);
    else if (entry != NULL)
        nobody_to_ask(entry, now);
    store_read_free(page);
}

static void read_page(struct engine *engine, struct catalog_entry *entry,
                      const struct store_read *last)
{
    submit(engine, candidate_read_page(entry, last), on_page);
}

static void look_for_candidate(struct engine *engine, struct catalog_entry *entry, struct now now)
{
    entry->saw_own = entry->saw_foreign = false;
    if (entry->asked_count == CREDENTIALS_ASKED_MAX) {
        entry->saw_own = true;
        nobody_to_ask(entry, now);
        return;
    }
    entry->probing = true;
    read_page(engine, entry, NULL);
}

static bool wants_probe(const struct catalog_entry *entry, struct now now)
{
    if (entry->probing || entry->row_busy || entry->row_wish != ROW_WISH_NONE ||
        now.ms < entry->probe_retry_ms || now.ms < entry->lane.closed_until_ms ||
        entry->connector.disabled)
        return false;
    if (entry->suspicion == SUSPICION_UNCONFIRMED)
        return true;
    return entry->connector.rejected_ms != TIME_NONE && now.ms >= entry->connector.probe_due_ms;
}

void credentials_probe_turn(struct engine *engine, struct catalog_entry *entry, struct now now)
{
    if (wants_probe(entry, now))
        look_for_candidate(engine, entry, now);
}

int64_t credentials_probe_next_ms(const struct catalog_entry *entry)
{
    if (entry->probing || entry->row_busy || entry->connector.disabled ||
        entry->row_wish != ROW_WISH_NONE)
        return INT64_MAX;
    int64_t probe_ms = MAX_OF(entry->probe_retry_ms, entry->lane.closed_until_ms);
    if (entry->suspicion == SUSPICION_UNCONFIRMED)
        return probe_ms;
    return entry->connector.rejected_ms != TIME_NONE
               ? MAX_OF(entry->connector.probe_due_ms, probe_ms)
               : INT64_MAX;
}
