/**
 * When a connection is refreshed next, and how long to wait after a failure. Pure arithmetic over
 * the timeline; randomness and time are arguments.
 *
 *     due = schedule_due_ms(id, issued_ms, lifetime_ms, &rules);
 *     retry = now_ms + schedule_backoff_ms(&rules, failures, random);
 */
#ifndef CORE_SCHEDULE_H
#define CORE_SCHEDULE_H

#include "core/types.h"

enum {
    SCHEDULE_LEADS_MAX = 64, /* as many as the configuration takes */
    SCHEDULE_HOLDS_MAX = 16,
};

/** [refresh] and [guard] of the configuration, and what the connector and its profile say besides.
 */
struct schedule_rules {
    int64_t margin_ms;       /* how long before its end an access token is renewed at the latest */
    int64_t jitter_permille; /* of the lifetime, at most */
    int64_t backoff_min_ms, backoff_max_ms;
    int64_t exhausted_after_ms; /* past expiry, while others succeed */
    int64_t not_before_ms; /* the provider refreshes only when no more than this is left; 0: it has
                              no such rule */
    int64_t notice_leads_ms[SCHEDULE_LEADS_MAX]; /* how far ahead a known end is told */
    size_t notice_lead_count;
    int64_t idle_after_ms;  /* unread for so long is idle; 0: never, the policy is eager */
    int64_t probe_every_ms; /* a grant is checked so long after it last proved to live; 0: never */
    int64_t idle_lifetime_ms;            /* a refresh token dies unused after; 0: not known to */
    bool resets_on_use;                  /* each use gives the refresh token its whole life again */
    int64_t settle_ms;                   /* how long a verdict on a grant rests before it is told */
    int64_t hold_ms[SCHEDULE_HOLDS_MAX]; /* when one that is held is presented again, ascending */
    size_t hold_count;
};

enum {
    SCHEDULE_GAP_MIN_MS = 30 * 1000, /* between two refreshes of one connection */
    SCHEDULE_LIFETIME_MAX_S = 315360000,
    SCHEDULE_DAILY_MS = 24 * 3600 * 1000,
    SCHEDULE_REPLAYS_MAX = 3,
};

/**
 * issued + b + j, with b = max(L/2, min(0.8 L, L - margin)) and j = hash(id) * min(jitter * L,
 * (L - b)/4): early enough for several tries, and spread, always by the same share for one id so
 * that neighbours in time stay neighbours. Where the provider refuses early refreshes, b is not
 * before it accepts them.
 */
int64_t schedule_due_ms(struct str connection_id, int64_t issued_ms, int64_t lifetime_ms,
                        const struct schedule_rules *rules);

/** How long after its grant proved to live a connection is checked: up to a fifth less than asked
 * for, always the same for one id. */
int64_t schedule_probe_ms(struct str connection_id, int64_t every_ms);
/** At least this long between two refreshes of one connection: 30 s, or half of a short lifetime.
 */
int64_t schedule_gap_ms(int64_t lifetime_ms);

/** Exponential, full jitter: uniform between 0 and min(max, min * 2^(failures - 1)), and never
 * under a tenth of backoff_min. @random 64 uniform bits */
int64_t schedule_backoff_ms(const struct schedule_rules *rules, int64_t failures, uint64_t random);

/** How soon an uncertain presentation is repeated: 0.5 s, 2 s, 8 s; -1: the series is over. */
int64_t schedule_replay_ms(int64_t uncertain_tries);

#endif
