#include "common/memory.h"

#include "common/assert.h"

#include <stdlib.h>
#include <string.h>

void *memory_new_array(size_t count, size_t size)
{
    /* calloc() checks the product; one byte at least, so that NULL always means "none left". */
    void *block = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
    ASSERT(block != NULL);
    return block;
}

void *memory_new(size_t size)
{
    return memory_new_array(1, size);
}

void *memory_grow(void *take_block, size_t size)
{
    void *block = realloc(take_block, size == 0 ? 1 : size);
    ASSERT(block != NULL);
    return block;
}

char *memory_copy_str(struct str s)
{
    if (!str_is_set(s))
        return NULL;
    char *copy = memory_new(s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.data, s.len);
    return copy;
}

void memory_freep(char **pointer)
{
    free(*pointer);
    *pointer = NULL;
}
