/* A rotation is whole or has not been, wherever the process dies. */
#include "unit/engine/rotate_test.h"

static void a_crash_leaves_the_old_or_the_new(void **state)
{
    static const struct {
        enum fake_write_fate fate;
        int64_t version;
    } rows[] = {
        {FAKE_WRITE_CRASH_BEFORE, 1},
        {FAKE_WRITE_CRASH_AFTER, 2},
        {FAKE_WRITE_UNCERTAIN_NOT_DONE, 2}, /* the version that the row before has made */
        {FAKE_WRITE_UNCERTAIN_DONE, 3},
    };
    struct world *world = *state;
    given_gcal(world, 2);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char secret[16];
        snprintf(secret, sizeof(secret), "s%zu", i + 2);
        fake_provider_accept(world->provider, "client-gcal", secret);
        fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_CONNECTORS,
                                                                .fate = rows[i].fate,
                                                                .count = 1});
        world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"%s\"}", secret);
        world_settle(world);
        struct world_call *call = show(world);
        assert_int_equal(world_number(call, "credential_version"), rows[i].version);
        assert_int_equal(json_count(json_get(call->result, "credentials")), rows[i].version);
        assert_text(call, "credentials.0.state", "current");
        assert_events(world, "connector.rotated", "gcal", (size_t)rows[i].version - 1);
    }
    world_run(world, 2 * HOUR);
    assert_int_equal(count_fresh(world), 2);
}

static void a_crash_after_the_check_leaves_the_old(void **state)
{
    struct world *world = *state;
    given_gcal(world, 2);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_CONNECTORS,
                                                            .fate = FAKE_WRITE_CRASH_BEFORE,
                                                            .count = 1});
    struct world_call *call = world_do(
        world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2\",\"check\":true}");
    assert_true(call->is_lost);
    world_settle(world);
    assert_int_equal(world_number(show(world), "credential_version"), 1);
    world_run(world, 2 * HOUR);
    assert_int_equal(count_fresh(world), 2);
}

#define CHECKED_ROTATE "{\"connector\":\"gcal\",\"client_secret\":\"s2\",\"check\":true}"

/* The version that it came out with: all that is stored says the same, and it is what is used. */
static int64_t assert_old_or_new(struct world *world)
{
    world_settle(world);
    struct world_call *call = show(world);
    int64_t version = world_number(call, "credential_version");
    assert_in_range(version, 1, 2);
    assert_int_equal(json_count(json_get(call->result, "credentials")), version);
    assert_int_equal(world_number(call, "credentials.0.version"), version);
    assert_text(call, "credentials.0.state", "current");
    if (version == 2)
        assert_text(call, "credentials.1.state", "retiring");
    assert_events(world, "connector.rotated", "gcal", (size_t)version - 1);
    fake_provider_refuse(world->provider, "client-gcal", version == 2 ? "s1" : "s2");
    world_run(world, 3 * HOUR);
    assert_int_equal(count_fresh(world), 3);
    assert_int_equal(fake_provider_rejections(world->provider), 0);
    assert_events(world, "connection.needs_reconnect", NULL, 0);
    return version;
}

/* One world after the other, the process dead at another write of the rotation each time. */
static void a_crash_at_any_write_of_a_checked_rotate_leaves_no_mix(void **state)
{
    static const enum fake_write_fate fates[] = {FAKE_WRITE_CRASH_BEFORE, FAKE_WRITE_CRASH_AFTER};
    (void)state;
    size_t lost = 0, versions[3] = {0};
    for (size_t i = 0; i < ARRAY_LEN(fates) * 8; i++) {
        struct world *world = world_new(i + 1);
        given_gcal(world, 3);
        fake_provider_accept(world->provider, "client-gcal", "s2");
        fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_ANY,
                                                                .fate = fates[i % 2],
                                                                .count = 1,
                                                                .skip = (int)(i / 2)});
        lost += world_do(world, RPC_ROTATE, CHECKED_ROTATE)->is_lost;
        fake_store_clear_faults(world->store);
        versions[assert_old_or_new(world)]++;
        world_free(world);
    }
    assert_in_range(lost, 2 * 3, 2 * 8); /* the intent, the answer, the credential */
    assert_true(versions[1] > 0 && versions[2] > 0);
}

/* The same, dead between two turns: what is read and what is on the wire is lost too. */
static void a_crash_at_any_moment_of_a_checked_rotate_leaves_no_mix(void **state)
{
    (void)state;
    size_t versions[3] = {0};
    for (int at_ms = 0; at_ms < 80; at_ms++) {
        struct world *world = world_new(1);
        given_gcal(world, 3);
        fake_provider_accept(world->provider, "client-gcal", "s2");
        world_ask(world, RPC_ROTATE, CHECKED_ROTATE);
        world_run(world, at_ms);
        world_crash(world);
        versions[assert_old_or_new(world)]++;
        world_free(world);
    }
    assert_true(versions[1] > 0 && versions[2] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_crash_leaves_the_old_or_the_new),
        ROW(a_crash_after_the_check_leaves_the_old),
        cmocka_unit_test(a_crash_at_any_write_of_a_checked_rotate_leaves_no_mix),
        cmocka_unit_test(a_crash_at_any_moment_of_a_checked_rotate_leaves_no_mix),
    };
    return cmocka_run_group_tests_name("rotate and crashes", tests, NULL, NULL);
}
