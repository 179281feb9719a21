/**
 * What the publisher's tests stand on: a real redis-server (its own temporary directory, Unix
 * socket and pid; it dies with the test whatever happens), a loop, an inbox, and requests that are
 * sent and waited for.
 *
 *     struct bed bed;
 *     bed_start(&bed, NULL);
 *     bed_publish(&bed, 0, 1, 3);                      // events 1 to 3 behind 0
 *     assert_string_equal(bed_say(&bed, "GET t:log"), "log-a 3");
 *     bed_stop(&bed);
 */
#ifndef UNIT_IO_PUBLISH_REDIS_BED_H
#define UNIT_IO_PUBLISH_REDIS_BED_H

#include "common/buf.h"
#include "io/publish_redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BED_PATIENCE_MS = 60000, BED_LOG_TEXT_MAX = 16384 };

struct bed {
    char directory[64];
    char socket[96];
    pid_t server;
    redisContext *side; /* our own connection, apart from what is tested */
    char said[8192];    /* bed_say() */
    struct loop *loop;
    struct inbox *inbox;
    struct loop_timer *tick; /* ends waits */
    struct log log;
    char logged[BED_LOG_TEXT_MAX];
    struct publish_redis_options options;
    struct publish_redis *redis;
    struct publisher_port port;
};

static inline int64_t bed_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The server. */

static inline redisContext *bed_dial(struct bed *bed)
{
    for (int64_t end = bed_now_ms() + BED_PATIENCE_MS; bed_now_ms() < end; usleep(5000)) {
        redisContext *side = redisConnectUnix(bed->socket);
        redisReply *pong = side->err == 0 ? redisCommand(side, "PING") : NULL;
        bool up = pong != NULL && pong->type == REDIS_REPLY_STATUS;
        if (pong != NULL)
            freeReplyObject(pong);
        if (up)
            return side;
        redisFree(side);
    }
    fail_msg("redis-server did not start");
    return NULL;
}

/** @settings pairs up to NULL, or NULL */
static inline void bed_server_start(struct bed *bed, const char *const *settings)
{
    const char *words[40] = {"redis-server", "--port", "0", "--unixsocket", bed->socket, "--dir",
                             bed->directory, "--save", "",  "--logfile",    "redis.log"};
    size_t count = 11;
    while (settings != NULL && *settings != NULL && count < ARRAY_LEN(words) - 1)
        words[count++] = *settings++;
    bed->server = fork();
    assert_true(bed->server >= 0);
    if (bed->server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execvp(words[0], (char *const *)(uintptr_t)words);
        _exit(127);
    }
    bed->side = bed_dial(bed);
}

static inline void bed_server_kill(struct bed *bed)
{
    if (bed->server > 0) {
        kill(bed->server, SIGKILL);
        waitpid(bed->server, NULL, 0);
    }
    bed->server = 0;
    if (bed->side != NULL)
        redisFree(bed->side);
    bed->side = NULL;
}

static inline void bed_reply_text(const redisReply *reply, char *text, size_t size)
{
    size_t used = strlen(text);
    switch (reply->type) {
    case REDIS_REPLY_NIL:
        snprintf(text + used, size - used, "nil");
        return;
    case REDIS_REPLY_INTEGER:
        snprintf(text + used, size - used, "%lld", reply->integer);
        return;
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i < reply->elements; i++) {
            if (i > 0)
                snprintf(text + strlen(text), size - strlen(text), " ");
            bed_reply_text(reply->element[i], text, size);
        }
        return;
    default:
        snprintf(text + used, size - used, "%s", reply->str);
    }
}

/** One command by our own connection; its reply as text, arrays flat, good until the next. */
static inline const char *bed_say(struct bed *bed, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    redisReply *reply = redisvCommand(bed->side, format, args);
    va_end(args);
    assert_non_null(reply);
    bed->said[0] = '\0';
    bed_reply_text(reply, bed->said, sizeof(bed->said));
    freeReplyObject(reply);
    return bed->said;
}

/** The ids of the stream, as "1-0 2-0". */
static inline const char *bed_stream(struct bed *bed)
{
    redisReply *reply = redisCommand(bed->side, "XRANGE t:events - +");
    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    bed->said[0] = '\0';
    for (size_t i = 0; i < reply->elements; i++)
        snprintf(bed->said + strlen(bed->said), sizeof(bed->said) - strlen(bed->said), "%s%s",
                 i > 0 ? " " : "", reply->element[i]->element[0]->str);
    freeReplyObject(reply);
    return bed->said;
}

/* The loop. */

static inline struct now bed_read_now(void *ctx UNUSED)
{
    return (struct now){.ms = bed_now_ms(), .wall_ms = bed_now_ms()};
}

static inline int64_t bed_turn(void *ctx, struct now now)
{
    struct bed *bed = ctx;
    struct completion *done;
    while ((done = inbox_take(bed->inbox)) != NULL)
        done->resume(done, now);
    return TIME_NONE;
}

static inline void bed_on_tick(void *ctx)
{
    struct bed *bed = ctx;
    loop_timer_set(bed->tick, 5);
}

static inline void bed_log_write(void *ctx, const struct log_record *record)
{
    struct bed *bed = ctx;
    size_t used = strlen(bed->logged);
    snprintf(bed->logged + used, sizeof(bed->logged) - used, "%s %s\n", record->event,
             record->message);
}

/** A publisher over bed->options, which the caller may change in between. */
static inline void bed_publisher_start(struct bed *bed)
{
    bed->redis = publish_redis_new(&bed->options);
    bed->port = publish_redis_port(bed->redis);
}

static inline void bed_publisher_stop(struct bed *bed)
{
    publish_redis_free(bed->redis);
    bed->redis = NULL;
    bed_turn(bed, bed_read_now(NULL));
}

static inline void bed_init(struct bed *bed)
{
    *bed = (struct bed){0};
    signal(SIGPIPE, SIG_IGN);
    snprintf(bed->directory, sizeof(bed->directory), "/tmp/refreshd-redis-XXXXXX");
    assert_non_null(mkdtemp(bed->directory));
    snprintf(bed->socket, sizeof(bed->socket), "%s/redis.sock", bed->directory);
    bed->loop = loop_new((struct loop_turn){.ctx = bed, .read_now = bed_read_now, .run = bed_turn});
    bed->inbox = inbox_new(loop_wake, bed->loop);
    bed->tick = loop_timer_new(bed->loop, bed_on_tick, bed);
    loop_timer_set(bed->tick, 5);
    bed->log = (struct log){.level = LOG_LEVEL_DEBUG, .ctx = bed, .write = bed_log_write};
    bed->options = (struct publish_redis_options){
        .loop = bed->loop,
        .inbox = bed->inbox,
        .log = &bed->log,
        .socket_path = str_c(bed->socket),
        .prefix = STR("t:"),
        .stream_maxlen = 1000,
        .connect_timeout_ms = 500,
        .command_timeout_ms = 500,
    };
}

static inline void bed_start(struct bed *bed, const char *const *settings)
{
    bed_init(bed);
    bed_server_start(bed, settings);
    bed_publisher_start(bed);
}

static inline void bed_stop(struct bed *bed)
{
    bed_publisher_stop(bed);
    bed_server_kill(bed);
    loop_timer_free(bed->tick);
    inbox_free(bed->inbox);
    loop_free(bed->loop);
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", bed->directory);
    assert_int_equal(system(command), 0);
}

/* Requests. */

static inline void bed_on_done(struct completion *self, struct now now UNUSED)
{
    struct publish_request *request = CONTAINER_OF(self, struct publish_request, completion);
    *(bool *)request->user = true;
}

/** Send without waiting; *done becomes true. */
static inline void bed_send(struct bed *bed, struct publish_request *request, bool *done)
{
    *done = false;
    request->user = done;
    request->completion.resume = bed_on_done;
    request->log_id = str_is_set(request->log_id) ? request->log_id : STR("log-a");
    bed->port.send(bed->port.ctx, request);
    assert_false(*done);
}

static inline void bed_wait(struct bed *bed, const bool *done)
{
    for (int64_t end = bed_now_ms() + BED_PATIENCE_MS; !*done && bed_now_ms() < end;)
        loop_run_once(bed->loop);
    assert_true(*done);
}

/** Run the loop for a while. */
static inline void bed_idle(struct bed *bed, int64_t ms)
{
    for (int64_t end = bed_now_ms() + ms; bed_now_ms() < end;)
        loop_run_once(bed->loop);
}

static inline enum status bed_ask(struct bed *bed, struct publish_request *request)
{
    bool done;
    bed_send(bed, request, &done);
    bed_wait(bed, &done);
    return request->status;
}

/**
 * Events from..to: odd ones set the subject c-<seq>, even ones delete c-<seq - 1>; JSON
 * {"id":"<seq>"}.
 */
static inline struct publish_request *bed_events(enum publish_kind kind, int64_t expected,
                                                 int64_t from, int64_t to)
{
    struct publish_request *request = publish_request_new(kind);
    request->expected_last = expected;
    request->event_count = to >= from ? (size_t)(to - from + 1) : 0;
    request->events =
        arena_alloc(&request->arena, (request->event_count + 1) * sizeof(*request->events));
    for (size_t i = 0; i < request->event_count; i++) {
        int64_t seq = from + (int64_t)i;
        request->events[i] = (struct publish_event){
            .seq = seq,
            .type = STR("connection.needs_reconnect"),
            .subject = arena_printf(&request->arena, "c-%" PRId64, seq - (seq % 2 == 0)),
            .json = arena_printf(&request->arena, "{\"id\":\"%" PRId64 "\"}", seq),
            .hash = seq % 2 == 0 ? HASH_DELETE : HASH_SET,
        };
    }
    return request;
}

/** Publish and forget: only how it ended. */
static inline enum status bed_publish_kind(struct bed *bed, enum publish_kind kind,
                                           int64_t expected, int64_t from, int64_t to)
{
    struct publish_request *request = bed_events(kind, expected, from, to);
    enum status status = bed_ask(bed, request);
    publish_request_free(request);
    return status;
}

static inline enum status bed_publish(struct bed *bed, int64_t expected, int64_t from, int64_t to)
{
    return bed_publish_kind(bed, PUBLISH_EVENTS, expected, from, to);
}

#endif
