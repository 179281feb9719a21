#include "core/lifecycle_step.h"

#include "common/macros.h"
#include "core/agenda.h"

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

static bool has_word(struct str words, struct str wanted)
{
    struct str word;
    while (str_next_word(&words, STR(" "), &word)) {
        if (str_eq(word, wanted))
            return true;
    }
    return false;
}

static bool is_subset(struct str words, struct str of)
{
    struct str word;
    while (str_next_word(&words, STR(" "), &word)) {
        if (!has_word(of, word))
            return false;
    }
    return true;
}

/* Is the same person asked for something else under the same reason? Other scopes are wanted, or
 * more of them are lost; some that came back are nothing to ask for. */
static bool is_asked_anew(enum reason reason, const struct connection *before,
                          const struct connection *after)
{
    if (reason == REASON_SCOPES_CHANGED)
        return !str_eq(before->scopes_added, after->scopes_added) ||
               !str_eq(before->scopes_removed, after->scopes_removed);
    return reason == REASON_SCOPES_REDUCED &&
           !is_subset(after->scopes_removed, before->scopes_removed);
}

void lifecycle_facts(const struct connection *before, struct decision *decision)
{
    struct connection *after = &decision->next;
    bool is_same_grant = after->generation == before->generation;
    enum reason was = is_same_grant ? needs_reconnect_reason(before) : REASON_NONE;
    enum reason is = needs_reconnect_reason(after);
    if (is == REASON_NONE)
        after->alert_seq = 0;

    if (after->phase == PHASE_DISCONNECTED) {
        if (before->phase != PHASE_DISCONNECTED)
            lifecycle_fact_add(decision, FACT_DISCONNECTED);
        return;
    }
    if (is != REASON_NONE && (is != was || is_asked_anew(is, before, after)))
        lifecycle_fact_add(decision, FACT_NEEDS_RECONNECT);
    else if (is == REASON_NONE && was != REASON_NONE)
        lifecycle_fact_add(decision, FACT_RECOVERED);
}

/* ---- due ---- */

/* The verdict comes from a date, not from an answer: what a provider once said explains nothing. */
static enum due_verdict has_ended(const struct connection *connection, enum reason reason,
                                  struct now now, struct decision *decision)
{
    lifecycle_begin(connection, decision);
    lifecycle_clear_provider_error(&decision->next);
    lifecycle_set_dead(&decision->next, reason, now);
    lifecycle_facts(connection, decision);
    return DUE_CHANGED;
}

/* A notice that came due: said once, then the next threshold. */
static enum due_verdict tell_expiring(const struct connection *connection,
                                      const struct schedule_rules *rules, struct now now,
                                      struct decision *decision)
{
    lifecycle_begin(connection, decision);
    struct connection *next = &decision->next;
    int64_t lead_ms = agenda_notice_lead_ms(connection, rules, now.ms);
    bool is_over = now.ms >= connection->refresh_expires_ms;
    if (lead_ms > 0)
        next->notice_lead_ms = lead_ms;
    agenda_plan_notice(next, rules);
    if (lead_ms > 0 && !is_over)
        lifecycle_fact_add(decision, FACT_EXPIRING);
    return DUE_CHANGED;
}

/* A refresh that is going wrong tells more than a probe would. */
static enum due_verdict probe_is_due(const struct connection *connection,
                                     const struct connector *connector,
                                     const struct schedule_rules *rules, struct now now,
                                     struct decision *decision)
{
    if (connector_blocked_reason(connector) != REASON_NONE)
        return DUE_NOTHING;
    if (rules->probe_every_ms > 0 && !connection_is_retrying(connection))
        return DUE_PROBE;
    lifecycle_begin(connection, decision);
    agenda_plan_probe(&decision->next, rules, now.ms);
    return DUE_CHANGED;
}

/* Nobody reads it: its refresh token is only kept alive. */
static bool may_sleep(const struct connection *connection, const struct schedule_rules *rules,
                      struct now now)
{
    int64_t alive_ms = agenda_keepalive_ms(connection, rules);
    return connection->dead_reason == REASON_NONE && !str_is_empty(connection->sealed_refresh) &&
           connection->suspected_by == SUSPECTED_BY_NOBODY && !connection_is_retrying(connection) &&
           agenda_is_idle(connection, rules, now.ms) &&
           (connection->refresh_expires_ms == TIME_NONE ||
            now.ms < connection->refresh_expires_ms) &&
           (alive_ms == TIME_NONE || alive_ms > now.ms);
}

static enum due_verdict sleep_on(const struct connection *connection,
                                 const struct schedule_rules *rules, struct decision *decision)
{
    lifecycle_begin(connection, decision);
    struct connection *next = &decision->next;
    lifecycle_schedule_kept_alive(next, rules, UNSCHEDULED_IDLE);
    agenda_plan_notice(next, rules);
    return DUE_CHANGED;
}

/* The refresh itself, whoever asks for it. */
static enum due_verdict refresh_is_due(const struct connection *connection,
                                       const struct connector *connector, struct now now,
                                       struct decision *decision)
{
    bool is_dead = connection->dead_reason != REASON_NONE;
    if (str_is_empty(connection->sealed_refresh)) {
        if (is_dead || connection->expires_ms == TIME_NONE || now.ms < connection->expires_ms)
            return DUE_NOTHING;
        return has_ended(connection, REASON_REFRESH_TOKEN_MISSING, now, decision);
    }
    if (!is_dead && connection->refresh_expires_ms != TIME_NONE &&
        now.ms >= connection->refresh_expires_ms)
        return has_ended(connection, REASON_REFRESH_TOKEN_EXPIRED, now, decision);
    if (connector_blocked_reason(connector) == REASON_POLICY_BLOCKED)
        return DUE_NOTHING;
    return DUE_SEND;
}

enum due_verdict lifecycle_due(const struct connection *connection,
                               const struct connector *connector, enum due_asker asker,
                               const struct schedule_rules *rules, struct now now,
                               struct decision *ret_decision)
{
    if (connection->phase != PHASE_CONNECTED)
        return DUE_NOTHING;
    bool is_dead = connection->dead_reason != REASON_NONE;
    if (is_dead && asker != DUE_INSISTED && !lifecycle_is_tried_daily(connection->dead_reason))
        return DUE_NOTHING;
    if (asker != DUE_ON_TIME)
        return refresh_is_due(connection, connector, now, ret_decision);
    switch (agenda_item(connection, now.ms)) {
    case AGENDA_NOTHING:
        if (connection->due_ms == TIME_NONE || connection->due_ms > now.ms)
            return DUE_NOTHING;
        lifecycle_begin(connection, ret_decision);
        agenda_settle(&ret_decision->next); /* or it would be looked at for nothing, for ever */
        return DUE_CHANGED;
    case AGENDA_NOTICE:
        return tell_expiring(connection, rules, now, ret_decision);
    case AGENDA_PROBE:
        return probe_is_due(connection, connector, rules, now, ret_decision);
    case AGENDA_REFRESH:
        break;
    }
    if (may_sleep(connection, rules, now))
        return sleep_on(connection, rules, ret_decision);
    return refresh_is_due(connection, connector, now, ret_decision);
}

/* ---- suspicions ---- */

/* A retry that waits has its reasons to wait, and answers the question as well. */
static void suspect(struct connection *next, enum suspected_by by, struct now now)
{
    if (next->suspected_by == SUSPECTED_BY_NOBODY)
        next->suspected_by = by;
    if (!connection_is_retrying(next))
        lifecycle_schedule_at(next, now.ms);
}

bool lifecycle_suspected(const struct connection *connection, enum suspected_by by, struct now now,
                         struct decision *ret_decision)
{
    lifecycle_begin(connection, ret_decision);
    struct connection *next = &ret_decision->next;
    if (connection->phase != PHASE_CONNECTED)
        return false;
    if (connection->dead_reason != REASON_NONE) { /* its access token is over too, then */
        next->suspected_by = by;
        return connection->suspected_by == SUSPECTED_BY_NOBODY;
    }
    if (str_is_empty(connection->sealed_refresh))
        return false;
    suspect(next, by, now);
    return true;
}

void lifecycle_probed(const struct connection *connection, bool is_suspicious,
                      const struct schedule_rules *rules, struct now now,
                      struct decision *ret_decision)
{
    lifecycle_begin(connection, ret_decision);
    struct connection *next = &ret_decision->next;
    agenda_plan_probe(next, rules, now.ms);
    if (is_suspicious && connection_grant_alive(connection) &&
        !str_is_empty(connection->sealed_refresh))
        suspect(next, SUSPECTED_BY_PROBE, now);
}

/* ---- what people and admins do ---- */

/* The same account, as far as is known: what was known stays, what is new is added. Of a connection
 * whose account nobody knew it can't be said that this is the one: unverified. */
static void add_to_account(struct connection *next, const struct new_grant *grant)
{
    if (str_is_empty(next->account_id)) {
        next->account_id = grant->account_id;
        next->account_verified = false;
    }
    if (str_is_set(grant->account_label))
        next->account_label = grant->account_label;
    if (str_is_set(grant->account_issuer))
        next->account_issuer = grant->account_issuer;
}

static void take_account(const struct connection *before, struct connection *next,
                         const struct new_grant *grant)
{
    bool is_same = !str_is_empty(next->account_id) && str_eq(next->account_id, grant->account_id);
    bool is_unknown = str_is_empty(next->account_id) || str_is_empty(grant->account_id);
    bool is_anew = grant->is_switch || before->phase != PHASE_CONNECTED;
    if ((is_same && !grant->is_switch) || (is_unknown && !is_anew)) {
        add_to_account(next, grant);
        return;
    }
    next->account_id = grant->account_id;
    next->account_label = grant->account_label;
    next->account_issuer = grant->account_issuer;
    next->account_verified = grant->account_verified;
}

static void take_grant(struct connection *next, const struct connector *connector,
                       const struct new_grant *grant, struct now now)
{
    next->sealed_access = grant->sealed_access;
    next->sealed_refresh = grant->sealed_refresh;
    next->refresh_print = grant->refresh_print;
    next->token_type = grant->token_type;
    if (str_is_set(grant->config_json) || grant->is_switch)
        next->config_json = grant->config_json;
    next->lifetime_ms = 0;
    next->refresh_expires_ms = TIME_NONE;
    lifecycle_take_lifetimes(next, grant->lifetime_ms, grant->refresh_lifetime_ms, now);
    if (grant->already_expired)
        next->expires_ms = now.ms;
    next->scopes_asked = grant->scopes_asked;
    next->scopes_granted = grant->scopes_granted;
    next->scopes_version =
        grant->scopes_version != 0 ? grant->scopes_version : connector->scopes_version;
    next->credential_version = -(grant->credential_version != 0 ? grant->credential_version
                                                                : connector->credential_version);
    next->requested_ms = grant->requested_ms;
    next->last_success_ms = now.ms;
    next->attempts = 0;
    next->no_rotation_count = 0;
    next->notice_lead_ms = 0;
    next->suspected_by = SUSPECTED_BY_NOBODY;
}

static enum fact_kind granted_fact(const struct connection *before, const struct new_grant *grant)
{
    if (before->generation == 0 || before->phase == PHASE_DISCONNECTED)
        return FACT_CONNECTED;
    return grant->is_switch ? FACT_SWITCHED : FACT_RECONNECTED;
}

void lifecycle_granted(const struct connection *connection, const struct connector *connector,
                       const struct new_grant *grant, const struct schedule_rules *rules,
                       struct now now, struct decision *ret_decision)
{
    lifecycle_begin(connection, ret_decision);
    struct connection *next = &ret_decision->next;
    next->phase = PHASE_CONNECTED;
    next->generation++;
    next->dead_reason = REASON_NONE;
    lifecycle_clear_retry(next);
    lifecycle_clear_provider_error(next);
    lifecycle_clear_advisory(next);
    take_account(connection, next, grant);
    take_grant(next, connector, grant, now);
    /* Without a word of its own the first refresh shows it. */
    next->refresh_extends = rules->resets_on_use || rules->idle_lifetime_ms > 0;
    if (!str_is_empty(grant->scopes_added) || !str_is_empty(grant->scopes_removed))
        lifecycle_set_advisory(next, REASON_SCOPES_CHANGED, grant->scopes_added,
                               grant->scopes_removed, now);
    lifecycle_schedule_next(next, rules);
    if (grant->already_expired && !str_is_empty(next->sealed_refresh))
        lifecycle_schedule_at(next, now.ms);
    agenda_plan_notice(next, rules);
    agenda_plan_probe(next, rules, now.ms);

    /* First that there is a grant, then what it lacks: who follows the events ends up right. */
    lifecycle_fact_add(ret_decision, granted_fact(connection, grant));
    lifecycle_facts(connection, ret_decision);
}

void lifecycle_disconnected(const struct connection *connection, struct now now,
                            struct decision *ret_decision)
{
    lifecycle_begin(connection, ret_decision);
    struct connection *next = &ret_decision->next;
    if (connection->phase == PHASE_DISCONNECTED)
        return;
    next->phase = PHASE_DISCONNECTED;
    next->dead_reason = REASON_NONE;
    lifecycle_clear_retry(next);
    lifecycle_clear_provider_error(next);
    lifecycle_clear_advisory(next);
    next->trouble_ms = now.ms;
    next->sealed_access = STR_NONE;
    next->sealed_refresh = STR_NONE;
    next->refresh_print = STR_NONE;
    next->expires_ms = TIME_NONE;
    next->refresh_expires_ms = TIME_NONE;
    next->suspected_by = SUSPECTED_BY_NOBODY;
    agenda_clear(next);
    lifecycle_unschedule(next, UNSCHEDULED_NO_GRANT);
    lifecycle_facts(connection, ret_decision);
}

bool lifecycle_client_changed(const struct connection *connection, bool replaced, struct now now,
                              struct decision *ret_decision)
{
    lifecycle_begin(connection, ret_decision);
    bool is_told = connection->advisory_reason == REASON_CLIENT_REPLACED;
    if (connection->phase != PHASE_CONNECTED || is_told == replaced)
        return false;
    if (replaced)
        lifecycle_set_advisory(&ret_decision->next, REASON_CLIENT_REPLACED, STR_NONE, STR_NONE,
                               now);
    else
        lifecycle_clear_advisory(&ret_decision->next);
    lifecycle_facts(connection, ret_decision);
    return true;
}

void lifecycle_client_gone(const struct connection *connection, struct now now,
                           struct decision *ret_decision)
{
    lifecycle_begin(connection, ret_decision);
    lifecycle_set_dead(&ret_decision->next, REASON_CLIENT_REPLACED, now);
    lifecycle_facts(connection, ret_decision);
}

bool lifecycle_rescoped(const struct connection *connection, const struct connector *connector,
                        struct str added, struct str removed, bool spared, struct now now,
                        struct decision *ret_decision)
{
    lifecycle_begin(connection, ret_decision);
    if (connection->phase != PHASE_CONNECTED ||
        connection->scopes_version > connector->scopes_version)
        return false;
    bool is_told = connection->advisory_reason == REASON_SCOPES_CHANGED;
    bool is_wanted = !spared && (!str_is_empty(added) || !str_is_empty(removed));
    if (!is_wanted && !is_told)
        return false;
    if (is_wanted && is_told && str_eq(connection->scopes_added, added) &&
        str_eq(connection->scopes_removed, removed))
        return false;
    if (is_wanted)
        lifecycle_set_advisory(&ret_decision->next, REASON_SCOPES_CHANGED, added, removed, now);
    else
        lifecycle_clear_advisory(&ret_decision->next);
    lifecycle_facts(connection, ret_decision);
    return true;
}
