/**
 * Which connection is next. The store's index on the due time is the schedule; memory holds a part
 * of it, as tasks (engine/task.h):
 *
 *     upcoming   its time has not come: in the window (engine/window.h)
 *     ready      in its connector's lane (engine/lanes.h)
 *     running    a job has it
 *     resting    a verdict on its grant settles, past all lanes
 *
 * So waking up costs the same however many connections there are, and nothing is parked in memory.
 */
#ifndef ENGINE_SCHEDULE_H
#define ENGINE_SCHEDULE_H

#include "engine/task.h"

/** Look at the task at that time whatever its connector's lane says: a verdict has settled by then.
 */
void schedule_rest(struct engine *engine, struct task *task, int64_t at_ms);
/** Its job is over. @connection the record as the job knows it last; NULL: it is gone
 * @hold_until_ms look at it again then though the store has it due as before: its job got nowhere;
 * TIME_NONE: where its due time says
 * A newer record that was noted meanwhile has its way in either case. It is freed where it is not
 * near. */
void schedule_release(struct engine *engine, struct task *task, const struct connection *connection,
                      int64_t hold_until_ms);
/** A write of this record that is not the job's own is about to be submitted. */
void schedule_overtake(struct engine *engine, struct str connection);
/** A record was saved whose due time may be near: make a task of it, if it has none. */
void schedule_note(struct engine *engine, const struct connection *connection, struct now now);
/** Make it ready now, ahead of all due times. */
void schedule_force(struct engine *engine, struct task *task, struct now now);
/** A connector is gone: its plans are dropped, those who wait for its connections are told. */
void schedule_forget(struct engine *engine, struct catalog_entry *entry, struct now now);
/** No further request is sent: those who wait for one are told. */
void schedule_drain(struct engine *engine, struct now now);

/** Move what is due into the lanes, start what they allow, read on. */
void schedule_turn(struct engine *engine, struct now now);
int64_t schedule_next_ms(const struct engine *engine);
void schedule_free(struct engine *engine);
/** How long the most overdue startable task has waited; 0: none. */
int64_t schedule_overdue_ms(const struct engine *engine, struct now now);

#endif
