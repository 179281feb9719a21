#include "common/rpc_methods.h"

#include "common/assert.h"

/* Sizes that parameters may have: generous for what is real, small beside a line of 1 MiB. */
#define SECRET_MAX 65536 /* tokens of some providers carry claims by the kilobyte */
#define PEM_MAX 65536
#define TEXT_MAX 1024
#define GRANTED_MAX 16384
#define SCOPES_MAX 500
#define APPS_MAX 1000
#define IMPORT_MAX 1000
#define LIST_MAX 1000
#define CHALLENGE_MAX 8192
#define TYPES_MAX 64
#define SECONDS_MAX INT32_MAX /* some providers say 2^31 - 1 for "never" */
#define OVERLAP_S_MAX 31536000

#define CONNECTOR_TYPES "shared|superagent|app_user"
#define INTENTS "connect|reconnect|switch"
#define AUTH_METHODS                                                                 \
    "client_secret_basic|client_secret_post|none|client_secret_jwt|private_key_jwt|" \
    "tls_client_auth"
#define STATES "pending|active|retrying|blocked|needs_reconnect|disconnected"
#define REASONS                                                                         \
    "account_disconnected|access_revoked|scopes_changed|scopes_reduced|grant_rejected|" \
    "secret_rotated|client_replaced|refresh_token_expired|refresh_token_missing|"       \
    "refresh_exhausted|rotation_lost|reauthorization_required|client_rejected|policy_blocked"

/* One row a parameter: name, MUST or MAY be there, what it may be, help. */
#define MUST true
#define MAY false
#define ROW(name_, need, type_, help_, ...)                                                \
    {                                                                                      \
        .name = (name_), .required = (need), .type = (type_), .help = (help_), __VA_ARGS__ \
    }
#define ID(name, need, help) ROW(name, need, RPC_TYPE_ID, help, .min = 0)
#define TIME(name, need, help) ROW(name, need, RPC_TYPE_TIME, help, .min = 0)
#define FLAG(name, help) ROW(name, MAY, RPC_TYPE_BOOLEAN, help, .min = 0)
#define ENUM(name, need, words, help) ROW(name, need, RPC_TYPE_ENUM, help, .choices = (words))
#define TEXT(name, need, least, most, help) \
    ROW(name, need, RPC_TYPE_TEXT, help, .min = (least), .max = (most))
#define SECRET(name, need, most, help) ROW(name, need, RPC_TYPE_SECRET, help, .min = 1, .max = most)
#define INTEGER(name, need, least, most, help) \
    ROW(name, need, RPC_TYPE_INTEGER, help, .min = (least), .max = (most))
#define TEXTS(name, need, least, most, help) \
    ROW(name, need, RPC_TYPE_TEXT_ARRAY, help, .min = (least), .max = (most))
#define WORDS(name, need, least, most, words, help) \
    ROW(name, need, RPC_TYPE_TEXT_ARRAY, help, .min = (least), .max = (most), .choices = (words))
#define OBJECT(name, need, inside, help) ROW(name, need, RPC_TYPE_OBJECT, help, .members = (inside))
#define OBJECTS(name, need, least, most, inside, help) \
    ROW(name, need, RPC_TYPE_OBJECT_ARRAY, help, .members = (inside), .min = (least), .max = (most))
#define END ROW(NULL, MAY, RPC_TYPE_TEXT, NULL, .min = 0)

#define CONNECTOR ID("connector", MUST, "id of the connector")
#define CONNECTION ID("connection", MUST, "id of the connection")
#define PAGE                                                      \
    INTEGER("limit", MAY, 1, LIST_MAX, "how many at most (100)"), \
        TEXT("cursor", MAY, 1, TEXT_MAX, "next_cursor of the page before")
#define OWNER(need) OBJECT("owner", need, rpc_owner_members, "whose connection it is")

/* What is inside of nested objects. */

const struct rpc_param rpc_owner_members[] = {
    ID("app", MAY, "app_user: the person's app; shared: one of the apps"),
    TEXTS("apps", MAY, 1, APPS_MAX, "shared: the apps that use the connection"),
    ID("superagent", MAY, "superagent: its id"),
    ID("user", MAY, "app_user: the person in the app"),
    END,
};

static const struct rpc_param policy_members[] = {
    ENUM("refresh", MAY, "eager|on_demand", "always fresh (default), or only while somebody reads"),
    INTEGER("idle_after_s", MAY, 1, SECONDS_MAX,
            "on_demand: unread for so long is idle (the configured idle_after)"),
    INTEGER("probe_every_s", MAY, 0, SECONDS_MAX,
            "check grants between refreshes; 0 never (the configured probe_every)"),
    FLAG("refreshed_events", "publish an event for each refresh too"),
    END,
};

static const struct rpc_param tokens_members[] = {
    SECRET("access_token", MUST, SECRET_MAX, "the access token"),
    SECRET("refresh_token", MAY, SECRET_MAX, "the refresh token"),
    INTEGER("expires_in", MAY, 0, SECONDS_MAX, "seconds that the access token still lives"),
    TIME("expires_at", MAY, "or when it ends"),
    INTEGER("refresh_token_expires_in", MAY, 0, SECONDS_MAX,
            "seconds that the refresh token still lives"),
    TEXT("scope", MAY, 0, GRANTED_MAX, "what was granted, as the provider wrote it"),
    SECRET("id_token", MAY, SECRET_MAX, "the ID token: it names the account"),
    TEXT("token_type", MAY, 1, 64, "as the provider wrote it (Bearer)"),
    END,
};

static const struct rpc_param account_members[] = {
    TEXT("id", MUST, 1, TEXT_MAX, "the provider's id of the account"),
    TEXT("label", MAY, 0, TEXT_MAX, "the account as people know it, an address say"),
    END,
};

/** One connection: needed where it stands in a list, else `connections` may stand for it. */
#define ONE_IMPORT(need)                                                                         \
    ID("connector", need, "id of the connector"), OWNER(need),                                   \
        ID("connection", MAY, "id for the new connection, or of the one that gets a new grant"), \
        ENUM("intent", MAY, INTENTS, "a new one (default), the same account, another account"),  \
        ID("acting_user", MAY, "the person who acts, where the connection is personal"),         \
        OBJECT("tokens", need, tokens_members, "what the authorization server gave"),            \
        TEXTS("requested_scopes", MAY, 0, SCOPES_MAX, "what was asked for (the connector's)"),   \
        OBJECT("account", MAY, account_members, "which account granted"),                        \
        OBJECT("config", MAY, NULL, "variables of this grant, over the connector's"),            \
        FLAG("revoke", "switch: end the old grant at its provider")

static const struct rpc_param import_item_members[] = {ONE_IMPORT(MUST), END};

/* The methods' parameters. */

static const struct rpc_param no_params[] = {END};
static const struct rpc_param connector_params[] = {CONNECTOR, END};
static const struct rpc_param connection_params[] = {CONNECTION, END};
static const struct rpc_param page_params[] = {PAGE, END};

static const struct rpc_param register_params[] = {
    CONNECTOR,
    ENUM("type", MUST, CONNECTOR_TYPES, "who shares a connection"),
    ID("provider", MAY, "id of a provider profile"),
    OBJECT("profile", MAY, NULL, "or a profile of its own"),
    TEXT("client_id", MUST, 1, TEXT_MAX, "the client's id at the provider"),
    SECRET("client_secret", MAY, SECRET_MAX, "the client's secret"),
    SECRET("private_key", MAY, PEM_MAX, "the client's private key, PEM"),
    TEXT("certificate", MAY, 1, PEM_MAX, "the client's certificate, PEM"),
    TEXT("key_id", MAY, 1, TEXT_MAX, "the private key's id at the provider (kid)"),
    ENUM("auth_method", MAY, AUTH_METHODS, "how the client authenticates"),
    TEXTS("scopes", MUST, 0, SCOPES_MAX, "what is asked for"),
    TEXT("name", MAY, 1, TEXT_MAX, "as people see it"),
    TEXT("app_hint", MAY, 0, TEXT_MAX, "app_user: where in the app one reconnects"),
    OBJECT("config", MAY, NULL, "the profile's variables"),
    OBJECT("policy", MAY, policy_members, "when to refresh"),
    END,
};

static const struct rpc_param unregister_params[] = {
    CONNECTOR,
    FLAG("force", "disconnect what is connected"),
    END,
};

static const struct rpc_param rotate_params[] = {
    CONNECTOR,
    SECRET("client_secret", MAY, SECRET_MAX, "the new secret"),
    SECRET("private_key", MAY, PEM_MAX, "the new private key, PEM"),
    TEXT("certificate", MAY, 1, PEM_MAX, "the new certificate, PEM"),
    TEXT("key_id", MAY, 1, TEXT_MAX, "the new private key's id at the provider (kid)"),
    TEXT("client_id", MAY, 1, TEXT_MAX, "another client: its connections need a reconnect"),
    INTEGER("overlap_s", MAY, 0, OVERLAP_S_MAX, "seconds that the old one is still tried (86400)"),
    FLAG("check", "prove it with one refresh before it is taken over"),
    END,
};

static const struct rpc_param rescope_params[] = {
    CONNECTOR,
    TEXTS("scopes", MUST, 0, SCOPES_MAX, "the whole new set"),
    FLAG("only_missing", "spare those whose granted scopes cover the new set"),
    FLAG("dry_run", "only say what would happen"),
    END,
};

static const struct rpc_param import_params[] = {
    ONE_IMPORT(MAY),
    OBJECTS("connections", MAY, 1, IMPORT_MAX, import_item_members, "or many at once"),
    END,
};

static const struct rpc_param authorize_params[] = {
    CONNECTOR,
    OWNER(MUST),
    ENUM("intent", MUST, INTENTS, "a new connection, the same account, another account"),
    ID("connection", MAY, "id for the new connection, or of the one that gets a new grant"),
    ID("acting_user", MAY, "the person who acts, where the connection is personal"),
    TEXT("redirect_uri", MUST, 1, 2048, "where the authorization server sends the person back"),
    TEXT("login_hint", MAY, 1, TEXT_MAX, "whom the provider should ask to sign in"),
    OBJECT("config", MAY, NULL, "variables of this grant, over the connector's"),
    FLAG("revoke", "switch: end the old grant at its provider"),
    END,
};

static const struct rpc_param complete_params[] = {
    TEXT("state", MUST, 1, 256, "as it came back"),
    SECRET("code", MAY, SECRET_MAX, "as it came back"),
    TEXT("iss", MAY, 1, 2048, "as it came back (RFC 9207)"),
    TEXT("error", MAY, 1, TEXT_MAX, "what came back instead of a code"),
    TEXT("error_description", MAY, 0, TEXT_MAX, "and its explanation"),
    END,
};

static const struct rpc_param token_params[] = {
    ID("connection", MAY, "id of the connection"),
    ID("connector", MAY, "or its connector, together with owner"),
    OWNER(MAY),
    INTEGER("min_valid_s", MAY, 0, SECONDS_MAX,
            "seconds that it must still live (60, or half its life where that is less)"),
    END,
};

static const struct rpc_param refresh_params[] = {
    CONNECTION,
    FLAG("force", "also where the grant seems dead"),
    END,
};

static const struct rpc_param report_params[] = {
    CONNECTION,
    INTEGER("status", MUST, 100, 599, "the HTTP status that the API answered"),
    TEXT("token_sha256", MAY, 64, 64, "SHA-256 of the access token that was used, in hex"),
    TEXT("www_authenticate", MAY, 0, CHALLENGE_MAX, "the answer's WWW-Authenticate header"),
    END,
};

static const struct rpc_param disconnect_params[] = {
    CONNECTION,
    ID("app", MAY, "shared: detach this app alone"),
    FLAG("revoke", "end the grant at the provider too"),
    FLAG("dry_run", "only say what would happen"),
    END,
};

static const struct rpc_param attach_params[] = {
    CONNECTION,
    ID("app", MUST, "the app that is to use it too"),
    END,
};

static const struct rpc_param list_audit_params[] = {
    TEXT("method", MAY, 1, 64, "only calls of this method"),
    ID("subject", MAY, "only about this connector or connection"),
    TEXT("outcome", MAY, 1, 64, "only with this outcome: ok, or an error's code"),
    INTEGER("uid", MAY, 0, UINT32_MAX, "only by this user"),
    FLAG("tokens", "who was handed access tokens, by the hour, instead of calls"),
    PAGE,
    END,
};

static const struct rpc_param list_connections_params[] = {
    ID("connector", MAY, "only of this connector"),
    ENUM("state", MAY, STATES, "only in this state"),
    ENUM("reason", MAY, REASONS, "only for this reason"),
    OBJECT("owner", MAY, rpc_owner_members, "only of this owner"),
    FLAG("expiring", "only those whose refresh token ends soon"),
    PAGE,
    END,
};

static const struct rpc_param events_params[] = {
    INTEGER("after", MAY, 0, INT64_MAX, "those behind this number (from now on)"),
    WORDS("types", MAY, 1, TYPES_MAX, RPC_EVENT_TYPES, "only of these types"),
    ID("connection", MAY, "only of this connection"),
    PAGE,
    END,
};

static const struct rpc_param watch_params[] = {
    INTEGER("after", MAY, 0, INT64_MAX, "those behind this number (from now on)"),
    WORDS("types", MAY, 1, TYPES_MAX, RPC_EVENT_TYPES, "only of these types"),
    ID("connection", MAY, "only of this connection"),
    END,
};

/* The methods: id, name, who may, whether it changes something, parameters, positional ones,
 * result, summary. */
#define METHOD(id_, name_, who, changes_, params_, positional_, result_, summary_) \
    [id_] = {.id = (id_),                                                          \
             .name = (name_),                                                      \
             .roles = (who),                                                       \
             .changes = (changes_),                                                \
             .params = (params_),                                                  \
             .positional = (positional_),                                          \
             .result = (result_),                                                  \
             .summary = (summary_)}
#define CHANGES true
#define READS false
#define ADMIN RPC_ROLE_ADMIN
#define PLATFORM RPC_ROLE_PLATFORM
#define OPERATOR RPC_ROLE_OPERATOR

static const struct rpc_method methods[RPC_METHOD_COUNT] = {
    METHOD(RPC_REGISTER, "register", ADMIN, CHANGES, register_params, "connector", "the connector",
           "Register a connector, or update what is neither credential nor scope."),
    METHOD(RPC_UNREGISTER, "unregister", ADMIN, CHANGES, unregister_params, "connector", "{}",
           "Remove a connector that has no connections."),
    METHOD(RPC_DISABLE, "disable", ADMIN, CHANGES, connector_params, "connector", "the connector",
           "Block a connector's connections by workspace policy."),
    METHOD(RPC_ENABLE, "enable", ADMIN, CHANGES, connector_params, "connector", "the connector",
           "Allow a disabled connector again."),
    METHOD(RPC_ROTATE, "rotate", ADMIN, CHANGES, rotate_params, "connector",
           "{credential_version, checked, connections}",
           "Replace a connector's client credentials; disconnects nobody."),
    METHOD(RPC_RESCOPE, "rescope", ADMIN, CHANGES, rescope_params, "connector scopes",
           "{scopes_version, added, removed, affected}",
           "Replace the scopes that a connector asks for."),
    METHOD(RPC_LIST_CONNECTORS, "list-connectors", ADMIN | OPERATOR, READS, page_params, "",
           "{items, next_cursor}", "List connectors, with their connections counted by state."),
    METHOD(RPC_SHOW_CONNECTOR, "show-connector", ADMIN | OPERATOR, READS, connector_params,
           "connector", "the connector, with rotation report and sweep progress",
           "Show one connector."),
    METHOD(RPC_IMPORT, "import", ADMIN | PLATFORM, CHANGES, import_params, "connector",
           "the connection, or {results: [connection | {error}]}",
           "Take over tokens that an authorization server gave."),
    METHOD(RPC_AUTHORIZE, "authorize", ADMIN | PLATFORM, CHANGES, authorize_params, "connector",
           "{url, state, expires_at}", "Begin an authorization: where to send the person."),
    METHOD(RPC_COMPLETE, "complete", ADMIN | PLATFORM, CHANGES, complete_params, "state",
           "the connection", "End an authorization with what came back from the browser."),
    METHOD(RPC_TOKEN, "token", PLATFORM, READS, token_params, "connection",
           "{access_token, token_type, expires_at, scopes}", "Get a fresh access token."),
    METHOD(RPC_REFRESH, "refresh", ADMIN | OPERATOR, CHANGES, refresh_params, "connection",
           "{outcome, connection}", "Refresh a connection now."),
    METHOD(RPC_REPORT, "report", PLATFORM, CHANGES, report_params, "connection status", "{verdict}",
           "Check a grant whose access token an API refused."),
    METHOD(RPC_DISCONNECT, "disconnect", ADMIN | PLATFORM, CHANGES, disconnect_params, "connection",
           "the connection, with revocation where it was asked for",
           "Erase a connection's tokens, or detach one app."),
    METHOD(RPC_ATTACH, "attach", ADMIN | PLATFORM, CHANGES, attach_params, "connection app",
           "the connection", "Let one more app use a shared connection."),
    METHOD(RPC_CONFIRM, "confirm", ADMIN | OPERATOR, CHANGES, connector_params, "connector",
           "{connector, held}", "Many grants really died: tell those that are held."),
    METHOD(RPC_CLEAR, "clear", ADMIN | OPERATOR, CHANGES, connector_params, "connector",
           "{connector, held}", "It was a mistake: let go what is held."),
    METHOD(RPC_LIST_CONNECTIONS, "list-connections", ADMIN | OPERATOR | PLATFORM, READS,
           list_connections_params, "", "{items, next_cursor}", "List connections."),
    METHOD(RPC_SHOW_CONNECTION, "show-connection", ADMIN | OPERATOR | PLATFORM, READS,
           connection_params, "connection", "the connection, with its last 20 refreshes",
           "Show one connection."),
    METHOD(RPC_LIST_EVENTS, "list-events", ADMIN | OPERATOR, READS, events_params, "",
           "{items, next_cursor}", "List events in their order."),
    METHOD(RPC_WATCH, "watch", ADMIN | OPERATOR, READS, watch_params, "",
           "{watching, last}, then a notification \"event\" for each",
           "Follow events as they happen, without gaps."),
    METHOD(RPC_STATUS, "status", ADMIN | OPERATOR, READS, no_params, "", "health in one object",
           "Tell how the daemon is."),
    METHOD(RPC_METRICS, "metrics", ADMIN | OPERATOR, READS, no_params, "", "{content_type, text}",
           "Give the metrics in Prometheus' text form."),
    METHOD(RPC_RELOAD, "reload", ADMIN, CHANGES, no_params, "", "{reloaded, needs_restart}",
           "Read configuration and profiles again."),
    METHOD(RPC_LIST_AUDIT, "list-audit", ADMIN | OPERATOR, READS, list_audit_params, "",
           "{items, next_cursor}", "List who did what."),
    METHOD(RPC_DISCOVER, "rpc.discover", RPC_ROLE_ANYONE, READS, no_params, "",
           "an OpenRPC document", "Describe every method."),
};

const struct rpc_method *rpc_method_at(enum rpc_method_id id)
{
    ASSERT((unsigned)id < RPC_METHOD_COUNT);
    return &methods[id];
}

const struct rpc_method *rpc_method_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (str_eq(name, str_c(methods[i].name)))
            return &methods[i];
    }
    return NULL;
}
