#include "engine/job.h"

#include "common/assert.h"
#include "common/spares.h"
#include "engine/endpoint.h"
#include "engine/job_answer.h"
#include "engine/job_pace.h"
#include "engine/job_prepare.h"
#include "engine/job_read.h"

#include <stdalign.h>

enum { JOB_READS_MAX = 8 };

/* ---- begin and end ---- */

void job_wait(struct task *task, struct job_waiter *waiter)
{
    waiter->next = task->waiters;
    task->waiters = waiter;
}

struct job_block {
    struct job job;
    alignas(max_align_t) char room[2 * 1024]; /* for a usual answer */
};

static _Thread_local struct spares spare_jobs = {.size = sizeof(struct job_block)};

static struct job *job_new(void)
{
    struct job_block *block = spares_take(&spare_jobs);
    block->job = (struct job){0};
    arena_lend(&block->job.arena, block->room, sizeof(block->room));
    return &block->job;
}

static void job_free(struct job *job)
{
    store_read_free(job->record);
    http_request_free(job->request);
    arena_deinit(&job->arena);
    spares_give(&spare_jobs, CONTAINER_OF(job, struct job_block, job));
}

/* ---- the end ---- */

/* A verdict on its grant settles: who asked hears what became of it, not that it is not sure. */
static int64_t rests_until(const struct job *job, const struct connection *connection,
                           struct now now)
{
    const struct task *task = job->task;
    bool is_overtaken =
        task->noted && connection != NULL && task->noted_version > connection->version;
    if (connection == NULL || task->entry->gone || job->engine->draining || is_overtaken)
        return TIME_NONE;
    if (job->rest_until_ms != TIME_NONE)
        return job->rest_until_ms;
    bool settles = lifecycle_verdict_waits(connection) && connection->held_ms == TIME_NONE &&
                   connection->due_ms > now.ms;
    return settles ? connection->due_ms : TIME_NONE;
}

/* Those who are told now. */
static struct job_waiter *take_waiters(struct task *task, bool rests)
{
    struct job_waiter *taken = NULL, **end = &taken, **link = &task->waiters;
    while (*link != NULL) {
        struct job_waiter *waiter = *link;
        if (rests && !waiter->at_once) {
            link = &waiter->next;
            continue;
        }
        *link = waiter->next;
        waiter->next = NULL;
        *end = waiter;
        end = &waiter->next;
    }
    return taken;
}

static void job_end(struct job *job, enum job_end end, const struct connection *connection,
                    int64_t hold_until_ms, struct now now)
{
    struct engine *engine = job->engine;
    struct task *task = job->task;
    int64_t rest_ms = rests_until(job, connection, now);
    struct job_waiter *waiter = take_waiters(task, rest_ms != TIME_NONE);
    task->job = NULL;
    job_forget_presented(job);
    job_leave_lane(job);
    engine->jobs--;
    job_answer_is_safe(job);
    job_pace_unsent(job, now);
    if (rest_ms != TIME_NONE) {
        task->stored_due_ms = connection->due_ms;
        task->expires_ms = connection->expires_ms;
        schedule_rest(engine, task, rest_ms);
    } else {
        schedule_release(engine, task, connection, hold_until_ms);
    }
    while (waiter != NULL) {
        struct job_waiter *next = waiter->next;
        waiter->done(waiter, end, connection, job->why, now);
        waiter = next;
    }
    job_free(job);
}

void job_finish(struct job *job, enum job_end end, const struct connection *connection,
                struct now now)
{
    job_end(job, end, connection, TIME_NONE, now);
}

void job_give_up(struct job *job, enum job_end end, int64_t retry_ms, struct now now)
{
    const struct connection *connection = job->record != NULL && job->record->connection_count > 0
                                              ? &job->record->connections[0]
                                              : NULL;
    job_end(job, end, connection, retry_ms, now);
}

void job_answer_is_safe(struct job *job)
{
    if (job->is_unsaved)
        job->engine->unsaved_answers--;
    job->is_unsaved = false;
}

void job_enter_lane(struct job *job)
{
    if (!job->is_in_lane)
        job->task->entry->lane.in_flight++;
    job->is_in_lane = true;
}

void job_leave_lane(struct job *job)
{
    if (job->is_in_lane)
        job->task->entry->lane.in_flight--;
    job->is_in_lane = false;
}

static struct job *job_begin(struct engine *engine, struct task *task)
{
    ASSERT(task->job == NULL);
    struct job *job = job_new();
    job->engine = engine;
    job->task = task;
    job->why = "";
    task->job = job;
    task->place = TASK_RUNNING;
    task->overtaken = task->noted = false;
    job_enter_lane(job);
    engine->jobs++;
    return job;
}

void job_start(struct engine *engine, struct task *task, int64_t credential_version, struct now now)
{
    struct job *job = job_begin(engine, task);
    job->credential_version = credential_version;
    job_read(job, now);
}

void job_start_paced(struct engine *engine, struct task *task, struct now now)
{
    struct job *job = job_begin(engine, task);
    job_pace_begin(job, now);
    job_read(job, now);
}

void job_start_check(struct engine *engine, struct task *task, const struct credential *candidate,
                     struct str candidate_secret, struct now now)
{
    struct job *job = job_begin(engine, task);
    job->candidate = candidate;
    job->candidate_secret = candidate_secret;
    task->forced = true;
    job_read(job, now);
}

/* ---- the intent ---- */

static void on_intent(struct completion *completion, struct now now);

static void write_intent(struct job *job, struct now now)
{
    struct engine *engine = job->engine;
    const struct connection *connection = &job->record->connections[0];
    do
        job->attempt_id = engine_random(engine);
    while (job->attempt_id == 0);
    struct store_write *write = store_write_new(now.ms);
    store_write_open_attempt(write, connection->id, connection->version, job->attempt_id,
                             connection->refresh_print);
    write->user = job;
    write->completion.resume = on_intent;
    engine->store.write(engine->store.ctx, write);
}

/* Build the request; nothing is sent before its intent is durable. */
void job_present(struct job *job, struct now now)
{
    if (job_prepare(job, now))
        write_intent(job, now);
}

/* ---- send ---- */

static void on_answer(struct completion *completion, struct now now);

static void job_send(struct job *job, struct now now)
{
    struct engine *engine = job->engine;
    const struct connection *connection = &job->record->connections[0];
    job->started_ms = now.ms;
    job_pace_send(job, now);
    if (connection->refresh_due_ms != TIME_NONE && connection->refresh_due_ms <= now.ms)
        histogram_add(&engine->metrics->late_ms, now.ms - connection->refresh_due_ms);
    job->request->deadline_ms = job->deadline_ms;
    job->request->refuse_private = job->request->message.host_is_made;
    job->request->user = job;
    job->request->completion.resume = on_answer;
    engine->in_flight++;
    engine->http.send(engine->http.ctx, job->request);
}

/* The intent is durable, and nothing is sent after all. */
static void job_call_off(struct job *job, const char *why, struct now now)
{
    job->decision = (struct decision){.next = job->record->connections[0]};
    job->then = JOB_THEN_FINISH;
    job->end = JOB_FAILED;
    job->why = why;
    job_save(job, now);
}

/* The intent is durable: send, or wait until there is a place on the wire. */
static void job_go(struct job *job, struct now now)
{
    if (job->engine->draining) {
        job_call_off(job, "refreshd is stopping", now);
    } else if (job->task->overtaken) {
        /* A newer grant may be durable already, its completion next in the inbox: the token that
         * this job has read is not known to be the stored one any more. */
        job->unsent_id = job->attempt_id;
        job->attempt_id = 0;
        job_read(job, now);
    } else if (job_pace_may_send(job)) {
        job_send(job, now);
    } else {
        job_pace_wait(job);
    }
}

/* A place on the wire is free. While it waited, its provider may have asked to be left in peace. */
static void go_who_waited(struct engine *engine, struct endpoint *endpoint, struct now now)
{
    struct job *job;
    while ((job = job_pace_next(engine, endpoint)) != NULL) {
        const char *why_not = job_pace_why_not(job, now);
        if (why_not != NULL)
            job_call_off(job, why_not, now);
        else
            job_go(job, now);
    }
}

void job_drain(struct engine *engine, struct now now)
{
    ASSERT(engine->draining);
    for (size_t i = 0; i < engine->entry_count; i++) {
        struct endpoint *endpoint = engine->entries[i]->endpoint;
        if (endpoint != NULL)
            go_who_waited(engine, endpoint, now);
    }
}

static void on_intent(struct completion *completion, struct now now)
{
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct job *job = write->user;
    enum status status = write->status;
    struct error err = write->error;
    store_write_free(write);

    if (status == STATUS_OK) {
        job_go(job, now);
        return;
    }
    job->unsent_id = status == STATUS_UNCERTAIN ? job->attempt_id : 0;
    job->attempt_id = 0;
    if ((status == STATUS_CONFLICT || status == STATUS_UNCERTAIN) && job->reads < JOB_READS_MAX) {
        job_read(job, now);
        return;
    }
    log_write(job->engine->log, LOG_LEVEL_ERROR, "refresh.intent_failed", err.text,
              LOG_TEXT("connection", str_c(job->task->id)),
              LOG_TEXT("status", str_c(status_text(status))));
    job->why = "the store can't be written: nothing was sent";
    job_give_up(job, JOB_STORE, now.ms + JOB_STORE_RETRY_MS, now);
}

/* ---- the answer ---- */

static void count_answer(struct job *job)
{
    struct metrics *metrics = job->engine->metrics;
    histogram_add(&metrics->token_request_ms, job->request->took_ms);
    switch (job->answer.end) {
    case TRANSPORT_ANSWERED:
        metrics->refreshes[job->answer.outcome]++;
        break;
    case TRANSPORT_NOT_SENT:
        metrics->requests_not_sent++;
        break;
    case TRANSPORT_LOST:
        metrics->requests_lost++;
        break;
    }
}

/* What this answer says, not what the record said before: a check must not pass on old news. */
static enum job_end end_of(const struct job *job)
{
    bool is_dead = job->decision.next.dead_reason != REASON_NONE ||
                   job->decision.guard_note == GUARD_NOTE_DIES;
    if (job->answer.end == TRANSPORT_ANSWERED && job->answer.outcome == OUTCOME_REFRESHED)
        return JOB_REFRESHED;
    switch (job->decision.signal) {
    case SIGNAL_CREDENTIAL_REJECTED:
        return JOB_REJECTED;
    case SIGNAL_CREDENTIAL_WORKS:
        return is_dead ? JOB_DEAD : JOB_FAILED;
    case SIGNAL_THROTTLED:
    case SIGNAL_NONE:
        break;
    }
    return JOB_FAILED;
}

/* Another credential of the same client that this job has not tried yet. */
static const struct credential *find_fallback(struct job *job, struct now now)
{
    int64_t tried[JOB_CREDENTIALS_MAX + 1];
    size_t count = 0;
    for (; count < job->tried_count; count++)
        tried[count] = job->tried[count];
    tried[count++] = job->credential_version;
    if (job->candidate != NULL || count >= JOB_CREDENTIALS_MAX)
        return NULL;
    return catalog_fallback_credential(job->task->entry, tried, count, now.ms);
}

static void choose_fallback(struct job *job, struct now now)
{
    const struct credential *fallback = find_fallback(job, now);
    bool is_noted =
        job->tried_count > 0 && job->tried[job->tried_count - 1] == job->credential_version;
    if (!is_noted && job->tried_count < JOB_CREDENTIALS_MAX)
        job->tried[job->tried_count++] = job->credential_version;
    if (fallback == NULL)
        return;
    job->then = JOB_THEN_FALL_BACK;
    job->fallback_version = fallback->version;
}

void job_decide(struct job *job, struct now now)
{
    const struct connection *connection = &job->record->connections[0];
    const struct schedule_rules rules = catalog_rules(job->engine, job->task->entry);
    lifecycle_answered(connection, &job->answer, &rules, now, engine_random(job->engine),
                       &job->decision);
    job->then = JOB_THEN_FINISH;
    job->end = end_of(job);
    if (job->end == JOB_REJECTED && job->candidate == NULL)
        choose_fallback(job, now);
}

/* Into job->answer. What it says is sealed there, and what was presented is done with: of all that
 * nothing waits for the store in the clear but the body, which a rescue may need. */
static void read_answer(struct job *job, struct now now)
{
    CLEANUP(oauth_verdict_deinit) struct oauth_verdict verdict = {0};
    const struct catalog_entry *entry = job->task->entry;
    const struct str secrets[] = {
        secret_str(job->refresh_token),
        job->client_secret != NULL ? secret_str(job->client_secret) : STR_NONE,
    };
    const struct job_answer_input input = {
        .engine = job->engine,
        .entry = entry,
        .profile = catalog_profile(job->engine, entry), /* a reload may have replaced it */
        .connection = &job->record->connections[0],
        .request = job->request,
        .secrets = secrets,
        .secret_count = ARRAY_LEN(secrets),
        .credential_version = job->credential_version,
        .is_check = job->candidate != NULL,
        .has_fallback = find_fallback(job, now) != NULL,
        .started_ms = job->started_ms,
        .now = now,
    };
    job_read_answer(&input, &job->arena, &verdict, &job->answer);
    job->has_answer = true;
    job_forget_presented(job);
    oauth_message_deinit(&job->request->message);
    if (verdict.learned_refused)
        log_write(job->engine->log, LOG_LEVEL_WARNING, "refresh.variable_refused",
                  "an answer names an endpoint that its profile does not accept: it is not used",
                  LOG_TEXT("connection", str_c(job->task->id)),
                  LOG_TEXT("connector", entry->connector.id));
}

static void on_answer(struct completion *completion, struct now now)
{
    struct http_request *request = CONTAINER_OF(completion, struct http_request, completion);
    struct job *job = request->user;
    struct engine *engine = job->engine;
    engine->in_flight--;
    job->answered_ms = now.ms;
    read_answer(job, now);
    job->is_unsaved = true;
    engine->unsaved_answers++;
    count_answer(job);
    struct endpoint *endpoint = job->endpoint;
    if (endpoint != NULL)
        endpoint_ref(endpoint);
    job_pace_answered(job, now);
    job_decide(job, now);
    /* Nothing is asked of the provider any more: the next one's turn, while this one is saved. Of
     * another answer the lane waits to hear. */
    if (job->end == JOB_REFRESHED && job->then == JOB_THEN_FINISH)
        job_leave_lane(job);
    job_save(job, now);
    if (endpoint != NULL) {
        go_who_waited(engine, endpoint, now);
        endpoint_unref(engine, endpoint);
    }
}
