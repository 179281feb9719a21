/**
 * The hash of connections in need, made anew under another name and then put in its place: page by
 * page from the store's own list, one step at a time.
 *
 * A Redis that was stopped may carry out what it had received on a connection that we have long
 * given up, in the midst of the rebuilding that follows or after it. That is one step at most. So
 * after a step that was cut off the hash is made anew once more, a heartbeat later.
 */
#ifndef ENGINE_OUTBOX_HASH_H
#define ENGINE_OUTBOX_HASH_H

#include "engine/outbox_step.h"

/**
 * Redis stands where it should, and says whether there is a hash: does that go with the store? Else
 * it was deleted or evicted alone, or put there by others, and is made anew. Fields that are
 * missing or too many in a hash that is there are not looked for: of the commands that Redis must
 * allow us none counts them. Only while nothing is under way.
 */
void outbox_hash_check(struct outbox *outbox, bool exists);

/** The next step; outbox->rebuild_hash is over with the last. Only while nothing is under way. */
void outbox_hash_next(struct outbox *outbox);

#endif
