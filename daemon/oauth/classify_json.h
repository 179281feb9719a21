/**
 * Classification in JSON, for `refreshd --classify PROVIDER` and for test tables: one answer object
 * in, one verdict object out.
 *
 *     {"status": 400, "headers": {"Content-Type": "application/json"},
 *      "body": "{\"error\":\"invalid_grant\"}"}
 *   →
 *     {"outcome": "grant_dead", "reason": "invalid_grant", "retry_after_s": null, …}
 *
 * An answer's members: status (100 to 599), headers (an object of texts), the body as one of
 * body (text), body_b64, body_gen {prefix, repeat, count, suffix}, and now (seconds since 1970).
 * A verdict's members are always all there; null is "absent", "unknown" and "no".
 */
#ifndef OAUTH_CLASSIFY_JSON_H
#define OAUTH_CLASSIFY_JSON_H

#include "oauth/classify.h"

/**
 * @now_wall_ms  where the answer has no `now`
 * @out          must point to NULL; the caller frees it with json_free()
 *
 * STATUS_INVALID: the object is none of that kind; names the member and what was expected.
 */
MUST_CHECK enum status oauth_classify_json(const struct profile *profile, const struct json *answer,
                                           int64_t now_wall_ms, struct json **out,
                                           struct error *err);

#endif
