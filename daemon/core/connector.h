/**
 * One OAuth client registered at a provider: who shares it, what it asks for, which credentials it
 * holds and whether they are refused just now. Plain data; texts are borrowed from whoever made the
 * record (the store's reply, the engine's catalog).
 */
#ifndef CORE_CONNECTOR_H
#define CORE_CONNECTOR_H

#include "core/types.h"

enum { CONNECTOR_PROBE_AS_CONFIGURED = -1 };

enum refresh_policy {
    REFRESH_EAGER,     /* an access token is always fresh */
    REFRESH_ON_DEMAND, /* idle connections only so often that the refresh token lives */
};

enum credential_state {
    CREDENTIAL_CURRENT,
    CREDENTIAL_RETIRING, /* tried when the current one is refused, until its overlap ends */
    CREDENTIAL_RETIRED,  /* erased; the row stays for the report */
};

/** RFC 7591 §2 token_endpoint_auth_method. */
enum auth_method {
    AUTH_CLIENT_SECRET_BASIC,
    AUTH_CLIENT_SECRET_POST,
    AUTH_NONE,
    AUTH_CLIENT_SECRET_JWT,
    AUTH_PRIVATE_KEY_JWT,
    AUTH_TLS_CLIENT_AUTH,
    AUTH_METHOD_COUNT,
};

const char *auth_method_text(enum auth_method method);
MUST_CHECK enum status auth_method_parse(struct str text, enum auth_method *ret);
const char *credential_state_text(enum credential_state state);

struct credential {
    struct str connector;
    int64_t version; /* 1, 2, 3 … */
    enum credential_state state;
    struct str client_id;
    enum auth_method method;
    struct str sealed_secret; /* client secret or PEM key, sealed; empty for none */
    struct str certificate;   /* PEM, for tls_client_auth; public */
    struct str key_id;        /* `kid` of assertions; empty: none */
    int64_t created_ms;
    int64_t retires_ms;      /* TIME_NONE: no end */
    int64_t last_success_ms; /* of any refresh under it */
    int64_t rejected_ms;     /* since when it is refused; TIME_NONE: it is not */
};

/** The sweep that tells each connection of a change: resumes from its cursor after a crash. */
struct sweep {
    int64_t scopes_version; /* what it brings; 0: none is running */
    struct str cursor;      /* id of the last connection done */
    int64_t done, affected, total;
};

struct connector {
    struct str id;
    struct str name; /* as people see it in paths */
    enum connector_type type;
    struct str provider;     /* profile id */
    struct str profile_json; /* inline profile; empty: a loaded one */
    struct str config_json;  /* endpoint variables; empty: none */
    struct str app_hint;     /* where the app put "reconnect" (app_user) */
    struct str scopes;       /* scope_set text: sorted, unique, blank-separated */
    int64_t scopes_version;
    int64_t scopes_changed_ms;
    struct str scopes_added, scopes_removed; /* of the last rescope */
    bool only_missing;                       /* of the last rescope */

    enum refresh_policy policy;
    int64_t idle_after_ms;  /* 0: as configured */
    int64_t probe_every_ms; /* 0: never; CONNECTOR_PROBE_AS_CONFIGURED */
    bool refreshed_events;

    int64_t credential_version; /* the current one */
    int64_t rotated_ms;
    int64_t rotated_seq, rescoped_seq; /* event ids, for `cause` */

    bool disabled;        /* by an admin: policy_blocked */
    int64_t rejected_ms;  /* credentials refused since; TIME_NONE: not */
    int64_t probe_due_ms; /* while rejected: when one connection is tried */
    int64_t probe_interval_ms;
    struct str provider_error_code;    /* of the rejection */
    struct str provider_error_message; /* cleaned */
    int64_t provider_error_status;

    struct sweep sweep;
    int64_t created_ms;
    int64_t version; /* of the row: compare-and-set; 0 for one that is not stored yet */
};

/** Which setup reason blocks its connections, or REASON_NONE; the admin's word comes first. */
enum reason connector_blocked_reason(const struct connector *connector);

#endif
