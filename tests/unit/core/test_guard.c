/* When many grants seem to die at once (docs/behaviour.md "The mass-failure guard"). */
#include "core/guard.h"

#include "unit/common/rows.h"

#define NOW INT64_C(1800000000000)
enum { HOUR = 3600 * 1000 };

/* Answers as they come: L lives, D dies, each of another connection; a digit: that many hours pass;
 * * the one before, fifty times. */
static void play(struct guard_answers *answers, const char *script, int64_t *now_ms)
{
    static const int times = 50;
    uint64_t who = 1;
    for (const char *at = script; *at != '\0'; at++) {
        if (*at >= '0' && *at <= '9')
            *now_ms += (int64_t)(*at - '0') * HOUR;
        else if (*at == '*')
            for (int i = 1; i < times; i++)
                guard_answer_add(answers, who++, 7, at[-1] == 'D', *now_ms);
        else
            guard_answer_add(answers, who++, 7, *at == 'D', *now_ms);
    }
}

struct trip_row {
    const char *name, *script;
    bool trips;
};

static const struct trip_row trip_rows[] = {
    {"nothing was heard", "", false},
    {"five dead, and nothing else", "DDDDD", true},
    {"four are four people", "DDDD", false},
    {"five of the last ten", "LLLLLDDDDD", true},
    {"five of the last eleven, four of the last ten", "DLLLLLLDDDD", false},
    {"five among many that live", "L*DDDDD", true},
    {"five, with one that lives between each", "DLDLDLDLD", true},
    {"five that died a day ago and more", "DDDDD997", false},
    {"five that died within a day", "DDDDD99", true},
    {"twenty of fifty, spread", "LDLDLLDLDLLDLDLLDLDLLDLDLLDLDLLDLDLLDLDLLDLDLLDLDL", true},
    {"nineteen of fifty, spread", "LDLDLLDLDLLDLDLLDLDLLDLDLLDLDLLDLDLLDLDLLDLDLLDLLL", false},
    {"a wave is no part of what is usual", "DDDDLLLLLLDDDDLLLLLLDDDDLLLLLLDDDDLLLLLLDDDDLLLLLL",
     true},
};

static void check_trip(void **state)
{
    const struct trip_row *row = *state;
    struct guard_answers answers = {0};
    int64_t now_ms = NOW;
    play(&answers, row->script, &now_ms);
    assert_int_equal(guard_trips(&answers, now_ms), row->trips);
}

static void where_many_die_as_a_rule_many_more_have_to(void **state)
{
    (void)state;
    struct guard_answers answers = {0};
    /* One of twelve dies, for six days: a tenfold of that is 83 %. */
    for (uint64_t i = 0; i < 6 * 1200; i++)
        guard_answer_add(&answers, i, 7, i % 12 == 0, NOW + (int64_t)i * 72 * 1000);
    int64_t later = NOW + INT64_C(6) * 24 * HOUR;
    for (uint64_t i = 0; i < 50; i++)
        guard_answer_add(&answers, 100000 + i, 7, i % 5 < 2, later); /* 20 of 50, 4 of 10 */
    assert_false(guard_trips(&answers, later));
    struct guard_answers fresh = {0};
    for (uint64_t i = 0; i < 50; i++)
        guard_answer_add(&fresh, 100000 + i, 7, i % 5 < 2, later);
    assert_true(guard_trips(&fresh, later));
}

static void one_connection_counts_once(void **state)
{
    (void)state;
    struct guard_answers answers = {0};
    for (int i = 0; i < 20; i++)
        guard_answer_add(&answers, 5, 7, true, NOW + i);
    assert_int_equal(answers.count, 1);
    assert_false(guard_trips(&answers, NOW + 20));
    guard_answer_add(&answers, 5, 7, false, NOW + 20); /* its last answer counts */
    assert_false(answers.list[0].is_dead);
}

static void only_fifty_are_looked_at(void **state)
{
    (void)state;
    struct guard_answers answers = {0};
    for (uint64_t i = 0; i < 60; i++)
        guard_answer_add(&answers, i, 7, false, NOW);
    assert_int_equal(answers.count, GUARD_ANSWERS_MAX);
    assert_int_equal(answers.list[0].who, 10);
    assert_int_equal(answers.list[GUARD_ANSWERS_MAX - 1].who, 59);
}

static void it_says_whose_they_are(void **state)
{
    (void)state;
    struct guard_answers answers = {0};
    assert_int_equal(guard_dead_group(&answers, NOW), 0);
    guard_answer_add(&answers, 1, 7, true, NOW);
    guard_answer_add(&answers, 2, 8, false, NOW);
    assert_int_equal(guard_dead_group(&answers, NOW), 7);
    guard_answer_add(&answers, 3, 8, true, NOW);
    assert_int_equal(guard_dead_group(&answers, NOW), 0);
    guard_answers_forget(&answers, 7);
    assert_int_equal(answers.count, 2);
    guard_answers_forget(&answers, 0);
    assert_int_equal(answers.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_many_die_as_a_rule_many_more_have_to),
        cmocka_unit_test(one_connection_counts_once),
        cmocka_unit_test(only_fifty_are_looked_at),
        cmocka_unit_test(it_says_whose_they_are),
    };
    int failed = RUN_ROWS(trip_rows, check_trip);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
