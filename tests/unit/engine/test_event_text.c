/* Events and connection objects to the byte: what is published is what was stored, so that no
 * change of how the text is made may change the text. */
#include "engine/event_json.h"
#include "engine/view.h"
#include "engine_test.h"

#include "unit/common/rows.h"

static const struct now now = {.ms = 1000000, .wall_ms = 1780000000123};

/** What differs from row to row; the rest is the same for all. */
struct event_row {
    const char *name;
    struct connector connector;
    struct connection connection;
    bool no_labels;
    enum fact_kind fact;
    const char *expected;
};

static const struct event_row event_rows[] = {
    {
        .name = "refreshed",
        .connector = {.type = CONNECTOR_APP_USER},
        .connection = {.owner = {.app = STR_INIT("crm"), .user = STR_INIT("u-77")},
                       .account_id = STR_INIT("1093"),
                       .account_label = STR_INIT("ana@example.com"),
                       .account_verified = true},
        .fact = FACT_REFRESHED,
        .expected =
            "{\"connection\":\"c-81f2\",\"generation\":3,\"connector\":\"gcal\",\"provider\":"
            "\"google\",\"connector_type\":\"app_user\",\"owner\":{\"app\":\"crm\",\"user\":\"u-"
            "77\"},\"account\":{\"id\":\"1093\",\"label\":\"ana@example.com\"},\"state\":"
            "\"active\",\"class\":null,\"reason\":null,\"detail\":null,\"severity\":null,"
            "\"provider_error\":null,\"remedy\":null,\"grant_alive\":true,\"token_usable_until\":"
            "\"2026-05-28T20:31:40.123Z\",\"last_success_at\":\"2026-05-28T20:26:30.123Z\","
            "\"attempts\":-9223372036854775808,\"cause\":null,\"previous_state\":\"retrying\"}",
    },
    {
        .name = "a label that is not to be told, of an account that came later",
        .connector = {.type = CONNECTOR_APP_USER},
        .connection = {.owner = {.app = STR_INIT("crm"), .user = STR_INIT("u-77")},
                       .account_id = STR_INIT("1093"),
                       .account_label = STR_INIT("ana@example.com")},
        .no_labels = true,
        .fact = FACT_REFRESHED,
        .expected =
            "{\"connection\":\"c-81f2\",\"generation\":3,\"connector\":\"gcal\",\"provider\":"
            "\"google\",\"connector_type\":\"app_user\",\"owner\":{\"app\":\"crm\",\"user\":\"u-"
            "77\"},\"account\":{\"id\":\"1093\",\"verified\":false},\"state\":\"active\",\"class\":"
            "null,\"reason\":"
            "null,\"detail\":null,\"severity\":null,\"provider_error\":null,\"remedy\":null,"
            "\"grant_alive\":true,\"token_usable_until\":\"2026-05-28T20:31:40.123Z\",\"last_"
            "success_at\":\"2026-05-28T20:26:30.123Z\",\"attempts\":-9223372036854775808,\"cause\":"
            "null,\"previous_state\":\"retrying\"}",
    },
    {
        .name = "a dead grant of an app's user, with the provider's words and a hint",
        .connector = {.type = CONNECTOR_APP_USER, .app_hint = STR_INIT("Settings > \"Mail\"")},
        .connection = {.owner = {.app = STR_INIT("crm"), .user = STR_INIT("u\\77")},
                       .dead_reason = REASON_GRANT_REJECTED,
                       .detail = STR_INIT("after_report"),
                       .provider_error_status = 400,
                       .provider_error_code = STR_INIT("invalid_grant"),
                       .provider_error_message = STR_INIT("Zugriff \xc3\xbc"
                                                          "berholt\n\x01\xff")},
        .fact = FACT_NEEDS_RECONNECT,
        .expected = "{\"connection\":\"c-81f2\",\"generation\":3,\"connector\":\"gcal\","
                    "\"provider\":\"google\",\"connector_type\":\"app_user\",\"owner\":{\"app\":"
                    "\"crm\",\"user\":\"u\\\\77\"},\"account\":null,\"state\":\"needs_reconnect\","
                    "\"class\":\"cannot_refresh\",\"reason\":\"grant_rejected\",\"detail\":\"after_"
                    "report\",\"severity\":\"action\",\"provider_error\":{\"status\":400,\"code\":"
                    "\"invalid_grant\",\"message\":\"Zugriff \xc3\xbc"
                    "berholt\\n\\u0001\xef\xbf\xbd\"},\"remedy\":{\"action\":\"reconnect\","
                    "\"actor\":\"app_user\",\"actor_id\":\"u\\\\77\",\"surface\":\"in_app\","
                    "\"path\":[],\"sign_in_required\":true,\"app_hint\":\"Settings > "
                    "\\\"Mail\\\"\",\"scopes\":[\"calendar.readonly\",\"openid\"],\"field\":null},"
                    "\"grant_alive\":false,\"token_usable_until\":null,\"last_success_at\":\"2026-"
                    "05-28T20:26:30.123Z\",\"attempts\":-9223372036854775808,\"cause\":null,"
                    "\"previous_state\":\"retrying\"}",
    },
    {
        .name = "a dead grant of a shared connection, after a rotation",
        .connector = {.type = CONNECTOR_SHARED, .rotated_seq = 41, .rescoped_seq = 17},
        .connection = {.owner = {.apps = STR_INIT("crm erp")},
                       .dead_reason = REASON_SECRET_ROTATED,
                       .provider_error_code = STR_INIT("invalid_grant")},
        .fact = FACT_NEEDS_RECONNECT,
        .expected = "{\"connection\":\"c-81f2\",\"generation\":3,\"connector\":\"gcal\","
                    "\"provider\":\"google\",\"connector_type\":\"shared\",\"owner\":{\"apps\":["
                    "\"crm\",\"erp\"]},\"account\":null,\"state\":\"needs_reconnect\",\"class\":"
                    "\"cannot_refresh\",\"reason\":\"secret_rotated\",\"detail\":null,\"severity\":"
                    "\"action\",\"provider_error\":{\"status\":0,\"code\":\"invalid_grant\","
                    "\"message\":null},\"remedy\":{\"action\":\"reconnect\",\"actor\":\"app_"
                    "builder\",\"actor_id\":null,\"surface\":\"app_dashboard\",\"path\":["
                    "\"Integrations\",\"My integrations\",\"Google Calendar\",\"More "
                    "actions\",\"Reconnect\"],\"sign_in_required\":false,\"app_hint\":null,"
                    "\"scopes\":[\"calendar.readonly\",\"openid\"],\"field\":null},\"grant_alive\":"
                    "false,\"token_usable_until\":\"2026-05-28T20:31:40.123Z\",\"last_success_at\":"
                    "\"2026-05-28T20:26:30.123Z\",\"attempts\":-9223372036854775808,\"cause\":"
                    "\"41\",\"previous_state\":\"retrying\"}",
    },
    {
        .name = "other scopes are wanted of a Superagent",
        .connector = {.type = CONNECTOR_SUPERAGENT, .rotated_seq = 41, .rescoped_seq = 17},
        .connection = {.owner = {.superagent = STR_INIT("sa-1")},
                       .advisory_reason = REASON_SCOPES_CHANGED,
                       .scopes_added = STR_INIT("calendar.readonly mail.send"),
                       .scopes_removed = STR_INIT("")},
        .fact = FACT_NEEDS_RECONNECT,
        .expected =
            "{\"connection\":\"c-81f2\",\"generation\":3,\"connector\":\"gcal\",\"provider\":"
            "\"google\",\"connector_type\":\"superagent\",\"owner\":{\"superagent\":\"sa-1\"},"
            "\"account\":null,\"state\":\"needs_reconnect\",\"class\":\"permissions_changed\","
            "\"reason\":\"scopes_changed\",\"detail\":null,\"severity\":\"action\",\"added\":["
            "\"calendar.readonly\",\"mail.send\"],\"removed\":[],\"provider_error\":null,"
            "\"remedy\":{\"action\":\"reconnect\",\"actor\":\"superagent_owner\",\"actor_id\":null,"
            "\"surface\":\"superagent_tools\",\"path\":[\"Tools\",\"Apps connected\",\"Google "
            "Calendar\",\"More "
            "actions\",\"Reconnect\"],\"sign_in_required\":false,\"app_hint\":null,\"scopes\":["
            "\"calendar.readonly\",\"openid\"],\"field\":null},\"grant_alive\":true,\"token_usable_"
            "until\":\"2026-05-28T20:31:40.123Z\",\"last_success_at\":\"2026-05-28T20:26:30.123Z\","
            "\"attempts\":-9223372036854775808,\"cause\":\"17\",\"previous_state\":\"retrying\"}",
    },
    {
        .name = "scopes were lost, which is mild",
        .connector = {.type = CONNECTOR_SUPERAGENT},
        .connection = {.owner = {.superagent = STR_INIT("sa-1")},
                       .advisory_reason = REASON_SCOPES_REDUCED,
                       .advisory_is_mild = true,
                       .scopes_removed = STR_INIT("mail.send")},
        .fact = FACT_NEEDS_RECONNECT,
        .expected =
            "{\"connection\":\"c-81f2\",\"generation\":3,\"connector\":\"gcal\",\"provider\":"
            "\"google\",\"connector_type\":\"superagent\",\"owner\":{\"superagent\":\"sa-1\"},"
            "\"account\":null,\"state\":\"needs_reconnect\",\"class\":\"permissions_changed\","
            "\"reason\":\"scopes_reduced\",\"detail\":null,\"severity\":\"advisory\",\"added\":[],"
            "\"removed\":[\"mail.send\"],\"provider_error\":null,\"remedy\":{\"action\":"
            "\"reconnect\",\"actor\":\"superagent_owner\",\"actor_id\":null,\"surface\":"
            "\"superagent_tools\",\"path\":[\"Tools\",\"Apps connected\",\"Google "
            "Calendar\",\"More "
            "actions\",\"Reconnect\"],\"sign_in_required\":false,\"app_hint\":null,\"scopes\":["
            "\"calendar.readonly\",\"openid\"],\"field\":null},\"grant_alive\":true,\"token_usable_"
            "until\":\"2026-05-28T20:31:40.123Z\",\"last_success_at\":\"2026-05-28T20:26:30.123Z\","
            "\"attempts\":-9223372036854775808,\"cause\":null,\"previous_state\":\"retrying\"}",
    },
    {
        .name = "its refresh token ends soon",
        .connector = {.type = CONNECTOR_SUPERAGENT},
        .connection = {.owner = {.superagent = STR_INIT("sa-1")}, .refresh_expires_ms = 1400000},
        .fact = FACT_EXPIRING,
        .expected =
            "{\"connection\":\"c-81f2\",\"generation\":3,\"connector\":\"gcal\",\"provider\":\"g"
            "oogle\",\"connector_type\":\"superagent\",\"owner\":{\"superagent\":\"sa-1\"},\"ac"
            "count\":null,\"state\":\"active\",\"class\":null,\"reason\":null,\"detail\":null,"
            "\"severity\":\"advisory\",\"provider_error\":null,\"remedy\":{\"action\":\"reconn"
            "ect\",\"actor\":\"superagent_owner\",\"actor_id\":null,\"surface\":\"superagent_"
            "tools\",\"path\":[\"Tools\",\"Apps connected\",\"Google Calendar\",\"More action"
            "s\",\"Reconnect\"],\"sign_in_required\":false,\"app_hint\":null,\"scopes\":[\"ca"
            "lendar.readonly\",\"openid\"],\"field\":null},\"grant_alive\":true,\"token_usa"
            "ble_until\":\"2026-05-28T20:31:40.123Z\",\"last_success_at\":\"2026-05-28T20"
            ":26:30.123Z\",\"attempts\":-9223372036854775808,\"cause\":null,\"refresh_exp"
            "ires_at\":\"2026-05-28T20:33:20.123Z\",\"previous_state\":\"retrying\"}",
    },
    {
        .name = "disconnected",
        .connector = {.type = CONNECTOR_SHARED},
        .connection = {.owner = {.apps = STR_INIT("")}, .phase = PHASE_DISCONNECTED},
        .fact = FACT_DISCONNECTED,
        .expected =
            "{\"connection\":\"c-81f2\",\"generation\":3,\"connector\":\"gcal\",\"provider\":"
            "\"google\",\"connector_type\":\"shared\",\"owner\":{\"apps\":[]},\"account\":null,"
            "\"state\":\"disconnected\",\"class\":\"account_disconnected\",\"reason\":\"account_"
            "disconnected\",\"detail\":null,\"severity\":\"action\",\"provider_error\":null,"
            "\"remedy\":{\"action\":\"reconnect\",\"actor\":\"app_builder\",\"actor_id\":null,"
            "\"surface\":\"app_dashboard\",\"path\":[\"Integrations\",\"My integrations\",\"Google "
            "Calendar\",\"More "
            "actions\",\"Reconnect\"],\"sign_in_required\":false,\"app_hint\":null,\"scopes\":["
            "\"calendar.readonly\",\"openid\"],\"field\":null},\"grant_alive\":false,\"token_"
            "usable_until\":null,\"last_success_at\":\"2026-05-28T20:26:30.123Z\",\"attempts\":-"
            "9223372036854775808,\"cause\":null,\"previous_state\":\"retrying\"}",
    },
};

static void complete(const struct event_row *row, struct catalog_entry *ret_entry,
                     struct connection *ret_connection)
{
    *ret_entry = (struct catalog_entry){.connector = row->connector};
    struct connector *connector = &ret_entry->connector;
    connector->id = STR("gcal");
    connector->name = STR("Google Calendar");
    connector->provider = STR("google");
    connector->scopes = STR("calendar.readonly openid");
    connector->refreshed_events = true;
    *ret_connection = row->connection;
    ret_connection->id = STR("c-81f2");
    ret_connection->connector = connector->id;
    ret_connection->generation = 3;
    if (ret_connection->phase != PHASE_DISCONNECTED)
        ret_connection->phase = PHASE_CONNECTED;
    ret_connection->created_ms = 200;
    ret_connection->expires_ms = 1300000;
    ret_connection->due_ms = ret_connection->refresh_due_ms = 1100000;
    ret_connection->last_success_ms = 990000;
    ret_connection->attempts = INT64_MIN;
    ret_connection->scopes_asked = STR("calendar.readonly openid");
    ret_connection->scopes_granted = STR("openid");
    ret_connection->history[0] = (struct history_entry){
        .started_ms = 5, .took_ms = 12, .status = 503, .outcome = OUTCOME_TRANSIENT};
    ret_connection->history[1] = (struct history_entry){
        .started_ms = 980000, .took_ms = 120, .status = 0, .transport = TRANSPORT_LOST};
    ret_connection->history_count = 2;
}

static void check_event(void **state)
{
    const struct event_row *row = *state;
    struct engine engine = {.settings = {.account_labels = !row->no_labels}};
    struct catalog_entry entry;
    struct connection before = {.phase = PHASE_CONNECTED, .failures = 1};
    struct decision decision = {.facts = {row->fact}, .fact_count = 1};
    complete(row, &entry, &decision.next);
    struct store_write *write = store_write_new(now.ms);
    event_append_facts(&engine, write, &entry, &before, &decision, now);
    assert_int_equal(write->op_count, 1);
    assert_string_equal(write->ops[0].event->data.data, row->expected);
    store_write_free(write);
}

static void connection_object(void **state UNUSED)
{
    const struct event_row *row = &event_rows[2];
    struct engine engine = {.settings = {.account_labels = true}};
    struct catalog_entry entry;
    struct connection connection;
    complete(row, &entry, &connection);
    CLEANUP(json_freep)
    struct json *json = view_connection(&engine, &connection, &entry, true, now);
    CLEANUP(buf_deinit) struct buf text = {0};
    json_write(json, &text);
    assert_string_equal(
        buf_c(&text),
        "{\"connection\":\"c-81f2\",\"generation\":3,\"connector\":\"gcal\",\"provider\":"
        "\"google\",\"connector_type\":\"app_user\",\"owner\":{\"app\":\"crm\",\"user\":"
        "\"u\\\\77\"},\"account\":null,\"state\":\"needs_reconnect\",\"class\":\"cannot_refresh\","
        "\"reason\":\"grant_rejected\",\"detail\":\"after_report\",\"severity\":\"action\","
        "\"provider_error\":{\"status\":400,\"code\":\"invalid_grant\",\"message\":\"Zugriff "
        "\xc3\xbc"
        "berholt\\n\\u0001\xef\xbf\xbd\"},\"remedy\":{\"action\":\"reconnect\",\"actor\":\"app_"
        "user\",\"actor_id\":\"u\\\\77\",\"surface\":\"in_app\",\"path\":[],\"sign_in_required\":"
        "true,\"app_hint\":\"Settings > "
        "\\\"Mail\\\"\",\"scopes\":[\"calendar.readonly\",\"openid\"],\"field\":null},\"grant_"
        "alive\":false,\"token_usable_until\":null,\"last_success_at\":\"2026-05-28T20:26:30."
        "123Z\",\"attempts\":-9223372036854775808,\"cause\":null,\"connector_blocked\":false,"
        "\"expires_at\":\"2026-05-28T20:31:40.123Z\",\"refresh_expires_at\":null,\"next_refresh_"
        "at\":\"2026-05-28T20:28:20.123Z\",\"not_scheduled_because\":null,"
        "\"verdict\":null,\"scopes_asked\":["
        "\"calendar.readonly\",\"openid\"],\"scopes_granted\":[\"openid\"],\"requested_at\":null,"
        "\"created_at\":\"2026-05-28T20:10:00.323Z\",\"config\":null,\"history\":[{\"at\":\"2026-"
        "05-28T20:26:20."
        "123Z\",\"took_ms\":120,\"outcome\":\"uncertain\",\"status\":null},{\"at\":\"2026-05-28T20:"
        "10:00.128Z\",\"took_ms\":12,\"outcome\":\"transient\",\"status\":503}]}");
}

struct connector_row {
    const char *name;
    enum connector_event event;
    int64_t affected;
    const char *expected;
};

#define SETUP_REMEDY(action, field)                                                          \
    "\"remedy\":{\"action\":\"" action                                                       \
    "\",\"actor\":\"workspace_admin\",\"actor_id\":null,\"surface\":\"workspace_settings\"," \
    "\"path\":[\"Account settings\",\"Connectors\",\"Google Calendar\"],"                    \
    "\"sign_in_required\":false,\"app_hint\":null,\"scopes\":null,\"field\":" field "}"

static const struct connector_row connector_rows[] = {
    {"rotated", EVENT_CONNECTOR_ROTATED, 3,
     "{\"connector\":\"gcal\",\"provider\":\"google\",\"connector_type\":\"shared\","
     "\"credential_version\":2,\"affected\":3}"},
    {"rescoped", EVENT_CONNECTOR_RESCOPED, 0,
     "{\"connector\":\"gcal\",\"provider\":\"google\",\"connector_type\":\"shared\","
     "\"scopes_version\":5,\"added\":[\"a\",\"b\"],\"removed\":[],\"affected\":0}"},
    {"credentials refused", EVENT_CREDENTIALS_REJECTED, -1,
     "{\"connector\":\"gcal\",\"provider\":\"google\",\"connector_type\":\"shared\","
     "\"credential_version\":2,\"class\":\"setup\",\"reason\":\"client_rejected\"," SETUP_REMEDY(
         "rotate_credentials", "\"Client Secret\"") ",\"provider_error\":{\"status\":401,\"code\":"
                                                    "\"invalid_client\",\"message\":null},"
                                                    "\"cause\":\"17\"}"},
    {"credentials work again", EVENT_CREDENTIALS_RECOVERED, -1,
     "{\"connector\":\"gcal\",\"provider\":\"google\",\"connector_type\":\"shared\","
     "\"credential_version\":2,\"cause\":\"17\"}"},
    {"disabled", EVENT_CONNECTOR_DISABLED, -1,
     "{\"connector\":\"gcal\",\"provider\":\"google\",\"connector_type\":\"shared\","
     "\"credential_version\":2,\"class\":\"setup\",\"reason\":\"policy_blocked\"," SETUP_REMEDY(
         "enable", "null") "}"},
};

static void check_connector_event(void **state)
{
    const struct connector_row *row = *state;
    const struct connector connector = {
        .id = STR("gcal"),
        .name = STR("Google Calendar"),
        .provider = STR("google"),
        .type = CONNECTOR_SHARED,
        .credential_version = 2,
        .scopes_version = 5,
        .scopes_added = STR("a b"),
        .provider_error_status = 401,
        .provider_error_code = STR("invalid_client"),
    };
    struct store_write *write = store_write_new(now.ms);
    if (row->event == EVENT_CREDENTIALS_REJECTED || row->event == EVENT_CREDENTIALS_RECOVERED)
        event_append_credentials(write, row->event, &connector, 17, now);
    else
        event_append_connector(write, row->event, &connector, row->affected, now);
    assert_string_equal(write->ops[0].event->data.data, row->expected);
    store_write_free(write);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(connection_object)};
    int failed = cmocka_run_group_tests_name("views", tests, NULL, NULL);
    failed += RUN_ROWS(connector_rows, check_connector_event);
    return failed + RUN_ROWS(event_rows, check_event);
}
