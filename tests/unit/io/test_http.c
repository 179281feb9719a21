/* Every way a request can end, against a server that does what the row says. */
#include "http_fixture.h"
#include "io/http_curl_hosts.h"
#include "scripted_server.h"

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

struct end_row {
    const char *name;
    struct server_script script;
    enum transport_end end;
    int status;
    const char *body;
    size_t body_len; /* where body is NULL */
    bool too_large;
    int warm_up;       /* requests answered before, on the same connection */
    int presentations; /* as the server saw them, without those before */
    int64_t deadline_ms;
    size_t request_len; /* of the request's body; 0: a short one */
};

static const struct end_row end_rows[] = {
    {.name = "answered, by Content-Length",
     .script = {.answer = server_ok},
     .status = 200,
     .body = "ok",
     .presentations = 1},
    {.name = "answered, chunked",
     .script = {.answer = CHUNKED "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"},
     .status = 200,
     .body = "abcde",
     .presentations = 1},
    {.name = "answered, by the end of the connection",
     .script = {.answer = "HTTP/1.1 200 OK\r\n\r\nto the end", .then = SERVER_CLOSES},
     .status = 200,
     .body = "to the end",
     .presentations = 1},
    {.name = "answered without a body",
     .script = {.answer = "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"},
     .status = 400,
     .presentations = 1},
    {.name = "answered 204",
     .script = {.answer = "HTTP/1.1 204 No Content\r\n\r\n"},
     .status = 204,
     .presentations = 1},
    {.name = "answered after a 100",
     .script = {.answer = "HTTP/1.1 100 Continue\r\nX-No: x\r\n\r\nHTTP/1.1 503 Busy\r\n"
                          "Content-Length: 1\r\n\r\nb"},
     .status = 503,
     .body = "b",
     .presentations = 1},
    {.name = "a redirect is an answer like another",
     .script = {.answer = "HTTP/1.1 307 Elsewhere\r\nLocation: /stolen\r\n"
                          "Content-Length: 0\r\n\r\n"},
     .status = 307,
     .presentations = 1},
    {.name = "gzip stays as it came",
     .script = {.answer = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"
                          "\x1f\x8b\x08z"},
     .status = 200,
     .body = "\x1f\x8b\x08z",
     .presentations = 1},
    {.name = "a body of 1 MiB",
     .script = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n", .padding = 1048576},
     .status = 200,
     .body_len = 1048576,
     .presentations = 1},
    {.name = "a body of 1 MiB and 1 byte",
     .script = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n", .padding = 1048577},
     .status = 200,
     .too_large = true,
     .presentations = 1},
    {.name = "a body without end",
     .script = {.answer = "HTTP/1.1 200 OK\r\n\r\n", .padding = 64 * 1024 * 1024},
     .status = 200,
     .too_large = true,
     .presentations = 1},
    {.name = "closed after the request",
     .script = {.then = SERVER_CLOSES},
     .end = TRANSPORT_LOST,
     .presentations = 1},
    {.name = "reset after the request",
     .script = {.then = SERVER_RESETS},
     .end = TRANSPORT_LOST,
     .presentations = 1},
    {.name = "a body cut short",
     .script = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
                .then = SERVER_CLOSES},
     .end = TRANSPORT_LOST,
     .presentations = 1},
    {.name = "chunks cut short",
     .script = {.answer = CHUNKED "a\r\n{\"access", .then = SERVER_CLOSES},
     .end = TRANSPORT_LOST,
     .presentations = 1},
    {.name = "headers cut short",
     .script = {.answer = "HTTP/1.1 200 OK\r\nContent-", .then = SERVER_CLOSES},
     .end = TRANSPORT_LOST,
     .presentations = 1},
    {.name = "chunks that are none",
     .script = {.answer = CHUNKED "zz\r\nabc\r\n0\r\n\r\n", .then = SERVER_CLOSES},
     .end = TRANSPORT_LOST,
     .presentations = 1},
    {.name = "not HTTP",
     .script = {.answer = "SSH-2.0-OpenSSH_9.2\r\n", .then = SERVER_CLOSES},
     .end = TRANSPORT_LOST,
     .presentations = 1},
    {.name = "headers without end",
     .script = {.answer = "HTTP/1.1 200 OK\r\nX: ", .padding = 256 * 1024, .then = SERVER_CLOSES},
     .end = TRANSPORT_LOST,
     .presentations = 1},
    {.name = "no answer in time",
     .script = {.then = SERVER_HANGS},
     .end = TRANSPORT_LOST,
     .presentations = 1,
     .deadline_ms = 150},
    {.name = "an answer that drips past the deadline",
     .script = {.answer = server_ok, .drip_ms = 20},
     .end = TRANSPORT_LOST,
     .presentations = 1,
     .deadline_ms = 200},
    {.name = "a kept-alive connection closed by the second request, unanswered",
     .script = {.keeps_first = 1, .then = SERVER_CLOSES, .only_first = true},
     .end = TRANSPORT_LOST,
     .warm_up = 1,
     .presentations = 1},
    {.name = "a kept-alive connection reset by the second request, unanswered",
     .script = {.keeps_first = 1, .then = SERVER_RESETS, .only_first = true},
     .end = TRANSPORT_LOST,
     .warm_up = 1,
     .presentations = 1},
    {.name = "a kept-alive connection that breaks while a large body leaves",
     .script = {.answer = server_ok}, /* it does not read so much */
     .end = TRANSPORT_LOST,
     .warm_up = 1,
     .request_len = 900 * 1000,
     .presentations = 0},
    {.name = "a kept-alive connection answers again",
     .script = {.answer = server_ok},
     .status = 200,
     .body = "ok",
     .warm_up = 3,
     .presentations = 1},
};

static const struct http_curl_config plain = {.allow_plain_loopback = true};

static void check_end(const struct end_row *row, const struct http_request *request)
{
    if (request->end != row->end)
        fail_msg("%s: ended %d: %s", row->name, request->end, request->error.text);
    if (request->status != row->status)
        fail_msg("%s: status %d", row->name, request->status);
    if (request->body_too_large != row->too_large)
        fail_msg("%s: body_too_large %d", row->name, request->body_too_large);
    struct str body = secret_str(request->body);
    bool same = row->body != NULL ? str_eq(body, str_c(row->body)) : body.len == row->body_len;
    if (!same)
        fail_msg("%s: a body of %zu bytes", row->name, body.len);
    bool told = request->error.text[0] != '\0';
    if (told != (row->end != TRANSPORT_ANSWERED))
        fail_msg("%s: error \"%s\"", row->name, request->error.text);
    if (strstr(request->error.text, "secret") != NULL)
        fail_msg("%s: told the query: %s", row->name, request->error.text);
}

static void run_end_row(const struct end_row *row)
{
    struct fixture fixture;
    fixture_init(&fixture, &plain);
    struct server *server = server_new(row->script);
    char url[80];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/token?q=secret", server->port);
    for (int i = 0; i < row->warm_up; i++)
        http_request_free(fixture_do(&fixture, url, 5000));
    struct http_request *request =
        fixture_request(url, row->deadline_ms > 0 ? row->deadline_ms : 5000);
    if (row->request_len > 0) {
        secret_free(request->message.body);
        request->message.body = secret_new(row->request_len);
    }
    fixture_send(&fixture, request);
    fixture_wait(&fixture, (size_t)row->warm_up + 1);
    check_end(row, request);
    http_request_free(request);
    usleep(20000); /* time for a second one that must not come */
    int seen = atomic_load(&server->presentations) - row->warm_up;
    if (seen != row->presentations)
        fail_msg("%s: presented %d times", row->name, seen);
    if (atomic_load(&server->begun) != row->warm_up + 1)
        fail_msg("%s: something of it came %d times", row->name,
                 atomic_load(&server->begun) - row->warm_up);
    fixture_deinit(&fixture);
    server_free(server);
}

static void ends(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(end_rows); i++)
        run_end_row(&end_rows[i]);
}

/* What never leaves. */

struct refused_row {
    const char *name;
    const char *url; /* %d: the port of a server that would answer */
    struct http_curl_config config;
    bool refuse_private;
    const char *told;
};

static const struct refused_row refused_rows[] = {
    {"plain http where it is not allowed", "http://127.0.0.1:%d/", {0}, false, "https"},
    {"plain http to the world",
     "http://192.0.2.1:%d/",
     {.allow_plain_loopback = true, .connect_timeout_ms = 100},
     false,
     "refused"},
    {"loopback, learned from an answer",
     "http://127.0.0.1:%d/",
     {.allow_plain_loopback = true},
     true,
     "refused"},
    {"a name of loopback, learned",
     "http://localhost:%d/",
     {.allow_plain_loopback = true},
     true,
     "refused"},
    {"a URL that libcurl does not take", "https://127.0.0.1:9%d/", {0}, false, "not a URL"},
    {"cloud metadata", "https://169.254.169.254:%d/", {0}, false, "refused"},
    {"cloud metadata in IPv6's clothes",
     "https://[::ffff:169.254.169.254]:%d/",
     {0},
     false,
     "refused"},
    {"cloud metadata as a number", "https://2852039166:%d/", {0}, false, "refused"},
    {"a user name in the URL", "https://u:p@127.0.0.1:%d/", {0}, false, "user name"},
    {"a file", "file:///etc/passwd?%d", {0}, false, "https"},
    {"no host", "https:///%d", {0}, false, "host"},
    {"a name that is none", "https://refreshd.invalid:%d/", {0}, false, "refreshd.invalid"},
    {"not TLS", "https://127.0.0.1:%d/", {0}, false, "127.0.0.1"},
    {"by proxy to metadata",
     "https://169.254.169.254:%d/",
     {.proxy = "http://127.0.0.1:1"},
     false,
     "refused"},
    {"by proxy to localhost, learned",
     "https://localhost:%d/",
     {.proxy = "http://127.0.0.1:1"},
     true,
     "refused"},
    {"by proxy that is not there, whatever the environment says",
     "https://example.test:%d/",
     {.proxy = "http://127.0.0.1:1"},
     false,
     "127.0.0.1 port 1"},
};

static void never_leaves(void **state UNUSED)
{
    struct server *server = server_new((struct server_script){.answer = server_ok});
    for (size_t i = 0; i < ARRAY_LEN(refused_rows); i++) {
        const struct refused_row *row = &refused_rows[i];
        struct fixture fixture;
        fixture_init(&fixture, &row->config);
        char url[80];
        /* The port stands at the end of each format. */
        const char *at = strstr(row->url, "%d");
        snprintf(url, sizeof(url), "%.*s%d%s", (int)(at - row->url), row->url, server->port,
                 at + 2);
        struct http_request *request = fixture_request(url, 3000);
        request->refuse_private = row->refuse_private;
        fixture_send(&fixture, request);
        fixture_wait(&fixture, 1);
        if (request->end != TRANSPORT_NOT_SENT)
            fail_msg("%s: ended %d, %s", row->name, request->end, request->error.text);
        if (strstr(request->error.text, row->told) == NULL)
            fail_msg("%s: \"%s\"", row->name, request->error.text);
        http_request_free(request);
        fixture_deinit(&fixture);
    }
    assert_int_equal(atomic_load(&server->presentations), 0);
    server_free(server);
}

static void nobody_listens(void **state UNUSED)
{
    int port;
    close(server_listen(&port));
    struct fixture fixture;
    fixture_init(&fixture, &plain);
    char url[80];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
    struct http_request *request = fixture_do(&fixture, url, 3000);
    assert_int_equal(request->end, TRANSPORT_NOT_SENT);
    assert_int_equal(request->error.status, STATUS_UNAVAILABLE);
    http_request_free(request);
    fixture_deinit(&fixture);
}

/* A connection kept alive for somebody who may use it is not for somebody who may not. */
static void kept_connection_is_judged_again(void **state UNUSED)
{
    struct server *server = server_new((struct server_script){.answer = server_ok});
    struct fixture fixture;
    fixture_init(&fixture, &plain);
    char url[80];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", server->port);
    http_request_free(fixture_do(&fixture, url, 3000));
    struct http_request *request = fixture_request(url, 3000);
    request->refuse_private = true;
    fixture_send(&fixture, request);
    fixture_wait(&fixture, 2);
    assert_int_equal(request->end, TRANSPORT_NOT_SENT);
    assert_int_equal(atomic_load(&server->presentations), 1);
    http_request_free(request);
    fixture_deinit(&fixture);
    server_free(server);
}

static void what_is_sent(void **state UNUSED)
{
    struct server *server = server_new((struct server_script){.answer = server_ok});
    struct fixture fixture;
    fixture_init(&fixture, &plain);
    char url[80];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/token", server->port);
    struct http_request *request = fixture_do(&fixture, url, 3000);
    assert_true(strncmp(server->last, "POST /token HTTP/1.1\r\n", 22) == 0);
    assert_non_null(strstr(server->last, "\r\nAuthorization: Basic abc\r\n"));
    assert_non_null(
        strstr(server->last, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
    assert_null(strcasestr(server->last, "\r\nExpect"));
    assert_null(strcasestr(server->last, "\r\nAccept-Encoding"));
    assert_null(strcasestr(server->last, "\r\nCookie"));
    assert_non_null(strstr(server->last, "\r\n\r\nrefresh_token=R1"));
    assert_int_equal(request->header_count, 2);
    assert_true(str_eq(request->headers[1].name, STR("X-A")));
    assert_true(str_eq(request->headers[1].value, STR("b")));
    http_request_free(request);

    request = fixture_request(url, 3000);
    request->message.method = STR("GET");
    secret_free(request->message.body);
    request->message.body = NULL;
    request->message.header_count = 0;
    fixture_send(&fixture, request);
    fixture_wait(&fixture, 2);
    assert_true(strncmp(server->last, "GET /token HTTP/1.1\r\n", 21) == 0);
    assert_null(strstr(server->last, "Basic"));
    assert_null(strstr(server->last, "refresh_token"));
    http_request_free(request);
    fixture_deinit(&fixture);
    server_free(server);
}

struct header_row {
    const char *name;
    struct oauth_header headers[2]; /* of the request, besides those of the fixture */
    const char *line;               /* which the server saw once, whatever the case */
    const char *never;
};

static const struct header_row header_rows[] = {
    {"we say who we are", {{{0}, {0}}}, "User-Agent: refreshd/" REFRESHD_VERSION, NULL},
    {"a profile says who we are",
     {{STR_INIT("user-agent"), STR_INIT("platform/2")}},
     "user-agent: platform/2",
     "refreshd/"},
    {"the body's type is said once",
     {{{0}, {0}}},
     "Content-Type: application/x-www-form-urlencoded",
     NULL},
    {"a header without a value", {{STR_INIT("X-Empty"), STR_INIT("")}}, "X-Empty:", NULL},
};

/** How often the line stands there, up to its name's end without regard to case. */
static int count_lines(const char *text, const char *line)
{
    size_t name_len = strcspn(line, ":") + 1;
    int count = 0;
    for (const char *at = text; (at = strstr(at, "\r\n")) != NULL;) {
        at += 2;
        if (strncasecmp(at, line, name_len) != 0)
            continue;
        count++;
        size_t len = strcspn(at, "\r");
        if (len != strlen(line) || strncmp(at, line, len) != 0)
            fail_msg("expected \"%s\", saw \"%.*s\"", line, (int)len, at);
    }
    return count;
}

static void header_lines(void **state UNUSED)
{
    struct server *server = server_new((struct server_script){.answer = server_ok});
    struct fixture fixture;
    fixture_init(&fixture, &plain);
    char url[80];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/token", server->port);
    for (size_t i = 0; i < ARRAY_LEN(header_rows); i++) {
        const struct header_row *row = &header_rows[i];
        struct http_request *request = fixture_request(url, 3000);
        for (size_t h = 0; h < ARRAY_LEN(row->headers) && row->headers[h].name.len > 0; h++)
            request->message.headers[request->message.header_count++] = row->headers[h];
        fixture_send(&fixture, request);
        fixture_wait(&fixture, i + 1);
        http_request_free(request);
        if (count_lines(server->last, row->line) != 1)
            fail_msg("%s: \"%s\"", row->name, server->last);
        if (row->never != NULL && strstr(server->last, row->never) != NULL)
            fail_msg("%s: \"%s\"", row->name, server->last);
    }
    fixture_deinit(&fixture);
    server_free(server);
}

/* A handle that was used for one URL goes to another, and back; a secret one leaves nothing. */
static void one_url_after_another(void **state UNUSED)
{
    static const struct {
        const char *path;
        bool is_secret;
    } rows[] = {{"/a", false}, {"/a", false},  {"/b?x=1", false},     {"/a", false},
                {"/", false},  {"/a/b", true}, {"/a?token=R1", true}, {"/a", false}};
    struct server *server = server_new((struct server_script){.answer = server_ok});
    struct fixture fixture;
    fixture_init(&fixture, &plain);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char url[80], line[80];
        snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", server->port, rows[i].path);
        snprintf(line, sizeof(line), "POST %s HTTP/1.1\r\n", rows[i].path);
        struct http_request *request = fixture_request(url, 3000);
        request->message.url_is_secret = rows[i].is_secret;
        fixture_send(&fixture, request);
        fixture_wait(&fixture, i + 1);
        assert_int_equal(request->end, TRANSPORT_ANSWERED);
        http_request_free(request);
        if (strncmp(server->last, line, strlen(line)) != 0)
            fail_msg("%s: \"%s\"", rows[i].path, server->last);
    }
    assert_int_equal(atomic_load(&server->connections), 1);
    fixture_deinit(&fixture);
    server_free(server);
}

static void header_injection_is_refused(void **state UNUSED)
{
    struct server *server = server_new((struct server_script){.answer = server_ok});
    struct fixture fixture;
    fixture_init(&fixture, &plain);
    char url[80];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", server->port);
    struct http_request *request = fixture_request(url, 3000);
    request->message.headers[1].value = STR("a\r\nX-Evil: b");
    fixture_send(&fixture, request);
    fixture_wait(&fixture, 1);
    assert_int_equal(request->end, TRANSPORT_NOT_SENT);
    assert_int_equal(request->error.status, STATUS_INVALID);
    http_request_free(request);
    fixture_deinit(&fixture);
    server_free(server);
}

static void many_at_once_share_connections(void **state UNUSED)
{
    enum { MANY = 300 };
    struct server *server = server_new((struct server_script){.answer = server_ok});
    struct fixture fixture;
    fixture_init(&fixture, &plain);
    char url[80];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", server->port);
    struct http_request *requests[MANY];
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < MANY; i++) {
            requests[i] = fixture_request(url, 10000);
            fixture_send(&fixture, requests[i]);
        }
        fixture_wait(&fixture, (size_t)round * MANY);
        for (int i = 0; i < MANY; i++) {
            assert_int_equal(requests[i]->end, TRANSPORT_ANSWERED);
            http_request_free(requests[i]);
        }
    }
    assert_int_equal(atomic_load(&server->presentations), 2 * MANY);
    assert_true(atomic_load(&server->connections) <= MANY);
    struct http_curl_counts counts = http_curl_counts(fixture.http);
    assert_int_equal(counts.requests, 2 * MANY);
    assert_int_equal(counts.in_flight, 0);
    assert_int_equal(counts.queued, 0);
    fixture_deinit(&fixture);
    server_free(server);
}

/* Requests that wait for a connection of their host end at their deadline, never sent. */
static void the_queue_ends_in_time(void **state UNUSED)
{
    enum { MANY = HTTP_CURL_HOST_CONNECTING_MAX + 3 };
    struct fixture fixture;
    const struct http_curl_config config = {.connect_timeout_ms = 10000};
    fixture_init(&fixture, &config);
    int port;
    int fd = server_listen(&port); /* accepts by the kernel; no TLS ever comes */
    char url[80];
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", port);
    struct http_request *requests[MANY];
    for (int i = 0; i < MANY; i++) {
        requests[i] = fixture_request(url, 300);
        fixture_send(&fixture, requests[i]);
    }
    assert_int_equal(http_curl_counts(fixture.http).queued, 3);
    fixture_wait(&fixture, MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(requests[i]->end, TRANSPORT_NOT_SENT);
        assert_true(requests[i]->took_ms >= 290);
        http_request_free(requests[i]);
    }
    close(fd);
    fixture_deinit(&fixture);
}

/* Freeing ends what is under way, each by what is known of it. */
static void freeing_ends_requests(void **state UNUSED)
{
    struct server *server = server_new((struct server_script){.then = SERVER_HANGS});
    struct fixture fixture;
    fixture_init(&fixture, &plain);
    char url[80];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", server->port);
    struct http_request *sent = fixture_request(url, 10000);
    fixture_send(&fixture, sent);
    while (atomic_load(&server->presentations) == 0) {
        loop_wake(fixture.loop);
        loop_run_once(fixture.loop);
    }
    struct http_request *unsent = fixture_request(url, 10000);
    fixture_send(&fixture, unsent);
    http_curl_free(fixture.http);
    fixture.http = NULL;
    fixture_wait(&fixture, 2);
    assert_int_equal(sent->end, TRANSPORT_LOST);
    assert_int_equal(unsent->end, TRANSPORT_NOT_SENT);
    http_request_free(sent);
    http_request_free(unsent);
    fixture_deinit(&fixture);
    server_free(server);
}

int main(void)
{
    setenv("no_proxy", "*", 1); /* nothing of the environment counts */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends),
        cmocka_unit_test(never_leaves),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(kept_connection_is_judged_again),
        cmocka_unit_test(what_is_sent),
        cmocka_unit_test(header_lines),
        cmocka_unit_test(one_url_after_another),
        cmocka_unit_test(header_injection_is_refused),
        cmocka_unit_test(many_at_once_share_connections),
        cmocka_unit_test(the_queue_ends_in_time),
        cmocka_unit_test(freeing_ends_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
