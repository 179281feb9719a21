#include "core/pacing.h"

#include "common/assert.h"
#include "common/macros.h"

enum { MILLION = 1000 * 1000, SECOND_MS = 1000 };

const char *breaker_text(enum breaker breaker)
{
    switch (breaker) {
    case BREAKER_CLOSED:
        return "closed";
    case BREAKER_OPEN:
        return "open";
    case BREAKER_PROBING:
        return "probing";
    }
    UNREACHABLE("a breaker");
    return "";
}

/* ---- the limit of requests in flight ---- */

static int64_t limit_in_thousandths(const struct pacer *pacer, int64_t max_in_flight)
{
    return MAX_OF(max_in_flight * 1000 - pacer->below, INT64_C(1000));
}

int64_t pacing_limit(const struct pacer *pacer, int64_t max_in_flight)
{
    return limit_in_thousandths(pacer, max_in_flight) / 1000;
}

static void set_limit(struct pacer *pacer, int64_t max_in_flight, int64_t thousandths)
{
    pacer->below = MAX_OF(max_in_flight * 1000 - MAX_OF(thousandths, INT64_C(1000)), 0);
}

/* What was sent before the last cut says nothing about the limit as it is now. */
static void halve(struct pacer *pacer, int64_t max_in_flight, int64_t started_ms, int64_t now_ms)
{
    if (pacer->cut_ms != TIME_NONE && started_ms <= pacer->cut_ms)
        return;
    set_limit(pacer, max_in_flight, limit_in_thousandths(pacer, max_in_flight) / 2);
    pacer->cut_ms = now_ms;
}

/* By one request for each limit's worth of successes. */
static void grow(struct pacer *pacer, int64_t max_in_flight)
{
    if (pacer->below == 0)
        return;
    int64_t limit = limit_in_thousandths(pacer, max_in_flight);
    set_limit(pacer, max_in_flight, limit + MAX_OF(INT64_C(1000) * 1000 / limit, INT64_C(1)));
}

/* ---- the bucket ---- */

static int64_t most_millionths(int64_t rate)
{
    return MAX_OF(rate * SECOND_MS, (int64_t)MILLION); /* a second's worth, one at least */
}

static void grow_rate(struct pacer *pacer, int64_t now_ms)
{
    while (pacer->rate < PACING_RATE_MAX && now_ms - pacer->rate_grown_ms >= SECOND_MS) {
        pacer->rate += MAX_OF(pacer->rate / 10, INT64_C(100));
        pacer->rate_grown_ms += SECOND_MS;
    }
    if (pacer->rate >= PACING_RATE_MAX)
        pacer->rate = 0; /* the provider's limit, if it still has one, shows itself again */
}

static void refill(struct pacer *pacer, int64_t now_ms)
{
    if (pacer->rate == 0)
        return;
    grow_rate(pacer, now_ms);
    int64_t passed_ms = MIN_OF(MAX_OF(now_ms - pacer->filled_ms, INT64_C(0)), INT64_C(3600000));
    pacer->millionths =
        MIN_OF(pacer->millionths + passed_ms * pacer->rate, most_millionths(pacer->rate));
    pacer->filled_ms = now_ms;
}

static void count_sent(struct pacer *pacer, int64_t now_ms)
{
    if (now_ms - pacer->second_ms >= SECOND_MS) {
        bool is_next = now_ms - pacer->second_ms < 2 * (int64_t)SECOND_MS;
        pacer->sent_before = is_next ? pacer->sent_in_second : 0;
        pacer->sent_in_second = 0;
        pacer->second_ms = now_ms;
    }
    pacer->sent_in_second++;
}

/* Half of what was just sent is taken for what the provider bears; once a second. */
static void learn_rate(struct pacer *pacer, int64_t now_ms)
{
    if (pacer->rate_cut_ms != TIME_NONE && now_ms - pacer->rate_cut_ms < SECOND_MS)
        return;
    int64_t seen = MAX_OF(pacer->sent_in_second, pacer->sent_before) * 1000;
    int64_t rate = pacer->rate > 0 ? MIN_OF(pacer->rate, seen) : seen;
    pacer->rate = MAX_OF(rate / 2, (int64_t)PACING_RATE_MIN);
    pacer->millionths = 0;
    pacer->filled_ms = pacer->rate_cut_ms = pacer->rate_grown_ms = now_ms;
}

/* ---- the breaker ---- */

static void open_breaker(struct pacer *pacer, int64_t now_ms)
{
    bool is_longer = pacer->breaker == BREAKER_PROBING;
    if (pacer->breaker == BREAKER_CLOSED)
        pacer->opened_ms = now_ms;
    pacer->pause_ms = is_longer ? MIN_OF(pacer->pause_ms * 2, (int64_t)PACING_PAUSE_MAX_MS)
                                : (int64_t)PACING_PAUSE_MIN_MS;
    pacer->breaker = BREAKER_OPEN;
    pacer->open_until_ms = now_ms + pacer->pause_ms;
}

static void note_failure(struct pacer *pacer, const struct pacing_end *end, int64_t now_ms)
{
    pacer->failures++;
    bool probe_failed = pacer->breaker == BREAKER_PROBING && end->is_probe;
    bool too_many = pacer->breaker == BREAKER_CLOSED && pacer->failures >= PACING_BREAKER_AFTER;
    if (probe_failed || too_many)
        open_breaker(pacer, now_ms);
}

/* It answers again: one request at first, more with each success. */
static void note_answer(struct pacer *pacer, int64_t max_in_flight)
{
    pacer->failures = 0;
    if (pacer->breaker == BREAKER_CLOSED)
        return;
    pacer->breaker = BREAKER_CLOSED;
    set_limit(pacer, max_in_flight, 1000);
}

/* ---- begin and end ---- */

static bool is_full(const struct pacer *pacer, int64_t max_in_flight)
{
    return pacer->begun + pacer->in_flight >=
           PACING_BEGUN_OF_A_PLACE * pacing_limit(pacer, max_in_flight);
}

bool pacing_may_begin(struct pacer *pacer, int64_t max_in_flight, int64_t now_ms)
{
    switch (pacer->breaker) {
    case BREAKER_OPEN:
        return now_ms >= pacer->open_until_ms;
    case BREAKER_PROBING:
        return false;
    case BREAKER_CLOSED:
        break;
    }
    if (is_full(pacer, max_in_flight))
        return false;
    refill(pacer, now_ms);
    return pacer->rate == 0 || pacer->millionths >= MILLION;
}

int64_t pacing_next_ms(const struct pacer *pacer, int64_t max_in_flight)
{
    if (pacer->breaker == BREAKER_OPEN)
        return pacer->open_until_ms;
    if (pacer->breaker == BREAKER_PROBING || pacer->rate == 0 || is_full(pacer, max_in_flight))
        return INT64_MAX;
    int64_t missing = MAX_OF(MILLION - pacer->millionths, INT64_C(0));
    return pacer->filled_ms + (missing + pacer->rate - 1) / pacer->rate;
}

bool pacing_begin(struct pacer *pacer, int64_t now_ms)
{
    refill(pacer, now_ms);
    count_sent(pacer, now_ms);
    pacer->begun++;
    if (pacer->rate > 0)
        pacer->millionths = MAX_OF(pacer->millionths - MILLION, -(int64_t)MILLION);
    if (pacer->breaker != BREAKER_OPEN)
        return false;
    pacer->breaker = BREAKER_PROBING;
    return true;
}

bool pacing_may_send(const struct pacer *pacer, int64_t max_in_flight)
{
    return pacer->in_flight < pacing_limit(pacer, max_in_flight);
}

void pacing_send(struct pacer *pacer)
{
    ASSERT(pacer->begun > 0);
    pacer->begun--;
    pacer->in_flight++;
}

static void note_recent(struct pacer *pacer, bool is_uncertain, int64_t now_ms)
{
    if (now_ms - pacer->recent_ms > PACING_RECENT_AGE_MS)
        pacer->recent_count = 0;
    pacer->recent_ms = now_ms;
    pacer->recent = pacer->recent << 1 | (is_uncertain ? 1 : 0);
    pacer->recent_count = MIN_OF(pacer->recent_count + 1, (int64_t)PACING_RECENT);
}

void pacing_end(struct pacer *pacer, int64_t max_in_flight, const struct pacing_end *end,
                int64_t now_ms)
{
    int64_t *place = end->kind == PACING_UNSENT ? &pacer->begun : &pacer->in_flight;
    ASSERT(*place > 0);
    --*place;
    if (end->kind != PACING_UNSENT)
        note_recent(pacer, end->is_uncertain, now_ms);
    switch (end->kind) {
    case PACING_UNSENT:
        if (end->is_probe && pacer->breaker == BREAKER_PROBING) {
            pacer->breaker = BREAKER_OPEN; /* the next one is the probe */
            pacer->open_until_ms = now_ms;
        }
        return;
    case PACING_ANSWERED:
        note_answer(pacer, max_in_flight);
        if (end->is_good)
            grow(pacer, max_in_flight);
        return;
    case PACING_LIMITED:
        note_answer(pacer, max_in_flight);
        halve(pacer, max_in_flight, end->started_ms, now_ms);
        learn_rate(pacer, now_ms);
        return;
    case PACING_OVERLOADED:
        note_answer(pacer, max_in_flight);
        halve(pacer, max_in_flight, end->started_ms, now_ms);
        return;
    case PACING_LOST:
        halve(pacer, max_in_flight, end->started_ms, now_ms);
        note_failure(pacer, end, now_ms);
        return;
    case PACING_UNREACHED:
        note_failure(pacer, end, now_ms);
        return;
    }
}

bool pacing_is_unsure(const struct pacer *pacer, int64_t now_ms)
{
    if (pacer->breaker != BREAKER_CLOSED)
        return true;
    if (pacer->recent_count < PACING_RECENT_MIN || now_ms - pacer->recent_ms > PACING_RECENT_AGE_MS)
        return false;
    int64_t uncertain = 0;
    for (int64_t i = 0; i < pacer->recent_count; i++)
        uncertain += (int64_t)(pacer->recent >> i & 1);
    return uncertain * 10 > pacer->recent_count;
}

bool pacing_is_shut(const struct pacer *pacer)
{
    return pacer->breaker != BREAKER_CLOSED;
}
