#include "core/schedule.h"

#include "common/macros.h"

/* Only to spread ids evenly, and the same on every machine. */
static uint64_t hash_id(struct str id)
{
    uint64_t hash = str_hash(id);
    /* FNV's high bits of short, alike strings are poor: mix once (splitmix64's finisher). */
    hash ^= hash >> 30;
    hash *= UINT64_C(0xbf58476d1ce4e5b9);
    hash ^= hash >> 27;
    hash *= UINT64_C(0x94d049bb133111eb);
    return hash ^ (hash >> 31);
}

/* Evenly in [0, limit): limit * random / 2^64, in two parts so that nothing overflows. */
static int64_t share_of(uint64_t random, int64_t limit)
{
    if (limit <= 0)
        return 0;
    uint64_t upper = random >> 32;
    uint64_t whole = (uint64_t)limit / 1024;
    uint64_t rest = (uint64_t)limit % 1024;
    return (int64_t)((whole * upper + (rest * upper >> 10)) >> 22);
}

int64_t schedule_due_ms(struct str connection_id, int64_t issued_ms, int64_t lifetime_ms,
                        const struct schedule_rules *rules)
{
    int64_t four_fifths = lifetime_ms / 5 * 4 + lifetime_ms % 5 * 4 / 5;
    int64_t base = MAX_OF(lifetime_ms / 2, MIN_OF(four_fifths, lifetime_ms - rules->margin_ms));
    if (rules->not_before_ms > 0)
        base = MAX_OF(base, lifetime_ms - rules->not_before_ms);
    int64_t jitter_max = MIN_OF(lifetime_ms / 1000 * rules->jitter_permille +
                                    lifetime_ms % 1000 * rules->jitter_permille / 1000,
                                (lifetime_ms - base) / 4);
    return issued_ms + base + share_of(hash_id(connection_id), jitter_max);
}

int64_t schedule_probe_ms(struct str connection_id, int64_t every_ms)
{
    return every_ms - share_of(hash_id(connection_id), every_ms / 5);
}

int64_t schedule_gap_ms(int64_t lifetime_ms)
{
    if (lifetime_ms <= 0)
        return SCHEDULE_GAP_MIN_MS;
    return MIN_OF(lifetime_ms / 2, SCHEDULE_GAP_MIN_MS);
}

int64_t schedule_backoff_ms(const struct schedule_rules *rules, int64_t failures, uint64_t random)
{
    int64_t ceiling = rules->backoff_min_ms;
    for (int64_t i = 1; i < failures && ceiling < rules->backoff_max_ms; i++)
        ceiling *= 2;
    ceiling = MIN_OF(ceiling, rules->backoff_max_ms);
    return MAX_OF(share_of(random, ceiling), rules->backoff_min_ms / 10);
}

int64_t schedule_replay_ms(int64_t uncertain_tries)
{
    switch (uncertain_tries) {
    case 1:
        return 500;
    case 2:
        return 2000;
    case SCHEDULE_REPLAYS_MAX:
        return 8000;
    default:
        return -1;
    }
}
