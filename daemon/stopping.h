/**
 * Stopping: no new clients and requests, what is in flight is finished and saved, answers are
 * written out, and then the loop ends. daemon.c frees the parts afterwards.
 */
#ifndef STOPPING_H
#define STOPPING_H

#include "daemon_parts.h"

/** A signal's callback. @ctx struct daemon. Begins once, and only what has started. */
void stopping_begin(void *ctx, int signal_number);

/**
 * At each turn since: end the loop when nothing is left or daemon->stop_deadline_ms has come. Goes
 * on past the deadline for an answer that is not saved yet.
 */
void stopping_turn(struct daemon *daemon, struct now now);

#endif
