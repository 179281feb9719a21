#include "core/types.h"

#include "common/assert.h"

static const char *const connector_type_texts[CONNECTOR_TYPE_COUNT] = {
    [CONNECTOR_SHARED] = "shared",
    [CONNECTOR_SUPERAGENT] = "superagent",
    [CONNECTOR_APP_USER] = "app_user",
};

static const char *const connection_state_texts[STATE_COUNT] = {
    [STATE_PENDING] = "pending",
    [STATE_ACTIVE] = "active",
    [STATE_RETRYING] = "retrying",
    [STATE_BLOCKED] = "blocked",
    [STATE_NEEDS_RECONNECT] = "needs_reconnect",
    [STATE_DISCONNECTED] = "disconnected",
};

static const char *const reason_class_texts[CLASS_COUNT] = {
    [CLASS_NONE] = "none",
    [CLASS_ACCOUNT_DISCONNECTED] = "account_disconnected",
    [CLASS_ACCESS_REVOKED] = "access_revoked",
    [CLASS_PERMISSIONS_CHANGED] = "permissions_changed",
    [CLASS_CANNOT_REFRESH] = "cannot_refresh",
    [CLASS_AUTHORIZATION_REQUIRED] = "authorization_required",
    [CLASS_SETUP] = "setup",
};

static const struct {
    const char *text;
    enum reason_class class_;
} reasons[REASON_COUNT] = {
    [REASON_NONE] = {"none", CLASS_NONE},
    [REASON_ACCOUNT_DISCONNECTED] = {"account_disconnected", CLASS_ACCOUNT_DISCONNECTED},
    [REASON_ACCESS_REVOKED] = {"access_revoked", CLASS_ACCESS_REVOKED},
    [REASON_SCOPES_CHANGED] = {"scopes_changed", CLASS_PERMISSIONS_CHANGED},
    [REASON_SCOPES_REDUCED] = {"scopes_reduced", CLASS_PERMISSIONS_CHANGED},
    [REASON_GRANT_REJECTED] = {"grant_rejected", CLASS_CANNOT_REFRESH},
    [REASON_SECRET_ROTATED] = {"secret_rotated", CLASS_CANNOT_REFRESH},
    [REASON_CLIENT_REPLACED] = {"client_replaced", CLASS_CANNOT_REFRESH},
    [REASON_REFRESH_TOKEN_EXPIRED] = {"refresh_token_expired", CLASS_CANNOT_REFRESH},
    [REASON_REFRESH_TOKEN_MISSING] = {"refresh_token_missing", CLASS_CANNOT_REFRESH},
    [REASON_REFRESH_EXHAUSTED] = {"refresh_exhausted", CLASS_CANNOT_REFRESH},
    [REASON_ROTATION_LOST] = {"rotation_lost", CLASS_CANNOT_REFRESH},
    [REASON_REAUTHORIZATION_REQUIRED] = {"reauthorization_required", CLASS_AUTHORIZATION_REQUIRED},
    [REASON_CLIENT_REJECTED] = {"client_rejected", CLASS_SETUP},
    [REASON_POLICY_BLOCKED] = {"policy_blocked", CLASS_SETUP},
};

static const char *const outcome_texts[OUTCOME_COUNT] = {
    [OUTCOME_REFRESHED] = "refreshed",
    [OUTCOME_GRANT_DEAD] = "grant_dead",
    [OUTCOME_REAUTH_REQUIRED] = "reauth_required",
    [OUTCOME_CLIENT_REJECTED] = "client_rejected",
    [OUTCOME_SCOPE_PROBLEM] = "scope_problem",
    [OUTCOME_RATE_LIMITED] = "rate_limited",
    [OUTCOME_TRANSIENT] = "transient",
    [OUTCOME_REFUSED] = "refused",
    [OUTCOME_MALFORMED] = "malformed",
};

const char *connector_type_text(enum connector_type type)
{
    ASSERT((unsigned)type < CONNECTOR_TYPE_COUNT);
    return connector_type_texts[type];
}

const char *connection_state_text(enum connection_state state)
{
    ASSERT((unsigned)state < STATE_COUNT);
    return connection_state_texts[state];
}

const char *reason_class_text(enum reason_class class_)
{
    ASSERT((unsigned)class_ < CLASS_COUNT);
    return reason_class_texts[class_];
}

const char *reason_text(enum reason reason)
{
    ASSERT((unsigned)reason < REASON_COUNT);
    return reasons[reason].text;
}

const char *outcome_text(enum outcome outcome)
{
    ASSERT((unsigned)outcome < OUTCOME_COUNT);
    return outcome_texts[outcome];
}

enum reason_class reason_class_of(enum reason reason)
{
    ASSERT((unsigned)reason < REASON_COUNT);
    return reasons[reason].class_;
}

enum status connector_type_parse(struct str text, enum connector_type *ret)
{
    for (unsigned i = 0; i < CONNECTOR_TYPE_COUNT; i++) {
        if (str_eq(text, str_c(connector_type_texts[i]))) {
            *ret = (enum connector_type)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

enum status connection_state_parse(struct str text, enum connection_state *ret)
{
    for (unsigned i = 0; i < STATE_COUNT; i++) {
        if (str_eq(text, str_c(connection_state_texts[i]))) {
            *ret = (enum connection_state)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

enum status reason_parse(struct str text, enum reason *ret)
{
    for (unsigned i = REASON_NONE + 1; i < REASON_COUNT; i++) {
        if (str_eq(text, str_c(reasons[i].text))) {
            *ret = (enum reason)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}
