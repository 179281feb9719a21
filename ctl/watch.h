/**
 * `watch`: events as they come, until interrupted. A daemon that goes away is awaited, and the
 * stream goes on after the last event that was shown, so that none is missed over a restart.
 *
 *     return watch_run(&session);
 */
#ifndef CTL_WATCH_H
#define CTL_WATCH_H

#include "ctl/session.h"

/** Returns only on failure: no daemon at the start, an error as answer, output that is closed. */
enum ctl_exit watch_run(struct session *session);

#endif
