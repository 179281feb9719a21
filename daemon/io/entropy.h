/**
 * Random bytes from the kernel's own generator (getrandom(2)), which blocks only before the machine
 * has gathered its first entropy. There is no second source: without it the process aborts.
 *
 *     struct entropy_port entropy = entropy_port();
 *     entropy.fill(entropy.ctx, nonce, sizeof(nonce));
 */
#ifndef IO_ENTROPY_H
#define IO_ENTROPY_H

#include "port/entropy.h"

struct entropy_port entropy_port(void);

#endif
