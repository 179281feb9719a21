/** What the tests of rotating share: connector gcal and its people. */
#ifndef UNIT_ENGINE_ROTATE_TEST_H
#define UNIT_ENGINE_ROTATE_TEST_H

#include "unit/engine/engine_test.h"

static inline struct world_call *rotate(struct world *world, const char *params)
{
    struct world_call *call = world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",%s}", params);
    assert_done(call);
    return call;
}

static inline struct world_call *show(struct world *world)
{
    struct world_call *call = world_do(world, RPC_SHOW_CONNECTOR, "{\"connector\":\"gcal\"}");
    assert_done(call);
    return call;
}

#define assert_text(call, path, expected) \
    assert_true(str_eq(world_text((call), (path)), STR(expected)))

static inline void replace_client(struct world *world, const char *more)
{
    fake_provider_accept(world->provider, "client-new", "n1");
    char params[200];
    snprintf(params, sizeof(params), "\"client_id\":\"client-new\",\"client_secret\":\"n1\"%s",
             more);
    struct world_call *call = rotate(world, params);
    assert_false(json_bool(json_get(call->result, "checked"), true));
    assert_true(str_is_set(world_text(call, "not_checked_because")));
    world_settle(world);
}

static inline int count_fresh(struct world *world)
{
    int count = 0;
    for (const struct connection *c = NULL; (c = fake_store_next(world->store, c)) != NULL;)
        count += c->dead_reason == REASON_NONE && c->expires_ms > world->clock.ms;
    return count;
}

#endif
