/**
 * Who is read: when the access token of each on_demand connection was last asked for. Kept in
 * memory and written now and then, many in one write, so that `token` costs no commit. What a crash
 * loses is a minute of it.
 */
#ifndef ENGINE_READERS_H
#define ENGINE_READERS_H

#include "engine/catalog.h"

enum {
    READERS_MAX = 8192, /* not yet written; more are written at once, or not at all */
    READERS_PER_WRITE = 1000,
    READERS_FLUSH_MS = 60 * 1000,
};

/** Its token is asked for. Nothing is kept where its connector's policy is eager. */
void readers_note(struct engine *engine, const struct catalog_entry *entry, struct str connection,
                  struct now now);
/** When it was last asked for, as far as that is not stored yet; TIME_NONE: not. */
int64_t readers_last_ms(const struct engine *engine, struct str connection);
void readers_turn(struct engine *engine, struct now now);
int64_t readers_next_ms(const struct engine *engine);
/** Is anything noted that has not been tried to be saved? Asked while draining. */
bool readers_want_flush(const struct engine *engine);
void readers_free(struct engine *engine);

#endif
