/**
 * Security events (RFC 8417) polled from the transmitters that profiles name (RFC 8936): their
 * signature, audience and age are looked at, the account is looked up, and its connections are
 * refreshed early. What is acknowledged is durable: the suspicion in each connection's record and
 * the event's id are written first. One that comes again is acknowledged and has no effect.
 *
 *     keys → poll → each event: seen? whose? → write → acknowledge with the next poll
 *
 * Polls ask for what there is and return at once (RFC 8936 §2.2 returnImmediately): a request that
 * is held open would hold up the daemon's end.
 */
#ifndef ENGINE_SETS_H
#define ENGINE_SETS_H

#include "engine/state.h"

enum {
    SETS_SOURCES_MAX = 32,
    SETS_PER_POLL = 25,
    SETS_DEADLINE_MS = 15 * 1000,
    SETS_RETRY_MIN_MS = 1000,
    SETS_RETRY_MAX_MS = 5 * 60 * 1000,
    SETS_KEYS_GOOD_MS = 60 * 60 * 1000,
    SETS_KEYS_AGAIN_MS = 60 * 1000, /* keys are not fetched more often, whatever is unknown */
};

/** The profiles were read anew: who is to be polled follows from them. */
void sets_reload(struct engine *engine);
void sets_turn(struct engine *engine, struct now now);
int64_t sets_next_ms(const struct engine *engine);
void sets_free(struct engine *engine);

#endif
