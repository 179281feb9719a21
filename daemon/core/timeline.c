#include "core/timeline.h"

void timeline_start(struct timeline *timeline, const struct timeline *saved, struct str boot_id,
                    int64_t boot_ms, int64_t wall_ms, int64_t last_commit_ms)
{
    *timeline = (struct timeline){0};
    str_copy_cut(boot_id, timeline->boot_id, sizeof(timeline->boot_id));
    if (saved != NULL && timeline->boot_id[0] != '\0' &&
        str_eq(str_c(saved->boot_id), str_c(timeline->boot_id))) {
        timeline->offset_ms = saved->offset_ms;
        return;
    }
    timeline->offset_ms = wall_ms - boot_ms;
    if (wall_ms < last_commit_ms) {
        timeline->offset_ms = last_commit_ms - boot_ms;
        timeline->clock_was_unset = true;
    }
}

int64_t timeline_ms(const struct timeline *timeline, int64_t boot_ms)
{
    return boot_ms + timeline->offset_ms;
}

int64_t timeline_to_wall(struct now now, int64_t timeline_time_ms)
{
    return timeline_time_ms == TIME_NONE ? TIME_NONE : timeline_time_ms + (now.wall_ms - now.ms);
}

int64_t timeline_from_wall(struct now now, int64_t wall_ms)
{
    return wall_ms - (now.wall_ms - now.ms);
}
