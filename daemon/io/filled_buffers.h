/**
 * Large blocks for libraries that fill them from the front, a request or an answer each time, and
 * give them up as they are. They are kept for whoever wants one next, and wiped as far as they were
 * filled: that stands in the block, where marks that nobody has written over say "not this far".
 *
 *     void *block = filled_buffers_take(16384);      // NULL: not of a size that is kept here
 *     if (!filled_buffers_give(block, malloc_usable_size(block)))
 *         free(block);
 *
 * Not for blocks that are filled otherwise. One from elsewhere that has the size of ours holds no
 * marks and is wiped whole. Of one thread each; under AddressSanitizer nothing is kept.
 */
#ifndef IO_FILLED_BUFFERS_H
#define IO_FILLED_BUFFERS_H

#include <stdbool.h>
#include <stddef.h>

enum {
    FILLED_BUFFER_SMALL_MIN = 4 * 1024,
    FILLED_BUFFER_SMALL = FILLED_BUFFER_SMALL_MIN + 64,
    FILLED_BUFFER_LARGE_MIN = 16 * 1024, /* a TLS record, RFC 8446 §5.1, and what is around it */
    FILLED_BUFFER_LARGE = FILLED_BUFFER_LARGE_MIN + 1024,
};

/** A block of at least that size, free with filled_buffers_give() or free(); NULL where the size is
 * not between one of the minima and its size. Aborts without memory. */
void *filled_buffers_take(size_t size);
/** True: it was of such a size, and is taken and wiped. @usable as malloc_usable_size() says. */
bool filled_buffers_give(void *take_block, size_t usable);

#endif
