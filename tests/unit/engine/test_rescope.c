/* docs/behaviour.md "Rescope", sentence by sentence, beside what test_setup.c holds already; flows
 * that began before one are in test_flow.c. */
#include "unit/engine/engine_test.h"

static void given(struct world *world, int people)
{
    world_register(world, "gcal", "app_user", "rotating", "client-gcal", "s1");
    for (int i = 0; i < people; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%03d", i);
        world_import(world, "gcal", id);
    }
}

static struct world_call *rescope(struct world *world, const char *scopes)
{
    struct world_call *call =
        world_do(world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[%s]}", scopes);
    assert_done(call);
    return call;
}

static struct world_call *show(struct world *world)
{
    struct world_call *call = world_do(world, RPC_SHOW_CONNECTOR, "{\"connector\":\"gcal\"}");
    assert_done(call);
    return call;
}

/* A grant of one more person of app crm. @more further members of `import`, or "" */
static void import_one(struct world *world, const char *id, const char *more)
{
    char owner[64], members[200];
    snprintf(owner, sizeof(owner), "{\"app\":\"crm\",\"user\":\"%s\"}", id);
    snprintf(members, sizeof(members), ",\"acting_user\":\"%s\"%s", id, more);
    struct fake_grant *grant = world_grant(world, "rotating", "client-gcal");
    unsigned before = world->roles;
    world->roles = RPC_ROLE_PLATFORM; /* who acts for the person */
    assert_done(world_import_grant(world, grant, "gcal", id, owner, members));
    world->roles = before;
}

static void assert_words(const struct world_call *call, const char *path, const char *expected)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    json_write(json_get_path(call->result, str_c(path)), &text);
    if (!str_eq(buf_str(&text), str_c(expected)))
        fail_msg("%s is " STR_FMT ", not %s", path, STR_ARG(buf_str(&text)), expected);
}

/* ---- the set ---- */

static void the_whole_set_is_replaced_and_its_version_rises(void **state)
{
    static const struct {
        const char *scopes, *added, *removed, *now;
        int64_t version;
    } rows[] = {
        {"\"x\"", "[\"x\"]", "[\"read\",\"write\"]", "[\"x\"]", 2},
        {"\"x\",\"x\"", "[]", "[]", "[\"x\"]", 2},
        {"\"write\",\"x\"", "[\"write\"]", "[]", "[\"write\",\"x\"]", 3},
        {"\"x\",\"write\",\"x\"", "[]", "[]", "[\"write\",\"x\"]", 3},
        {"", "[]", "[\"write\",\"x\"]", "[]", 4},
    };
    struct world *world = *state;
    given(world, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world_call *call = rescope(world, rows[i].scopes);
        assert_int_equal(world_number(call, "scopes_version"), rows[i].version);
        assert_words(call, "added", rows[i].added);
        assert_words(call, "removed", rows[i].removed);
        assert_words(show(world), "scopes", rows[i].now);
        assert_events(world, "connector.rescoped", "gcal", (size_t)rows[i].version - 1);
        world_settle(world);
    }
}

static void what_adds_and_removes_is_no_advisory(void **state)
{
    struct world *world = *state;
    given(world, 1);
    rescope(world, "\"read\",\"x\"");
    world_settle(world);
    assert_event_text(world, "connection.needs_reconnect", "c-000", "severity", "action");
    assert_event_text(world, "connection.needs_reconnect", "c-000", "added", "[\"x\"]");
    assert_event_text(world, "connection.needs_reconnect", "c-000", "removed", "[\"write\"]");
}

/* ---- what is compared ---- */

static void what_was_granted_does_not_count(void **state)
{
    struct world *world = *state;
    given(world, 2);
    fake_provider_grant_at(world->provider, 0)->scope = "read";
    fake_provider_grant_at(world->provider, 1)->scope = "read write x";
    for (int i = 0; i < 2; i++)
        assert_done(world_do(world, RPC_REFRESH, "{\"connection\":\"c-%03d\"}", i));
    size_t before = world_events(world, "connection.needs_reconnect", NULL);
    /* The set that all were asked for: nobody is asked to grant the rest. */
    assert_int_equal(world_number(rescope(world, "\"write\",\"read\""), "affected"), 0);
    world_settle(world);
    assert_events(world, "connection.needs_reconnect", NULL, before);
    /* Another set: whoever has more than was asked for is asked too. */
    assert_int_equal(world_number(rescope(world, "\"read\",\"write\",\"x\""), "affected"), 2);
    world_settle(world);
    assert_reason(world, "c-001", "scopes_changed");
}

static void requested_scopes_say_what_a_grant_asked_for(void **state)
{
    struct world *world = *state;
    given(world, 0);
    import_one(world, "c-narrow", ",\"requested_scopes\":[\"read\"]");
    assert_reason(world, "c-narrow", "scopes_changed"); /* from its first moment */
    import_one(world, "c-same", ",\"requested_scopes\":[\"write\",\"read\"]");
    import_one(world, "c-default", "");
    assert_state(world, "c-same", "active");
    assert_state(world, "c-default", "active");
    assert_int_equal(world_number(rescope(world, "\"read\""), "affected"), 2);
    world_settle(world);
    assert_state(world, "c-narrow", "active");
    assert_events(world, "connection.recovered", "c-narrow", 1);
    assert_reason(world, "c-same", "scopes_changed");
    assert_reason(world, "c-default", "scopes_changed");
}

/* ---- who is told ---- */

static void grants_made_after_it_get_none(void **state)
{
    struct world *world = *state;
    given(world, 300);
    rescope(world, "\"read\",\"write\",\"x\"");
    world_run(world, 10); /* the sweep is on its way */
    int64_t done = fake_store_connector(world->store, STR("gcal"))->sweep.done;
    assert_in_range(done, 0, 299);
    import_one(world, "c-000-behind-it", "");
    import_one(world, "c-999-before-it", "");
    world_run(world, MINUTE);
    import_one(world, "c-999-after-its-end", "");
    world_run(world, 5 * HOUR);
    assert_events(world, "connection.needs_reconnect", NULL, 300);
    assert_state(world, "c-000-behind-it", "active");
    assert_state(world, "c-999-before-it", "active");
    assert_state(world, "c-999-after-its-end", "active");
}

static void a_dead_grant_has_its_event_already(void **state)
{
    struct world *world = *state;
    given(world, 1);
    fake_provider_grant_at(world->provider, 0)->is_dead = true;
    world_run(world, 2 * HOUR);
    assert_events(world, "connection.needs_reconnect", "c-000", 1);
    rescope(world, "\"x\"");
    world_run(world, MINUTE);
    assert_events(world, "connection.needs_reconnect", "c-000", 1);
    import_one(world, "c-000", ",\"intent\":\"reconnect\"");
    assert_state(world, "c-000", "active"); /* it asked for the new ones */
}

/* ---- one rescope after another ---- */

enum { MANY = 950 };

static size_t told(struct world *world)
{
    return world_events(world, "connection.needs_reconnect", NULL);
}

/* At any moment: between two pages, or while one is read or written. */
static void one_in_the_middle_of_a_sweep_takes_its_place(void **state)
{
    enum { FEW = 250, MOMENTS = 60 };
    (void)state;
    size_t in_the_middle = 0;
    for (int at_ms = 0; at_ms < MOMENTS; at_ms++) {
        struct world *world = world_new(1);
        given(world, FEW);
        rescope(world, "\"read\",\"write\",\"x\"");
        world_run(world, at_ms);
        struct world_call *second = world_ask(
            world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"read\",\"write\",\"y\"]}");
        world_run(world, MINUTE);
        assert_done(second);
        size_t old = told(world) - FEW; /* requests that the second one has replaced */
        assert_in_range(old, 0, FEW);
        in_the_middle += old > 0 && old < FEW;
        for (const struct connection *c = NULL; (c = fake_store_next(world->store, c)) != NULL;)
            assert_true(str_eq(c->scopes_added, STR("y")));
        world_free(world);
    }
    assert_true(in_the_middle > MOMENTS / 4);
}

static void one_undone_in_the_middle_of_its_sweep_recovers_those_that_were_told(void **state)
{
    struct world *world = *state;
    given(world, MANY);
    rescope(world, "\"read\",\"write\",\"x\"");
    world_run(world, 60);
    assert_in_range(told(world), 1, MANY - 1);
    rescope(world, "\"read\",\"write\"");
    world_run(world, MINUTE);
    assert_events(world, "connection.recovered", NULL, told(world));
    for (const struct connection *c = NULL; (c = fake_store_next(world->store, c)) != NULL;)
        assert_int_equal(c->advisory_reason, REASON_NONE);
    assert_true(told(world) < MANY);
}

/* ---- the sweep ---- */

static void the_sweep_is_paced_and_shows_how_far_it_is(void **state)
{
    struct world *world = *state;
    given(world, MANY);
    int64_t begun_ms = world->clock.ms;
    rescope(world, "\"x\"");
    int64_t last = 0, pages = 0;
    for (;;) {
        struct world_call *call = show(world);
        int64_t done = world_number(call, "sweep.done");
        if (done < 0) /* it is over */
            break;
        assert_int_equal(world_number(call, "sweep.total"), MANY);
        assert_int_equal(world_number(call, "sweep.affected"), done);
        assert_in_range(done, last, last + 100); /* a page at a time */
        pages += done > last;
        last = done;
        world_run(world, 1);
    }
    assert_int_equal(last, MANY);
    assert_int_equal(pages, 10);
    assert_true(world->clock.ms - begun_ms >= 9 * 20); /* a moment for others between two */
    assert_int_equal(told(world), MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(the_whole_set_is_replaced_and_its_version_rises),
        ROW(what_adds_and_removes_is_no_advisory),
        ROW(what_was_granted_does_not_count),
        ROW(requested_scopes_say_what_a_grant_asked_for),
        ROW(grants_made_after_it_get_none),
        ROW(a_dead_grant_has_its_event_already),
        cmocka_unit_test(one_in_the_middle_of_a_sweep_takes_its_place),
        ROW(one_undone_in_the_middle_of_its_sweep_recovers_those_that_were_told),
        ROW(the_sweep_is_paced_and_shows_how_far_it_is),
    };
    return cmocka_run_group_tests_name("rescope", tests, NULL, NULL);
}
