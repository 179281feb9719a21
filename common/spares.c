#include "common/spares.h"

#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { KEPT_MAX = 0 };
#else
enum { KEPT_MAX = SPARES_MAX };
#endif

/* A kept block begins with the address of the next one. */

void *spares_take(struct spares *spares)
{
    void *block = spares->first;
    if (block == NULL)
        return memory_grow(NULL, spares->size);
    memcpy(&spares->first, block, sizeof(spares->first));
    spares->count--;
    return block;
}

void spares_give(struct spares *spares, void *take_block)
{
    if (spares->count + 1 > KEPT_MAX) {
        free(take_block);
        return;
    }
    memcpy(take_block, &spares->first, sizeof(spares->first));
    spares->first = take_block;
    spares->count++;
}
