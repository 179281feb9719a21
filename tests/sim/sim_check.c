/* The invariants, at every presentation, after every turn, and at the end. */
#include "engine/sealed_token.h"
#include "sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sim_fail(struct sim *sim, const char *format, ...)
{
    if (sim->report.fault[0] != '\0')
        return;
    va_list args;
    va_start(args, format);
    int len = snprintf(sim->report.fault, sizeof(sim->report.fault),
                       "at %lld ms: ", (long long)(sim->world->clock.ms - FAKE_CLOCK_START_MS));
    vsnprintf(sim->report.fault + len, sizeof(sim->report.fault) - (size_t)len, format, args);
    va_end(args);
}

static struct secret *open_token(const struct sim *sim, const struct connection *connection,
                                 const char *field, struct str sealed)
{
    struct secret *token = NULL;
    if (str_is_empty(sealed) ||
        sealed_token_open(sim->world->engine, connection->id, field, connection->generation, sealed,
                          &token, NULL) != STATUS_OK)
        return NULL;
    return token;
}

struct fake_grant *sim_grant_of(const struct sim *sim, const struct connection *connection,
                                int64_t *ret_serial)
{
    size_t number;
    long long serial;
    CLEANUP(secret_freep)
    struct secret *token = open_token(sim, connection, "refresh_token", connection->sealed_refresh);
    if (token == NULL || sscanf(secret_data(token), "rt-%zu-%lld", &number, &serial) != 2)
        return NULL;
    *ret_serial = serial;
    return fake_provider_grant_at(sim->world->provider, number);
}

/* ---- at a presentation: single flight, intent first, never older ---- */

static const struct connection *holder_of(const struct sim *sim, const struct fake_grant *grant)
{
    int64_t serial;
    for (const struct connection *c = NULL; (c = fake_store_next(sim->world->store, c)) != NULL;) {
        if (sim_grant_of(sim, c, &serial) == grant)
            return c;
    }
    return NULL;
}

static void on_presented(void *ctx, struct fake_grant *grant, struct str token, int64_t deadline_ms)
{
    struct sim *sim = ctx;
    (void)deadline_ms;
    if (grant->unanswered > 0)
        sim_fail(sim, "single flight: grant %zu is presented twice at a time", grant->number);
    if (grant->in_minute > SIM_PRESENTATIONS_MAX)
        sim_fail(sim, "budget: grant %zu is presented again and again", grant->number);
    const struct connection *c = holder_of(sim, grant);
    if (c == NULL)
        return; /* replaced or erased while the intent was written: the answer is dropped */
    uint8_t print[VAULT_PRINT_BYTES];
    vault_print(sim->world->vault, token, print);
    struct str sent = {.data = (const char *)print, .len = sizeof(print)};
    if (c->attempt_id == 0)
        sim_fail(sim, "intent first: " STR_FMT " has no attempt open", STR_ARG(c->id));
    else if (!str_eq(fake_store_attempt_print(sim->world->store, c->id), sent))
        sim_fail(sim, "intent first: " STR_FMT "'s attempt is of another token", STR_ARG(c->id));
    if (!str_eq(c->refresh_print, sent))
        sim_fail(sim, "never older: " STR_FMT " presents another token than it holds",
                 STR_ARG(c->id));
}

/* ---- after a turn ---- */

/* A grant that is called dead is dead, or its good token is one that nobody could have got. */
static void check_no_false_alarm(struct sim *sim, const struct connection *c)
{
    if (c->phase != PHASE_CONNECTED || c->dead_reason == REASON_NONE)
        return;
    int64_t serial = 0;
    const struct fake_grant *grant = sim_grant_of(sim, c, &serial);
    if (grant != NULL && !grant->is_dead && grant->serial == serial &&
        c->dead_reason != REASON_SECRET_ROTATED)
        sim_fail(sim, "false alarm: " STR_FMT " is %s, its grant lives", STR_ARG(c->id),
                 reason_text(c->dead_reason));
}

static void check_plan(struct sim *sim, const struct connection *c)
{
    bool is_alive = connection_grant_alive(c);
    if (is_alive && c->due_ms == TIME_NONE && c->unscheduled == UNSCHEDULED_NOT)
        sim_fail(sim, "one plan: " STR_FMT " has neither a due time nor a reason", STR_ARG(c->id));
    if (!is_alive && c->phase != PHASE_CONNECTED && c->due_ms != TIME_NONE)
        sim_fail(sim, "one plan: " STR_FMT " is gone and has a due time", STR_ARG(c->id));
    bool in_need = connection_state_of(c, REASON_NONE) == STATE_NEEDS_RECONNECT;
    if (in_need != (c->alert_seq != 0))
        sim_fail(sim, "event with change: " STR_FMT " is %s with alert %lld", STR_ARG(c->id),
                 connection_state_text(connection_state_of(c, REASON_NONE)),
                 (long long)c->alert_seq);
}

/* Nobody is handed a token that is not stored, or is over. */
static void check_token_answer(struct sim *sim, const struct world_call *call)
{
    struct str given = world_text(call, "access_token");
    if (call->result == NULL || call->done_ms != sim->world->clock.ms)
        return;
    for (const struct connection *c = NULL; (c = fake_store_next(sim->world->store, c)) != NULL;) {
        CLEANUP(secret_freep)
        struct secret *stored = open_token(sim, c, "access_token", c->sealed_access);
        if (stored == NULL || !str_eq(secret_str(stored), given))
            continue;
        if (c->expires_ms != TIME_NONE && c->expires_ms <= sim->world->clock.ms)
            sim_fail(sim, "freshness: " STR_FMT "'s token was given and is over", STR_ARG(c->id));
        return;
    }
    sim_fail(sim, "persist before use: a token was given that is not stored: " STR_FMT,
             STR_ARG(given));
}

static void after_turn(void *ctx, struct world *world)
{
    struct sim *sim = ctx;
    for (size_t i = 0; i < SIM_CALLS_MAX; i++) {
        struct world_call *call = sim->tokens[i];
        if (call == NULL || (!call->is_done && !call->is_lost))
            continue;
        check_token_answer(sim, call);
        sim->tokens[i] = NULL;
    }
    if (engine_task_count(world->engine) > ENGINE_TASKS_MAX)
        sim_fail(sim, "bounds: %zu tasks", engine_task_count(world->engine));
    if (!fake_redis_is_sound(world->redis))
        sim_fail(sim, "outbox: the stream is out of order");
}

static void after_write(void *ctx, const struct store_write *write)
{
    struct sim *sim = ctx;
    struct world *world = sim->world;
    for (size_t i = 0; i < write->op_count; i++) {
        const struct store_op *op = &write->ops[i];
        world->trace = (world->trace ^ ((uint64_t)op->kind + (uint64_t)world->clock.ms)) *
                       UINT64_C(1099511628211);
        if (op->kind != STORE_OP_PUT_CONNECTION)
            continue;
        const struct connection *c = fake_store_connection(world->store, op->connection->id);
        check_no_false_alarm(sim, c);
        check_plan(sim, c);
    }
}

static void on_crash(void *ctx)
{
    ((struct sim *)ctx)->world->wants_crash = true;
}

void sim_check_begin(struct sim *sim)
{
    fake_provider_set_hooks(sim->world->provider,
                            (struct fake_provider_hooks){.ctx = sim, .presented = on_presented});
    fake_store_set_hooks(
        sim->world->store,
        (struct fake_store_hooks){.ctx = sim, .crash = on_crash, .wrote = after_write});
    sim->world->watch = after_turn;
    sim->world->watch_ctx = sim;
}

/* ---- at the end ---- */

static void check_connection_at_end(struct sim *sim, const struct connection *c)
{
    int64_t now_ms = sim->world->clock.ms, serial = 0;
    if (c->phase != PHASE_CONNECTED)
        return;
    if (c->attempt_id != 0 && now_ms - c->attempt_started_ms > 3 * MINUTE)
        sim_fail(sim, "liveness: " STR_FMT " has an attempt open for long", STR_ARG(c->id));
    const struct fake_grant *grant = sim_grant_of(sim, c, &serial);
    bool can_live = grant != NULL && !grant->is_dead && grant->serial == serial;
    bool is_dead = c->dead_reason != REASON_NONE;
    if (can_live && is_dead)
        check_no_false_alarm(sim, c);
    if (can_live && !is_dead && c->expires_ms <= now_ms)
        sim_fail(sim, "liveness: " STR_FMT "'s token ended %lld s ago, due in %lld s",
                 STR_ARG(c->id), (long long)(now_ms - c->expires_ms) / SECOND,
                 (long long)(c->due_ms - now_ms) / SECOND);
    if (!can_live && !is_dead && c->expires_ms + HOUR < now_ms)
        sim_fail(sim, "silent death: " STR_FMT " is dead over there, and %s here", STR_ARG(c->id),
                 connection_state_text(connection_state_of(c, REASON_NONE)));
    if (c->due_ms != TIME_NONE && c->due_ms + 5 * MINUTE < now_ms)
        sim_fail(sim, "one plan: " STR_FMT " was due %lld s ago", STR_ARG(c->id),
                 (long long)(now_ms - c->due_ms) / SECOND);
}

/* What the events tell of a connection agrees with what it is; each is told once. */
static void check_events_of(struct sim *sim, const struct connection *c)
{
    const struct event_draft *last = NULL;
    bool in_need = false;
    for (size_t i = 0; i < fake_store_event_count(sim->world->store); i++) {
        const struct event_draft *draft = &fake_store_event(sim->world->store, i)->draft;
        if (!str_eq(draft->subject, c->id))
            continue;
        if (str_eq(draft->type, STR("connection.needs_reconnect"))) {
            if (in_need && last != NULL && str_eq(last->data, draft->data))
                sim_fail(sim, "asked twice: " STR_FMT, STR_ARG(c->id));
            in_need = true;
        } else if (str_eq(draft->type, STR("connection.recovered"))) {
            if (!in_need)
                sim_fail(sim, "recovered from nothing: " STR_FMT, STR_ARG(c->id));
            in_need = false;
        } else if (str_starts_with(draft->type, STR("connection."))) {
            in_need = in_need && str_eq(draft->type, STR("connection.refreshed"));
        }
        last = draft;
    }
    if (in_need != (c->alert_seq != 0))
        sim_fail(sim, "outbox: the events of " STR_FMT " say %s", STR_ARG(c->id),
                 in_need ? "in need" : "not in need");
}

static void check_log(struct sim *sim)
{
    const struct fake_store *store = sim->world->store;
    size_t count = fake_store_event_count(store);
    for (size_t i = 1; i < count; i++) {
        if (fake_store_event(store, i)->seq != fake_store_event(store, i - 1)->seq + 1)
            sim_fail(sim, "the log has a gap before %lld",
                     (long long)fake_store_event(store, i)->seq);
    }
}

/* Every event stands in the stream once, and the hash holds who is in need. */
static void check_redis(struct sim *sim)
{
    const struct world *world = sim->world;
    size_t in_stream = fake_redis_count(world->redis);
    size_t in_log = fake_store_event_count(world->store);
    if (fake_store_published(world->store) != fake_store_last(world->store))
        sim_fail(sim, "liveness: published %lld of %lld",
                 (long long)fake_store_published(world->store),
                 (long long)fake_store_last(world->store));
    if (in_stream != in_log)
        sim_fail(sim, "outbox: %zu events in the stream, %zu in the log", in_stream, in_log);
    for (size_t i = 0; i < in_stream && i < in_log; i++) {
        if (fake_redis_entry(world->redis, i)->seq != fake_store_event(world->store, i)->seq)
            sim_fail(sim, "outbox: entry %zu is not the log's", i);
    }
    size_t in_need = 0;
    for (const struct connection *c = NULL; (c = fake_store_next(world->store, c)) != NULL;) {
        char id[64];
        str_copy_cut(c->id, id, sizeof(id));
        in_need += c->alert_seq != 0;
        if ((fake_redis_hash_get(world->redis, id) != NULL) != (c->alert_seq != 0))
            sim_fail(sim, "outbox: the hash is wrong about " STR_FMT, STR_ARG(c->id));
    }
    if (in_need != fake_redis_hash_count(world->redis))
        sim_fail(sim, "outbox: the hash holds %zu of %zu", fake_redis_hash_count(world->redis),
                 in_need);
}

void sim_check_end(struct sim *sim)
{
    for (const struct connection *c = NULL; (c = fake_store_next(sim->world->store, c)) != NULL;) {
        check_connection_at_end(sim, c);
        check_events_of(sim, c);
    }
    check_log(sim);
    check_redis(sim);
    for (size_t i = 0; i < fake_provider_grant_count(sim->world->provider); i++) {
        const struct fake_grant *grant = fake_provider_grant_at(sim->world->provider, i);
        sim->report.presented += grant->presented;
        sim->report.refreshed += grant->refreshed;
    }
    for (const struct connection *c = NULL; (c = fake_store_next(sim->world->store, c)) != NULL;)
        sim->report.lost += c->dead_reason == REASON_ROTATION_LOST;
    sim->report.events = fake_store_event_count(sim->world->store);
    sim->report.connections = fake_store_connection_count(sim->world->store);
}
