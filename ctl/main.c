#include "ctl/run.h"

#include <sys/resource.h>

int main(int argc, char **argv)
{
    /* Tokens and secrets pass through: none of them may end in a core file. */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    struct world world;
    world_init(&world);
    return (int)run(argc, argv, &world);
}
