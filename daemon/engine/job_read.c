#include "engine/job_read.h"

#include "engine/guard.h"
#include "engine/job_answer.h"
#include "engine/job_probe.h"
#include "engine/readers.h"

static void on_read(struct completion *completion, struct now now);

void job_read(struct job *job, struct now now)
{
    (void)now;
    job->reads++;
    job->task->overtaken = false; /* the store answers in order: it is read after those writes */
    struct store_read *read = store_read_new(STORE_READ_CONNECTIONS);
    read->ids = arena_alloc(&read->arena, sizeof(*read->ids));
    read->ids[0] = arena_copy(&read->arena, str_c(job->task->id));
    read->id_count = 1;
    read->user = job;
    read->completion.resume = on_read;
    job->engine->store.read(job->engine->store.ctx, read);
}

/* An attempt was left open, by a crash or a lost save: what became of it nobody knows. Of an intent
 * of our own whose write was uncertain we do: nothing was sent. */
void job_decide_lost(struct job *job, struct now now)
{
    const struct connection *connection = &job->record->connections[0];
    if (connection->attempt_id == job->unsent_id) {
        job->decision = (struct decision){.next = *connection};
    } else {
        const struct profile *profile = catalog_profile(job->engine, job->task->entry);
        struct replay_rules replay = {.rotates = true};
        if (profile != NULL)
            replay = job_replay_rules(profile, connection);
        lifecycle_attempt_lost(connection, &replay, now, &job->decision);
    }
}

static void job_recover(struct job *job, struct now now)
{
    job->attempt_id = job->record->connections[0].attempt_id;
    job_decide_lost(job, now);
    job->then = JOB_THEN_START_OVER;
    job_save(job, now);
}

/* An attempt that a crash left open is repeated when its provider's habits allow, not at will. */
static enum due_asker asker_of(const struct job *job)
{
    const struct task *task = job->task;
    if (task->insisted)
        return DUE_INSISTED;
    if (job->tried_count > 0) /* it goes on with another credential */
        return DUE_ASKED;
    return task->is_probe || (task->forced && !task->recovers) ? DUE_ASKED : DUE_ON_TIME;
}

/* Of a verdict from before a restart the guard has heard nothing yet: it is told, and the verdict
 * settles once more, so that many of them are seen to be many. */
static bool settles_anew(struct job *job, struct now now)
{
    const struct connection *connection = &job->record->connections[0];
    struct engine *engine = job->engine;
    if (job->task->rested || !lifecycle_verdict_waits(connection) ||
        connection->held_ms != TIME_NONE || connection->verdict_ms >= engine->guard.started_ms ||
        engine->settings.rules.settle_ms == 0 || asker_of(job) == DUE_INSISTED)
        return false;
    guard_note(engine, job->task->entry, connection->id, GUARD_NOTE_DIES, now);
    job->rest_until_ms = now.ms + engine->settings.rules.settle_ms;
    job_finish(job, JOB_NOT_NEEDED, connection, now);
    return true;
}

static void look_at_verdict(struct job *job, struct now now)
{
    const struct connection *connection = &job->record->connections[0];
    struct catalog_entry *entry = job->task->entry;
    if (settles_anew(job, now))
        return;
    switch (lifecycle_verdict_due(connection, asker_of(job), guard_word_for(job->engine, entry),
                                  &job->engine->settings.rules, now, &job->decision)) {
    case DUE_PROBE:
    case DUE_NOTHING:
        job_finish(job, JOB_NOT_NEEDED, connection, now);
        return;
    case DUE_CHANGED:
        job->then = JOB_THEN_FINISH;
        job->end = job->decision.next.dead_reason != REASON_NONE ? JOB_DEAD : JOB_FAILED;
        if (job->end != JOB_DEAD)
            job->why = "many grants seem to die at once: this verdict is held until it is sure";
        job_save(job, now);
        return;
    case DUE_SEND:
        if (connector_blocked_reason(&entry->connector) == REASON_POLICY_BLOCKED)
            job_finish(job, JOB_NOT_NEEDED, connection, now);
        else
            job_present(job, now);
        return;
    }
}

/* Its client id was replaced, and none of that client's credentials is left: presenting the refresh
 * token under another one would only be refused. */
static bool ends_with_its_client(struct job *job, struct now now)
{
    const struct connection *connection = &job->record->connections[0];
    if (connection->dead_reason != REASON_NONE || job->candidate != NULL ||
        !catalog_client_is_gone(job->task->entry, connection_client_version(connection), now.ms))
        return false;
    lifecycle_client_gone(connection, now, &job->decision);
    job->then = JOB_THEN_FINISH;
    job->end = JOB_NOT_NEEDED;
    job->only_looks = true;
    job_save(job, now);
    return true;
}

static void on_read(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct job *job = read->user;
    if (read->status != STATUS_OK) {
        log_write(job->engine->log, LOG_LEVEL_ERROR, "store.read_failed", read->error.text,
                  LOG_TEXT("connection", str_c(job->task->id)));
        store_read_free(read);
        job->why = "the store can't be read";
        job_give_up(job, JOB_STORE, now.ms + JOB_STORE_RETRY_MS, now);
        return;
    }
    store_read_free(job->record);
    job->record = read;
    /* Of an unregistered connector nothing is left; what has the id now is somebody else's. */
    if (read->connection_count == 0 || job->task->entry->gone) {
        job_finish(job, JOB_NOT_NEEDED, NULL, now);
        return;
    }
    struct connection *connection = &read->connections[0];
    connection->last_read_ms =
        MAX_OF(connection->last_read_ms, readers_last_ms(job->engine, connection->id));
    if (connection->attempt_id != 0) {
        job_recover(job, now);
        return;
    }
    if (job->engine->draining || job->task->turned_away) {
        job->why = job->engine->draining ? "refreshd is stopping" : "the provider does not answer";
        job_finish(job, JOB_FAILED, connection, now);
        return;
    }
    if (connection->verdict_reason != REASON_NONE) {
        look_at_verdict(job, now);
        return;
    }
    const struct schedule_rules rules = catalog_rules(job->engine, job->task->entry);
    switch (lifecycle_due(connection, &job->task->entry->connector, asker_of(job), &rules, now,
                          &job->decision)) {
    case DUE_NOTHING:
        job_finish(job, JOB_NOT_NEEDED, connection, now);
        return;
    case DUE_CHANGED:
        job->then = JOB_THEN_FINISH;
        job->end = JOB_NOT_NEEDED;
        job->only_looks = true;
        job_save(job, now);
        return;
    case DUE_PROBE:
        job_probe(job, now);
        return;
    case DUE_SEND:
        if (ends_with_its_client(job, now))
            return;
        job->only_looks = false;
        job_present(job, now);
        return;
    }
}
