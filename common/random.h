/**
 * Random bytes fit for keys and nonces, from libsodium's generator (seeded by the kernel). Taken
 * word by word, since the generator keeps words at hand and makes anything longer from scratch,
 * with a look at the process' id each time.
 */
#ifndef COMMON_RANDOM_H
#define COMMON_RANDOM_H

#include <stddef.h>

/** Never fails: without entropy libsodium aborts. */
void random_fill(void *bytes, size_t len);

#endif
