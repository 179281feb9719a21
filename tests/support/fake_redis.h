/**
 * A Redis behind port/publisher.h, with the checks of the server-side script: log, stream, hash and
 * what was PUBLISHed. It can be down, emptied, another log's or ahead of ours, and each batch of
 * several under way can end in its own way.
 */
#ifndef SUPPORT_FAKE_REDIS_H
#define SUPPORT_FAKE_REDIS_H

#include "port/publisher.h"
#include "support/fake_clock.h"

struct fake_redis;

struct fake_redis_entry {
    int64_t seq;
    char *type, *subject, *json;
};

struct fake_redis_odds {
    struct fake_random *random; /* NULL: all goes well */
    int64_t unavailable;        /* nothing happened */
    int64_t answer_lost;        /* it was carried out */
    int64_t half_done;          /* some of the events were */
};

enum fake_redis_fate {
    FAKE_REDIS_REFUSED,     /* nothing happened */
    FAKE_REDIS_ANSWER_LOST, /* it was carried out */
    FAKE_REDIS_HALF_DONE,   /* some of its events were */
    FAKE_REDIS_CONFLICT,    /* "Redis stands elsewhere", though it does not */
    FAKE_REDIS_CUT,         /* the connection, with all that is under way on it */
};

/** What becomes of the batch, or the step of rebuilding the hash, that comes after `skip` others.
 */
struct fake_redis_fault {
    enum fake_redis_fate fate;
    size_t skip;
    bool of_hash;
};

/** How it was used, since the last fake_redis_forget_use(). */
struct fake_redis_use {
    size_t batches;         /* EVENTS and HISTORY */
    size_t under_way_peak;  /* requests at a time */
    size_t bytes_peak;      /* of JSON in all that was under way */
    size_t published_twice; /* events whose number had been PUBLISHed before */
};

struct fake_redis *fake_redis_new(struct fake_clock *clock, struct inbox *inbox);
void fake_redis_free(struct fake_redis *redis);
struct publisher_port fake_redis_port(struct fake_redis *redis);
void fake_redis_set_down(struct fake_redis *redis, bool down);
void fake_redis_set_odds(struct fake_redis *redis, struct fake_redis_odds odds);
/** Each request takes so long (1). */
void fake_redis_set_latency(struct fake_redis *redis, int64_t ms);
/** One at a time. */
void fake_redis_fail(struct fake_redis *redis, struct fake_redis_fault fault);
struct fake_redis_use fake_redis_use(const struct fake_redis *redis);
void fake_redis_forget_use(struct fake_redis *redis);
/** All keys are gone. */
void fake_redis_empty(struct fake_redis *redis);
/** The hash alone. */
void fake_redis_drop_hash(struct fake_redis *redis);
/** Another daemon's log stands there, its stream at this number. */
void fake_redis_set_log(struct fake_redis *redis, const char *log_id, int64_t last);
/** The stream has more than `{prefix}log` says: a script stopped half-way. */
void fake_redis_set_generated(struct fake_redis *redis, int64_t generated);

size_t fake_redis_count(const struct fake_redis *redis);
const struct fake_redis_entry *fake_redis_entry(const struct fake_redis *redis, size_t index);
size_t fake_redis_published(const struct fake_redis *redis);
/** Fields of the hash; its event of one connection, NULL: none. */
size_t fake_redis_hash_count(const struct fake_redis *redis);
const char *fake_redis_hash_get(const struct fake_redis *redis, const char *connection);
/** By another hand, or by a command of a connection that was given up. */
void fake_redis_hash_delete(struct fake_redis *redis, const char *connection);
void fake_redis_hash_put(struct fake_redis *redis, const char *connection, const char *json);
/** A second look at what the script promises: entries in order, no number twice. */
bool fake_redis_is_sound(const struct fake_redis *redis);

void fake_redis_cut(struct fake_redis *redis);
void fake_redis_reopen(struct fake_redis *redis);

#endif
