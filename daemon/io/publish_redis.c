#include "io/publish_redis.h"

#include "common/assert.h"
#include "common/memory.h"
#include "io/publish_redis_error.h"
#include "io/publish_redis_session.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

/** A request on its way. */
struct call {
    struct call *next; /* while it waits */
    struct publish_redis *redis;
    struct publish_request *request;
    bool came_back; /* once, since Redis had lost the script */
};

struct publish_redis {
    struct publish_redis_options options;
    struct arena arena; /* the options' texts, the keys */
    struct publish_redis_sentinel sentinels[PUBLISH_REDIS_SENTINELS_MAX];
    struct publish_redis_keys keys;
    struct publish_redis_session *session;
    struct call *first, **last; /* waiting to be sent, oldest first */
    size_t call_count;          /* waiting or on the wire … */
    size_t on_wire;             /* … and how many of them there */
    struct call **came_back;    /* where the next that comes back has its place among those waiting;
                                   NULL: Redis has the script */
    bool hash_open;      /* HASH_BEGIN was done on this connection, and no ADD failed since */
    bool hash_in_flight; /* the next one waits: a COMMIT must know how the ADDs ended */
    uint64_t hash_fields;
    struct error trouble; /* text empty: none since the last success */
    struct error told;    /* what the log has last been told */
    struct error concern; /* what the sentinels say though all is well; text empty: nothing */
    char peer[PUBLISH_REDIS_PEER_SIZE]; /* whom it was last connected to */
    uint64_t master_changes;
    bool is_stopped; /* nothing is sent any more */
};

/* Answers. */

static void finish(struct call *call)
{
    struct publish_redis *redis = call->redis;
    struct publish_request *request = call->request;
    redis->call_count--;
    free(call);
    inbox_put(redis->options.inbox, &request->completion);
}

static void fail(struct call *call, const struct error *why)
{
    call->request->status = STATUS_UNAVAILABLE;
    call->request->error = *why;
    call->request->error.status = STATUS_UNAVAILABLE;
    finish(call);
}

static struct call *shift_call(struct publish_redis *redis)
{
    struct call *call = redis->first;
    if (call == NULL)
        return NULL;
    redis->first = call->next;
    if (redis->first == NULL)
        redis->last = &redis->first;
    return call;
}

static void fail_waiting(struct publish_redis *redis, const struct error *why)
{
    struct call *call;
    while ((call = shift_call(redis)) != NULL)
        fail(call, why);
}

/** Once for each trouble, not once for each try. */
static void note_trouble(struct publish_redis *redis, const struct error *why)
{
    redis->trouble = *why;
    if (str_eq(str_c(why->text), str_c(redis->told.text)))
        return;
    redis->told = *why;
    log_plain(redis->options.log, LOG_LEVEL_WARNING, "redis.trouble", why->text);
}

/* Requests to commands. */

static void send_waiting(struct publish_redis *redis);
static void on_reply(void *user, const struct redisReply *reply);

static bool is_hash(enum publish_kind kind)
{
    return kind == PUBLISH_HASH_BEGIN || kind == PUBLISH_HASH_ADD || kind == PUBLISH_HASH_COMMIT;
}

static void add_fields(struct publish_redis_command *command, const struct publish_request *request)
{
    for (size_t i = 0; i < request->event_count; i++) {
        publish_redis_command_add(command, request->events[i].subject);
        publish_redis_command_add(command, request->events[i].json);
    }
}

static void compose(const struct publish_redis *redis, const struct publish_request *request,
                    struct publish_redis_command *command)
{
    switch (request->kind) {
    case PUBLISH_PROBE:
    case PUBLISH_EVENTS:
    case PUBLISH_HISTORY:
        publish_redis_script_call(command, publish_redis_session_sha(redis->session), &redis->keys,
                                  request);
        return;
    case PUBLISH_HASH_BEGIN:
        publish_redis_command_add(command, STR("DEL"));
        publish_redis_command_add(command, redis->keys.hash_new);
        return;
    case PUBLISH_HASH_ADD:
        publish_redis_command_add(command, STR("HSET"));
        publish_redis_command_add(command, redis->keys.hash_new);
        add_fields(command, request);
        return;
    case PUBLISH_HASH_COMMIT:
        publish_redis_command_add(command, redis->hash_fields > 0 ? STR("RENAME") : STR("DEL"));
        if (redis->hash_fields > 0)
            publish_redis_command_add(command, redis->keys.hash_new);
        publish_redis_command_add(command, redis->keys.hash);
        return;
    }
}

static const char *kind_text(enum publish_kind kind)
{
    switch (kind) {
    case PUBLISH_PROBE:
        return "asking where the stream stands";
    case PUBLISH_EVENTS:
        return "publishing events";
    case PUBLISH_HISTORY:
        return "refilling the stream";
    case PUBLISH_HASH_BEGIN:
    case PUBLISH_HASH_ADD:
    case PUBLISH_HASH_COMMIT:
        return "rebuilding the hash";
    }
    return "";
}

/** True where the request was answered without a word to Redis. */
static bool settle_without_redis(struct publish_redis *redis, struct call *call)
{
    struct publish_request *request = call->request;
    bool needs_begin = request->kind == PUBLISH_HASH_ADD || request->kind == PUBLISH_HASH_COMMIT;
    if (needs_begin && !redis->hash_open) {
        struct error why;
        error_set(&why, STATUS_UNAVAILABLE, "rebuilding the hash was interrupted: it begins again");
        fail(call, &why);
        return true;
    }
    if (request->kind == PUBLISH_HASH_ADD && request->event_count == 0) {
        request->status = STATUS_OK;
        finish(call);
        return true;
    }
    return false;
}

static void send_call(struct publish_redis *redis, struct call *call)
{
    CLEANUP(publish_redis_command_deinit) struct publish_redis_command command = {0};
    compose(redis, call->request, &command);
    redis->hash_in_flight = redis->hash_in_flight || is_hash(call->request->kind);
    redis->on_wire++;
    publish_redis_session_send(redis->session, &command, on_reply, call);
}

static void send_waiting(struct publish_redis *redis)
{
    if (redis->came_back != NULL)
        return;
    while (publish_redis_session_is_ready(redis->session) && redis->first != NULL) {
        if (redis->hash_in_flight && is_hash(redis->first->request->kind))
            return;
        struct call *call = shift_call(redis);
        if (!settle_without_redis(redis, call))
            send_call(redis, call);
    }
}

/* Replies. */

static void on_script_loaded(void *user UNUSED, const struct redisReply *reply UNUSED)
{
    /* What was sent behind it shows whether it worked. */
}

/** Batches follow upon one another: what comes back keeps its place before all that waits, and
 * nothing is sent before everything that is on the wire has come back too. */
static void put_back(struct publish_redis *redis, struct call *call)
{
    if (redis->came_back == NULL)
        redis->came_back = &redis->first;
    call->came_back = true;
    call->next = *redis->came_back;
    *redis->came_back = call;
    redis->came_back = &call->next;
    if (call->next == NULL)
        redis->last = &call->next;
}

static void send_script_again(struct publish_redis *redis)
{
    CLEANUP(publish_redis_command_deinit) struct publish_redis_command command = {0};
    publish_redis_command_add(&command, STR("SCRIPT"));
    publish_redis_command_add(&command, STR("LOAD"));
    publish_redis_command_add(&command, str_c(publish_redis_script_lua));
    publish_redis_session_send(redis->session, &command, on_script_loaded, NULL);
    redis->came_back = NULL;
}

static void read_hash_reply(struct publish_redis *redis, struct publish_request *request,
                            const struct redisReply *reply)
{
    bool renamed = request->kind == PUBLISH_HASH_COMMIT && redis->hash_fields > 0;
    bool fits = renamed ? reply->type == REDIS_REPLY_STATUS : reply->type == REDIS_REPLY_INTEGER;
    request->status = STATUS_OK;
    if (!fits)
        request->status = error_set(&request->error, STATUS_UNAVAILABLE,
                                    "%s: an answer that no Redis gives", kind_text(request->kind));
}

/** A rebuilt hash is whole or does not come to be. */
static void follow_hash(struct publish_redis *redis, const struct publish_request *request)
{
    redis->hash_in_flight = false;
    redis->hash_open = request->status == STATUS_OK && request->kind != PUBLISH_HASH_COMMIT;
    if (request->kind == PUBLISH_HASH_BEGIN)
        redis->hash_fields = 0;
    else
        redis->hash_fields += request->event_count;
}

static void read_reply(struct publish_redis *redis, struct publish_request *request,
                       const struct redisReply *reply)
{
    struct str refused = STR_NONE;
    if (reply->type == REDIS_REPLY_ERROR)
        request->status =
            publish_redis_fault_set(&request->error, kind_text(request->kind),
                                    (struct str){.data = reply->str, .len = (size_t)reply->len});
    else if (is_hash(request->kind))
        read_hash_reply(redis, request, reply);
    else
        publish_redis_script_answer(reply, request, &refused);
    if (is_hash(request->kind))
        follow_hash(redis, request);

    struct error why = request->error;
    if (request->status == STATUS_OK && !str_is_set(refused)) {
        redis->trouble.text[0] = '\0';
        redis->told.text[0] = '\0';
        return;
    }
    if (request->status == STATUS_CONFLICT)
        return;
    if (request->status == STATUS_OK)
        (void)publish_redis_fault_set(&why, "PUBLISH", refused);
    note_trouble(redis, &why);
}

static bool is_noscript(const struct redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR &&
           publish_redis_fault_of((struct str){.data = reply->str, .len = (size_t)reply->len}) ==
               PUBLISH_REDIS_FAULT_NOSCRIPT;
}

/** A master that has become a replica: its name may lead to the new master by now. */
static void leave_replica(struct publish_redis *redis, const struct redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR)
        return;
    enum publish_redis_fault fault =
        publish_redis_fault_of((struct str){.data = reply->str, .len = (size_t)reply->len});
    if (fault == PUBLISH_REDIS_FAULT_READONLY || fault == PUBLISH_REDIS_FAULT_MASTERDOWN)
        publish_redis_session_abandon(redis->session, &redis->trouble);
}

static void on_reply(void *user, const struct redisReply *reply)
{
    struct call *call = user;
    struct publish_redis *redis = call->redis;
    redis->on_wire--;
    if (reply == NULL) {
        fail(call, publish_redis_session_why(redis->session));
        return;
    }
    if (is_noscript(reply) && !call->came_back) {
        put_back(redis, call);
    } else {
        read_reply(redis, call->request, reply);
        finish(call);
        leave_replica(redis, reply);
    }
    if (redis->came_back != NULL && redis->on_wire == 0)
        send_script_again(redis);
    send_waiting(redis);
}

/* The session. */

/** The sentinels have led to another one than before. */
static void note_master(struct publish_redis *redis)
{
    struct str peer = str_c(publish_redis_session_peer(redis->session));
    bool is_another = redis->peer[0] != '\0' && !str_eq(peer, str_c(redis->peer));
    if (is_another) {
        redis->master_changes++;
        log_write(redis->options.log, LOG_LEVEL_NOTICE, "redis.master_changed",
                  "another Redis is the master now", LOG_TEXT("from", str_c(redis->peer)),
                  LOG_TEXT("to", peer));
    }
    str_copy_cut(peer, redis->peer, sizeof(redis->peer));
}

static void on_ready(void *ctx)
{
    struct publish_redis *redis = ctx;
    redis->told.text[0] = '\0';
    redis->trouble.text[0] = '\0';
    redis->concern.text[0] = '\0';
    note_master(redis);
    log_write(redis->options.log, LOG_LEVEL_INFO, "redis.connected", "connected to Redis",
              LOG_TEXT("address", str_c(redis->peer)),
              LOG_I64("connections", publish_redis_session_connections(redis->session)));
    send_waiting(redis);
}

static void on_lost(void *ctx, const struct error *why)
{
    struct publish_redis *redis = ctx;
    redis->hash_open = false;
    redis->hash_in_flight = false;
    redis->came_back = NULL;
    note_trouble(redis, why);
    fail_waiting(redis, why);
}

/** Redis works; but a failover would not be noticed. */
static void on_looked(void *ctx, const struct error *why)
{
    struct publish_redis *redis = ctx;
    if (why == NULL) {
        redis->concern.text[0] = '\0';
        return;
    }
    if (!str_eq(str_c(redis->concern.text), str_c(why->text)))
        log_plain(redis->options.log, LOG_LEVEL_WARNING, "redis.sentinels", why->text);
    redis->concern = *why;
}

static bool is_wanted(void *ctx)
{
    const struct publish_redis *redis = ctx;
    return redis->first != NULL;
}

/* The port. */

static const char stopped[] = "refreshd is stopping: what Redis has not taken waits in the log";

static void port_send(void *ctx, struct publish_request *request)
{
    struct publish_redis *redis = ctx;
    struct call *call = memory_new(sizeof(*call));
    *call = (struct call){.redis = redis, .request = request};
    redis->call_count++;
    struct error why;
    if (redis->is_stopped) {
        error_set(&why, STATUS_UNAVAILABLE, "%s", stopped);
        fail(call, &why);
        return;
    }
    if (redis->call_count > PUBLISH_REDIS_QUEUE_MAX) {
        error_set(&why, STATUS_UNAVAILABLE, "more than %d requests wait for Redis",
                  PUBLISH_REDIS_QUEUE_MAX);
        fail(call, &why);
        return;
    }
    *redis->last = call;
    redis->last = &call->next;
    publish_redis_session_want(redis->session);
    send_waiting(redis);
}

/** What is on the wire is told by the link that is given up, on the loop's next round. */
static void port_stop(void *ctx)
{
    struct publish_redis *redis = ctx;
    struct error why;
    error_set(&why, STATUS_UNAVAILABLE, "%s", stopped);
    redis->is_stopped = true;
    publish_redis_session_abandon(redis->session, &why);
    fail_waiting(redis, &why);
}

static void port_health(void *ctx, struct publisher_health *ret_health)
{
    const struct publish_redis *redis = ctx;
    uint64_t connections = publish_redis_session_connections(redis->session);
    bool is_ready = publish_redis_session_is_ready(redis->session);
    const struct error *worst = redis->trouble.text[0] != '\0' ? &redis->trouble : &redis->concern;
    *ret_health = (struct publisher_health){
        .connected = is_ready,
        .address = is_ready ? str_c(publish_redis_session_peer(redis->session)) : STR_NONE,
        .last_error = worst->text[0] != '\0' ? str_c(worst->text) : STR_NONE,
        .reconnects = connections > 0 ? connections - 1 : 0,
        .master_changes = redis->master_changes,
    };
}

struct publisher_port publish_redis_port(struct publish_redis *redis)
{
    return (struct publisher_port){
        .ctx = redis, .send = port_send, .health = port_health, .stop = port_stop};
}

static void copy_sentinels(struct publish_redis *redis, const struct publish_redis_options *options)
{
    struct publish_redis_options *own = &redis->options;
    ASSERT(options->sentinel_count <= PUBLISH_REDIS_SENTINELS_MAX);
    for (size_t i = 0; i < options->sentinel_count; i++)
        redis->sentinels[i] = (struct publish_redis_sentinel){
            .host = arena_copy(&redis->arena, options->sentinels[i].host),
            .port = options->sentinels[i].port,
        };
    own->sentinels = redis->sentinels;
    own->master_name = arena_copy(&redis->arena, options->master_name);
    own->sentinel_username = arena_copy(&redis->arena, options->sentinel_username);
    own->sentinel_password_file = arena_copy(&redis->arena, options->sentinel_password_file);
}

static void copy_options(struct publish_redis *redis, const struct publish_redis_options *options)
{
    struct publish_redis_options *own = &redis->options;
    *own = *options;
    own->host = arena_copy(&redis->arena, options->host);
    own->socket_path = arena_copy(&redis->arena, options->socket_path);
    own->ca_file = arena_copy(&redis->arena, options->ca_file);
    own->certificate_file = arena_copy(&redis->arena, options->certificate_file);
    own->key_file = arena_copy(&redis->arena, options->key_file);
    own->username = arena_copy(&redis->arena, options->username);
    own->password = arena_copy(&redis->arena, options->password);
    own->password_file = arena_copy(&redis->arena, options->password_file);
    copy_sentinels(redis, options);
    own->prefix = arena_copy(&redis->arena, options->prefix);
    own->client_name = str_is_set(options->client_name)
                           ? arena_copy(&redis->arena, options->client_name)
                           : STR("refreshd");
    if (own->connect_timeout_ms == 0)
        own->connect_timeout_ms = PUBLISH_REDIS_CONNECT_TIMEOUT_MS;
    if (own->command_timeout_ms == 0)
        own->command_timeout_ms = PUBLISH_REDIS_COMMAND_TIMEOUT_MS;
}

struct publish_redis *publish_redis_new(const struct publish_redis_options *options)
{
    struct publish_redis *redis = memory_new(sizeof(*redis));
    copy_options(redis, options);
    publish_redis_keys_init(&redis->keys, &redis->arena, redis->options.prefix,
                            redis->options.stream_maxlen);
    redis->session = publish_redis_session_new(&redis->options, &redis->keys,
                                               (struct publish_redis_session_events){
                                                   .ctx = redis,
                                                   .ready = on_ready,
                                                   .lost = on_lost,
                                                   .looked = on_looked,
                                                   .is_wanted = is_wanted,
                                               });
    redis->last = &redis->first;
    return redis;
}

void publish_redis_free(struct publish_redis *redis)
{
    if (redis == NULL)
        return;
    publish_redis_session_free(redis->session);
    struct error why;
    error_set(&why, STATUS_UNAVAILABLE, "refreshd lets go of Redis");
    fail_waiting(redis, &why);
    arena_deinit(&redis->arena);
    free(redis);
}
