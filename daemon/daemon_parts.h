/**
 * What the process is made of, for daemon.c and the files that do one thing with all of it:
 * store_opening.c, timekeeping.c, publisher_setup.c, http_setup.c, reload.c, stopping.c,
 * checking.c. Nobody else sees it.
 *
 * daemon.c makes and frees every part. A part that is not made yet is NULL.
 */
#ifndef DAEMON_PARTS_H
#define DAEMON_PARTS_H

#include "control/session.h"
#include "core/timeline.h"
#include "engine/engine.h"
#include "io/control_unix.h"
#include "io/http_curl.h"
#include "io/process.h"
#include "io/publish_redis.h"
#include "io/store_sqlite.h"
#include "startup.h"

struct daemon {
    struct startup startup;
    const char *config_path;
    struct log log;
    struct process_state process;

    struct loop *loop;
    struct inbox *inbox;
    struct store_sqlite *store;
    struct store_port store_port;
    struct timeline timeline;
    int64_t wall_ahead_ms; /* of CLOCK_BOOTTIME */
    struct http_curl *http;
    struct publish_redis *redis;
    struct metrics metrics;
    struct engine *engine;
    struct control *control;
    struct control_unix *server;
    struct loop_signal *signals[3];

    bool stopping;
    int64_t stop_deadline_ms;
    int64_t watchdog_interval_ms, watchdog_due_ms;
    bool told_ready;
    int exit_status;
};

#endif
