/**
 * Asking one connection about the client credentials: to confirm a suspicion, or whether a block is
 * over. Those that give no definite answer are not asked again; once all were, or so many, that is
 * the end of it: a suspicion counts as confirmed, a block is probed again later.
 *
 *     wanted → a candidate is looked for → it is refreshed → its answer is acted on, or the next
 *
 * For credentials.c only.
 */
#ifndef ENGINE_CREDENTIALS_PROBE_H
#define ENGINE_CREDENTIALS_PROBE_H

#include "engine/catalog.h"

/** Begin to look for one, where that is due. */
void credentials_probe_turn(struct engine *engine, struct catalog_entry *entry, struct now now);
/** When that is due next; INT64_MAX: nothing is to be asked, or it is under way. */
int64_t credentials_probe_next_ms(const struct catalog_entry *entry);

#endif
