#include "support/fake_clock.h"

#include "common/assert.h"
#include "common/memory.h"

#include <stdlib.h>

struct fake_timer {
    int64_t at_ms;
    uint64_t number;
    void (*fire)(void *ctx);
    void *ctx;
};

void fake_clock_init(struct fake_clock *clock)
{
    *clock = (struct fake_clock){.ms = FAKE_CLOCK_START_MS};
}

void fake_clock_deinit(struct fake_clock *clock)
{
    free(clock->timers);
    *clock = (struct fake_clock){0};
}

struct now fake_clock_now(const struct fake_clock *clock)
{
    return (struct now){.ms = clock->ms, .wall_ms = clock->ms + clock->wall_offset_ms};
}

static bool is_before(const struct fake_timer *a, const struct fake_timer *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->number < b->number;
}

void fake_clock_after(struct fake_clock *clock, int64_t delay_ms, void (*fire)(void *ctx),
                      void *ctx)
{
    ASSERT(delay_ms >= 0);
    if (clock->count == clock->capacity) {
        clock->capacity = clock->capacity == 0 ? 64 : clock->capacity * 2;
        clock->timers = memory_grow(clock->timers, clock->capacity * sizeof(*clock->timers));
    }
    const struct fake_timer timer = {
        .at_ms = clock->ms + delay_ms, .number = clock->next_number++, .fire = fire, .ctx = ctx};
    size_t i = clock->count++;
    while (i > 0 && is_before(&timer, &clock->timers[(i - 1) / 2])) {
        clock->timers[i] = clock->timers[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    clock->timers[i] = timer;
}

int64_t fake_clock_next_ms(const struct fake_clock *clock)
{
    return clock->count > 0 ? clock->timers[0].at_ms : INT64_MAX;
}

void fake_clock_fire(struct fake_clock *clock)
{
    ASSERT(clock->count > 0);
    struct fake_timer first = clock->timers[0];
    struct fake_timer last = clock->timers[--clock->count];
    size_t i = 0;
    for (;;) {
        size_t child = i * 2 + 1;
        if (child >= clock->count)
            break;
        if (child + 1 < clock->count && is_before(&clock->timers[child + 1], &clock->timers[child]))
            child++;
        if (!is_before(&clock->timers[child], &last))
            break;
        clock->timers[i] = clock->timers[child];
        i = child;
    }
    if (clock->count > 0)
        clock->timers[i] = last;
    if (first.at_ms > clock->ms)
        clock->ms = first.at_ms;
    first.fire(first.ctx);
}

uint64_t fake_random_next(struct fake_random *random)
{
    uint64_t x = random->state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

int64_t fake_random_below(struct fake_random *random, int64_t limit)
{
    uint64_t number = fake_random_next(random);
    return limit > 0 ? (int64_t)(number % (uint64_t)limit) : 0;
}

bool fake_random_happens(struct fake_random *random, int64_t per_million)
{
    return fake_random_below(random, 1000000) < per_million;
}
