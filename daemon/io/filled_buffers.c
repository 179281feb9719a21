#include "io/filled_buffers.h"

#include "common/macros.h"
#include "common/secret.h"
#include "common/spares.h"

#include <stdint.h>
#include <string.h>

enum {
    MARK_EVERY = 512,      /* bytes; the first is that far from the front */
    MALLOC_ROUNDS_UP = 32, /* by less than this */
};

struct kind {
    size_t min;
    struct spares spares; /* of wiped blocks with all their marks */
};

static _Thread_local struct kind kinds[] = {
    {.min = FILLED_BUFFER_SMALL_MIN, .spares = {.size = FILLED_BUFFER_SMALL}},
    {.min = FILLED_BUFFER_LARGE_MIN, .spares = {.size = FILLED_BUFFER_LARGE}},
};

/** Nothing that a peer could send by chance, or knows: it follows from where it stands. */
static uint64_t mark_at(const char *at)
{
    return (uint64_t)(uintptr_t)at * UINT64_C(0x9E3779B97F4A7C15);
}

static bool is_marked(const char *at)
{
    uint64_t found;
    memcpy(&found, at, sizeof(found));
    return found == mark_at(at);
}

/** Set the marks in the first len bytes. */
static void set_marks(char *block, size_t len)
{
    for (size_t at = MARK_EVERY; at < len; at += MARK_EVERY) {
        uint64_t mark = mark_at(block + at);
        memcpy(block + at, &mark, sizeof(mark));
    }
}

/** Filled from the front, so that behind the first mark left there is nothing. */
static size_t filled_len(const char *block, size_t size)
{
    size_t len = MARK_EVERY;
    while (len < size && !is_marked(block + len))
        len += MARK_EVERY;
    return MIN_OF(len, size);
}

void *filled_buffers_take(size_t size)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct spares *spares = &kinds[i].spares;
        if (size < kinds[i].min || size > spares->size)
            continue;
        bool is_kept = spares->first != NULL;
        char *block = spares_take(spares);
        if (!is_kept)
            set_marks(block, spares->size);
        return block;
    }
    return NULL;
}

bool filled_buffers_give(void *take_block, size_t usable)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct spares *spares = &kinds[i].spares;
        if (usable < spares->size || usable >= spares->size + MALLOC_ROUNDS_UP)
            continue;
        size_t filled = filled_len(take_block, spares->size);
        secret_wipe(take_block, filled);
        set_marks(take_block, filled);
        spares_give(spares, take_block);
        return true;
    }
    return false;
}
