/* Who must do what, and where (docs/behaviour.md "Words"). */
#include "core/remedy.h"

#include "scene.h"

struct remedy_row {
    const char *name;
    enum connector_type type;
    enum reason reason;
    const char *action, *actor, *actor_id, *surface;
    const char *path; /* words, joined by ">" */
    const char *field, *scopes;
};

#define SHARED_PATH "Integrations>My integrations>Calendar>More actions>Reconnect"
#define SUPERAGENT_PATH "Tools>Apps connected>Calendar>More actions>Reconnect"
#define SETTINGS_PATH "Account settings>Connectors>Calendar"
#define USER_SETTINGS_PATH "Account settings>Connectors>Connectors For App Users>Calendar>View>Edit"

static const struct remedy_row remedy_rows[] = {
    {"a shared one is reconnected by the app builder", CONNECTOR_SHARED, REASON_GRANT_REJECTED,
     "reconnect", "app_builder", NULL, "app_dashboard", SHARED_PATH, NULL, "calendar openid"},
    {"a Superagent's by its owner", CONNECTOR_SUPERAGENT, REASON_ACCESS_REVOKED, "reconnect",
     "superagent_owner", NULL, "superagent_tools", SUPERAGENT_PATH, NULL, "calendar openid"},
    {"an app user's by that user, in the app", CONNECTOR_APP_USER, REASON_ROTATION_LOST,
     "reconnect", "app_user", "u-77", "in_app", "", NULL, "calendar openid"},
    {"changed scopes by whose grant it is", CONNECTOR_APP_USER, REASON_SCOPES_CHANGED, "reconnect",
     "app_user", "u-77", "in_app", "", NULL, "calendar openid"},
    {"a dead grant after a rotation asks nobody to rotate", CONNECTOR_SHARED, REASON_SECRET_ROTATED,
     "reconnect", "app_builder", NULL, "app_dashboard", SHARED_PATH, NULL, "calendar openid"},
    {"nor does a replaced client", CONNECTOR_SUPERAGENT, REASON_CLIENT_REPLACED, "reconnect",
     "superagent_owner", NULL, "superagent_tools", SUPERAGENT_PATH, NULL, "calendar openid"},
    {"consent is asked of the person", CONNECTOR_APP_USER, REASON_REAUTHORIZATION_REQUIRED,
     "reconnect", "app_user", "u-77", "in_app", "", NULL, "calendar openid"},
    {"refused credentials are the workspace admin's", CONNECTOR_SHARED, REASON_CLIENT_REJECTED,
     "rotate_credentials", "workspace_admin", NULL, "workspace_settings", SETTINGS_PATH,
     "Client Secret", NULL},
    {"whoever owns the connections", CONNECTOR_SUPERAGENT, REASON_CLIENT_REJECTED,
     "rotate_credentials", "workspace_admin", NULL, "workspace_settings", SETTINGS_PATH,
     "Client Secret", NULL},
    {"app users' connectors have a page of their own", CONNECTOR_APP_USER, REASON_CLIENT_REJECTED,
     "rotate_credentials", "workspace_admin", NULL, "workspace_settings", USER_SETTINGS_PATH,
     "Client Secret", NULL},
    {"what an admin disabled an admin enables", CONNECTOR_APP_USER, REASON_POLICY_BLOCKED, "enable",
     "workspace_admin", NULL, "workspace_settings", USER_SETTINGS_PATH, NULL, NULL},
};

static void join_path(const struct remedy *remedy, char text[256])
{
    text[0] = '\0';
    for (size_t i = 0; i < remedy->path_len; i++) {
        if (i > 0)
            strcat(text, ">");
        strncat(text, remedy->path[i].data, remedy->path[i].len);
    }
}

static void assert_text_or_null(const char *got, const char *expected)
{
    if (expected == NULL)
        assert_null(got);
    else
        assert_string_equal(got, expected);
}

static void check_remedy(void **state)
{
    const struct remedy_row *row = *state;
    struct connector connector = scene_connector();
    connector.type = row->type;
    struct connection connection = scene_connection(COND_ACTIVE);
    struct remedy remedy;
    assert_true(remedy_for(row->reason, &connector, &connection, &remedy));
    char path[256];
    join_path(&remedy, path);
    assert_string_equal(remedy.action, row->action);
    assert_string_equal(remedy.actor, row->actor);
    assert_str_is(remedy.actor_id, str_c(row->actor_id));
    assert_string_equal(remedy.surface, row->surface);
    assert_string_equal(path, row->path);
    assert_text_or_null(remedy.field, row->field);
    assert_str_is(remedy.scopes, str_c(row->scopes));
    assert_false(str_is_set(remedy.app_hint));
}

static void test_no_reason_no_remedy(void **state)
{
    (void)state;
    struct connector connector = scene_connector();
    struct remedy remedy;
    assert_false(remedy_for(REASON_NONE, &connector, NULL, &remedy));
}

static void test_the_app_says_where(void **state)
{
    (void)state;
    struct connector connector = scene_connector();
    connector.type = CONNECTOR_APP_USER;
    connector.app_hint = STR("Settings, My calendars");
    struct connection connection = scene_connection(COND_DEAD);
    struct remedy remedy;
    assert_true(remedy_for(REASON_GRANT_REJECTED, &connector, &connection, &remedy));
    assert_str_is(remedy.app_hint, STR("Settings, My calendars"));
    assert_true(remedy.sign_in_required);
    assert_int_equal(remedy.path_len, 0);
}

static void test_a_connector_alone(void **state)
{
    (void)state;
    struct connector connector = scene_connector();
    connector.type = CONNECTOR_APP_USER;
    struct remedy remedy;
    assert_true(remedy_for(REASON_CLIENT_REJECTED, &connector, NULL, &remedy));
    assert_false(str_is_set(remedy.actor_id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_reason_no_remedy),
        cmocka_unit_test(test_the_app_says_where),
        cmocka_unit_test(test_a_connector_alone),
    };
    return RUN_ROWS(remedy_rows, check_remedy) + cmocka_run_group_tests(tests, NULL, NULL);
}
