/* Verdicts that are not sure yet: they settle, and while the guard suspects the provider they are
 * held and asked about again. */
#include "core/lifecycle_step.h"

#include "common/macros.h"
#include "core/agenda.h"

bool lifecycle_verdict_waits(const struct connection *connection)
{
    return connection->phase == PHASE_CONNECTED && connection->verdict_reason != REASON_NONE &&
           connection->dead_reason == REASON_NONE;
}

void lifecycle_clear_verdict(struct connection *next)
{
    next->verdict_reason = REASON_NONE;
    next->verdict_ms = TIME_NONE;
    next->held_ms = TIME_NONE;
}

void lifecycle_set_verdict(struct connection *next, enum reason reason,
                           const struct schedule_rules *rules, struct now now)
{
    if (rules->settle_ms == 0) {
        lifecycle_set_dead(next, reason, now);
        return;
    }
    next->verdict_reason = reason;
    next->verdict_ms = now.ms;
    next->held_ms = TIME_NONE;
    if (next->doubts++ == 0)
        next->doubts_since_ms = now.ms;
    if (next->failing_since_ms == TIME_NONE)
        next->failing_since_ms = now.ms;
    agenda_clear(next); /* nothing else is planned for a grant that may be dead */
    lifecycle_schedule_at(next, now.ms + rules->settle_ms);
}

int64_t lifecycle_hold_next_ms(int64_t held_ms, const struct schedule_rules *rules, int64_t now_ms)
{
    for (size_t i = 0; i < rules->hold_count; i++) {
        if (held_ms + rules->hold_ms[i] > now_ms)
            return held_ms + rules->hold_ms[i];
    }
    return TIME_NONE;
}

/* ---- its time has come ---- */

/* No time is left in which it would be asked about again: it stands as it is. */
static bool hold(struct connection *next, struct guard_word guard,
                 const struct schedule_rules *rules, struct now now)
{
    int64_t next_ms =
        guard.holds ? lifecycle_hold_next_ms(guard.since_ms, rules, now.ms) : TIME_NONE;
    if (next_ms == TIME_NONE)
        return false;
    next->held_ms = guard.since_ms;
    lifecycle_schedule_at(next, next_ms);
    return true;
}

enum due_verdict lifecycle_verdict_due(const struct connection *connection, enum due_asker asker,
                                       struct guard_word guard, const struct schedule_rules *rules,
                                       struct now now, struct decision *ret_decision)
{
    lifecycle_begin(connection, ret_decision);
    if (connection->phase != PHASE_CONNECTED)
        return DUE_NOTHING;
    if (asker == DUE_INSISTED)
        return DUE_SEND;
    if (connection->refresh_due_ms == TIME_NONE || connection->refresh_due_ms > now.ms)
        return DUE_NOTHING;
    if (connection->held_ms != TIME_NONE)
        return DUE_SEND;
    if (!hold(&ret_decision->next, guard, rules, now))
        lifecycle_set_dead(&ret_decision->next, connection->verdict_reason, now);
    lifecycle_facts(connection, ret_decision);
    return DUE_CHANGED;
}

/* ---- the guard trips, an operator decides ---- */

/* Reasons that come of one answer's verdict; a date or a scope has nothing to do with the
 * provider's state of health. */
static bool is_of_an_answer(enum reason reason)
{
    switch (reason) {
    case REASON_ACCOUNT_DISCONNECTED:
    case REASON_ACCESS_REVOKED:
    case REASON_GRANT_REJECTED:
    case REASON_SECRET_ROTATED:
    case REASON_REFRESH_TOKEN_EXPIRED:
    case REASON_ROTATION_LOST:
        return true;
    case REASON_NONE:
    case REASON_SCOPES_CHANGED:
    case REASON_SCOPES_REDUCED:
    case REASON_CLIENT_REPLACED:
    case REASON_REFRESH_TOKEN_MISSING:
    case REASON_REFRESH_EXHAUSTED:
    case REASON_REAUTHORIZATION_REQUIRED:
    case REASON_CLIENT_REJECTED:
    case REASON_POLICY_BLOCKED:
    case REASON_COUNT:
        break;
    }
    return false;
}

bool lifecycle_verdict_recheck(const struct connection *connection, int64_t told_since_ms,
                               struct guard_word guard, const struct schedule_rules *rules,
                               struct now now, struct decision *ret_decision)
{
    lifecycle_begin(connection, ret_decision);
    struct connection *next = &ret_decision->next;
    if (connection->phase != PHASE_CONNECTED || connection->verdict_reason != REASON_NONE ||
        !is_of_an_answer(connection->dead_reason) || connection->trouble_ms < told_since_ms ||
        connection->provider_error_status == 0 || str_is_empty(connection->sealed_refresh))
        return false;
    if (!hold(next, guard, rules, now))
        return false;
    next->verdict_reason = connection->dead_reason;
    next->verdict_ms = connection->trouble_ms;
    return true;
}

bool lifecycle_verdict_end(const struct connection *connection, bool stands, int64_t due_ms,
                           struct now now, struct decision *ret_decision)
{
    lifecycle_begin(connection, ret_decision);
    struct connection *next = &ret_decision->next;
    if (connection->phase != PHASE_CONNECTED || connection->verdict_reason == REASON_NONE)
        return false;
    bool was_told = connection->dead_reason != REASON_NONE;
    if (stands && was_told) {
        lifecycle_clear_verdict(next);
        lifecycle_unschedule(next, UNSCHEDULED_GRANT_DEAD);
    } else if (stands) {
        lifecycle_set_dead(next, connection->verdict_reason, now);
    } else if (was_told) { /* its next answer says whether it was one */
        lifecycle_schedule_at(next, due_ms);
    } else {
        lifecycle_clear_retry(next);
        lifecycle_clear_provider_error(next);
        lifecycle_schedule_at(next, due_ms);
    }
    lifecycle_facts(connection, ret_decision);
    return true;
}
