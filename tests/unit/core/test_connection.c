/* State, reason and what is served, derived from the facts (docs/behaviour.md "States and
 * reasons"). */
#include "core/connection.h"

#include "core/connector.h"
#include "scene.h"

struct state_row {
    const char *name;
    enum condition condition;
    enum reason blocked;
    enum connection_state state;
    enum reason reason;
    bool serves, alive;
};

static const struct state_row state_rows[] = {
    {"pending", COND_PENDING, REASON_NONE, STATE_PENDING, REASON_NONE, false, false},
    {"active", COND_ACTIVE, REASON_NONE, STATE_ACTIVE, REASON_NONE, true, true},
    {"retrying serves while the access token lasts", COND_RETRYING, REASON_NONE, STATE_RETRYING,
     REASON_NONE, true, true},
    {"uncertain is retrying", COND_UNCERTAIN, REASON_NONE, STATE_RETRYING, REASON_NONE, true, true},
    {"rescoped serves the old scopes", COND_RESCOPED, REASON_NONE, STATE_NEEDS_RECONNECT,
     REASON_SCOPES_CHANGED, true, true},
    {"reduced serves what is left", COND_REDUCED, REASON_NONE, STATE_NEEDS_RECONNECT,
     REASON_SCOPES_REDUCED, true, true},
    {"dead serves while the access token lasts", COND_DEAD, REASON_NONE, STATE_NEEDS_RECONNECT,
     REASON_GRANT_REJECTED, true, false},
    {"disconnected", COND_DISCONNECTED, REASON_NONE, STATE_DISCONNECTED,
     REASON_ACCOUNT_DISCONNECTED, false, false},
    {"refused credentials block an active one", COND_ACTIVE, REASON_CLIENT_REJECTED, STATE_BLOCKED,
     REASON_CLIENT_REJECTED, true, true},
    {"an admin blocks a retrying one", COND_RETRYING, REASON_POLICY_BLOCKED, STATE_BLOCKED,
     REASON_POLICY_BLOCKED, true, true},
    {"blocked comes before a living needs_reconnect", COND_RESCOPED, REASON_CLIENT_REJECTED,
     STATE_BLOCKED, REASON_CLIENT_REJECTED, true, true},
    {"and after a dead one", COND_DEAD, REASON_CLIENT_REJECTED, STATE_NEEDS_RECONNECT,
     REASON_GRANT_REJECTED, true, false},
    {"a pending one is not blocked", COND_PENDING, REASON_POLICY_BLOCKED, STATE_PENDING,
     REASON_NONE, false, false},
    {"nor a disconnected one", COND_DISCONNECTED, REASON_POLICY_BLOCKED, STATE_DISCONNECTED,
     REASON_ACCOUNT_DISCONNECTED, false, false},
};

static void check_state(void **state)
{
    const struct state_row *row = *state;
    struct connection connection = scene_connection(row->condition);
    assert_string_equal(connection_state_text(connection_state_of(&connection, row->blocked)),
                        connection_state_text(row->state));
    assert_string_equal(reason_text(connection_reason_of(&connection, row->blocked)),
                        reason_text(row->reason));
    assert_int_equal(connection_serves_token(&connection, SCENE_NOW), row->serves);
    assert_int_equal(connection_grant_alive(&connection), row->alive);
}

struct serve_row {
    const char *name;
    enum reason dead;
    const char *detail;
    bool has_token;
    int64_t left_ms; /* INT64_MAX: no known end */
    bool serves;
};

static const struct serve_row serve_rows[] = {
    {"a millisecond before the end", REASON_NONE, NULL, true, 1, true},
    {"at the end", REASON_NONE, NULL, true, 0, false},
    {"without a known end", REASON_NONE, NULL, true, INT64_MAX, true},
    {"none is there", REASON_NONE, NULL, false, HOUR, false},
    {"rotation_lost says nothing about the access token", REASON_ROTATION_LOST, NULL, true, HOUR,
     true},
    {"nor does reauthorization_required", REASON_REAUTHORIZATION_REQUIRED, NULL, true, HOUR, true},
    {"revoked is dead too", REASON_ACCESS_REVOKED, NULL, true, HOUR, false},
    {"so is a disabled account's", REASON_ACCOUNT_DISCONNECTED, NULL, true, HOUR, false},
    {"so is one that an API refused", REASON_GRANT_REJECTED, "after_report", true, HOUR, false},
    {"so is one that introspection called inactive", REASON_GRANT_REJECTED, "after_probe", true,
     HOUR, false},
    {"so is one that a security event names", REASON_GRANT_REJECTED, "after_security_event", true,
     HOUR, false},
    {"another detail is no such word", REASON_GRANT_REJECTED, "unclear", true, HOUR, true},
    {"a detail of a living one is none", REASON_NONE, "after_report", true, HOUR, true},
};

static void check_serve(void **state)
{
    const struct serve_row *row = *state;
    struct connection connection = scene_connection(COND_ACTIVE);
    connection.dead_reason = row->dead;
    connection.detail = str_c(row->detail);
    connection.expires_ms = row->left_ms == INT64_MAX ? TIME_NONE : SCENE_NOW + row->left_ms;
    if (!row->has_token)
        connection.sealed_access = STR_NONE;
    assert_int_equal(connection_serves_token(&connection, SCENE_NOW), row->serves);
}

struct blocked_row {
    const char *name;
    bool disabled;
    int64_t rejected_ms;
    enum reason reason;
};

static const struct blocked_row blocked_rows[] = {
    {"neither", false, TIME_NONE, REASON_NONE},
    {"its credentials are refused", false, SCENE_NOW, REASON_CLIENT_REJECTED},
    {"an admin disabled it", true, TIME_NONE, REASON_POLICY_BLOCKED},
    {"both: the admin's word first", true, SCENE_NOW, REASON_POLICY_BLOCKED},
};

static void check_blocked(void **state)
{
    const struct blocked_row *row = *state;
    struct connector connector = {.disabled = row->disabled, .rejected_ms = row->rejected_ms};
    assert_int_equal(connector_blocked_reason(&connector), row->reason);
}

static void test_history_keeps_the_last_twenty(void **state)
{
    (void)state;
    struct connection connection = scene_connection(COND_ACTIVE);
    for (int i = 1; i <= REFRESH_HISTORY_MAX + 2; i++)
        connection_history_push(&connection, (struct history_entry){.started_ms = i});
    assert_int_equal(connection.history_count, REFRESH_HISTORY_MAX);
    assert_int_equal(connection.history[0].started_ms, 3);
    assert_int_equal(connection.history[REFRESH_HISTORY_MAX - 1].started_ms,
                     REFRESH_HISTORY_MAX + 2);
}

static void test_owner_keys(void **state)
{
    (void)state;
    char text[OWNER_KEY_MAX];
    assert_str_is(owner_key_app(STR("crm"), text), STR("app:crm"));
    assert_str_is(owner_key_superagent(STR("sa-1"), text), STR("superagent:sa-1"));
    assert_str_is(owner_key_app_user(STR("crm"), STR("u-77"), text), STR("app:crm/user:u-77"));
    char long_id[128];
    memset(long_id, 'x', sizeof(long_id));
    struct str id = {.data = long_id, .len = sizeof(long_id)};
    assert_int_equal(owner_key_app_user(id, id, text).len, 4 + 128 + 6 + 128);
}

static void test_unscheduled_texts_differ(void **state)
{
    (void)state;
    for (unsigned i = 0; i < UNSCHEDULED_COUNT; i++) {
        assert_non_null(unscheduled_text((enum unscheduled)i));
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(unscheduled_text((enum unscheduled)i),
                                    unscheduled_text((enum unscheduled)j));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history_keeps_the_last_twenty),
        cmocka_unit_test(test_owner_keys),
        cmocka_unit_test(test_unscheduled_texts_differ),
    };
    int failed = RUN_ROWS(state_rows, check_state);
    failed += RUN_ROWS(serve_rows, check_serve);
    failed += RUN_ROWS(blocked_rows, check_blocked);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
