/**
 * What was found out about tokens that APIs refused, for a short while: a service whose hundred
 * workers all meet the same 401 causes one check. Of what is older the record itself knows.
 */
#ifndef ENGINE_REPORTS_H
#define ENGINE_REPORTS_H

#include "common/secret.h"
#include "engine/state.h"

enum report_verdict {
    REPORT_REFRESHED,
    REPORT_NEEDS_RECONNECT,
    REPORT_FETCH_AGAIN, /* it is not the stored token any more */
    REPORT_UNKNOWN,
};
const char *report_verdict_text(enum report_verdict verdict);

enum { REPORTS_MAX = 512, REPORTS_REMEMBERED_MS = 30 * 1000 };

/** One access token, by its hash. */
struct reported {
    char connection[144];
    uint8_t hash[SECRET_HASH_BYTES];
};

void reports_remember(struct engine *engine, const struct reported *token,
                      enum report_verdict verdict, struct now now);
/** @by_hash  the caller named the token; else any check of its connection counts, since nobody can
 * tell which token it has used */
bool reports_recall(const struct engine *engine, const struct reported *token, bool by_hash,
                    struct now now, enum report_verdict *ret_verdict);
void reports_free(struct engine *engine);

#endif
