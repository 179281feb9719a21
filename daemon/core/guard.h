/**
 * Do so many grants die at once that the provider or we are at fault, rather than so many people?
 * A pure look at the last definite answers of distinct connections. Whose answers they are (one
 * connector's, one token endpoint's) and what follows from a yes is the engine's (engine/guard.h).
 *
 *     guard_answer_add(&answers, who, group, true, now.ms);
 *     if (guard_trips(&answers, now.ms)) …      // hold what settles, tell the operator once
 */
#ifndef CORE_GUARD_H
#define CORE_GUARD_H

#include "core/types.h"

enum {
    GUARD_ANSWERS_MAX = 50, /* looked at, each of another connection */
    GUARD_LATEST = 10,      /* of them: enough to see a wave begin */
    GUARD_LATEST_DEAD = 5,  /* of those, and at least half of them */
    GUARD_MANY_DEAD = 20,   /* of all */
    GUARD_RATE_FACTOR = 10, /* above the usual */
    GUARD_DAYS = 7,         /* that make up what is usual */
};
#define GUARD_RATE_FLOOR_PERMILLE INT64_C(5)
/** "At once": what is longer ago than this belongs to no wave. */
#define GUARD_AGE_MAX_MS (INT64_C(24) * 3600 * 1000)
#define GUARD_DAY_MS (INT64_C(24) * 3600 * 1000)

/** The last answer of one connection. */
struct guard_answer {
    uint64_t who;   /* hash of the connection's id */
    uint64_t group; /* hash of its connector's id */
    int64_t at_ms;
    bool is_dead;
};

struct guard_answers {
    struct guard_answer list[GUARD_ANSWERS_MAX]; /* oldest first */
    size_t count;
    /* All answers by day, the newest day first: what is usual here. */
    int64_t day; /* of days[0]: time / GUARD_DAY_MS */
    struct guard_day {
        int64_t answers, dead;
    } days[GUARD_DAYS + 1];
};

/** A short, even hash of an id. */
uint64_t guard_hash(struct str id);
void guard_answer_add(struct guard_answers *answers, uint64_t who, uint64_t group, bool is_dead,
                      int64_t now_ms);
/** At least 5 dead that are at least half of the last 10, or at least 20 dead that are at least ten
 * times the rate of the last 7 days (which is taken as 0.5 % at least). */
bool guard_trips(const struct guard_answers *answers, int64_t now_ms);
/** The group that all recent dead belong to; 0: several. */
uint64_t guard_dead_group(const struct guard_answers *answers, int64_t now_ms);
/** Forget the answers of one group, or with 0 of all: they were a mistake. */
void guard_answers_forget(struct guard_answers *answers, uint64_t group);

#endif
