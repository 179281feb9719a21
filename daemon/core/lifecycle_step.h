/**
 * The small steps that decisions are made of: what a record looks like once a retry is over, a
 * verdict has fallen, tokens have come in. For lifecycle*.c only; whether a step is due is decided
 * there.
 *
 *     lifecycle_set_dead(next, REASON_GRANT_REJECTED, now);
 */
#ifndef CORE_LIFECYCLE_STEP_H
#define CORE_LIFECYCLE_STEP_H

#include "core/lifecycle.h"

void lifecycle_begin(const struct connection *connection, struct decision *decision);
void lifecycle_fact_add(struct decision *decision, enum fact_kind kind);

/** What a definite answer ends. */
void lifecycle_clear_retry(struct connection *next);
/** The provider's words stay only while they explain something. */
void lifecycle_clear_provider_error(struct connection *next);

void lifecycle_unschedule(struct connection *next, enum unscheduled why);
void lifecycle_schedule_at(struct connection *next, int64_t due_ms);
/** Nothing but its refresh token's life calls for a refresh: `why` there is no other time. */
void lifecycle_schedule_kept_alive(struct connection *next, const struct schedule_rules *rules,
                                   enum unscheduled why);
/** After tokens came in: the next due time, or the reason why there is none. */
void lifecycle_schedule_next(struct connection *next, const struct schedule_rules *rules);

void lifecycle_set_advisory(struct connection *next, enum reason reason, struct str added,
                            struct str removed, struct now now);
void lifecycle_clear_advisory(struct connection *next);

/** Causes that an admin or time may undo are tried again once a day. */
bool lifecycle_is_tried_daily(enum reason reason);
void lifecycle_set_dead(struct connection *next, enum reason reason, struct now now);

/** The provider says that this grant is dead: the verdict settles before it counts. */
void lifecycle_set_verdict(struct connection *next, enum reason reason,
                           const struct schedule_rules *rules, struct now now);
void lifecycle_clear_verdict(struct connection *next);
/** When a verdict that is held since held_ms is presented next; TIME_NONE: that was the last time.
 */
int64_t lifecycle_hold_next_ms(int64_t held_ms, const struct schedule_rules *rules, int64_t now_ms);

/** @lifetime_ms 0: the last known one goes on. @refresh_lifetime_ms 0: nothing was said */
void lifecycle_take_lifetimes(struct connection *next, int64_t lifetime_ms,
                              int64_t refresh_lifetime_ms, struct now now);

#endif
