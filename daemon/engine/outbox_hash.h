/**
 * The hash of connections in need, made anew under another name and then put in its place: page by
 * page from the store's own list, one step at a time.
 */
#ifndef ENGINE_OUTBOX_HASH_H
#define ENGINE_OUTBOX_HASH_H

#include "engine/outbox_step.h"

/** The next step; outbox->rebuild_hash is over with the last. Only while nothing is under way. */
void outbox_hash_next(struct outbox *outbox);

#endif
