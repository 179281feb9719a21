/**
 * Random bytes from common/random.h: libsodium's generator, chosen by daemon.c. There is no
 * second source: without entropy the process aborts.
 *
 *     struct entropy_port entropy = entropy_port();
 *     entropy.fill(entropy.ctx, nonce, sizeof(nonce));
 */
#ifndef IO_ENTROPY_H
#define IO_ENTROPY_H

#include "port/entropy.h"

struct entropy_port entropy_port(void);

#endif
