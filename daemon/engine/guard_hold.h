/** The holds as one value in the store, written with the events that tell of them
 * (engine/guard.h). A write whose end is not known is settled by reading the value's number. */
#ifndef ENGINE_GUARD_HOLD_H
#define ENGINE_GUARD_HOLD_H

#include "engine/guard.h"

typedef void hold_saved(void *user, enum status status, const struct error *err,
                        struct engine *engine, struct now now);

struct hold *hold_new(const struct endpoint *endpoint, const char *connector, const char *named,
                      enum hold_kind kind);
void hold_remove(struct engine *engine, struct hold *hold);

/** Only while none is under way (guard_is_busy). @take_write what else belongs to it */
void hold_save(struct engine *engine, struct store_write *take_write, hold_saved *done, void *user,
               struct now now);
/** Save what is dirty. */
void hold_save_turn(struct engine *engine, struct now now);
int64_t hold_save_next_ms(const struct engine *engine);
void hold_load(struct engine *engine,
               void (*done)(struct engine *engine, enum status status, const struct error *err));
void hold_free_all(struct engine *engine);

#endif
