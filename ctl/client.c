#include "ctl/client.h"

#include "common/frame.h"
#include "common/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, ANSWER_DEPTH_MAX = 64, ANSWER_VALUES_MAX = 4 * 1000 * 1000 };

struct client {
    int fd;
    int64_t last_id;
    struct frame_reader reader;
    char *path;    /* for messages */
    int reader_fd; /* -1: nobody's reading matters */
    bool reader_is_gone;
};

static enum ctl_exit connect_failed(const char *path, int reason, struct error *err)
{
    if (reason == EACCES || reason == EPERM) {
        error_set(err, STATUS_INVALID,
                  "%.200s: not allowed to connect. The socket is open to root and to the group in "
                  "[daemon] socket_group",
                  path);
        return CTL_EXIT_FORBIDDEN;
    }
    const char *next = reason == ENOENT
                           ? "is refreshd running? systemctl status refreshd; another socket: "
                             "--socket PATH"
                           : "nobody listens there: systemctl status refreshd";
    error_set(err, STATUS_UNAVAILABLE, "%.200s: %s; %s", path, strerror(reason), next);
    return CTL_EXIT_NO_DAEMON;
}

enum ctl_exit client_open(const char *path, struct client **out, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(address.sun_path)) {
        error_set(err, STATUS_INVALID, "--socket: a socket's path has 1 to %zu bytes",
                  sizeof(address.sun_path) - 1);
        return CTL_EXIT_USAGE;
    }
    memcpy(address.sun_path, path, len + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return connect_failed(path, errno, err);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        int reason = errno;
        close(fd);
        return connect_failed(path, reason, err);
    }
    struct client *client = memory_new(sizeof(*client));
    client->fd = fd;
    client->reader_fd = -1;
    client->path = memory_copy_str(str_c(path));
    frame_reader_init(&client->reader, CLIENT_ANSWER_MAX);
    client->reader.bytes.secret = true; /* tokens come this way */
    *out = client;
    return CTL_EXIT_OK;
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    close(client->fd);
    frame_reader_deinit(&client->reader);
    free(client->path);
    free(client);
}

void client_freep(struct client **client)
{
    client_free(*client);
}

static enum ctl_exit send_all(struct client *client, struct str bytes, struct error *err)
{
    while (bytes.len > 0) {
        ssize_t sent = send(client->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        /* It may have said why before it closed: reading tells. */
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return CTL_EXIT_OK;
        if (sent < 0) {
            error_set(err, STATUS_UNAVAILABLE, "%s: the daemon went away: %s", client->path,
                      strerror(errno));
            return CTL_EXIT_NO_DAEMON;
        }
        bytes = str_slice(bytes, (size_t)sent, bytes.len);
    }
    return CTL_EXIT_OK;
}

enum ctl_exit client_send(struct client *client, const char *method, const struct json *params,
                          int64_t *ret_id, struct error *err)
{
    CLEANUP(json_freep) struct json *request = json_new_object();
    json_set_text(request, "jsonrpc", STR("2.0"));
    json_set_i64(request, "id", ++client->last_id);
    json_set_text(request, "method", str_c(method));
    if (params != NULL)
        json_set(request, "params", json_copy(params));
    CLEANUP(buf_deinit) struct buf line = {.secret = true};
    json_write(request, &line);
    if (line.len > FRAME_LINE_MAX) {
        error_set(err, STATUS_INVALID, "the request has %zu bytes, the daemon takes %d at a time",
                  line.len, FRAME_LINE_MAX);
        return CTL_EXIT_USAGE;
    }
    buf_append_byte(&line, '\n');
    if (ret_id != NULL)
        *ret_id = client->last_id;
    return send_all(client, buf_str(&line), err);
}

static int64_t steady_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void client_heed_reader(struct client *client, int fd)
{
    client->reader_fd = fd;
}

/* Until there is something to read, or nobody to tell it to. */
static enum ctl_exit await(struct client *client, int64_t deadline_ms, struct error *err)
{
    for (;;) {
        int64_t left_ms = deadline_ms < 0 ? -1 : MAX_OF(deadline_ms - steady_ms(), 0);
        struct pollfd wanted[] = {{.fd = client->fd, .events = POLLIN}, {.fd = client->reader_fd}};
        int ready = poll(wanted, ARRAY_LEN(wanted), (int)MIN_OF(left_ms, 3600 * 1000));
        client->reader_is_gone = ready > 0 && (wanted[1].revents & (POLLERR | POLLHUP)) != 0;
        if (ready > 0 && (wanted[1].revents & POLLNVAL) != 0)
            client->reader_fd = -1; /* there never was one */
        if (ready > 0)
            return CTL_EXIT_OK;
        if (ready < 0 && errno != EINTR) {
            error_set(err, STATUS_INTERNAL, "poll: %s", strerror(errno));
            return CTL_EXIT_NO_DAEMON;
        }
        if (deadline_ms >= 0 && steady_ms() >= deadline_ms) {
            error_set(err, STATUS_UNCERTAIN,
                      "%s: no answer in time. It may still be carried out: look before you repeat "
                      "it; --timeout waits longer",
                      client->path);
            return CTL_EXIT_NO_DAEMON;
        }
    }
}

static enum ctl_exit read_some(struct client *client, int64_t deadline_ms, struct error *err)
{
    enum ctl_exit result = await(client, deadline_ms, err);
    if (result != CTL_EXIT_OK || client->reader_is_gone)
        return result;
    char bytes[READ_BYTES];
    ssize_t got = recv(client->fd, bytes, sizeof(bytes), 0);
    if (got < 0 && errno == EINTR)
        return CTL_EXIT_OK;
    if (got <= 0) {
        error_set(err, STATUS_UNCERTAIN, "%s: the daemon closed the connection%s%s", client->path,
                  got < 0 ? ": " : "", got < 0 ? strerror(errno) : "");
        return CTL_EXIT_NO_DAEMON;
    }
    frame_reader_feed(&client->reader, (struct str){.data = bytes, .len = (size_t)got});
    explicit_bzero(bytes, (size_t)got);
    return CTL_EXIT_OK;
}

static enum ctl_exit parse_message(struct str line, struct json **out, struct error *err)
{
    struct json_limits limits = {.bytes_max = CLIENT_ANSWER_MAX,
                                 .depth_max = ANSWER_DEPTH_MAX,
                                 .values_max = ANSWER_VALUES_MAX};
    CLEANUP(json_freep) struct json *message = NULL;
    if (json_parse(line, limits, &message, err) != STATUS_OK || json_type(message) != JSON_OBJECT) {
        error_set(err, STATUS_INVALID, "what answers at the socket does not speak JSON-RPC");
        return CTL_EXIT_ERROR;
    }
    *out = TAKE_PTR(message);
    return CTL_EXIT_OK;
}

enum ctl_exit client_receive(struct client *client, int64_t timeout_ms, struct json **out,
                             struct error *err)
{
    int64_t deadline_ms = timeout_ms < 0 ? -1 : steady_ms() + timeout_ms;
    for (;;) {
        struct str line;
        switch (frame_reader_next(&client->reader, &line)) {
        case FRAME_LINE:
            return parse_message(line, out, err);
        case FRAME_TOO_LONG:
            error_set(err, STATUS_INVALID, "the answer is longer than %d bytes: ask for less",
                      CLIENT_ANSWER_MAX);
            return CTL_EXIT_ERROR;
        case FRAME_MORE:
            break;
        }
        enum ctl_exit result = read_some(client, deadline_ms, err);
        if (result != CTL_EXIT_OK || client->reader_is_gone)
            return result;
    }
}

bool client_answers(const struct json *message, int64_t id)
{
    if (json_get(message, "error") != NULL && json_get(message, "id") == NULL)
        return true;
    return json_i64(json_get(message, "id"), -1) == id && json_get(message, "method") == NULL;
}

enum ctl_exit client_call(struct client *client, const char *method, const struct json *params,
                          int64_t timeout_ms, struct json **out, struct error *err)
{
    int64_t id;
    enum ctl_exit result = client_send(client, method, params, &id, err);
    while (result == CTL_EXIT_OK) {
        CLEANUP(json_freep) struct json *message = NULL;
        result = client_receive(client, timeout_ms, &message, err);
        if (result == CTL_EXIT_OK && client_answers(message, id)) {
            *out = TAKE_PTR(message);
            return CTL_EXIT_OK;
        }
    }
    return result;
}
