/** What the tests of the mass-failure guard share: a provider that errs, and what is held of it. */
#ifndef UNIT_ENGINE_GUARD_TEST_H
#define UNIT_ENGINE_GUARD_TEST_H

#include "unit/engine/engine_test.h"

enum { PEOPLE = 20 };

/* A provider that errs: it says so of every grant, though each of them lives. */
static const struct fake_answer errs = {
    .kind = FAKE_STATUS, .count = -1, .status = 400, .body = "{\"error\":\"invalid_grant\"}"};

static inline void provider_errs(struct world *world)
{
    fake_provider_play(world->provider, NULL, errs);
}

static inline void provider_is_well(struct world *world)
{
    fake_provider_play(world->provider, NULL, (struct fake_answer){0});
}

static inline void everyone_dies(struct world *world)
{
    for (size_t i = 0; i < fake_provider_grant_count(world->provider); i++)
        fake_provider_grant_at(world->provider, i)->is_dead = true;
}

static inline void assert_everyone(struct world *world, const char *connector, int count,
                                   const char *state)
{
    for (int i = 0; i < count; i++) {
        char id[32];
        snprintf(id, sizeof(id), "%s-%d", connector, i);
        assert_state(world, id, state);
    }
}

/* One suspicion, one end of it, and the few who were told before it know by now that all is well.
 */
static inline void assert_hardly_anybody_was_told(struct world *world)
{
    assert_events(world, "provider.suspect", NULL, 1);
    size_t told = world_events(world, "connection.needs_reconnect", NULL);
    assert_true(told <= 5);
    assert_events(world, "connection.recovered", NULL, told);
    assert_events(world, "provider.recovered", NULL, 1);
    assert_everyone(world, "gcal", PEOPLE, "active");
}

static inline void everyone_is_refreshed(struct world *world)
{
    for (int i = 0; i < PEOPLE; i++)
        world_ask(world, RPC_REFRESH, "{\"connection\":\"gcal-%d\"}", i);
}

/* How many verdicts are held. */
static inline size_t held(struct world *world)
{
    size_t count = 0;
    for (int i = 0; i < PEOPLE; i++) {
        char id[32];
        snprintf(id, sizeof(id), "gcal-%d", i);
        count += world_connection(world, id)->held_ms != TIME_NONE;
    }
    return count;
}

#endif
