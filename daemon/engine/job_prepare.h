/**
 * The request of a refresh: profile, credential, the token opened. What fails here has sent
 * nothing.
 */
#ifndef ENGINE_JOB_PREPARE_H
#define ENGINE_JOB_PREPARE_H

#include "engine/job_save.h"

/** job->request is ready, with what it presents in job->refresh_token and job->client_secret.
 * False: the job is over, for it is too early or the log says why not. */
bool job_prepare(struct job *job, struct now now);
/** Wipes it; the client secret with the last job that presents it. Before its task goes. */
void job_forget_presented(struct job *job);

#endif
