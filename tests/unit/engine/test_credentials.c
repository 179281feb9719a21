/* Whose fault a refusal is: the client's, one connection's, or that of a client id that was
 * replaced (SPEC "What an answer means", "Rotate").
 */
#include "unit/engine/engine_test.h"

static struct fake_grant *grant_of(struct world *world, size_t index)
{
    return fake_provider_grant_at(world->provider, index);
}

static void rotate_secret(struct world *world, const char *secret)
{
    assert_done(
        world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"%s\"}", secret));
}

static struct world_call *rotate_checked(struct world *world, const char *secret)
{
    struct world_call *call =
        world_do(world, RPC_ROTATE,
                 "{\"connector\":\"gcal\",\"client_secret\":\"%s\",\"check\":true}", secret);
    world_settle(world);
    return call;
}

static void rotate_client(struct world *world)
{
    fake_provider_accept(world->provider, "client-new", "n1");
    assert_done(world_do(world, RPC_ROTATE,
                         "{\"connector\":\"gcal\",\"client_id\":\"client-new\","
                         "\"client_secret\":\"n1\"}"));
    world_run(world, MINUTE);
}

static void import_under(struct world *world, const char *client_id, const char *id)
{
    char owner[80];
    snprintf(owner, sizeof(owner), "{\"app\":\"crm\",\"user\":\"%s\"}", id);
    struct world_call *call =
        world_import_grant(world, world_grant(world, "rotating", client_id), "gcal", id, owner, "");
    world_wait(world, call);
    assert_done(call);
}

/* It can't be refreshed, and it lasts. */
static void import_without_refresh_token(struct world *world)
{
    assert_done(world_do(world, RPC_IMPORT,
                         "{\"connector\":\"gcal\",\"connection\":\"c-bare\","
                         "\"owner\":{\"app\":\"crm\",\"user\":\"bare\"},\"acting_user\":\"bare\","
                         "\"tokens\":{\"access_token\":\"abc\",\"expires_in\":864000}}"));
}

static void play(struct world *world, struct fake_grant *grant, int count, int status,
                 const char *body)
{
    fake_provider_play(
        world->provider, grant,
        (struct fake_answer){.kind = FAKE_STATUS, .count = count, .status = status, .body = body});
}

static void cut_off(struct world *world, struct fake_grant *grant)
{
    fake_provider_play(world->provider, grant,
                       (struct fake_answer){.kind = FAKE_NOT_SENT, .count = -1});
}

static void be_honest(struct world *world, struct fake_grant *grant)
{
    fake_provider_play(world->provider, grant,
                       (struct fake_answer){.kind = FAKE_HONEST, .count = 0});
}

static int64_t connector_number(struct world *world, const char *path)
{
    struct world_call *call = world_do(world, RPC_SHOW_CONNECTOR, "{\"connector\":\"gcal\"}");
    assert_done(call);
    return world_number(call, path);
}

#define UNKNOWN_WORD "{\"error\":\"what_is_this\"}"

/* ---- a client id that was replaced ---- */

static void a_refused_old_client_ends_its_grant(void **state)
{
    struct world *world = *state;
    given_gcal(world, 1);
    rotate_client(world);
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    world_run(world, 65 * MINUTE);
    assert_state(world, "c-0", "needs_reconnect");
    assert_int_equal(world_connection(world, "c-0")->dead_reason, REASON_CLIENT_REPLACED);
    assert_int_equal(fake_provider_rejections(world->provider), 2);
    assert_events(world, "connection.needs_reconnect", "c-0", 1); /* asked once, by the sweep */
    assert_events(world, "connector.credentials_rejected", NULL, 0);
    world_run(world, 3 * DAY);
    assert_int_equal(fake_provider_rejections(world->provider), 2);
}

static void one_slip_of_the_old_client_ends_nothing(void **state)
{
    struct world *world = *state;
    given_gcal(world, 1);
    rotate_client(world);
    play(world, grant_of(world, 0), 1, 401, "{\"error\":\"invalid_client\"}");
    world_run(world, 2 * HOUR);
    assert_int_equal(world_connection(world, "c-0")->dead_reason, REASON_NONE);
    assert_true(world_connection(world, "c-0")->expires_ms > world->clock.ms);
}

static void the_old_client_falls_back_on_its_other_secret(void **state)
{
    struct world *world = *state;
    given_gcal(world, 1);
    rotate_secret(world, "s2"); /* never accepted over there */
    rotate_client(world);
    world_run(world, 65 * MINUTE);
    assert_int_equal(world_connection(world, "c-0")->dead_reason, REASON_NONE);
    assert_int_equal(world_connection(world, "c-0")->credential_version, 1);
}

static void the_old_clients_success_proves_nothing(void **state)
{
    struct world *world = *state;
    given_gcal(world, 5);
    rotate_client(world);
    for (int i = 0; i < 5; i++) {
        char id[16];
        snprintf(id, sizeof(id), "n-%d", i);
        import_under(world, "client-new", id);
    }
    fake_provider_refuse(world->provider, "client-new", "n1");
    world_run(world, DAY);
    assert_events(world, "connector.credentials_rejected", NULL, 1);
    assert_events(world, "connector.credentials_recovered", NULL, 0);
    fake_provider_accept(world->provider, "client-new", "n1");
    world_run(world, 2 * HOUR);
    assert_events(world, "connector.credentials_recovered", NULL, 1);
}

static void a_new_client_lifts_the_block_of_the_old(void **state)
{
    struct world *world = *state;
    given_gcal(world, 3);
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    world_run(world, HOUR);
    assert_state(world, "c-0", "blocked");
    rotate_client(world);
    fake_provider_accept(world->provider, "client-gcal", "s1"); /* undone over there */
    world_run(world, HOUR);
    assert_events(world, "connector.credentials_recovered", NULL, 1);
    for (int i = 0; i < 3; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        assert_true(world_connection(world, id)->expires_ms > world->clock.ms);
    }
}

static void a_block_that_concerns_nobody_is_lifted(void **state)
{
    struct world *world = *state;
    given_gcal(world, 3);
    rotate_client(world);
    import_under(world, "client-new", "n-0");
    fake_provider_refuse(world->provider, "client-new", "n1");
    world_run(world, HOUR);
    assert_events(world, "connector.credentials_rejected", NULL, 1);
    assert_done(world_do(world, RPC_DISCONNECT, "{\"connection\":\"n-0\"}"));
    world_run(world, 2 * HOUR);
    assert_true(world_connection(world, "c-0")->expires_ms > world->clock.ms);
}

/* ---- rotate with check ---- */

static void a_check_asks_no_grant_of_another_client(void **state)
{
    struct world *world = *state;
    given_gcal(world, 1);
    rotate_client(world);
    size_t before = fake_provider_requests(world->provider);
    fake_provider_accept(world->provider, "client-new", "n2");
    struct world_call *call = rotate_checked(world, "n2");
    assert_done(call);
    assert_false(json_bool(json_get(call->result, "checked"), true));
    assert_int_equal(fake_provider_requests(world->provider), before);
    assert_int_equal(world_connection(world, "c-0")->dead_reason, REASON_NONE);
}

static void a_check_does_not_pass_on_old_news(void **state)
{
    struct world *world = *state;
    given_gcal(world, 2);
    play(world, grant_of(world, 0), 1, 400, "{\"error\":\"login_required\"}");
    world_do(world, RPC_REFRESH, "{\"connection\":\"c-0\"}");
    assert_reason(world, "c-0", "reauthorization_required");
    cut_off(world, NULL);
    assert_failed_with(rotate_checked(world, "wrong"), "check_failed");
    be_honest(world, NULL);
    assert_events(world, "connector.rotated", NULL, 0);
}

static void a_dead_grant_is_no_canary(void **state)
{
    struct world *world = *state;
    given_gcal(world, 1);
    play(world, grant_of(world, 0), 1, 400, "{\"error\":\"login_required\"}");
    world_do(world, RPC_REFRESH, "{\"connection\":\"c-0\"}");
    cut_off(world, NULL);
    struct world_call *call = rotate_checked(world, "s2");
    be_honest(world, NULL);
    assert_done(call);
    assert_false(json_bool(json_get(call->result, "checked"), true));
    assert_true(str_is_set(world_text(call, "not_checked_because")));
}

static void a_check_chooses_who_is_not_in_doubt(void **state)
{
    struct world *world = *state;
    given_gcal(world, 1);
    import_without_refresh_token(world);
    world_import(world, "gcal", "c-good");
    play(world, grant_of(world, 0), 1, 400, UNKNOWN_WORD);
    world_do(world, RPC_REFRESH, "{\"connection\":\"c-0\"}");
    fake_provider_accept(world->provider, "client-gcal", "s2");
    size_t presented = grant_of(world, 1)->presented;
    struct world_call *call = rotate_checked(world, "s2");
    assert_done(call);
    assert_true(json_bool(json_get(call->result, "checked"), false));
    assert_int_equal(grant_of(world, 1)->presented, presented + 1);
}

static void a_grant_that_a_check_finds_dead_was_not_rotated_away(void **state)
{
    struct world *world = *state;
    given_gcal(world, 1);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    grant_of(world, 0)->is_dead = true;
    struct world_call *call = rotate_checked(world, "s2");
    assert_done(call);
    assert_true(json_bool(json_get(call->result, "checked"), false));
    world_run(world, 6 * SECOND); /* the verdict settles */
    assert_reason(world, "c-0", "grant_rejected");
    assert_event_text(world, "connection.needs_reconnect", "c-0", "cause", "null");
}

/* ---- who is asked about a refusal ---- */

static void a_suspicion_ends_where_nobody_else_can_be_refreshed(void **state)
{
    struct world *world = *state;
    given_gcal(world, 1);
    import_without_refresh_token(world);
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    world_run(world, 2 * HOUR);
    assert_events(world, "connector.credentials_rejected", "gcal", 1);
    assert_state(world, "c-0", "blocked");
    rotate_secret(world, "s2");
    fake_provider_accept(world->provider, "client-gcal", "s2");
    world_run(world, HOUR);
    assert_state(world, "c-0", "active");
}

static void a_suspicion_ends_where_nobody_else_gets_an_answer(void **state)
{
    struct world *world = *state;
    given_gcal(world, 12);
    for (size_t i = 0; i < 12; i++)
        cut_off(world, grant_of(world, i));
    play(world, grant_of(world, 3), -1, 401, "{\"error\":\"invalid_client\"}");
    world_run(world, 65 * MINUTE);
    assert_events(world, "connector.credentials_rejected", "gcal", 1);
    assert_state(world, "c-0", "blocked");
    for (size_t i = 0; i < 12; i++)
        be_honest(world, grant_of(world, i));
    world_run(world, 2 * HOUR);
    assert_events(world, "connector.credentials_recovered", "gcal", 1);
    assert_state(world, "c-0", "active");
}

static void probes_of_a_silent_provider_are_few(void **state)
{
    struct world *world = *state;
    given_gcal(world, 12);
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    world_run(world, HOUR);
    assert_state(world, "c-0", "blocked");
    cut_off(world, NULL);
    size_t before = fake_provider_requests(world->provider);
    world_run(world, 10 * HOUR);
    be_honest(world, NULL);
    assert_true(fake_provider_requests(world->provider) - before < 200);
}

/* ---- which credential is preferred ---- */

static void what_was_sent_before_a_rotation_prefers_nothing(void **state)
{
    struct world *world = *state;
    given_gcal(world, 2);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    fake_provider_set_latency(world->provider, 2000, 0);
    struct world_call *refresh = world_ask(world, RPC_REFRESH, "{\"connection\":\"c-0\"}");
    world_run(world, 500);
    rotate_secret(world, "s2");
    world_wait(world, refresh);
    assert_int_equal(world_connection(world, "c-0")->credential_version, 1);
    world_run(world, 3 * HOUR);
    assert_int_equal(world_connection(world, "c-0")->credential_version, 2);
    assert_int_equal(world_connection(world, "c-1")->credential_version, 2);
}

/* ---- refused without a known word ---- */

static void refused_alone_for_a_day_is_unclear(void **state)
{
    struct world *world = *state;
    given_gcal(world, 1);
    play(world, NULL, -1, 400, UNKNOWN_WORD);
    world_run(world, 24 * HOUR);
    assert_state(world, "c-0", "retrying");
    world_run(world, 3 * HOUR);
    be_honest(world, NULL);
    assert_reason(world, "c-0", "grant_rejected");
    assert_event_text(world, "connection.needs_reconnect", "c-0", "detail", "unclear");
    assert_events(world, "connector.credentials_rejected", NULL, 0);
}

static void refused_all_alike_the_credentials_are_the_suspect(void **state)
{
    struct world *world = *state;
    given_gcal(world, 10);
    play(world, NULL, -1, 400, UNKNOWN_WORD);
    world_run(world, 3LL * DAY);
    be_honest(world, NULL);
    assert_events(world, "connector.credentials_rejected", "gcal", 1);
    assert_events(world, "connection.needs_reconnect", NULL, 0);
    assert_state(world, "c-0", "blocked");
    world_run(world, 2 * HOUR);
    assert_events(world, "connector.credentials_recovered", "gcal", 1);
    for (int i = 0; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        assert_state(world, id, "active");
    }
}

static void two_refused_are_not_alone(void **state)
{
    struct world *world = *state;
    given_gcal(world, 2);
    play(world, NULL, -1, 400, UNKNOWN_WORD);
    world_run(world, 3LL * DAY);
    be_honest(world, NULL);
    assert_events(world, "connector.credentials_rejected", "gcal", 1);
    assert_events(world, "connection.needs_reconnect", NULL, 0);
}

static void refused_while_others_succeed_is_that_persons_affair(void **state)
{
    struct world *world = *state;
    given_gcal(world, 4);
    play(world, grant_of(world, 2), -1, 400, UNKNOWN_WORD);
    world_run(world, 6 * HOUR);
    assert_reason(world, "c-2", "grant_rejected");
    assert_events(world, "connection.needs_reconnect", NULL, 1);
    assert_events(world, "connector.credentials_rejected", NULL, 0);
}

/* ---- the rotation report ---- */

static void a_fresh_import_has_refreshed_nothing(void **state)
{
    struct world *world = *state;
    given_gcal(world, 2);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    rotate_secret(world, "s2");
    world_import(world, "gcal", "c-late");
    assert_int_equal(connector_number(world, "rotation.refreshed"), 0);
    assert_int_equal(connector_number(world, "rotation.waiting"), 2);
    world_run(world, 2 * HOUR);
    assert_int_equal(connector_number(world, "rotation.refreshed"), 3);
    assert_int_equal(connector_number(world, "rotation.waiting"), 0);
}

static void the_report_names_who_was_refused(void **state)
{
    struct world *world = *state;
    given_gcal(world, 25);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    rotate_secret(world, "s2");
    grant_of(world, 7)->is_dead = true;
    world_run(world, 2 * HOUR);
    struct world_call *call = world_do(world, RPC_SHOW_CONNECTOR, "{\"connector\":\"gcal\"}");
    assert_int_equal(world_number(call, "rotation.refused"), 1);
    assert_true(str_eq(world_text(call, "rotation.refused_connections.0"), STR("c-7")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_refused_old_client_ends_its_grant),
        ROW(one_slip_of_the_old_client_ends_nothing),
        ROW(the_old_client_falls_back_on_its_other_secret),
        ROW(the_old_clients_success_proves_nothing),
        ROW(a_new_client_lifts_the_block_of_the_old),
        ROW(a_block_that_concerns_nobody_is_lifted),
        ROW(a_check_asks_no_grant_of_another_client),
        ROW(a_check_does_not_pass_on_old_news),
        ROW(a_dead_grant_is_no_canary),
        ROW(a_check_chooses_who_is_not_in_doubt),
        ROW(a_grant_that_a_check_finds_dead_was_not_rotated_away),
        ROW(a_suspicion_ends_where_nobody_else_can_be_refreshed),
        ROW(a_suspicion_ends_where_nobody_else_gets_an_answer),
        ROW(probes_of_a_silent_provider_are_few),
        ROW(what_was_sent_before_a_rotation_prefers_nothing),
        ROW(refused_alone_for_a_day_is_unclear),
        ROW(refused_all_alike_the_credentials_are_the_suspect),
        ROW(two_refused_are_not_alone),
        ROW(refused_while_others_succeed_is_that_persons_affair),
        ROW(a_fresh_import_has_refreshed_nothing),
        ROW(the_report_names_who_was_refused),
    };
    return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
