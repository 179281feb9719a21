/**
 * The first half of a job: its record is read, and core says what is to be done about it. What is
 * to be presented goes on in job.c, what has changed by date or by a crash in job_save.c.
 *
 *     job_read(job, now);   // → job_present(), job_save() or the job's end
 */
#ifndef ENGINE_JOB_READ_H
#define ENGINE_JOB_READ_H

#include "engine/job_save.h"

/** Also where something newer is to be expected in the store: the job begins anew with it. */
void job_read(struct job *job, struct now now);
/** What becomes of a record whose attempt was found open. */
void job_decide_lost(struct job *job, struct now now);
/** Build the request, write its intent, send it. In job.c. */
void job_present(struct job *job, struct now now);

#endif
