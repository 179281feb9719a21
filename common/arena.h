/**
 * Memory that is given up all at once: the strings of one record live and die together.
 *
 *     struct arena arena = {0};
 *     record.id = arena_copy(&arena, column);
 *     arena_deinit(&arena);
 */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include "common/str.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    bool is_plain; /* it holds no secrets: nothing is wiped */
};

/** Its first memory is the caller's, aligned for any type, and stays there as long as the arena
 * does. Only before anything else; it is not freed at the end. */
void arena_lend(struct arena *arena, void *room, size_t size);
/** Wipes, unless it is plain: an answer's texts may be tokens. */
void arena_deinit(struct arena *arena);
/** Zeroed, aligned for any type, good until arena_deinit(). */
void *arena_alloc(struct arena *arena, size_t size);
/** A copy of the bytes with a NUL behind them; STR_NONE stays STR_NONE. */
struct str arena_copy(struct arena *arena, struct str s);
struct str arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
