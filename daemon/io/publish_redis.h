/**
 * The publisher port over Redis (docs/redis.md is what its users may rely on). Connects
 * when it is first asked for something, says who it is, proves its rights, then pipelines what it
 * is given; a request that finds no Redis waits for the next try at most and is then answered
 * STATUS_UNAVAILABLE. Nothing here decides what is sent: that is the engine's.
 *
 *     struct publish_redis_options options = {.loop = loop, .inbox = inbox, .log = log,
 *                                             .host = STR("127.0.0.1"), .port = 6379,
 *                                             .prefix = STR("refreshd:"), .stream_maxlen = 100000};
 *     struct publish_redis *redis = publish_redis_new(&options);
 *     struct publisher_port port = publish_redis_port(redis);
 *
 * Where a batch may go on, for whoever sends one (publish_redis_script.h says why):
 * - after OK: expected_last is the batch's last sequence; batches may be pipelined that way;
 * - after a PROBE or CONFLICT with our log_id: stream_last, whether remote_last says so or less
 *   (a run that stopped half-way); less than remote_last means that the stream was deleted;
 * - nothing there (remote_known false, stream_last 0): expected_last 0;
 * - another log_id: renumber above stream_last, expected_last = stream_last, and the first event
 *   is log.restarted, which is what lets the batch pass.
 * HASH_BEGIN, ADD …, COMMIT belong to one connection: when it was lost in between, the next of
 * them is answered STATUS_UNAVAILABLE, and the rebuilding begins again.
 *
 * The process ignores SIGPIPE.
 */
#ifndef IO_PUBLISH_REDIS_H
#define IO_PUBLISH_REDIS_H

#include "common/log.h"
#include "io/loop.h"
#include "io/publish_redis_sentinel.h"
#include "port/publisher.h"

struct publish_redis;

enum {
    PUBLISH_REDIS_QUEUE_MAX = 256, /* requests not yet answered; more are refused */
    PUBLISH_REDIS_CONNECT_TIMEOUT_MS = 3000,
    PUBLISH_REDIS_COMMAND_TIMEOUT_MS = 3000,
    PUBLISH_REDIS_BACKOFF_MIN_MS = 50,
    PUBLISH_REDIS_BACKOFF_MAX_MS = 2000,
    PUBLISH_REDIS_LOOK_MS = 2000, /* so often the sentinels are asked whether it is still he */
};

/** Texts are copied. */
struct publish_redis_options {
    struct loop *loop;
    struct inbox *inbox;
    const struct log *log;
    struct str host; /* unset: socket_path counts, or the sentinels where there are any */
    uint16_t port;
    struct str socket_path;
    bool tls; /* host and port, or sentinels and master, by TLS; then the next four count */
    struct str ca_file;                             /* unset: the system's certificates */
    struct str certificate_file, key_file;          /* ours; both or none */
    const char *private_directory;                  /* borrowed; as in io/files.h */
    const struct publish_redis_sentinel *sentinels; /* who know the master; copied */
    size_t sentinel_count;                          /* at most PUBLISH_REDIS_SENTINELS_MAX */
    struct str master_name;
    struct str sentinel_username;      /* unset: the default user */
    struct str sentinel_password_file; /* unset: none */
    int64_t database;
    struct str username;      /* unset: the default user */
    struct str password;      /* from a URL */
    struct str password_file; /* instead; read at each connection, so that it may change */
    struct str prefix;
    int64_t stream_maxlen;      /* about so many entries are kept */
    struct str client_name;     /* for CLIENT LIST; unset: "refreshd" */
    int64_t connect_timeout_ms; /* these: 0 for the default */
    int64_t command_timeout_ms;
};

/** Never fails, never connects yet. */
struct publish_redis *publish_redis_new(const struct publish_redis_options *options);
/** Requests not yet answered come back as STATUS_UNAVAILABLE by the inbox first. Takes NULL. */
void publish_redis_free(struct publish_redis *redis);
struct publisher_port publish_redis_port(struct publish_redis *redis);

#endif
