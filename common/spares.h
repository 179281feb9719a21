/**
 * A few blocks of one size that are kept when given up and handed out again, so that what every
 * refresh needs anew does not go through malloc()'s lists each time. Of one thread.
 *
 *     static _Thread_local struct spares spare_jobs = {.size = sizeof(struct job)};
 *     struct job *job = spares_take(&spare_jobs);
 *     spares_give(&spare_jobs, job);
 *
 * Under AddressSanitizer nothing is kept, so that it sees what is used after it was given up.
 */
#ifndef COMMON_SPARES_H
#define COMMON_SPARES_H

#include <stddef.h>

enum { SPARES_MAX = 128 };

struct spares {
    size_t size; /* of each, in bytes; at least a pointer's */
    void *first;
    size_t count;
};

/** What was in it before, or nothing in particular; aborts without memory. */
void *spares_take(struct spares *spares);
/** Takes the block, which is the caller's to wipe. Past SPARES_MAX it is freed. */
void spares_give(struct spares *spares, void *take_block);

#endif
