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

/** Is `after` older than what the log still holds? Then *ret_failure is filled. */
bool watch_is_gone(const struct event_bounds *bounds, int64_t after,
                   struct rpc_failure *ret_failure);

#endif
