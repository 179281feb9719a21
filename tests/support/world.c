#include "support/world.h"

#include "common/assert.h"
#include "common/encoding.h"
#include "common/memory.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS_AT_ONCE_MAX = 200000, CALL_MAX_MS = HOUR };

#define WORLD_PROFILE(id, habits)                                          \
    "{\"id\":\"" id "\",\"name\":\"" id "\","                              \
    "\"issuer\":\"https://" id ".example\","                               \
    "\"authorization_endpoint\":\"https://" id ".example/authorize\","     \
    "\"token_endpoint\":\"https://" id ".example/token\","                 \
    "\"userinfo_endpoint\":\"https://" id ".example/userinfo\","           \
    "\"introspection_endpoint\":\"https://" id ".example/introspect\","    \
    "\"revocation_endpoint\":\"https://" id ".example/revoke\","           \
    "\"jwks_uri\":\"https://" id ".example/jwks\","                        \
    "\"token_endpoint_auth_methods_supported\":[\"client_secret_basic\"]," \
    "\"habits\":{" habits "}}"

static const char *const profiles[] = {
    WORLD_PROFILE("rotating",
                  "\"refresh_token\":{\"rotation\":\"always\",\"replay\":\"window:10\"}"),
    WORLD_PROFILE("static", "\"refresh_token\":{\"rotation\":\"never\"}"),
    WORLD_PROFILE("plain", ""),
    WORLD_PROFILE("watched",
                  "\"refresh_token\":{\"rotation\":\"never\"},"
                  "\"security_events\":{\"issuer\":\"https://watched.example\","
                  "\"poll_endpoint\":\"https://watched.example/poll\","
                  "\"jwks_uri\":\"https://watched.example/jwks\",\"audience\":\"refreshd\","
                  "\"token_file\":\"/token\",\"poll_every_s\":10}"),
    WORLD_PROFILE("holding", "\"refresh_token\":{\"rotation\":\"always\",\"replay\":\"hold\"}"),
    "{\"id\":\"bare\",\"token_endpoint\":\"https://bare.example/token\"}",
};

/* ---- the engine's life ---- */

static void fill_entropy(void *ctx, void *bytes, size_t len)
{
    struct fake_random *random = ctx;
    unsigned char *to = bytes;
    for (size_t i = 0; i < len; i++)
        to[i] = (unsigned char)fake_random_next(random);
}

static struct profile_set *load_profiles(const struct world *world)
{
    struct profile_set *set = profile_set_new();
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
        struct json *json = NULL;
        struct profile *profile = NULL;
        struct error err = {0};
        enum status status = json_parse(str_c(profiles[i]), JSON_LIMITS_DEFAULT, &json, &err);
        if (status == STATUS_OK)
            status = profile_parse(json, STR("world"), false, &profile, &err);
        if (status != STATUS_OK)
            fprintf(stderr, "%s\n", err.text);
        ASSERT(status == STATUS_OK);
        if (world->has_transmitter)
            profile_take_events_token(profile, STR("poll-token"));
        profile_set_add(set, profile);
        json_free(json);
    }
    return set;
}

static void start(struct world *world)
{
    struct engine_options options = {
        .settings = world->settings,
        .store = fake_store_port(world->store),
        .http = fake_provider_port(world->provider),
        .publisher = world->has_redis ? fake_redis_port(world->redis) : (struct publisher_port){0},
        .entropy = {.ctx = &world->entropy, .fill = fill_entropy},
        .inbox = world->inbox,
        .vault = world->vault,
        .profiles = load_profiles(world),
        .log = &world->log,
        .metrics = &world->metrics,
        .log_id = STR("log-1"),
        .source = STR("refreshd/world"),
        .started_wall_ms = world_now(world).wall_ms,
    };
    world->engine = engine_new(&options);
    engine_start(world->engine, world_now(world));
}

static void lose_calls(struct world *world)
{
    for (struct world_call *call = world->calls; call != NULL; call = call->next) {
        if (!call->is_done)
            call->is_lost = true;
    }
}

/* An engine whose world has ended: it runs on among ports that hold nothing, so that what it has
 * under way ends and can be freed; nobody sees any of it. */
static void bury(struct world *world)
{
    struct fake_random entropy = world->entropy;
    lose_calls(world);
    fake_store_cut(world->store);
    fake_provider_cut(world->provider);
    fake_redis_cut(world->redis);
    struct now now = world_now(world);
    engine_drain(world->engine, now);
    int turns = 0;
    while (!engine_is_drained(world->engine) || turns < 4) {
        now.ms += SECOND;
        engine_turn(world->engine, now);
        turns++;
        ASSERT(turns < 100000);
    }
    engine_free(world->engine);
    world->engine = NULL;
    fake_store_reopen(world->store);
    fake_provider_reopen(world->provider);
    fake_redis_reopen(world->redis);
    world->entropy = entropy;
}

void world_crash(struct world *world)
{
    world->wants_crash = world->is_failed = false;
    world->crashes++;
    bury(world);
    start(world);
}

static void on_crash(void *ctx)
{
    ((struct world *)ctx)->wants_crash = true;
}

static void on_wrote(void *ctx, const struct store_write *write)
{
    struct world *world = ctx;
    uint64_t mix = (uint64_t)world->clock.ms ^ ((uint64_t)write->op_count << 48);
    for (size_t i = 0; i < write->op_count; i++)
        mix = mix * 31 + (uint64_t)write->ops[i].kind;
    world->trace = (world->trace ^ mix) * UINT64_C(1099511628211);
}

struct world *world_new(uint64_t seed)
{
    ASSERT(sodium_init() >= 0);
    struct world *world = memory_new(sizeof(*world));
    world->seed = seed;
    world->entropy.state = seed;
    world->roles = RPC_ROLE_ADMIN | RPC_ROLE_OPERATOR;
    world->has_redis = true;
    fake_clock_init(&world->clock);
    world->inbox = inbox_new(NULL, NULL);
    world->store = fake_store_new(&world->clock, world->inbox);
    world->provider = fake_provider_new(&world->clock, world->inbox);
    world->redis = fake_redis_new(&world->clock, world->inbox);
    uint8_t key[VAULT_KEY_BYTES] = {7};
    world->vault = vault_new(key);
    world->log = (struct log){.level = LOG_LEVEL_DEBUG, .write = log_write_stderr};
    if (getenv("WORLD_LOG") == NULL)
        world->log.level = (enum log_level)0; /* none */
    world->settings = (struct engine_settings){
        .rules =
            {
                .margin_ms = 300 * SECOND,
                .jitter_permille = 100,
                .backoff_min_ms = SECOND,
                .backoff_max_ms = 5 * MINUTE,
                .exhausted_after_ms = 4 * (int64_t)DAY,
                .notice_leads_ms = {7 * (int64_t)DAY, DAY},
                .notice_lead_count = 2,
                .idle_after_ms = 7 * (int64_t)DAY,
                .settle_ms = 5 * SECOND,
                .hold_ms = {MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR},
                .hold_count = 4,
            },
        .retention_ms = 7 * (int64_t)DAY,
        .account_labels = true,
        .max_in_flight = 64,
        .guard_window_ms = 15 * MINUTE,
    };
    fake_store_set_hooks(world->store, (struct fake_store_hooks){
                                           .ctx = world, .crash = on_crash, .wrote = on_wrote});
    start(world);
    world_settle(world);
    return world;
}

static void stop(struct world *world)
{
    engine_drain(world->engine, world_now(world));
    int64_t until_ms = world->clock.ms + 10 * MINUTE;
    while (!engine_is_drained(world->engine) && world->clock.ms < until_ms)
        world_run(world, 100);
    ASSERT(engine_is_drained(world->engine));
    engine_free(world->engine);
    world->engine = NULL;
    lose_calls(world);
}

void world_restart(struct world *world)
{
    stop(world);
    start(world);
}

void world_free(struct world *world)
{
    if (world == NULL)
        return;
    world->watch = NULL;
    stop(world);
    while (world->calls != NULL) {
        struct world_call *call = world->calls;
        world->calls = call->next;
        json_free(call->result);
        json_free(call->data);
        free(call);
    }
    fake_redis_free(world->redis);
    fake_provider_free(world->provider);
    fake_store_free(world->store);
    inbox_free(world->inbox);
    vault_free(world->vault);
    fake_clock_deinit(&world->clock);
    free(world);
}

/* ---- time ---- */

struct now world_now(const struct world *world)
{
    return fake_clock_now(&world->clock);
}

/* An engine that can't read its catalog is the end of its process; another is started shortly. */
static void start_again_if_it_failed(struct world *world)
{
    struct error err = {0};
    if (world->wants_crash || world->is_failed ||
        engine_ready(world->engine, &err) != STATUS_INTERNAL)
        return;
    world->is_failed = true;
    fake_clock_after(&world->clock, SECOND, on_crash, world);
}

static void turn(struct world *world)
{
    if (world->wants_crash)
        world_crash(world);
    engine_turn(world->engine, world_now(world));
    start_again_if_it_failed(world);
    world->tasks_peak = MAX_OF(world->tasks_peak, engine_task_count(world->engine));
    if (world->watch != NULL)
        world->watch(world->watch_ctx, world);
}

/* One step, not past until_ms; false: nothing happens up to there. */
static bool step(struct world *world, int64_t until_ms)
{
    int64_t fakes_ms = fake_clock_next_ms(&world->clock);
    int64_t engine_ms = MAX_OF(engine_next_ms(world->engine), world->clock.ms);
    if (MIN_OF(fakes_ms, engine_ms) > until_ms)
        return false;
    if (fakes_ms <= engine_ms)
        fake_clock_fire(&world->clock);
    else
        world->clock.ms = engine_ms;
    turn(world);
    return true;
}

static void run_until(struct world *world, int64_t until_ms, const bool *done, const bool *lost)
{
    int64_t at_ms = 0;
    int turns = 0;
    while ((done == NULL || !*done) && (lost == NULL || !*lost) && step(world, until_ms)) {
        turns = world->clock.ms == at_ms ? turns + 1 : 0;
        at_ms = world->clock.ms;
        ASSERT(turns < TURNS_AT_ONCE_MAX); /* the engine goes round in circles */
    }
    if (done == NULL)
        world->clock.ms = until_ms;
}

void world_run(struct world *world, int64_t ms)
{
    run_until(world, world->clock.ms + ms, NULL, NULL);
}

void world_wait(struct world *world, const struct world_call *call)
{
    run_until(world, world->clock.ms + CALL_MAX_MS, &call->is_done, &call->is_lost);
}

void world_settle(struct world *world)
{
    world_run(world, SECOND);
}

/* ---- calls ---- */

static void on_result(void *ctx, struct json *take_result)
{
    struct world_call *call = ctx;
    if (call->is_lost) {
        json_free(take_result);
        return;
    }
    ASSERT(!call->is_done);
    call->result = take_result;
    call->is_done = true;
    call->done_ms = call->world->clock.ms;
}

static void on_failure(void *ctx, struct rpc_failure failure)
{
    struct world_call *call = ctx;
    if (call->is_lost) {
        json_free(failure.data);
        return;
    }
    ASSERT(!call->is_done);
    call->code = failure.code;
    call->word = failure.code == RPC_ERROR_REFRESHD ? rpc_code_text(failure.word) : "params";
    call->data = failure.data;
    call->is_done = true;
    call->done_ms = call->world->clock.ms;
}

static struct world_call *ask(struct world *world, enum rpc_method_id method, const char *format,
                              va_list args) PRINTF_LIKE(3, 0);
static struct world_call *ask(struct world *world, enum rpc_method_id method, const char *format,
                              va_list args)
{
    char *text = NULL;
    ASSERT(vasprintf(&text, format, args) >= 0);
    struct json *params = NULL;
    struct error err = {0};
    if (json_parse(str_c(text), JSON_LIMITS_DEFAULT, &params, &err) != STATUS_OK) {
        fprintf(stderr, "%s\n%s\n", text, err.text);
        abort();
    }
    free(text);
    struct world_call *call = memory_new(sizeof(*call));
    *call = (struct world_call){
        .next = world->calls, .world = world, .word = "", .asked_ms = world->clock.ms};
    world->calls = call;
    const struct caller caller = {.uid = 1000, .gid = 1000, .pid = 42, .roles = world->roles};
    const struct reply_sink sink = {.ctx = call, .result = on_result, .failure = on_failure};
    engine_call(world->engine, method, params, &caller, sink, world_now(world));
    json_free(params);
    return call;
}

struct world_call *world_ask(struct world *world, enum rpc_method_id method, const char *format,
                             ...)
{
    va_list args;
    va_start(args, format);
    struct world_call *call = ask(world, method, format, args);
    va_end(args);
    return call;
}

struct world_call *world_do(struct world *world, enum rpc_method_id method, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct world_call *call = ask(world, method, format, args);
    va_end(args);
    world_wait(world, call);
    return call;
}

static const struct json *member(const struct world_call *call, const char *path)
{
    if (strncmp(path, "data.", 5) == 0)
        return json_get_path(call->data, str_c(path + 5));
    return json_get_path(call->result, str_c(path));
}

struct str world_text(const struct world_call *call, const char *path)
{
    return json_text(member(call, path));
}

int64_t world_number(const struct world_call *call, const char *path)
{
    return json_i64(member(call, path), -1);
}

void world_register(struct world *world, const char *connector, const char *type,
                    const char *profile, const char *client_id, const char *secret)
{
    fake_provider_accept(world->provider, client_id, secret);
    const struct world_call *call =
        world_do(world, RPC_REGISTER,
                 "{\"connector\":\"%s\",\"type\":\"%s\",\"provider\":\"%s\",\"client_id\":\"%s\","
                 "\"client_secret\":\"%s\",\"scopes\":[\"read\",\"write\"]}",
                 connector, type, profile, client_id, secret);
    ASSERT(call->is_lost || call->result != NULL);
}

struct fake_grant *world_grant(struct world *world, const char *profile, const char *client_id)
{
    struct fake_grant *grant = fake_provider_grant(world->provider, client_id);
    bool rotates = strcmp(profile, "rotating") == 0 || strcmp(profile, "holding") == 0;
    grant->rotation = rotates ? FAKE_ROTATES_ALWAYS : FAKE_ROTATES_NEVER;
    grant->grace_ms = strcmp(profile, "rotating") == 0 ? 10 * SECOND : 0;
    return grant;
}

struct world_call *world_import_grant(struct world *world, const struct fake_grant *grant,
                                      const char *connector, const char *id, const char *owner,
                                      const char *more)
{
    char access[FAKE_TOKEN_SIZE], refresh[FAKE_TOKEN_SIZE];
    return world_do(world, RPC_IMPORT,
                    "{\"connector\":\"%s\",\"connection\":\"%s\",\"owner\":%s,\"tokens\":"
                    "{\"access_token\":\"%s\",\"refresh_token\":\"%s\",\"expires_in\":%lld}%s}",
                    connector, id, owner, fake_grant_access_token(grant, access),
                    fake_grant_refresh_token(grant, refresh), (long long)grant->lifetime_s, more);
}

struct fake_grant *world_import(struct world *world, const char *connector, const char *id)
{
    const struct connector *row = fake_store_connector(world->store, str_c(connector));
    ASSERT(row != NULL);
    char profile[32], owner[256], client_id[64];
    str_copy_cut(row->provider, profile, sizeof(profile));
    snprintf(client_id, sizeof(client_id), "client-%s", connector);
    switch (row->type) {
    case CONNECTOR_SHARED:
        snprintf(owner, sizeof(owner), "{\"app\":\"app-%s\"}", id);
        break;
    case CONNECTOR_SUPERAGENT:
        snprintf(owner, sizeof(owner), "{\"superagent\":\"sa-%s\"}", id);
        break;
    case CONNECTOR_APP_USER:
    case CONNECTOR_TYPE_COUNT:
        snprintf(owner, sizeof(owner), "{\"app\":\"crm\",\"user\":\"%s\"}", id);
        break;
    }
    struct fake_grant *grant = world_grant(world, profile, client_id);
    const struct world_call *call = world_import_grant(world, grant, connector, id, owner, "");
    ASSERT(call->is_lost || call->result != NULL);
    return grant;
}

/* ---- what people see ---- */

size_t world_events(const struct world *world, const char *type, const char *subject)
{
    size_t count = 0;
    for (size_t i = 0; i < fake_store_event_count(world->store); i++) {
        const struct event_draft *draft = &fake_store_event(world->store, i)->draft;
        count += str_eq(draft->type, str_c(type)) &&
                 (subject == NULL || str_eq(draft->subject, str_c(subject)));
    }
    return count;
}

char *world_event_text(const struct world *world, const char *type, const char *subject,
                       const char *path)
{
    for (size_t i = fake_store_event_count(world->store); i-- > 0;) {
        const struct event_draft *draft = &fake_store_event(world->store, i)->draft;
        if (!str_eq(draft->type, str_c(type)) ||
            (subject != NULL && !str_eq(draft->subject, str_c(subject))))
            continue;
        struct json *data = NULL;
        ASSERT(json_parse(draft->data, JSON_LIMITS_DEFAULT, &data, NULL) == STATUS_OK);
        CLEANUP(buf_deinit) struct buf text = {0};
        const struct json *value = json_get_path(data, str_c(path));
        if (json_type(value) == JSON_TEXT)
            buf_append(&text, json_text(value));
        else
            json_write(value, &text);
        char *copy = memory_copy_str(text.len > 0 ? buf_str(&text) : STR(""));
        json_free(data);
        return copy;
    }
    return NULL;
}

const struct connection *world_connection(const struct world *world, const char *id)
{
    return fake_store_connection(world->store, str_c(id));
}

static enum reason blocked_of(const struct world *world, const struct connection *connection)
{
    const struct connector *connector = fake_store_connector(world->store, connection->connector);
    return connector != NULL ? connector_blocked_reason(connector) : REASON_NONE;
}

const char *world_state(const struct world *world, const char *id)
{
    const struct connection *connection = world_connection(world, id);
    if (connection == NULL)
        return "none";
    return connection_state_text(connection_state_of(connection, blocked_of(world, connection)));
}

const char *world_reason(const struct world *world, const char *id)
{
    const struct connection *connection = world_connection(world, id);
    if (connection == NULL)
        return "none";
    return reason_text(connection_reason_of(connection, blocked_of(world, connection)));
}
