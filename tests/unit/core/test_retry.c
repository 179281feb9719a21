/* When a refresh that got no verdict is tried again, and when trying ends (docs/behaviour.md
 * "Refreshing": lost answers, other failures; "What an answer means": refused). */
#include "core/lifecycle.h"

#include "scene.h"

static struct decision answer_at(const struct connection *before,
                                 const struct refresh_answer *answer, int64_t after_ms,
                                 uint64_t random)
{
    struct decision decision;
    lifecycle_answered(before, answer, &scene_rules, scene_now(after_ms), random, &decision);
    return decision;
}

/* ---- uncertain ---- */

struct uncertain_row {
    const char *name;
    enum answer_kind kind;
    struct replay_rules replay;
    int64_t retry_after_ms; /* 0: none */
    int64_t tries_before;
    int64_t expires_after_ms;        /* 0: unknown */
    int64_t due_low_ms, due_high_ms; /* after now */
    int64_t tries_after;
};

static const struct uncertain_row uncertain_rows[] = {
    {"the first repetition after 0.5 s", ANSWER_LOST, {.rotates = true}, 0, 0, HOUR, 500, 500, 1},
    {"the second after 2 s", ANSWER_LOST, {.rotates = true}, 0, 1, HOUR, 2000, 2000, 2},
    {"the third after 8 s", ANSWER_LOST, {.rotates = true}, 0, 2, HOUR, 8000, 8000, 3},
    {"the fourth like any failure", ANSWER_LOST, {.rotates = true}, 0, 3, HOUR, 100, 999, 4},
    {"the series happens once an episode",
     ANSWER_LOST,
     {.rotates = true},
     0,
     9,
     HOUR,
     100,
     999,
     10},
    {"a window keeps the series",
     ANSWER_LOST,
     {.rotates = true, .window_ms = 30000},
     0,
     0,
     HOUR,
     500,
     500,
     1},
    {"safe to repeat: like any failure, and not uncertain",
     ANSWER_LOST,
     {.safe = true},
     0,
     0,
     HOUR,
     100,
     999,
     0},
    {"hold: not before the access token has ended",
     ANSWER_LOST,
     {.rotates = true, .hold = true},
     0,
     0,
     10 * MINUTE,
     10 * MINUTE,
     10 * MINUTE,
     1},
    {"hold, and it has ended: like any failure",
     ANSWER_LOST,
     {.rotates = true, .hold = true},
     0,
     1,
     -SECOND,
     100,
     999,
     2},
    {"a 500 where nothing rotates is transient",
     ANSWER_500,
     {.safe = true},
     0,
     0,
     HOUR,
     100,
     999,
     0},
    {"a 503 with Retry-After is not uncertain",
     ANSWER_503_LATER,
     {.rotates = true},
     30000,
     0,
     HOUR,
     30000,
     30000,
     0},
    {"a 500 with Retry-After is, but not repeated before it",
     ANSWER_500,
     {.rotates = true},
     30000,
     0,
     HOUR,
     30000,
     30000,
     1},
    {"a malformed answer is not repeated before Retry-After",
     ANSWER_MALFORMED,
     {.rotates = true},
     5000,
     0,
     HOUR,
     5000,
     5000,
     1},
    {"a malformed answer is uncertain where nothing rotates",
     ANSWER_MALFORMED,
     {.rotates = false},
     0,
     0,
     HOUR,
     500,
     500,
     1},
};

static void check_uncertain(void **state)
{
    const struct uncertain_row *row = *state;
    struct connection before = scene_connection(COND_ACTIVE);
    before.uncertain_tries = row->tries_before;
    before.expires_ms = row->expires_after_ms == 0 ? TIME_NONE : SCENE_NOW + row->expires_after_ms;
    struct refresh_answer answer = scene_answer(row->kind);
    answer.replay = row->replay;
    if (row->retry_after_ms > 0)
        answer.retry_after_ms = row->retry_after_ms;
    struct decision decision = answer_at(&before, &answer, 0, UINT64_MAX / 2);
    assert_between(decision.next.due_ms - SCENE_NOW, row->due_low_ms, row->due_high_ms);
    assert_int_equal(decision.next.uncertain_tries, row->tries_after);
    assert_int_equal(connection_state_of(&decision.next, REASON_NONE), STATE_RETRYING);
    assert_int_equal(decision.keep_answer, row->kind == ANSWER_MALFORMED);
}

/* ---- transient ---- */

struct transient_row {
    const char *name;
    int64_t failures_before;
    uint64_t random;
    int64_t expires_after_ms; /* 0: unknown */
    int64_t low_ms, high_ms;
};

static const struct transient_row transient_rows[] = {
    {"the first failure waits up to backoff_min", 0, UINT64_MAX, HOUR, 999, 999},
    {"never less than a tenth of it", 0, 0, HOUR, 100, 100},
    {"the fourth up to eight times as long", 3, UINT64_MAX, HOUR, 7999, 7999},
    {"the jitter is full", 3, UINT64_MAX / 4, HOUR, 1999, 2001},
    {"it is capped at backoff_max", 40, UINT64_MAX, HOUR, 5 * MINUTE - 1, 5 * MINUTE - 1},
    {"never past the end while a try can still help", 40, UINT64_MAX, MINUTE, MINUTE / 2,
     MINUTE / 2},
    {"nor exactly at the end", 40, UINT64_MAX, 5 * MINUTE - 1, MINUTE, 5 * MINUTE - 2},
    {"with two seconds left there is time for one", 40, UINT64_MAX, 2 * SECOND, SECOND, SECOND},
    {"with less there is not", 40, UINT64_MAX, 2 * SECOND - 1, 5 * MINUTE - 1, 5 * MINUTE - 1},
    {"nor past the end", 40, UINT64_MAX, -HOUR, 5 * MINUTE - 1, 5 * MINUTE - 1},
    {"nor where the end is not known", 40, UINT64_MAX, 0, 5 * MINUTE - 1, 5 * MINUTE - 1},
};

static void check_transient(void **state)
{
    const struct transient_row *row = *state;
    struct connection before = scene_connection(COND_ACTIVE);
    before.failures = row->failures_before;
    before.expires_ms = row->expires_after_ms == 0 ? TIME_NONE : SCENE_NOW + row->expires_after_ms;
    struct refresh_answer answer = scene_answer(ANSWER_408);
    struct decision decision = answer_at(&before, &answer, 0, row->random);
    assert_between(decision.next.due_ms - SCENE_NOW, row->low_ms, row->high_ms);
    assert_int_equal(decision.next.failures, row->failures_before + 1);
    assert_int_equal(decision.next.failing_since_ms, SCENE_NOW);
}

/* ---- exhausted ---- */

struct exhausted_row {
    const char *name;
    enum answer_kind kind;
    int64_t expired_ms, failing_ms; /* since so long; expired 0: end unknown */
    bool others_succeed;
    bool exhausted;
};

static const struct exhausted_row exhausted_rows[] = {
    {"four days past expiry while others succeeded", ANSWER_408, 4 * (int64_t)DAY, 5 * (int64_t)DAY,
     true, true},
    {"an hour less is not enough", ANSWER_408, 4 * (int64_t)DAY - HOUR, 5 * (int64_t)DAY, true,
     false},
    {"with none succeeding it stays retrying", ANSWER_408, 9 * (int64_t)DAY, 9 * (int64_t)DAY,
     false, false},
    {"a daemon that was down tried nothing", ANSWER_408, 9 * (int64_t)DAY, MINUTE, true, false},
    {"an unknown end counts from the first failure", ANSWER_408, 0, 4 * (int64_t)DAY, true, true},
    {"an answer that is lost every time is exhausted too", ANSWER_LOST, 4 * (int64_t)DAY,
     5 * (int64_t)DAY, true, true},
    {"a network that fails every time, too", ANSWER_UNSENT, 4 * (int64_t)DAY, 5 * (int64_t)DAY,
     true, true},
};

static void check_exhausted(void **state)
{
    const struct exhausted_row *row = *state;
    struct connection before = scene_connection(COND_RETRYING);
    before.uncertain_tries = row->kind == ANSWER_LOST ? 9 : 0;
    before.expires_ms = row->expired_ms == 0 ? TIME_NONE : SCENE_NOW - row->expired_ms;
    before.failing_since_ms = SCENE_NOW - row->failing_ms;
    struct refresh_answer answer = scene_answer(row->kind);
    answer.others_succeed = row->others_succeed;
    struct decision decision = answer_at(&before, &answer, 0, 0);
    assert_int_equal(decision.next.dead_reason,
                     row->exhausted ? REASON_REFRESH_EXHAUSTED : REASON_NONE);
    assert_facts(&decision, row->exhausted ? "needs_reconnect" : "");
    if (row->exhausted) /* tried daily after */
        assert_int_equal(decision.next.due_ms, SCENE_NOW + DAY);
}

/* ---- refused ---- */

enum others { OTHERS_UNTRIED, OTHERS_SUCCEED, OTHERS_FAIL, OTHERS_NONE };

struct doubt_row {
    const char *name;
    enum answer_kind kind;
    enum others others;
    int64_t doubts_before, doubting_ms, expired_ms;
    enum reason reason;
    const char *detail; /* NULL: none */
    enum connector_signal signal;
};

static const struct doubt_row doubt_rows[] = {
    {"three times over ten minutes while others succeed", ANSWER_REFUSED, OTHERS_SUCCEED, 2,
     10 * MINUTE, 0, REASON_GRANT_REJECTED, NULL, SIGNAL_NONE},
    {"twice is too few", ANSWER_REFUSED, OTHERS_SUCCEED, 1, HOUR, 0, REASON_NONE, NULL,
     SIGNAL_NONE},
    {"within nine minutes is too soon", ANSWER_REFUSED, OTHERS_SUCCEED, 5, 9 * MINUTE, 0,
     REASON_NONE, NULL, SIGNAL_NONE},
    {"a scope problem while others succeed is asked of the person", ANSWER_SCOPE, OTHERS_SUCCEED, 2,
     10 * MINUTE, 0, REASON_REAUTHORIZATION_REQUIRED, NULL, SIGNAL_NONE},
    {"another word than invalid_client while others succeed", ANSWER_ODD_CLIENT, OTHERS_SUCCEED, 2,
     10 * MINUTE, 0, REASON_GRANT_REJECTED, NULL, SIGNAL_NONE},
    {"nobody else was tried: no verdict", ANSWER_REFUSED, OTHERS_UNTRIED, 9, 9 * (int64_t)DAY, DAY,
     REASON_NONE, NULL, SIGNAL_NONE},
    {"others are refused too: the credentials are the suspect", ANSWER_REFUSED, OTHERS_FAIL, 2,
     10 * MINUTE, 0, REASON_NONE, NULL, SIGNAL_CREDENTIAL_REJECTED},
    {"others are refused too, but not for long", ANSWER_REFUSED, OTHERS_FAIL, 1, 10 * MINUTE, 0,
     REASON_NONE, NULL, SIGNAL_NONE},
    {"with no others, after a day of it past expiry", ANSWER_REFUSED, OTHERS_NONE, 2,
     2 * (int64_t)DAY, DAY, REASON_GRANT_REJECTED, "unclear", SIGNAL_NONE},
    {"with no others, half a day past expiry", ANSWER_REFUSED, OTHERS_NONE, 2, 2 * (int64_t)DAY,
     DAY / 2, REASON_NONE, NULL, SIGNAL_NONE},
    {"with no others, half a day of it", ANSWER_REFUSED, OTHERS_NONE, 2, DAY / 2, 9 * (int64_t)DAY,
     REASON_NONE, NULL, SIGNAL_NONE},
};

static void check_doubt(void **state)
{
    const struct doubt_row *row = *state;
    struct connection before = scene_connection(COND_DOUBTED);
    before.doubts = row->doubts_before;
    before.doubts_since_ms = before.failing_since_ms = SCENE_NOW - row->doubting_ms;
    if (row->expired_ms > 0)
        before.expires_ms = SCENE_NOW - row->expired_ms;
    struct refresh_answer answer = scene_answer(row->kind);
    answer.others_succeed = row->others == OTHERS_SUCCEED;
    answer.others_fail = row->others == OTHERS_FAIL;
    answer.has_no_others = row->others == OTHERS_NONE;
    struct decision decision = answer_at(&before, &answer, 0, 0);
    assert_string_equal(reason_text(decision.next.dead_reason), reason_text(row->reason));
    assert_str_is(decision.next.detail, str_c(row->detail));
    assert_int_equal(decision.signal, row->signal);
    assert_facts(&decision, row->reason != REASON_NONE ? "needs_reconnect" : "");
    assert_str_is(decision.next.provider_error_code, STR("code"));
}

/* Others must have succeeded since it is refused, not since it fails for another cause. */
static void test_doubts_begin_an_episode(void **state)
{
    (void)state;
    struct connection before = scene_connection(COND_RETRYING);
    struct refresh_answer answer = scene_answer(ANSWER_REFUSED);
    struct decision decision = answer_at(&before, &answer, 0, 0);
    assert_int_equal(decision.next.doubts, 1);
    assert_int_equal(decision.next.doubts_since_ms, SCENE_NOW);
    assert_int_equal(decision.next.failing_since_ms, SCENE_NOW);
}

/* ---- answers that need a second, later refusal ---- */

struct confirm_row {
    const char *name;
    enum condition condition;
    int64_t doubting_ms; /* 0: not yet */
    bool dead;
    int64_t due_after_ms; /* of one that lives */
};

static const struct confirm_row confirm_rows[] = {
    {"asked once more after a minute", COND_ACTIVE, 0, false, MINUTE},
    {"a repetition within the minute is none", COND_ACTIVE, 20 * SECOND, false, 40 * SECOND},
    {"the same after a minute is a verdict", COND_ACTIVE, MINUTE, true, 0},
    {"a dead one needs no confirmation", COND_REAUTH, 0, true, 0},
};

static void check_confirm(void **state)
{
    const struct confirm_row *row = *state;
    struct connection before = scene_connection(row->condition);
    if (row->doubting_ms > 0) {
        before.doubts = 1;
        before.doubts_since_ms = SCENE_NOW - row->doubting_ms;
    }
    struct refresh_answer answer = scene_answer(ANSWER_REJECTED);
    answer.confirm = true;
    struct decision decision = answer_at(&before, &answer, 0, 0);
    assert_int_equal(decision.next.dead_reason, row->dead ? REASON_GRANT_REJECTED : REASON_NONE);
    assert_facts(&decision, row->dead ? "needs_reconnect" : "");
    if (!row->dead)
        assert_int_equal(decision.next.due_ms, SCENE_NOW + row->due_after_ms);
}

/* ---- a client that was replaced and works no more ---- */

struct replaced_row {
    const char *name;
    enum condition condition;
    int64_t doubting_ms; /* 0: not refused yet */
    enum reason reason;
    const char *facts;
    int64_t due_after_ms; /* 0: never */
};

static const struct replaced_row replaced_rows[] = {
    {"one refusal may be a slip", COND_REPLACED, 0, REASON_NONE, "", MINUTE},
    {"a second one ends the grant, and nobody is asked twice", COND_REPLACED, MINUTE,
     REASON_CLIENT_REPLACED, "", 0},
    {"the person whom no sweep has told yet is told", COND_ACTIVE, MINUTE, REASON_CLIENT_REPLACED,
     "needs_reconnect", 0},
    {"a daily try that meets it is tried tomorrow", COND_REAUTH, 0, REASON_REAUTHORIZATION_REQUIRED,
     "", DAY},
};

static void check_replaced(void **state)
{
    const struct replaced_row *row = *state;
    struct connection before = scene_connection(row->condition);
    if (row->doubting_ms > 0) {
        before.doubts = 1;
        before.doubts_since_ms = SCENE_NOW - row->doubting_ms;
    }
    struct refresh_answer answer = scene_answer(ANSWER_BAD_CLIENT);
    answer.client_replaced = true;
    struct decision decision = answer_at(&before, &answer, 0, 0);
    assert_int_equal(decision.next.dead_reason, row->reason);
    assert_int_equal(decision.signal, SIGNAL_NONE); /* it says nothing of the new client */
    assert_facts(&decision, row->facts);
    assert_int_equal(decision.next.due_ms,
                     row->due_after_ms > 0 ? SCENE_NOW + row->due_after_ms : TIME_NONE);
}

/* ---- why it is dead ---- */

struct cause_row {
    const char *name;
    enum answer_kind kind;
    bool was_lost, safe, first_after_rotation;
    enum reason reason;
    const char *detail;
};

static const struct cause_row cause_rows[] = {
    {"a bare refusal is grant_rejected", ANSWER_REJECTED, false, false, false,
     REASON_GRANT_REJECTED, NULL},
    {"at the first refresh after a rotation, secret_rotated", ANSWER_REJECTED, false, false, true,
     REASON_SECRET_ROTATED, NULL},
    {"a code that says more is kept after a rotation", ANSWER_REVOKED, false, false, true,
     REASON_ACCESS_REVOKED, NULL},
    {"a lost answer comes before the rotation", ANSWER_REJECTED, true, false, true,
     REASON_ROTATION_LOST, NULL},
    {"a lost answer keeps the provider's word as detail", ANSWER_EXPIRED, true, false, false,
     REASON_ROTATION_LOST, "refresh_token_expired"},
    {"nothing is lost where repeating is safe", ANSWER_REJECTED, true, true, false,
     REASON_GRANT_REJECTED, NULL},
};

static void check_cause(void **state)
{
    const struct cause_row *row = *state;
    struct connection before = scene_connection(row->was_lost ? COND_UNCERTAIN : COND_ACTIVE);
    struct refresh_answer answer = scene_answer(row->kind);
    answer.replay.safe = row->safe;
    answer.first_after_rotation = row->first_after_rotation;
    struct decision decision = answer_at(&before, &answer, 0, 0);
    assert_string_equal(reason_text(decision.next.dead_reason), reason_text(row->reason));
    assert_str_is(decision.next.detail, str_c(row->detail));
    assert_int_equal(decision.next.trouble_ms, SCENE_NOW);
    assert_int_equal(decision.next.uncertain_tries, 0);
}

/* ---- a crash with an attempt open ---- */

struct crash_row {
    const char *name;
    enum condition condition;
    int64_t started_ms; /* before now */
    int64_t tries_after;
    bool is_due_now;
};

static const struct crash_row crash_rows[] = {
    {"an open attempt is uncertain and comes first", COND_ACTIVE, SECOND, 1, true},
    {"one more after a lost answer", COND_UNCERTAIN, SECOND, 2, true},
    {"one of an older grant changes nothing", COND_ACTIVE, HOUR, 0, false},
    {"a disconnected one stays as it is", COND_DISCONNECTED, SECOND, 0, false},
    {"a dead one keeps its due time", COND_DEAD, SECOND, 1, false},
};

static void check_crash(void **state)
{
    const struct crash_row *row = *state;
    struct connection before = scene_connection(row->condition);
    before.due_ms = before.phase == PHASE_CONNECTED ? SCENE_NOW - SECOND : TIME_NONE;
    before.attempt_id = 5;
    before.attempt_started_ms = SCENE_NOW - row->started_ms;
    struct decision decision;
    const struct replay_rules replay = {.rotates = true};
    lifecycle_attempt_lost(&before, &replay, scene_now(0), &decision);
    assert_int_equal(decision.next.uncertain_tries, row->tries_after);
    assert_int_equal(decision.next.due_ms, row->is_due_now ? SCENE_NOW : before.due_ms);
    assert_int_equal(decision.fact_count, 0);
    assert_int_equal(decision.next.history_count, row->tries_after > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubts_begin_an_episode),
    };
    int failed = RUN_ROWS(uncertain_rows, check_uncertain);
    failed += RUN_ROWS(transient_rows, check_transient);
    failed += RUN_ROWS(exhausted_rows, check_exhausted);
    failed += RUN_ROWS(doubt_rows, check_doubt);
    failed += RUN_ROWS(confirm_rows, check_confirm);
    failed += RUN_ROWS(replaced_rows, check_replaced);
    failed += RUN_ROWS(cause_rows, check_cause);
    failed += RUN_ROWS(crash_rows, check_crash);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
