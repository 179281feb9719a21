/** A connector with habits and a policy of its own, for the tests of what is noticed early. */
#ifndef UNIT_ENGINE_NOTICE_TEST_H
#define UNIT_ENGINE_NOTICE_TEST_H

#include "unit/engine/engine_test.h"

/* An inline profile of its own: what the world's have not. */
static inline void given(struct world *world, const char *habits, const char *policy)
{
    fake_provider_accept(world->provider, "client-gcal", "s1");
    const struct world_call *call =
        world_do(world, RPC_REGISTER,
                 "{\"connector\":\"gcal\",\"type\":\"app_user\",\"client_id\":\"client-gcal\","
                 "\"client_secret\":\"s1\",\"scopes\":[\"read\"],\"policy\":{%s},"
                 "\"profile\":{\"id\":\"own\",\"name\":\"Own\",\"issuer\":\"https://own.example\","
                 "\"token_endpoint\":\"https://own.example/token\","
                 "\"introspection_endpoint\":\"https://own.example/introspect\","
                 "\"habits\":{%s}}}",
                 policy, habits);
    assert_done(call);
}

static inline struct fake_grant *granted(struct world *world, const char *id,
                                         const char *tokens_more)
{
    struct fake_grant *grant = world_grant(world, "static", "client-gcal");
    char access[FAKE_TOKEN_SIZE], refresh[FAKE_TOKEN_SIZE];
    assert_done(world_do(
        world, RPC_IMPORT,
        "{\"connector\":\"gcal\",\"connection\":\"%s\",\"owner\":{\"app\":\"crm\",\"user\":\"%s\"},"
        "\"tokens\":{\"access_token\":\"%s\",\"refresh_token\":\"%s\",\"expires_in\":3600%s}}",
        id, id, fake_grant_access_token(grant, access), fake_grant_refresh_token(grant, refresh),
        tokens_more));
    return grant;
}

#define NEVER_ROTATES "\"refresh_token\":{\"rotation\":\"never\"}"
#define expiring(world) world_events((world), "connection.expiring", NULL)

#endif
