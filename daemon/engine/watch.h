/** The log's way to those who watch it over the socket (engine/api.h). */
#ifndef ENGINE_WATCH_H
#define ENGINE_WATCH_H

#include "engine/state.h"

enum { WATCH_BATCH = 100, WATCH_BATCH_BYTES = 64 * 1024 };

/** Events may have been appended: watchers that wait look again. */
void watch_log_grew(struct engine *engine, struct now now);

/** End all watchers without a word; none of their reads may be under way. */
void watch_free(struct engine *engine);

/** Blank-separated words of a text array, in arena; STR_NONE for none. */
struct str watch_types_text(struct arena *arena, const struct json *types);

/** Can the log be gone on with behind event number `after`? Else *ret_failure is filled (`gone`,
 * with `oldest` and `last`): retention has taken what came next; or the log ends before that
 * number. Numbers are told of committed events alone, and none is given twice, so that who knows a
 * higher one has it from another store, or from what a restored one has lost. */
bool watch_has_place(const struct event_bounds *bounds, int64_t after,
                     struct rpc_failure *ret_failure);

#endif
