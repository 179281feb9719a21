/* What each answer makes of a connection in each condition (docs/behaviour.md "States and
 * reasons", "Refreshing", "What an answer means"). */
#include "core/lifecycle.h"

#include "scene.h"

enum due_kind {
    DUE_RENEWAL, /* in the last fifth of the new hour */
    DUE_BACKOFF, /* soon, with full jitter */
    DUE_AT,      /* at due_after_ms */
    DUE_NEVER,
    DUE_STAYS,
};

struct answer_row {
    const char *name;
    enum condition condition;
    enum answer_kind kind;
    enum connection_state state;
    enum reason reason;
    const char *facts;
    enum connector_signal signal;
    enum due_kind due;
    int64_t due_after_ms;
};

static const struct answer_row answer_rows[] = {
    /* refreshed */
    {"an active one stays active and is due before the new end", COND_ACTIVE, ANSWER_REFRESHED,
     STATE_ACTIVE, REASON_NONE, "refreshed", SIGNAL_CREDENTIAL_WORKS, DUE_RENEWAL, 0},
    {"a retrying one is active again, untold", COND_RETRYING, ANSWER_REFRESHED, STATE_ACTIVE,
     REASON_NONE, "refreshed", SIGNAL_CREDENTIAL_WORKS, DUE_RENEWAL, 0},
    {"an uncertain one is active again", COND_UNCERTAIN, ANSWER_ROTATED, STATE_ACTIVE, REASON_NONE,
     "refreshed", SIGNAL_CREDENTIAL_WORKS, DUE_RENEWAL, 0},
    {"doubts are over with a success", COND_DOUBTED, ANSWER_REFRESHED, STATE_ACTIVE, REASON_NONE,
     "refreshed", SIGNAL_CREDENTIAL_WORKS, DUE_RENEWAL, 0},
    {"reauthorization that an admin lifted is recovered", COND_REAUTH, ANSWER_REFRESHED,
     STATE_ACTIVE, REASON_NONE, "recovered refreshed", SIGNAL_CREDENTIAL_WORKS, DUE_RENEWAL, 0},
    {"an exhausted one that works again is recovered", COND_EXHAUSTED, ANSWER_REFRESHED,
     STATE_ACTIVE, REASON_NONE, "recovered refreshed", SIGNAL_CREDENTIAL_WORKS, DUE_RENEWAL, 0},
    {"an operator's force may revive a dead one", COND_DEAD, ANSWER_REFRESHED, STATE_ACTIVE,
     REASON_NONE, "recovered refreshed", SIGNAL_CREDENTIAL_WORKS, DUE_RENEWAL, 0},
    {"a rescoped one is refreshed and still asked to reconnect, once", COND_RESCOPED,
     ANSWER_REFRESHED, STATE_NEEDS_RECONNECT, REASON_SCOPES_CHANGED, "refreshed",
     SIGNAL_CREDENTIAL_WORKS, DUE_RENEWAL, 0},

    /* grant_dead */
    {"a bare invalid_grant is grant_rejected", COND_ACTIVE, ANSWER_REJECTED, STATE_NEEDS_RECONNECT,
     REASON_GRANT_REJECTED, "needs_reconnect", SIGNAL_CREDENTIAL_WORKS, DUE_NEVER, 0},
    {"a code that says revoked is access_revoked", COND_ACTIVE, ANSWER_REVOKED,
     STATE_NEEDS_RECONNECT, REASON_ACCESS_REVOKED, "needs_reconnect", SIGNAL_CREDENTIAL_WORKS,
     DUE_NEVER, 0},
    {"a code that says expired is refresh_token_expired", COND_RETRYING, ANSWER_EXPIRED,
     STATE_NEEDS_RECONNECT, REASON_REFRESH_TOKEN_EXPIRED, "needs_reconnect",
     SIGNAL_CREDENTIAL_WORKS, DUE_NEVER, 0},
    {"dead after an answer that got lost is rotation_lost", COND_UNCERTAIN, ANSWER_REJECTED,
     STATE_NEEDS_RECONNECT, REASON_ROTATION_LOST, "needs_reconnect", SIGNAL_CREDENTIAL_WORKS,
     DUE_NEVER, 0},
    {"whatever the provider calls the lost token", COND_UNCERTAIN, ANSWER_REVOKED,
     STATE_NEEDS_RECONNECT, REASON_ROTATION_LOST, "needs_reconnect", SIGNAL_CREDENTIAL_WORKS,
     DUE_NEVER, 0},
    {"but a code that names the account is believed", COND_UNCERTAIN, ANSWER_ACCOUNT,
     STATE_NEEDS_RECONNECT, REASON_ACCOUNT_DISCONNECTED, "needs_reconnect", SIGNAL_CREDENTIAL_WORKS,
     DUE_NEVER, 0},
    {"an advisory that dies is told with the new reason", COND_RESCOPED, ANSWER_REJECTED,
     STATE_NEEDS_RECONNECT, REASON_GRANT_REJECTED, "needs_reconnect", SIGNAL_CREDENTIAL_WORKS,
     DUE_NEVER, 0},
    {"refused again while dead: nobody is asked twice", COND_DEAD, ANSWER_REJECTED,
     STATE_NEEDS_RECONNECT, REASON_GRANT_REJECTED, "", SIGNAL_CREDENTIAL_WORKS, DUE_NEVER, 0},
    {"the first verdict stands, whatever is said later", COND_DEAD, ANSWER_REVOKED,
     STATE_NEEDS_RECONNECT, REASON_GRANT_REJECTED, "", SIGNAL_CREDENTIAL_WORKS, DUE_NEVER, 0},
    {"reauthorization that turns out dead is a change of reason", COND_REAUTH, ANSWER_REJECTED,
     STATE_NEEDS_RECONNECT, REASON_GRANT_REJECTED, "needs_reconnect", SIGNAL_CREDENTIAL_WORKS,
     DUE_NEVER, 0},
    {"an exhausted one that turns out dead is a change of reason", COND_EXHAUSTED, ANSWER_REJECTED,
     STATE_NEEDS_RECONNECT, REASON_GRANT_REJECTED, "needs_reconnect", SIGNAL_CREDENTIAL_WORKS,
     DUE_NEVER, 0},

    /* reauth_required */
    {"consent or MFA asked of the person", COND_ACTIVE, ANSWER_REAUTH, STATE_NEEDS_RECONNECT,
     REASON_REAUTHORIZATION_REQUIRED, "needs_reconnect", SIGNAL_CREDENTIAL_WORKS, DUE_AT, DAY},
    {"the same again: tried tomorrow, told once", COND_REAUTH, ANSWER_REAUTH, STATE_NEEDS_RECONNECT,
     REASON_REAUTHORIZATION_REQUIRED, "", SIGNAL_CREDENTIAL_WORKS, DUE_AT, DAY},
    {"asked of the person, though an answer got lost before", COND_UNCERTAIN, ANSWER_REAUTH,
     STATE_NEEDS_RECONNECT, REASON_REAUTHORIZATION_REQUIRED, "needs_reconnect",
     SIGNAL_CREDENTIAL_WORKS, DUE_AT, DAY},

    /* client_rejected */
    {"a wrong client secret says nothing about the person", COND_ACTIVE, ANSWER_BAD_CLIENT,
     STATE_ACTIVE, REASON_NONE, "", SIGNAL_CREDENTIAL_REJECTED, DUE_AT, 30 * SECOND},
    {"nor is it a failure of this connection", COND_RETRYING, ANSWER_BAD_CLIENT, STATE_ACTIVE,
     REASON_NONE, "", SIGNAL_CREDENTIAL_REJECTED, DUE_AT, 30 * SECOND},
    {"what was lost before stays uncertain", COND_UNCERTAIN, ANSWER_BAD_CLIENT, STATE_RETRYING,
     REASON_NONE, "", SIGNAL_CREDENTIAL_REJECTED, DUE_AT, 30 * SECOND},
    {"a daily try that meets a wrong secret is tried tomorrow", COND_REAUTH, ANSWER_BAD_CLIENT,
     STATE_NEEDS_RECONNECT, REASON_REAUTHORIZATION_REQUIRED, "", SIGNAL_CREDENTIAL_REJECTED, DUE_AT,
     DAY},
    {"unauthorized_client is no verdict by itself", COND_ACTIVE, ANSWER_ODD_CLIENT, STATE_RETRYING,
     REASON_NONE, "", SIGNAL_NONE, DUE_BACKOFF, 0},

    /* refused, scope_problem */
    {"refused once is no verdict", COND_ACTIVE, ANSWER_REFUSED, STATE_RETRYING, REASON_NONE, "",
     SIGNAL_NONE, DUE_BACKOFF, 0},
    {"refused three times over ten minutes is none, while nobody succeeds", COND_DOUBTED,
     ANSWER_REFUSED, STATE_RETRYING, REASON_NONE, "", SIGNAL_NONE, DUE_BACKOFF, 0},
    {"a scope problem is no verdict", COND_ACTIVE, ANSWER_SCOPE, STATE_RETRYING, REASON_NONE, "",
     SIGNAL_NONE, DUE_BACKOFF, 0},
    {"a refused daily try changes nothing", COND_REAUTH, ANSWER_REFUSED, STATE_NEEDS_RECONNECT,
     REASON_REAUTHORIZATION_REQUIRED, "", SIGNAL_NONE, DUE_AT, DAY},

    /* transient */
    {"a 429 is transient", COND_ACTIVE, ANSWER_LIMITED, STATE_RETRYING, REASON_NONE, "",
     SIGNAL_NONE, DUE_BACKOFF, 0},
    {"a 408 is transient", COND_ACTIVE, ANSWER_408, STATE_RETRYING, REASON_NONE, "", SIGNAL_NONE,
     DUE_BACKOFF, 0},
    {"a request that never left is transient", COND_ACTIVE, ANSWER_UNSENT, STATE_RETRYING,
     REASON_NONE, "", SIGNAL_NONE, DUE_BACKOFF, 0},
    {"Retry-After holds the whole client", COND_ACTIVE, ANSWER_503_LATER, STATE_RETRYING,
     REASON_NONE, "", SIGNAL_THROTTLED, DUE_AT, 30 * SECOND},
    {"a daily try that fails is tried tomorrow", COND_EXHAUSTED, ANSWER_408, STATE_NEEDS_RECONNECT,
     REASON_REFRESH_EXHAUSTED, "", SIGNAL_NONE, DUE_AT, DAY},
    {"a daily try honours Retry-After for all", COND_REAUTH, ANSWER_503_LATER,
     STATE_NEEDS_RECONNECT, REASON_REAUTHORIZATION_REQUIRED, "", SIGNAL_THROTTLED, DUE_AT, DAY},
    {"a forced try of a dead grant that fails makes no due time", COND_DEAD, ANSWER_408,
     STATE_NEEDS_RECONNECT, REASON_GRANT_REJECTED, "", SIGNAL_NONE, DUE_NEVER, 0},

    /* uncertain */
    {"a lost answer is asked for again after 0.5 s", COND_ACTIVE, ANSWER_LOST, STATE_RETRYING,
     REASON_NONE, "", SIGNAL_NONE, DUE_AT, 500},
    {"a malformed answer is asked for again after 0.5 s", COND_ACTIVE, ANSWER_MALFORMED,
     STATE_RETRYING, REASON_NONE, "", SIGNAL_NONE, DUE_AT, 500},
    {"a 5xx of a provider that rotates may have rotated", COND_ACTIVE, ANSWER_500, STATE_RETRYING,
     REASON_NONE, "", SIGNAL_NONE, DUE_AT, 500},
    {"the second lost answer after 2 s", COND_UNCERTAIN, ANSWER_LOST, STATE_RETRYING, REASON_NONE,
     "", SIGNAL_NONE, DUE_AT, 2 * SECOND},
    {"not sent meanwhile: transient, still uncertain", COND_UNCERTAIN, ANSWER_UNSENT,
     STATE_RETRYING, REASON_NONE, "", SIGNAL_NONE, DUE_BACKOFF, 0},
    {"a daily try whose answer got lost is repeated soon", COND_REAUTH, ANSWER_LOST,
     STATE_NEEDS_RECONNECT, REASON_REAUTHORIZATION_REQUIRED, "", SIGNAL_NONE, DUE_AT, 500},
    {"a forced try of a dead grant that got lost makes no due time", COND_DEAD, ANSWER_LOST,
     STATE_NEEDS_RECONNECT, REASON_GRANT_REJECTED, "", SIGNAL_NONE, DUE_NEVER, 0},

    /* too late */
    {"a success for a disconnected one brings nothing back", COND_DISCONNECTED, ANSWER_ROTATED,
     STATE_DISCONNECTED, REASON_ACCOUNT_DISCONNECTED, "", SIGNAL_NONE, DUE_NEVER, 0},
    {"nor does a refusal say anything about it", COND_DISCONNECTED, ANSWER_REJECTED,
     STATE_DISCONNECTED, REASON_ACCOUNT_DISCONNECTED, "", SIGNAL_NONE, DUE_NEVER, 0},
};

static void assert_due(const struct answer_row *row, const struct connection *before,
                       const struct connection *next)
{
    int64_t after_ms = next->due_ms - SCENE_NOW;
    switch (row->due) {
    case DUE_RENEWAL:
        assert_between(after_ms, 48 * MINUTE, 51 * MINUTE);
        break;
    case DUE_BACKOFF:
        assert_between(after_ms, 100, 8 * SECOND);
        break;
    case DUE_AT:
        assert_int_equal(after_ms, row->due_after_ms);
        break;
    case DUE_NEVER:
        assert_int_equal(next->due_ms, TIME_NONE);
        assert_int_not_equal(next->unscheduled, UNSCHEDULED_NOT);
        return;
    case DUE_STAYS:
        assert_int_equal(next->due_ms, before->due_ms);
        break;
    }
    assert_int_equal(next->unscheduled, UNSCHEDULED_NOT);
}

static void check_answer(void **state)
{
    const struct answer_row *row = *state;
    struct connection before = scene_connection(row->condition);
    struct refresh_answer answer = scene_answer(row->kind);
    struct decision decision;
    lifecycle_answered(&before, &answer, &scene_rules, scene_now(0), UINT64_C(0x8000000000000000),
                       &decision);
    assert_string_equal(connection_state_text(connection_state_of(&decision.next, REASON_NONE)),
                        connection_state_text(row->state));
    assert_string_equal(reason_text(connection_reason_of(&decision.next, REASON_NONE)),
                        reason_text(row->reason));
    assert_facts(&decision, row->facts);
    assert_int_equal(decision.signal, row->signal);
    assert_due(row, &before, &decision.next);
    assert_int_equal(decision.next.generation, before.generation);
}

/* Whatever is answered: the refresh token is deleted by none, and a token that is still valid is
 * served unless the provider said that it is dead too. */
static void check_nothing_is_lost(void **state)
{
    const struct answer_row *row = *state;
    struct connection before = scene_connection(row->condition);
    struct refresh_answer answer = scene_answer(row->kind);
    struct decision decision;
    lifecycle_answered(&before, &answer, &scene_rules, scene_now(0), 0, &decision);
    if (before.phase != PHASE_CONNECTED) {
        assert_true(str_is_empty(decision.next.sealed_refresh));
        return;
    }
    assert_false(str_is_empty(decision.next.sealed_refresh));
    enum reason dead = decision.next.dead_reason;
    bool withdrawn = dead == REASON_ACCESS_REVOKED || dead == REASON_ACCOUNT_DISCONNECTED;
    assert_int_equal(connection_serves_token(&decision.next, SCENE_NOW), !withdrawn);
    assert_int_equal(decision.next.history_count, 1);
    assert_int_equal(decision.next.last_attempt_ms, SCENE_NOW);
}

/* A retry that gets nowhere says so to nobody: "connection.needs_reconnect" comes with a verdict
 * and alert_seq goes with the state. */
static void check_alert_seq(void **state)
{
    const struct answer_row *row = *state;
    struct connection before = scene_connection(row->condition);
    struct refresh_answer answer = scene_answer(row->kind);
    struct decision decision;
    lifecycle_answered(&before, &answer, &scene_rules, scene_now(0), 0, &decision);
    bool is_told = row->state == STATE_NEEDS_RECONNECT;
    assert_int_equal(decision.next.alert_seq, is_told ? before.alert_seq : 0);
}

int main(void)
{
    int failed = RUN_ROWS(answer_rows, check_answer);
    failed += RUN_ROWS(answer_rows, check_nothing_is_lost);
    failed += RUN_ROWS(answer_rows, check_alert_seq);
    return failed;
}
