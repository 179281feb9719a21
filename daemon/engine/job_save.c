#include "engine/job_save.h"

#include "common/assert.h"
#include "engine/credentials.h"
#include "engine/event_json.h"
#include "engine/guard.h"
#include "engine/job_read.h"
#include "engine/outbox.h"
#include "engine/sealed_token.h"

enum { SAVE_RETRY_MS = 250 };

static const struct connection *record_of(const struct job *job)
{
    return &job->record->connections[0];
}

/* The answer as it came, sealed, for an operator: it may hold the only new token. */
static void put_rescue(struct job *job, struct store_write *write)
{
    if (job->request == NULL || job->request->body == NULL)
        return;
    CLEANUP(buf_deinit) struct buf sealed = {0};
    const struct connection *connection = record_of(job);
    sealed_token_make(job->engine, connection->id, "rescue", connection->generation,
                      secret_str(job->request->body), &sealed);
    store_write_put_rescue(write, connection->id, buf_str(&sealed));
    job->engine->metrics->answers_rescued++;
}

/* ---- after the commit ---- */

static void log_outcome(const struct job *job, const struct connection *connection)
{
    if (!job->has_answer)
        return;
    bool is_good = job->end == JOB_REFRESHED;
    const char *outcome = job->answer.end == TRANSPORT_ANSWERED ? outcome_text(job->answer.outcome)
                          : job->answer.end == TRANSPORT_LOST   ? "uncertain"
                                                                : "not_sent";
    log_write(job->engine->log, is_good ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "refresh.answered",
              is_good ? "refreshed" : "not refreshed", LOG_TEXT("connection", connection->id),
              LOG_TEXT("connector", connection->connector), LOG_TEXT("outcome", str_c(outcome)),
              LOG_I64("status", job->answer.status), LOG_TEXT("code", job->answer.provider_code),
              LOG_TEXT("message", job->answer.provider_message),
              LOG_I64("took_ms", job->answer.took_ms));
}

/* A job may end with an older credential than it began with; what it says is about the current one,
 * if that was tried as well. */
static int64_t rejected_version(const struct job *job)
{
    int64_t current = job->task->entry->connector.credential_version;
    for (size_t i = 0; i < job->tried_count; i++) {
        if (job->tried[i] == current)
            return current;
    }
    return job->credential_version;
}

/* Was the current credential refused in this job, before another one was tried? */
static bool current_was_refused(const struct job *job)
{
    int64_t current = job->task->entry->connector.credential_version;
    return job->credential_version != current && rejected_version(job) == current;
}

static void act_on_signal(struct job *job, struct now now)
{
    struct catalog_entry *entry = job->task->entry;
    if (job->candidate == NULL && job->decision.next.doubts > 0 &&
        lifecycle_is_doubtful(&job->answer))
        credentials_note_doubtful(job->engine, entry, str_c(job->task->id), job->credential_version,
                                  now);
    switch (job->decision.signal) {
    case SIGNAL_CREDENTIAL_WORKS:
        if (job->candidate == NULL) {
            const struct success success = {.version = job->credential_version,
                                            .refreshed = job->end == JOB_REFRESHED,
                                            .current_was_refused = current_was_refused(job)};
            credentials_note_works(job->engine, entry, &success, now);
        }
        return;
    case SIGNAL_CREDENTIAL_REJECTED:
        if (job->candidate == NULL) {
            const struct rejection rejection = {.version = rejected_version(job),
                                                .status = job->answer.status,
                                                .code = job->answer.provider_code,
                                                .message = job->answer.provider_message};
            credentials_note_rejected(entry, str_c(job->task->id), &rejection, now);
        }
        return;
    case SIGNAL_THROTTLED:
        entry->lane.closed_until_ms =
            MAX_OF(entry->lane.closed_until_ms, job->decision.throttled_until_ms);
        return;
    case SIGNAL_NONE:
        return;
    }
}

/* What the guard learns from it, now that it is durable. */
static void guard_hear(const struct job *job, struct now now)
{
    struct engine *engine = job->engine;
    struct catalog_entry *entry = job->task->entry;
    const struct connection *next = &job->decision.next;
    bool was_held = job->held_before_ms != TIME_NONE, is_held = next->held_ms != TIME_NONE;
    if (job->decision.guard_note != GUARD_NOTE_NONE)
        guard_note(engine, entry, next->id, job->decision.guard_note, now);
    if (!was_held && is_held)
        guard_note_held(engine, entry, now);
    else if (was_held && !is_held)
        guard_note_settled(engine, entry, connection_grant_alive(next), now);
    if (job->decision.none_succeeds)
        guard_note_outage(engine, entry, now);
}

static void job_saved(struct job *job, struct now now)
{
    struct connection *next = &job->decision.next;
    next->version++;
    next->mark = (struct record_mark){0}; /* of the record before */
    job->attempt_id = 0;
    job_answer_is_safe(job);
    log_outcome(job, next);
    if (job->has_answer)
        histogram_add(&job->engine->metrics->durable_ms, now.ms - job->answered_ms);
    outbox_kick(job->engine, now);

    switch (job->then) {
    case JOB_THEN_START_OVER:
        job_read(job, now);
        return;
    case JOB_THEN_FALL_BACK:
        log_write(job->engine->log, LOG_LEVEL_NOTICE, "credentials.fallback",
                  "a credential is refused; another one that may work is tried",
                  LOG_TEXT("connector", next->connector),
                  LOG_I64("refused", job->credential_version),
                  LOG_I64("tried", job->fallback_version));
        job->credential_version = job->fallback_version;
        job->has_answer = false;
        job_read(job, now);
        return;
    case JOB_THEN_FINISH:
        if (job->only_looks && job->task->waiters != NULL) {
            job->only_looks = false;
            job->task->forced = true;
            job_read(job, now);
            return;
        }
        guard_hear(job, now);
        if (job->has_answer)
            act_on_signal(job, now);
        job_finish(job, job->end, next, now);
        return;
    }
}

/* ---- a save that did not work ---- */

static void retry_later(struct job *job, struct now now)
{
    job->engine->metrics->save_failures++;
    job_enter_lane(job); /* as many as may wait for a provider may wait for a store that fails */
    heap_push(&job->engine->unsaved, &job->retry, now.ms + SAVE_RETRY_MS);
}

static void on_dropped(struct completion *completion, struct now now)
{
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct job *job = write->user;
    enum status status = write->status;
    store_write_free(write);
    if (status != STATUS_OK && status != STATUS_CONFLICT) {
        retry_later(job, now);
        return;
    }
    const struct connection *connection = record_of(job);
    job->why = "the connection changed meanwhile";
    job_finish(job, JOB_NOT_NEEDED, connection, now);
}

/* The grant is another one now, or gone: the answer changes nothing. */
static void job_drop_answer(struct job *job, struct now now)
{
    struct engine *engine = job->engine;
    const struct connection *connection = record_of(job);
    engine->metrics->answers_dropped++;
    log_write(engine->log, LOG_LEVEL_NOTICE, "refresh.answer_dropped",
              "the answer belongs to an older grant", LOG_TEXT("connection", connection->id));
    struct store_write *write = store_write_new(now.ms);
    if (connection->attempt_id == job->attempt_id && job->attempt_id != 0)
        store_write_close_attempt(write, connection->id, job->attempt_id);
    if (job->has_answer && job->answer.outcome == OUTCOME_REFRESHED &&
        connection->phase == PHASE_CONNECTED)
        put_rescue(job, write);
    if (write->op_count == 0) {
        store_write_free(write);
        job_finish(job, JOB_NOT_NEEDED, connection, now);
        return;
    }
    write->user = job;
    write->completion.resume = on_dropped;
    engine->store.write(engine->store.ctx, write);
}

/* Nobody else closes our attempt, and each save that does makes the next version. */
static bool was_saved_after_all(const struct job *job, int64_t version, int64_t generation)
{
    const struct connection *connection = record_of(job);
    return job->attempt_id != 0 && connection->attempt_id != job->attempt_id &&
           connection->version > version && connection->generation == generation;
}

/* The record is a newer one of the same grant: decide from it what the failed save was about. */
static void decide_again(struct job *job, struct now now)
{
    if (job->has_answer) {
        job_decide(job, now);
    } else if (job->attempt_id == 0) {
        job_read(job, now); /* nothing was sent: its time is judged anew */
        return;
    } else if (job->then == JOB_THEN_START_OVER) {
        job_decide_lost(job, now);
    } else {
        job->decision = (struct decision){.next = *record_of(job)};
    }
    job_save(job, now);
}

static void on_reread(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct job *job = read->user;
    if (read->status != STATUS_OK) {
        store_read_free(read);
        retry_later(job, now);
        return;
    }
    if (read->connection_count == 0 || job->task->entry->gone) {
        store_read_free(read);
        job_finish(job, JOB_NOT_NEEDED, NULL, now);
        return;
    }
    int64_t generation = record_of(job)->generation, version = record_of(job)->version;
    store_read_free(job->record);
    job->record = read;
    const struct connection *connection = record_of(job);
    if (was_saved_after_all(job, version, generation)) {
        job->decision.next = *connection;
        job->decision.next.version--;
        job_saved(job, now);
    } else if (connection->generation != generation || connection->phase != PHASE_CONNECTED ||
               connection->attempt_id != job->attempt_id) {
        job_drop_answer(job, now);
    } else {
        decide_again(job, now);
    }
}

static void job_reread(struct job *job)
{
    struct store_read *read = store_read_new(STORE_READ_CONNECTIONS);
    read->ids = arena_alloc(&read->arena, sizeof(*read->ids));
    read->ids[0] = arena_copy(&read->arena, str_c(job->task->id));
    read->id_count = 1;
    read->user = job;
    read->completion.resume = on_reread;
    job->engine->store.read(job->engine->store.ctx, read);
}

/* ---- the save ---- */

static void on_saved(struct completion *completion, struct now now)
{
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct job *job = write->user;
    enum status status = write->status;
    struct error err = write->error;
    store_write_free(write);
    if (status == STATUS_OK) {
        job_saved(job, now);
        return;
    }
    if (status == STATUS_CONFLICT) {
        job_reread(job);
        return;
    }
    log_write(job->engine->log, LOG_LEVEL_ERROR, "refresh.save_failed", err.text,
              LOG_TEXT("connection", str_c(job->task->id)),
              LOG_TEXT("status", str_c(status_text(status))));
    retry_later(job, now);
}

void job_save(struct job *job, struct now now)
{
    struct engine *engine = job->engine;
    struct store_write *write = store_write_new(now.ms);
    job->held_before_ms = record_of(job)->held_ms; /* an uncertain save may be read again as done */
    /* The job waits for its write. */
    store_write_lend_connection(write, &job->decision.next, record_of(job));
    if (job->attempt_id != 0)
        store_write_close_attempt(write, record_of(job)->id, job->attempt_id);
    event_append_facts(engine, write, job->task->entry, record_of(job), &job->decision, now);
    if (job->decision.keep_answer)
        put_rescue(job, write);
    write->user = job;
    write->completion.resume = on_saved;
    engine->store.write(engine->store.ctx, write);
}

void job_save_turn(struct engine *engine, struct now now)
{
    struct heap_node *top;
    while ((top = heap_top(&engine->unsaved)) != NULL && top->key <= now.ms) {
        heap_remove(&engine->unsaved, top);
        job_reread(CONTAINER_OF(top, struct job, retry));
    }
}

int64_t job_save_next_ms(const struct engine *engine)
{
    const struct heap_node *top = heap_top(&engine->unsaved);
    return top != NULL ? top->key : INT64_MAX;
}
