#include "io/http_curl_memory.h"

#include "common/secret.h"
#include "common/spares.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* Taken and freed with each request, and too large for what malloc() keeps at hand. */
static _Thread_local struct spares buffers[] = {
    {.size = HTTP_CURL_READ_BUFFER + 1}, /* libcurl puts a NUL behind */
    {.size = HTTP_CURL_SEND_BUFFER},
};

static void *wiped_malloc(size_t size)
{
    for (size_t i = 0; i < ARRAY_LEN(buffers); i++) {
        if (size == buffers[i].size)
            return spares_take(&buffers[i]);
    }
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
    size_t size = malloc_usable_size(block); /* what was asked for, rounded up */
    secret_wipe(block, size);
    for (size_t i = 0; i < ARRAY_LEN(buffers); i++) {
        if (size >= buffers[i].size && size < buffers[i].size + 2 * sizeof(size_t)) {
            spares_give(&buffers[i], block);
            return;
        }
    }
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
