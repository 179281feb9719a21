/**
 * Memory without a failure path: small allocations that must not fail abort instead, and systemd
 * starts us again; the store is the truth, so an abort loses nothing. What comes from outside is
 * bounded before it is allocated.
 *
 *     CLEANUP(memory_freep) char *path = memory_copy_str(value);
 */
#ifndef COMMON_MEMORY_H
#define COMMON_MEMORY_H

#include "common/str.h"

/** Zeroed; aborts without memory; freed by free(). */
void *memory_new(size_t size);
void *memory_new_array(size_t count, size_t size);
/** As realloc, new bytes are not zeroed; aborts without memory. */
void *memory_grow(void *take_block, size_t size);
/** A copy of the bytes with a NUL behind them; NULL for STR_NONE. Freed by free(). */
char *memory_copy_str(struct str s);
/** Free what a `char *` variable points to; for CLEANUP. */
void memory_freep(char **pointer);

#endif
