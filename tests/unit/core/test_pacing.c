/* How fast one provider is asked (docs/behaviour.md "Pacing"). */
#include "core/pacing.h"

#include "unit/common/rows.h"

#define NOW INT64_C(1800000000000)
enum { MAX = 32 };

static bool begin_and_send(struct pacer *pacer, int64_t now_ms)
{
    bool is_probe = pacing_begin(pacer, now_ms);
    pacing_send(pacer);
    return is_probe;
}

/* One request from begin to end at one instant. */
static void request(struct pacer *pacer, enum pacing_end_kind kind, int64_t now_ms)
{
    struct pacing_end end = {
        .kind = kind,
        .is_probe = pacing_begin(pacer, now_ms),
        .is_good = kind == PACING_ANSWERED,
        .is_uncertain = kind == PACING_LOST,
        .started_ms = now_ms,
    };
    if (kind != PACING_UNSENT)
        pacing_send(pacer);
    pacing_end(pacer, MAX, &end, now_ms);
}

/* ---- the limit of requests in flight ---- */

struct limit_row {
    const char *name;
    const char *script; /* G good, 4 a 429, 5 a 503, T a timeout, U unreached; a second apart */
    int64_t limit;
};

static const struct limit_row limit_rows[] = {
    {"at first it is the largest", "", 32},
    {"success can't exceed it", "GGGGGG", 32},
    {"a 429 halves it", "4", 16},
    {"a 503 halves it", "5", 16},
    {"a timeout halves it", "T", 16},
    {"a connection that fails says nothing about load", "U", 32},
    {"halved again and again it is one", "44444444", 1},
    {"from one, one success makes two", "4444444G", 2},
    {"a limit's worth of successes makes one more", "444GGGG", 4},
};

static void check_limit(void **state)
{
    const struct limit_row *row = *state;
    struct pacer pacer = {0};
    int64_t now_ms = NOW;
    for (const char *at = row->script; *at != '\0'; at++, now_ms += 1000)
        request(&pacer,
                *at == 'G'   ? PACING_ANSWERED
                : *at == '4' ? PACING_LIMITED
                : *at == '5' ? PACING_OVERLOADED
                : *at == 'T' ? PACING_LOST
                             : PACING_UNREACHED,
                now_ms);
    assert_int_equal(pacing_limit(&pacer, MAX), row->limit);
}

static void one_burst_halves_once(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    for (int i = 0; i < 32; i++)
        begin_and_send(&pacer, NOW);
    struct pacing_end end = {.kind = PACING_OVERLOADED, .started_ms = NOW};
    for (int i = 0; i < 32; i++)
        pacing_end(&pacer, MAX, &end, NOW + 100 + i);
    assert_int_equal(pacing_limit(&pacer, MAX), 16);
    assert_int_equal(pacer.in_flight, 0);
}

static void more_begin_than_are_sent(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    int begun = 0, sent = 0;
    while (pacing_may_begin(&pacer, MAX, NOW)) {
        pacing_begin(&pacer, NOW);
        begun++;
    }
    for (; pacing_may_send(&pacer, MAX); sent++)
        pacing_send(&pacer);
    assert_int_equal(begun, PACING_BEGUN_OF_A_PLACE * MAX);
    assert_int_equal(sent, MAX);
    assert_false(pacing_may_begin(&pacer, MAX, NOW));
}

/* ---- the bucket ---- */

static int begin_all(struct pacer *pacer, int64_t now_ms)
{
    int begun = 0;
    while (pacing_may_begin(pacer, MAX, now_ms) && begun < 10000) {
        request(pacer, PACING_ANSWERED, now_ms);
        begun++;
    }
    return begun;
}

static void a_429_teaches_a_rate_that_is_forgotten(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    for (int i = 0; i < 100; i++) /* 100 a second */
        request(&pacer, PACING_ANSWERED, NOW + i * 10);
    assert_int_equal(pacer.rate, 0);
    request(&pacer, PACING_LIMITED, NOW + 1000);
    assert_in_range(pacer.rate, 49000, 51000); /* half of it */
    assert_int_equal(begin_all(&pacer, NOW + 1000), 0);
    assert_in_range(pacing_next_ms(&pacer, MAX), NOW + 1010, NOW + 1030);
    int sent = 0;
    for (int64_t ms = 1000; ms < 2000; ms++)
        sent += begin_all(&pacer, NOW + ms);
    assert_in_range(sent, 45, 51);
    sent = 0; /* a tenth more each second */
    for (int64_t ms = 2000; ms < 3000; ms++)
        sent += begin_all(&pacer, NOW + ms);
    assert_in_range(sent, 50, 60);
    assert_true(pacing_may_begin(&pacer, MAX, NOW + 60 * 1000));
    assert_int_equal(pacer.rate, 0);
    assert_int_equal(pacing_next_ms(&pacer, MAX), INT64_MAX);
}

static void a_long_rest_saves_up_one_second(void **state)
{
    (void)state;
    struct pacer pacer = {.rate = 10 * 1000, .filled_ms = NOW, .rate_grown_ms = NOW + 10000};
    assert_int_equal(begin_all(&pacer, NOW + 10000), 10);
}

static void one_second_of_429_cuts_once(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    for (int i = 0; i < 40; i++)
        request(&pacer, PACING_LIMITED, NOW + i * 20);
    assert_in_range(pacer.rate, 200, 1000); /* of the first: one was sent until then */
    for (int i = 0; i < 1000; i++)
        request(&pacer, PACING_LIMITED, NOW + i * 1000);
    assert_int_equal(pacer.rate, PACING_RATE_MIN);
}

/* ---- the breaker ---- */

static void five_failures_open_it_and_one_request_probes(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    for (int i = 0; i < 4; i++)
        request(&pacer, PACING_UNREACHED, NOW);
    assert_true(pacing_may_begin(&pacer, MAX, NOW));
    request(&pacer, PACING_LOST, NOW);
    assert_int_equal(pacer.breaker, BREAKER_OPEN);
    assert_false(pacing_may_begin(&pacer, MAX, NOW + 999));
    assert_int_equal(pacing_next_ms(&pacer, MAX), NOW + 1000);
    assert_true(pacing_may_begin(&pacer, MAX, NOW + 1000));
    assert_true(begin_and_send(&pacer, NOW + 1000));
    assert_false(pacing_may_begin(&pacer, MAX, NOW + 1000)); /* one */
    struct pacing_end end = {.kind = PACING_UNREACHED, .is_probe = true};
    pacing_end(&pacer, MAX, &end, NOW + 1100);
    assert_int_equal(pacing_next_ms(&pacer, MAX), NOW + 3100); /* twice as long */
}

static void the_pause_is_a_minute_at_most(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    int64_t now_ms = NOW;
    for (int i = 0; i < 30; i++) {
        request(&pacer, PACING_UNREACHED, now_ms);
        now_ms = MAX_OF(now_ms, pacer.open_until_ms);
    }
    assert_int_equal(pacer.open_until_ms - now_ms, 0);
    request(&pacer, PACING_UNREACHED, now_ms);
    assert_int_equal(pacer.open_until_ms - now_ms, PACING_PAUSE_MAX_MS);
}

static void any_answer_closes_it_and_it_ramps_up(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    for (int i = 0; i < 5; i++)
        request(&pacer, PACING_UNREACHED, NOW);
    struct pacing_end end = {.kind = PACING_ANSWERED,
                             .is_probe = begin_and_send(&pacer, NOW + 1000)};
    pacing_end(&pacer, MAX, &end, NOW + 1050); /* an error, but an answer */
    assert_int_equal(pacer.breaker, BREAKER_CLOSED);
    assert_int_equal(pacing_limit(&pacer, MAX), 1);
    int successes = 0;
    for (; pacing_limit(&pacer, MAX) < MAX; successes++)
        request(&pacer, PACING_ANSWERED, NOW + 2000);
    assert_in_range(successes, 300, 600);
}

static void a_probe_that_was_not_sent_leaves_it_to_the_next(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    for (int i = 0; i < 5; i++)
        request(&pacer, PACING_UNREACHED, NOW);
    request(&pacer, PACING_UNSENT, NOW + 1000);
    assert_true(pacing_may_begin(&pacer, MAX, NOW + 1000));
    assert_int_equal(pacer.begun + pacer.in_flight, 0);
}

static void a_success_between_starts_the_count_anew(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    for (int i = 0; i < 20; i++)
        request(&pacer, i % 5 == 4 ? PACING_ANSWERED : PACING_LOST, NOW + i);
    assert_int_equal(pacer.breaker, BREAKER_CLOSED);
}

/* ---- uncertain answers ---- */

struct unsure_row {
    const char *name;
    int lost, answered;
    int64_t later_ms;
    bool is_unsure;
};

static const struct unsure_row unsure_rows[] = {
    {"few requests say nothing", 4, 0, 0, false},
    {"nineteen say nothing yet", 4, 15, 0, false},
    {"two of twenty are a tenth", 2, 18, 0, false},
    {"three of twenty are more", 3, 17, 0, true},
    {"only the last fifty count", 4, 50, 0, false},
    {"ten minutes later nothing is recent", 4, 18, PACING_RECENT_AGE_MS + 1, false},
};

static void check_unsure(void **state)
{
    const struct unsure_row *row = *state;
    struct pacer pacer = {0};
    for (int i = 0; i < row->lost; i++)
        request(&pacer, PACING_LOST, NOW);
    for (int i = 0; i < row->answered; i++)
        request(&pacer, PACING_ANSWERED, NOW);
    assert_int_equal(pacing_is_unsure(&pacer, NOW + row->later_ms), row->is_unsure);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_burst_halves_once),
        cmocka_unit_test(more_begin_than_are_sent),
        cmocka_unit_test(a_429_teaches_a_rate_that_is_forgotten),
        cmocka_unit_test(a_long_rest_saves_up_one_second),
        cmocka_unit_test(one_second_of_429_cuts_once),
        cmocka_unit_test(five_failures_open_it_and_one_request_probes),
        cmocka_unit_test(the_pause_is_a_minute_at_most),
        cmocka_unit_test(any_answer_closes_it_and_it_ramps_up),
        cmocka_unit_test(a_probe_that_was_not_sent_leaves_it_to_the_next),
        cmocka_unit_test(a_success_between_starts_the_count_anew),
    };
    int failed = RUN_ROWS(limit_rows, check_limit);
    failed += RUN_ROWS(unsure_rows, check_unsure);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
