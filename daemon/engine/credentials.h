/**
 * A connector's credentials under suspicion. One refused answer proves little, so one other
 * connection is asked before all are blocked; while they are, one connection is tried now and then
 * (every 5 min, doubling to 1 h) or at once after `rotate`; its success opens the lane again.
 *
 *     refused → the retiring credential works      → preferred, once for the whole connector
 *             → one other connection is refused too → blocked, one event to the admin
 *             → one other connection succeeds       → that first answer was its own affair
 *
 * All this is about the current client id: a refusal of one that was replaced ends that grant
 * (core/lifecycle.h), and its success proves nothing.
 */
#ifndef ENGINE_CREDENTIALS_H
#define ENGINE_CREDENTIALS_H

#include "engine/catalog.h"
#include "engine/schedule.h"

enum {
    CREDENTIALS_PROBE_MIN_MS = 5 * 60 * 1000,
    CREDENTIALS_PROBE_MAX_MS = 60 * 60 * 1000,
    CREDENTIALS_RETRY_MS = 5 * 1000,
    CREDENTIALS_ACQUITTED_MS = 10 * 60 * 1000,
    CREDENTIALS_PERSIST_MS = 10 * 60 * 1000,
    CREDENTIALS_COUNT_MS = 5 * 60 * 1000,
};

/** The provider's words, for the event. Borrowed. */
struct rejection {
    int64_t version; /* of the credential that was refused */
    int64_t status;
    struct str code, message;
};

struct success {
    int64_t version;          /* of the credential that was accepted */
    bool refreshed;           /* new tokens came of it */
    bool current_was_refused; /* in the same job, before */
};

/** A connection got a definite answer that is not about the client. */
void credentials_note_works(struct engine *engine, struct catalog_entry *entry,
                            const struct success *success, struct now now);
/** A connection was refused without a verdict. */
void credentials_note_doubtful(struct engine *engine, struct catalog_entry *entry,
                               struct str connection, int64_t credential_version, struct now now);
/** New credentials were taken over: what was suspected of the old ones is over. */
void credentials_note_rotated(struct catalog_entry *entry, bool replaces_client);
/** A connection was refused under this credential, and there is none to fall back to. */
void credentials_note_rejected(struct catalog_entry *entry, struct str connection,
                               const struct rejection *rejection, struct now now);
/** Was a refusal of this connection found to be its own affair a short while ago? */
bool credentials_are_acquitted(const struct catalog_entry *entry, struct str connection,
                               struct now now);
/** One connection is to be tried at once: after `rotate`. */
void credentials_probe_now(struct engine *engine, struct catalog_entry *entry, struct now now);
/** Look for a connection to ask or to probe, where that is due. */
void credentials_turn(struct engine *engine, struct now now);
int64_t credentials_next_ms(const struct engine *engine);

#endif
