#include "sim/sim.h"

#include "common/assert.h"
#include "engine/outbox.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const kinds[] = {"rotating", "static", "plain", "holding"};

static int64_t below(struct sim *sim, int64_t limit)
{
    return fake_random_below(&sim->random, limit);
}

/* ---- how bad this life is ---- */

static void set_faults(struct sim *sim)
{
    struct world *world = sim->world;
    static const int64_t badness[] = {0, 300, 5000, 50000};
    int64_t network = badness[below(sim, ARRAY_LEN(badness))];
    int64_t disk = badness[below(sim, 3)];
    int64_t redis = badness[below(sim, ARRAY_LEN(badness))];
    fake_provider_set_odds(world->provider, (struct fake_provider_odds){
                                                .random = &sim->faults,
                                                .not_sent = network,
                                                .lost_request = network,
                                                .lost_answer = network,
                                                .status_before = network,
                                                .status_after = network / 4,
                                                .throttled = network / 8,
                                                .truncated = network / 8,
                                                .html = network / 8,
                                            });
    fake_store_set_odds(world->store, (struct fake_store_odds){
                                          .random = &sim->faults,
                                          .conflict = disk / 4,
                                          .unavailable = disk,
                                          .uncertain_done = disk,
                                          .uncertain_not_done = disk,
                                          .crash_before = disk / 4,
                                          .crash_after = disk / 4,
                                          .read_unavailable = disk,
                                      });
    fake_redis_set_odds(world->redis, (struct fake_redis_odds){
                                          .random = &sim->faults,
                                          .unavailable = redis,
                                          .answer_lost = redis,
                                          .half_done = redis / 2,
                                      });
    fake_provider_set_latency(world->provider, 20 + below(sim, 400), below(sim, 200));
    fake_store_set_latency(world->store, below(sim, 12));
}

static void make_peace(struct sim *sim)
{
    struct world *world = sim->world;
    sim->is_peace = true;
    fake_provider_set_odds(world->provider, (struct fake_provider_odds){0});
    fake_provider_play(world->provider, NULL, (struct fake_answer){0});
    fake_store_set_odds(world->store, (struct fake_store_odds){0});
    fake_store_clear_faults(world->store);
    fake_redis_set_odds(world->redis, (struct fake_redis_odds){0});
    fake_redis_set_down(world->redis, false);
}

/* ---- who lives in it ---- */

static void connect_person(struct sim *sim, size_t connector)
{
    static const int64_t lifetimes_s[] = {120, 600, 3600, 4 * 3600};
    struct world *world = sim->world;
    char name[32], client[64], id[32], owner[96];
    snprintf(name, sizeof(name), "k%zu", connector);
    snprintf(client, sizeof(client), "client-%s", name);
    snprintf(id, sizeof(id), "c-%zu", sim->next_person);
    snprintf(owner, sizeof(owner), "{\"app\":\"crm\",\"user\":\"u%zu\"}", sim->next_person++);
    const struct connector *row = fake_store_connector(world->store, str_c(name));
    char profile[32];
    str_copy_cut(row->provider, profile, sizeof(profile));
    struct fake_grant *grant = world_grant(world, profile, client);
    if (str_eq(str_c(profile), STR("plain")) && below(sim, 2) == 0)
        grant->rotation = FAKE_ROTATES_ALWAYS;
    grant->reuse_revokes = below(sim, 2) == 0;
    grant->lifetime_s = lifetimes_s[below(sim, ARRAY_LEN(lifetimes_s))];
    world_import_grant(world, grant, name, id, owner, "");
}

static void populate(struct sim *sim)
{
    sim->connector_count = 1 + (size_t)below(sim, SIM_CONNECTORS_MAX);
    for (size_t i = 0; i < sim->connector_count; i++) {
        char name[32], client[64];
        snprintf(name, sizeof(name), "k%zu", i);
        snprintf(client, sizeof(client), "client-%s", name);
        world_register(sim->world, name, "app_user", kinds[below(sim, ARRAY_LEN(kinds))], client,
                       "s0");
        for (int64_t people = 2 + below(sim, 8); people > 0; people--)
            connect_person(sim, i);
    }
}

/* ---- what people do, and what befalls them ---- */

static void ask_for_token(struct sim *sim, const char *id)
{
    for (size_t i = 0; i < SIM_CALLS_MAX; i++) {
        if (sim->tokens[i] != NULL)
            continue;
        sim->tokens[i] = world_ask(sim->world, RPC_TOKEN, "{\"connection\":\"%s\"%s}", id,
                                   below(sim, 3) == 0 ? ",\"min_valid_s\":100" : "");
        return;
    }
}

static void reconnect(struct sim *sim, const char *id)
{
    struct world *world = sim->world;
    const struct connection *c = world_connection(world, id);
    int64_t serial;
    struct fake_grant *old = c != NULL ? sim_grant_of(sim, c, &serial) : NULL;
    if (old == NULL)
        return;
    struct fake_grant *grant = fake_provider_grant(world->provider, old->client_id);
    grant->rotation = old->rotation;
    grant->grace_ms = old->grace_ms;
    grant->lifetime_s = old->lifetime_s;
    grant->reuse_revokes = old->reuse_revokes;
    char owner[96], connector[32], access[FAKE_TOKEN_SIZE], refresh[FAKE_TOKEN_SIZE];
    str_copy_cut(c->connector, connector, sizeof(connector));
    snprintf(owner, sizeof(owner), "{\"app\":\"crm\",\"user\":\"" STR_FMT "\"}",
             STR_ARG(c->owner.user));
    world->roles = RPC_ROLE_PLATFORM;
    world_ask(world, RPC_IMPORT,
              "{\"connector\":\"%s\",\"connection\":\"%s\",\"owner\":%s,\"intent\":\"reconnect\","
              "\"acting_user\":\"" STR_FMT "\",\"tokens\":{\"access_token\":\"%s\","
              "\"refresh_token\":\"%s\",\"expires_in\":%lld}}",
              connector, id, owner, STR_ARG(c->owner.user), fake_grant_access_token(grant, access),
              fake_grant_refresh_token(grant, refresh), (long long)grant->lifetime_s);
    world->roles = RPC_ROLE_ADMIN | RPC_ROLE_OPERATOR;
}

/* First over there, then here: in between, all that is sent is refused. */
static void rotate(struct sim *sim, size_t connector)
{
    char client[64], old[32], fresh[32];
    snprintf(client, sizeof(client), "client-k%zu", connector);
    snprintf(old, sizeof(old), "s%d", sim->secrets[connector]);
    snprintf(fresh, sizeof(fresh), "s%d", ++sim->secrets[connector]);
    fake_provider_accept(sim->world->provider, client, fresh);
    if (below(sim, 2) == 0)
        fake_provider_refuse(sim->world->provider, client, old);
    world_run(sim->world, below(sim, 20 * MINUTE));
    const struct world_call *call;
    do { /* as people do: until it worked */
        call = world_do(sim->world, RPC_ROTATE,
                        "{\"connector\":\"k%zu\",\"client_secret\":\"%s\",\"check\":%s}", connector,
                        fresh, below(sim, 4) == 0 ? "true" : "false");
        world_run(sim->world, 5 * SECOND);
    } while (call->result == NULL);
    fake_provider_refuse(sim->world->provider, client, old);
}

static void rescope(struct sim *sim, size_t connector)
{
    static const char *const sets[] = {"[\"read\",\"write\"]", "[\"read\"]",
                                       "[\"read\",\"write\",\"admin\"]"};
    world_ask(sim->world, RPC_RESCOPE, "{\"connector\":\"k%zu\",\"scopes\":%s}", connector,
              sets[below(sim, ARRAY_LEN(sets))]);
}

/* More events at once than a batch holds, as when a connector of many is rescoped: Redis gets them
 * in several batches under way together, whatever becomes of each. */
static void pile_up_events(struct sim *sim)
{
    struct world *world = sim->world;
    const struct event_draft draft = {.type = STR("connector.updated"),
                                      .subject = STR("k0"),
                                      .wall_ms = world_now(world).wall_ms,
                                      .data = STR("{}")};
    fake_redis_set_down(world->redis, true);
    fake_store_add_events(world->store, &draft, (size_t)(OUTBOX_BATCH * (2 + below(sim, 12))));
    fake_redis_set_latency(world->redis, 1 + below(sim, 100));
    world_run(world, below(sim, MINUTE));
    fake_redis_set_down(world->redis, false);
    if (below(sim, 2) == 0) { /* in their midst */
        world_run(world, below(sim, SECOND));
        if (below(sim, 2) == 0)
            fake_redis_empty(world->redis);
        else
            world_crash(world);
    }
}

static void befall(struct sim *sim)
{
    struct world *world = sim->world;
    char id[32];
    int64_t serial;
    size_t connector = (size_t)below(sim, (int64_t)sim->connector_count);
    snprintf(id, sizeof(id), "c-%lld", (long long)below(sim, (int64_t)sim->next_person));
    const struct connection *c = world_connection(world, id);
    struct fake_grant *grant = c != NULL ? sim_grant_of(sim, c, &serial) : NULL;
    int64_t what = below(sim, 100);
    if (what < 45) {
        ask_for_token(sim, id);
    } else if (what < 55) {
        world_ask(world, RPC_REFRESH, "{\"connection\":\"%s\"}", id);
    } else if (what < 58 && grant != NULL) {
        grant->is_dead = true;
    } else if (what < 64) {
        reconnect(sim, id);
    } else if (what < 66) {
        world_ask(world, RPC_DISCONNECT, "{\"connection\":\"%s\"}", id);
    } else if (what < 68) {
        connect_person(sim, connector);
    } else if (what < 70) {
        rotate(sim, connector);
    } else if (what < 73) {
        rescope(sim, connector);
    } else if (what < 76) {
        world_crash(world);
    } else if (what < 78) {
        fake_redis_empty(world->redis);
    } else if (what < 80) {
        fake_redis_set_down(world->redis, true);
        world_run(world, below(sim, HOUR));
        fake_redis_set_down(world->redis, false);
    } else if (what < 82) { /* the provider is away */
        fake_provider_play(world->provider, NULL,
                           (struct fake_answer){.kind = FAKE_STATUS, .count = -1, .status = 503});
        world_run(world, below(sim, 4 * HOUR));
        fake_provider_play(world->provider, NULL, (struct fake_answer){0});
    } else if (what < 84) { /* the disk is full */
        fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_ANY,
                                                                .fate = FAKE_WRITE_UNAVAILABLE,
                                                                .count = -1});
        world_run(world, below(sim, HOUR));
        fake_store_clear_faults(world->store);
    } else if (what < 85) {
        world_restart(world);
    } else if (what < 86) {
        pile_up_events(sim);
    }
}

struct sim_report sim_run(uint64_t seed, int64_t days)
{
    struct sim sim = {.random.state = seed * 2 + 1, .faults.state = ~seed};
    sim.world = world_new(seed);
    struct world *world = sim.world;
    /* The log is kept whole, so that it can be read from its beginning at the end. */
    world->settings.retention_ms = 1000 * (int64_t)DAY;
    world_restart(world);
    world_settle(world);
    populate(&sim);
    sim_check_begin(&sim);
    set_faults(&sim);
    int64_t end_ms = world->clock.ms + days * DAY;
    while (world->clock.ms < end_ms && sim.report.fault[0] == '\0') {
        world_run(world, below(&sim, 20 * MINUTE));
        befall(&sim);
    }
    make_peace(&sim);
    for (int i = 0; i < 18 && sim.report.fault[0] == '\0'; i++)
        world_run(world, HOUR);
    if (sim.report.fault[0] == '\0')
        sim_check_end(&sim);
    sim.report.crashes = world->crashes;
    sim.report.lived_ms = world->clock.ms - FAKE_CLOCK_START_MS;
    sim.report.trace = world->trace;
    world_free(world);
    return sim.report;
}
