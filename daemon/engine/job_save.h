/**
 * The second half of a job: make the decision durable, then act on it. A save that fails is
 * repeated from a fresh read until the store takes it, or until the record shows that somebody
 * newer has written: then the answer goes to the rescue table and changes nothing.
 */
#ifndef ENGINE_JOB_SAVE_H
#define ENGINE_JOB_SAVE_H

#include "engine/job.h"

/** What follows once the decision is durable. */
enum job_then {
    JOB_THEN_FINISH,
    JOB_THEN_START_OVER, /* read again: an attempt that was left open is closed now */
    JOB_THEN_FALL_BACK,  /* try the retiring credential */
};

enum { JOB_CREDENTIALS_MAX = 4, JOB_STORE_RETRY_MS = 1000 };

struct job {
    struct engine *engine;
    struct task *task;
    struct store_read *record; /* connections[0]: what the decision is about */
    int reads;
    int64_t deadline_ms;
    int64_t credential_version, fallback_version;
    int64_t tried[JOB_CREDENTIALS_MAX]; /* credentials that were refused, first to last */
    size_t tried_count;
    const struct credential *candidate; /* of a check; NULL else */
    struct str candidate_secret;
    uint64_t attempt_id; /* open; 0: none */
    uint64_t unsent_id;  /* an intent of ours that may have been written; nothing was sent */
    /* What is presented; kept to be scrubbed from the provider's words. NULL: not presented. */
    struct secret *refresh_token, *client_secret;
    struct http_request *request;
    struct arena arena; /* texts of the answer */
    struct refresh_answer answer;
    int64_t held_before_ms; /* held_ms of the record that the save under way is about */
    bool has_answer;
    bool is_in_lane; /* counts towards max_in_flight */
    bool is_unsaved; /* the answer is nowhere but here: counted in engine->unsaved_answers */
    bool only_looks; /* nothing was presented: whoever joined meanwhile still wants a refresh */
    struct decision decision;
    enum job_then then;
    enum job_end end;
    const char *why;
    int64_t started_ms, answered_ms;
    struct heap_node retry;    /* in engine->unsaved */
    struct endpoint *endpoint; /* whose pace this job's request counts for; NULL: none counts */
    bool is_breaker_probe;
    struct job *next_waiting; /* for a place on the wire, behind this one */
    int64_t rest_until_ms;    /* nothing is saved, the verdict settles until then; TIME_NONE: no */
};

void job_decide(struct job *job, struct now now);
/** Write job->decision, close the attempt, and go on with job->then. */
void job_save(struct job *job, struct now now);
/** @connection the record as it is stored now; NULL: it is gone */
void job_finish(struct job *job, enum job_end end, const struct connection *connection,
                struct now now);
/** A job counts towards its connector's max_in_flight from its start until nothing is asked of the
 * provider any more; again while its save does not work. Each may be called twice. */
void job_enter_lane(struct job *job);
void job_leave_lane(struct job *job);
/** What came of the answer is durable, or it is not wanted any more. */
void job_answer_is_safe(struct job *job);
/** Nothing was sent and nothing saved: look at it again at retry_ms. */
void job_give_up(struct job *job, enum job_end end, int64_t retry_ms, struct now now);
/** Repeat the saves whose time has come. */
void job_save_turn(struct engine *engine, struct now now);
int64_t job_save_next_ms(const struct engine *engine);

#endif
