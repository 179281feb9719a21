/*
 * The composition root: what is made in which order, and what ends in which. Each part gets what it
 * needs from here and knows nothing of the others.
 *
 *     configuration, key, profiles → store → timeline → Redis, HTTP → engine → control socket →
 * loop
 *
 * Stopping goes the other way: no new clients and requests, what is in flight is finished and
 * saved, answers are written out, and only then is the store closed.
 */
#include "daemon.h"

#include "classify_command.h"
#include "control/session.h"
#include "core/timeline.h"
#include "engine/engine.h"
#include "io/clock.h"
#include "io/control_unix.h"
#include "io/entropy.h"
#include "io/http_curl.h"
#include "io/process.h"
#include "io/publish_redis.h"
#include "io/publish_redis_check.h"
#include "io/store_sqlite.h"
#include "io/sysd.h"
#include "io/tls_memory.h"
#include "options.h"
#include "profiles.h"
#include "startup.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define META_TIMELINE "timeline" /* "BOOT_ID OFFSET_MS" */

enum {
    STORE_OPEN_MAX_MS = 10 * 60 * 1000,
    STOP_UNSAVED_MS = 10 * 1000,
    CLOCK_WOBBLE_MS = 2, /* two clocks read one after the other differ by so much */
};

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

/* ---- time ---- */

static struct now read_now(void *ctx)
{
    struct daemon *daemon = ctx;
    struct clock_reading reading = clock_read();
    int64_t ahead_ms = reading.wall_ms - reading.boot_ms;
    /* Kept steady but for real steps: one stored time is always shown as the same text. */
    if (llabs(ahead_ms - daemon->wall_ahead_ms) > CLOCK_WOBBLE_MS)
        daemon->wall_ahead_ms = ahead_ms;
    return (struct now){.ms = timeline_ms(&daemon->timeline, reading.boot_ms),
                        .wall_ms = reading.boot_ms + daemon->wall_ahead_ms};
}

/* ---- the store, asked before the engine runs ---- */

static void on_answered(struct completion *completion, struct now now)
{
    (void)now;
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    *(bool *)read->user = true;
}

/* Wait for one answer; the loop runs, and nothing else is under way yet. */
static struct store_read *read_meta(struct daemon *daemon, struct str name)
{
    bool answered = false;
    struct store_read *read = store_read_new(STORE_READ_META);
    read->name = arena_copy(&read->arena, name);
    read->user = &answered;
    read->completion.resume = on_answered;
    daemon->store_port.read(daemon->store_port.ctx, read);
    while (!answered)
        loop_run_once(daemon->loop);
    return read;
}

static void on_timeline_kept(struct completion *completion, struct now now)
{
    (void)now;
    store_write_free(CONTAINER_OF(completion, struct store_write, completion));
}

static void keep_timeline(struct daemon *daemon)
{
    struct now now = read_now(daemon);
    CLEANUP(buf_deinit) struct buf text = {0};
    buf_printf(&text, "%s %lld", daemon->timeline.boot_id, (long long)daemon->timeline.offset_ms);
    struct store_write *write = store_write_new(now.ms);
    store_write_put_meta(write, STR(META_TIMELINE), buf_str(&text));
    write->completion.resume = on_timeline_kept;
    daemon->store_port.write(daemon->store_port.ctx, write);
}

static bool parse_timeline(struct str text, struct timeline *ret_saved)
{
    struct str boot_id, offset;
    if (!str_next_word(&text, STR(" "), &boot_id) || !str_next_word(&text, STR(" "), &offset))
        return false;
    str_copy_cut(boot_id, ret_saved->boot_id, sizeof(ret_saved->boot_id));
    return str_to_i64(offset, &ret_saved->offset_ms) == STATUS_OK;
}

static enum status start_timeline(struct daemon *daemon, struct error *err)
{
    char boot_id[CLOCK_BOOT_ID_SIZE];
    enum status status = clock_boot_id(boot_id, err);
    if (status != STATUS_OK)
        return status;
    struct store_read *saved = read_meta(daemon, STR(META_TIMELINE));
    struct store_read *commit = read_meta(daemon, STR(STORE_META_LAST_COMMIT));
    struct timeline timeline = {0};
    int64_t last_commit_ms = 0;
    if (str_to_i64(commit->value, &last_commit_ms) != STATUS_OK)
        last_commit_ms = 0;
    bool has_saved = parse_timeline(saved->value, &timeline);
    struct clock_reading reading = clock_read();
    timeline_start(&daemon->timeline, has_saved ? &timeline : NULL, str_c(boot_id), reading.boot_ms,
                   reading.wall_ms, last_commit_ms);
    store_read_free(saved);
    store_read_free(commit);
    if (daemon->timeline.clock_was_unset)
        log_plain(&daemon->log, LOG_LEVEL_WARNING, "clock.unset",
                  "the wall clock stands before the last commit: time goes on from there");
    keep_timeline(daemon);
    return STATUS_OK;
}

static void make_key_check(void *ctx, struct str log_id, struct buf *ret_check)
{
    const struct daemon *daemon = ctx;
    vault_key_check_make(daemon->startup.vault, log_id, ret_check);
}

static enum status check_key(void *ctx, struct str log_id, struct str check)
{
    const struct daemon *daemon = ctx;
    return vault_key_check(daemon->startup.vault, log_id, check);
}

static enum exit_status open_store(struct daemon *daemon, bool must_exist)
{
    struct error err = {0};
    int exit_status = EXIT_STATUS_OK;
    const struct store_sqlite_key key = {.ctx = daemon, .make = make_key_check, .check = check_key};
    const struct store_sqlite_options options = {
        .path = daemon->startup.store_path.data,
        .inbox = daemon->inbox,
        .source = daemon->startup.source,
        .key = &key,
        .ballast_bytes = STORE_SQLITE_BALLAST_BYTES,
        .monotonic_us = clock_monotonic_us,
        .must_exist = must_exist,
        .check_all = must_exist,
    };
    enum status status =
        store_sqlite_open(&options, &daemon->store_port, &daemon->store, &err, &exit_status);
    if (status == STATUS_NOT_FOUND) { /* a check, and nothing to look at */
        printf("%s: there is no store yet; a start makes it\n", options.path);
        return EXIT_STATUS_OK;
    }
    if (status == STATUS_OK && start_timeline(daemon, &err) == STATUS_OK)
        return EXIT_STATUS_OK;
    fprintf(stderr, "refreshd: %s\n", err.text);
    return exit_status != EXIT_STATUS_OK ? (enum exit_status)exit_status : EXIT_STATUS_IO;
}

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

static void stop_if_drained(struct daemon *daemon, struct now now)
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
        stop_if_drained(daemon, now);
    int64_t next_ms = engine_next_ms(daemon->engine);
    if (daemon->watchdog_interval_ms > 0)
        next_ms = MIN_OF(next_ms, daemon->watchdog_due_ms);
    if (daemon->stopping)
        next_ms = MIN_OF(next_ms, daemon->stop_deadline_ms);
    /* What is overdue since ever must not read as "never". */
    return next_ms == INT64_MAX ? TIME_NONE : MAX_OF(next_ms, 1);
}

/* ---- reload and stop ---- */

static struct http_curl_config http_config(const struct config *config)
{
    return (struct http_curl_config){
        .ca_file = config->http.ca_file.data,
        .allow_plain_loopback = config->http.allow_plain_loopback,
        .proxy = config->http.proxy.data,
        .connect_timeout_ms = config->http.connect_timeout_ms,
    };
}

static void name_fixed_keys(struct daemon *daemon, const struct config *fresh, struct json *names)
{
    CLEANUP(config_faults_deinit) struct config_faults fixed = {0};
    config_find_fixed(&daemon->startup.config, fresh, &fixed);
    for (size_t i = 0; i < fixed.count; i++) {
        json_append_text(names, fixed.lines[i]);
        log_write(&daemon->log, LOG_LEVEL_WARNING, "reload.fixed",
                  "this key is read at start only: restart to change it",
                  LOG_TEXT("key", fixed.lines[i]));
    }
}

/* Everything is read and judged before anything is taken over. */
static enum status reload_files(struct daemon *daemon, struct config *fresh, struct error *err)
{
    CLEANUP(startup_access_deinit) struct access_rules access = {0};
    CLEANUP(profile_set_freep) struct profile_set *profiles = NULL;
    const struct engine_settings settings = startup_engine_settings(fresh);
    const struct http_curl_config http = http_config(fresh);
    enum status status = startup_access(fresh, &access, err);
    if (status == STATUS_OK)
        status =
            profiles_load(fresh->providers.path, fresh->http.allow_plain_loopback, &profiles, err);
    if (status == STATUS_OK)
        status = engine_accepts_profiles(daemon->engine, profiles, err);
    if (status == STATUS_OK)
        status = http_curl_configure(daemon->http, &http, err);
    if (status == STATUS_OK) { /* from here on nothing can fail */
        engine_reconfigure(daemon->engine, &settings, TAKE_PTR(profiles));
        control_set_access(daemon->control, &access);
        daemon->log.level = fresh->daemon.log_level;
    }
    return status;
}

static enum status reload(void *ctx, struct json *fixed, struct error *ret_error)
{
    struct daemon *daemon = ctx;
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    struct str credentials = str_c(getenv("CREDENTIALS_DIRECTORY"));
    struct config fresh;
    if (daemon->stopping)
        return error_set(ret_error, STATUS_UNAVAILABLE, "refreshd is stopping");
    sysd_notify_reloading(clock_monotonic_us());
    enum status status = config_load(&fresh, str_c(daemon->config_path), credentials, &faults);
    if (status != STATUS_OK) {
        error_set(ret_error, STATUS_INVALID, STR_FMT, STR_ARG(faults.lines[0]));
        for (size_t i = 0; i < faults.count; i++)
            log_write(&daemon->log, LOG_LEVEL_ERROR, "reload.mistake", faults.lines[i].data,
                      LOG_I64("mistakes", faults.count + faults.left_out));
    } else {
        name_fixed_keys(daemon, &fresh, fixed);
        status = reload_files(daemon, &fresh, ret_error);
        if (status == STATUS_OK) {
            config_keep_fixed(&daemon->startup.config, &fresh);
            config_deinit(&daemon->startup.config);
            daemon->startup.config = fresh;
        } else {
            config_deinit(&fresh);
        }
    }
    if (status == STATUS_OK)
        log_plain(&daemon->log, LOG_LEVEL_NOTICE, "reload.done", "configuration and profiles read");
    else
        log_plain(&daemon->log, LOG_LEVEL_ERROR, "reload.failed", ret_error->text);
    sysd_notify_ready(status == STATUS_OK ? "refreshing" : "refreshing; the last reload failed");
    return status;
}

static void on_hangup(void *ctx, int signal_number)
{
    (void)signal_number;
    CLEANUP(json_freep) struct json *fixed = json_new_array();
    struct error err = {0};
    if (reload(ctx, fixed, &err) != STATUS_OK)
        return; /* said in the log; all stays as it was */
}

static void on_terminate(void *ctx, int signal_number)
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

/* ---- start and end ---- */

static enum exit_status make_server(struct daemon *daemon)
{
    const struct config *config = &daemon->startup.config;
    int surplus = 0;
    const struct control_hooks hooks = {.ctx = daemon, .reload = reload, .log = &daemon->log};
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
    fprintf(stderr, "refreshd: control socket %s: %s\n", server.path, err.text);
    return EXIT_STATUS_CREATE;
}

_Static_assert((int)CONFIG_SENTINELS_MAX == (int)PUBLISH_REDIS_SENTINELS_MAX,
               "what may be written can be asked");

/** @sentinels room for CONFIG_SENTINELS_MAX; the result borrows it */
static struct publish_redis_options redis_options(struct daemon *daemon,
                                                  struct publish_redis_sentinel *sentinels)
{
    const struct config *config = &daemon->startup.config;
    for (size_t i = 0; i < config->redis.url.sentinel_count; i++)
        sentinels[i] = (struct publish_redis_sentinel){
            .host = config->redis.url.sentinels[i].host,
            .port = (uint16_t)config->redis.url.sentinels[i].port,
        };
    return (struct publish_redis_options){
        .loop = daemon->loop,
        .inbox = daemon->inbox,
        .log = &daemon->log,
        .host = config->redis.url.host,
        .port = (uint16_t)config->redis.url.port,
        .socket_path = config->redis.url.socket_path,
        .tls = config->redis.url.tls,
        .ca_file = config->redis.ca_file,
        .certificate_file = config->redis.client_certificate_file,
        .key_file = config->redis.client_key_file,
        .private_directory = getenv("CREDENTIALS_DIRECTORY"),
        .sentinels = sentinels,
        .sentinel_count = config->redis.url.sentinel_count,
        .master_name = config->redis.url.master_name,
        .sentinel_username = config->redis.sentinel_username,
        .sentinel_password_file = config->redis.sentinel_password_file,
        .database = config->redis.url.database,
        .username = config->redis.username,
        .password = config->redis.url.password,
        .password_file = config->redis.password_file,
        .prefix = config->redis.prefix,
        .stream_maxlen = config->redis.stream_maxlen,
    };
}

static struct publisher_port make_publisher(struct daemon *daemon)
{
    if (daemon->startup.config.redis.url.kind == CONFIG_REDIS_NONE)
        return (struct publisher_port){0};
    struct publish_redis_sentinel sentinels[CONFIG_SENTINELS_MAX];
    const struct publish_redis_options options = redis_options(daemon, sentinels);
    daemon->redis = publish_redis_new(&options);
    return publish_redis_port(daemon->redis);
}

static enum exit_status make_engine(struct daemon *daemon)
{
    const struct http_curl_config http = http_config(&daemon->startup.config);
    struct error err = {0};
    if (http_curl_new(daemon->loop, daemon->inbox, &http, &daemon->log, &daemon->http, &err) !=
        STATUS_OK) {
        fprintf(stderr, "refreshd: [http] %s\n", err.text);
        return EXIT_STATUS_CONFIG;
    }
    struct store_read *log_id = read_meta(daemon, STR(STORE_META_LOG_ID));
    struct store_read *source = read_meta(daemon, STR(STORE_META_SOURCE));
    struct engine_options options = {
        .settings = startup_engine_settings(&daemon->startup.config),
        .store = daemon->store_port,
        .http = http_curl_port(daemon->http),
        .publisher = make_publisher(daemon),
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
    daemon->signals[0] = loop_signal_new(daemon->loop, SIGTERM, on_terminate, daemon);
    daemon->signals[1] = loop_signal_new(daemon->loop, SIGINT, on_terminate, daemon);
    daemon->signals[2] = loop_signal_new(daemon->loop, SIGHUP, on_hangup, daemon);
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
    daemon->loop = loop_new((struct loop_turn){daemon, read_now, run_turn});
    daemon->inbox = inbox_new(loop_wake, daemon->loop);
    sysd_notify_extend(STORE_OPEN_MAX_MS); /* a migration copies the whole store first */
    exit_status = open_store(daemon, false);
    if (exit_status == EXIT_STATUS_OK)
        exit_status = make_engine(daemon);
    if (exit_status == EXIT_STATUS_OK)
        exit_status = make_server(daemon);
    if (exit_status != EXIT_STATUS_OK)
        return exit_status;
    catch_signals(daemon);
    daemon->watchdog_interval_ms = sysd_watchdog_ms() / 2;
    warn_at_start(daemon);
    engine_start(daemon->engine, read_now(daemon));
    return EXIT_STATUS_OK;
}

/* What comes back after the end is resumed, so that its owner frees it; nothing new begins. */
static void finish_completions(struct daemon *daemon)
{
    struct completion *done;
    while (daemon->inbox != NULL && (done = inbox_take(daemon->inbox)) != NULL)
        done->resume(done, read_now(daemon));
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

static void print_redis_fault(void *ctx, const struct error *why)
{
    const struct daemon *daemon = ctx;
    fprintf(stderr, "refreshd: %s: %s\n", daemon->config_path, why->text);
}

/** Files that a start would do without, telling so until they are right. */
static enum exit_status check_redis(struct daemon *daemon)
{
    struct publish_redis_sentinel sentinels[CONFIG_SENTINELS_MAX];
    const struct publish_redis_options options = redis_options(daemon, sentinels);
    return publish_redis_check_files(&options, print_redis_fault, daemon) ? EXIT_STATUS_OK
                                                                          : EXIT_STATUS_CONFIG;
}

/* The store is opened as a start would, and closed again: what a start would refuse is refused. */
static int check(struct daemon *daemon)
{
    enum exit_status exit_status = startup_read(&daemon->startup, daemon->config_path);
    if (exit_status == EXIT_STATUS_OK)
        exit_status = check_redis(daemon);
    if (exit_status == EXIT_STATUS_OK) {
        daemon->loop = loop_new((struct loop_turn){daemon, read_now, run_turn});
        daemon->inbox = inbox_new(loop_wake, daemon->loop);
        exit_status = open_store(daemon, true);
    }
    if (exit_status == EXIT_STATUS_OK)
        printf("%s: good; %zu profiles\n", daemon->config_path,
               profile_set_count(daemon->startup.profiles));
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
