#include "stopping.h"

#include "io/sysd.h"

enum { STOP_UNSAVED_MS = 10 * 1000 };

void stopping_begin(void *ctx, int signal_number)
{
    struct daemon *daemon = ctx;
    struct now now = loop_now(daemon->loop);
    if (daemon->stopping || daemon->engine == NULL)
        return;
    daemon->stopping = true;
    daemon->stop_deadline_ms = now.ms + daemon->startup.config.daemon.drain_timeout_ms;
    sysd_notify_stopping("finishing what is in flight");
    log_write(&daemon->log, LOG_LEVEL_NOTICE, "stop.begun", "finishing what is in flight",
              LOG_I64("signal", signal_number));
    engine_drain(daemon->engine, now);
    control_unix_stop_listening(daemon->server);
    control_drain(daemon->control, now);
}

void stopping_turn(struct daemon *daemon, struct now now)
{
    bool is_over = now.ms >= daemon->stop_deadline_ms;
    if (is_over && engine_has_unsaved(daemon->engine)) {
        /* It may be the only live refresh token of somebody: no exit while the store does not take
         * it, but for SIGKILL. */
        daemon->stop_deadline_ms = now.ms + STOP_UNSAVED_MS;
        sysd_notify_extend(2 * STOP_UNSAVED_MS);
        log_plain(&daemon->log, LOG_LEVEL_ERROR, "stop.unsaved",
                  "an answer is not saved yet: waiting for the store");
        return;
    }
    bool is_drained = engine_is_drained(daemon->engine) &&
                      control_calls_in_flight(daemon->control) == 0 &&
                      control_unix_clients(daemon->server) == 0;
    if (!is_drained && !is_over)
        return;
    if (!is_drained)
        log_write(&daemon->log, LOG_LEVEL_WARNING, "stop.timeout",
                  "stopping although something is still in flight: it is recovered at the next "
                  "start",
                  LOG_I64("in_flight", engine_in_flight(daemon->engine)));
    loop_stop(daemon->loop);
}
