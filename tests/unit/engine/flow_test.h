/** What the tests of connecting share: three connectors, and a person who approves. */
#ifndef UNIT_ENGINE_FLOW_TEST_H
#define UNIT_ENGINE_FLOW_TEST_H

#include "unit/engine/engine_test.h"

#define SA "{\"superagent\":\"s-1\"}"
#define ANA "{\"app\":\"crm\",\"user\":\"ana\"}"
#define CALLBACK "https://app.example/cb"

static inline void given(struct world *world)
{
    world->roles |= RPC_ROLE_PLATFORM;
    world_register(world, "sa", "superagent", "rotating", "client-sa", "s1");
    world_register(world, "gcal", "app_user", "rotating", "client-gcal", "s1");
    world_register(world, "crm", "shared", "plain", "client-crm", "s1");
}

static inline struct fake_grant *some_account(struct world *world, const char *subject)
{
    struct fake_grant *grant = world_grant(world, "rotating", "client-sa");
    grant->subject = subject;
    grant->issuer = "https://rotating.example";
    return grant;
}

static inline struct world_call *authorize(struct world *world, const char *intent)
{
    return world_do(world, RPC_AUTHORIZE,
                    "{\"connector\":\"sa\",\"owner\":" SA ",\"intent\":\"%s\",\"redirect_uri\":"
                    "\"" CALLBACK "\"}",
                    intent);
}

static inline struct world_call *ask_complete(struct world *world, const struct world_call *flow,
                                              const char *code)
{
    struct str state = world_text(flow, "state");
    return world_ask(world, RPC_COMPLETE, "{\"state\":\"" STR_FMT "\",\"code\":\"%s\"}",
                     STR_ARG(state), code);
}

static inline struct world_call *complete(struct world *world, const struct world_call *flow,
                                          const char *code)
{
    struct world_call *call = ask_complete(world, flow, code);
    world_wait(world, call);
    return call;
}

static inline struct world_call *approve(struct world *world, const struct world_call *flow,
                                         struct fake_grant *grant)
{
    char code[FAKE_TOKEN_SIZE];
    return complete(world, flow, fake_grant_approve(grant, world_text(flow, "url"), code));
}

/* Ana's account stands behind connection c-1. */
static inline struct fake_grant *connected(struct world *world, const char *subject)
{
    struct fake_grant *grant = some_account(world, subject);
    struct world_call *flow =
        world_do(world, RPC_AUTHORIZE,
                 "{\"connector\":\"sa\",\"owner\":" SA ",\"connection\":\"c-1\",\"intent\":"
                 "\"connect\",\"redirect_uri\":\"" CALLBACK "\"}");
    assert_done(approve(world, flow, grant));
    return grant;
}

static inline size_t changes(const struct world *world)
{
    return fake_store_event_count(world->store);
}

static inline void assert_url_param(const struct world_call *flow, const char *name,
                                    const char *wanted)
{
    CLEANUP(buf_deinit) struct buf value = {0};
    struct str text = fake_url_param(world_text(flow, "url"), name, &value);
    assert_int_equal(str_is_set(text), wanted != NULL);
    if (wanted != NULL && !str_eq(text, str_c(wanted)))
        fail_msg("%s is \"" STR_FMT "\"", name, STR_ARG(text));
}

#endif
