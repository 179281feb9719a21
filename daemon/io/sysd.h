/**
 * systemd: readiness, state, watchdog, sockets handed over, the journal. All of it does nothing
 * where systemd did not start us.
 */
#ifndef IO_SYSD_H
#define IO_SYSD_H

#include "common/log.h"

void sysd_ready(const char *status);
/** One line for `systemctl status`. */
void sysd_status(const char *status);
/** With MONOTONIC_USEC, as Type=notify-reload wants it. @monotonic_us of CLOCK_MONOTONIC */
void sysd_reloading(int64_t monotonic_us);
void sysd_stopping(const char *status);
/** Why we end, for `systemctl status`: ERRNO= and STATUS= of a failed start. */
void sysd_failed(const char *status);
/** How often the watchdog wants to be fed at the latest, halved; 0: there is none. */
int64_t sysd_watchdog_interval_ms(void);
void sysd_feed_watchdog(void);

/** The listening Unix stream socket that systemd handed over; -1: none. The caller owns it. */
int sysd_listen_socket(void);

/** Is our standard error the journal? Then structured fields can be had by sysd_log_write. */
bool sysd_has_journal(void);
/** struct log's write: one journal entry with REFRESHD_* fields; ctx unused. Never blocks. */
void sysd_log_write(void *ctx, const struct log_record *record);

#endif
