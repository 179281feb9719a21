/**
 * The log in batches, in its order: new events, or, up to outbox->refill_to, what Redis had before.
 *
 * Each batch says what Redis must have before it, the last number of the batch in front. So several
 * may be under way: when one fails, those behind it find that Redis stands elsewhere and change
 * nothing, and when all are back Redis is asked. A batch that found the end of the log goes alone:
 * what comes meanwhile gathers and is the next batch, so that under load many events cost one read,
 * one script and one acknowledgement.
 */
#ifndef ENGINE_OUTBOX_SEND_H
#define ENGINE_OUTBOX_SEND_H

#include "engine/outbox_step.h"

/** May one more batch go out behind those that are under way? */
bool outbox_send_has_room(const struct outbox *outbox);
/** Read the next batch and send it. */
void outbox_send_next(struct outbox *outbox);
/** Redis has everything up to here. The store learns it: one write at a time, the highest number.
 */
void outbox_send_acknowledge(struct outbox *outbox, int64_t seq, struct now now);

#endif
