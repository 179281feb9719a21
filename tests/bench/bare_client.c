/*
 * The least that refreshing can cost with libcurl: its multi_socket interface on libevent posts
 * refresh requests of the daemon's size and throws the answers away. No store, no sealing, no
 * events, no reading of JSON: what the daemon's figures are compared with.
 *
 *     bare_client URL CA_FILE REQUESTS IN_FLIGHT
 *     → {"requests":…,"rate":…,"cpu_us":…,"connections":…,"failed":…}
 *
 * rate and cpu_us (user and system, per request) are taken after the first twentieth of the
 * requests, when all connections are made.
 */
#include <curl/curl.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
    TOKEN_LENGTH = 512,
    BODY_MAX = 1024,
    ANSWER_MAX = 4096,
    IN_FLIGHT_MAX = 1000,
    TIMEOUT_S = 30,
    REQUESTS_MIN = 100,
};

struct moment {
    double wall_s, cpu_s;
};

struct bare {
    CURLM *multi;
    struct event_base *base;
    struct event *timer;
    struct curl_slist *headers;
    const char *url, *ca_file;
    char body[BODY_MAX];
    long requests, started, done, failed, connections, warm_up;
    struct moment begin, end;
};

struct transfer {
    struct bare *bare;
    CURL *easy;
    size_t length;
    char answer[ANSWER_MAX];
};

/** 0 for what is none. */
static long number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    return *end == '\0' ? value : 0;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + 1e-6 * (double)time.tv_usec;
}

static struct moment moment_now(void)
{
    struct timespec wall;
    struct rusage usage;
    clock_gettime(CLOCK_MONOTONIC, &wall);
    getrusage(RUSAGE_SELF, &usage);
    return (struct moment){.wall_s = (double)wall.tv_sec + 1e-9 * (double)wall.tv_nsec,
                           .cpu_s = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime)};
}

/* ---- transfers ---- */

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    struct transfer *transfer = user;
    size_t length = size * count;
    if (length > sizeof(transfer->answer) - transfer->length)
        return 0;
    memcpy(transfer->answer + transfer->length, data, length);
    transfer->length += length;
    return length;
}

static void transfer_init(struct transfer *transfer, struct bare *bare)
{
    CURL *easy = curl_easy_init();
    *transfer = (struct transfer){.bare = bare, .easy = easy};
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_URL, bare->url);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, bare->headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(bare->body));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, bare->body);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_CAINFO, bare->ca_file);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
}

static void transfer_start(struct transfer *transfer)
{
    struct bare *bare = transfer->bare;
    if (bare->started == bare->requests)
        return;
    bare->started++;
    transfer->length = 0;
    curl_multi_add_handle(bare->multi, transfer->easy);
}

static void count_result(struct bare *bare, const struct transfer *transfer, CURLcode result)
{
    long status = 0, connections = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &connections);
    bare->connections += connections;
    if (result != CURLE_OK || status != 200) {
        if (bare->failed++ == 0)
            fprintf(stderr, "bare_client: %s, status %ld\n", curl_easy_strerror(result), status);
    }
    bare->done++;
    if (bare->done == bare->warm_up)
        bare->begin = moment_now();
    if (bare->done == bare->requests) {
        bare->end = moment_now();
        event_base_loopbreak(bare->base);
    }
}

static void take_results(struct bare *bare)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(bare->multi, &left)) != NULL) {
        struct transfer *transfer = NULL;
        CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        count_result(bare, transfer, result);
        curl_multi_remove_handle(bare->multi, transfer->easy);
        transfer_start(transfer);
    }
}

/* ---- libcurl on libevent ---- */

static void on_socket(evutil_socket_t socket, short what, void *user)
{
    struct bare *bare = user;
    int ready = 0, running;
    if ((what & EV_READ) != 0)
        ready |= CURL_CSELECT_IN;
    if ((what & EV_WRITE) != 0)
        ready |= CURL_CSELECT_OUT;
    curl_multi_socket_action(bare->multi, socket, ready, &running);
    take_results(bare);
}

static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *user, void *socket_user)
{
    (void)easy;
    struct bare *bare = user;
    struct event *event = socket_user;
    if (what == CURL_POLL_REMOVE) {
        if (event != NULL)
            event_free(event);
        curl_multi_assign(bare->multi, socket, NULL);
        return 0;
    }
    short flags = EV_PERSIST;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        flags |= EV_READ;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        flags |= EV_WRITE;
    if (event == NULL) {
        event = event_new(bare->base, socket, flags, on_socket, bare);
        curl_multi_assign(bare->multi, socket, event);
    } else if (event_get_events(event) == flags) {
        return 0;
    } else {
        event_del(event);
        event_assign(event, bare->base, socket, flags, on_socket, bare);
    }
    return event_add(event, NULL);
}

static void on_timeout(evutil_socket_t socket, short what, void *user)
{
    (void)what;
    struct bare *bare = user;
    int running;
    (void)socket;
    curl_multi_socket_action(bare->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_results(bare);
}

static int watch_time(CURLM *multi, long timeout_ms, void *user)
{
    (void)multi;
    struct bare *bare = user;
    if (timeout_ms < 0)
        return evtimer_del(bare->timer);
    const struct timeval timeout = {.tv_sec = timeout_ms / 1000,
                                    .tv_usec = timeout_ms % 1000 * 1000};
    return evtimer_add(bare->timer, &timeout);
}

/* ---- the run ---- */

static void bare_init(struct bare *bare, char **argv)
{
    char token[TOKEN_LENGTH + 1];
    memset(token, 'r', TOKEN_LENGTH);
    token[TOKEN_LENGTH] = '\0';
    *bare = (struct bare){.url = argv[1], .ca_file = argv[2], .requests = number(argv[3])};
    bare->warm_up = bare->requests / 20 + 1;
    snprintf(bare->body, sizeof(bare->body), "grant_type=refresh_token&refresh_token=%s", token);
    bare->headers = curl_slist_append(NULL, "Accept: application/json");
    bare->headers = curl_slist_append(
        bare->headers, "Authorization: Basic YmVuY2gtY2xpZW50OmJlbmNoLXNlY3JldC0wMTIzNDU2Nzg5");
    bare->headers = curl_slist_append(bare->headers, "Expect:");

    struct event_config *config = event_config_new();
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    bare->base = event_base_new_with_config(config);
    event_config_free(config);
    bare->timer = evtimer_new(bare->base, on_timeout, bare);
    bare->multi = curl_multi_init();
    curl_multi_setopt(bare->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(bare->multi, CURLMOPT_SOCKETDATA, bare);
    curl_multi_setopt(bare->multi, CURLMOPT_TIMERFUNCTION, watch_time);
    curl_multi_setopt(bare->multi, CURLMOPT_TIMERDATA, bare);
    curl_multi_setopt(bare->multi, CURLMOPT_MAXCONNECTS, (long)IN_FLIGHT_MAX);
}

static void bare_deinit(struct bare *bare)
{
    curl_multi_cleanup(bare->multi);
    event_free(bare->timer);
    event_base_free(bare->base);
    curl_slist_free_all(bare->headers);
}

static void report(const struct bare *bare)
{
    double measured = (double)(bare->requests - bare->warm_up);
    printf("{\"requests\":%ld,\"rate\":%.1f,\"cpu_us\":%.2f,\"connections\":%ld,\"failed\":%ld}\n",
           bare->done, measured / (bare->end.wall_s - bare->begin.wall_s),
           1e6 * (bare->end.cpu_s - bare->begin.cpu_s) / measured, bare->connections, bare->failed);
}

int main(int argc, char **argv)
{
    long in_flight = argc == 5 ? number(argv[4]) : 0;
    if (in_flight < 1 || in_flight > IN_FLIGHT_MAX || number(argv[3]) < REQUESTS_MIN) {
        fprintf(stderr, "usage: bare_client URL CA_FILE REQUESTS IN_FLIGHT\n"
                        "REQUESTS: at least 100; IN_FLIGHT: 1 to 1000\n");
        return 64;
    }
    struct bare bare;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    bare_init(&bare, argv);
    struct transfer *transfers = calloc((size_t)in_flight, sizeof(*transfers));
    if (transfers == NULL)
        return 1;
    for (long i = 0; i < in_flight; i++) {
        transfer_init(&transfers[i], &bare);
        transfer_start(&transfers[i]);
    }
    event_base_dispatch(bare.base);
    report(&bare);
    for (long i = 0; i < in_flight; i++)
        curl_easy_cleanup(transfers[i].easy);
    free(transfers);
    bare_deinit(&bare);
    curl_global_cleanup();
    return bare.failed == 0 ? 0 : 1;
}
