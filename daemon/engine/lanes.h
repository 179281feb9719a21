/**
 * What of a connector is due and not started: its ready tasks, earliest end of the access token
 * first. They are started as the connector and its provider's pace allow; the lanes of connectors
 * that share a provider take turns. A lane that is blocked or full lets its tasks go and remembers
 * from which due time on to read them again, so that nothing is parked in memory.
 *
 *     lane_offer(engine, task, now);     // its time has come, or somebody asks for it
 *     lanes_turn(engine, now);           // start what may be started, read on
 */
#ifndef ENGINE_LANES_H
#define ENGINE_LANES_H

#include "engine/state.h"
#include "engine/task.h"

/** Its lane has no place for a connection that is due: it reads it again when it opens or has room.
 */
bool lane_lets_go(struct catalog_entry *entry, int64_t due_ms);
/** Make it ready, or let it go. */
void lane_offer(struct engine *engine, struct task *task, struct now now);
/** Start its job at once: it finds the record gone, or a request not to be sent any more, and tells
 * who waits. */
void lane_bypass(struct engine *engine, struct task *task, struct now now);
/** The same for all that are ready. */
void lane_end(struct engine *engine, struct catalog_entry *entry, struct now now);

void lanes_turn(struct engine *engine, struct now now);
/** When the turn is wanted; INT64_MAX: not for the lanes. */
int64_t lanes_next_ms(const struct engine *engine);

#endif
