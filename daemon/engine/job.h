/**
 * One refresh, from due to saved: the only path in the code that sends a refresh token.
 *
 *     read the record → still due? → write the intent → send → classify, seal → decide → save
 *     → tell the waiters, the connector, the schedule
 *
 * Nothing of an answer is acted on before it is durable. An answer whose save fails stays here, in
 * memory, and is saved again until the store takes it; the process does not exit meanwhile.
 */
#ifndef ENGINE_JOB_H
#define ENGINE_JOB_H

#include "engine/schedule.h"

enum job_end {
    JOB_REFRESHED,
    JOB_DEAD,       /* the provider's answer: the grant is dead */
    JOB_REJECTED,   /* the client credentials were refused */
    JOB_FAILED,     /* transient, rate-limited, refused, uncertain: it will be tried again */
    JOB_NOT_NEEDED, /* nothing was sent: not due, not refreshable; see the record */
    JOB_STORE,      /* the store did not take the intent: nothing was sent */
    JOB_SETUP,      /* the request could not be built (profile, key): nothing was sent */
};

/** Somebody who waits for a refresh. */
struct job_waiter {
    void (*done)(struct job_waiter *self, enum job_end end, const struct connection *connection,
                 const char *why, struct now now);
    bool at_once; /* what the provider answered will do: it does not wait until a verdict on the
                     grant has settled */
    struct job_waiter *next;
};

/** Join the job of this task, now or to come. connection in done() is the saved record (borrowed),
 * or NULL where none was read. */
void job_wait(struct task *task, struct job_waiter *waiter);

/** The process stops: what waits for a place on the wire is called off now, and not when whoever is
 * in front has been answered. */
void job_drain(struct engine *engine, struct now now);

/** @credential_version 0: the working one; else this one (a check before it is taken over) */
void job_start(struct engine *engine, struct task *task, int64_t credential_version,
               struct now now);

/** The same for a task of a lane: its request counts for the provider's pace from now on. */
void job_start_paced(struct engine *engine, struct task *task, struct now now);

/** A credential that is not in the catalog yet, for `rotate` with check. Borrowed until the job is
 * over. */
void job_start_check(struct engine *engine, struct task *task, const struct credential *candidate,
                     struct str candidate_secret, struct now now);

#endif
