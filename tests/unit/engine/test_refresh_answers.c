/* What `refresh` answers in each state, beside what `token` says there (docs/protocol.md). */
#include "unit/engine/engine_test.h"

enum { LIFETIME_S = 3600 };

#define ANSWERS(status_, body_)                                                \
    (struct fake_answer)                                                       \
    {                                                                          \
        .kind = FAKE_STATUS, .count = -1, .status = (status_), .body = (body_) \
    }

static void play(struct world *world, struct fake_answer answer)
{
    fake_provider_play(world->provider, NULL, answer);
}

/* c-0 and so many beside it. */
static void people(struct world *world, int count)
{
    world_register(world, "gcal", "app_user", "rotating", "client-gcal", "s1");
    for (int i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        world_import(world, "gcal", id);
    }
    world_run(world, MINUTE);
}

static void try_once(struct world *world)
{
    world_do(world, RPC_REFRESH, "{\"connection\":\"c-0\"}");
    world_run(world, 10 * SECOND);
}

static void is_well(struct world *world)
{
    people(world, 1);
}

static void is_pending(struct world *world)
{
    world_register(world, "sa", "superagent", "rotating", "client-sa", "s1");
    assert_done(world_do(world, RPC_AUTHORIZE,
                         "{\"connector\":\"sa\",\"owner\":{\"superagent\":\"s-1\"},\"connection\":"
                         "\"c-0\",\"intent\":\"connect\",\"redirect_uri\":\"https://a.example/"
                         "cb\"}"));
}

static void is_disconnected(struct world *world)
{
    people(world, 1);
    assert_done(world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-0\"}"));
}

static void its_only_connection_is_refused(struct world *world)
{
    people(world, 1);
    play(world, ANSWERS(401, "{\"error\":\"invalid_client\"}"));
}

static void is_blocked(struct world *world)
{
    its_only_connection_is_refused(world);
    try_once(world);
    assert_state(world, "c-0", "blocked");
}

static void is_blocked_and_over(struct world *world)
{
    is_blocked(world);
    world_run(world, 2 * HOUR);
}

static void is_disabled(struct world *world)
{
    people(world, 1);
    assert_done(world_do(world, RPC_DISABLE, "{\"connector\":\"gcal\"}"));
}

static void is_disabled_and_over(struct world *world)
{
    is_disabled(world);
    world_run(world, 2 * HOUR);
}

static void is_dead(struct world *world)
{
    people(world, 1);
    fake_provider_grant_at(world->provider, 0)->is_dead = true;
    try_once(world);
    assert_state(world, "c-0", "needs_reconnect");
}

static void is_dead_and_over(struct world *world)
{
    is_dead(world);
    world_run(world, 2 * HOUR);
}

static void wants_the_person(struct world *world)
{
    people(world, 1);
    play(world, ANSWERS(400, "{\"error\":\"interaction_required\"}"));
    try_once(world);
}

static void the_provider_is_down(struct world *world)
{
    people(world, 1);
    play(world, ANSWERS(503, "{}"));
}

static void nobody_is_there(struct world *world)
{
    people(world, 1);
    try_once(world); /* so that its history begins with a success */
    play(world, (struct fake_answer){.kind = FAKE_NOT_SENT, .count = -1});
}

static void answers_get_lost(struct world *world)
{
    people(world, 1);
    play(world, (struct fake_answer){.kind = FAKE_LOST_ANSWER, .count = -1});
}

static void is_held(struct world *world)
{
    people(world, 20);
    play(world, ANSWERS(400, "{\"error\":\"invalid_grant\"}"));
    world_run(world, HOUR - 5 * MINUTE);
    assert_true(world_connection(world, "c-0")->held_ms != TIME_NONE);
}

static void has_no_refresh_token(struct world *world)
{
    world_register(world, "gcal", "app_user", "rotating", "client-gcal", "s1");
    assert_done(world_do(world, RPC_IMPORT,
                         "{\"connector\":\"gcal\",\"connection\":\"c-0\",\"owner\":{\"app\":"
                         "\"crm\",\"user\":\"ana\"},\"tokens\":{\"access_token\":\"a\","
                         "\"expires_in\":%d}}",
                         LIFETIME_S));
}

static void had_no_refresh_token(struct world *world)
{
    has_no_refresh_token(world);
    world_run(world, 2 * HOUR);
}

static const struct {
    const char *name;
    void (*given)(struct world *world);
    const char *refresh, *forced; /* an outcome, or "!" and the error's word */
    const char *because;          /* of not_sent: in it */
    const char *token;            /* the error's word where more is asked for than is left */
} rows[] = {
    {"one that is well", is_well, "refreshed", "refreshed", NULL, ""},
    {"pending", is_pending, "!not_connected", "!not_connected", NULL, "not_connected"},
    {"disconnected", is_disconnected, "!not_connected", "!not_connected", NULL, "not_connected"},
    {"the only one, whose client is refused", its_only_connection_is_refused, "client_rejected",
     "client_rejected", NULL, "blocked"},
    {"blocked: it is a probe", is_blocked, "client_rejected", "client_rejected", NULL, "blocked"},
    {"blocked, its token over", is_blocked_and_over, "client_rejected", "client_rejected", NULL,
     "blocked"},
    {"disabled by an admin", is_disabled, "!blocked", "!blocked", NULL, "blocked"},
    {"disabled, its token over", is_disabled_and_over, "!blocked", "!blocked", NULL, "blocked"},
    {"dead", is_dead, "!needs_reconnect", "grant_dead", NULL, "needs_reconnect"},
    {"dead, its token over", is_dead_and_over, "!needs_reconnect", "grant_dead", NULL,
     "needs_reconnect"},
    {"a person is wanted: an admin may have changed that", wants_the_person, "reauth_required",
     "reauth_required", NULL, "needs_reconnect"},
    {"a provider that is down", the_provider_is_down, "transient", "transient", NULL,
     "provider_unavailable"},
    {"a provider that nobody reaches", nobody_is_there, "not_sent", "not_sent", "be reached",
     "provider_unavailable"},
    {"answers that get lost", answers_get_lost, "uncertain", "uncertain", NULL,
     "provider_unavailable"},
    {"held by the guard", is_held, "not_sent", "grant_dead", "verdict is held",
     "provider_unavailable"},
    {"no refresh token, and good", has_no_refresh_token, "not_sent", "not_sent", "no refresh token",
     ""},
    {"no refresh token, and over", had_no_refresh_token, "!needs_reconnect", "!needs_reconnect",
     NULL, "needs_reconnect"},
};

static void assert_answer(const struct world_call *call, const char *wanted, const char *because,
                          const char *name)
{
    struct str outcome = world_text(call, "outcome");
    struct str why = world_text(call, "not_sent_because");
    bool is_error = wanted[0] == '!';
    bool is_right = is_error ? strcmp(call->word, wanted + 1) == 0
                             : call->result != NULL && str_eq(outcome, str_c(wanted));
    bool is_unsent = strcmp(wanted, "not_sent") == 0;
    if (!is_right || str_is_set(why) != is_unsent)
        fail_msg("%s: %s " STR_FMT " (" STR_FMT ")", name, call->word, STR_ARG(outcome),
                 STR_ARG(why));
    char text[256];
    str_copy_cut(why, text, sizeof(text));
    if (is_unsent && strstr(text, because) == NULL)
        fail_msg("%s: %s", name, text);
}

static void each_state_has_its_answer(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world *world = world_new(1);
        rows[i].given(world);
        assert_answer(world_do(world, RPC_REFRESH, "{\"connection\":\"c-0\"}"), rows[i].refresh,
                      rows[i].because, rows[i].name);
        world_run(world, SECOND);
        assert_answer(world_do(world, RPC_REFRESH, "{\"connection\":\"c-0\",\"force\":true}"),
                      rows[i].forced, rows[i].because, rows[i].name);
        world_run(world, SECOND);
        const struct world_call *token = world_do(
            world, RPC_TOKEN, "{\"connection\":\"c-0\",\"min_valid_s\":%d}", LIFETIME_S - 10);
        if (strcmp(token->word, rows[i].token) != 0)
            fail_msg("%s: token: %s", rows[i].name, token->word);
        world_free(world);
    }
}

static void what_was_before_is_no_outcome(void **state)
{
    struct world *world = *state;
    world->settings.max_in_flight = 1;
    world_restart(world);
    world_settle(world);
    people(world, 2);
    try_once(world);
    fake_provider_set_latency(world->provider, 5 * SECOND, 0);
    world_ask(world, RPC_REFRESH, "{\"connection\":\"c-1\"}");
    world_run(world, 100);
    struct world_call *waiting = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-0\"}");
    world_run(world, 100);
    engine_drain(world->engine, world_now(world));
    world_run(world, 20 * SECOND);
    assert_answer(waiting, "not_sent", "stopping", "one that waits while refreshd stops");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_state_has_its_answer),
        ROW(what_was_before_is_no_outcome),
    };
    return cmocka_run_group_tests_name("refresh_answers", tests, NULL, NULL);
}
