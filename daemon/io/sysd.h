/**
 * systemd's side of the process: notifications, the watchdog, handed-over sockets, the journal.
 * Without systemd every call is harmless and says so by its result.
 *
 *     int fd = sysd_take_listener();                    // -1: none; make one
 *     log.write = sysd_stderr_is_journal() ? sysd_log_write : log_write_stderr;
 *     sysd_notify_ready("serving 1200 connections");
 *     int64_t every_ms = sysd_watchdog_ms();            // 0: nobody watches
 *     sysd_notify_watchdog();                           // at the end of a turn, at half that time
 *
 * Notifications are one datagram each and never block for long; failures are not errors: nobody
 * listens.
 */
#ifndef IO_SYSD_H
#define IO_SYSD_H

#include "common/log.h"

#include <stdint.h>

/** READY=1; ends a reload too. @status one line for `systemctl status`, or NULL */
void sysd_notify_ready(const char *status);
/** RELOADING=1; sysd_notify_ready() must follow. @monotonic_us of now, clock_monotonic_us() */
void sysd_notify_reloading(int64_t monotonic_us);
void sysd_notify_stopping(const char *status);
void sysd_notify_status(const char *status);
void sysd_notify_watchdog(void);
/** More time, from now, for a start or stop that takes longer (a schema migration, a drain). */
void sysd_notify_extend(int64_t by_ms);

/** How often the watchdog wants to hear from us at least; 0: it is not on. Feed at half of it. */
int64_t sysd_watchdog_ms(void);

/**
 * Descriptors handed over by socket activation, taken once: the variables are unset.
 * The first one is returned, FD_CLOEXEC set; -1: none. Further ones are closed, and counted.
 */
int sysd_take_listener(int *ret_surplus);

/** Does standard error go to the journal (JOURNAL_STREAM, systemd.exec(5))? */
bool sysd_stderr_is_journal(void);

/** A sink for the journal: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, REFRESHD_EVENT and
 * REFRESHD_<FIELD>. Values may hold any byte: none of them can forge another field. ctx unused. */
void sysd_log_write(void *ctx, const struct log_record *record);

#endif
