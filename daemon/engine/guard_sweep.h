/** One pass over a connector's verdicts, a page at a time (engine/guard.h). A page that loses a
 * race is read again; a sweep that a crash cut short is begun anew, and changes nothing twice. */
#ifndef ENGINE_GUARD_SWEEP_H
#define ENGINE_GUARD_SWEEP_H

#include "engine/guard.h"

/** @hold whose `todo` it carries out; guard_sweep_turn() counts it down */
void guard_sweep_add(struct engine *engine, struct catalog_entry *entry, struct hold *hold);
/** The hold is about to be freed: its sweeps end. */
void guard_sweep_drop(struct engine *engine, const struct hold *hold);
void guard_sweep_turn(struct engine *engine, struct now now);
int64_t guard_sweep_next_ms(const struct engine *engine);
void guard_sweep_free(struct engine *engine);

#endif
