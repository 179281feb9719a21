/* Many at once: in order, within limits, in bounded memory. */
#include "unit/engine/engine_test.h"

#include "engine/sealed_token.h"

enum { MANY = 50000 };

struct drain {
    int64_t last_expires_ms, late_by_ms, at_ms;
    size_t count;
};

/* Rows as an earlier life left them: all due, each with its end. */
static void seed_due(struct world *world)
{
    const int64_t now_ms = world->clock.ms;
    for (size_t i = 0; i < MANY; i++) {
        struct fake_grant *grant = world_grant(world, "static", "client-gcal");
        char id[32], user[32], token[FAKE_TOKEN_SIZE];
        snprintf(id, sizeof(id), "c-%05zu", (i * 7919) % MANY);
        snprintf(user, sizeof(user), "u-%zu", i);
        CLEANUP(buf_deinit) struct buf sealed = {0};
        uint8_t print[VAULT_PRINT_BYTES];
        fake_grant_refresh_token(grant, token);
        sealed_token_make(world->engine, str_c(id), "refresh_token", 1, str_c(token), &sealed);
        vault_print(world->vault, str_c(token), print);
        fake_store_seed(world->store,
                        &(struct connection){
                            .id = str_c(id),
                            .connector = STR("gcal"),
                            .owner = {.app = STR("crm"), .user = str_c(user)},
                            .phase = PHASE_CONNECTED,
                            .generation = 1,
                            .sealed_refresh = buf_str(&sealed),
                            .refresh_print = {.data = (const char *)print, .len = sizeof(print)},
                            .issued_ms = now_ms - HOUR,
                            .lifetime_ms = HOUR,
                            .expires_ms = now_ms + (int64_t)i * 10,
                            .due_ms = now_ms - HOUR + (int64_t)i * 10,
                            .refresh_due_ms = now_ms - HOUR + (int64_t)i * 10,
                            .scopes_asked = STR("read write"),
                            .scopes_granted = STR("read write"),
                            .scopes_version = 1,
                            .credential_version = 1,
                        });
    }
}

/* Grant i ends before grant i + 1: none goes much ahead of its turn. */
static void on_presented(void *ctx, struct fake_grant *grant, struct str token, int64_t deadline_ms)
{
    struct drain *drain = ctx;
    (void)token;
    (void)deadline_ms;
    if (grant->presented > 0)
        return;
    int64_t behind = drain->last_expires_ms - (int64_t)grant->number;
    drain->late_by_ms = MAX_OF(drain->late_by_ms, behind);
    drain->last_expires_ms = MAX_OF(drain->last_expires_ms, (int64_t)grant->number);
    drain->count++;
}

static void fifty_thousand_due_at_once_drain_in_order(void **state)
{
    struct world *world = *state;
    world_register(world, "gcal", "app_user", "static", "client-gcal", "s1");
    seed_due(world);
    fake_store_set_latency(world->store, 0);
    struct drain drain = {0};
    fake_provider_set_hooks(world->provider,
                            (struct fake_provider_hooks){.ctx = &drain, .presented = on_presented});
    world_restart(world);
    world->tasks_peak = 0;
    world_run(world, 10 * MINUTE);
    assert_int_equal(drain.count, MANY);
    /* Never further apart than a lane and what is in flight. */
    assert_true(drain.late_by_ms <= ENGINE_LANE_READY_MAX * 2 + 64);
    assert_true(world->tasks_peak <= 4 * ENGINE_WINDOW + 2 * ENGINE_LANE_READY_MAX);
    assert_in_range(fake_provider_peak(world->provider), 1, world->settings.max_in_flight);
    assert_events(world, "connection.needs_reconnect", NULL, 0);
    fake_provider_set_hooks(world->provider, (struct fake_provider_hooks){0});
}

static void one_connector_hanging_holds_up_no_other(void **state)
{
    struct world *world = *state;
    world->settings.max_in_flight = 4;
    world_restart(world);
    world_settle(world);
    world_register(world, "slow", "app_user", "static", "client-slow", "s1");
    world_register(world, "good", "shared", "static", "client-good", "s1");
    struct fake_grant *good[10];
    for (size_t i = 0; i < 10; i++) {
        char id[16];
        for (size_t n = 0; n < 5; n++) {
            snprintf(id, sizeof(id), "s-%zu", i * 5 + n);
            struct fake_grant *slow = world_import(world, "slow", id);
            fake_provider_play(world->provider, slow,
                               (struct fake_answer){.kind = FAKE_LOST_REQUEST, .count = -1});
        }
        snprintf(id, sizeof(id), "g-%zu", i);
        good[i] = world_import(world, "good", id);
    }
    world_run(world, 10 * HOUR);
    for (size_t i = 0; i < 10; i++)
        assert_in_range(good[i]->refreshed, 10, 13);
    assert_true(fake_provider_peak(world->provider) <= 8);
}

static void an_import_at_one_instant_spreads(void **state)
{
    struct world *world = *state;
    world_register(world, "gcal", "app_user", "static", "client-gcal", "s1");
    int64_t first_ms = INT64_MAX, last_ms = 0;
    for (int i = 0; i < 500; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        world_import(world, "gcal", id);
        int64_t share_ms = world_connection(world, id)->due_ms - world->clock.ms;
        first_ms = MIN_OF(first_ms, share_ms);
        last_ms = MAX_OF(last_ms, share_ms);
    }
    assert_true(last_ms - first_ms > 2 * MINUTE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(fifty_thousand_due_at_once_drain_in_order),
        ROW(one_connector_hanging_holds_up_no_other),
        ROW(an_import_at_one_instant_spreads),
    };
    return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
