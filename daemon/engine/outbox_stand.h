/**
 * Where Redis stands, and what follows from that: it goes on, it has lost something and is
 * refilled, or our log is begun anew above a stream that is not ours.
 *
 *     outbox_stand_read_bounds()   → have_bounds
 *     outbox_stand_probe()         → in_step: at, expected, refill_to, rebuild_hash
 */
#ifndef ENGINE_OUTBOX_STAND_H
#define ENGINE_OUTBOX_STAND_H

#include "engine/outbox_step.h"

/** The log's own first and last number, and what was ever acknowledged. */
void outbox_stand_read_bounds(struct outbox *outbox);
/** Only while nothing else is under way. */
void outbox_stand_probe(struct outbox *outbox);

#endif
