#include "common/random.h"

#include "common/macros.h"

#include <sodium.h>
#include <string.h>

void random_fill(void *bytes, size_t len)
{
    char *at = bytes;
    while (len > 0) {
        uint32_t word = randombytes_random();
        size_t part = MIN_OF(len, sizeof(word));
        memcpy(at, &word, part);
        at += part;
        len -= part;
    }
}
