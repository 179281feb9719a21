/**
 * Reading configuration, access and profiles anew while the daemon runs. All is judged before any
 * of it is taken over: a mistake changes nothing.
 */
#ifndef RELOAD_H
#define RELOAD_H

#include "daemon_parts.h"

/**
 * Reload, and say so in the log and to systemd. What needs a restart keeps its value.
 *
 * @ctx    struct daemon
 * @fixed  array; the keys that were changed and need a restart are appended to it
 *
 * STATUS_INVALID: a file or a value; STATUS_UNAVAILABLE: the daemon is stopping.
 */
enum status reload_files(void *ctx, struct json *fixed, struct error *ret_error);

/** A signal's callback. @ctx struct daemon. What fails is in the log. */
void reload_on_signal(void *ctx, int signal_number);

#endif
