/* What a connection is looked at for: which of its times is first, and what each of them follows.
 */
#include "unit/core/scene.h"

#include "core/agenda.h"

static const struct schedule_rules rules = {
    .margin_ms = 300 * SECOND,
    .jitter_permille = 100,
    .notice_leads_ms = {7 * (int64_t)DAY, DAY},
    .notice_lead_count = 2,
    .idle_after_ms = 7 * (int64_t)DAY,
    .probe_every_ms = HOUR,
    .idle_lifetime_ms = 30 * (int64_t)DAY,
};

struct item_row {
    const char *name;
    int64_t refresh, notice, probe; /* after SCENE_NOW; INT64_MAX: none */
    int64_t due;
    enum agenda_item item;
};

#define NONE INT64_MAX

static const struct item_row item_rows[] = {
    {"nothing is planned", NONE, NONE, NONE, NONE, AGENDA_NOTHING},
    {"none has come", 5, 6, 7, 5, AGENDA_NOTHING},
    {"the refresh has", 0, 6, 7, 0, AGENDA_REFRESH},
    {"the notice has", 5, 0, 7, 0, AGENDA_NOTICE},
    {"the check has", 5, 6, 0, 0, AGENDA_PROBE},
    {"all have: the refresh goes first", -1, -3, -2, -3, AGENDA_REFRESH},
    {"a notice before a check", NONE, -1, -2, -2, AGENDA_NOTICE},
    {"a check alone", NONE, NONE, -2, -2, AGENDA_PROBE},
};

static int64_t at(int64_t after_ms)
{
    return after_ms == NONE ? TIME_NONE : SCENE_NOW + after_ms;
}

static void check_item(void **state)
{
    const struct item_row *row = *state;
    struct connection c = {.refresh_due_ms = at(row->refresh),
                           .notice_due_ms = at(row->notice),
                           .probe_due_ms = at(row->probe)};
    agenda_settle(&c);
    assert_int_equal(c.due_ms, at(row->due));
    assert_int_equal(agenda_item(&c, SCENE_NOW), row->item);
    agenda_clear(&c);
    assert_int_equal(c.due_ms, TIME_NONE);
}

struct notice_row {
    const char *name;
    enum condition condition;
    int64_t ends;    /* its refresh token, after SCENE_NOW; NONE: not known */
    int64_t told_ms; /* the lead that was told */
    bool extends;
    bool no_refresh;
    int64_t notice;  /* when, after SCENE_NOW */
    int64_t lead_ms; /* of what is due at that time */
};

static const struct notice_row notice_rows[] = {
    {"its end is not known", COND_ACTIVE, NONE, 0, false, false, NONE, 0},
    {"seven days before", COND_ACTIVE, 30 * (int64_t)DAY, 0, false, false, 23 * (int64_t)DAY,
     7 * (int64_t)DAY},
    {"one day before, the first is told", COND_ACTIVE, 30 * (int64_t)DAY, 7 * (int64_t)DAY, false,
     false, 29 * (int64_t)DAY, DAY},
    {"all are told", COND_ACTIVE, 30 * (int64_t)DAY, DAY, false, false, NONE, 0},
    {"late for the first: at once", COND_ACTIVE, 3 * (int64_t)DAY, 0, false, false,
     -4 * (int64_t)DAY, 7 * (int64_t)DAY},
    {"each refresh puts it off", COND_ACTIVE, 3 * (int64_t)DAY, 0, true, false, NONE, 0},
    {"it would, but none is planned", COND_ACTIVE, 30 * (int64_t)DAY, 0, true, true,
     23 * (int64_t)DAY, 7 * (int64_t)DAY},
    {"it is dead", COND_DEAD, 30 * (int64_t)DAY, 0, false, false, NONE, 0},
    {"it is disconnected", COND_DISCONNECTED, 30 * (int64_t)DAY, 0, false, false, NONE, 0},
};

static void check_notice(void **state)
{
    const struct notice_row *row = *state;
    struct connection c = scene_connection(row->condition);
    c.refresh_expires_ms = at(row->ends);
    c.notice_lead_ms = row->told_ms;
    c.refresh_extends = row->extends;
    if (row->no_refresh)
        c.refresh_due_ms = TIME_NONE;
    agenda_plan_notice(&c, &rules);
    assert_int_equal(c.notice_due_ms, at(row->notice));
    if (row->notice != NONE)
        assert_int_equal(agenda_notice_lead_ms(&c, &rules, c.notice_due_ms), row->lead_ms);
}

/* Two thresholds that are both past are one notice: the nearest. */
static void two_that_have_begun_are_one(void **state UNUSED)
{
    struct connection c = scene_connection(COND_ACTIVE);
    c.refresh_expires_ms = SCENE_NOW + HOUR;
    assert_int_equal(agenda_notice_lead_ms(&c, &rules, SCENE_NOW), DAY);
    c.notice_lead_ms = DAY;
    agenda_plan_notice(&c, &rules);
    assert_int_equal(c.notice_due_ms, TIME_NONE);
}

static void a_check_comes_up_to_a_fifth_early(void **state UNUSED)
{
    struct connection c = scene_connection(COND_ACTIVE);
    agenda_plan_probe(&c, &rules, SCENE_NOW);
    assert_between(c.probe_due_ms - SCENE_NOW, HOUR * 4 / 5, HOUR);
    c = scene_connection(COND_DEAD);
    agenda_plan_probe(&c, &rules, SCENE_NOW);
    assert_int_equal(c.probe_due_ms, TIME_NONE);
}

static void who_connects_or_reads_is_not_idle(void **state UNUSED)
{
    struct connection c = scene_connection(COND_ACTIVE);
    assert_true(agenda_is_idle(&c, &rules, SCENE_NOW));
    c.requested_ms = SCENE_NOW - 6 * (int64_t)DAY;
    assert_false(agenda_is_idle(&c, &rules, SCENE_NOW));
    c.requested_ms = SCENE_NOW - 8 * (int64_t)DAY;
    assert_true(agenda_is_idle(&c, &rules, SCENE_NOW));
    c.last_read_ms = SCENE_NOW - SECOND;
    assert_false(agenda_is_idle(&c, &rules, SCENE_NOW));
    struct schedule_rules eager = rules;
    eager.idle_after_ms = 0;
    c.last_read_ms = TIME_NONE;
    assert_false(agenda_is_idle(&c, &eager, SCENE_NOW));
}

static void a_refresh_token_is_used_before_it_dies_of_disuse(void **state UNUSED)
{
    struct connection c = scene_connection(COND_ACTIVE);
    int64_t used_ms = c.last_success_ms;
    assert_between(agenda_keepalive_ms(&c, &rules) - used_ms, 15 * (int64_t)DAY, 29 * (int64_t)DAY);
    c.refresh_extends = true; /* and its end, which is nearer, moves with each use */
    c.refresh_expires_ms = used_ms + 10 * (int64_t)DAY;
    assert_between(agenda_keepalive_ms(&c, &rules) - used_ms, 5 * (int64_t)DAY, 10 * (int64_t)DAY);
    struct schedule_rules unknown = rules;
    unknown.idle_lifetime_ms = 0;
    c.refresh_extends = false;
    assert_int_equal(agenda_keepalive_ms(&c, &unknown), TIME_NONE);
    c.sealed_refresh = STR_NONE;
    assert_int_equal(agenda_keepalive_ms(&c, &rules), TIME_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_that_have_begun_are_one),
        cmocka_unit_test(a_check_comes_up_to_a_fifth_early),
        cmocka_unit_test(who_connects_or_reads_is_not_idle),
        cmocka_unit_test(a_refresh_token_is_used_before_it_dies_of_disuse),
    };
    int failed = RUN_ROWS(item_rows, check_item);
    failed += RUN_ROWS(notice_rows, check_notice);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
