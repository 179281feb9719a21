/**
 * Callbacks queue, the turn acts. Whatever an io part has finished is handed in here; the engine
 * drains the inbox once a turn and resumes each waiter with one `now`. So no engine code ever runs
 * inside curl, hiredis, SQLite or libpq, and no waiter is resumed before the call that started it
 * has returned.
 *
 *     struct completion embedded as the first member of a request;
 *     inbox_put(inbox, &request->completion);                     // io, any thread
 *     while ((done = inbox_take(inbox)) != NULL) done->resume(done, now);   // the turn
 */
#ifndef PORT_INBOX_H
#define PORT_INBOX_H

#include "core/types.h"

struct completion {
    void (*resume)(struct completion *self, struct now now);
    struct completion *next;
};

struct inbox;

/** @wake called (from any thread) when the inbox stops being empty; must not block */
struct inbox *inbox_new(void (*wake)(void *ctx), void *ctx);
/** The inbox must be empty. Takes NULL. */
void inbox_free(struct inbox *inbox);
void inbox_put(struct inbox *inbox, struct completion *completion);
/** Several at once, linked by `next` and in order, with one wake at most. */
void inbox_put_chain(struct inbox *inbox, struct completion *first);
/** Oldest first; NULL when empty. */
struct completion *inbox_take(struct inbox *inbox);

#endif
