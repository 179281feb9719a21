/* Who did what: records with the change, of what was refused, and of tokens handed out
 * (docs/behaviour.md "Audit"). */
#include "unit/engine/engine_test.h"

static void given(struct world *world)
{
    world_register(world, "gcal", "app_user", "rotating", "client-gcal", "s1");
    world_import(world, "gcal", "c-ana");
}

static const struct audit_entry *last_audit(struct world *world)
{
    size_t count = fake_store_audit_count(world->store);
    assert_true(count > 0);
    return fake_store_audit(world->store, count - 1);
}

static void assert_audited(struct world *world, const char *method, const char *subject,
                           const char *outcome)
{
    const struct audit_entry *entry = last_audit(world);
    assert_true(str_eq(entry->method, str_c(method)));
    assert_true(str_eq(entry->subject, str_c(subject)));
    assert_true(str_eq(entry->outcome, str_c(outcome)));
    assert_int_equal(entry->uid, 1000);
    assert_int_equal(entry->gid, 1000);
    assert_int_equal(entry->pid, 42);
}

/* ---- changes ---- */

static void every_change_leaves_who_what_and_outcome(void **state)
{
    static const struct {
        enum rpc_method_id method;
        const char *name, *params, *subject;
    } rows[] = {
        {RPC_REGISTER, "register",
         "{\"connector\":\"gcal\",\"type\":\"shared\",\"provider\":\"rotating\",\"client_id\":"
         "\"c\","
         "\"client_secret\":\"s1\",\"scopes\":[\"read\"]}",
         "gcal"},
        {RPC_IMPORT, "import",
         "{\"connector\":\"gcal\",\"connection\":\"c-1\",\"owner\":{\"app\":\"crm\"},\"tokens\":{"
         "\"access_token\":\"at\",\"refresh_token\":\"rt-9-0\",\"expires_in\":3600}}",
         "c-1"},
        {RPC_ATTACH, "attach", "{\"connection\":\"c-1\",\"app\":\"hr\"}", "c-1"},
        {RPC_REFRESH, "refresh", "{\"connection\":\"c-1\"}", "c-1"},
        {RPC_ROTATE, "rotate", "{\"connector\":\"gcal\",\"client_secret\":\"s2\"}", "gcal"},
        {RPC_RESCOPE, "rescope", "{\"connector\":\"gcal\",\"scopes\":[\"write\"]}", "gcal"},
        {RPC_DISABLE, "disable", "{\"connector\":\"gcal\"}", "gcal"},
        {RPC_ENABLE, "enable", "{\"connector\":\"gcal\"}", "gcal"},
        {RPC_DISCONNECT, "disconnect", "{\"connection\":\"c-1\"}", "c-1"},
        {RPC_UNREGISTER, "unregister", "{\"connector\":\"gcal\"}", "gcal"},
    };
    struct world *world = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t before = fake_store_audit_count(world->store);
        assert_done(world_do(world, rows[i].method, "%s", rows[i].params));
        world_run(world, 100);
        assert_int_equal(fake_store_audit_count(world->store), before + 1);
        assert_audited(world, rows[i].name, rows[i].subject, "ok");
        assert_false(str_contains(last_audit(world)->detail, STR("s2")));
    }
}

static void a_crash_leaves_the_change_and_its_record_or_neither(void **state)
{
    static const enum fake_write_fate fates[] = {FAKE_WRITE_CRASH_BEFORE, FAKE_WRITE_CRASH_AFTER};
    struct world *world = *state;
    given(world);
    for (size_t i = 0; i < ARRAY_LEN(fates); i++) {
        size_t before = fake_store_audit_count(world->store);
        fake_store_fail(
            world->store,
            (struct fake_store_fault){.when = FAKE_STORE_CONNECTORS, .fate = fates[i], .count = 1});
        world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s%zu\"}", i + 2);
        world_settle(world);
        bool is_done = fates[i] == FAKE_WRITE_CRASH_AFTER;
        assert_int_equal(fake_store_audit_count(world->store), before + is_done);
        assert_events(world, "connector.rotated", "gcal", is_done);
    }
}

static void what_failed_is_on_record_with_its_code(void **state)
{
    struct world *world = *state;
    given(world);
    world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-nobody\"}");
    world_settle(world);
    assert_audited(world, "disconnect", "c-nobody", "unknown_connection");
    world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"x\",\"check\":true}");
    world_settle(world);
    assert_audited(world, "rotate", "gcal", "check_failed");
    world_do(world, RPC_UNREGISTER, "{\"connector\":\"gcal\"}");
    world_settle(world);
    assert_audited(world, "unregister", "gcal", "exists");
}

static void reads_leave_no_record(void **state)
{
    struct world *world = *state;
    given(world);
    size_t before = fake_store_audit_count(world->store);
    world_do(world, RPC_SHOW_CONNECTION, "{\"connection\":\"c-nobody\"}");
    world_do(world, RPC_LIST_AUDIT, "{}");
    world_do(world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[],\"dry_run\":true}");
    world_settle(world);
    assert_int_equal(fake_store_audit_count(world->store), before);
}

static void refused_calls_fill_no_disk(void **state)
{
    struct world *world = *state;
    given(world);
    size_t before = fake_store_audit_count(world->store);
    for (int i = 0; i < 500; i++)
        world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-nobody\"}");
    world_settle(world);
    assert_int_equal(fake_store_audit_count(world->store), before + 120);
    world_run(world, MINUTE);
    world_do(world, RPC_DISCONNECT, "{\"connection\":\"c-nobody\"}");
    world_settle(world);
    assert_true(str_eq(last_audit(world)->detail, STR("{\"left_out_before\":380}")));
}

static void calls_that_control_refused_are_on_record(void **state)
{
    struct world *world = *state;
    const struct caller caller = {.uid = 1000, .gid = 1000, .pid = 42};
    engine_audit(world->engine, RPC_ROTATE, &caller, STR("gcal"), STR("forbidden"),
                 world_now(world));
    world_settle(world);
    assert_audited(world, "rotate", "gcal", "forbidden");
}

/* ---- list-audit ---- */

static void the_list_is_filtered_and_paged(void **state)
{
    struct world *world = *state;
    given(world);
    world_import(world, "gcal", "c-ben");
    struct world_call *call = world_do(world, RPC_LIST_AUDIT, "{\"method\":\"import\"}");
    assert_done(call);
    assert_int_equal(json_count(json_get(call->result, "items")), 2);
    assert_true(str_eq(world_text(call, "items.1.subject"), STR("c-ben")));
    call =
        world_do(world, RPC_LIST_AUDIT, "{\"subject\":\"gcal\",\"outcome\":\"ok\",\"uid\":1000}");
    assert_int_equal(json_count(json_get(call->result, "items")), 1);
    call = world_do(world, RPC_LIST_AUDIT, "{\"uid\":7}");
    assert_int_equal(json_count(json_get(call->result, "items")), 0);
    call = world_do(world, RPC_LIST_AUDIT, "{\"limit\":2}");
    struct str cursor = world_text(call, "next_cursor");
    assert_true(str_is_set(cursor));
    call = world_do(world, RPC_LIST_AUDIT, "{\"limit\":2,\"cursor\":\"" STR_FMT "\"}",
                    STR_ARG(cursor));
    assert_int_equal(json_count(json_get(call->result, "items")), 1);
}

static void old_records_go(void **state)
{
    struct world *world = *state;
    given(world);
    world_do(world, RPC_DISABLE, "{\"connector\":\"gcal\"}");
    world_run(world, 91LL * DAY);
    world_do(world, RPC_ENABLE, "{\"connector\":\"gcal\"}");
    world_run(world, HOUR);
    struct world_call *call = world_do(world, RPC_LIST_AUDIT, "{}");
    assert_int_equal(json_count(json_get(call->result, "items")), 1);
    assert_true(str_eq(world_text(call, "items.0.method"), STR("enable")));
}

/* ---- tokens ---- */

static void read_tokens(struct world *world, int count)
{
    unsigned roles = world->roles;
    world->roles = RPC_ROLE_PLATFORM;
    for (int i = 0; i < count; i++)
        assert_done(world_do(world, RPC_TOKEN, "{\"connection\":\"c-ana\"}"));
    world->roles = roles;
}

static int64_t tokens_on_record(struct world *world)
{
    struct world_call *call = world_do(world, RPC_LIST_AUDIT, "{\"tokens\":true}");
    assert_done(call);
    int64_t sum = 0;
    const struct json *items = json_get(call->result, "items");
    for (size_t i = 0; i < json_count(items); i++)
        sum += json_i64(json_get(json_at(items, i), "count"), 0);
    return sum;
}

static void tokens_are_counted_by_user_connection_and_hour(void **state)
{
    struct world *world = *state;
    given(world);
    read_tokens(world, 3);
    world_run(world, HOUR);
    read_tokens(world, 2);
    struct world_call *call = world_do(world, RPC_LIST_AUDIT, "{\"tokens\":true}");
    assert_done(call);
    assert_int_equal(json_count(json_get(call->result, "items")), 2);
    assert_int_equal(world_number(call, "items.0.count"), 3);
    assert_int_equal(world_number(call, "items.1.count"), 2);
    assert_int_equal(world_number(call, "items.0.uid"), 1000);
    assert_true(str_eq(world_text(call, "items.0.connection"), STR("c-ana")));
    assert_true(str_ends_with(world_text(call, "items.0.hour"), STR(":00:00.000Z")));
    call = world_do(world, RPC_LIST_AUDIT, "{\"tokens\":true,\"limit\":1}");
    call =
        world_do(world, RPC_LIST_AUDIT, "{\"tokens\":true,\"limit\":1,\"cursor\":\"" STR_FMT "\"}",
                 STR_ARG(world_text(call, "next_cursor")));
    assert_int_equal(world_number(call, "items.0.count"), 2);
}

static void many_tokens_are_one_write(void **state)
{
    struct world *world = *state;
    given(world);
    world_settle(world);
    struct store_health before, after;
    struct store_port port = fake_store_port(world->store);
    port.health(port.ctx, &before);
    read_tokens(world, 1000);
    world_run(world, 11 * SECOND);
    port.health(port.ctx, &after);
    assert_in_range(after.writes - before.writes, 1, 3);
    assert_int_equal(tokens_on_record(world), 1000);
}

static void a_full_disk_refuses_no_token(void **state)
{
    struct world *world = *state;
    given(world);
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_ANY,
                                                            .fate = FAKE_WRITE_UNAVAILABLE,
                                                            .count = -1});
    read_tokens(world, 50);
    world_run(world, 2 * MINUTE);
    read_tokens(world, 50);
    fake_store_clear_faults(world->store);
    world_run(world, MINUTE);
    assert_int_equal(tokens_on_record(world), 100); /* counted on */
}

static void a_stop_saves_the_counters(void **state)
{
    struct world *world = *state;
    given(world);
    read_tokens(world, 7);
    world_restart(world);
    world_settle(world);
    assert_int_equal(tokens_on_record(world), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(every_change_leaves_who_what_and_outcome),
        ROW(a_crash_leaves_the_change_and_its_record_or_neither),
        ROW(what_failed_is_on_record_with_its_code),
        ROW(reads_leave_no_record),
        ROW(refused_calls_fill_no_disk),
        ROW(calls_that_control_refused_are_on_record),
        ROW(the_list_is_filtered_and_paged),
        ROW(old_records_go),
        ROW(tokens_are_counted_by_user_connection_and_hour),
        ROW(many_tokens_are_one_write),
        ROW(a_full_disk_refuses_no_token),
        ROW(a_stop_saves_the_counters),
    };
    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
