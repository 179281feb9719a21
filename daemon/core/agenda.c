#include "core/agenda.h"

#include "common/macros.h"

static bool is_over(int64_t due_ms, int64_t now_ms)
{
    return due_ms != TIME_NONE && due_ms <= now_ms;
}

enum agenda_item agenda_item(const struct connection *connection, int64_t now_ms)
{
    if (is_over(connection->refresh_due_ms, now_ms))
        return AGENDA_REFRESH;
    if (is_over(connection->notice_due_ms, now_ms))
        return AGENDA_NOTICE;
    return is_over(connection->probe_due_ms, now_ms) ? AGENDA_PROBE : AGENDA_NOTHING;
}

void agenda_settle(struct connection *next)
{
    const int64_t times_ms[] = {next->refresh_due_ms, next->notice_due_ms, next->probe_due_ms};
    next->due_ms = TIME_NONE;
    for (size_t i = 0; i < ARRAY_LEN(times_ms); i++) {
        if (times_ms[i] != TIME_NONE && (next->due_ms == TIME_NONE || times_ms[i] < next->due_ms))
            next->due_ms = times_ms[i];
    }
}

void agenda_clear(struct connection *next)
{
    next->refresh_due_ms = next->notice_due_ms = next->probe_due_ms = TIME_NONE;
    agenda_settle(next);
}

/* ---- the notice ---- */

static bool has_refreshable_grant(const struct connection *connection)
{
    return connection_grant_alive(connection) && !str_is_empty(connection->sealed_refresh);
}

/* A refresh comes before the end and moves it: nobody has to do anything. */
static bool refreshing_puts_it_off(const struct connection *connection)
{
    return connection->refresh_extends && connection->refresh_due_ms != TIME_NONE &&
           connection->refresh_due_ms < connection->refresh_expires_ms;
}

static bool is_told(const struct connection *connection, int64_t lead_ms)
{
    return connection->notice_lead_ms != 0 && lead_ms >= connection->notice_lead_ms;
}

void agenda_plan_notice(struct connection *next, const struct schedule_rules *rules)
{
    next->notice_due_ms = TIME_NONE;
    if (has_refreshable_grant(next) && next->refresh_expires_ms != TIME_NONE &&
        !refreshing_puts_it_off(next)) {
        int64_t longest_ms = 0;
        for (size_t i = 0; i < rules->notice_lead_count; i++) {
            if (!is_told(next, rules->notice_leads_ms[i]))
                longest_ms = MAX_OF(longest_ms, rules->notice_leads_ms[i]);
        }
        if (longest_ms > 0)
            next->notice_due_ms = next->refresh_expires_ms - longest_ms;
    }
    agenda_settle(next);
}

int64_t agenda_notice_lead_ms(const struct connection *connection,
                              const struct schedule_rules *rules, int64_t now_ms)
{
    int64_t shortest_ms = 0;
    for (size_t i = 0; i < rules->notice_lead_count; i++) {
        int64_t lead_ms = rules->notice_leads_ms[i];
        bool has_begun = connection->refresh_expires_ms - lead_ms <= now_ms;
        if (has_begun && !is_told(connection, lead_ms) &&
            (shortest_ms == 0 || lead_ms < shortest_ms))
            shortest_ms = lead_ms;
    }
    return shortest_ms;
}

/* ---- the probe ---- */

void agenda_plan_probe(struct connection *next, const struct schedule_rules *rules, int64_t now_ms)
{
    bool is_wanted = rules->probe_every_ms > 0 && has_refreshable_grant(next);
    next->probe_due_ms =
        is_wanted ? now_ms + schedule_probe_ms(next->id, rules->probe_every_ms) : TIME_NONE;
    agenda_settle(next);
}

/* ---- idle ---- */

bool agenda_is_idle(const struct connection *connection, const struct schedule_rules *rules,
                    int64_t now_ms)
{
    /* Whoever has just connected it means to use it. */
    int64_t read_ms = MAX_OF(connection->last_read_ms, connection->requested_ms);
    return rules->idle_after_ms > 0 && now_ms - read_ms >= rules->idle_after_ms;
}

int64_t agenda_keepalive_ms(const struct connection *connection, const struct schedule_rules *rules)
{
    int64_t used_ms = connection->last_success_ms;
    int64_t lives_ms = rules->idle_lifetime_ms;
    if (connection->refresh_extends && connection->refresh_expires_ms > used_ms) {
        int64_t ends_in_ms = connection->refresh_expires_ms - used_ms;
        lives_ms = lives_ms > 0 ? MIN_OF(lives_ms, ends_in_ms) : ends_in_ms;
    }
    if (lives_ms <= 0 || str_is_empty(connection->sealed_refresh))
        return TIME_NONE;
    struct schedule_rules of_refresh_token = *rules;
    of_refresh_token.not_before_ms = 0; /* that is about the access token */
    return schedule_due_ms(connection->id, used_ms, lives_ms, &of_refresh_token);
}
