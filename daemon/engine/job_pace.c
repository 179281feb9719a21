#include "engine/job_pace.h"

static int64_t max_in_flight(const struct job *job)
{
    return (int64_t)job->engine->settings.max_in_flight;
}

/* ---- begin ---- */

void job_pace_begin(struct job *job, struct now now)
{
    struct catalog_entry *entry = job->task->entry;
    if (job->endpoint != NULL || entry->gone)
        return;
    job->endpoint = endpoint_of(job->engine, entry);
    endpoint_ref(job->endpoint);
    job->is_breaker_probe = pacing_begin(&job->endpoint->pacer, now.ms);
}

/* ---- a place on the wire ---- */

bool job_pace_may_send(const struct job *job)
{
    const struct task *task = job->task;
    return job->endpoint == NULL || job->is_breaker_probe || task->is_probe || task->insisted ||
           pacing_may_send(&job->endpoint->pacer, max_in_flight(job));
}

void job_pace_wait(struct job *job)
{
    struct endpoint *endpoint = job->endpoint;
    if (endpoint->waiting == NULL)
        endpoint->waiting_end = &endpoint->waiting;
    job->next_waiting = NULL;
    *endpoint->waiting_end = job;
    endpoint->waiting_end = &job->next_waiting;
}

struct job *job_pace_next(struct engine *engine, struct endpoint *endpoint)
{
    struct job *job = endpoint->waiting;
    if (job == NULL ||
        (!job_pace_may_send(job) && !engine->draining && !pacing_is_shut(&endpoint->pacer)))
        return NULL;
    endpoint->waiting = job->next_waiting;
    job->next_waiting = NULL;
    return job;
}

const char *job_pace_why_not(const struct job *job, struct now now)
{
    const struct task *task = job->task;
    if (pacing_is_shut(&job->endpoint->pacer))
        return "the provider does not answer";
    if (!task->forced && task->entry->lane.closed_until_ms > now.ms)
        return "the provider asked to be left in peace";
    return NULL;
}

void job_pace_send(struct job *job, struct now now)
{
    job_pace_begin(job, now);
    if (job->endpoint != NULL)
        pacing_send(&job->endpoint->pacer);
}

/* ---- end ---- */

static void pace_end(struct job *job, const struct pacing_end *end, struct now now)
{
    pacing_end(&job->endpoint->pacer, max_in_flight(job), end, now.ms);
    if (end->kind != PACING_UNSENT)
        job->answer.endpoint_unsure = pacing_is_unsure(&job->endpoint->pacer, now.ms);
    endpoint_unref(job->engine, job->endpoint);
    job->endpoint = NULL;
}

static enum pacing_end_kind end_kind(const struct refresh_answer *answer)
{
    switch (answer->end) {
    case TRANSPORT_NOT_SENT:
        return PACING_UNREACHED;
    case TRANSPORT_LOST:
        return PACING_LOST;
    case TRANSPORT_ANSWERED:
        break;
    }
    if (answer->outcome == OUTCOME_RATE_LIMITED)
        return PACING_LIMITED;
    return answer->status == 503 ? PACING_OVERLOADED : PACING_ANSWERED;
}

void job_pace_answered(struct job *job, struct now now)
{
    if (job->endpoint == NULL)
        return;
    const struct refresh_answer *answer = &job->answer;
    const struct pacing_end end = {
        .kind = end_kind(answer),
        .is_probe = job->is_breaker_probe,
        .is_good = answer->end == TRANSPORT_ANSWERED && answer->outcome == OUTCOME_REFRESHED,
        .is_uncertain = lifecycle_is_uncertain(answer),
        .started_ms = job->started_ms,
    };
    pace_end(job, &end, now);
}

void job_pace_unsent(struct job *job, struct now now)
{
    if (job->endpoint == NULL)
        return;
    const struct pacing_end end = {.kind = PACING_UNSENT, .is_probe = job->is_breaker_probe};
    pace_end(job, &end, now);
}
