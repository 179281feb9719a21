#include "port/inbox.h"

#include "common/assert.h"
#include "common/memory.h"

#include <pthread.h>
#include <stdlib.h>

struct inbox {
    pthread_mutex_t mutex;
    struct completion *first, *last;
    void (*wake)(void *ctx);
    void *ctx;
};

struct inbox *inbox_new(void (*wake)(void *ctx), void *ctx)
{
    struct inbox *inbox = memory_new(sizeof(*inbox));
    int result = pthread_mutex_init(&inbox->mutex, NULL);
    ASSERT(result == 0);
    inbox->wake = wake;
    inbox->ctx = ctx;
    return inbox;
}

void inbox_free(struct inbox *inbox)
{
    if (inbox == NULL)
        return;
    ASSERT(inbox->first == NULL);
    pthread_mutex_destroy(&inbox->mutex);
    free(inbox);
}

static void lock(struct inbox *inbox)
{
    int result = pthread_mutex_lock(&inbox->mutex);
    ASSERT(result == 0);
}

static void unlock(struct inbox *inbox)
{
    int result = pthread_mutex_unlock(&inbox->mutex);
    ASSERT(result == 0);
}

void inbox_put_chain(struct inbox *inbox, struct completion *first)
{
    if (first == NULL)
        return;
    struct completion *last = first;
    while (last->next != NULL)
        last = last->next;
    lock(inbox);
    bool was_empty = inbox->first == NULL;
    if (was_empty)
        inbox->first = first;
    else
        inbox->last->next = first;
    inbox->last = last;
    unlock(inbox);
    /* Outside the lock: the turn that it starts takes from the inbox at once. */
    if (was_empty && inbox->wake != NULL)
        inbox->wake(inbox->ctx);
}

void inbox_put(struct inbox *inbox, struct completion *completion)
{
    completion->next = NULL;
    inbox_put_chain(inbox, completion);
}

struct completion *inbox_take(struct inbox *inbox)
{
    lock(inbox);
    struct completion *completion = inbox->first;
    if (completion != NULL)
        inbox->first = completion->next;
    unlock(inbox);
    if (completion != NULL)
        completion->next = NULL;
    return completion;
}
