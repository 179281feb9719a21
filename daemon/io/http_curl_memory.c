#include "io/http_curl_memory.h"

#include "common/secret.h"
#include "io/filled_buffers.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { GROWING_MIN = 1000 }; /* with its head what malloc() keeps at hand for the thread */

static void *wiped_malloc(size_t size)
{
    void *buffer = filled_buffers_take(size);
    return buffer != NULL ? buffer : malloc(size);
}

static void *wiped_calloc(size_t count, size_t size)
{
    return calloc(count, size);
}

static void wiped_free(void *block)
{
    if (block == NULL)
        return;
    size_t size = malloc_usable_size(block); /* what was asked for, rounded up */
    if (filled_buffers_give(block, size))
        return;
    secret_wipe(block, size);
    free(block);
}

/** realloc() itself would leave the old bytes behind where it moves them. What grows grows again,
 * and is given room for it. */
static void *wiped_realloc(void *block, size_t size)
{
    if (block == NULL)
        return wiped_malloc(size);
    size_t old = malloc_usable_size(block);
    if (size > 0 && size <= old)
        return block;
    void *moved = wiped_malloc(MAX_OF(size, (size_t)GROWING_MIN));
    if (moved == NULL)
        return NULL;
    memcpy(moved, block, MIN_OF(old, size));
    wiped_free(block);
    return moved;
}

static char *wiped_strdup(const char *text)
{
    return strdup(text);
}

CURLcode http_curl_memory_init(void)
{
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, wiped_malloc, wiped_free, wiped_realloc,
                                wiped_strdup, wiped_calloc);
}
