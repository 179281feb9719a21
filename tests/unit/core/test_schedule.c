/* Due times, gaps, back-off (docs/behaviour.md "Refreshing"). */
#include "core/schedule.h"

#include "scene.h"

#include <stdio.h>

enum { SPREAD_IDS = 100000, SPREAD_PARTS = 20 };

struct base_row {
    const char *name;
    int64_t lifetime_ms, margin_ms;
    int64_t permille;
    int64_t base_ms, jitter_max_ms;
};

static const struct base_row base_rows[] = {
    {"an hour: four fifths of it", HOUR, 300 * SECOND, 100, 48 * MINUTE, 3 * MINUTE},
    {"a day: four fifths of it", DAY, 300 * SECOND, 100, 69120 * SECOND, 4320 * SECOND},
    {"twenty minutes: the margin", 20 * MINUTE, 300 * SECOND, 100, 15 * MINUTE, 75 * SECOND},
    {"six minutes: half of it, the margin is too much", 6 * MINUTE, 300 * SECOND, 100, 3 * MINUTE,
     36 * SECOND},
    {"ten seconds: half of it", 10 * SECOND, 300 * SECOND, 100, 5 * SECOND, SECOND},
    {"a second", SECOND, 300 * SECOND, 100, 500, 100},
    {"no margin: four fifths", 10 * SECOND, 0, 100, 8 * SECOND, 500},
    {"jitter may be smaller", HOUR, 300 * SECOND, 10, 48 * MINUTE, 36 * SECOND},
    {"or none", HOUR, 300 * SECOND, 0, 48 * MINUTE, 0},
    {"ten years", SCHEDULE_LIFETIME_MAX_S *INT64_C(1000), 300 * SECOND, 100, INT64_C(252288000000),
     INT64_C(15768000000)},
    {"a millisecond", 1, 300 * SECOND, 100, 0, 0},
};

/* Never before the base, never past base + jitter, and both ends are reached nearly. */
static void check_base(void **state)
{
    const struct base_row *row = *state;
    struct schedule_rules rules = scene_rules;
    rules.margin_ms = row->margin_ms;
    rules.jitter_permille = row->permille;
    int64_t least = INT64_MAX, most = INT64_MIN;
    for (int i = 0; i < 1000; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        int64_t due = schedule_due_ms(str_c(id), SCENE_NOW, row->lifetime_ms, &rules) - SCENE_NOW;
        least = MIN_OF(least, due);
        most = MAX_OF(most, due);
    }
    assert_between(least, row->base_ms, row->base_ms + row->jitter_max_ms / 100);
    assert_between(most, row->base_ms + row->jitter_max_ms - row->jitter_max_ms / 100 - 1,
                   row->base_ms + row->jitter_max_ms);
}

/* 100,000 tokens with one issue time: no twentieth of the span holds more than twice the mean, in
 * the first round and in the second, which spreads over a tenth of the lifetime. */
static void test_spread(void **state)
{
    (void)state;
    for (int round = 1; round <= 2; round++) {
        unsigned parts[SPREAD_PARTS] = {0};
        int64_t base = round * (int64_t)(48 * MINUTE), span = round * (int64_t)(3 * MINUTE);
        int64_t least = INT64_MAX, most = 0;
        for (int i = 0; i < SPREAD_IDS; i++) {
            char id[16];
            snprintf(id, sizeof(id), "c-%06d", i);
            int64_t due = 0;
            for (int j = 0; j < round; j++)
                due = schedule_due_ms(str_c(id), due, HOUR, &scene_rules);
            parts[(due - base) * SPREAD_PARTS / span]++;
            least = MIN_OF(least, due);
            most = MAX_OF(most, due);
        }
        for (int i = 0; i < SPREAD_PARTS; i++)
            assert_in_range(parts[i], 1, 2 * SPREAD_IDS / SPREAD_PARTS);
        if (round == 2)
            assert_between(most - least, HOUR / 10 - SECOND, HOUR / 10);
    }
}

static void test_one_id_one_share(void **state)
{
    (void)state;
    int64_t first = schedule_due_ms(STR("c-1"), 0, HOUR, &scene_rules);
    assert_int_equal(schedule_due_ms(STR("c-1"), 0, HOUR, &scene_rules), first);
    assert_int_equal(schedule_due_ms(STR("c-1"), SCENE_NOW, HOUR, &scene_rules) - SCENE_NOW, first);
    assert_int_not_equal(schedule_due_ms(STR("c-2"), 0, HOUR, &scene_rules), first);
}

/* Where a provider accepts refreshes in the last seconds only, none is due before; all within. */
static void test_not_before(void **state)
{
    (void)state;
    struct schedule_rules rules = scene_rules;
    rules.not_before_ms = 30 * SECOND;
    for (int i = 0; i < 1000; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        assert_between(schedule_due_ms(str_c(id), 0, 10 * MINUTE, &rules), 570 * SECOND,
                       578 * SECOND);
        assert_between(schedule_due_ms(str_c(id), 0, 20 * SECOND, &rules), 10 * SECOND,
                       20 * SECOND); /* shorter than that: as ever */
    }
}

struct gap_row {
    const char *name;
    int64_t lifetime_ms, gap_ms;
};

static const struct gap_row gap_rows[] = {
    {"an hour: 30 s", HOUR, 30 * SECOND},
    {"a minute: 30 s", MINUTE, 30 * SECOND},
    {"ten seconds: half of them", 10 * SECOND, 5 * SECOND},
    {"unknown: 30 s", 0, 30 * SECOND},
};

static void check_gap(void **state)
{
    const struct gap_row *row = *state;
    assert_int_equal(schedule_gap_ms(row->lifetime_ms), row->gap_ms);
}

struct backoff_row {
    const char *name;
    int64_t failures;
    uint64_t random;
    int64_t wait_ms;
};

static const struct backoff_row backoff_rows[] = {
    {"the first, at most", 1, UINT64_MAX, 999},
    {"the first, half way", 1, UINT64_C(1) << 63, 500},
    {"the first, at least", 1, 0, 100},
    {"the second doubles", 2, UINT64_C(1) << 63, 1000},
    {"the ninth is still below the cap", 9, UINT64_C(1) << 63, 128 * SECOND},
    {"the tenth is capped", 10, UINT64_C(1) << 63, 150 * SECOND},
    {"the millionth too", 1000000, UINT64_MAX, 5 * MINUTE - 1},
};

static void check_backoff(void **state)
{
    const struct backoff_row *row = *state;
    assert_int_equal(schedule_backoff_ms(&scene_rules, row->failures, row->random), row->wait_ms);
}

static void test_replay_series(void **state)
{
    (void)state;
    static const int64_t expected[] = {-1, 500, 2000, 8000, -1, -1};
    for (int64_t i = 0; i < (int64_t)ARRAY_LEN(expected); i++)
        assert_int_equal(schedule_replay_ms(i), expected[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_one_id_one_share),
        cmocka_unit_test(test_not_before),
        cmocka_unit_test(test_replay_series),
    };
    int failed = RUN_ROWS(base_rows, check_base);
    failed += RUN_ROWS(gap_rows, check_gap);
    failed += RUN_ROWS(backoff_rows, check_backoff);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
