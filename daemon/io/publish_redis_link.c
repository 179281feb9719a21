#include "io/publish_redis_link.h"

#include "common/assert.h"
#include "common/buf.h"
#include "common/memory.h"
#include "io/publish_redis_resolve.h"
#include "io/publish_redis_tls_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#if HIREDIS_MAJOR >= 1
typedef size_t reply_elements;
#else
typedef int reply_elements;
#endif

enum link_state {
    LINK_CLOSED,
    LINK_RESOLVING,
    LINK_CONNECTING,
    LINK_SHAKING_HANDS, /* TLS */
    LINK_OPEN,
    LINK_DOOMED, /* given up; told on the next round */
};

struct pending {
    struct pending *next;
    publish_redis_reply_fn *fn;
    void *user;
};

struct publish_redis_link {
    struct loop *loop;
    struct publish_redis_target target;
    struct publish_redis_link_events events;
    enum link_state state;
    struct loop_timer *timer;
    struct publish_redis_lookup *lookup;
    struct publish_redis_addresses addresses;
    size_t address_next;
    redisContext *context;
    redisReplyObjectFunctions reply_functions; /* hiredis' own but for arrays */
    void *(*create_array)(const redisReadTask *task, reply_elements elements);
    struct loop_watch *watch;
    struct publish_redis_tls_stream *stream; /* NULL: in the clear */
    struct buf unsent;
    bool has_heard; /* a reply on this connection */
    /* TLS: before the one goes on, the socket must be ready for the other. */
    bool read_wants_write, write_wants_read;
    struct pending *first, **last;
    struct error why;
};

static void on_timer(void *ctx);

static const char *target_text(const struct publish_redis_link *link, char *text, size_t size)
{
    if (str_is_set(link->target.host))
        snprintf(text, size, STR_FMT ":%u", STR_ARG(link->target.host),
                 (unsigned)link->target.port);
    else
        str_copy_cut(link->target.socket_path, text, size);
    return text;
}

struct publish_redis_link *publish_redis_link_new(struct loop *loop,
                                                  const struct publish_redis_target *target,
                                                  struct publish_redis_link_events events)
{
    struct publish_redis_link *link = memory_new(sizeof(*link));
    *link = (struct publish_redis_link){.loop = loop, .target = *target, .events = events};
    link->timer = loop_timer_new(loop, on_timer, link);
    link->unsent.max = PUBLISH_REDIS_UNSENT_BYTES_MAX;
    link->last = &link->first;
    return link;
}

static void drop_connection(struct publish_redis_link *link)
{
    publish_redis_resolve_cancel(link->lookup);
    link->lookup = NULL;
    loop_watch_free(link->watch);
    link->watch = NULL;
    publish_redis_tls_stream_free(link->stream);
    link->stream = NULL;
    buf_clear(&link->unsent);
    link->has_heard = false;
    link->read_wants_write = link->write_wants_read = false;
    if (link->context != NULL)
        redisFree(link->context);
    link->context = NULL;
}

static struct pending *shift_pending(struct publish_redis_link *link)
{
    struct pending *pending = link->first;
    if (pending == NULL)
        return NULL;
    link->first = pending->next;
    if (link->first == NULL)
        link->last = &link->first;
    return pending;
}

static void drop_pending(struct publish_redis_link *link)
{
    struct pending *pending;
    while ((pending = shift_pending(link)) != NULL) {
        pending->fn(pending->user, NULL);
        free(pending);
    }
}

void publish_redis_link_free(struct publish_redis_link *link)
{
    if (link == NULL)
        return;
    if (link->state != LINK_DOOMED)
        error_set(&link->why, STATUS_UNAVAILABLE, "refreshd lets go of Redis");
    drop_connection(link);
    loop_timer_free(link->timer);
    drop_pending(link);
    buf_deinit(&link->unsent);
    free(link);
}

const struct error *publish_redis_link_why(const struct publish_redis_link *link)
{
    return &link->why;
}

/** The reason is in link->why; the connection goes now, the news on the next round. */
static void doom(struct publish_redis_link *link)
{
    drop_connection(link);
    link->state = LINK_DOOMED;
    loop_timer_set(link->timer, 0);
}

static void doom_because(struct publish_redis_link *link, const char *reason)
{
    char where[200];
    error_set(&link->why, STATUS_UNAVAILABLE, "Redis at %s: %s",
              target_text(link, where, sizeof(where)), reason);
    doom(link);
}

void publish_redis_link_abandon(struct publish_redis_link *link, const struct error *why)
{
    if (link->state == LINK_CLOSED || link->state == LINK_DOOMED)
        return;
    link->why = *why;
    doom(link);
}

/** Now that no hiredis and no caller's code is on the stack: tell everybody. */
static void tell_lost(struct publish_redis_link *link)
{
    link->state = LINK_CLOSED;
    drop_pending(link);
    struct error why = link->why;
    link->events.lost(link->events.ctx, &why);
}

static void doom_late(struct publish_redis_link *link, const char *what, int64_t within_ms)
{
    char reason[100];
    snprintf(reason, sizeof(reason), "%s within %lld ms", what, (long long)within_ms);
    doom_because(link, reason);
}

static void on_timer(void *ctx)
{
    struct publish_redis_link *link = ctx;
    const struct publish_redis_target *target = &link->target;
    switch (link->state) {
    case LINK_DOOMED:
        tell_lost(link);
        return;
    case LINK_RESOLVING:
        doom_late(link, "name not resolved", target->connect_timeout_ms);
        return;
    case LINK_CONNECTING:
        doom_late(link, "no connection", target->connect_timeout_ms);
        return;
    case LINK_SHAKING_HANDS: /* a plain Redis reads on and on for the end of a line */
        doom_late(link, "no TLS (else url = redis://…)", target->connect_timeout_ms);
        return;
    case LINK_OPEN:
        doom_late(link, "no answer", target->command_timeout_ms);
        return;
    case LINK_CLOSED:
        return;
    }
}

/* Reading. */

/** What the script and the few commands answer is flat and short; all else is not a Redis. */
static void *create_small_array(const redisReadTask *task, reply_elements elements)
{
    const struct publish_redis_link *link = task->privdata;
    if (task->parent != NULL || elements > PUBLISH_REDIS_REPLY_ELEMENTS_MAX)
        return NULL;
    return link->create_array(task, elements);
}

static void limit_reader(struct publish_redis_link *link)
{
    redisReader *reader = link->context->reader;
    link->reply_functions = *reader->fn;
    link->create_array = reader->fn->createArray;
    link->reply_functions.createArray = create_small_array;
    reader->fn = &link->reply_functions;
    reader->privdata = link;
}

static void take_reply(struct publish_redis_link *link, redisReply *reply)
{
    struct pending *pending = shift_pending(link);
    if (pending == NULL) {
        doom_because(link, "an answer that nobody asked for");
        return;
    }
    if (link->first != NULL)
        loop_timer_set(link->timer, link->target.command_timeout_ms);
    else
        loop_timer_clear(link->timer);
    link->has_heard = true;
    pending->fn(pending->user, reply);
    free(pending);
}

/** False when there is no whole reply, or no link any more. */
static bool take_next_reply(struct publish_redis_link *link)
{
    void *reply = NULL;
    if (redisGetReplyFromReader(link->context, &reply) != REDIS_OK) {
        bool capped = link->context->err == REDIS_ERR_OOM;
        doom_because(link, capped ? "an answer larger than any that was asked for"
                                  : link->context->errstr);
        return false;
    }
    if (reply == NULL)
        return false;
    take_reply(link, reply);
    freeReplyObject(reply);
    return link->state == LINK_OPEN;
}

/** Who expects TLS hangs up on the first plain command, without a word. */
static void doom_by_end(struct publish_redis_link *link, const char *how)
{
    char reason[200];
    bool is_mute = !link->has_heard && str_is_set(link->target.host);
    snprintf(reason, sizeof(reason), "%s%s", how,
             is_mute ? " before it said anything (if it expects TLS: url = rediss://…)" : "");
    doom_because(link, reason);
}

/** To hiredis' reader; false where the link was lost. */
static bool receive_plain(struct publish_redis_link *link)
{
    if (redisBufferRead(link->context) == REDIS_OK)
        return true;
    doom_by_end(link, link->context->errstr);
    return false;
}

static bool receive_tls(struct publish_redis_link *link)
{
    char bytes[PUBLISH_REDIS_TLS_READ_SIZE];
    size_t len = 0;
    struct error err = {0};
    switch (publish_redis_tls_read(link->stream, bytes, &len, &err)) {
    case TLS_DONE:
        break;
    case TLS_WANTS_READ:
        return true;
    case TLS_WANTS_WRITE: /* an answer to the peer's new keys */
        link->read_wants_write = true;
        return true;
    case TLS_OVER:
        doom_because(link, err.text);
        return false;
    }
    if (redisReaderFeed(link->context->reader, bytes, len) == REDIS_OK)
        return true;
    doom_because(link, "no memory for an answer");
    return false;
}

static void read_replies(struct publish_redis_link *link)
{
    link->read_wants_write = false;
    if (!(link->stream != NULL ? receive_tls(link) : receive_plain(link)))
        return;
    while (take_next_reply(link))
        continue;
    if (link->state == LINK_OPEN && link->context->reader->len > PUBLISH_REDIS_REPLY_BYTES_MAX)
        doom_because(link, "an answer larger than any that was asked for");
}

/* Writing. */

/** How much of what is unsent went out; nothing where the link was lost or the socket is full. */
static size_t send_plain(struct publish_redis_link *link, struct str bytes)
{
    ssize_t put = send(link->context->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
    if (put >= 0)
        return (size_t)put;
    if (errno != EAGAIN && errno != EINTR)
        doom_by_end(link, strerror(errno));
    return 0;
}

static size_t send_tls(struct publish_redis_link *link, struct str bytes)
{
    size_t put = 0;
    struct error err = {0};
    switch (publish_redis_tls_write(link->stream, bytes, &put, &err)) {
    case TLS_DONE:
    case TLS_WANTS_WRITE:
        return put;
    case TLS_WANTS_READ: /* the peer began a message of its own and has not ended it */
        link->write_wants_read = true;
        return 0;
    case TLS_OVER:
        doom_because(link, err.text);
        return 0;
    }
    return 0;
}

static void write_commands(struct publish_redis_link *link)
{
    struct str bytes = buf_str(&link->unsent);
    size_t sent = 0, put = 1;
    link->write_wants_read = false;
    while (put > 0 && sent < bytes.len) {
        struct str rest = str_slice(bytes, sent, bytes.len);
        put = link->stream != NULL ? send_tls(link, rest) : send_plain(link, rest);
        sent += put;
    }
    buf_consume(&link->unsent, MIN_OF(sent, link->unsent.len));
}

static bool append_command(struct publish_redis_link *link,
                           const struct publish_redis_command *command)
{
    char *text = NULL;
    int len = redisFormatCommandArgv(&text, (int)command->count, command->words, command->lengths);
    if (len < 0)
        return false;
    bool fits = buf_append(&link->unsent, (struct str){.data = text, .len = (size_t)len});
    redisFreeCommand(text);
    return fits;
}

void publish_redis_link_send(struct publish_redis_link *link,
                             const struct publish_redis_command *command,
                             publish_redis_reply_fn *fn, void *user)
{
    ASSERT(link->state == LINK_OPEN || link->state == LINK_DOOMED);
    struct pending *pending = memory_new(sizeof(*pending));
    *pending = (struct pending){.fn = fn, .user = user};
    *link->last = pending;
    link->last = &pending->next;
    if (link->state == LINK_DOOMED)
        return;
    if (!append_command(link, command)) {
        doom_because(link, "more commands than it takes");
        return;
    }
    if (link->first == pending)
        loop_timer_set(link->timer, link->target.command_timeout_ms);
    loop_watch_set(link->watch, LOOP_READ | LOOP_WRITE);
}

/* Connecting. */

static void connect_next(struct publish_redis_link *link);

static void become_open(struct publish_redis_link *link)
{
    loop_timer_clear(link->timer);
    loop_watch_set(link->watch, LOOP_READ);
    link->state = LINK_OPEN;
    link->events.opened(link->events.ctx);
}

static void shake_hands(struct publish_redis_link *link)
{
    struct error err = {0};
    switch (publish_redis_tls_handshake(link->stream, &err)) {
    case TLS_DONE:
        become_open(link);
        return;
    case TLS_WANTS_READ:
        loop_watch_set(link->watch, LOOP_READ);
        return;
    case TLS_WANTS_WRITE:
        loop_watch_set(link->watch, LOOP_WRITE);
        return;
    case TLS_OVER:
        doom_because(link, err.text);
        return;
    }
}

static void begin_tls(struct publish_redis_link *link)
{
    struct error err = {0};
    if (publish_redis_tls_stream_new(link->target.tls, link->context->fd, link->target.host,
                                     &link->stream, &err) != STATUS_OK) {
        publish_redis_link_abandon(link, &err);
        return;
    }
    link->state = LINK_SHAKING_HANDS;
    shake_hands(link);
}

static void finish_connecting(struct publish_redis_link *link)
{
    int failure = 0;
    socklen_t size = sizeof(failure);
    if (getsockopt(link->context->fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0)
        failure = errno;
    if (failure != 0) {
        snprintf(link->context->errstr, sizeof(link->context->errstr), "%s", strerror(failure));
        connect_next(link);
        return;
    }
    if (str_is_set(link->target.host))
        redisEnableKeepAlive(link->context);
    if (link->target.tls != NULL)
        begin_tls(link);
    else
        become_open(link);
}

/** Reads first: what the peer said before it hung up is better than that it can't be written to. A
 * record of TLS may need the other direction, so there both are tried. */
static void exchange(struct publish_redis_link *link, unsigned events)
{
    if (link->stream != NULL)
        events = LOOP_READ | LOOP_WRITE;
    if ((events & LOOP_READ) != 0)
        read_replies(link);
    if (link->state == LINK_OPEN && (events & LOOP_WRITE) != 0)
        write_commands(link);
    if (link->state != LINK_OPEN)
        return;
    bool has_to_write = link->unsent.len > 0 && !link->write_wants_read;
    loop_watch_set(link->watch,
                   has_to_write || link->read_wants_write ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void on_ready(void *ctx, int fd UNUSED, unsigned events)
{
    struct publish_redis_link *link = ctx;
    switch (link->state) {
    case LINK_CONNECTING:
        finish_connecting(link);
        return;
    case LINK_SHAKING_HANDS:
        shake_hands(link);
        return;
    case LINK_OPEN:
        exchange(link, events);
        return;
    case LINK_RESOLVING:
    case LINK_DOOMED:
    case LINK_CLOSED:
        return;
    }
}

static bool watch_context(struct publish_redis_link *link, redisContext *context)
{
    link->context = context;
    if (context == NULL || context->err != 0)
        return false;
    (void)fcntl(context->fd, F_SETFD, FD_CLOEXEC);
    limit_reader(link);
    link->watch = loop_watch_new(link->loop, context->fd, on_ready, link);
    loop_watch_set(link->watch, LOOP_WRITE);
    return true;
}

static void connect_socket(struct publish_redis_link *link)
{
    CLEANUP(memory_freep) char *path = memory_copy_str(link->target.socket_path);
    if (!watch_context(link, redisConnectUnixNonBlock(path)))
        doom_because(link, link->context != NULL ? link->context->errstr : "no memory");
}

/** Each address in turn; the last one's error is told. */
static void connect_next(struct publish_redis_link *link)
{
    char failure[sizeof(link->context->errstr)] = "no address";
    while (true) {
        if (link->context != NULL)
            str_copy_cut(str_c(link->context->errstr), failure, sizeof(failure));
        drop_connection(link);
        if (link->address_next == link->addresses.count)
            break;
        const char *address = link->addresses.text[link->address_next++];
        if (watch_context(link, redisConnectNonBlock(address, link->target.port)))
            return;
    }
    doom_because(link, failure);
}

static void on_addresses(void *ctx, const struct publish_redis_addresses *addresses)
{
    struct publish_redis_link *link = ctx;
    link->lookup = NULL;
    if (addresses->count == 0) {
        link->why = addresses->error;
        doom(link);
        return;
    }
    link->addresses = *addresses;
    link->state = LINK_CONNECTING;
    connect_next(link);
}

static void resolve_host(struct publish_redis_link *link)
{
    link->address_next = 0;
    if (publish_redis_address_is_numeric(link->target.host)) {
        link->addresses.count = 1;
        str_copy_cut(link->target.host, link->addresses.text[0], PUBLISH_REDIS_ADDRESS_SIZE);
        connect_next(link);
        return;
    }
    link->state = LINK_RESOLVING;
    link->lookup = publish_redis_resolve(link->loop, link->target.host, on_addresses, link);
    if (link->lookup == NULL)
        doom_because(link, "no thread to resolve the name on");
}

void publish_redis_link_open(struct publish_redis_link *link)
{
    ASSERT(link->state == LINK_CLOSED && link->first == NULL);
    loop_timer_set(link->timer, link->target.connect_timeout_ms);
    link->state = LINK_CONNECTING;
    if (str_is_set(link->target.host))
        resolve_host(link);
    else
        connect_socket(link);
}
