/**
 * Redis, as a projection of the log (docs/redis.md). The engine decides what is sent and
 * where to go on; the implementation connects by itself when it is asked for something, has its own
 * timers, and answers STATUS_UNAVAILABLE within seconds whatever the peer does.
 *
 *     probe → where does the stream stand? → publish, publish, … → REMOTE_DIFFERS → probe …
 */
#ifndef PORT_PUBLISHER_H
#define PORT_PUBLISHER_H

#include "common/arena.h"
#include "port/inbox.h"

/** What the hash of connections in need does with an event. */
enum hash_change {
    HASH_KEEP,
    HASH_SET,    /* field subject := the event */
    HASH_DELETE, /* field subject */
};

struct publish_event {
    int64_t seq;
    struct str type, subject;
    struct str json; /* the whole CloudEvents object */
    enum hash_change hash;
};

enum publish_kind {
    PUBLISH_PROBE,       /* only ask; fills remote_* and hash_exists */
    PUBLISH_EVENTS,      /* check, hash, XADD, PUBLISH; in order of seq */
    PUBLISH_HISTORY,     /* as EVENTS without hash and PUBLISH: refill an emptied stream */
    PUBLISH_HASH_BEGIN,  /* start a new hash under another name, dropping an unfinished one */
    PUBLISH_HASH_ADD,    /* HSET events[] (subject → json) there */
    PUBLISH_HASH_COMMIT, /* RENAME it over the real one (or DEL the real one when it is empty) */
};

struct publish_request {
    struct completion completion;
    enum publish_kind kind;
    struct arena arena; /* holds arguments */
    struct str log_id;
    struct publish_event *events;
    size_t event_count;
    int64_t expected_last; /* EVENTS, HISTORY: the last sequence that must stand in Redis already
                              (0: none); otherwise nothing is sent and the status is CONFLICT */
    /* Result: OK, CONFLICT (Redis stands elsewhere: see remote_*), UNAVAILABLE (not connected,
     * refused, timed out: it may or may not have been carried out; probe). */
    enum status status;
    struct error error;
    bool remote_known; /* `{prefix}log` exists */
    char remote_log_id[40];
    int64_t remote_last; /* last sequence as `{prefix}log` has it */
    int64_t stream_last; /* last-generated-id of the stream; 0: empty or none */
    bool hash_exists;    /* PROBE: the hash of connections in need has a field at least */
    void *user;
};

struct publish_request *publish_request_new(enum publish_kind kind);
void publish_request_free(struct publish_request *request);

struct publisher_health {
    bool connected;
    struct str address;    /* of the Redis it is connected to; borrowed as last_error is */
    struct str last_error; /* borrowed until the next call */
    uint64_t reconnects;
    uint64_t master_changes; /* connections to another address than the one before: failovers */
};

struct publisher_port {
    void *ctx; /* NULL: no Redis is configured; then nothing is ever sent */
    void (*send)(void *ctx, struct publish_request *request);
    void (*health)(void *ctx, struct publisher_health *ret_health);
    /** The process ends: all that is not answered comes back as STATUS_UNAVAILABLE by the inbox, at
     * once and whatever the peer does; so does whatever is sent afterwards. */
    void (*stop)(void *ctx);
};

#endif
