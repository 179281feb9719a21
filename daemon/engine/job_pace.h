/**
 * A job and its provider's pace (core/pacing.h): its request counts from the moment that it begins,
 * goes onto the wire when there is a place, and tells the pacer how it ended.
 *
 *     job_pace_begin → job_pace_may_send? → job_pace_send → job_pace_answered
 *                      no: job_pace_wait … job_pace_next
 *
 * A request that somebody asks for by hand, or that tries credentials, begins only when it is sent,
 * and waits for nobody. What waits has its intent written, so that the wire does not stand empty
 * while the store syncs; whoever takes it up again looks whether it may still go.
 */
#ifndef ENGINE_JOB_PACE_H
#define ENGINE_JOB_PACE_H

#include "engine/endpoint.h"
#include "engine/job_save.h"

void job_pace_begin(struct job *job, struct now now);
bool job_pace_may_send(const struct job *job);
/** Put it behind those that wait for a place at its endpoint. */
void job_pace_wait(struct job *job);
/** The first of those, if there is a place for it now, or none may go any more; taken out. NULL:
 * nobody waits, or there is no place. */
struct job *job_pace_next(struct engine *engine, struct endpoint *endpoint);
/** Why one that waited is not to be sent after all; NULL: it may go. */
const char *job_pace_why_not(const struct job *job, struct now now);
void job_pace_send(struct job *job, struct now now);
/** Its answer has been read, or is lost. */
void job_pace_answered(struct job *job, struct now now);
/** It is over, and was not sent. Nothing where it was, or never began. */
void job_pace_unsent(struct job *job, struct now now);

#endif
