/**
 * `events`: what the log holds, from the oldest event or from wherever --after and --since say, and
 * with --follow what happens then. Reads page by page and shows as it reads, so that the log may be
 * of any length.
 *
 *     refreshctl events --since -1d --type connection.needs_reconnect --follow
 */
#ifndef CTL_EVENTS_H
#define CTL_EVENTS_H

#include "ctl/exit.h"
#include "ctl/session.h"

/** The verb's parameters, as a method that refreshctl has for itself. */
extern const struct rpc_method events_method;

enum ctl_exit events_run(struct session *session);

#endif
