/*
 * The composition root: what is made in which order, and what ends in which. Each part gets what it
 * needs from here and knows nothing of the others.
 *
 *     configuration, key, profiles → store, timeline → HTTP, Redis → engine → control socket → loop
 *
 * What takes more than a few lines to set up, and what concerns all parts while they run, has files
 * of its own: daemon_parts.h names them.
 */
#include "daemon.h"

#include "checking.h"
#include "classify_command.h"
#include "daemon_parts.h"
#include "http_setup.h"
#include "io/clock.h"
#include "io/entropy.h"
#include "io/sysd.h"
#include "io/tls_memory.h"
#include "options.h"
#include "publisher_setup.h"
#include "reload.h"
#include "stopping.h"
#include "store_opening.h"
#include "timekeeping.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>

enum { STORE_OPEN_MAX_MS = 10 * 60 * 1000 };

/* ---- the turn ---- */

static void feed_watchdog(struct daemon *daemon, struct now now)
{
    if (daemon->watchdog_interval_ms == 0 || now.ms < daemon->watchdog_due_ms)
        return;
    if (daemon->engine != NULL && engine_is_stuck(daemon->engine, now))
        return;
    sysd_notify_watchdog();
    daemon->watchdog_due_ms = now.ms + daemon->watchdog_interval_ms;
}

static void become_ready(struct daemon *daemon)
{
    struct error err = {0};
    enum status status = engine_ready(daemon->engine, &err);
    if (status == STATUS_UNAVAILABLE || daemon->told_ready)
        return;
    if (status != STATUS_OK) {
        log_plain(&daemon->log, LOG_LEVEL_ERROR, "start.failed", err.text);
        daemon->exit_status = EXIT_STATUS_STORE;
        loop_stop(daemon->loop);
        return;
    }
    daemon->told_ready = true;
    sysd_notify_ready("refreshing");
    log_plain(&daemon->log, LOG_LEVEL_NOTICE, "start.ready", "refreshd is ready");
}

static int64_t run_turn(void *ctx, struct now now)
{
    struct daemon *daemon = ctx;
    if (daemon->engine == NULL) { /* still starting: only the store answers */
        struct completion *done;
        while ((done = inbox_take(daemon->inbox)) != NULL)
            done->resume(done, now);
        return TIME_NONE;
    }
    engine_turn(daemon->engine, now);
    become_ready(daemon);
    feed_watchdog(daemon, now);
    if (daemon->stopping)
        stopping_turn(daemon, now);
    int64_t next_ms = engine_next_ms(daemon->engine);
    if (daemon->watchdog_interval_ms > 0)
        next_ms = MIN_OF(next_ms, daemon->watchdog_due_ms);
    if (daemon->stopping)
        next_ms = MIN_OF(next_ms, daemon->stop_deadline_ms);
    /* What is overdue since ever must not read as "never". */
    return next_ms == INT64_MAX ? TIME_NONE : MAX_OF(next_ms, 1);
}

/* ---- start and end ---- */

static enum exit_status make_server(struct daemon *daemon)
{
    const struct config *config = &daemon->startup.config;
    int surplus = 0;
    const struct control_hooks hooks = {.ctx = daemon, .reload = reload_files, .log = &daemon->log};
    const struct control_unix_config server = {
        .path = config->daemon.socket.data,
        .mode = (unsigned)config->daemon.socket_mode,
        .gid = daemon->startup.socket_gid,
        .inherited_fd = sysd_take_listener(&surplus),
    };
    struct error err = {0};
    if (surplus > 0)
        log_write(&daemon->log, LOG_LEVEL_WARNING, "start.sockets",
                  "more sockets were handed over than the one for control: they are closed",
                  LOG_I64("surplus", surplus));
    daemon->control = control_new(daemon->engine, &daemon->startup.access, hooks);
    if (control_unix_new(daemon->loop, daemon->control, &server, &daemon->log, &daemon->server,
                         &err) == STATUS_OK)
        return EXIT_STATUS_OK;
    fprintf(stderr, "refreshd: %s\n", err.text);
    return EXIT_STATUS_CREATE;
}

static enum exit_status make_engine(struct daemon *daemon)
{
    enum exit_status exit_status = http_setup_make(daemon);
    if (exit_status != EXIT_STATUS_OK)
        return exit_status;
    struct store_read *log_id = store_opening_read_meta(daemon, STR(STORE_META_LOG_ID));
    struct store_read *source = store_opening_read_meta(daemon, STR(STORE_META_SOURCE));
    struct engine_options options = {
        .settings = startup_engine_settings(&daemon->startup.config),
        .store = daemon->store_port,
        .http = http_curl_port(daemon->http),
        .publisher = publisher_setup_make(daemon),
        .entropy = entropy_port(),
        .inbox = daemon->inbox,
        .vault = daemon->startup.vault,
        .profiles = TAKE_PTR(daemon->startup.profiles),
        .log = &daemon->log,
        .metrics = &daemon->metrics,
        .log_id = log_id->value,
        .source = source->value,
        .memory_locked = daemon->process.memory_locked,
        .clock_was_unset = daemon->timeline.clock_was_unset,
        .started_wall_ms = clock_read().wall_ms,
    };
    daemon->engine = engine_new(&options);
    store_read_free(log_id);
    store_read_free(source);
    return EXIT_STATUS_OK;
}

static void catch_signals(struct daemon *daemon)
{
    daemon->signals[0] = loop_signal_new(daemon->loop, SIGTERM, stopping_begin, daemon);
    daemon->signals[1] = loop_signal_new(daemon->loop, SIGINT, stopping_begin, daemon);
    daemon->signals[2] = loop_signal_new(daemon->loop, SIGHUP, reload_on_signal, daemon);
}

/* What an operator should know and nothing fails by. */
static void warn_at_start(struct daemon *daemon)
{
    CLEANUP(config_faults_deinit) struct config_faults reserved = {0};
    config_find_reserved(&daemon->startup.config, &reserved);
    for (size_t i = 0; i < reserved.count; i++)
        log_write(&daemon->log, LOG_LEVEL_WARNING, "start.key_reserved",
                  "nothing acts on this key in this version", LOG_TEXT("key", reserved.lines[i]));
    if (!daemon->process.memory_locked)
        log_write(&daemon->log, LOG_LEVEL_WARNING, "start.memory_not_locked",
                  "secrets in memory may reach swap: LimitMEMLOCK=infinity in the unit helps",
                  LOG_TEXT("why", str_c(daemon->process.lock_refused_because)));
}

static enum exit_status start(struct daemon *daemon)
{
    enum exit_status exit_status = startup_read(&daemon->startup, daemon->config_path);
    if (exit_status != EXIT_STATUS_OK)
        return exit_status;
    daemon->log.level = daemon->startup.config.daemon.log_level;
    daemon->loop = loop_new((struct loop_turn){daemon, timekeeping_now, run_turn});
    daemon->inbox = inbox_new(loop_wake, daemon->loop);
    sysd_notify_extend(STORE_OPEN_MAX_MS); /* a migration copies the whole store first */
    exit_status = store_opening_open(daemon, false);
    if (exit_status == EXIT_STATUS_OK)
        exit_status = make_engine(daemon);
    if (exit_status == EXIT_STATUS_OK)
        exit_status = make_server(daemon);
    if (exit_status != EXIT_STATUS_OK)
        return exit_status;
    catch_signals(daemon);
    daemon->watchdog_interval_ms = sysd_watchdog_ms() / 2;
    warn_at_start(daemon);
    engine_start(daemon->engine, timekeeping_now(daemon));
    return EXIT_STATUS_OK;
}

/* What comes back after the end is resumed, so that its owner frees it; nothing new begins. */
static void finish_completions(struct daemon *daemon)
{
    struct completion *done;
    while (daemon->inbox != NULL && (done = inbox_take(daemon->inbox)) != NULL)
        done->resume(done, timekeeping_now(daemon));
}

static void end(struct daemon *daemon)
{
    control_unix_free(daemon->server);
    for (size_t i = 0; i < ARRAY_LEN(daemon->signals); i++)
        loop_signal_free(daemon->signals[i]);
    if (daemon->engine != NULL)
        engine_close(daemon->engine);
    publish_redis_free(daemon->redis);
    http_curl_free(daemon->http);
    /* Requests that were cut off come back and are saved as uncertain before the store closes. */
    finish_completions(daemon);
    store_sqlite_close(daemon->store);
    if (daemon->engine == NULL)
        finish_completions(daemon); /* what the start itself wrote */
    if (daemon->engine == NULL || engine_is_drained(daemon->engine)) {
        engine_free(daemon->engine);
        control_free(daemon->control);
        inbox_free(daemon->inbox);
    } /* else: whatever is still open is recovered from the store at the next start */
    loop_free(daemon->loop);
    startup_deinit(&daemon->startup);
}

static int run(struct daemon *daemon)
{
    daemon->exit_status = (int)start(daemon);
    if (daemon->exit_status == EXIT_STATUS_OK)
        loop_run(daemon->loop);
    else
        sysd_notify_status("start failed: see the journal");
    if (daemon->told_ready)
        log_plain(&daemon->log, LOG_LEVEL_NOTICE, "stop.done", "refreshd has stopped");
    end(daemon);
    return daemon->exit_status;
}

static int check(struct daemon *daemon)
{
    enum exit_status exit_status = startup_read(&daemon->startup, daemon->config_path);
    daemon->loop = loop_new((struct loop_turn){daemon, timekeeping_now, run_turn});
    daemon->inbox = inbox_new(loop_wake, daemon->loop);
    exit_status = checking_judge(daemon, exit_status);
    end(daemon);
    return (int)exit_status;
}

int daemon_main(int argc, char *argv[])
{
    struct options options;
    struct error err = {0};
    if (options_parse(argc, argv, &options, &err) != STATUS_OK) {
        fprintf(stderr, "refreshd: %s\nTry \"refreshd --help\".\n", err.text);
        return EXIT_STATUS_USAGE;
    }
    if (options.command == COMMAND_HELP) {
        fputs(options_help(), stdout);
        return EXIT_STATUS_OK;
    }
    if (options.command == COMMAND_VERSION) {
        puts("refreshd " REFRESHD_VERSION);
        return EXIT_STATUS_OK;
    }
    /* Seeded by the kernel, then its own: getrandom(2) for each nonce adds up. */
    if (randombytes_set_implementation(&randombytes_internal_implementation) != 0 ||
        sodium_init() < 0) {
        fputs("refreshd: libsodium can't be initialised\n", stderr);
        return EXIT_STATUS_SOFTWARE;
    }
    if (!tls_memory_init()) {
        fputs("refreshd: a library has used OpenSSL before refreshd began: start it without "
              "LD_PRELOAD\n",
              stderr);
        return EXIT_STATUS_SOFTWARE;
    }
    if (options.command == COMMAND_CLASSIFY)
        return classify_command(options.provider);

    struct daemon daemon = {.config_path = options.config};
    daemon.log =
        (struct log){.level = LOG_LEVEL_INFO,
                     .write = sysd_stderr_is_journal() ? sysd_log_write : log_write_stderr};
    process_harden(&daemon.process);
    return options.command == COMMAND_CHECK ? check(&daemon) : run(&daemon);
}
