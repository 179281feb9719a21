/* The connector's affairs: refused credentials, rotate, rescope, disable (docs/behaviour.md
 * "Rotate", "Rescope").
 */
#include "unit/engine/engine_test.h"

static size_t count_state(const struct world *world, const char *state)
{
    size_t count = 0;
    for (const struct connection *c = NULL; (c = fake_store_next(world->store, c)) != NULL;) {
        char id[16];
        str_copy_cut(c->id, id, sizeof(id));
        count += strcmp(world_state(world, id), state) == 0;
    }
    return count;
}

static size_t count_fresh(const struct world *world)
{
    size_t count = 0;
    for (const struct connection *c = NULL; (c = fake_store_next(world->store, c)) != NULL;)
        count += c->expires_ms > world->clock.ms;
    return count;
}

/* ---- refused credentials ---- */

static void a_dead_secret_is_the_admins_affair_alone(void **state)
{
    struct world *world = *state;
    given_gcal(world, 20);
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    world_run(world, 3 * HOUR);
    assert_int_equal(count_state(world, "blocked"), 20);
    assert_events(world, "connector.credentials_rejected", "gcal", 1);
    assert_events(world, "connection.needs_reconnect", NULL, 0);
    assert_event_text(world, "connector.credentials_rejected", "gcal", "reason", "client_rejected");
    assert_event_text(world, "connector.credentials_rejected", "gcal", "remedy.actor",
                      "workspace_admin");
    assert_event_text(world, "connector.credentials_rejected", "gcal", "cause", "null");
    /* One probe now and then: not a storm. */
    assert_in_range(fake_provider_rejections(world->provider), 2, 15);
    assert_failed_with(world_do(world, RPC_TOKEN, "{\"connection\":\"c-1\"}"), "blocked");
}

static void one_refusal_alone_is_its_own_affair(void **state)
{
    struct world *world = *state;
    given_gcal(world, 3);
    fake_provider_play(world->provider, fake_provider_grant_at(world->provider, 1),
                       (struct fake_answer){.kind = FAKE_STATUS,
                                            .count = 1,
                                            .status = 401,
                                            .body = "{\"error\":\"invalid_client\"}"});
    world_run(world, 3 * HOUR);
    assert_events(world, "connector.credentials_rejected", NULL, 0);
    assert_int_equal(count_state(world, "active"), 3);
    assert_int_equal(count_fresh(world), 3);
}

static void rotate_brings_all_back(void **state)
{
    struct world *world = *state;
    given_gcal(world, 20);
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    world_run(world, 2 * HOUR);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    assert_done(world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2\"}"));
    world_run(world, MINUTE);
    assert_int_equal(count_state(world, "active"), 20);
    assert_int_equal(count_fresh(world), 20);
    assert_events(world, "connector.credentials_rejected", NULL, 1);
    assert_events(world, "connector.rotated", "gcal", 1);
    assert_events(world, "connector.credentials_recovered", "gcal", 1);
    assert_events(world, "connection.needs_reconnect", NULL, 0);
    assert_events(world, "connection.recovered", NULL, 0);
}

static void assert_cause_is_the_rotation(const struct world *world, const char *type)
{
    const struct connector *connector = fake_store_connector(world->store, STR("gcal"));
    char expected[32];
    snprintf(expected, sizeof(expected), "%lld", (long long)connector->rotated_seq);
    assert_true(connector->rotated_seq > 0);
    assert_event_text(world, type, "gcal", "cause", expected);
}

static void a_rotation_that_brought_a_wrong_secret_is_the_cause(void **state)
{
    struct world *world = *state;
    given_gcal(world, 5);
    world_run(world, 2 * HOUR);
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    assert_done(world_do(world, RPC_ROTATE,
                         "{\"connector\":\"gcal\",\"client_secret\":\"typo\",\"overlap_s\":0}"));
    world_run(world, 2 * HOUR);
    assert_cause_is_the_rotation(world, "connector.credentials_rejected");
    fake_provider_accept(world->provider, "client-gcal", "s2");
    assert_done(world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2\"}"));
    world_run(world, MINUTE);
    assert_cause_is_the_rotation(world, "connector.credentials_recovered");
}

/* Neither of what befell the secret that it brought, nor of its end, long after. */
static void a_rotation_long_ago_is_no_cause(void **state)
{
    struct world *world = *state;
    given_gcal(world, 5);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    assert_done(world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2\"}"));
    world_run(world, 30 * HOUR);
    world_crash(world); /* what is known of it is in the store */
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    fake_provider_refuse(world->provider, "client-gcal", "s2");
    world_run(world, 3 * HOUR);
    assert_events(world, "connector.credentials_rejected", "gcal", 1);
    assert_event_text(world, "connector.credentials_rejected", "gcal", "cause", "null");
    fake_provider_accept(world->provider, "client-gcal", "s2"); /* undone over there */
    world_run(world, 3 * HOUR);
    assert_events(world, "connector.credentials_recovered", "gcal", 1);
    assert_event_text(world, "connector.credentials_recovered", "gcal", "cause", "null");
}

static void the_block_outlives_a_crash(void **state)
{
    struct world *world = *state;
    given_gcal(world, 5);
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    world_run(world, 2 * HOUR);
    size_t before = fake_provider_requests(world->provider);
    world_crash(world);
    world_run(world, 2 * MINUTE);
    assert_true(fake_provider_requests(world->provider) <= before + 1);
    assert_int_equal(count_state(world, "blocked"), 5);
    fake_provider_accept(world->provider, "client-gcal", "s1"); /* undone over there */
    world_run(world, 2 * HOUR);
    assert_int_equal(count_state(world, "active"), 5);
    assert_events(world, "connector.credentials_recovered", NULL, 1);
}

/* ---- rotate ---- */

static void rotate_forces_no_refresh_and_tells_nobody(void **state)
{
    struct world *world = *state;
    given_gcal(world, 5);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    size_t before = fake_provider_requests(world->provider);
    struct world_call *call =
        world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2\"}");
    assert_done(call);
    assert_int_equal(world_number(call, "credential_version"), 2);
    assert_int_equal(world_number(call, "connections"), 5);
    world_settle(world);
    assert_int_equal(fake_provider_requests(world->provider), before);
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    world_run(world, 3 * HOUR);
    assert_int_equal(count_state(world, "active"), 5);
    assert_int_equal(fake_provider_rejections(world->provider), 0);
}

static void rotate_is_idempotent(void **state)
{
    struct world *world = *state;
    given_gcal(world, 1);
    world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2\"}");
    struct world_call *call =
        world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2\"}");
    assert_done(call);
    assert_int_equal(world_number(call, "credential_version"), 2);
    assert_events(world, "connector.rotated", NULL, 1);
}

static void an_uncertain_rotate_is_seen_to_be_done_or_not(void **state)
{
    struct world *world = *state;
    given_gcal(world, 1);
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_CONNECTORS,
                                                            .fate = FAKE_WRITE_UNCERTAIN_DONE,
                                                            .count = 1});
    struct world_call *call =
        world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2\"}");
    assert_done(call);
    assert_int_equal(world_number(call, "credential_version"), 2);
    call = world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s3\"}");
    assert_done(call); /* and the next one is no conflict */
    assert_int_equal(world_number(call, "credential_version"), 3);
    fake_store_clear_faults(world->store);
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_CONNECTORS,
                                                            .fate = FAKE_WRITE_UNCERTAIN_NOT_DONE,
                                                            .count = 1});
    assert_failed_with(
        world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s4\"}"),
        "store_unavailable");
    assert_events(world, "connector.rotated", NULL, 2);
}

static void a_checked_rotate_proves_the_secret_first(void **state)
{
    struct world *world = *state;
    given_gcal(world, 5);
    size_t before = fake_provider_requests(world->provider);
    assert_failed_with(
        world_do(world, RPC_ROTATE,
                 "{\"connector\":\"gcal\",\"client_secret\":\"wrong\",\"check\":true}"),
        "check_failed");
    assert_events(world, "connector.rotated", NULL, 0);
    assert_events(world, "connector.credentials_rejected", NULL, 0);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    struct world_call *call = world_do(
        world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2\",\"check\":true}");
    assert_done(call);
    assert_true(json_bool(json_get(call->result, "checked"), false));
    world_settle(world);
    assert_int_equal(fake_provider_requests(world->provider), before + 2);
    world_run(world, 2 * HOUR);
    assert_int_equal(count_state(world, "active"), 5);
}

static void a_check_with_nobody_to_ask_takes_over_unchecked(void **state)
{
    struct world *world = *state;
    given_gcal(world, 0);
    struct world_call *call = world_do(
        world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2\",\"check\":true}");
    assert_done(call);
    assert_false(json_bool(json_get(call->result, "checked"), true));
    assert_true(str_is_set(world_text(call, "not_checked_because")));
}

static void the_retiring_secret_is_found_once_for_all(void **state)
{
    struct world *world = *state;
    given_gcal(world, 20);
    /* Rotated here, not yet over there: the new one is refused, the old one works. */
    world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2\"}");
    world_run(world, 5 * HOUR);
    assert_int_equal(count_fresh(world), 20);
    assert_int_equal(fake_provider_rejections(world->provider), 1);
    assert_events(world, "connector.credentials_rejected", NULL, 0);
    /* Now over there as well: the old one is refused, the new one works. */
    fake_provider_accept(world->provider, "client-gcal", "s2");
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    world_run(world, 5 * HOUR);
    assert_int_equal(count_fresh(world), 20);
    assert_in_range(fake_provider_rejections(world->provider), 2, 4);
    assert_events(world, "connector.credentials_rejected", NULL, 0);
    assert_events(world, "connection.needs_reconnect", NULL, 0);
}

static void what_is_past_its_overlap_is_erased(void **state)
{
    struct world *world = *state;
    given_gcal(world, 1);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    world_do(world, RPC_ROTATE,
             "{\"connector\":\"gcal\",\"client_secret\":\"s2\",\"overlap_s\":3600}");
    world_run(world, 2 * HOUR);
    struct world_call *call = world_do(world, RPC_SHOW_CONNECTOR, "{\"connector\":\"gcal\"}");
    assert_true(str_eq(world_text(call, "credentials.1.state"), STR("retired")));
}

static void a_grant_refused_after_a_rotation_is_that_persons_affair(void **state)
{
    struct world *world = *state;
    given_gcal(world, 3);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2\"}");
    fake_provider_grant_at(world->provider, 1)->is_dead = true;
    world_run(world, 2 * HOUR);
    assert_reason(world, "c-1", "secret_rotated");
    assert_event_text(world, "connection.needs_reconnect", "c-1", "remedy.action", "reconnect");
    assert_events(world, "connection.needs_reconnect", NULL, 1);
}

static void grants_of_the_old_client_go_on_under_its_credential(void **state)
{
    struct world *world = *state;
    given_gcal(world, 3);
    fake_provider_accept(world->provider, "client-new", "n1");
    assert_done(world_do(world, RPC_ROTATE,
                         "{\"connector\":\"gcal\",\"client_id\":\"client-new\","
                         "\"client_secret\":\"n1\"}"));
    world_run(world, DAY);
    assert_int_equal(count_fresh(world), 3);
    for (const struct connection *c = NULL; (c = fake_store_next(world->store, c)) != NULL;)
        assert_int_equal(c->dead_reason, REASON_NONE);
}

static void a_refused_old_client_is_not_asked_in_a_storm(void **state)
{
    struct world *world = *state;
    given_gcal(world, 3);
    fake_provider_accept(world->provider, "client-new", "n1");
    world_do(world, RPC_ROTATE,
             "{\"connector\":\"gcal\",\"client_id\":\"client-new\",\"client_secret\":\"n1\"}");
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    world_run(world, 2 * HOUR);
    assert_in_range(fake_provider_rejections(world->provider), 3, 150);
    assert_events(world, "connector.credentials_rejected", NULL, 0);
}

static void when_no_credential_works_all_are_tried_once(void **state)
{
    struct world *world = *state;
    given_gcal(world, 6);
    world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2\"}");
    world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s3\"}");
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    world_run(world, 2 * HOUR);
    assert_int_equal(count_state(world, "blocked"), 6);
    assert_events(world, "connector.credentials_rejected", NULL, 1);
    assert_in_range(fake_provider_rejections(world->provider), 6, 50);
}

static void two_rotates_at_once_leave_the_later_one(void **state)
{
    struct world *world = *state;
    given_gcal(world, 2);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    struct world_call *checked = world_ask(
        world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2\",\"check\":true}");
    struct world_call *plain =
        world_ask(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s9\"}");
    world_run(world, MINUTE);
    assert_done(checked);
    assert_done(plain);
    assert_int_equal(world_number(plain, "credential_version"), 2);
    assert_int_equal(world_number(checked, "credential_version"), 3);
}

/* ---- disable ---- */

static void disable_blocks_and_enable_brings_back(void **state)
{
    struct world *world = *state;
    given_gcal(world, 5);
    assert_done(world_do(world, RPC_DISABLE, "{\"connector\":\"gcal\"}"));
    size_t before = fake_provider_requests(world->provider);
    world_run(world, 5 * HOUR);
    assert_int_equal(fake_provider_requests(world->provider), before);
    assert_int_equal(count_state(world, "blocked"), 5);
    assert_done(world_do(world, RPC_ENABLE, "{\"connector\":\"gcal\"}"));
    world_run(world, MINUTE);
    assert_int_equal(count_fresh(world), 5);
    assert_events(world, "connection.needs_reconnect", NULL, 0);
}

/* ---- rescope ---- */

static void rescope_asks_each_person_once(void **state)
{
    struct world *world = *state;
    given_gcal(world, 250);
    struct world_call *call = world_do(
        world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"read\",\"write\",\"admin\"]}");
    assert_done(call);
    assert_int_equal(world_number(call, "affected"), 250);
    world_run(world, 10 * SECOND);
    assert_events(world, "connection.needs_reconnect", NULL, 250);
    assert_events(world, "connector.rescoped", "gcal", 1);
    assert_event_text(world, "connection.needs_reconnect", "c-7", "added", "[\"admin\"]");
    assert_event_text(world, "connection.needs_reconnect", "c-7", "reason", "scopes_changed");
    assert_event_text(world, "connection.needs_reconnect", "c-7", "severity", "action");
    assert_event_text(world, "connection.needs_reconnect", "c-7", "grant_alive", "true");
    world_run(world, 5 * HOUR);
    assert_events(world, "connection.needs_reconnect", NULL, 250);
    assert_int_equal(count_fresh(world), 250); /* refreshed meanwhile */
    assert_done(world_do(world, RPC_TOKEN, "{\"connection\":\"c-7\"}"));
}

static void removing_only_is_an_advisory(void **state)
{
    struct world *world = *state;
    given_gcal(world, 1);
    world_do(world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"read\"]}");
    world_settle(world);
    assert_event_text(world, "connection.needs_reconnect", "c-0", "severity", "advisory");
    assert_event_text(world, "connection.needs_reconnect", "c-0", "removed", "[\"write\"]");
}

static void an_undone_rescope_recovers(void **state)
{
    struct world *world = *state;
    given_gcal(world, 3);
    world_do(world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"read\"]}");
    world_settle(world);
    world_do(world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"write\",\"read\"]}");
    world_settle(world);
    assert_int_equal(count_state(world, "active"), 3);
    assert_events(world, "connection.recovered", NULL, 3);
}

static void a_second_rescope_replaces_the_first_request(void **state)
{
    struct world *world = *state;
    given_gcal(world, 1);
    world_do(world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"read\"]}");
    world_settle(world);
    world_do(world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"read\",\"x\"]}");
    world_settle(world);
    assert_events(world, "connection.needs_reconnect", "c-0", 2);
    assert_event_text(world, "connection.needs_reconnect", "c-0", "added", "[\"x\"]");
}

static void the_same_set_changes_nothing(void **state)
{
    struct world *world = *state;
    given_gcal(world, 1);
    struct world_call *call = world_do(
        world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"write\",\"read\",\"write\"]}");
    assert_done(call);
    assert_int_equal(world_number(call, "affected"), 0);
    assert_events(world, "connector.rescoped", NULL, 0);
}

static void only_missing_spares_those_who_have_them(void **state)
{
    struct world *world = *state;
    given_gcal(world, 2);
    fake_provider_grant_at(world->provider, 0)->scope = "admin read write";
    world_do(world, RPC_REFRESH, "{\"connection\":\"c-0\"}");
    world_do(world, RPC_RESCOPE,
             "{\"connector\":\"gcal\",\"scopes\":[\"read\",\"admin\"],\"only_missing\":true}");
    world_settle(world);
    assert_state(world, "c-0", "active");
    assert_state(world, "c-1", "needs_reconnect");
}

static void a_dry_run_changes_nothing(void **state)
{
    struct world *world = *state;
    given_gcal(world, 2);
    struct world_call *call = world_do(
        world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"read\"],\"dry_run\":true}");
    assert_int_equal(world_number(call, "affected"), 2);
    world_settle(world);
    assert_events(world, "connector.rescoped", NULL, 0);
    assert_int_equal(count_state(world, "active"), 2);
}

static void a_sweep_neither_skips_nor_repeats_across_crashes(void **state)
{
    struct world *world = *state;
    given_gcal(world, 950);
    world_do(world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"read\"]}");
    for (int i = 0; i < 3; i++) {
        world_run(world, 60);
        world_crash(world);
    }
    world_run(world, MINUTE);
    assert_events(world, "connection.needs_reconnect", NULL, 950);
    for (int i = 0; i < 950; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        assert_events(world, "connection.needs_reconnect", id, 1);
    }
    struct world_call *call = world_do(world, RPC_SHOW_CONNECTOR, "{\"connector\":\"gcal\"}");
    assert_done(call);
    assert_int_equal(fake_store_connector(world->store, STR("gcal"))->sweep.scopes_version, 0);
}

static void an_uncertain_page_of_a_sweep_is_not_told_twice(void **state)
{
    struct world *world = *state;
    given_gcal(world, 150);
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_CONNECTORS,
                                                            .fate = FAKE_WRITE_UNCERTAIN_DONE,
                                                            .count = 2,
                                                            .skip = 1});
    world_do(world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"read\"]}");
    world_run(world, MINUTE);
    assert_events(world, "connection.needs_reconnect", NULL, 150);
}

static void a_reconnect_with_the_new_scopes_ends_it(void **state)
{
    struct world *world = *state;
    given_gcal(world, 1);
    world_do(world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"read\"]}");
    world_settle(world);
    world->roles = RPC_ROLE_PLATFORM;
    struct fake_grant *grant = world_grant(world, "rotating", "client-gcal");
    assert_done(world_import_grant(world, grant, "gcal", "c-0",
                                   "{\"app\":\"crm\",\"user\":\"c-0\"}",
                                   ",\"intent\":\"reconnect\",\"acting_user\":\"c-0\""));
    assert_state(world, "c-0", "active");
    assert_events(world, "connection.reconnected", "c-0", 1);
    assert_events(world, "connection.recovered", NULL, 0);
}

static void unregister_refuses_while_there_are_connections(void **state)
{
    struct world *world = *state;
    given_gcal(world, 3);
    assert_failed_with(world_do(world, RPC_UNREGISTER, "{\"connector\":\"gcal\"}"), "exists");
    assert_done(world_do(world, RPC_UNREGISTER, "{\"connector\":\"gcal\",\"force\":true}"));
    assert_events(world, "connection.disconnected", NULL, 3);
    assert_events(world, "connector.unregistered", "gcal", 1);
    world_run(world, 2 * HOUR);
    assert_int_equal(engine_task_count(world->engine), 0);
    given_gcal(world, 3); /* the same names again */
    world_run(world, 2 * HOUR);
    assert_int_equal(count_fresh(world), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_dead_secret_is_the_admins_affair_alone),
        ROW(one_refusal_alone_is_its_own_affair),
        ROW(rotate_brings_all_back),
        ROW(a_rotation_that_brought_a_wrong_secret_is_the_cause),
        ROW(a_rotation_long_ago_is_no_cause),
        ROW(the_block_outlives_a_crash),
        ROW(rotate_forces_no_refresh_and_tells_nobody),
        ROW(rotate_is_idempotent),
        ROW(an_uncertain_rotate_is_seen_to_be_done_or_not),
        ROW(a_checked_rotate_proves_the_secret_first),
        ROW(a_check_with_nobody_to_ask_takes_over_unchecked),
        ROW(the_retiring_secret_is_found_once_for_all),
        ROW(what_is_past_its_overlap_is_erased),
        ROW(a_grant_refused_after_a_rotation_is_that_persons_affair),
        ROW(grants_of_the_old_client_go_on_under_its_credential),
        ROW(a_refused_old_client_is_not_asked_in_a_storm),
        ROW(when_no_credential_works_all_are_tried_once),
        ROW(two_rotates_at_once_leave_the_later_one),
        ROW(disable_blocks_and_enable_brings_back),
        ROW(rescope_asks_each_person_once),
        ROW(removing_only_is_an_advisory),
        ROW(an_undone_rescope_recovers),
        ROW(a_second_rescope_replaces_the_first_request),
        ROW(the_same_set_changes_nothing),
        ROW(only_missing_spares_those_who_have_them),
        ROW(a_dry_run_changes_nothing),
        ROW(a_sweep_neither_skips_nor_repeats_across_crashes),
        ROW(an_uncertain_page_of_a_sweep_is_not_told_twice),
        ROW(a_reconnect_with_the_new_scopes_ends_it),
        ROW(unregister_refuses_while_there_are_connections),
    };
    return cmocka_run_group_tests_name("setup", tests, NULL, NULL);
}
