/**
 * The timeline: one clock for all stored times. Within one boot it follows CLOCK_BOOTTIME, so that
 * a step of the wall clock moves no due time and expires no token; over a boot it goes on from the
 * wall clock, or, where that stands before the last commit (an unset clock), from the last commit.
 *
 *     timeline_start(&timeline, &saved, boot_id, boot_ms, wall_ms, last_commit_ms);
 *     now.ms = timeline_ms(&timeline, boot_ms);
 *     shown  = timeline_to_wall(now, connection.expires_ms);
 */
#ifndef CORE_TIMELINE_H
#define CORE_TIMELINE_H

#include "core/types.h"

enum { TIMELINE_BOOT_ID_SIZE = 40 };

struct timeline {
    char boot_id[TIMELINE_BOOT_ID_SIZE];
    int64_t offset_ms;    /* timeline = boottime + offset */
    bool clock_was_unset; /* the wall clock stood before the last commit */
};

/** @saved what an earlier start of this store kept, or NULL. The result is to be kept in its place.
 */
void timeline_start(struct timeline *timeline, const struct timeline *saved, struct str boot_id,
                    int64_t boot_ms, int64_t wall_ms, int64_t last_commit_ms);
int64_t timeline_ms(const struct timeline *timeline, int64_t boot_ms);
/** A stored time as the wall clock shows it now; TIME_NONE stays TIME_NONE. */
int64_t timeline_to_wall(struct now now, int64_t timeline_time_ms);
/** A wall-clock time (an `expires_at` that somebody gave) on the timeline. */
int64_t timeline_from_wall(struct now now, int64_t wall_ms);

#endif
