#include "core/lifecycle_step.h"

#include "common/assert.h"
#include "core/agenda.h"

void lifecycle_begin(const struct connection *connection, struct decision *decision)
{
    *decision = (struct decision){.next = *connection};
}

void lifecycle_fact_add(struct decision *decision, enum fact_kind kind)
{
    ASSERT(decision->fact_count < LIFECYCLE_FACTS_MAX);
    decision->facts[decision->fact_count++] = kind;
}

void lifecycle_clear_retry(struct connection *next)
{
    next->failures = 0;
    next->failing_since_ms = TIME_NONE;
    next->uncertain_tries = 0;
    next->doubts = 0;
    next->doubts_since_ms = TIME_NONE;
    lifecycle_clear_verdict(next);
}

void lifecycle_clear_provider_error(struct connection *next)
{
    next->provider_error_status = 0;
    next->provider_error_code = STR_NONE;
    next->provider_error_message = STR_NONE;
    next->claims = STR_NONE;
    next->detail = STR_NONE;
}

void lifecycle_unschedule(struct connection *next, enum unscheduled why)
{
    next->refresh_due_ms = TIME_NONE;
    next->unscheduled = why;
    agenda_settle(next);
}

void lifecycle_schedule_at(struct connection *next, int64_t due_ms)
{
    next->refresh_due_ms = due_ms;
    next->unscheduled = UNSCHEDULED_NOT;
    agenda_settle(next);
}

/* Without a refresh token the end of the access token is looked at once, to say that it is over. */
static void schedule_without_refresh_token(struct connection *next)
{
    lifecycle_schedule_at(next, next->expires_ms);
    next->unscheduled =
        next->expires_ms != TIME_NONE ? UNSCHEDULED_NO_REFRESH_TOKEN : UNSCHEDULED_NEVER_EXPIRES;
}

/* When the access token wants a new one; TIME_NONE: it is not known to end. */
static int64_t access_due_ms(const struct connection *next, const struct schedule_rules *rules)
{
    if (next->expires_ms == TIME_NONE)
        return TIME_NONE;
    int64_t due_ms = schedule_due_ms(next->id, next->issued_ms, next->lifetime_ms, rules);
    /* A refresh token that dies before the access token is of use only until then. */
    if (next->refresh_expires_ms > next->issued_ms && due_ms >= next->refresh_expires_ms)
        due_ms = schedule_due_ms(next->id, next->issued_ms,
                                 next->refresh_expires_ms - next->issued_ms, rules);
    return due_ms;
}

/* Where no use of it puts its end off, that end is looked at, to say that it is over. */
void lifecycle_schedule_kept_alive(struct connection *next, const struct schedule_rules *rules,
                                   enum unscheduled why)
{
    int64_t alive_ms = agenda_keepalive_ms(next, rules);
    lifecycle_schedule_at(next, alive_ms != TIME_NONE ? alive_ms : next->refresh_expires_ms);
    next->unscheduled = alive_ms != TIME_NONE && why != UNSCHEDULED_IDLE ? UNSCHEDULED_NOT : why;
}

static void schedule_refresh(struct connection *next, const struct schedule_rules *rules)
{
    int64_t due_ms = access_due_ms(next, rules);
    int64_t alive_ms = agenda_keepalive_ms(next, rules);
    if (due_ms == TIME_NONE || (alive_ms != TIME_NONE && alive_ms < due_ms))
        lifecycle_schedule_kept_alive(next, rules, UNSCHEDULED_UNKNOWN_LIFETIME);
    else
        lifecycle_schedule_at(next, due_ms);
}

void lifecycle_schedule_next(struct connection *next, const struct schedule_rules *rules)
{
    if (str_is_empty(next->sealed_refresh))
        schedule_without_refresh_token(next);
    else
        schedule_refresh(next, rules);
}

/* A change that only takes scopes away, or the provider's own doing, costs nobody anything yet. */
void lifecycle_set_advisory(struct connection *next, enum reason reason, struct str added,
                            struct str removed, struct now now)
{
    if (next->advisory_reason != reason && next->dead_reason == REASON_NONE)
        next->trouble_ms = now.ms;
    next->advisory_reason = reason;
    next->advisory_is_mild = str_is_empty(added);
    next->scopes_added = added;
    next->scopes_removed = removed;
}

void lifecycle_clear_advisory(struct connection *next)
{
    next->advisory_reason = REASON_NONE;
    next->advisory_is_mild = false;
    next->scopes_added = STR_NONE;
    next->scopes_removed = STR_NONE;
    if (next->dead_reason == REASON_NONE)
        next->trouble_ms = TIME_NONE;
}

bool lifecycle_is_tried_daily(enum reason reason)
{
    return reason == REASON_REAUTHORIZATION_REQUIRED || reason == REASON_REFRESH_EXHAUSTED;
}

void lifecycle_set_dead(struct connection *next, enum reason reason, struct now now)
{
    next->dead_reason = reason;
    next->trouble_ms = now.ms;
    next->suspected_by = SUSPECTED_BY_NOBODY;
    lifecycle_clear_retry(next);
    agenda_clear(next);
    if (lifecycle_is_tried_daily(reason))
        lifecycle_schedule_at(next, now.ms + SCHEDULE_DAILY_MS);
    else
        lifecycle_unschedule(next, UNSCHEDULED_GRANT_DEAD);
}

void lifecycle_take_lifetimes(struct connection *next, int64_t lifetime_ms,
                              int64_t refresh_lifetime_ms, struct now now)
{
    next->issued_ms = now.ms;
    if (lifetime_ms > 0)
        next->lifetime_ms = lifetime_ms;
    next->expires_ms = next->lifetime_ms > 0 ? now.ms + next->lifetime_ms : TIME_NONE;
    if (refresh_lifetime_ms > 0)
        next->refresh_expires_ms = now.ms + refresh_lifetime_ms;
}
