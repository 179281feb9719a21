/* Verdicts that settle, are held, and are asked about again (docs/behaviour.md "The mass-failure
 * guard"). */
#include "core/lifecycle.h"

#include "scene.h"

static struct schedule_rules rules(void)
{
    struct schedule_rules with = scene_rules;
    with.settle_ms = 5 * SECOND;
    with.hold_ms[0] = MINUTE;
    with.hold_ms[1] = HOUR;
    with.hold_count = 2;
    return with;
}

static struct decision answered(const struct connection *before, enum answer_kind kind,
                                int64_t after_ms)
{
    struct schedule_rules with = rules();
    struct refresh_answer answer = scene_answer(kind);
    struct decision decision;
    lifecycle_answered(before, &answer, &with, scene_now(after_ms), 0, &decision);
    return decision;
}

enum stage { SETTLING, HELD, HELD_LAST, RECHECKED, RECHECKED_LAST };

/* The hold began at SCENE_NOW; the last time to ask is an hour after. */
static struct connection suspect(enum stage stage)
{
    bool is_told = stage == RECHECKED || stage == RECHECKED_LAST;
    struct connection c = scene_connection(is_told ? COND_DEAD : COND_ACTIVE);
    c.verdict_reason = REASON_GRANT_REJECTED;
    c.verdict_ms = SCENE_NOW;
    c.doubts = is_told ? 0 : 1;
    c.held_ms = stage == SETTLING ? TIME_NONE : SCENE_NOW;
    c.due_ms = c.refresh_due_ms = SCENE_NOW + (stage == SETTLING ? 5 * SECOND : MINUTE);
    c.unscheduled = UNSCHEDULED_NOT;
    return c;
}

struct answer_row {
    const char *name;
    enum stage stage;
    enum answer_kind kind;
    enum reason dead, verdict;
    int64_t due_ms; /* after SCENE_NOW; 0: none, -1: no matter */
    const char *facts;
};

static const struct answer_row answer_rows[] = {
    {"held and dead again: the next time", HELD, ANSWER_REJECTED, REASON_NONE,
     REASON_GRANT_REJECTED, HOUR, ""},
    {"held and alive: over, and nothing was said", HELD, ANSWER_REFRESHED, REASON_NONE, REASON_NONE,
     -1, "refreshed"},
    {"dead at the last time: told", HELD_LAST, ANSWER_REJECTED, REASON_GRANT_REJECTED, REASON_NONE,
     0, "needs_reconnect"},
    {"its last answer gives the reason", HELD_LAST, ANSWER_REVOKED, REASON_ACCESS_REVOKED,
     REASON_NONE, 0, "needs_reconnect"},
    {"a 503 decides nothing", HELD, ANSWER_503_LATER, REASON_NONE, REASON_GRANT_REJECTED, HOUR, ""},
    {"nor a lost answer", HELD, ANSWER_LOST, REASON_NONE, REASON_GRANT_REJECTED, HOUR, ""},
    {"nor a wrong secret", HELD, ANSWER_BAD_CLIENT, REASON_NONE, REASON_GRANT_REJECTED, HOUR, ""},
    {"nor an empty 400, the last time: asked again soon", HELD_LAST, ANSWER_REFUSED, REASON_NONE,
     REASON_GRANT_REJECTED, HOUR + 100, ""},
    {"told, and alive: recovered", RECHECKED, ANSWER_REFRESHED, REASON_NONE, REASON_NONE, -1,
     "recovered refreshed"},
    {"told, and dead again: nothing new", RECHECKED, ANSWER_REJECTED, REASON_GRANT_REJECTED,
     REASON_GRANT_REJECTED, HOUR, ""},
    {"told, and dead at the last time: never again", RECHECKED_LAST, ANSWER_REJECTED,
     REASON_GRANT_REJECTED, REASON_NONE, 0, ""},
    {"asked by hand while it settles: it settles on", SETTLING, ANSWER_REJECTED, REASON_NONE,
     REASON_GRANT_REJECTED, 5 * SECOND, ""},
    {"asked by hand, and alive", SETTLING, ANSWER_REFRESHED, REASON_NONE, REASON_NONE, -1,
     "refreshed"},
};

static void check_answer(void **state)
{
    const struct answer_row *row = *state;
    struct connection before = suspect(row->stage);
    bool is_last = row->stage == HELD_LAST || row->stage == RECHECKED_LAST;
    struct decision decision = answered(&before, row->kind,
                                        is_last                  ? HOUR
                                        : row->stage != SETTLING ? MINUTE
                                                                 : SECOND);
    assert_int_equal(decision.next.dead_reason, row->dead);
    assert_int_equal(decision.next.verdict_reason, row->verdict);
    if (row->due_ms >= 0)
        assert_int_equal(decision.next.due_ms, row->due_ms == 0 ? 0 : SCENE_NOW + row->due_ms);
    assert_facts(&decision, row->facts);
}

static void a_verdict_settles_first(void **state)
{
    (void)state;
    struct connection before = scene_connection(COND_ACTIVE);
    struct decision decision = answered(&before, ANSWER_REJECTED, 0);
    assert_int_equal(decision.next.dead_reason, REASON_NONE);
    assert_int_equal(decision.next.verdict_reason, REASON_GRANT_REJECTED);
    assert_int_equal(decision.next.due_ms, SCENE_NOW + 5 * SECOND);
    assert_int_equal(connection_state_of(&decision.next, REASON_NONE), STATE_RETRYING);
    assert_true(connection_serves_token(&decision.next, SCENE_NOW));
    assert_int_equal(decision.guard_note, GUARD_NOTE_DIES);
    assert_facts(&decision, "");
}

static void what_is_asked_of_the_person_is_told_at_once(void **state)
{
    (void)state;
    struct connection before = scene_connection(COND_ACTIVE);
    struct decision decision = answered(&before, ANSWER_REAUTH, 0);
    assert_int_equal(decision.next.dead_reason, REASON_REAUTHORIZATION_REQUIRED);
    assert_facts(&decision, "needs_reconnect");
}

struct due_row {
    const char *name;
    enum stage stage;
    enum due_asker asker;
    int64_t after_ms;
    bool holds;
    enum due_verdict verdict;
    enum reason dead;
};

static const struct due_row due_rows[] = {
    {"it settles yet", SETTLING, DUE_ON_TIME, 4 * SECOND, false, DUE_NOTHING, REASON_NONE},
    {"nobody hurries it", SETTLING, DUE_ASKED, 4 * SECOND, false, DUE_NOTHING, REASON_NONE},
    {"but who insists", SETTLING, DUE_INSISTED, 4 * SECOND, false, DUE_SEND, REASON_NONE},
    {"it has settled", SETTLING, DUE_ON_TIME, 5 * SECOND, false, DUE_CHANGED,
     REASON_GRANT_REJECTED},
    {"it has settled, and is held", SETTLING, DUE_ON_TIME, 5 * SECOND, true, DUE_CHANGED,
     REASON_NONE},
    {"held, and not yet its time", HELD, DUE_ASKED, 10 * SECOND, true, DUE_NOTHING, REASON_NONE},
    {"held, and its time", HELD, DUE_ON_TIME, MINUTE, true, DUE_SEND, REASON_NONE},
    {"held, its hold gone: its own answer decides", HELD, DUE_ON_TIME, MINUTE, false, DUE_SEND,
     REASON_NONE},
};

static void check_due(void **state)
{
    const struct due_row *row = *state;
    struct connection before = suspect(row->stage);
    struct schedule_rules with = rules();
    const struct guard_word word = {.holds = row->holds, .since_ms = SCENE_NOW + SECOND};
    struct decision decision;
    assert_int_equal(lifecycle_verdict_due(&before, row->asker, word, &with,
                                           scene_now(row->after_ms), &decision),
                     row->verdict);
    assert_int_equal(decision.next.dead_reason, row->dead);
    bool becomes_held = row->verdict == DUE_CHANGED && row->holds;
    if (becomes_held)
        assert_int_equal(decision.next.due_ms, SCENE_NOW + SECOND + MINUTE);
}

struct recheck_row {
    const char *name;
    enum reason reason;
    int64_t told_ms; /* before now */
    int64_t status;
    bool is_checked;
};

static const struct recheck_row recheck_rows[] = {
    {"told a short while ago", REASON_GRANT_REJECTED, 14 * MINUTE, 400, true},
    {"whatever the provider called it", REASON_ACCOUNT_DISCONNECTED, MINUTE, 400, true},
    {"told before the window", REASON_GRANT_REJECTED, 16 * MINUTE, 400, false},
    {"a date said so, no answer", REASON_REFRESH_TOKEN_EXPIRED, MINUTE, 0, false},
    {"exhausted", REASON_REFRESH_EXHAUSTED, MINUTE, 503, false},
    {"asked of the person", REASON_REAUTHORIZATION_REQUIRED, MINUTE, 400, false},
    {"alive", REASON_NONE, MINUTE, 400, false},
};

static void check_recheck(void **state)
{
    const struct recheck_row *row = *state;
    struct connection before = scene_connection(COND_ACTIVE);
    if (row->reason != REASON_NONE)
        scene_kill(&before, row->reason);
    before.trouble_ms = SCENE_NOW - row->told_ms;
    before.provider_error_status = row->status;
    struct schedule_rules with = rules();
    struct decision decision;
    const struct guard_word word = {.holds = true, .since_ms = SCENE_NOW};
    assert_int_equal(lifecycle_verdict_recheck(&before, SCENE_NOW - 15 * MINUTE, word, &with,
                                               scene_now(0), &decision),
                     row->is_checked);
    if (row->is_checked)
        assert_int_equal(decision.next.due_ms, SCENE_NOW + MINUTE);
    assert_facts(&decision, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_verdict_settles_first),
        cmocka_unit_test(what_is_asked_of_the_person_is_told_at_once),
    };
    int failed = RUN_ROWS(answer_rows, check_answer);
    failed += RUN_ROWS(due_rows, check_due);
    failed += RUN_ROWS(recheck_rows, check_recheck);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
