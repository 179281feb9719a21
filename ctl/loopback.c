#include "ctl/loopback.h"

#include "common/encoding.h"
#include "common/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* One connection of a browser: what it has said so far. */
struct browser {
    int fd; /* -1: none */
    struct buf head;
};

struct loopback {
    int listener, signals;
    uint16_t port;
    sigset_t before;
    struct browser browsers[LOOPBACK_BROWSERS_MAX];
    size_t next; /* place of the next browser */
    int waiting; /* the one that is to be answered; -1: none */
};

#define PAGE(title, text)                                                                          \
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>" title                       \
    "</title><style>body{font:1.1em/1.5 sans-serif;max-width:34em;margin:20vh auto;padding:0 1em}" \
    "</style><h1>" title "</h1><p>" text "</p></html>\n"

static const char page_good[] =
    PAGE("Connected", "This worked. You can close this window and go back to the terminal.");
static const char page_bad[] =
    PAGE("Not connected", "Nothing was changed. You can close this window; the terminal says why.");
static const char page_other[] =
    PAGE("Not here", "This address only takes the answer to an authorization that is under way.");

/* ---- life ---- */

static enum status listen_on(struct loopback *loopback, uint16_t port, struct error *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int yes = 1;
    loopback->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (loopback->listener < 0 ||
        setsockopt(loopback->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
        bind(loopback->listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(loopback->listener, LOOPBACK_BROWSERS_MAX) != 0 ||
        getsockname(loopback->listener, (struct sockaddr *)&address, &len) != 0)
        return error_set(err, STATUS_UNAVAILABLE, "127.0.0.1:%u can't be listened on: %s",
                         (unsigned)port, strerror(errno));
    loopback->port = ntohs(address.sin_port);
    return STATUS_OK;
}

static enum status take_signals(struct loopback *loopback, struct error *err)
{
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGHUP);
    sigprocmask(SIG_BLOCK, &ours, &loopback->before);
    loopback->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    if (loopback->signals < 0)
        return error_set(err, STATUS_UNAVAILABLE, "signalfd: %s", strerror(errno));
    return STATUS_OK;
}

enum status loopback_open(uint16_t port, struct loopback **out, struct error *err)
{
    CLEANUP(loopback_freep) struct loopback *loopback = memory_new(sizeof(*loopback));
    loopback->listener = loopback->signals = loopback->waiting = -1;
    for (size_t i = 0; i < LOOPBACK_BROWSERS_MAX; i++)
        loopback->browsers[i] =
            (struct browser){.fd = -1, .head = {.max = LOOPBACK_REQUEST_MAX, .secret = true}};
    enum status status = take_signals(loopback, err);
    if (status == STATUS_OK)
        status = listen_on(loopback, port, err);
    if (status == STATUS_OK)
        *out = TAKE_PTR(loopback);
    return status;
}

static void hang_up(struct browser *browser)
{
    if (browser->fd >= 0)
        close(browser->fd);
    browser->fd = -1;
    buf_clear(&browser->head);
}

void loopback_free(struct loopback *loopback)
{
    if (loopback == NULL)
        return;
    for (size_t i = 0; i < LOOPBACK_BROWSERS_MAX; i++) {
        hang_up(&loopback->browsers[i]);
        buf_deinit(&loopback->browsers[i].head);
    }
    if (loopback->waiting >= 0)
        close(loopback->waiting);
    if (loopback->listener >= 0)
        close(loopback->listener);
    if (loopback->signals >= 0)
        close(loopback->signals);
    sigprocmask(SIG_SETMASK, &loopback->before, NULL);
    free(loopback);
}

void loopback_freep(struct loopback **loopback)
{
    loopback_free(*loopback);
}

uint16_t loopback_port(const struct loopback *loopback)
{
    return loopback->port;
}

/* ---- answers ---- */

static void send_page(int fd, const char *status, const char *page)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    buf_printf(&out,
               "HTTP/1.1 %s\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %zu\r\n"
               "Connection: close\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
               "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\r\n%s",
               status, strlen(page), page);
    size_t sent = 0;
    while (sent < out.len) {
        ssize_t done = send(fd, out.data + sent, out.len - sent, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; /* it fits a socket's buffer, or the browser has gone */
        sent += (size_t)done;
    }
}

void loopback_answer(struct loopback *loopback, bool is_good)
{
    if (loopback->waiting < 0)
        return;
    send_page(loopback->waiting, "200 OK", is_good ? page_good : page_bad);
    shutdown(loopback->waiting, SHUT_WR);
    close(loopback->waiting);
    loopback->waiting = -1;
}

/* ---- requests ---- */

struct str loopback_param(struct str query, const char *name, struct buf *out)
{
    struct str word;
    size_t len = strlen(name);
    buf_clear(out);
    while (str_next_word(&query, STR("&"), &word)) {
        if (!str_starts_with(word, str_c(name)) || word.len <= len || word.data[len] != '=')
            continue;
        if (encoding_unform(str_slice(word, len + 1, word.len), out) != STATUS_OK)
            return STR_NONE;
        return buf_str(out);
    }
    return STR_NONE;
}

/* "GET /callback?code=…&state=… HTTP/1.1": the query, where the path is ours. */
static struct str query_of(struct str head)
{
    struct str line = str_slice(head, 0, str_find_byte(head, '\r'));
    if (!str_starts_with(line, STR("GET " LOOPBACK_PATH "?")))
        return STR_NONE;
    struct str rest = str_slice(line, sizeof("GET " LOOPBACK_PATH "?") - 1, line.len);
    return str_slice(rest, 0, str_find_byte(rest, ' '));
}

/* Did this browser bring the answer that is waited for? It stays connected then. */
static bool take_request(struct loopback *loopback, struct browser *browser, struct str state,
                         struct buf *ret_query)
{
    CLEANUP(buf_deinit) struct buf came = {.secret = true};
    struct str query = query_of(buf_str(&browser->head));
    if (!str_eq(loopback_param(query, "state", &came), state)) {
        send_page(browser->fd, "404 Not Found", page_other);
        hang_up(browser);
        return false;
    }
    buf_append(ret_query, query);
    loopback->waiting = browser->fd;
    browser->fd = -1;
    return true;
}

static bool read_from(struct loopback *loopback, struct browser *browser, struct str state,
                      struct buf *ret_query)
{
    char bytes[4096];
    ssize_t got = recv(browser->fd, bytes, sizeof(bytes), 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    bool fits =
        got > 0 && buf_append(&browser->head, (struct str){.data = bytes, .len = (size_t)got});
    explicit_bzero(bytes, sizeof(bytes));
    if (!fits) {
        hang_up(browser);
        return false;
    }
    return str_contains(buf_str(&browser->head), STR("\r\n\r\n")) &&
           take_request(loopback, browser, state, ret_query);
}

static void let_in(struct loopback *loopback)
{
    int fd = accept4(loopback->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    struct browser *browser = &loopback->browsers[loopback->next];
    loopback->next = (loopback->next + 1) % LOOPBACK_BROWSERS_MAX;
    hang_up(browser);
    browser->fd = fd;
}

/* ---- the wait ---- */

static int64_t boot_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One round. False: go on. */
static bool look(struct loopback *loopback, struct pollfd *polls, struct str state,
                 struct buf *ret_query, enum loopback_end *ret_end)
{
    if (polls[1].revents != 0) {
        struct signalfd_siginfo info;
        bool is_read = read(loopback->signals, &info, sizeof(info)) == (ssize_t)sizeof(info);
        *ret_end = LOOPBACK_INTERRUPTED;
        return is_read;
    }
    *ret_end = LOOPBACK_CAME;
    for (size_t i = 0; i < LOOPBACK_BROWSERS_MAX; i++) {
        if (polls[i + 2].revents != 0 && loopback->browsers[i].fd == polls[i + 2].fd &&
            read_from(loopback, &loopback->browsers[i], state, ret_query))
            return true;
    }
    if (polls[0].revents != 0)
        let_in(loopback);
    return false;
}

enum loopback_end loopback_wait(struct loopback *loopback, struct str state, int64_t timeout_ms,
                                struct buf *ret_query)
{
    int64_t end_ms = boot_ms() + timeout_ms;
    for (;;) {
        struct pollfd polls[LOOPBACK_BROWSERS_MAX + 2] = {
            {.fd = loopback->listener, .events = POLLIN},
            {.fd = loopback->signals, .events = POLLIN},
        };
        for (size_t i = 0; i < LOOPBACK_BROWSERS_MAX; i++)
            polls[i + 2] = (struct pollfd){.fd = loopback->browsers[i].fd, .events = POLLIN};
        int64_t left_ms = end_ms - boot_ms();
        if (left_ms <= 0)
            return LOOPBACK_TIMEOUT;
        int ready = poll(polls, ARRAY_LEN(polls), (int)MIN_OF(left_ms, (int64_t)1000));
        enum loopback_end end = LOOPBACK_FAILED;
        if (ready < 0 && errno != EINTR)
            return LOOPBACK_FAILED;
        if (ready > 0 && look(loopback, polls, state, ret_query, &end))
            return end;
    }
}
