/**
 * One timeline for all stored times, across restarts: what core/timeline.h decides, with the
 * machine's clocks and the store's memory of it. Every `now` of the process comes from here.
 */
#ifndef TIMEKEEPING_H
#define TIMEKEEPING_H

#include "daemon_parts.h"

/** @ctx struct daemon. The loop's clock: milliseconds of the timeline and of the wall clock. */
struct now timekeeping_now(void *ctx);

/**
 * Go on from where the store says that time stood; what it stands at now is written behind.
 * The store is open and nothing else under way. STATUS_UNAVAILABLE: nobody tells which boot this is
 * (clock_boot_id()).
 */
MUST_CHECK enum status timekeeping_start(struct daemon *daemon, struct error *err);

#endif
