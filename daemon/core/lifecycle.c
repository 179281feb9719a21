#include "core/lifecycle.h"

#include "common/assert.h"
#include "common/macros.h"

enum { DOUBTS_MIN = 3, DOUBTS_SPAN_MS = 10 * 60 * 1000 };

/* ---- facts ---- */

/* What subscribers see of "needs reconnect". `blocked` has no part in it: it is derived from the
 * connector, and a connector that is refused must not make an event per connection. */
static enum reason needs_reconnect_reason(const struct connection *connection)
{
    if (connection->phase != PHASE_CONNECTED)
        return REASON_NONE;
    return connection->dead_reason != REASON_NONE ? connection->dead_reason
                                                  : connection->advisory_reason;
}

static bool scopes_differ(const struct connection *a, const struct connection *b)
{
    return !str_eq(a->scopes_added, b->scopes_added) ||
           !str_eq(a->scopes_removed, b->scopes_removed);
}

static void fact_add(struct decision *decision, enum fact_kind kind)
{
    ASSERT(decision->fact_count < LIFECYCLE_FACTS_MAX);
    decision->facts[decision->fact_count++] = kind;
}

void lifecycle_facts(const struct connection *before, struct decision *decision)
{
    struct connection *after = &decision->next;
    enum reason was = needs_reconnect_reason(before);
    enum reason is = needs_reconnect_reason(after);
    if (is == REASON_NONE)
        after->alert_seq = 0;

    if (after->phase == PHASE_DISCONNECTED) {
        if (before->phase != PHASE_DISCONNECTED)
            fact_add(decision, FACT_DISCONNECTED);
        return;
    }
    /* A scope advisory whose scopes changed is another request to the same person. */
    bool is_scopes = is == REASON_SCOPES_CHANGED || is == REASON_SCOPES_REDUCED;
    if (is != REASON_NONE && (is != was || (is_scopes && scopes_differ(before, after))))
        fact_add(decision, FACT_NEEDS_RECONNECT);
    else if (is == REASON_NONE && was != REASON_NONE && after->generation == before->generation)
        fact_add(decision, FACT_RECOVERED);
}

/* ---- shared steps ---- */

static void decision_begin(const struct connection *connection, struct decision *decision)
{
    *decision = (struct decision){.next = *connection};
}

/* What a definite answer ends. The provider's words stay only while they explain something. */
static void clear_retry(struct connection *next)
{
    next->failures = 0;
    next->failing_since_ms = TIME_NONE;
    next->uncertain_tries = 0;
    next->doubts = 0;
    next->doubts_since_ms = TIME_NONE;
}

static void clear_provider_error(struct connection *next)
{
    next->provider_error_status = 0;
    next->provider_error_code = STR_NONE;
    next->provider_error_message = STR_NONE;
    next->detail = STR_NONE;
}

static void keep_provider_error(struct connection *next, const struct refresh_answer *answer)
{
    next->provider_error_status = answer->status;
    next->provider_error_code = answer->provider_code;
    next->provider_error_message = answer->provider_message;
}

static void unschedule(struct connection *next, enum unscheduled why)
{
    next->due_ms = TIME_NONE;
    next->unscheduled = why;
}

static void schedule_at(struct connection *next, int64_t due_ms)
{
    next->due_ms = due_ms;
    next->unscheduled = UNSCHEDULED_NOT;
}

static void set_advisory(struct connection *next, enum reason reason, bool mild, struct now now)
{
    if (next->advisory_reason != reason && next->dead_reason == REASON_NONE)
        next->trouble_ms = now.ms;
    next->advisory_reason = reason;
    next->advisory_is_mild = mild;
}

static void clear_advisory(struct connection *next)
{
    next->advisory_reason = REASON_NONE;
    next->advisory_is_mild = false;
    next->scopes_added = STR_NONE;
    next->scopes_removed = STR_NONE;
    if (next->dead_reason == REASON_NONE)
        next->trouble_ms = TIME_NONE;
}

/* Reasons whose cause an admin or time may undo are tried again once a day. */
static bool reason_is_tried_daily(enum reason reason)
{
    return reason == REASON_REAUTHORIZATION_REQUIRED || reason == REASON_REFRESH_EXHAUSTED;
}

static void set_dead(struct connection *next, enum reason reason, struct now now)
{
    next->dead_reason = reason;
    next->trouble_ms = now.ms;
    clear_retry(next);
    if (reason_is_tried_daily(reason))
        schedule_at(next, now.ms + SCHEDULE_DAILY_MS);
    else
        unschedule(next, UNSCHEDULED_GRANT_DEAD);
}

/* After tokens came in: the next due time, or the reason why there is none. Without a refresh token
 * the end of the access token is looked at once, to say that it is over. */
static void schedule_next(struct connection *next, const struct schedule_rules *rules)
{
    if (str_is_empty(next->sealed_refresh)) {
        next->due_ms = next->expires_ms;
        next->unscheduled = next->expires_ms != TIME_NONE ? UNSCHEDULED_NO_REFRESH_TOKEN
                                                          : UNSCHEDULED_NEVER_EXPIRES;
        return;
    }
    if (next->expires_ms == TIME_NONE) {
        unschedule(next, UNSCHEDULED_UNKNOWN_LIFETIME);
        return;
    }
    schedule_at(next, schedule_due_ms(next->id, next->issued_ms, next->lifetime_ms, rules));
}

static void take_lifetimes(struct connection *next, int64_t lifetime_ms,
                           int64_t refresh_lifetime_ms, struct now now)
{
    next->issued_ms = now.ms;
    if (lifetime_ms > 0)
        next->lifetime_ms = lifetime_ms;
    next->expires_ms = next->lifetime_ms > 0 ? now.ms + next->lifetime_ms : TIME_NONE;
    if (refresh_lifetime_ms > 0)
        next->refresh_expires_ms = now.ms + refresh_lifetime_ms;
}

/* ---- due ---- */

enum due_verdict lifecycle_due(const struct connection *connection,
                               const struct connector *connector,
                               const struct schedule_rules *rules, bool forced, struct now now,
                               struct decision *ret_decision)
{
    (void)rules;
    decision_begin(connection, ret_decision);
    struct connection *next = &ret_decision->next;

    if (connection->phase != PHASE_CONNECTED)
        return DUE_NOTHING;
    bool is_dead = connection->dead_reason != REASON_NONE;
    if (is_dead && !forced && !reason_is_tried_daily(connection->dead_reason))
        return DUE_NOTHING;
    if (!forced && (connection->due_ms == TIME_NONE || connection->due_ms > now.ms))
        return DUE_NOTHING;

    if (str_is_empty(connection->sealed_refresh)) {
        if (is_dead || connection->expires_ms == TIME_NONE || now.ms < connection->expires_ms)
            return DUE_NOTHING;
        set_dead(next, REASON_REFRESH_TOKEN_MISSING, now);
        lifecycle_facts(connection, ret_decision);
        return DUE_CHANGED;
    }
    if (!is_dead && connection->refresh_expires_ms != TIME_NONE &&
        now.ms >= connection->refresh_expires_ms) {
        set_dead(next, REASON_REFRESH_TOKEN_EXPIRED, now);
        lifecycle_facts(connection, ret_decision);
        return DUE_CHANGED;
    }
    if (connector_blocked_reason(connector) == REASON_POLICY_BLOCKED)
        return DUE_NOTHING;
    return DUE_SEND;
}

/* ---- answers ---- */

static void answered_refreshed(const struct connection *before, const struct refresh_answer *answer,
                               const struct schedule_rules *rules, struct now now,
                               struct decision *decision)
{
    struct connection *next = &decision->next;
    clear_retry(next);
    clear_provider_error(next);
    next->dead_reason = REASON_NONE; /* it lives, whatever was thought */
    if (next->advisory_reason == REASON_NONE)
        next->trouble_ms = TIME_NONE;

    next->sealed_access = answer->sealed_access;
    if (str_is_set(answer->token_type))
        next->token_type = answer->token_type;
    if (str_is_set(answer->sealed_refresh)) {
        next->sealed_refresh = answer->sealed_refresh;
        next->refresh_print = answer->refresh_print;
        next->no_rotation_count = 0;
        next->attempts = 0;
    } else if (next->no_rotation_count < 3) {
        next->no_rotation_count++;
    }
    take_lifetimes(next, answer->lifetime_ms, answer->refresh_lifetime_ms, now);
    next->last_success_ms = now.ms;
    next->credential_version = answer->credential_version;

    if (answer->scope_said) {
        next->scopes_granted = answer->scope;
        if (!str_is_empty(answer->scope_lost)) {
            /* What was asked of the person already includes what got lost. */
            if (next->advisory_reason == REASON_NONE) {
                set_advisory(next, REASON_SCOPES_REDUCED, true, now);
                next->scopes_added = STR_NONE;
                next->scopes_removed = answer->scope_lost;
            }
        } else if (next->advisory_reason == REASON_SCOPES_REDUCED) {
            clear_advisory(next);
        }
    }
    schedule_next(next, rules);
    /* A provider that hands out nearly dead tokens must not be asked in a tight loop. */
    if (next->due_ms != TIME_NONE && next->unscheduled == UNSCHEDULED_NOT)
        next->due_ms = MAX_OF(next->due_ms, now.ms + schedule_gap_ms(next->lifetime_ms));
    decision->signal = SIGNAL_CREDENTIAL_WORKS;
    lifecycle_facts(before, decision);
    fact_add(decision, FACT_REFRESHED);
}

/* Not later than would keep the access token alive, where another try can still help. */
static int64_t retry_before_expiry(const struct connection *next, int64_t retry_ms, struct now now)
{
    int64_t left_ms = next->expires_ms - now.ms;
    if (next->expires_ms == TIME_NONE || left_ms < 2000 || retry_ms < next->expires_ms)
        return retry_ms;
    return now.ms + left_ms / 2;
}

static void back_off(struct connection *next, const struct refresh_answer *answer,
                     const struct schedule_rules *rules, struct now now, uint64_t random,
                     struct decision *decision)
{
    if (next->failing_since_ms == TIME_NONE)
        next->failing_since_ms = now.ms;
    next->failures++;

    int64_t past_end_ms =
        next->expires_ms == TIME_NONE ? now.ms - next->failing_since_ms : now.ms - next->expires_ms;
    if (past_end_ms >= rules->exhausted_after_ms && answer->others_succeed) {
        set_dead(next, REASON_REFRESH_EXHAUSTED, now);
        return;
    }
    int64_t retry_ms = now.ms + schedule_backoff_ms(rules, next->failures, random);
    retry_ms = retry_before_expiry(next, retry_ms, now);
    if (answer->retry_after_ms >= 0) {
        decision->signal = SIGNAL_THROTTLED;
        decision->throttled_until_ms = now.ms + answer->retry_after_ms;
        retry_ms = MAX_OF(retry_ms, decision->throttled_until_ms);
    }
    schedule_at(next, retry_ms);
}

/* The answer may have been lost, and a new token with it: soon again and few times, as the provider
 * allows, then like any other failure. */
static void answered_uncertain(const struct refresh_answer *answer,
                               const struct schedule_rules *rules, struct now now, uint64_t random,
                               struct decision *decision)
{
    struct connection *next = &decision->next;
    if (answer->replay.safe) {
        back_off(next, answer, rules, now, random, decision);
        return;
    }
    next->uncertain_tries++;
    if (next->failing_since_ms == TIME_NONE)
        next->failing_since_ms = now.ms;
    int64_t replay_ms = schedule_replay_ms(next->uncertain_tries);
    if (answer->replay.hold && next->expires_ms > now.ms)
        schedule_at(next, next->expires_ms);
    else if (replay_ms >= 0)
        schedule_at(next, now.ms + replay_ms);
    else
        back_off(next, answer, rules, now, random, decision);
}

static bool answer_is_uncertain(const struct refresh_answer *answer)
{
    if (answer->end == TRANSPORT_LOST)
        return true;
    if (answer->end == TRANSPORT_NOT_SENT)
        return false;
    if (answer->outcome == OUTCOME_MALFORMED)
        return true;
    return answer->outcome == OUTCOME_TRANSIENT && answer->status >= 500 &&
           answer->retry_after_ms < 0 && answer->replay.rotates;
}

static enum reason dead_reason_of(const struct connection *before,
                                  const struct refresh_answer *answer)
{
    if (answer->outcome == OUTCOME_REAUTH_REQUIRED)
        return REASON_REAUTHORIZATION_REQUIRED;
    if (answer->dead_reason != REASON_GRANT_REJECTED && answer->dead_reason != REASON_NONE)
        return answer->dead_reason;
    if (before->uncertain_tries > 0)
        return REASON_ROTATION_LOST;
    return answer->first_after_rotation ? REASON_SECRET_ROTATED : REASON_GRANT_REJECTED;
}

static void answered_dead(const struct connection *before, const struct refresh_answer *answer,
                          struct now now, struct decision *decision)
{
    struct connection *next = &decision->next;
    keep_provider_error(next, answer);
    next->detail = answer->detail;
    decision->signal = SIGNAL_CREDENTIAL_WORKS;
    enum reason reason = dead_reason_of(before, answer);
    /* Refused again while it counts as dead: the first verdict and its time stand. */
    if (before->dead_reason != REASON_NONE && !reason_is_tried_daily(before->dead_reason))
        return;
    if (before->dead_reason == reason) {
        schedule_at(next, now.ms + SCHEDULE_DAILY_MS);
        return;
    }
    set_dead(next, reason, now);
}

/* No verdict by itself: other connections of the connector decide, in time (SPEC "refused"). */
static void answered_doubtful(const struct refresh_answer *answer,
                              const struct schedule_rules *rules, struct now now, uint64_t random,
                              struct decision *decision)
{
    struct connection *next = &decision->next;
    if (next->doubts++ == 0)
        next->doubts_since_ms = now.ms;
    keep_provider_error(next, answer);
    if (next->doubts >= DOUBTS_MIN && now.ms - next->doubts_since_ms >= DOUBTS_SPAN_MS &&
        answer->others_succeed) {
        bool is_scope = answer->outcome == OUTCOME_SCOPE_PROBLEM;
        set_dead(next, is_scope ? REASON_REAUTHORIZATION_REQUIRED : REASON_GRANT_REJECTED, now);
        return;
    }
    back_off(next, answer, rules, now, random, decision);
}

/* Nothing is said about the person: the connection stays as it is, and due. */
static void answered_client_rejected(const struct refresh_answer *answer, struct decision *decision)
{
    (void)answer;
    decision->next.uncertain_tries = 0; /* a definite answer: that presentation rotated nothing */
    decision->signal = SIGNAL_CREDENTIAL_REJECTED;
}

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

void lifecycle_answered(const struct connection *connection, const struct connector *connector,
                        const struct refresh_answer *answer, const struct schedule_rules *rules,
                        struct now now, uint64_t random, struct decision *ret_decision)
{
    (void)connector;
    decision_begin(connection, ret_decision);
    struct connection *next = &ret_decision->next;
    next->last_attempt_ms = now.ms;
    next->attempts++;
    history_note(next, answer);

    /* A dead grant that was tried once more stays dead unless the answer says otherwise. */
    bool was_dead = connection->dead_reason != REASON_NONE;
    if (answer_is_uncertain(answer)) {
        ret_decision->keep_answer =
            answer->outcome == OUTCOME_MALFORMED && answer->end == TRANSPORT_ANSWERED;
        keep_provider_error(next, answer);
        if (was_dead)
            schedule_at(next, now.ms + SCHEDULE_DAILY_MS);
        else
            answered_uncertain(answer, rules, now, random, ret_decision);
        return;
    }
    enum outcome outcome = answer->end == TRANSPORT_ANSWERED ? answer->outcome : OUTCOME_TRANSIENT;
    switch (outcome) {
    case OUTCOME_REFRESHED:
        answered_refreshed(connection, answer, rules, now, ret_decision);
        return;
    case OUTCOME_GRANT_DEAD:
    case OUTCOME_REAUTH_REQUIRED:
        answered_dead(connection, answer, now, ret_decision);
        break;
    case OUTCOME_CLIENT_REJECTED:
        if (answer->bare_invalid_client) {
            answered_client_rejected(answer, ret_decision);
            return;
        }
        if (!was_dead)
            answered_doubtful(answer, rules, now, random, ret_decision);
        break;
    case OUTCOME_SCOPE_PROBLEM:
    case OUTCOME_REFUSED:
        if (!was_dead)
            answered_doubtful(answer, rules, now, random, ret_decision);
        break;
    case OUTCOME_TRANSIENT:
    case OUTCOME_RATE_LIMITED:
    case OUTCOME_MALFORMED:
        keep_provider_error(next, answer);
        if (!was_dead)
            back_off(next, answer, rules, now, random, ret_decision);
        break;
    case OUTCOME_COUNT:
        ASSERT(!"an outcome");
    }
    if (was_dead && next->dead_reason != REASON_NONE && reason_is_tried_daily(next->dead_reason))
        schedule_at(next, now.ms + SCHEDULE_DAILY_MS);
    lifecycle_facts(connection, ret_decision);
}

void lifecycle_attempt_lost(const struct connection *connection, struct now now,
                            struct decision *ret_decision)
{
    decision_begin(connection, ret_decision);
    struct connection *next = &ret_decision->next;
    if (connection->dead_reason != REASON_NONE)
        return;
    next->uncertain_tries++;
    if (next->failing_since_ms == TIME_NONE)
        next->failing_since_ms = now.ms;
    schedule_at(next, now.ms);
}

/* ---- what people and admins do ---- */

void lifecycle_granted(const struct connection *connection, const struct connector *connector,
                       const struct new_grant *grant, const struct schedule_rules *rules,
                       struct now now, struct decision *ret_decision)
{
    decision_begin(connection, ret_decision);
    struct connection *next = &ret_decision->next;
    bool is_first = connection->generation == 0 || connection->phase == PHASE_DISCONNECTED;

    next->phase = PHASE_CONNECTED;
    next->generation++;
    clear_retry(next);
    clear_provider_error(next);
    clear_advisory(next);
    next->dead_reason = REASON_NONE;
    next->trouble_ms = TIME_NONE;
    next->attempts = 0;
    next->no_rotation_count = 0;

    next->sealed_access = grant->sealed_access;
    next->sealed_refresh = grant->sealed_refresh;
    next->refresh_print = grant->refresh_print;
    next->token_type = grant->token_type;
    next->lifetime_ms = 0;
    next->refresh_expires_ms = TIME_NONE;
    take_lifetimes(next, grant->lifetime_ms, grant->refresh_lifetime_ms, now);
    next->scopes_asked = grant->scopes_asked;
    next->scopes_granted = grant->scopes_granted;
    next->scopes_version = connector->scopes_version;
    next->credential_version = connector->credential_version;
    if (str_is_set(grant->account_id)) {
        next->account_id = grant->account_id;
        next->account_verified = grant->account_verified;
    }
    if (str_is_set(grant->account_label))
        next->account_label = grant->account_label;
    next->requested_ms = grant->requested_ms;
    next->last_success_ms = now.ms;
    schedule_next(next, rules);
    if (grant->already_expired) {
        next->expires_ms = now.ms;
        schedule_at(next, now.ms);
    }

    lifecycle_facts(connection, ret_decision);
    enum fact_kind kind = FACT_RECONNECTED;
    if (is_first)
        kind = FACT_CONNECTED;
    else if (grant->is_switch)
        kind = FACT_SWITCHED;
    fact_add(ret_decision, kind);
}

void lifecycle_disconnected(const struct connection *connection, struct now now,
                            struct decision *ret_decision)
{
    decision_begin(connection, ret_decision);
    struct connection *next = &ret_decision->next;
    next->phase = PHASE_DISCONNECTED;
    next->generation++; /* an answer that is under way is dropped */
    next->trouble_ms = now.ms;
    clear_retry(next);
    clear_provider_error(next);
    clear_advisory(next);
    next->dead_reason = REASON_NONE;
    next->sealed_access = STR_NONE;
    next->sealed_refresh = STR_NONE;
    next->refresh_print = STR_NONE;
    next->expires_ms = TIME_NONE;
    next->refresh_expires_ms = TIME_NONE;
    next->alert_seq = 0;
    unschedule(next, UNSCHEDULED_NO_GRANT);
    lifecycle_facts(connection, ret_decision);
}

bool lifecycle_rescoped(const struct connection *connection, const struct connector *connector,
                        struct str added, struct str removed, bool spared, struct now now,
                        struct decision *ret_decision)
{
    decision_begin(connection, ret_decision);
    struct connection *next = &ret_decision->next;
    if (connection->phase != PHASE_CONNECTED ||
        connection->scopes_version > connector->scopes_version)
        return false;
    bool same = spared || (str_is_empty(added) && str_is_empty(removed));
    if (same && connection->advisory_reason != REASON_SCOPES_CHANGED)
        return false;
    if (same) {
        clear_advisory(next);
    } else {
        set_advisory(next, REASON_SCOPES_CHANGED, str_is_empty(added), now);
        next->scopes_added = added;
        next->scopes_removed = removed;
    }
    lifecycle_facts(connection, ret_decision);
    return ret_decision->fact_count > 0;
}
