#include "io/control_unix_client.h"

#include "common/assert.h"
#include "common/memory.h"
#include "common/secret.h"
#include "io/control_unix.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 * 1024,
    /* The session keeps below CONTROL_BACKLOG_MAX; one error line may come on top. */
    OUT_BYTES_MAX = CONTROL_BACKLOG_MAX + 64 * 1024,
    OUT_KEPT_MAX = 64 * 1024,
    ROOM_FOR_WORD = 256 * 1024, /* of the kernel's buffer, beyond its usual size */
};

static const char not_read[] =
    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,\"message\":"
    "\"what waited to be read was not read for too long; the rest is dropped. Connect again; a "
    "watch "
    "goes on behind the last id it has told\",\"data\":{\"code\":\"too_large\"}}}\n";

static size_t backlog_of(const struct client *client)
{
    return client->out.len - client->out_sent;
}

static void update_watch(struct client *client)
{
    bool reads = !client->has_said_all && !client->is_finished && !client->is_broken &&
                 backlog_of(client) < CONTROL_UNIX_READ_PAUSE;
    bool writes = client->is_blocked && !client->is_broken;
    loop_watch_set(client->watch,
                   (reads ? (unsigned)LOOP_READ : 0) | (writes ? (unsigned)LOOP_WRITE : 0));
}

/* What the session says. */

static void forget_sent(struct client *client)
{
    buf_consume(&client->out, client->out_sent);
    client->out_sent = 0;
}

static void on_write(void *ctx, struct str bytes)
{
    struct client *client = ctx;
    if (client->is_broken)
        return;
    if (backlog_of(client) == 0)
        client->since_ms = loop_now(client->loop).ms;
    if (client->out.len + bytes.len > OUT_BYTES_MAX) /* only what is unread counts */
        forget_sent(client);
    if (!buf_append(&client->out, bytes))
        client->is_broken = true;
    client->notify(client->keeper, client);
}

static void on_finish(void *ctx)
{
    struct client *client = ctx;
    client->is_finished = true;
    client->since_ms = loop_now(client->loop).ms;
    client->notify(client->keeper, client);
}

static size_t on_backlog(void *ctx)
{
    return backlog_of(ctx);
}

/* What the client says. */

/** End of file: has it said all it wants to say, or is nobody there any more (unix(7): both ends
 * are shut down)? */
static void on_end_of_file(struct client *client)
{
    struct pollfd both = {.fd = client->fd, .events = POLLIN};
    client->has_said_all = true;
    if (poll(&both, 1, 0) > 0 && (both.revents & (POLLHUP | POLLERR)) != 0)
        client->is_broken = true;
    else
        session_half_close(client->session, loop_now(client->loop));
    client->notify(client->keeper, client);
}

static void on_readable(struct client *client)
{
    char bytes[READ_BYTES];
    ssize_t got = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got > 0) {
        struct str text = {.data = bytes, .len = (size_t)got};
        session_feed(client->session, text, loop_now(client->loop));
        secret_wipe(bytes, text.len);
        client->notify(client->keeper, client);
    } else if (got == 0) {
        on_end_of_file(client);
    } else if (errno != EAGAIN && errno != EINTR) {
        client->is_broken = true;
        client->notify(client->keeper, client);
    }
}

static void on_ready(void *ctx, int fd UNUSED, unsigned events)
{
    struct client *client = ctx;
    if ((events & LOOP_WRITE) != 0) {
        client->is_blocked = false;
        client->notify(client->keeper, client);
    }
    if ((events & LOOP_READ) != 0 && !client->has_said_all && !client->is_finished)
        on_readable(client);
}

/* Life. */

struct client *client_new(struct loop *loop, int take_fd, int64_t uid, client_notify_fn *notify,
                          void *keeper)
{
    struct client *client = memory_new(sizeof(*client));
    client->loop = loop;
    client->notify = notify;
    client->keeper = keeper;
    client->fd = take_fd;
    client->uid = uid;
    client->out = (struct buf){.max = OUT_BYTES_MAX, .secret = true};
    client->watch = loop_watch_new(loop, take_fd, on_ready, client);
    return client;
}

void client_start(struct client *client, struct control *control, const struct session_peer *peer)
{
    const struct session_output output = {
        .ctx = client, .write = on_write, .finish = on_finish, .backlog = on_backlog};
    client->session = session_new(control, peer, output, loop_now(client->loop));
    update_watch(client);
}

void client_free(struct client *client)
{
    session_free(client->session);
    loop_watch_free(client->watch);
    close(client->fd);
    buf_deinit(&client->out);
    free(client);
}

/** Returns how many bytes the kernel took. */
static size_t write_out(struct client *client)
{
    size_t before = client->out_sent;
    while (backlog_of(client) > 0 && !client->is_blocked && !client->is_broken) {
        ssize_t put = send(client->fd, client->out.data + client->out_sent, backlog_of(client),
                           MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put > 0) {
            client->out_sent += (size_t)put;
            client->is_midline = client->out.data[client->out_sent - 1] != '\n';
        } else if (errno == EAGAIN) {
            client->is_blocked = true;
        } else if (errno != EINTR) {
            client->is_broken = true;
        }
    }
    return client->out_sent - before;
}

static void forget_written(struct client *client)
{
    if (backlog_of(client) > 0) {
        if (client->out_sent > client->out.len / 2)
            forget_sent(client);
        return;
    }
    client->out_sent = 0;
    if (client->out.capacity <= OUT_KEPT_MAX) {
        buf_clear(&client->out);
        return;
    }
    buf_deinit(&client->out);
    client->out = (struct buf){.max = OUT_BYTES_MAX, .secret = true};
}

bool client_flush(struct client *client)
{
    size_t taken = write_out(client);
    bool tell = taken > 0 && !client->is_finished && !client->is_broken;
    forget_written(client);
    if (taken > 0 && !client->is_finished)
        client->since_ms = loop_now(client->loop).ms;
    if (tell)
        session_drained(client->session, loop_now(client->loop));
    update_watch(client);
    return tell;
}

/** Has it read a little after all? A socket counts as writable only once much of it is free. */
static bool goes_on(struct client *client, struct now now)
{
    client->is_blocked = false;
    if (write_out(client) == 0)
        return false;
    client->since_ms = now.ms;
    return true;
}

/** Drop the lines that have not begun to go out. */
static void drop_unsent(struct client *client)
{
    size_t keep = client->out_sent;
    if (client->is_midline) {
        struct str rest = str_slice(buf_str(&client->out), keep, client->out.len);
        keep += MIN_OF(str_find_byte(rest, '\n') + 1, rest.len);
    }
    secret_wipe(client->out.data + keep, client->out.len - keep);
    client->out.len = keep;
}

/**
 * Who does not read is let go, and its memory with it. Why must be the last line that it finds when
 * it reads after all, long after we have closed: what is in the kernel's buffer stays there for it.
 * That buffer is full, so it is widened first (unix(7): the sender's SO_SNDBUF decides).
 */
static void cut_off(struct client *client)
{
    int bytes = ROOM_FOR_WORD;
    drop_unsent(client);
    (void)buf_append(&client->out, (struct str){.data = not_read, .len = sizeof(not_read) - 1});
    if (setsockopt(client->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) == 0)
        client->is_blocked = false;
    write_out(client);
    client->is_broken = true;
    client->is_cut_off = true;
}

bool client_has_deadline(const struct client *client)
{
    return backlog_of(client) > 0 || session_deadline_ms(client->session) != TIME_NONE;
}

void client_tick(struct client *client)
{
    struct now now = loop_now(client->loop);
    int64_t patience_ms = client->is_finished ? CONTROL_UNIX_LINGER_MS : CONTROL_UNIX_STALL_MS;
    if (!client->is_broken && backlog_of(client) > 0 && now.ms - client->since_ms >= patience_ms &&
        !goes_on(client, now))
        cut_off(client);
    int64_t deadline_ms = session_deadline_ms(client->session);
    if (!client->is_finished && !client->is_broken && deadline_ms != TIME_NONE &&
        deadline_ms <= now.ms)
        session_tick(client->session, now);
    client->notify(client->keeper, client);
}

bool client_is_over(const struct client *client)
{
    return client->is_broken || (client->is_finished && backlog_of(client) == 0);
}
