/**
 * A look whether a grant lives, between refreshes: the provider is asked, its refresh token is not
 * presented. A part of a connection's one job, so that nothing else goes on with it meanwhile.
 */
#ifndef ENGINE_JOB_PROBE_H
#define ENGINE_JOB_PROBE_H

#include "engine/job_save.h"

enum { JOB_PROBE_DEADLINE_MS = 10 * 1000, JOB_PROBE_RETRY_MS = 60 * 1000 };

/** By introspection where the profile has it, else at userinfo while the access token lasts. */
void job_probe(struct job *job, struct now now);

#endif
