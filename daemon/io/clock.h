/**
 * The one place that reads the kernel's clocks. Everybody else is told what time it is by the turn
 * that runs them.
 *
 *     struct clock_reading reading = clock_read();    // once a round, by the composition root
 *
 * A deadline is a point of CLOCK_BOOTTIME, which goes on while the machine is suspended and knows
 * nothing of the wall clock's steps. None of these blocks or fails: a kernel without these clocks
 * is none that we run on.
 */
#ifndef IO_CLOCK_H
#define IO_CLOCK_H

#include "common/error.h"

#include <stdint.h>

struct clock_reading {
    int64_t boot_ms; /* CLOCK_BOOTTIME */
    int64_t wall_ms; /* CLOCK_REALTIME, milliseconds since 1970 */
};

struct clock_reading clock_read(void);

/** CLOCK_MONOTONIC in microseconds: what systemd wants beside RELOADING=1 (sd_notify(3)). */
int64_t clock_monotonic_us(void);

/** "ae2b1c9e-4c7b-4b0e-9d4f-0f6f2a5f7a11" and its NUL. */
enum { CLOCK_BOOT_ID_SIZE = 40 };

/**
 * Which boot this is (random(4)): two readings of CLOCK_BOOTTIME compare only within one boot.
 * From /proc, or, where a unit hides that (ProcSubset=), from REFRESHD_BOOT_ID, which the unit
 * sets. STATUS_UNAVAILABLE: neither says.
 */
MUST_CHECK enum status clock_boot_id(char ret_id[CLOCK_BOOT_ID_SIZE], struct error *err);

#endif
