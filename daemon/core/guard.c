#include "core/guard.h"

#include "common/macros.h"

#include <string.h>

uint64_t guard_hash(struct str id)
{
    uint64_t hash = str_hash(id);
    return hash != 0 ? hash : 1;
}

static void turn_days(struct guard_answers *answers, int64_t now_ms)
{
    int64_t today = now_ms / GUARD_DAY_MS;
    int64_t passed = today - answers->day;
    if (passed <= 0)
        return;
    size_t shift = (size_t)MIN_OF(passed, (int64_t)GUARD_DAYS + 1);
    size_t kept = ARRAY_LEN(answers->days) - shift;
    memmove(answers->days + shift, answers->days, kept * sizeof(answers->days[0]));
    memset(answers->days, 0, shift * sizeof(answers->days[0]));
    answers->day = today;
}

/* The place of an earlier answer of the same connection, or the oldest where all are taken. */
static size_t place_to_free(const struct guard_answers *answers, uint64_t who)
{
    for (size_t i = answers->count; i > 0; i--) {
        if (answers->list[i - 1].who == who)
            return i - 1;
    }
    return answers->count == GUARD_ANSWERS_MAX ? 0 : answers->count;
}

void guard_answer_add(struct guard_answers *answers, uint64_t who, uint64_t group, bool is_dead,
                      int64_t now_ms)
{
    turn_days(answers, now_ms);
    answers->days[0].answers++;
    answers->days[0].dead += is_dead;
    size_t place = place_to_free(answers, who);
    if (place < answers->count) {
        memmove(answers->list + place, answers->list + place + 1,
                (answers->count - place - 1) * sizeof(answers->list[0]));
        answers->count--;
    }
    answers->list[answers->count++] =
        (struct guard_answer){.who = who, .group = group, .at_ms = now_ms, .is_dead = is_dead};
}

static bool is_recent_dead(const struct guard_answer *answer, int64_t now_ms)
{
    return answer->is_dead && now_ms - answer->at_ms <= GUARD_AGE_MAX_MS;
}

static int64_t count_dead(const struct guard_answers *answers, size_t last, int64_t now_ms)
{
    int64_t dead = 0;
    size_t first = answers->count - MIN_OF(answers->count, last);
    for (size_t i = first; i < answers->count; i++)
        dead += is_recent_dead(&answers->list[i], now_ms);
    return dead;
}

/* Is this share at least ten times what is usual? The wave itself is no part of what is usual: the
 * answers looked at are taken out. */
static bool is_far_above_usual(const struct guard_answers *answers, int64_t dead)
{
    int64_t all = 0, all_dead = 0, list_dead = 0;
    for (size_t i = 0; i < ARRAY_LEN(answers->days); i++) {
        all += answers->days[i].answers;
        all_dead += answers->days[i].dead;
    }
    for (size_t i = 0; i < answers->count; i++)
        list_dead += answers->list[i].is_dead;
    int64_t count = (int64_t)answers->count;
    int64_t before = MAX_OF(all - count, 0), before_dead = MAX_OF(all_dead - list_dead, 0);
    bool above_floor = dead * 1000 >= GUARD_RATE_FACTOR * GUARD_RATE_FLOOR_PERMILLE * count;
    bool above_rate = dead * before >= GUARD_RATE_FACTOR * before_dead * count;
    return above_floor && above_rate;
}

bool guard_trips(const struct guard_answers *answers, int64_t now_ms)
{
    int64_t latest = count_dead(answers, GUARD_LATEST, now_ms);
    int64_t looked_at = (int64_t)MIN_OF(answers->count, (size_t)GUARD_LATEST);
    if (latest >= GUARD_LATEST_DEAD && latest * 2 >= looked_at)
        return true;
    int64_t dead = count_dead(answers, GUARD_ANSWERS_MAX, now_ms);
    return dead >= GUARD_MANY_DEAD && is_far_above_usual(answers, dead);
}

uint64_t guard_dead_group(const struct guard_answers *answers, int64_t now_ms)
{
    uint64_t group = 0;
    for (size_t i = 0; i < answers->count; i++) {
        if (!is_recent_dead(&answers->list[i], now_ms))
            continue;
        if (group != 0 && group != answers->list[i].group)
            return 0;
        group = answers->list[i].group;
    }
    return group;
}

void guard_answers_forget(struct guard_answers *answers, uint64_t group)
{
    size_t kept = 0;
    for (size_t i = 0; i < answers->count; i++) {
        if (group != 0 && answers->list[i].group != group)
            answers->list[kept++] = answers->list[i];
    }
    answers->count = kept;
}
