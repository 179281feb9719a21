#include "ctl/run.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/* A standard stream that was closed (`>&-`): its number would be the socket's, and what is printed
 * would go to the daemon. Something else takes it, on which reading or writing fails as it should.
 */
static void occupy_closed(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

int main(int argc, char **argv)
{
    occupy_closed();
    /* Tokens and secrets pass through: none of them may end in a core file. */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    struct world world;
    world_init(&world);
    return (int)run(argc, argv, &world);
}
