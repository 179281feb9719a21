#include "support/fake_redis.h"

#include "common/assert.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

struct field {
    char *name, *value;
};

struct hash {
    struct field *fields;
    size_t count;
};

struct fake_redis {
    struct fake_clock *clock;
    struct inbox *inbox;
    bool is_down, is_cut, is_stopped;
    int64_t latency_ms;
    struct fake_redis_odds odds;
    bool has_fault;
    struct fake_redis_fault fault;
    struct fake_redis_use use;
    size_t under_way, bytes_under_way;
    int64_t published_last;
    struct fake_redis_entry *stream;
    size_t count, capacity;
    int64_t generated;
    bool has_log;
    char log_id[40];
    int64_t last;
    struct hash hash, fresh;
    size_t published;
    struct errand *errands;
    char error[64];
};

struct errand {
    struct errand *next;
    struct fake_redis *redis;
    struct publish_request *request; /* NULL: nobody hears */
};

/* ---- keys ---- */

static void hash_clear(struct hash *hash)
{
    for (size_t i = 0; i < hash->count; i++) {
        free(hash->fields[i].name);
        free(hash->fields[i].value);
    }
    free(hash->fields);
    *hash = (struct hash){0};
}

static size_t hash_place(const struct hash *hash, struct str name)
{
    size_t i = 0;
    while (i < hash->count && !str_eq(str_c(hash->fields[i].name), name))
        i++;
    return i;
}

static void hash_delete(struct hash *hash, struct str name)
{
    size_t i = hash_place(hash, name);
    if (i == hash->count)
        return;
    free(hash->fields[i].name);
    free(hash->fields[i].value);
    hash->fields[i] = hash->fields[--hash->count];
}

static void hash_set(struct hash *hash, struct str name, struct str value)
{
    hash_delete(hash, name);
    hash->fields = memory_grow(hash->fields, (hash->count + 1) * sizeof(*hash->fields));
    hash->fields[hash->count++] =
        (struct field){.name = memory_copy_str(name), .value = memory_copy_str(value)};
}

static void stream_clear(struct fake_redis *redis)
{
    for (size_t i = 0; i < redis->count; i++) {
        free(redis->stream[i].type);
        free(redis->stream[i].subject);
        free(redis->stream[i].json);
    }
    free(redis->stream);
    redis->stream = NULL;
    redis->count = redis->capacity = 0;
}

static void stream_add(struct fake_redis *redis, const struct publish_event *event)
{
    if (redis->count == redis->capacity) {
        redis->capacity = redis->capacity == 0 ? 64 : redis->capacity * 2;
        redis->stream = memory_grow(redis->stream, redis->capacity * sizeof(*redis->stream));
    }
    redis->stream[redis->count++] = (struct fake_redis_entry){
        .seq = event->seq,
        .type = memory_copy_str(event->type),
        .subject = memory_copy_str(event->subject),
        .json = memory_copy_str(event->json),
    };
    redis->generated = event->seq;
}

/* ---- the script ---- */

static void tell(const struct fake_redis *redis, struct publish_request *request)
{
    request->remote_known = redis->has_log;
    str_copy_cut(str_c(redis->log_id), request->remote_log_id, sizeof(request->remote_log_id));
    request->remote_last = redis->last;
    request->stream_last = redis->generated;
}

static bool may_follow(const struct fake_redis *redis, const struct publish_request *request)
{
    bool is_ours = redis->has_log && str_eq(str_c(redis->log_id), request->log_id);
    int64_t upto = request->event_count > 0 ? request->events[request->event_count - 1].seq
                                            : request->expected_last;
    if (is_ours && redis->last == request->expected_last &&
        redis->generated >= request->expected_last && redis->generated <= upto)
        return true;
    bool restarts =
        request->event_count > 0 && str_eq(request->events[0].type, STR("log.restarted"));
    return redis->generated == request->expected_last && (!redis->has_log || is_ours || restarts);
}

static void publish(struct fake_redis *redis, const struct publish_request *request)
{
    for (size_t i = 0; i < request->event_count; i++) {
        redis->use.published_twice += request->events[i].seq <= redis->published_last;
        redis->published_last = MAX_OF(redis->published_last, request->events[i].seq);
    }
    redis->published += request->event_count;
}

/* @some how many events a script that fails half-way has added; the whole batch otherwise */
static enum status add_events(struct fake_redis *redis, struct publish_request *request,
                              size_t some)
{
    if (!may_follow(redis, request)) {
        tell(redis, request);
        return error_set(&request->error, STATUS_CONFLICT, "Redis stands elsewhere");
    }
    bool is_events = request->kind == PUBLISH_EVENTS;
    if (!redis->has_log || !str_eq(str_c(redis->log_id), request->log_id))
        redis->last = request->expected_last;
    str_copy_cut(request->log_id, redis->log_id, sizeof(redis->log_id));
    redis->has_log = true;
    for (size_t i = 0; i < request->event_count && is_events; i++) {
        const struct publish_event *event = &request->events[i];
        if (event->hash == HASH_SET)
            hash_set(&redis->hash, event->subject, event->json);
        else if (event->hash == HASH_DELETE)
            hash_delete(&redis->hash, event->subject);
    }
    for (size_t i = 0; i < request->event_count; i++) {
        if (some-- == 0)
            return STATUS_UNAVAILABLE;
        if (request->events[i].seq > redis->generated)
            stream_add(redis, &request->events[i]);
    }
    if (request->event_count > 0)
        redis->last = request->events[request->event_count - 1].seq;
    if (is_events)
        publish(redis, request);
    tell(redis, request);
    return STATUS_OK;
}

static enum status carry_out(struct fake_redis *redis, struct publish_request *request, size_t some)
{
    switch (request->kind) {
    case PUBLISH_PROBE:
        tell(redis, request);
        request->hash_exists = redis->hash.count > 0;
        return STATUS_OK;
    case PUBLISH_EVENTS:
    case PUBLISH_HISTORY:
        return add_events(redis, request, some);
    case PUBLISH_HASH_BEGIN:
        hash_clear(&redis->fresh);
        return STATUS_OK;
    case PUBLISH_HASH_ADD:
        for (size_t i = 0; i < request->event_count; i++)
            hash_set(&redis->fresh, request->events[i].subject, request->events[i].json);
        return STATUS_OK;
    case PUBLISH_HASH_COMMIT:
        hash_clear(&redis->hash);
        redis->hash = redis->fresh;
        redis->fresh = (struct hash){0};
        return STATUS_OK;
    }
    UNREACHABLE("a kind of request");
}

static bool happens(const struct fake_redis *redis, int64_t chance)
{
    return redis->odds.random != NULL && fake_random_happens(redis->odds.random, chance);
}

static bool is_batch(const struct publish_request *request)
{
    return request->kind == PUBLISH_EVENTS || request->kind == PUBLISH_HISTORY;
}

static bool is_fate(const struct fake_redis *redis, enum fake_redis_fate fate, int64_t chance,
                    bool is_struck)
{
    return happens(redis, chance) || (is_struck && redis->fault.fate == fate);
}

/* @is_struck by the fault that was ordered */
static void answer(struct fake_redis *redis, struct publish_request *request, bool is_struck)
{
    bool fails = is_fate(redis, FAKE_REDIS_REFUSED, redis->odds.unavailable, is_struck) ||
                 is_fate(redis, FAKE_REDIS_CUT, 0, is_struck) || redis->is_down;
    bool is_lost = is_fate(redis, FAKE_REDIS_ANSWER_LOST, redis->odds.answer_lost, is_struck);
    bool is_half = is_fate(redis, FAKE_REDIS_HALF_DONE, redis->odds.half_done, is_struck);
    if (is_fate(redis, FAKE_REDIS_CONFLICT, 0, is_struck)) {
        tell(redis, request);
        request->status = error_set(&request->error, STATUS_CONFLICT, "Redis stands elsewhere");
        return;
    }
    if (!fails)
        request->status = carry_out(redis, request, is_half ? request->event_count / 2 : SIZE_MAX);
    if (fails || is_lost || is_half)
        request->status = error_set(&request->error, STATUS_UNAVAILABLE, "connection lost");
}

static bool is_struck(struct fake_redis *redis, const struct publish_request *request)
{
    bool fits = redis->fault.of_hash ? !is_batch(request) && request->kind != PUBLISH_PROBE
                                     : is_batch(request);
    if (!redis->has_fault || !fits || redis->fault.skip-- > 0)
        return false;
    redis->has_fault = false;
    return true;
}

static size_t json_bytes(const struct publish_request *request)
{
    size_t bytes = 0;
    for (size_t i = 0; i < request->event_count; i++)
        bytes += request->events[i].json.len;
    return bytes;
}

static void give_back(struct fake_redis *redis, struct publish_request *request)
{
    redis->under_way--;
    redis->bytes_under_way -= json_bytes(request);
    inbox_put(redis->inbox, &request->completion);
}

static void refuse(struct fake_redis *redis, struct publish_request *request)
{
    request->status = error_set(&request->error, STATUS_UNAVAILABLE, "gone");
    give_back(redis, request);
}

static void refuse_all(struct fake_redis *redis)
{
    for (struct errand *errand = redis->errands; errand != NULL; errand = errand->next) {
        if (errand->request != NULL)
            refuse(redis, errand->request);
        errand->request = NULL;
    }
}

static void finish(void *ctx)
{
    struct errand *errand = ctx;
    struct fake_redis *redis = errand->redis;
    struct errand **link = &redis->errands;
    while (*link != errand)
        link = &(*link)->next;
    *link = errand->next;
    if (errand->request != NULL && redis->is_stopped) {
        refuse(redis, errand->request);
    } else if (errand->request != NULL) {
        bool strikes = is_struck(redis, errand->request);
        answer(redis, errand->request, strikes);
        give_back(redis, errand->request);
        if (strikes && redis->fault.fate == FAKE_REDIS_CUT)
            refuse_all(redis);
    }
    free(errand);
}

static void note_use(struct fake_redis *redis, const struct publish_request *request)
{
    struct fake_redis_use *use = &redis->use;
    redis->under_way++;
    redis->bytes_under_way += json_bytes(request);
    use->batches += is_batch(request);
    use->under_way_peak = MAX_OF(use->under_way_peak, redis->under_way);
    use->bytes_peak = MAX_OF(use->bytes_peak, redis->bytes_under_way);
}

static void on_send(void *ctx, struct publish_request *request)
{
    struct fake_redis *redis = ctx;
    note_use(redis, request);
    if (redis->is_cut) {
        refuse(redis, request);
        return;
    }
    struct errand *errand = memory_new(sizeof(*errand));
    *errand = (struct errand){.redis = redis, .request = request};
    struct errand **link = &redis->errands;
    while (*link != NULL) /* oldest first, as a connection's answers come */
        link = &(*link)->next;
    *link = errand;
    fake_clock_after(redis->clock, redis->is_stopped ? 0 : redis->latency_ms, finish, errand);
}

static void on_health(void *ctx, struct publisher_health *ret_health)
{
    const struct fake_redis *redis = ctx;
    *ret_health = (struct publisher_health){.connected = !redis->is_down};
}

static void on_stopped(void *ctx)
{
    refuse_all(ctx);
}

static void on_stop(void *ctx)
{
    struct fake_redis *redis = ctx;
    redis->is_stopped = true;
    fake_clock_after(redis->clock, 0, on_stopped, redis);
}

void fake_redis_cut(struct fake_redis *redis)
{
    redis->is_cut = true;
    refuse_all(redis);
}

void fake_redis_reopen(struct fake_redis *redis)
{
    redis->is_cut = false;
}

/* ---- setting up, looking at ---- */

struct fake_redis *fake_redis_new(struct fake_clock *clock, struct inbox *inbox)
{
    struct fake_redis *redis = memory_new(sizeof(*redis));
    redis->clock = clock;
    redis->inbox = inbox;
    redis->latency_ms = 1;
    return redis;
}

void fake_redis_free(struct fake_redis *redis)
{
    if (redis == NULL)
        return;
    while (redis->errands != NULL) {
        struct errand *errand = redis->errands;
        redis->errands = errand->next;
        free(errand);
    }
    stream_clear(redis);
    hash_clear(&redis->hash);
    hash_clear(&redis->fresh);
    free(redis);
}

struct publisher_port fake_redis_port(struct fake_redis *redis)
{
    redis->is_stopped = false; /* by an engine before */
    return (struct publisher_port){
        .ctx = redis, .send = on_send, .health = on_health, .stop = on_stop};
}

void fake_redis_set_down(struct fake_redis *redis, bool down)
{
    redis->is_down = down;
}

void fake_redis_set_odds(struct fake_redis *redis, struct fake_redis_odds odds)
{
    redis->odds = odds;
}

void fake_redis_set_latency(struct fake_redis *redis, int64_t ms)
{
    redis->latency_ms = ms;
}

void fake_redis_fail(struct fake_redis *redis, struct fake_redis_fault fault)
{
    redis->has_fault = true;
    redis->fault = fault;
}

struct fake_redis_use fake_redis_use(const struct fake_redis *redis)
{
    return redis->use;
}

void fake_redis_forget_use(struct fake_redis *redis)
{
    redis->use = (struct fake_redis_use){0};
}

void fake_redis_empty(struct fake_redis *redis)
{
    stream_clear(redis);
    hash_clear(&redis->hash);
    hash_clear(&redis->fresh);
    redis->generated = redis->last = 0;
    redis->has_log = false;
    redis->log_id[0] = '\0';
}

void fake_redis_drop_hash(struct fake_redis *redis)
{
    hash_clear(&redis->hash);
}

void fake_redis_set_log(struct fake_redis *redis, const char *log_id, int64_t last)
{
    str_copy_cut(str_c(log_id), redis->log_id, sizeof(redis->log_id));
    redis->has_log = true;
    redis->last = redis->generated = last;
}

void fake_redis_set_generated(struct fake_redis *redis, int64_t generated)
{
    redis->generated = generated;
}

size_t fake_redis_count(const struct fake_redis *redis)
{
    return redis->count;
}

const struct fake_redis_entry *fake_redis_entry(const struct fake_redis *redis, size_t index)
{
    return &redis->stream[index];
}

size_t fake_redis_published(const struct fake_redis *redis)
{
    return redis->published;
}

size_t fake_redis_hash_count(const struct fake_redis *redis)
{
    return redis->hash.count;
}

const char *fake_redis_hash_get(const struct fake_redis *redis, const char *connection)
{
    size_t i = hash_place(&redis->hash, str_c(connection));
    return i < redis->hash.count ? redis->hash.fields[i].value : NULL;
}

void fake_redis_hash_delete(struct fake_redis *redis, const char *connection)
{
    hash_delete(&redis->hash, str_c(connection));
}

void fake_redis_hash_put(struct fake_redis *redis, const char *connection, const char *json)
{
    hash_set(&redis->hash, str_c(connection), str_c(json));
}

bool fake_redis_is_sound(const struct fake_redis *redis)
{
    for (size_t i = 1; i < redis->count; i++) {
        if (redis->stream[i].seq <= redis->stream[i - 1].seq)
            return false;
    }
    return true;
}
