#include "io/http_curl_memory.h"

#include "common/secret.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static void *wiped_malloc(size_t size)
{
    return malloc(size);
}

static void *wiped_calloc(size_t count, size_t size)
{
    return calloc(count, size);
}

static void wiped_free(void *block)
{
    if (block == NULL)
        return;
    secret_wipe(block, malloc_usable_size(block));
    free(block);
}

/** realloc() itself would leave the old bytes behind where it moves them. */
static void *wiped_realloc(void *block, size_t size)
{
    if (block == NULL)
        return malloc(size);
    size_t old = malloc_usable_size(block);
    if (size > 0 && size <= old)
        return block;
    void *moved = malloc(size > 0 ? size : 1);
    if (moved == NULL)
        return NULL;
    memcpy(moved, block, old < size ? old : size);
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
