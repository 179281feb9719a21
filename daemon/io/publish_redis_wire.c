#include "io/publish_redis_wire.h"

#include "common/assert.h"
#include "common/buf.h"
#include "common/memory.h"
#include "common/secret.h"
#include "io/loop.h"
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

struct publish_redis_wire {
    redisContext *context;
    redisReplyObjectFunctions reply_functions; /* hiredis' own but for arrays */
    void *(*create_array)(const redisReadTask *task, reply_elements elements);
    struct publish_redis_tls_stream *stream; /* NULL: in the clear */
    struct buf unsent;
    bool is_connected;
    bool has_heard; /* something, in the clear */
    /* TLS: before the one goes on, the socket must be ready for the other. */
    bool read_wants_write, write_wants_read;
    unsigned handshake_wants; /* 0: there is none under way */
};

static enum status fail(struct error *err, const char *why)
{
    return error_set(err, STATUS_UNAVAILABLE, "%s", why);
}

static const char too_large[] = "an answer larger than any that was asked for";

/* Connecting. */

/** What the script and the few commands answer is flat and short; all else is not a Redis. */
static void *create_small_array(const redisReadTask *task, reply_elements elements)
{
    const struct publish_redis_wire *wire = task->privdata;
    if (task->parent != NULL || elements > PUBLISH_REDIS_REPLY_ELEMENTS_MAX)
        return NULL;
    return wire->create_array(task, elements);
}

static void limit_reader(struct publish_redis_wire *wire)
{
    redisReader *reader = wire->context->reader;
    wire->reply_functions = *reader->fn;
    wire->create_array = reader->fn->createArray;
    wire->reply_functions.createArray = create_small_array;
    reader->fn = &wire->reply_functions;
    reader->privdata = wire;
}

static enum status take_context(redisContext *take_context, struct publish_redis_wire **out,
                                struct error *err)
{
    ASSERT(*out == NULL);
    if (take_context == NULL)
        return fail(err, "no memory");
    if (take_context->err != 0) {
        fail(err, take_context->errstr);
        redisFree(take_context);
        return STATUS_UNAVAILABLE;
    }
    (void)fcntl(take_context->fd, F_SETFD, FD_CLOEXEC);
    struct publish_redis_wire *wire = memory_new(sizeof(*wire));
    wire->context = take_context;
    wire->unsent.max = PUBLISH_REDIS_UNSENT_BYTES_MAX;
    wire->unsent.secret = true;
    limit_reader(wire);
    *out = wire;
    return STATUS_OK;
}

enum status publish_redis_wire_open_tcp(const char *address, uint16_t port,
                                        struct publish_redis_wire **out, struct error *err)
{
    return take_context(redisConnectNonBlock(address, port), out, err);
}

enum status publish_redis_wire_open_unix(struct str path, struct publish_redis_wire **out,
                                         struct error *err)
{
    CLEANUP(memory_freep) char *text = memory_copy_str(path);
    return take_context(redisConnectUnixNonBlock(text), out, err);
}

void publish_redis_wire_free(struct publish_redis_wire *wire)
{
    if (wire == NULL)
        return;
    publish_redis_tls_stream_free(wire->stream);
    redisFree(wire->context);
    buf_deinit(&wire->unsent);
    free(wire);
}

int publish_redis_wire_fd(const struct publish_redis_wire *wire)
{
    return wire->context->fd;
}

unsigned publish_redis_wire_wants(const struct publish_redis_wire *wire)
{
    if (!wire->is_connected)
        return LOOP_WRITE;
    if (wire->handshake_wants != 0)
        return wire->handshake_wants;
    bool has_to_write = wire->unsent.len > 0 && !wire->write_wants_read;
    return has_to_write || wire->read_wants_write ? LOOP_READ | LOOP_WRITE : LOOP_READ;
}

enum status publish_redis_wire_finish_connecting(struct publish_redis_wire *wire, struct error *err)
{
    int failure = 0;
    socklen_t size = sizeof(failure);
    if (getsockopt(wire->context->fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0)
        failure = errno;
    if (failure != 0)
        return fail(err, strerror(failure));
    if (wire->context->connection_type == REDIS_CONN_TCP)
        redisEnableKeepAlive(wire->context);
    wire->is_connected = true;
    return STATUS_OK;
}

enum status publish_redis_wire_shake_hands(struct publish_redis_wire *wire,
                                           struct publish_redis_tls *tls, struct str host,
                                           bool *ret_is_done, struct error *err)
{
    if (wire->stream == NULL) {
        enum status status =
            publish_redis_tls_stream_new(tls, wire->context->fd, host, &wire->stream, err);
        if (status != STATUS_OK)
            return status;
    }
    switch (publish_redis_tls_handshake(wire->stream, err)) {
    case TLS_DONE:
        wire->handshake_wants = 0;
        break;
    case TLS_WANTS_READ:
        wire->handshake_wants = LOOP_READ;
        break;
    case TLS_WANTS_WRITE:
        wire->handshake_wants = LOOP_WRITE;
        break;
    case TLS_OVER:
        return STATUS_UNAVAILABLE;
    }
    *ret_is_done = wire->handshake_wants == 0;
    return STATUS_OK;
}

/** Who expects TLS hangs up on the first plain command, without a word. */
static enum status fail_by_end(const struct publish_redis_wire *wire, struct error *err,
                               const char *how)
{
    bool is_mute = !wire->has_heard && wire->context->connection_type == REDIS_CONN_TCP;
    return error_set(err, STATUS_UNAVAILABLE, "%s%s", how,
                     is_mute ? " before it said anything (if it expects TLS: url = rediss://…)"
                             : "");
}

/* Writing. */

bool publish_redis_wire_append(struct publish_redis_wire *wire,
                               const struct publish_redis_command *command)
{
    char *text = NULL;
    long long len =
        redisFormatCommandArgv(&text, (int)command->count, command->words, command->lengths);
    if (len < 0)
        return false;
    bool fits = buf_append(&wire->unsent, (struct str){.data = text, .len = (size_t)len});
    secret_wipe(text, (size_t)len); /* it may be AUTH */
    redisFreeCommand(text);
    return fits;
}

/* Each: *ret_len 0 where the socket is full. */

static enum status send_plain(const struct publish_redis_wire *wire, struct str bytes,
                              size_t *ret_len, struct error *err)
{
    ssize_t put = send(wire->context->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN && errno != EINTR)
        return fail_by_end(wire, err, strerror(errno));
    *ret_len = put > 0 ? (size_t)put : 0;
    return STATUS_OK;
}

static enum status send_tls(struct publish_redis_wire *wire, struct str bytes, size_t *ret_len,
                            struct error *err)
{
    *ret_len = 0;
    switch (publish_redis_tls_write(wire->stream, bytes, ret_len, err)) {
    case TLS_DONE:
    case TLS_WANTS_WRITE:
        return STATUS_OK;
    case TLS_WANTS_READ: /* the peer began a message of its own and has not ended it */
        wire->write_wants_read = true;
        return STATUS_OK;
    case TLS_OVER:
        return STATUS_UNAVAILABLE;
    }
    return STATUS_UNAVAILABLE;
}

enum status publish_redis_wire_flush(struct publish_redis_wire *wire, struct error *err)
{
    struct str rest = buf_str(&wire->unsent);
    enum status status = STATUS_OK;
    size_t put = 1;
    wire->write_wants_read = false;
    while (rest.len > 0 && status == STATUS_OK && put > 0) {
        status = wire->stream != NULL ? send_tls(wire, rest, &put, err)
                                      : send_plain(wire, rest, &put, err);
        if (status == STATUS_OK)
            rest = str_slice(rest, put, rest.len);
    }
    buf_consume(&wire->unsent, wire->unsent.len - rest.len);
    return status;
}

/* Reading. */

/** RFC 8446 §5.1: an alert or a part of the handshake. No answer of a Redis begins like that. */
static bool begins_with_tls(const redisReader *reader)
{
    return reader->len > 0 && (reader->buf[0] == 0x15 || reader->buf[0] == 0x16);
}

static enum status receive_plain(struct publish_redis_wire *wire, struct error *err)
{
    if (redisBufferRead(wire->context) != REDIS_OK)
        return fail_by_end(wire, err, wire->context->errstr);
    if (!wire->has_heard && begins_with_tls(wire->context->reader))
        return fail(err, "it answers by TLS: url = rediss://…");
    wire->has_heard = wire->has_heard || wire->context->reader->len > 0;
    return STATUS_OK;
}

static enum status receive_tls(struct publish_redis_wire *wire, struct error *err)
{
    char bytes[PUBLISH_REDIS_TLS_READ_SIZE];
    size_t len = 0;
    wire->read_wants_write = false;
    switch (publish_redis_tls_read(wire->stream, bytes, &len, err)) {
    case TLS_DONE:
        return redisReaderFeed(wire->context->reader, bytes, len) == REDIS_OK
                   ? STATUS_OK
                   : fail(err, "no memory for an answer");
    case TLS_WANTS_READ:
        return STATUS_OK;
    case TLS_WANTS_WRITE: /* our answer to the peer's new keys */
        wire->read_wants_write = true;
        return STATUS_OK;
    case TLS_OVER:
        return STATUS_UNAVAILABLE;
    }
    return STATUS_UNAVAILABLE;
}

enum status publish_redis_wire_receive(struct publish_redis_wire *wire, struct error *err)
{
    return wire->stream != NULL ? receive_tls(wire, err) : receive_plain(wire, err);
}

enum status publish_redis_wire_next(struct publish_redis_wire *wire, struct redisReply **ret,
                                    struct error *err)
{
    void *reply = NULL;
    if (redisGetReplyFromReader(wire->context, &reply) != REDIS_OK)
        return fail(err, wire->context->err == REDIS_ERR_OOM ? too_large : wire->context->errstr);
    if (reply == NULL && wire->context->reader->len > PUBLISH_REDIS_REPLY_BYTES_MAX)
        return fail(err, too_large);
    *ret = reply;
    return STATUS_OK;
}
