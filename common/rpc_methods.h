/**
 * The one table of methods: what the control socket answers, what refreshctl's verbs are, what
 * `rpc.discover` and the help texts say. Parameters are checked against it before any method runs,
 * so that a method never sees a wrong type.
 *
 *     const struct rpc_method *method = rpc_method_find(name);
 *     if (rpc_params_check(method, params, &fault) != STATUS_OK) …   // -32602 with path, expected
 */
#ifndef COMMON_RPC_METHODS_H
#define COMMON_RPC_METHODS_H

#include "common/json.h"

enum rpc_method_id {
    RPC_REGISTER,
    RPC_UNREGISTER,
    RPC_DISABLE,
    RPC_ENABLE,
    RPC_ROTATE,
    RPC_RESCOPE,
    RPC_LIST_CONNECTORS,
    RPC_SHOW_CONNECTOR,
    RPC_IMPORT,
    RPC_AUTHORIZE,
    RPC_COMPLETE,
    RPC_TOKEN,
    RPC_REFRESH,
    RPC_REPORT,
    RPC_DISCONNECT,
    RPC_ATTACH,
    RPC_CONFIRM,
    RPC_CLEAR,
    RPC_LIST_CONNECTIONS,
    RPC_SHOW_CONNECTION,
    RPC_LIST_EVENTS,
    RPC_WATCH,
    RPC_STATUS,
    RPC_METRICS,
    RPC_RELOAD,
    RPC_LIST_AUDIT,
    RPC_DISCOVER,
    RPC_METHOD_COUNT,
};

/** Who may call (docs/protocol.md "Who may"). A peer may hold several. */
enum rpc_role {
    RPC_ROLE_ADMIN = 1 << 0,
    RPC_ROLE_PLATFORM = 1 << 1,
    RPC_ROLE_OPERATOR = 1 << 2,
    RPC_ROLE_ANYONE = 1 << 3, /* may connect: may call */
};

enum rpc_type {
    RPC_TYPE_TEXT,
    RPC_TYPE_SECRET, /* text that is never shown, logged, audited or taken from a command line */
    RPC_TYPE_ID,     /* text: 1 to 128 of [A-Za-z0-9._:@-], not beginning with '-' */
    RPC_TYPE_ENUM,   /* text: one of choices */
    RPC_TYPE_INTEGER,
    RPC_TYPE_BOOLEAN,
    RPC_TYPE_OBJECT,
    RPC_TYPE_TIME,       /* RFC 3339 text */
    RPC_TYPE_TEXT_ARRAY, /* array of texts */
    RPC_TYPE_OBJECT_ARRAY,
};

/** All types of events there are (docs/events.md), as choices. */
#define RPC_EVENT_TYPES                                                                  \
    "connection.needs_reconnect|connection.recovered|connection.reconnected|"            \
    "connection.switched|connection.connected|connection.disconnected|"                  \
    "connection.expiring|connection.refreshed|connector.registered|connector.rotated|"   \
    "connector.rescoped|connector.credentials_rejected|connector.credentials_recovered|" \
    "connector.disabled|connector.enabled|connector.updated|connector.unregistered|"     \
    "provider.suspect|provider.recovered|log.restarted"

struct rpc_param {
    const char *name;
    enum rpc_type type;
    bool required;
    const char *choices; /* RPC_TYPE_ENUM, each of a _TEXT_ARRAY: "eager|on_demand"; else NULL */
    int64_t min, max;    /* RPC_TYPE_INTEGER: range; texts and arrays: length, where max > 0 */
    /* RPC_TYPE_OBJECT, _OBJECT_ARRAY: what is inside, up to name NULL; members NULL: anything */
    const struct rpc_param *members;
    const char *help; /* one line, for --help and rpc.discover */
};

struct rpc_method {
    enum rpc_method_id id;
    const char *name;               /* "list-connections", "rpc.discover": also the verb */
    unsigned roles;                 /* of enum rpc_role */
    bool changes;                   /* writes an audit record */
    const struct rpc_param *params; /* up to name NULL */
    const char *result;             /* one line: what comes back */
    const char *summary;
    const char *positional; /* for the CLI: names of the parameters that stand without a flag, in
                               order, separated by blanks: "connector" or "connector owner" */
};

/** What an owner object may hold: for methods and for refreshctl's own verbs. */
extern const struct rpc_param rpc_owner_members[];

/** All methods in the order of their ids. */
const struct rpc_method *rpc_method_at(enum rpc_method_id id);
/** NULL where there is none. */
const struct rpc_method *rpc_method_find(struct str name);

/** Has the text the form of RPC_TYPE_ID? */
bool rpc_is_id(struct str text);

enum { RPC_PATH_MAX = 160, RPC_EXPECTED_MAX = 400 };

/** Where and why parameters do not fit: error.data of -32602. */
struct rpc_fault {
    char path[RPC_PATH_MAX];         /* "tokens.expires_in", "scopes[2]" */
    char expected[RPC_EXPECTED_MAX]; /* "an integer from 0 to 31536000" */
};

/**
 * Check types, ranges, required and unknown members. What needs more than one member to judge (an
 * owner that fits the connector's type, either expires_in or expires_at) is the method's own.
 * A member that is null counts as not there, as json_get() has it; elements of a text array are 1
 * to 1024 bytes.
 *
 * @params     borrowed; NULL counts as {}
 * @ret_fault  filled on STATUS_INVALID; holds names of members, never a value
 */
MUST_CHECK enum status rpc_params_check(const struct rpc_method *method, const struct json *params,
                                        struct rpc_fault *ret_fault);

/** JSON-RPC 2.0 §5.1. */
enum {
    RPC_ERROR_PARSE = -32700,
    RPC_ERROR_REQUEST = -32600,
    RPC_ERROR_METHOD = -32601,
    RPC_ERROR_PARAMS = -32602,
    RPC_ERROR_INTERNAL = -32603,
    RPC_ERROR_REFRESHD = -32000, /* ours: data.code says which */
};

/** data.code of RPC_ERROR_REFRESHD: stable words. */
enum rpc_code {
    RPC_CODE_UNKNOWN_CONNECTOR,
    RPC_CODE_UNKNOWN_CONNECTION,
    RPC_CODE_NEEDS_RECONNECT,
    RPC_CODE_BLOCKED,
    RPC_CODE_NOT_CONNECTED,
    RPC_CODE_TOKEN_EXPIRED,
    RPC_CODE_HELD,
    RPC_CODE_EXISTS,
    RPC_CODE_INVALID_OWNER,
    RPC_CODE_ACCOUNT_MISMATCH,
    RPC_CODE_ACCOUNT_REQUIRED,
    RPC_CODE_PERSONAL_CONNECTION,
    RPC_CODE_FORBIDDEN,
    RPC_CODE_CONFLICT,
    RPC_CODE_BUSY,
    RPC_CODE_TOO_MANY,
    RPC_CODE_TOO_LARGE,
    RPC_CODE_GONE,
    RPC_CODE_PROVIDER_UNAVAILABLE,
    RPC_CODE_CHECK_FAILED,
    RPC_CODE_INVALID_STATE,
    RPC_CODE_STORE_UNAVAILABLE,
    RPC_CODE_COUNT,
};
const char *rpc_code_text(enum rpc_code code);

#endif
