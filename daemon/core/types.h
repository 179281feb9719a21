/**
 * The words of the trade as types: connector types, states, reasons and their classes, outcomes.
 * Each enum has one table of texts, and these texts are the contract with subscribers.
 */
#ifndef CORE_TYPES_H
#define CORE_TYPES_H

#include "common/str.h"

/**
 * What time it is, handed down from the turn that runs; nothing in core or engine reads a clock.
 * Every stored time is on the timeline (core/timeline.h): milliseconds that look like wall time
 * and never jump within one boot.
 */
struct now {
    int64_t ms;      /* timeline */
    int64_t wall_ms; /* the wall clock, for display and for signed assertions only */
};

/** "No such time" in every *_ms field of a record. */
enum { TIME_NONE = 0 };

enum connector_type {
    CONNECTOR_SHARED,
    CONNECTOR_SUPERAGENT,
    CONNECTOR_APP_USER,
    CONNECTOR_TYPE_COUNT,
};

enum connection_state {
    STATE_PENDING,
    STATE_ACTIVE,
    STATE_RETRYING,
    STATE_BLOCKED,
    STATE_NEEDS_RECONNECT,
    STATE_DISCONNECTED,
    STATE_COUNT,
};

enum reason_class {
    CLASS_NONE,
    CLASS_ACCOUNT_DISCONNECTED,
    CLASS_ACCESS_REVOKED,
    CLASS_PERMISSIONS_CHANGED,
    CLASS_CANNOT_REFRESH,
    CLASS_AUTHORIZATION_REQUIRED,
    CLASS_SETUP,
    CLASS_COUNT,
};

enum reason {
    REASON_NONE,
    REASON_ACCOUNT_DISCONNECTED,
    REASON_ACCESS_REVOKED,
    REASON_SCOPES_CHANGED,
    REASON_SCOPES_REDUCED,
    REASON_GRANT_REJECTED,
    REASON_SECRET_ROTATED,
    REASON_CLIENT_REPLACED,
    REASON_REFRESH_TOKEN_EXPIRED,
    REASON_REFRESH_TOKEN_MISSING,
    REASON_REFRESH_EXHAUSTED,
    REASON_ROTATION_LOST,
    REASON_REAUTHORIZATION_REQUIRED,
    REASON_CLIENT_REJECTED,
    REASON_POLICY_BLOCKED,
    REASON_COUNT,
};

/** What the answer to one token request means (docs/behaviour.md "What an answer means"). */
enum outcome {
    OUTCOME_REFRESHED,
    OUTCOME_GRANT_DEAD,
    OUTCOME_REAUTH_REQUIRED,
    OUTCOME_CLIENT_REJECTED,
    OUTCOME_SCOPE_PROBLEM,
    OUTCOME_RATE_LIMITED,
    OUTCOME_TRANSIENT,
    OUTCOME_REFUSED,
    OUTCOME_MALFORMED,
    OUTCOME_COUNT,
};

/** How a request ended on the wire. */
enum transport_end {
    TRANSPORT_ANSWERED, /* a whole answer was read */
    TRANSPORT_NOT_SENT, /* it surely never left: nobody saw the token */
    TRANSPORT_LOST,     /* it may have arrived; whatever was answered is lost */
};

/** The wire texts: "app_user", "needs_reconnect", "cannot_refresh", "grant_rejected", "refreshed".
 */
const char *connector_type_text(enum connector_type type);
const char *connection_state_text(enum connection_state state);
const char *reason_class_text(enum reason_class class_);
const char *reason_text(enum reason reason);
const char *outcome_text(enum outcome outcome);
/** The other way round; STATUS_INVALID for another word. "none" is no reason. */
MUST_CHECK enum status connector_type_parse(struct str text, enum connector_type *ret);
MUST_CHECK enum status connection_state_parse(struct str text, enum connection_state *ret);
MUST_CHECK enum status reason_parse(struct str text, enum reason *ret);

enum reason_class reason_class_of(enum reason reason);

#endif
