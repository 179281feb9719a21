/**
 * The part of the schedule that is in memory: the next due entries of the store's index, in order,
 * up to a frontier. Past it lies what was not read yet, or was let go again for want of room.
 *
 *     window_read(engine, now);                         // more, when few are left
 *     if (window_holds(schedule, task->id, due_ms))
 *         window_put(engine, task);                     // upcoming
 *     else
 *         window_let_go(engine, due_ms);                // a later read finds it in the index
 */
#ifndef ENGINE_WINDOW_H
#define ENGINE_WINDOW_H

#include "engine/state.h"
#include "engine/task.h"

/** Is that place in the index within the frontier? */
bool window_holds(const struct schedule_state *schedule, const char *id, int64_t due_ms);
/** Make the task upcoming; what is farthest goes where there are too many. */
void window_put(struct engine *engine, struct task *task);
/** Not near, as far as the window is known: a read that is under way may be about to say it is. */
void window_let_go(struct engine *engine, int64_t due_ms);
/** What is due from then on is read again. */
void window_draw_back(struct schedule_state *schedule, int64_t due_ms);
/** Few are left, or the next one lies past a frontier that was drawn back: there may be one before.
 */
bool window_is_short(const struct schedule_state *schedule);
/** Read on, if it is short. */
void window_read(struct engine *engine, struct now now);
/** Drop all that is upcoming of a connector. */
void window_drop(struct engine *engine, const struct catalog_entry *entry);

#endif
