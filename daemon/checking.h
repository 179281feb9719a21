/** `refreshd --check`: what a start would refuse, all of it, whatever the first mistake. */
#ifndef CHECKING_H
#define CHECKING_H

#include "daemon_parts.h"

/**
 * Read and judge everything. The loop and the inbox are there; what is made stays in daemon, for
 * its owner to free.
 *
 * @read  what startup_read() said
 *
 * EXIT_STATUS_OK, or what a start would end with, of the first mistake; lines are on standard
 * error. What is no mistake and yet worth knowing is on standard output.
 */
enum exit_status checking_judge(struct daemon *daemon, enum exit_status read);

#endif
