#include "core/lifecycle_step.h"

#include "common/macros.h"
#include "core/agenda.h"

enum {
    DOUBTS_MIN = 3,
    DOUBTS_SPAN_MS = 10 * 60 * 1000,
    DOUBTS_ALONE_MS = 24 * 3600 * 1000, /* with nobody to compare with */
    CONFIRM_AFTER_MS = 60 * 1000,
    RETRY_LEFT_MIN_MS = 2000, /* less is no time for another try */
};

/* ---- what kind of answer is it? ---- */

static bool answer_is(const struct refresh_answer *answer, enum outcome outcome)
{
    return answer->end == TRANSPORT_ANSWERED && answer->outcome == outcome;
}

static bool answer_is_rejection(const struct refresh_answer *answer)
{
    return answer_is(answer, OUTCOME_CLIENT_REJECTED) && answer->bare_invalid_client;
}

bool lifecycle_is_doubtful(const struct refresh_answer *answer)
{
    return answer_is(answer, OUTCOME_REFUSED) || answer_is(answer, OUTCOME_SCOPE_PROBLEM) ||
           (answer_is(answer, OUTCOME_CLIENT_REJECTED) && !answer->bare_invalid_client);
}

bool lifecycle_is_uncertain(const struct refresh_answer *answer)
{
    if (answer->end != TRANSPORT_ANSWERED)
        return answer->end == TRANSPORT_LOST;
    if (answer->outcome == OUTCOME_MALFORMED || answer->maybe_rotated)
        return true;
    bool is_told_to_wait = answer->status == 503 && answer->retry_after_ms >= 0;
    return answer->outcome == OUTCOME_TRANSIENT && answer->status >= 500 && !is_told_to_wait &&
           answer->replay.rotates;
}

static void keep_provider_error(struct connection *next, const struct refresh_answer *answer)
{
    next->provider_error_status = answer->status;
    next->provider_error_code = answer->provider_code;
    next->provider_error_message = answer->provider_message;
    next->claims = answer->claims;
}

/* ---- refreshed ---- */

/* Did the refresh token's end move along with time, or does it stand where the grant has put it?
 * Servers that repeat the end of the grant are a second or two off. */
static void see_whether_it_extends(const struct connection *before, struct connection *next,
                                   struct now now)
{
    if (before->refresh_expires_ms == TIME_NONE || next->refresh_expires_ms == TIME_NONE)
        return;
    int64_t moved_ms = next->refresh_expires_ms - before->refresh_expires_ms;
    next->refresh_extends = moved_ms > (now.ms - before->last_success_ms) / 2;
}

static void take_tokens(const struct connection *before, struct connection *next,
                        const struct refresh_answer *answer, struct now now)
{
    if (str_is_set(answer->sealed_access))
        next->sealed_access = answer->sealed_access;
    if (str_is_set(answer->token_type))
        next->token_type = answer->token_type;
    if (str_is_set(answer->config_json))
        next->config_json = answer->config_json;
    if (str_is_set(answer->sealed_refresh)) {
        next->sealed_refresh = answer->sealed_refresh;
        next->refresh_print = answer->refresh_print;
        next->refresh_expires_ms = TIME_NONE; /* the old one's end is not the new one's */
        next->no_rotation_count = 0;
    } else if (next->no_rotation_count < 3) {
        next->no_rotation_count++;
    }
    lifecycle_take_lifetimes(next, answer->lifetime_ms, answer->refresh_lifetime_ms, now);
    see_whether_it_extends(before, next, now);
    next->last_success_ms = now.ms;
    next->credential_version = answer->credential_version;
    next->attempts = 0;
}

/* Another advisory already asks for what got lost. */
static void take_scopes(struct connection *next, const struct refresh_answer *answer,
                        struct now now)
{
    if (!answer->scope_said)
        return;
    next->scopes_granted = answer->scope;
    bool is_reduced = next->advisory_reason == REASON_SCOPES_REDUCED;
    if (next->advisory_reason != REASON_NONE && !is_reduced)
        return;
    if (!str_is_empty(answer->scope_lost))
        lifecycle_set_advisory(next, REASON_SCOPES_REDUCED, STR_NONE, answer->scope_lost, now);
    else if (is_reduced)
        lifecycle_clear_advisory(next);
}

static void answered_refreshed(const struct connection *before, const struct refresh_answer *answer,
                               const struct schedule_rules *rules, struct now now,
                               struct decision *decision)
{
    struct connection *next = &decision->next;
    lifecycle_clear_retry(next);
    lifecycle_clear_provider_error(next);
    next->dead_reason = REASON_NONE; /* it lives, whatever was thought */
    if (next->advisory_reason == REASON_NONE)
        next->trouble_ms = TIME_NONE;
    next->suspected_by = SUSPECTED_BY_NOBODY;
    take_tokens(before, next, answer, now);
    take_scopes(next, answer, now);
    lifecycle_schedule_next(next, rules);
    /* A provider that hands out nearly dead tokens must not be asked in a tight loop. */
    if (next->refresh_due_ms != TIME_NONE && next->unscheduled == UNSCHEDULED_NOT)
        next->refresh_due_ms =
            MAX_OF(next->refresh_due_ms, now.ms + schedule_gap_ms(next->lifetime_ms));
    agenda_plan_notice(next, rules);
    agenda_plan_probe(next, rules, now.ms);
    decision->signal = SIGNAL_CREDENTIAL_WORKS;
    decision->guard_note = GUARD_NOTE_LIVES;
    lifecycle_facts(before, decision);
    lifecycle_fact_add(decision, FACT_REFRESHED);
}

/* ---- failures that say nothing about the grant ---- */

static void note_throttle(const struct refresh_answer *answer, struct now now,
                          struct decision *decision)
{
    if (answer->end != TRANSPORT_ANSWERED || answer->retry_after_ms < 0)
        return;
    decision->signal = SIGNAL_THROTTLED;
    decision->throttled_until_ms = now.ms + answer->retry_after_ms;
}

/* Not later than would keep the access token alive, where another try can still help. */
static int64_t retry_before_expiry(const struct connection *next, int64_t retry_ms, struct now now)
{
    int64_t left_ms = next->expires_ms - now.ms;
    if (next->expires_ms == TIME_NONE || left_ms < RETRY_LEFT_MIN_MS || retry_ms < next->expires_ms)
        return retry_ms;
    return now.ms + left_ms / 2;
}

/* Past the access token's end, and tried all that time: a daemon that was down for a week has not
 * tried anything. */
static bool is_exhausted(const struct connection *next, const struct schedule_rules *rules,
                         struct now now)
{
    int64_t since_ms = MAX_OF(next->expires_ms, next->failing_since_ms);
    return now.ms - since_ms >= rules->exhausted_after_ms;
}

static void back_off(struct connection *next, const struct refresh_answer *answer,
                     const struct schedule_rules *rules, struct now now, uint64_t random,
                     struct decision *decision)
{
    if (next->failing_since_ms == TIME_NONE)
        next->failing_since_ms = now.ms;
    next->failures++;
    bool exhausted = is_exhausted(next, rules, now);
    decision->none_succeeds = exhausted && !answer->others_succeed;
    if (exhausted && answer->others_succeed) {
        lifecycle_set_dead(next, REASON_REFRESH_EXHAUSTED, now);
        return;
    }
    int64_t retry_ms = now.ms + schedule_backoff_ms(rules, next->failures, random);
    retry_ms = retry_before_expiry(next, retry_ms, now);
    lifecycle_schedule_at(next, MAX_OF(retry_ms, decision->throttled_until_ms));
}

/* ---- uncertain ---- */

/* When a presentation whose answer was lost is repeated, as the provider allows; TIME_NONE: like
 * after any other failure. */
static int64_t replay_at_ms(const struct connection *next, const struct refresh_answer *answer,
                            struct now now)
{
    if (answer->replay.safe)
        return TIME_NONE;
    if (answer->replay.hold)
        return next->expires_ms > now.ms ? next->expires_ms : TIME_NONE;
    int64_t replay_ms = schedule_replay_ms(next->uncertain_tries);
    if (replay_ms < 0 || answer->retry_after_ms > replay_ms || answer->endpoint_unsure)
        return TIME_NONE;
    return now.ms + replay_ms;
}

/* The answer may have been lost, and a new token with it: soon again and few times. */
static void answered_uncertain(const struct refresh_answer *answer,
                               const struct schedule_rules *rules, struct now now, uint64_t random,
                               struct decision *decision)
{
    struct connection *next = &decision->next;
    keep_provider_error(next, answer);
    note_throttle(answer, now, decision);
    decision->keep_answer =
        answer->end == TRANSPORT_ANSWERED && answer->outcome == OUTCOME_MALFORMED;
    if (!answer->replay.safe)
        next->uncertain_tries++;
    int64_t replay_ms = replay_at_ms(next, answer, now);
    if (replay_ms != TIME_NONE) {
        if (next->failing_since_ms == TIME_NONE)
            next->failing_since_ms = now.ms;
        lifecycle_schedule_at(next, MAX_OF(replay_ms, decision->throttled_until_ms));
    } else {
        back_off(next, answer, rules, now, random, decision);
    }
}

/* ---- dead ---- */

/* A presentation that got lost explains every later refusal of that token, whatever the provider
 * calls it; but not one that names the account. */
static enum reason dead_reason_of(const struct connection *before,
                                  const struct refresh_answer *answer)
{
    if (answer->outcome == OUTCOME_REAUTH_REQUIRED)
        return REASON_REAUTHORIZATION_REQUIRED;
    bool is_bare = answer->outcome != OUTCOME_GRANT_DEAD || answer->dead_reason == REASON_NONE ||
                   answer->dead_reason == REASON_GRANT_REJECTED;
    bool was_lost = before->uncertain_tries > 0 && !answer->replay.safe;
    if (was_lost && (is_bare || answer->dead_reason != REASON_ACCOUNT_DISCONNECTED))
        return REASON_ROTATION_LOST;
    if (!is_bare)
        return answer->dead_reason;
    return answer->first_after_rotation ? REASON_SECRET_ROTATED : REASON_GRANT_REJECTED;
}

static struct str dead_detail_of(const struct connection *before, enum reason reason,
                                 const struct refresh_answer *answer)
{
    bool is_renamed = reason == REASON_ROTATION_LOST && answer->dead_reason != REASON_NONE &&
                      answer->dead_reason != REASON_GRANT_REJECTED;
    if (!str_is_set(answer->detail) && is_renamed)
        return str_c(reason_text(answer->dead_reason));
    return str_is_set(answer->detail) ? answer->detail : suspected_by_detail(before->suspected_by);
}

static void answered_dead(const struct connection *before, const struct refresh_answer *answer,
                          const struct schedule_rules *rules, struct now now,
                          struct decision *decision)
{
    struct connection *next = &decision->next;
    decision->signal = SIGNAL_CREDENTIAL_WORKS;
    /* Refused again while it counts as dead: the first verdict and its time stand. */
    if (before->dead_reason != REASON_NONE && !lifecycle_is_tried_daily(before->dead_reason))
        return;
    enum reason reason = dead_reason_of(before, answer);
    keep_provider_error(next, answer);
    next->detail = dead_detail_of(before, reason, answer);
    if (before->dead_reason == reason)
        return;
    /* What the provider asks of the person is no death: it is told at once, and tried daily. */
    if (answer->outcome == OUTCOME_REAUTH_REQUIRED || before->dead_reason != REASON_NONE) {
        lifecycle_set_dead(next, reason, now);
        return;
    }
    decision->guard_note = GUARD_NOTE_DIES;
    lifecycle_set_verdict(next, reason, rules, now);
}

/* ---- a verdict that is not sure yet was asked about again ---- */

static void end_recheck(struct connection *next)
{
    lifecycle_clear_retry(next);
    lifecycle_unschedule(next, UNSCHEDULED_GRANT_DEAD);
}

/* Dead again: the last time it is asked, that is the end of it. */
static void verdict_repeated(const struct connection *before, const struct refresh_answer *answer,
                             const struct schedule_rules *rules, struct now now,
                             struct decision *decision)
{
    struct connection *next = &decision->next;
    decision->signal = SIGNAL_CREDENTIAL_WORKS;
    if (answer->outcome == OUTCOME_GRANT_DEAD)
        decision->guard_note = GUARD_NOTE_DIES;
    bool is_told = before->dead_reason != REASON_NONE;
    if (!is_told) {
        next->verdict_reason = dead_reason_of(before, answer);
        next->doubts++;
        keep_provider_error(next, answer);
        next->detail = dead_detail_of(before, next->verdict_reason, answer);
    }
    if (before->held_ms == TIME_NONE)
        return; /* asked by hand while it settles: it goes on settling */
    int64_t next_ms = lifecycle_hold_next_ms(before->held_ms, rules, now.ms);
    if (next_ms != TIME_NONE)
        lifecycle_schedule_at(next, next_ms);
    else if (is_told)
        end_recheck(next);
    else
        lifecycle_set_dead(next, next->verdict_reason, now);
}

/* Nothing definite: it is asked again at its next time, or soon where that was the last. */
static void verdict_unanswered(const struct connection *before, const struct refresh_answer *answer,
                               const struct schedule_rules *rules, struct now now, uint64_t random,
                               struct decision *decision)
{
    struct connection *next = &decision->next;
    note_throttle(answer, now, decision);
    if (answer_is_rejection(answer) && !answer->client_replaced)
        decision->signal = SIGNAL_CREDENTIAL_REJECTED;
    if (lifecycle_is_uncertain(answer)) {
        decision->keep_answer =
            answer->end == TRANSPORT_ANSWERED && answer->outcome == OUTCOME_MALFORMED;
        if (!answer->replay.safe)
            next->uncertain_tries++;
    }
    if (before->held_ms == TIME_NONE)
        return;
    int64_t next_ms = lifecycle_hold_next_ms(before->held_ms, rules, now.ms);
    if (next_ms == TIME_NONE)
        next_ms = now.ms + schedule_backoff_ms(rules, ++next->failures, random);
    lifecycle_schedule_at(next, MAX_OF(next_ms, decision->throttled_until_ms));
}

/* ---- refused without a verdict ---- */

static bool is_first_refusal(const struct connection *before, struct now now)
{
    return before->doubts == 0 || now.ms - before->doubts_since_ms < CONFIRM_AFTER_MS;
}

/* A verdict that this provider is known to take back at times: asked once more, later. */
static bool needs_confirmation(const struct connection *before, const struct refresh_answer *answer,
                               struct now now)
{
    return answer->confirm && before->dead_reason == REASON_NONE && is_first_refusal(before, now);
}

static void answered_unconfirmed(const struct refresh_answer *answer, struct now now,
                                 struct decision *decision)
{
    struct connection *next = &decision->next;
    keep_provider_error(next, answer);
    if (next->doubts++ == 0)
        next->doubts_since_ms = now.ms;
    if (next->failing_since_ms == TIME_NONE)
        next->failing_since_ms = now.ms;
    lifecycle_schedule_at(next, next->doubts_since_ms + CONFIRM_AFTER_MS);
}

/* What the connector's other connections went through meanwhile says whose fault it is. */
static void answered_doubtful(const struct connection *before, const struct refresh_answer *answer,
                              const struct schedule_rules *rules, struct now now, uint64_t random,
                              struct decision *decision)
{
    struct connection *next = &decision->next;
    keep_provider_error(next, answer);
    note_throttle(answer, now, decision);
    if (next->doubts++ == 0) {
        next->doubts_since_ms = now.ms;
        next->failing_since_ms = now.ms; /* others have to succeed after this, not before */
    }
    bool is_lasting =
        next->doubts >= DOUBTS_MIN && now.ms - next->doubts_since_ms >= DOUBTS_SPAN_MS;
    int64_t alone_since_ms = MAX_OF(next->expires_ms, next->doubts_since_ms);
    if (is_lasting && before->doubts > 0 && answer->others_succeed) {
        if (answer->outcome == OUTCOME_SCOPE_PROBLEM) {
            lifecycle_set_dead(next, REASON_REAUTHORIZATION_REQUIRED, now);
            return;
        }
        decision->guard_note = GUARD_NOTE_DIES;
        lifecycle_set_verdict(next, dead_reason_of(before, answer), rules, now);
        return;
    }
    if (is_lasting && answer->has_no_others && now.ms - alone_since_ms >= DOUBTS_ALONE_MS) {
        next->detail = STR("unclear");
        lifecycle_set_verdict(next, dead_reason_of(before, answer), rules, now);
        return;
    }
    if (is_lasting && answer->others_fail)
        decision->signal = SIGNAL_CREDENTIAL_REJECTED;
    back_off(next, answer, rules, now, random, decision);
}

/* Nothing is said about the person: the connection stays as it is. What was lost before stays lost;
 * what failed before has nothing to do with it. It is not due at once, whatever the connector makes
 * of the signal: a refusal that nobody acts on must not be asked for in a loop. */
static void answered_client_rejected(const struct schedule_rules *rules, struct now now,
                                     uint64_t random, struct decision *decision)
{
    struct connection *next = &decision->next;
    next->failures = 0;
    if (next->doubts == 0)
        next->failing_since_ms = TIME_NONE;
    decision->signal = SIGNAL_CREDENTIAL_REJECTED;
    if (next->refresh_due_ms == TIME_NONE)
        return;
    int64_t wait_ms = MAX_OF(schedule_gap_ms(next->lifetime_ms),
                             schedule_backoff_ms(rules, next->attempts, random));
    lifecycle_schedule_at(next, MAX_OF(next->refresh_due_ms, now.ms + wait_ms));
}

/* The client that this grant belongs to was replaced, and works no more: no other can use its
 * refresh token (RFC 6749 §6). One refusal may be a slip of the provider's; two are none. */
static void answered_client_replaced(const struct connection *before,
                                     const struct refresh_answer *answer, struct now now,
                                     struct decision *decision)
{
    struct connection *next = &decision->next;
    if (is_first_refusal(before, now)) {
        answered_unconfirmed(answer, now, decision);
        return;
    }
    keep_provider_error(next, answer);
    lifecycle_set_dead(next, REASON_CLIENT_REPLACED, now);
}

/* ---- all of them ---- */

static void history_note(struct connection *next, const struct refresh_answer *answer)
{
    connection_history_push(
        next, (struct history_entry){
                  .started_ms = answer->started_ms,
                  .took_ms = (int32_t)MIN_OF(MAX_OF(answer->took_ms, 0), INT32_MAX),
                  .status = (int16_t)(answer->end == TRANSPORT_ANSWERED ? answer->status : 0),
                  .outcome = (uint8_t)answer->outcome,
                  .transport = (uint8_t)answer->end,
              });
}

/* No verdict came of it. A live grant goes on being tried. */
static void answered_alive(const struct connection *before, const struct refresh_answer *answer,
                           const struct schedule_rules *rules, struct now now, uint64_t random,
                           struct decision *decision)
{
    if (lifecycle_is_uncertain(answer)) {
        answered_uncertain(answer, rules, now, random, decision);
    } else if (answer_is_rejection(answer) && answer->client_replaced) {
        answered_client_replaced(before, answer, now, decision);
    } else if (answer_is_rejection(answer)) {
        answered_client_rejected(rules, now, random, decision);
    } else if (lifecycle_is_doubtful(answer)) {
        answered_doubtful(before, answer, rules, now, random, decision);
    } else {
        keep_provider_error(&decision->next, answer);
        note_throttle(answer, now, decision);
        back_off(&decision->next, answer, rules, now, random, decision);
    }
}

/* A dead grant was tried once more, and nothing definite came of it: it stays dead. But an answer
 * that got lost may have brought it back to life, and is asked for again. */
static void answered_still_dead(const struct refresh_answer *answer, struct now now,
                                struct decision *decision)
{
    struct connection *next = &decision->next;
    note_throttle(answer, now, decision);
    if (answer_is_rejection(answer) && !answer->client_replaced)
        decision->signal = SIGNAL_CREDENTIAL_REJECTED;
    if (!lifecycle_is_uncertain(answer))
        return;
    decision->keep_answer =
        answer->end == TRANSPORT_ANSWERED && answer->outcome == OUTCOME_MALFORMED;
    if (!answer->replay.safe)
        next->uncertain_tries++;
}

static void try_again_tomorrow(struct connection *next, const struct refresh_answer *answer,
                               struct now now)
{
    int64_t replay_ms =
        lifecycle_is_uncertain(answer) ? replay_at_ms(next, answer, now) : TIME_NONE;
    lifecycle_schedule_at(next, replay_ms != TIME_NONE ? replay_ms : now.ms + SCHEDULE_DAILY_MS);
}

void lifecycle_answered(const struct connection *connection, const struct refresh_answer *answer,
                        const struct schedule_rules *rules, struct now now, uint64_t random,
                        struct decision *ret_decision)
{
    lifecycle_begin(connection, ret_decision);
    struct connection *next = &ret_decision->next;
    if (connection->phase != PHASE_CONNECTED)
        return; /* disconnected meanwhile: there is no grant that it could be about */
    next->last_attempt_ms = now.ms;
    next->attempts++;
    history_note(next, answer);

    if (answer_is(answer, OUTCOME_REFRESHED)) {
        answered_refreshed(connection, answer, rules, now, ret_decision);
        return;
    }
    bool is_verdict =
        !lifecycle_is_uncertain(answer) &&
        (answer_is(answer, OUTCOME_GRANT_DEAD) || answer_is(answer, OUTCOME_REAUTH_REQUIRED));
    if (connection->verdict_reason != REASON_NONE) {
        if (is_verdict)
            verdict_repeated(connection, answer, rules, now, ret_decision);
        else
            verdict_unanswered(connection, answer, rules, now, random, ret_decision);
        lifecycle_facts(connection, ret_decision);
        return;
    }
    if (is_verdict && needs_confirmation(connection, answer, now)) {
        answered_unconfirmed(answer, now, ret_decision);
        ret_decision->signal = SIGNAL_CREDENTIAL_WORKS;
    } else if (is_verdict) {
        answered_dead(connection, answer, rules, now, ret_decision);
    } else if (connection->dead_reason != REASON_NONE) {
        answered_still_dead(answer, now, ret_decision);
    } else {
        answered_alive(connection, answer, rules, now, random, ret_decision);
    }
    if (connection->dead_reason != REASON_NONE && lifecycle_is_tried_daily(next->dead_reason))
        try_again_tomorrow(next, answer, now);
    lifecycle_facts(connection, ret_decision);
}

void lifecycle_attempt_lost(const struct connection *connection, const struct replay_rules *replay,
                            struct now now, struct decision *ret_decision)
{
    lifecycle_begin(connection, ret_decision);
    struct connection *next = &ret_decision->next;
    /* An attempt that is older than the grant was made with another refresh token. */
    if (connection->phase != PHASE_CONNECTED ||
        connection->issued_ms > connection->attempt_started_ms)
        return;
    next->attempts++;
    next->uncertain_tries++;
    connection_history_push(next, (struct history_entry){
                                      .started_ms = connection->attempt_started_ms,
                                      .outcome = OUTCOME_TRANSIENT,
                                      .transport = TRANSPORT_LOST,
                                  });
    if (connection->dead_reason != REASON_NONE)
        return;
    if (next->failing_since_ms == TIME_NONE)
        next->failing_since_ms = now.ms;
    bool holds = replay->hold && next->expires_ms != TIME_NONE && next->expires_ms > now.ms;
    lifecycle_schedule_at(next, holds ? next->expires_ms : now.ms);
}
