/**
 * The store, from its file to its first answers: opened under the master key, its timeline started,
 * its meta read, all before the engine exists.
 */
#ifndef STORE_OPENING_H
#define STORE_OPENING_H

#include "daemon_parts.h"

/**
 * Open the store of the configuration and start the timeline. Blocks for as long as a migration
 * takes. daemon->loop and daemon->inbox are made.
 *
 * @must_exist  true: a check, which makes no store, reads the whole of one that is there, and says
 *              on standard output where there is none
 *
 * EXIT_STATUS_OK, or what the process ends with; a line is on standard error.
 */
enum exit_status store_opening_open(struct daemon *daemon, bool must_exist);

/**
 * Read one value of the store's meta; the loop runs until it is there. Only while nothing else is
 * under way. The caller owns the result: store_read_free(). A name that is not there reads as an
 * empty value.
 */
struct store_read *store_opening_read_meta(struct daemon *daemon, struct str name);

#endif
