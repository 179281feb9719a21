/**
 * The tokens out of an answer that may be a success: where they sit, what they are called, how
 * long they live.
 *
 *     const char *fault = success_read(profile, answer, &read, &verdict);
 *     if (fault != NULL) …   // "missing_access_token", "control_character_in_token"
 */
#ifndef OAUTH_SUCCESS_H
#define OAUTH_SUCCESS_H

#include "oauth/answer.h"

/** Fills the verdict's tokens, scope and lifetimes, copied to its arena. NULL: it is a success. */
const char *success_read(const struct profile *profile, const struct oauth_answer *answer,
                         const struct answer *read, struct oauth_verdict *verdict);

/** Is there an access token at all, of whatever quality? */
bool success_has_token(const struct profile *profile, const struct answer *read);

#endif
