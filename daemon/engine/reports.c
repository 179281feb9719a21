#include "engine/reports.h"

#include "common/assert.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

/** The newest in place of the oldest. */
struct report_memory {
    struct {
        struct reported token;
        enum report_verdict verdict;
        int64_t until_ms;
    } entries[REPORTS_MAX];
    size_t next;
};

const char *report_verdict_text(enum report_verdict verdict)
{
    switch (verdict) {
    case REPORT_REFRESHED:
        return "refreshed";
    case REPORT_NEEDS_RECONNECT:
        return "needs_reconnect";
    case REPORT_FETCH_AGAIN:
        return "fetch_again";
    case REPORT_UNKNOWN:
        return "unknown";
    }
    UNREACHABLE("a verdict");
}

static bool is_same(const struct reported *a, const struct reported *b, bool by_hash)
{
    return strcmp(a->connection, b->connection) == 0 &&
           (!by_hash || memcmp(a->hash, b->hash, sizeof(a->hash)) == 0);
}

void reports_remember(struct engine *engine, const struct reported *token,
                      enum report_verdict verdict, struct now now)
{
    if (engine->reports == NULL)
        engine->reports = memory_new(sizeof(*engine->reports));
    struct report_memory *memory = engine->reports;
    size_t at = memory->next;
    for (size_t i = 0; i < REPORTS_MAX; i++) {
        if (is_same(&memory->entries[i].token, token, true))
            at = i;
    }
    if (at == memory->next)
        memory->next = (memory->next + 1) % REPORTS_MAX;
    memory->entries[at].token = *token;
    memory->entries[at].verdict = verdict;
    memory->entries[at].until_ms = now.ms + REPORTS_REMEMBERED_MS;
}

bool reports_recall(const struct engine *engine, const struct reported *token, bool by_hash,
                    struct now now, enum report_verdict *ret_verdict)
{
    const struct report_memory *memory = engine->reports;
    int64_t newest_ms = now.ms;
    for (size_t i = 0; memory != NULL && i < REPORTS_MAX; i++) {
        if (memory->entries[i].until_ms <= newest_ms ||
            !is_same(&memory->entries[i].token, token, by_hash))
            continue;
        newest_ms = memory->entries[i].until_ms;
        *ret_verdict = memory->entries[i].verdict;
    }
    return newest_ms > now.ms;
}

void reports_free(struct engine *engine)
{
    free(engine->reports);
    engine->reports = NULL;
}
