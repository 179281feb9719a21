/**
 * Who must do what, and where: the `remedy` of an event or an error. It follows from the reason and
 * from who owns the connection, and from nothing else.
 *
 *     struct remedy remedy;
 *     if (remedy_for(REASON_GRANT_REJECTED, &connector, &connection, &remedy)) …
 */
#ifndef CORE_REMEDY_H
#define CORE_REMEDY_H

#include "core/connection.h"
#include "core/connector.h"

enum { REMEDY_PATH_MAX = 6 };

struct remedy {
    const char *action;  /* reconnect, rotate_credentials, enable */
    const char *actor;   /* app_builder, superagent_owner, app_user, workspace_admin */
    struct str actor_id; /* the user of an app_user connection; STR_NONE else */
    const char *surface; /* app_dashboard, superagent_tools, in_app, workspace_settings */
    struct str path[REMEDY_PATH_MAX]; /* the words as shown */
    size_t path_len;
    bool sign_in_required;
    struct str app_hint; /* STR_NONE: none */
    struct str scopes;   /* asked for at reconnect, blank-separated; STR_NONE: no matter */
    const char *field;   /* of workspace_settings; NULL else */
};

/**
 * @connection may be NULL for a reason of class setup
 * False where there is nothing to do (REASON_NONE). Texts are borrowed from both records.
 */
bool remedy_for(enum reason reason, const struct connector *connector,
                const struct connection *connection, struct remedy *ret_remedy);

#endif
