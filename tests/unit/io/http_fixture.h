/** A loop, an inbox and the HTTP port, and how a test sends one request and waits for its end. */
#ifndef TESTS_UNIT_IO_HTTP_FIXTURE_H
#define TESTS_UNIT_IO_HTTP_FIXTURE_H

#include "io/clock.h"
#include "io/http_curl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct loop *loop;
    struct inbox *inbox;
    struct http_curl *http;
    struct log log;
    size_t ended;
};

static inline struct now fixture_now(void *ctx UNUSED)
{
    struct clock_reading reading = clock_read();
    return (struct now){.ms = reading.boot_ms, .wall_ms = reading.wall_ms};
}

static inline int64_t fixture_turn(void *ctx, struct now now)
{
    struct fixture *fixture = ctx;
    struct completion *done;
    while ((done = inbox_take(fixture->inbox)) != NULL) {
        fixture->ended++;
        done->resume(done, now);
    }
    return TIME_NONE;
}

static inline void fixture_ended(struct completion *self UNUSED, struct now now UNUSED)
{
}

static inline void fixture_init(struct fixture *fixture, const struct http_curl_config *config)
{
    struct error err;
    *fixture = (struct fixture){.log = {.level = LOG_LEVEL_ERROR, .write = log_write_stderr}};
    fixture->loop =
        loop_new((struct loop_turn){.ctx = fixture, .read_now = fixture_now, .run = fixture_turn});
    fixture->inbox = inbox_new(loop_wake, fixture->loop);
    if (http_curl_new(fixture->loop, fixture->inbox, config, &fixture->log, &fixture->http, &err) !=
        STATUS_OK)
        fail_msg("%s", err.text);
}

static inline void fixture_deinit(struct fixture *fixture)
{
    http_curl_free(fixture->http);
    while (inbox_take(fixture->inbox) != NULL)
        ;
    inbox_free(fixture->inbox);
    loop_free(fixture->loop);
}

/** POST "refresh_token=R1" to the URL. */
static inline struct http_request *fixture_request(const char *url, int64_t deadline_ms)
{
    struct http_request *request = http_request_new();
    struct oauth_message *message = &request->message;
    message->method = STR("POST");
    message->url = arena_copy(&message->arena, str_c(url));
    message->headers[message->header_count++] = (struct oauth_header){
        .name = STR("Content-Type"), .value = STR("application/x-www-form-urlencoded")};
    message->headers[message->header_count++] =
        (struct oauth_header){.name = STR("Authorization"), .value = STR("Basic abc")};
    message->body = secret_copy(STR("refresh_token=R1"));
    request->deadline_ms = deadline_ms;
    request->completion.resume = fixture_ended;
    return request;
}

static inline void fixture_send(struct fixture *fixture, struct http_request *request)
{
    struct http_port port = http_curl_port(fixture->http);
    port.send(port.ctx, request);
}

static inline void fixture_wait(struct fixture *fixture, size_t ended)
{
    while (fixture->ended < ended)
        loop_run_once(fixture->loop);
}

/** Send one and wait for its end. */
static inline struct http_request *fixture_do(struct fixture *fixture, const char *url,
                                              int64_t deadline_ms)
{
    struct http_request *request = fixture_request(url, deadline_ms);
    fixture_send(fixture, request);
    fixture_wait(fixture, fixture->ended + 1);
    return request;
}

#endif
