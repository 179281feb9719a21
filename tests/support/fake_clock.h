/**
 * Virtual time, and what is to happen in it. Nothing waits: the time jumps to whatever is next, and
 * things due at the same time happen in the order in which they were asked for, so that a run is
 * the same each time.
 *
 *     fake_clock_after(&clock, 30, answer, exchange);
 *     while (fake_clock_next_ms(&clock) < until_ms)
 *         fake_clock_fire(&clock);
 */
#ifndef SUPPORT_FAKE_CLOCK_H
#define SUPPORT_FAKE_CLOCK_H

#include "core/types.h"

#include <stddef.h>

struct fake_timer;

struct fake_clock {
    int64_t ms;             /* the timeline */
    int64_t wall_offset_ms; /* the wall clock's distance from it: tests step it */
    struct fake_timer *timers;
    size_t count, capacity;
    uint64_t next_number;
};

/** 2026-01-01T00:00:00Z: where tests begin. */
#define FAKE_CLOCK_START_MS INT64_C(1767225600000)

void fake_clock_init(struct fake_clock *clock);
void fake_clock_deinit(struct fake_clock *clock);
struct now fake_clock_now(const struct fake_clock *clock);
void fake_clock_after(struct fake_clock *clock, int64_t delay_ms, void (*fire)(void *ctx),
                      void *ctx);
/** When the next thing happens; INT64_MAX: nothing will. */
int64_t fake_clock_next_ms(const struct fake_clock *clock);
/** Let the next thing happen, at its time. */
void fake_clock_fire(struct fake_clock *clock);

/** A seeded generator (splitmix64): one for each thing that is random, so that they do not meet. */
struct fake_random {
    uint64_t state;
};
uint64_t fake_random_next(struct fake_random *random);
/** Uniform in [0, limit); 0 for limit 0. */
int64_t fake_random_below(struct fake_random *random, int64_t limit);
/** True so many times in a million. */
bool fake_random_happens(struct fake_random *random, int64_t per_million);

#endif
