/* status and metrics: health in one object, and as Prometheus text. */
#include "core/timeline.h"
#include "engine/calls.h"
#include "engine/guard.h"
#include "engine/outbox.h"
#include "engine/schedule.h"
#include "engine/view.h"

/* Both read the counts, then the bounds of the log; the counts wait here. */
struct survey {
    int64_t states[STATE_COUNT];
    void (*answer)(struct op *op, const struct event_bounds *bounds, struct now now);
};

static struct outbox_lag lag_of(const struct event_bounds *bounds, struct now now)
{
    struct outbox_lag lag = {.newest = bounds->newest, .published = bounds->published};
    lag.events = MAX_OF(bounds->newest - bounds->published, 0);
    if (bounds->oldest_unpublished_wall_ms != TIME_NONE)
        lag.ms = MAX_OF(now.wall_ms - bounds->oldest_unpublished_wall_ms, 0);
    return lag;
}

static void on_bounds(struct op *op, struct now now)
{
    const struct survey *survey = op->extra;
    if (op->read->status != STATUS_OK)
        op_fail_store(op, &op->read->error);
    else
        survey->answer(op, &op->read->bounds, now);
}

static void on_counts(struct op *op, struct now now)
{
    (void)now;
    struct survey *survey = op->extra;
    if (op->read->status != STATUS_OK) {
        op_fail_store(op, &op->read->error);
        return;
    }
    for (size_t i = 0; i < op->read->count_count; i++) {
        const struct count_row *row = &op->read->counts[i];
        const struct catalog_entry *entry = catalog_find(op->engine, row->connector);
        enum reason blocked =
            entry != NULL ? connector_blocked_reason(&entry->connector) : REASON_NONE;
        survey->states[view_state_of_count(row, blocked)] += row->count;
    }
    op_read(op, store_read_new(STORE_READ_EVENT_BOUNDS), on_bounds);
}

static void begin(struct op *op,
                  void (*answer)(struct op *, const struct event_bounds *, struct now))
{
    struct survey *survey = arena_alloc(&op->arena, sizeof(*survey));
    survey->answer = answer;
    op->extra = survey;
    op_read(op, store_read_new(STORE_READ_COUNTS), on_counts);
}

/* ---- status ---- */

static struct json *store_to_json(const struct engine *engine)
{
    struct store_health health = {0};
    engine->store.health(engine->store.ctx, &health);
    struct json *json = json_new_object();
    json_set_bool(json, "writable", health.writable);
    json_set_text(json, "last_error",
                  str_is_empty(health.last_error) ? STR_NONE : health.last_error);
    json_set_i64(json, "queued", (int64_t)health.queued);
    json_set_i64(json, "commits", (int64_t)health.commits);
    json_set_i64(json, "unsaved_answers", (int64_t)engine->unsaved.count);
    return json;
}

static struct json *redis_to_json(const struct engine *engine, struct outbox_lag lag)
{
    struct json *json = json_new_object();
    bool configured = engine->publisher.ctx != NULL;
    struct publisher_health health = {0};
    if (configured)
        engine->publisher.health(engine->publisher.ctx, &health);
    json_set_bool(json, "configured", configured);
    json_set_bool(json, "connected", health.connected);
    json_set_text(json, "address", str_is_empty(health.address) ? STR_NONE : health.address);
    json_set_text(json, "last_error",
                  str_is_empty(health.last_error) ? STR_NONE : health.last_error);
    json_set_i64(json, "reconnects", (int64_t)health.reconnects);
    json_set_i64(json, "master_changes", (int64_t)health.master_changes);
    json_set_i64(json, "lag_events", configured ? lag.events : 0);
    json_set_i64(json, "lag_ms", configured ? lag.ms : 0);
    return json;
}

static struct json *log_to_json(const struct engine *engine, const struct event_bounds *bounds)
{
    struct json *json = json_new_object();
    json_set_text(json, "log_id", str_c(engine->log_id));
    json_set_i64(json, "oldest", bounds->oldest);
    json_set_i64(json, "newest", bounds->newest);
    json_set_i64(json, "published", bounds->published);
    return json;
}

static struct json *states_to_json(const struct survey *survey)
{
    struct json *json = json_new_object();
    for (unsigned i = 0; i < STATE_COUNT; i++)
        json_set_i64(json, connection_state_text((enum connection_state)i), survey->states[i]);
    return json;
}

static struct json *refresh_to_json(const struct engine *engine)
{
    struct json *json = json_new_object();
    json_set_i64(json, "in_flight", (int64_t)engine->in_flight);
    json_set_i64(json, "tasks", (int64_t)engine->schedule.task_count);
    json_set_i64(json, "refreshed", (int64_t)engine->metrics->refreshes[OUTCOME_REFRESHED]);
    return json;
}

enum { STATUS_PROVIDERS_MAX = 100 };

static struct json *providers_to_json(const struct engine *engine)
{
    const struct endpoint *list[STATUS_PROVIDERS_MAX];
    size_t count = endpoint_list(engine, list, STATUS_PROVIDERS_MAX);
    struct json *array = json_new_array();
    for (size_t i = 0; i < count; i++) {
        const struct pacer *pacer = &list[i]->pacer;
        struct json *json = json_new_object();
        json_set_text(json, "provider", str_c(list[i]->provider));
        json_set_text(json, "endpoint", str_c(list[i]->url));
        json_set_i64(json, "in_flight", pacer->in_flight);
        json_set_i64(json, "limit", pacing_limit(pacer, (int64_t)engine->settings.max_in_flight));
        if (pacer->rate > 0)
            json_set(json, "rate_per_s", json_new_f64((double)pacer->rate / 1000));
        else
            json_set_null(json, "rate_per_s");
        json_set_text(json, "breaker", str_c(breaker_text(pacer->breaker)));
        json_append(array, json);
    }
    return array;
}

static struct json *holds_to_json(const struct engine *engine, struct now now)
{
    struct json *array = json_new_array();
    for (const struct hold *hold = engine->guard.holds; hold != NULL; hold = hold->next) {
        if (hold->is_over || hold->state != HOLD_HOLDS)
            continue;
        struct json *json = json_new_object();
        json_set_text(json, "provider", str_c(hold->provider));
        json_set_text(json, "connector", hold->named != NULL ? str_c(hold->named) : STR_NONE);
        json_set_text(json, "suspicion",
                      hold->kind == HOLD_GRANTS ? STR("grants_die") : STR("nobody_succeeds"));
        view_set_time(json, "since", hold->since_ms, now);
        view_set_time(json, "until", hold->until_ms, now);
        json_set_i64(json, "held", hold->held);
        json_append(array, json);
    }
    return array;
}

static void answer_status(struct op *op, const struct event_bounds *bounds, struct now now)
{
    const struct engine *engine = op->engine;
    size_t blocked = 0;
    for (size_t i = 0; i < engine->entry_count; i++)
        blocked += connector_blocked_reason(&engine->entries[i]->connector) != REASON_NONE;
    struct json *json = json_new_object();
    json_set_text(json, "version", STR(REFRESHD_VERSION));
    json_set_text(json, "source", str_c(engine->source));
    view_set_wall_time(json, "started_at", engine->started_wall_ms);
    json_set_bool(json, "stopping", engine->draining);
    json_set_bool(json, "memory_locked", engine->memory_locked);
    json_set_bool(json, "clock_was_unset", engine->clock_was_unset);
    json_set_i64(json, "connectors", (int64_t)engine->entry_count);
    json_set_i64(json, "connectors_blocked", (int64_t)blocked);
    json_set_i64(json, "profiles", (int64_t)profile_set_count(engine->profiles));
    json_set(json, "connections", states_to_json(op->extra));
    json_set(json, "refresh", refresh_to_json(engine));
    json_set(json, "providers", providers_to_json(engine));
    json_set(json, "holds", holds_to_json(engine, now));
    json_set(json, "store", store_to_json(engine));
    json_set(json, "redis", redis_to_json(engine, lag_of(bounds, now)));
    json_set(json, "log", log_to_json(engine, bounds));
    op_result(op, json, now);
}

void call_status(struct op *op, struct now now)
{
    (void)now;
    begin(op, answer_status);
}

/* ---- metrics ---- */

static size_t list_providers(const struct engine *engine, struct metrics_provider *ret)
{
    const struct endpoint *list[METRICS_PROVIDERS_MAX];
    size_t count = endpoint_list(engine, list, METRICS_PROVIDERS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct pacer *pacer = &list[i]->pacer;
        ret[i] = (struct metrics_provider){
            .provider = list[i]->provider,
            .endpoint = list[i]->url,
            .in_flight = pacer->in_flight,
            .limit = pacing_limit(pacer, (int64_t)engine->settings.max_in_flight),
            .rate = pacer->rate,
            .breaker_open = pacing_is_shut(pacer),
        };
    }
    return count;
}

static uint64_t count_holds(const struct engine *engine)
{
    uint64_t count = 0;
    for (const struct hold *hold = engine->guard.holds; hold != NULL; hold = hold->next)
        count += !hold->is_over && hold->state == HOLD_HOLDS;
    return count;
}

static void answer_metrics(struct op *op, const struct event_bounds *bounds, struct now now)
{
    const struct engine *engine = op->engine;
    const struct survey *survey = op->extra;
    struct store_health store = {0};
    struct publisher_health redis = {0};
    engine->store.health(engine->store.ctx, &store);
    if (engine->publisher.ctx != NULL)
        engine->publisher.health(engine->publisher.ctx, &redis);
    struct outbox_lag lag = lag_of(bounds, now);
    struct metrics_gauges gauges = {
        .connectors = engine->entry_count,
        .in_flight = engine->in_flight,
        .tasks = engine->schedule.task_count,
        .waiters = engine->ops,
        .outbox_lag_events = (uint64_t)lag.events,
        .outbox_lag_ms = lag.ms,
        .redis_connected = redis.connected,
        .store_writable = store.writable,
        .store_commits = store.commits,
        .store_writes = store.writes,
        .store_reads = store.reads,
        .redis_reconnects = redis.reconnects,
        .redis_master_changes = redis.master_changes,
        .started_wall_ms = engine->started_wall_ms,
        .version = REFRESHD_VERSION,
    };
    struct metrics_provider providers[METRICS_PROVIDERS_MAX];
    gauges.providers = providers;
    gauges.provider_count = list_providers(engine, providers);
    gauges.guard_holds = count_holds(engine);
    for (unsigned i = 0; i < STATE_COUNT; i++)
        gauges.connections[i] = (uint64_t)survey->states[i];
    CLEANUP(buf_deinit) struct buf text = {0};
    metrics_write(engine->metrics, &gauges, &text);
    struct json *json = json_new_object();
    json_set_text(json, "content_type", str_c(metrics_content_type()));
    json_set_text(json, "text", buf_str(&text));
    op_result(op, json, now);
}

void call_metrics(struct op *op, struct now now)
{
    (void)now;
    begin(op, answer_metrics);
}
