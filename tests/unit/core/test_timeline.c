/* One clock for all stored times (docs/behaviour.md "Refreshing", Time). */
#include "core/timeline.h"

#include "scene.h"

struct start_row {
    const char *name;
    const char *saved_boot; /* NULL: nothing was saved */
    int64_t saved_offset_ms;
    const char *boot;
    int64_t boot_ms, wall_ms, last_commit_ms;
    int64_t timeline_ms;
    bool was_unset;
};

static const struct start_row start_rows[] = {
    {"a new store begins with the wall clock", NULL, 0, "b1", 1000, 500000, 0, 500000, false},
    {"in the same boot boot time decides", "b1", 499000, "b1", 61000, 560000, 540000, 560000,
     false},
    {"a step of the wall clock moves nothing", "b1", 499000, "b1", 61000, 99, 540000, 560000,
     false},
    {"forward neither", "b1", 499000, "b1", 61000, 999999999, 540000, 560000, false},
    {"after another boot the wall clock decides", "b1", 499000, "b2", 10, 900000, 540000, 900000,
     false},
    {"a wall clock before the last commit is unset", "b1", 499000, "b2", 10, 7, 540000, 540000,
     true},
    {"one at the last commit is not", "b1", 499000, "b2", 10, 540000, 540000, 540000, false},
    {"an unknown boot is never the same one", "", 499000, "", 10, 900000, 540000, 900000, false},
};

static void check_start(void **state)
{
    const struct start_row *row = *state;
    struct timeline saved = {.offset_ms = row->saved_offset_ms};
    str_copy_cut(str_c(row->saved_boot), saved.boot_id, sizeof(saved.boot_id));
    struct timeline timeline;
    timeline_start(&timeline, row->saved_boot != NULL ? &saved : NULL, str_c(row->boot),
                   row->boot_ms, row->wall_ms, row->last_commit_ms);
    assert_int_equal(timeline_ms(&timeline, row->boot_ms), row->timeline_ms);
    assert_int_equal(timeline_ms(&timeline, row->boot_ms + 5), row->timeline_ms + 5);
    assert_int_equal(timeline.clock_was_unset, row->was_unset);
    assert_string_equal(timeline.boot_id, row->boot);
}

struct wall_row {
    const char *name;
    int64_t now_ms, wall_ms, time_ms, shown_ms;
};

static const struct wall_row wall_rows[] = {
    {"no step", 1000, 1000, 5000, 5000},
    {"the wall clock is ahead", 1000, 4000, 5000, 8000},
    {"the wall clock is behind", 4000, 1000, 5000, 2000},
};

static void check_wall(void **state)
{
    const struct wall_row *row = *state;
    struct now now = {.ms = row->now_ms, .wall_ms = row->wall_ms};
    assert_int_equal(timeline_to_wall(now, row->time_ms), row->shown_ms);
    assert_int_equal(timeline_from_wall(now, row->shown_ms), row->time_ms);
    assert_int_equal(timeline_to_wall(now, TIME_NONE), TIME_NONE);
}

int main(void)
{
    return RUN_ROWS(start_rows, check_start) + RUN_ROWS(wall_rows, check_wall);
}
