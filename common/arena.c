#include "common/arena.h"

#include "common/assert.h"
#include "common/memory.h"
#include "common/secret.h"
#include "common/spares.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARENA_BLOCK_FIRST = 1000, /* with its head what malloc() keeps at hand for the thread */
    ARENA_BLOCK_USUAL = 4000, /* the second, or the first of what is larger: kept for the next */
    ARENA_BLOCK_GROWTH = 4,
    ARENA_BLOCK_MAX = 64 * 1024,
};

struct arena_block {
    struct arena_block *next; /* the older one */
    size_t size;
    size_t used;
    bool is_lent;
    alignas(max_align_t) char data[];
};

static _Thread_local struct spares spare_blocks = {.size = sizeof(struct arena_block) +
                                                           ARENA_BLOCK_USUAL};

void arena_lend(struct arena *arena, void *room, size_t size)
{
    ASSERT(arena->blocks == NULL && size > sizeof(struct arena_block));
    arena->blocks = room;
    *arena->blocks =
        (struct arena_block){.size = size - sizeof(struct arena_block), .is_lent = true};
}

static void give_up(struct arena_block *block)
{
    if (block->size == ARENA_BLOCK_USUAL)
        spares_give(&spare_blocks, block);
    else
        free(block);
}

void arena_deinit(struct arena *arena)
{
    ASSERT(arena != NULL);
    struct arena_block *block = arena->blocks;
    while (block != NULL) {
        struct arena_block *next = block->next;
        if (!arena->is_plain)
            secret_wipe(block->data, block->used);
        if (!block->is_lent)
            give_up(block);
        block = next;
    }
    arena->blocks = NULL;
}

static size_t next_size(const struct arena_block *newest, size_t at_least)
{
    size_t last = newest == NULL ? 0 : newest->size;
    if (last == 0 && at_least <= ARENA_BLOCK_FIRST)
        return ARENA_BLOCK_FIRST;
    if (last < ARENA_BLOCK_USUAL && at_least <= ARENA_BLOCK_USUAL)
        return ARENA_BLOCK_USUAL;
    return MAX_OF(MIN_OF(last * ARENA_BLOCK_GROWTH, (size_t)ARENA_BLOCK_MAX), at_least);
}

/** A new block in front; each is several times as large as the one before, up to a maximum. */
static struct arena_block *add_block(struct arena *arena, size_t at_least)
{
    size_t size = next_size(arena->blocks, at_least);
    struct arena_block *block = size == ARENA_BLOCK_USUAL
                                    ? spares_take(&spare_blocks)
                                    : memory_grow(NULL, sizeof(*block) + size);
    *block = (struct arena_block){.next = arena->blocks, .size = size};
    arena->blocks = block;
    return block;
}

static void *take(struct arena *arena, size_t size, size_t align)
{
    ASSERT(arena != NULL);
    ASSERT(size < SIZE_MAX / 2);
    struct arena_block *block = arena->blocks;
    size_t from = block == NULL ? 0 : (block->used + align - 1) & ~(align - 1);
    if (block == NULL || from > block->size || block->size - from < size) {
        block = add_block(arena, size);
        from = 0;
    }
    block->used = from + size;
    return block->data + from;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    return memset(take(arena, size, alignof(max_align_t)), 0, size);
}

struct str arena_copy(struct arena *arena, struct str s)
{
    if (!str_is_set(s))
        return STR_NONE;
    char *copy = take(arena, s.len + 1, 1);
    memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return (struct str){.data = copy, .len = s.len};
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(len >= 0);
    char *text = take(arena, (size_t)len + 1, 1);
    int written = vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    ASSERT(written == len);
    return (struct str){.data = text, .len = (size_t)len};
}
