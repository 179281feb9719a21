#include "io/tls_memory.h"

#include "io/filled_buffers.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static void *take(size_t size, const char *file UNUSED, int line UNUSED)
{
    if (size == 0)
        return NULL;
    void *buffer = filled_buffers_take(size);
    return buffer != NULL ? buffer : malloc(size);
}

static void give(void *block, const char *file UNUSED, int line UNUSED)
{
    if (block != NULL && !filled_buffers_give(block, malloc_usable_size(block)))
        free(block);
}

static void *resize(void *block, size_t size, const char *file, int line)
{
    if (block == NULL)
        return take(size, file, line);
    if (size == 0) {
        give(block, file, line);
        return NULL;
    }
    return realloc(block, size);
}

bool tls_memory_init(void)
{
    return CRYPTO_set_mem_functions(take, resize, give) == 1;
}
