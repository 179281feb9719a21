/** From a finished HTTP request to the facts that core decides on: classify, seal, compare scopes.
 */
#ifndef ENGINE_JOB_ANSWER_H
#define ENGINE_JOB_ANSWER_H

#include "engine/catalog.h"
#include "oauth/classify.h"

/** How this provider's uncertain answers are treated, given what this connection has seen. */
struct replay_rules job_replay_rules(const struct profile *profile,
                                     const struct connection *connection);
/** How long a request may take: half a known reuse window, long where an early retry kills. */
int64_t job_deadline_ms(const struct profile *profile, const struct connection *connection);

struct job_answer_input {
    const struct engine *engine;
    const struct catalog_entry *entry;
    const struct profile *profile;
    const struct connection *connection; /* as it was when the token was presented */
    const struct http_request *request;  /* finished */
    const struct str *secrets; /* what was presented: must not come back in the provider's words */
    size_t secret_count;
    int64_t credential_version;
    bool is_check;     /* that one is not taken over yet */
    bool has_fallback; /* another credential of the same client is left to try */
    int64_t started_ms;
    struct now now;
};

/**
 * @ret_verdict zeroed by the caller, who deinits it; holds the new tokens in the clear
 * @arena       gets all texts of *ret_answer
 */
void job_read_answer(const struct job_answer_input *input, struct arena *arena,
                     struct oauth_verdict *ret_verdict, struct refresh_answer *ret_answer);

#endif
