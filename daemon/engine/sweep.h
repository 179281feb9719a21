/**
 * The sweep of a rescope, or of a new client id: tells each connection of a connector, a page at a
 * time, in one transaction with the cursor, so that a crash neither skips nor repeats one. Paced,
 * so that refreshes and other calls come in between.
 */
#ifndef ENGINE_SWEEP_H
#define ENGINE_SWEEP_H

#include "engine/catalog.h"

enum { SWEEP_PAGE = 100, SWEEP_PACE_MS = 20, SWEEP_RETRY_MS = 100 };

/** What a rescope means for one connection: added and removed against what its grant asked for. */
struct scope_change {
    struct str added, removed;
    bool spared; /* only_missing, and its grant covers what is asked now */
};
struct scope_change sweep_compare(struct arena *arena, const struct connection *connection,
                                  struct str scopes, bool only_missing);
/** Will the sweep of a rescope to these scopes ask this connection's person to reconnect? One of a
 * replaced client that has been told so needs no second request. */
bool sweep_concerns(const struct catalog_entry *entry, struct arena *arena,
                    const struct connection *connection, struct str scopes, bool only_missing);

void sweep_turn(struct engine *engine, struct now now);
int64_t sweep_next_ms(const struct engine *engine);

#endif
