/** Random bytes fit for keys and nonces; a seeded fake under simulation. Never fails: without
 * entropy the process aborts rather than go on with nonces that repeat. */
#ifndef PORT_ENTROPY_H
#define PORT_ENTROPY_H

#include <stddef.h>

struct entropy_port {
    void *ctx;
    void (*fill)(void *ctx, void *bytes, size_t len);
};

#endif
