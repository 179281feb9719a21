#include "engine/outbox.h"

#include "common/assert.h"
#include "common/memory.h"
#include "engine/outbox_hash.h"
#include "engine/outbox_send.h"
#include "engine/outbox_stand.h"
#include "engine/watch.h"

#include <stdlib.h>

struct outbox *outbox_new(struct engine *engine)
{
    struct outbox *outbox = memory_new(sizeof(*outbox));
    outbox->engine = engine;
    outbox->retry_interval_ms = OUTBOX_RETRY_MIN_MS;
    outbox->rebuild_hash = true; /* an earlier life may have stopped half-way */
    return outbox;
}

void outbox_free(struct outbox *outbox)
{
    free(outbox);
}

bool outbox_is_busy(const struct engine *engine)
{
    return engine->outbox->reading || engine->outbox->under_way > 0;
}

static bool has_redis(const struct engine *engine)
{
    return engine->publisher.ctx != NULL;
}

void outbox_kick(struct engine *engine, struct now now)
{
    engine->outbox->looked = false;
    watch_log_grew(engine, now);
}

/* ---- what is next ---- */

enum outbox_next {
    NEXT_NOTHING, /* but what comes back */
    NEXT_BOUNDS,
    NEXT_PROBE,
    NEXT_BATCH,
    NEXT_HASH,
    NEXT_BEAT, /* when its time has come */
};

static enum outbox_next next_in_step(const struct outbox *outbox, struct now now)
{
    /* Before the refill: what a Redis loses is its newest writes, and only the stream tells. */
    if (outbox->rebuild_hash)
        return outbox->under_way > 0 ? NEXT_NOTHING : NEXT_HASH;
    if (now.ms >= outbox->probe_ms)
        return outbox->under_way > 0 ? NEXT_NOTHING : NEXT_BEAT;
    if (outbox->refill_to > outbox->sent || !outbox->looked)
        return outbox_send_has_room(outbox) ? NEXT_BATCH : NEXT_NOTHING;
    return outbox->under_way > 0 ? NEXT_NOTHING : NEXT_BEAT;
}

static enum outbox_next next_of(const struct outbox *outbox, struct now now)
{
    if (outbox->reading)
        return NEXT_NOTHING;
    if (!has_redis(outbox->engine)) /* the bounds alone send nothing */
        return outbox->looked && outbox->have_bounds ? NEXT_NOTHING : NEXT_BOUNDS;
    if (outbox->in_step)
        return next_in_step(outbox, now);
    if (outbox->under_way > 0)
        return NEXT_NOTHING;
    return outbox->have_bounds ? NEXT_PROBE : NEXT_BOUNDS;
}

static int64_t beat_ms(const struct outbox *outbox)
{
    return MIN_OF(outbox->heartbeat_ms, outbox->probe_ms);
}

/* Only between batches: a Redis that is busy with a backlog has other troubles. */
static bool wants_hash_anew(const struct outbox *outbox, struct now now)
{
    return outbox->hash_in_doubt || (!outbox->engine->draining && now.ms >= outbox->hash_due_ms);
}

/* A backlog of a whole day must not keep the process from ending, nor a Redis that is silent. */
static bool is_over(const struct outbox *outbox, struct now now)
{
    return outbox->drain_until_ms != 0 && now.ms >= outbox->drain_until_ms;
}

/* What is in flight yet may end in an event, and that is told too: the time begins behind it. */
static bool may_begin_to_end(const struct outbox *outbox)
{
    const struct engine *engine = outbox->engine;
    return engine->draining && outbox->drain_until_ms == 0 && engine->jobs == 0 &&
           engine->errands == 0 && engine->ops == 0;
}

static void drain(struct outbox *outbox, struct now now)
{
    const struct publisher_port *publisher = &outbox->engine->publisher;
    if (may_begin_to_end(outbox))
        outbox->drain_until_ms = now.ms + OUTBOX_DRAIN_MS;
    if (!is_over(outbox, now) || outbox->is_stopped)
        return;
    outbox->is_stopped = true;
    if (outbox->under_way > 0)
        publisher->stop(publisher->ctx);
}

void outbox_turn(struct engine *engine, struct now now)
{
    struct outbox *outbox = engine->outbox;
    drain(outbox, now);
    if (now.ms < outbox->retry_ms || is_over(outbox, now))
        return;
    switch (next_of(outbox, now)) {
    case NEXT_NOTHING:
        return;
    case NEXT_BOUNDS:
        outbox->looked = !has_redis(engine);
        outbox_stand_read_bounds(outbox);
        return;
    case NEXT_PROBE:
        outbox_stand_probe(outbox);
        return;
    case NEXT_BATCH:
        outbox_send_next(outbox);
        return;
    case NEXT_HASH:
        outbox_hash_next(outbox);
        return;
    case NEXT_BEAT:
        if (now.ms < beat_ms(outbox))
            return;
        if (!engine->draining) /* the store may have refused to learn of it */
            outbox_send_acknowledge(outbox, outbox->published, now);
        outbox->rebuild_hash = wants_hash_anew(outbox, now); /* if the probe finds all else well */
        outbox->hash_in_doubt = false;
        outbox_stand_probe(outbox);
        return;
    }
}

static int64_t step_ms(const struct outbox *outbox)
{
    switch (next_of(outbox, outbox->engine->now)) {
    case NEXT_NOTHING:
        return INT64_MAX;
    case NEXT_BEAT:
        return MAX_OF(beat_ms(outbox), outbox->retry_ms);
    case NEXT_BOUNDS:
    case NEXT_PROBE:
    case NEXT_BATCH:
    case NEXT_HASH:
        return outbox->retry_ms;
    }
    UNREACHABLE("a step of the outbox");
    return INT64_MAX;
}

int64_t outbox_next_ms(const struct engine *engine)
{
    const struct outbox *outbox = engine->outbox;
    if (outbox->is_stopped)
        return INT64_MAX;
    if (may_begin_to_end(outbox))
        return 0;
    int64_t over_ms = outbox->drain_until_ms != 0 ? outbox->drain_until_ms : INT64_MAX;
    return MIN_OF(step_ms(outbox), over_ms);
}
