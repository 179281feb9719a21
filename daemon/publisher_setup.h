/** The publisher as the configuration's [redis] names it. */
#ifndef PUBLISHER_SETUP_H
#define PUBLISHER_SETUP_H

#include "daemon_parts.h"

/** Makes daemon->redis. All zero, and nothing made, where no Redis is configured. */
struct publisher_port publisher_setup_make(struct daemon *daemon);

/**
 * For `--check`: the files that [redis] names. A start would do without, telling so until they are
 * right. EXIT_STATUS_CONFIG: each fault is a line on standard error.
 */
enum exit_status publisher_setup_check(struct daemon *daemon);

#endif
