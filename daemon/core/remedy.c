#include "core/remedy.h"

#include "common/assert.h"

static void path_set(struct remedy *remedy, const struct str *words, size_t count)
{
    ASSERT(count <= REMEDY_PATH_MAX);
    for (size_t i = 0; i < count; i++)
        remedy->path[i] = words[i];
    remedy->path_len = count;
}

/* Setup is a workspace matter, whoever owns the connections. */
static void remedy_setup(const struct connector *connector, const char *action, const char *field,
                         struct remedy *remedy)
{
    remedy->action = action;
    remedy->actor = "workspace_admin";
    remedy->surface = "workspace_settings";
    remedy->field = field;
    if (connector->type == CONNECTOR_APP_USER) {
        const struct str path[] = {
            STR("Account settings"), STR("Connectors"), STR("Connectors For App Users"),
            connector->name,         STR("View"),       STR("Edit")};
        path_set(remedy, path, ARRAY_LEN(path));
    } else {
        const struct str path[] = {STR("Account settings"), STR("Connectors"), connector->name};
        path_set(remedy, path, ARRAY_LEN(path));
    }
}

static void remedy_reconnect(const struct connector *connector, const struct connection *connection,
                             struct remedy *remedy)
{
    remedy->action = "reconnect";
    remedy->scopes = connector->scopes;
    switch (connector->type) {
    case CONNECTOR_SHARED: {
        const struct str path[] = {STR("Integrations"), STR("My integrations"), connector->name,
                                   STR("More actions"), STR("Reconnect")};
        remedy->actor = "app_builder";
        remedy->surface = "app_dashboard";
        path_set(remedy, path, ARRAY_LEN(path));
        return;
    }
    case CONNECTOR_SUPERAGENT: {
        const struct str path[] = {STR("Tools"), STR("Apps connected"), connector->name,
                                   STR("More actions"), STR("Reconnect")};
        remedy->actor = "superagent_owner";
        remedy->surface = "superagent_tools";
        path_set(remedy, path, ARRAY_LEN(path));
        return;
    }
    case CONNECTOR_APP_USER:
        remedy->actor = "app_user";
        remedy->actor_id = connection != NULL ? connection->owner.user : STR_NONE;
        remedy->surface = "in_app";
        remedy->sign_in_required = true;
        if (!str_is_empty(connector->app_hint))
            remedy->app_hint = connector->app_hint;
        return;
    case CONNECTOR_TYPE_COUNT:
        break;
    }
    UNREACHABLE("a connector type");
}

bool remedy_for(enum reason reason, const struct connector *connector,
                const struct connection *connection, struct remedy *ret_remedy)
{
    *ret_remedy = (struct remedy){0};
    if (reason == REASON_NONE)
        return false;
    if (reason == REASON_CLIENT_REJECTED)
        remedy_setup(connector, "rotate_credentials", "Client Secret", ret_remedy);
    else if (reason == REASON_POLICY_BLOCKED)
        remedy_setup(connector, "enable", NULL, ret_remedy);
    else
        remedy_reconnect(connector, connection, ret_remedy);
    return true;
}
