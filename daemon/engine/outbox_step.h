/**
 * What the parts of the outbox (engine/outbox.h) share: its state, and how each step talks to the
 * store and to Redis and says how it went.
 *
 *     published ≤ at ≤ sent ≤ newest
 *
 * `published` may be above `at` only while Redis, having lost something, is refilled.
 */
#ifndef ENGINE_OUTBOX_STEP_H
#define ENGINE_OUTBOX_STEP_H

#include "engine/outbox.h"

enum { OUTBOX_CURSOR_SIZE = 144 };

/** How a batch begins where Redis was asked before it. */
enum outbox_start {
    OUTBOX_GOES_ON,
    OUTBOX_TAKES_OVER, /* from another log, with log.restarted */
    OUTBOX_REPEATS,    /* a batch that stopped half-way, for the sake of its PUBLISHes */
};

struct outbox {
    struct engine *engine;
    /* What is under way. */
    bool reading;     /* a read of the store, or the write that begins the log anew */
    size_t under_way; /* requests that the publisher has not answered */
    /* The log. */
    bool have_bounds;
    bool looked;       /* it was read up to its end since the last kick */
    int64_t published; /* highest ever acknowledged … */
    int64_t saved;     /* … as far as the store has it … */
    bool saving;       /* … or is being told */
    int64_t newest;    /* last sequence in the log */
    /* Where Redis stands. */
    bool in_step;            /* we know */
    int64_t at;              /* last sequence in Redis, of our log */
    int64_t sent;            /* last sequence in Redis or on its way */
    int64_t expected;        /* what Redis itself will call its last when all that is on its way has
                                arrived: `sent`, but less while our log takes over from another */
    enum outbox_start start; /* how the next batch begins, until Redis has taken one … */
    enum outbox_start refused_start; /* … and the way that it did not take */
    bool last_was_full;              /* the batch sent last: there is a backlog */
    int64_t refill_to;               /* 0: no refill */
    bool rebuild_hash, hash_begun;
    bool hash_in_doubt; /* a step of it was cut off, and may yet arrive */
    bool hash_exists;   /* as Redis said last */
    int64_t hash_begun_ms;
    int64_t hash_due_ms; /* when it is made anew though nothing is known to be wrong */
    char hash_cursor[OUTBOX_CURSOR_SIZE];
    /* When to go on. */
    int64_t retry_ms, retry_interval_ms, heartbeat_ms;
    int64_t probe_ms;       /* at the latest, though one batch follow upon the other */
    int64_t drain_until_ms; /* 0: the process is not ending, or something may still be told */
    bool is_stopped;        /* Redis is not waited for any more */
};

/** Lost, and not to be tried again at once. */
void outbox_step_failed(struct outbox *outbox, const struct error *err, struct now now);
void outbox_step_worked(struct outbox *outbox, struct now now);
/** Nothing is known any more: once all that is under way has come back, the log is asked and then
 * Redis. */
void outbox_step_lost(struct outbox *outbox);

struct publish_request *outbox_request_new(struct outbox *outbox, enum publish_kind kind,
                                           void (*resume)(struct completion *, struct now));
/** Its JSON, its number and what the hash does with it, copied into the request. */
void outbox_request_fill(struct publish_request *request, const struct stored_event *events,
                         size_t count, struct str source);
void outbox_request_send(struct outbox *outbox, struct publish_request *take_request);

void outbox_read_send(struct outbox *outbox, struct store_read *take_read,
                      void (*resume)(struct completion *, struct now));
/** True: it failed, was freed, and is made up for later. */
bool outbox_read_failed(struct outbox *outbox, struct store_read *read, struct now now);

#endif
