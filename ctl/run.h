/**
 * refreshctl whole, from argv to exit status. main() is one call to this.
 *
 *     struct world world;
 *     world_init(&world);
 *     return run(argc, argv, &world);
 */
#ifndef CTL_RUN_H
#define CTL_RUN_H

#include "ctl/exit.h"
#include "ctl/world.h"

enum ctl_exit run(int argc, char *const *argv, const struct world *world);

#endif
