#include "engine/engine.h"

#include "common/assert.h"
#include "common/memory.h"
#include "engine/audit.h"
#include "engine/calls.h"
#include "engine/connector_write.h"
#include "engine/credentials.h"
#include "engine/endpoint.h"
#include "engine/flow.h"
#include "engine/guard.h"
#include "engine/job.h"
#include "engine/job_save.h"
#include "engine/outbox.h"
#include "engine/readers.h"
#include "engine/reports.h"
#include "engine/revocation.h"
#include "engine/schedule.h"
#include "engine/sets.h"
#include "engine/sweep.h"
#include "engine/watch.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PURGE_EVERY_MS = 10 * 60 * 1000,
    RECOVER_PAGE = 256,
    RECOVER_RETRY_MS = 250,
    STUCK_AFTER_MS = 30 * 1000,
    RESUMES_PER_TURN_MAX = 4096,
};

/* ---- life ---- */

struct engine *engine_new(struct engine_options *take_options)
{
    struct engine *engine = memory_new(sizeof(*engine));
    engine->settings = take_options->settings;
    engine->store = take_options->store;
    engine->http = take_options->http;
    engine->publisher = take_options->publisher;
    engine->entropy = take_options->entropy;
    engine->inbox = take_options->inbox;
    engine->vault = take_options->vault;
    engine->profiles = take_options->profiles;
    engine->log = take_options->log;
    engine->metrics = take_options->metrics;
    engine->log_id = memory_copy_str(take_options->log_id);
    engine->source = memory_copy_str(take_options->source);
    engine->memory_locked = take_options->memory_locked;
    engine->clock_was_unset = take_options->clock_was_unset;
    engine->started_wall_ms = take_options->started_wall_ms;
    engine->outbox = outbox_new(engine);
    return engine;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    watch_free(engine);
    audit_free(engine);
    readers_free(engine);
    sets_free(engine);
    reports_free(engine);
    schedule_free(engine);
    guard_free(engine);
    catalog_clear(engine);
    endpoint_free_all(engine);
    outbox_free(engine->outbox);
    profile_set_free(engine->profiles);
    heap_deinit(&engine->unsaved);
    heap_deinit(&engine->op_retries);
    free(engine->log_id);
    free(engine->source);
    free(engine);
}

uint64_t engine_random(struct engine *engine)
{
    uint64_t number;
    engine->entropy.fill(engine->entropy.ctx, &number, sizeof(number));
    return number;
}

struct str engine_new_id(struct engine *engine, const char *prefix, char text[ENGINE_ID_SIZE])
{
    int len = snprintf(text, ENGINE_ID_SIZE, "%s%016llx", prefix,
                       (unsigned long long)engine_random(engine));
    ASSERT(len > 0 && len < ENGINE_ID_SIZE);
    return (struct str){.data = text, .len = (size_t)len};
}

/* ---- start: catalog, then attempts that a crash left open ---- */

static void on_open_attempts(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct engine *engine = read->user;
    engine->background--;
    if (read->status != STATUS_OK) {
        log_write(engine->log, LOG_LEVEL_ERROR, "start.attempts_unread", read->error.text,
                  LOG_TEXT("status", str_c(status_text(read->status))));
        engine->recovery = RECOVERY_WAITS;
        engine->recovery_retry_ms = now.ms + RECOVER_RETRY_MS;
        store_read_free(read);
        return;
    }
    for (size_t i = 0; i < read->connection_count; i++) {
        const struct connection *connection = &read->connections[i];
        struct catalog_entry *entry = catalog_find(engine, connection->connector);
        struct task *task = entry != NULL ? task_get(engine, connection->id, entry) : NULL;
        if (task == NULL)
            continue; /* its due time brings it, at the latest */
        task->due_ms = now.ms;
        task->stored_due_ms = connection->due_ms;
        task->expires_ms = connection->expires_ms;
        task->recovers = true;
        schedule_force(engine, task, now);
    }
    if (read->connection_count > 0)
        log_write(engine->log, LOG_LEVEL_NOTICE, "start.attempts_open",
                  "attempts whose answer was lost are repeated first",
                  LOG_I64("count", read->connection_count));
    bool is_last = read->connection_count < read->limit;
    if (!is_last)
        str_copy_cut(read->connections[read->connection_count - 1].id, engine->recovery_cursor,
                     sizeof(engine->recovery_cursor));
    engine->recovery = is_last ? RECOVERY_DONE : RECOVERY_WAITS;
    store_read_free(read);
}

static void recovery_turn(struct engine *engine, struct now now)
{
    if (engine->recovery != RECOVERY_WAITS || now.ms < engine->recovery_retry_ms)
        return;
    engine->recovery = RECOVERY_READS;
    struct store_read *read = store_read_new(STORE_READ_OPEN_ATTEMPTS);
    read->cursor = arena_copy(&read->arena, str_c(engine->recovery_cursor));
    read->limit = RECOVER_PAGE;
    read->user = engine;
    read->completion.resume = on_open_attempts;
    engine->background++;
    engine->store.read(engine->store.ctx, read);
}

static void on_guard_loaded(struct engine *engine, enum status status, const struct error *err)
{
    if (status != STATUS_OK) {
        engine->phase = ENGINE_FAILED;
        engine->failure = *err;
        return;
    }
    guard_resume(engine);
    engine->phase = ENGINE_RUNNING;
}

static void on_catalog(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct engine *engine = read->user;
    engine->background--;
    if (read->status != STATUS_OK) {
        engine->phase = ENGINE_FAILED;
        engine->failure = read->error;
        store_read_free(read);
        return;
    }
    for (size_t i = 0; i < read->connector_count; i++)
        catalog_take(engine, &read->connectors[i], read);
    store_read_free(read);
    guard_load(engine, now, on_guard_loaded);
}

void engine_start(struct engine *engine, struct now now)
{
    (void)now;
    ASSERT(engine->phase == ENGINE_NEW);
    engine->phase = ENGINE_LOADING;
    struct store_read *read = store_read_new(STORE_READ_CONNECTORS);
    read->user = engine;
    read->completion.resume = on_catalog;
    engine->background++;
    engine->store.read(engine->store.ctx, read);
}

enum status engine_ready(const struct engine *engine, struct error *err)
{
    switch (engine->phase) {
    case ENGINE_RUNNING:
        return STATUS_OK;
    case ENGINE_FAILED:
        return error_set(err, STATUS_INTERNAL, "%s", engine->failure.text);
    case ENGINE_NEW:
    case ENGINE_LOADING:
        break;
    }
    return error_set(err, STATUS_UNAVAILABLE, "the store is still being read");
}

/* ---- retention ---- */

static void on_purged(struct completion *completion, struct now now)
{
    (void)now;
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct engine *engine = write->user;
    engine->background--;
    store_write_free(write); /* one that failed is repeated in ten minutes */
}

static void purge_turn(struct engine *engine, struct now now)
{
    if (engine->draining || now.ms < engine->purge_due_ms)
        return;
    engine->purge_due_ms = now.ms + PURGE_EVERY_MS;
    struct store_write *write = store_write_new(now.ms);
    store_write_purge_events(write, now.wall_ms - engine->settings.retention_ms);
    store_write_purge_audit(write, now.wall_ms - AUDIT_KEEP_DAYS * (int64_t)SCHEDULE_DAILY_MS);
    write->user = engine;
    write->completion.resume = on_purged;
    engine->background++;
    engine->store.write(engine->store.ctx, write);
}

/* ---- the turn ---- */

void engine_turn(struct engine *engine, struct now now)
{
    engine->metrics->turns++;
    engine->now = now;
    struct completion *done;
    int resumes = 0;
    for (; resumes < RESUMES_PER_TURN_MAX && (done = inbox_take(engine->inbox)) != NULL; resumes++)
        done->resume(done, now);
    /* The inbox wakes nobody for what it still holds: that takes another turn. */
    engine->turn_cut_short = resumes == RESUMES_PER_TURN_MAX;
    if (engine->phase != ENGINE_RUNNING)
        return;
    recovery_turn(engine, now);
    op_turn(engine, now);
    job_save_turn(engine, now);
    connector_write_turn(engine, now);
    credentials_turn(engine, now);
    guard_turn(engine, now);
    schedule_turn(engine, now);
    sweep_turn(engine, now);
    revocation_turn(engine, now);
    audit_turn(engine, now);
    readers_turn(engine, now);
    sets_turn(engine, now);
    outbox_turn(engine, now);
    flow_turn(engine, now);
    purge_turn(engine, now);
}

int64_t engine_next_ms(const struct engine *engine)
{
    if (engine->turn_cut_short)
        return 0;
    if (engine->phase != ENGINE_RUNNING)
        return INT64_MAX;
    const int64_t times_ms[] = {
        op_next_ms(engine),
        job_save_next_ms(engine),
        connector_write_next_ms(engine),
        credentials_next_ms(engine),
        guard_next_ms(engine),
        schedule_next_ms(engine),
        sweep_next_ms(engine),
        revocation_next_ms(engine),
        audit_next_ms(engine),
        readers_next_ms(engine),
        sets_next_ms(engine),
        outbox_next_ms(engine),
        flow_next_ms(engine),
        engine->draining ? INT64_MAX : engine->purge_due_ms,
        engine->recovery == RECOVERY_WAITS ? engine->recovery_retry_ms : INT64_MAX,
    };
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < ARRAY_LEN(times_ms); i++)
        next_ms = MIN_OF(next_ms, times_ms[i]);
    return next_ms;
}

static bool has_its_profile(const struct profile_set *profiles, const struct connector *connector)
{
    return !str_is_empty(connector->profile_json) ||
           profile_set_find(profiles, connector->provider) != NULL;
}

enum status engine_accepts_profiles(const struct engine *engine, const struct profile_set *profiles,
                                    struct error *err)
{
    for (size_t i = 0; i < engine->entry_count; i++) {
        const struct connector *connector = &engine->entries[i]->connector;
        if (!has_its_profile(profiles, connector))
            return error_set(err, STATUS_INVALID,
                             "connector " STR_FMT " needs the profile \"" STR_FMT
                             "\", which is not there any more",
                             STR_ARG(connector->id), STR_ARG(connector->provider));
    }
    return STATUS_OK;
}

void engine_reconfigure(struct engine *engine, const struct engine_settings *settings,
                        struct profile_set *take_profiles)
{
    /* Nothing holds on to a profile between turns: jobs ask the catalog each time. */
    profile_set_free(engine->profiles);
    engine->profiles = take_profiles;
    catalog_find_profiles(engine);
    engine->settings = *settings;
    sets_reload(engine);
    for (size_t i = 0; i < engine->entry_count; i++)
        endpoint_leave(engine, engine->entries[i]);
}

void engine_drain(struct engine *engine, struct now now)
{
    engine->draining = true;
    schedule_drain(engine, now);
    job_drain(engine, now);
}

static void stop_nothing(void *ctx UNUSED)
{
}

static void send_nothing(void *ctx, struct publish_request *request)
{
    struct engine *engine = ctx;
    request->status = STATUS_UNAVAILABLE;
    inbox_put(engine->inbox, &request->completion);
}

void engine_close(struct engine *engine)
{
    engine->draining = true;
    if (engine->publisher.ctx != NULL)
        engine->publisher =
            (struct publisher_port){.ctx = engine, .send = send_nothing, .stop = stop_nothing};
}

size_t engine_in_flight(const struct engine *engine)
{
    return engine->jobs + engine->errands;
}

bool engine_has_unsaved(const struct engine *engine)
{
    return engine->unsaved_answers > 0;
}

size_t engine_task_count(const struct engine *engine)
{
    return engine->schedule.task_count;
}

bool engine_is_drained(const struct engine *engine)
{
    return engine->jobs == 0 && engine->errands == 0 && engine->ops == 0 &&
           engine->background == 0 && !audit_wants_flush(engine) && !readers_want_flush(engine) &&
           !outbox_is_busy(engine);
}

bool engine_is_stuck(const struct engine *engine, struct now now)
{
    return engine->phase == ENGINE_RUNNING && schedule_overdue_ms(engine, now) > STUCK_AFTER_MS;
}

/* ---- calls ---- */

static op_step *const first_steps[RPC_METHOD_COUNT] = {
    [RPC_REGISTER] = call_register,
    [RPC_UNREGISTER] = call_unregister,
    [RPC_DISABLE] = call_disable,
    [RPC_ENABLE] = call_enable,
    [RPC_ROTATE] = call_rotate,
    [RPC_RESCOPE] = call_rescope,
    [RPC_LIST_CONNECTORS] = call_list_connectors,
    [RPC_SHOW_CONNECTOR] = call_show_connector,
    [RPC_IMPORT] = call_import,
    [RPC_AUTHORIZE] = call_authorize,
    [RPC_COMPLETE] = call_complete,
    [RPC_TOKEN] = call_token,
    [RPC_REFRESH] = call_refresh,
    [RPC_REPORT] = call_report,
    [RPC_DISCONNECT] = call_disconnect,
    [RPC_ATTACH] = call_attach,
    [RPC_CONFIRM] = call_confirm,
    [RPC_CLEAR] = call_clear,
    [RPC_LIST_CONNECTIONS] = call_list_connections,
    [RPC_SHOW_CONNECTION] = call_show_connection,
    [RPC_LIST_EVENTS] = call_list_events,
    [RPC_STATUS] = call_status,
    [RPC_METRICS] = call_metrics,
    [RPC_LIST_AUDIT] = call_list_audit,
};

void engine_call(struct engine *engine, enum rpc_method_id method, const struct json *params,
                 const struct caller *caller, struct reply_sink sink, struct now now)
{
    ASSERT(method < RPC_METHOD_COUNT && first_steps[method] != NULL);
    struct op *op = op_new(engine, method, params, caller, sink);
    engine->metrics->rpc_calls++;
    engine->now = now;
    op->begin = first_steps[method];
    /* A client of an activated socket may come before the catalog: it waits for it. */
    if (engine->phase == ENGINE_NEW || engine->phase == ENGINE_LOADING)
        op_wait(op, now);
    else if (engine->phase == ENGINE_FAILED)
        op_fail(op, RPC_CODE_STORE_UNAVAILABLE, "%s", engine->failure.text);
    else if (engine->ops > ENGINE_WAITERS_MAX)
        op_fail(op, RPC_CODE_BUSY, "too many calls are under way");
    else
        op->begin(op, now);
}
