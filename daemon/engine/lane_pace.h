/**
 * How fast a lane lets go what has gathered while its connector was blocked: spread evenly over
 * twice the time that the block took (20 min at most), so that a provider that has just taken the
 * client back is not asked by everybody at once.
 *
 *     lane_pace_begin(engine, entry, blocked_since_ms, now);   // the block is over
 *     if (lane_pace_allows(&lane->pace, now)) …                // one may start
 *     lane_pace_take(&lane->pace);                             // it did
 *     lane_pace_end(&lane->pace);                              // nothing is overdue any more
 *
 * Who is asked for by a caller or a probe is not paced: a token that is wanted is fetched.
 */
#ifndef ENGINE_LANE_PACE_H
#define ENGINE_LANE_PACE_H

#include "engine/catalog.h"

enum {
    LANE_PACE_SPREAD_MAX_MS = 20 * 60 * 1000,
    LANE_PACE_SPREAD_MIN_MS = 1000,
    LANE_PACE_INTERVAL_MAX_US = 500 * 1000, /* a few connections need no spreading */
    LANE_PACE_UNKNOWN_MS = 0,               /* how long it was blocked is not known */
};

/** @blocked_since_ms  LANE_PACE_UNKNOWN_MS after a restart, say */
void lane_pace_begin(struct engine *engine, struct catalog_entry *entry, int64_t blocked_since_ms,
                     struct now now);
bool lane_pace_allows(const struct lane_pace *pace, struct now now);
void lane_pace_take(struct lane_pace *pace, struct now now);
void lane_pace_end(struct lane_pace *pace);
/** When the next may start; INT64_MAX: at once, or that is not for the pace to say. */
int64_t lane_pace_next_ms(const struct lane_pace *pace);

/** Microseconds between two starts: `count` overdue ones within twice the block, together with
 * those that fall due meanwhile. */
int64_t lane_pace_interval_us(int64_t count, int64_t blocked_ms);

#endif
