/**
 * One account's grant under one connector, held for one owner. Plain data: texts and sealed bytes
 * are borrowed (from the store's reply, or from what is about to be written) and nothing here
 * allocates. What happens to a connection is decided in core/lifecycle.h; this file says what one
 * is and derives what follows from its facts alone: its state, whether tokens may be handed out.
 *
 *     enum connection_state state = connection_state_of(&connection, blocked, now.ms);
 */
#ifndef CORE_CONNECTION_H
#define CORE_CONNECTION_H

#include "core/types.h"

/** How far a connection has come; its state (core/types.h) is derived from this and more. */
enum phase {
    PHASE_PENDING,
    PHASE_CONNECTED,
    PHASE_DISCONNECTED,
};

/** For whom it is held; which members are set follows the connector's type. */
struct owner {
    struct str apps;       /* shared: sorted, unique, blank-separated */
    struct str superagent; /* superagent */
    struct str app, user;  /* app_user */
};

/** Why a live connection has no due time (`not_scheduled_because`). */
enum unscheduled {
    UNSCHEDULED_NOT,      /* it has one */
    UNSCHEDULED_NO_GRANT, /* pending or disconnected */
    UNSCHEDULED_GRANT_DEAD,
    UNSCHEDULED_BLOCKED,
    UNSCHEDULED_NO_REFRESH_TOKEN, /* the access token has a known end; nothing can renew it */
    UNSCHEDULED_UNKNOWN_LIFETIME, /* refreshed on report only */
    UNSCHEDULED_NEVER_EXPIRES,
    UNSCHEDULED_IN_FLIGHT,
    UNSCHEDULED_IDLE, /* on_demand, and nobody reads; it may have a due time to keep it alive */
    UNSCHEDULED_COUNT,
};
const char *unscheduled_text(enum unscheduled why);

/** What made somebody think that the grant is over; a refresh that it started decides. */
enum suspected_by {
    SUSPECTED_BY_NOBODY,
    SUSPECTED_BY_REPORT,         /* an API refused the access token */
    SUSPECTED_BY_PROBE,          /* the provider's introspection or userinfo did */
    SUSPECTED_BY_SECURITY_EVENT, /* the provider said so */
    SUSPECTED_BY_COUNT,
};

/** "after_report" …, the detail of a grant that turns out dead; STR_NONE for nobody. */
struct str suspected_by_detail(enum suspected_by by);

enum { REFRESH_HISTORY_MAX = 20 };

/** One line of the refresh history. */
struct history_entry {
    int64_t started_ms;
    int32_t took_ms;
    int16_t status;    /* HTTP; 0: none came */
    uint8_t outcome;   /* enum outcome */
    uint8_t transport; /* enum transport_end */
};

/** Where a store found a record. It is that store's own: it goes wherever the record goes, and
 * nobody else looks at it. All zero: not known. */
struct record_mark {
    uint64_t epoch;
    int64_t place, last_event;
};

struct connection {
    struct str id;
    struct str connector;
    struct owner owner;
    struct str account_id, account_label; /* STR_NONE: unknown */
    struct str account_issuer;            /* of the ID token that named it; STR_NONE: unknown */
    bool account_verified;
    enum phase phase;
    int64_t created_ms;
    int64_t requested_ms; /* when the grant was asked for */

    /* The grant. A new one has the next generation; late answers of an older one are dropped. */
    int64_t generation;
    struct str sealed_access, sealed_refresh; /* empty: none */
    struct str refresh_print;                 /* keyed hash of the refresh token: 16 bytes */
    struct str token_type;
    int64_t issued_ms;   /* when the access token was received */
    int64_t lifetime_ms; /* of access tokens, the last known; 0: unknown */
    int64_t expires_ms;  /* TIME_NONE: unknown */
    int64_t refresh_expires_ms;
    struct str scopes_asked, scopes_granted; /* scope_set texts */
    int64_t scopes_version;                  /* of the connector when asked */
    int64_t credential_version; /* under which it last succeeded; negative: under which it was
                                   granted, no refresh having succeeded yet */
    struct str config_json; /* endpoint variables of this grant, beside its connector's: given, or
                               learned from an answer and binding from then on; empty: none */
    int64_t no_rotation_count; /* successes in a row that brought no new refresh token, up to 3 */

    /* What is wrong. */
    enum reason dead_reason; /* REASON_NONE: the grant lives */
    enum reason
        advisory_reason;   /* scopes_changed, scopes_reduced, client_replaced; the grant lives */
    bool advisory_is_mild; /* severity "advisory" rather than "action" */
    struct str scopes_added, scopes_removed; /* of scopes_changed or scopes_reduced */
    int64_t trouble_ms;                      /* since when */
    struct str detail;
    int64_t provider_error_status;
    struct str provider_error_code, provider_error_message;
    struct str claims; /* what the provider asks of the person (a claims challenge); empty: none */
    int64_t alert_seq; /* the latest connection.needs_reconnect event; 0: not in needs_reconnect */

    /* The retry that is going on. */
    int64_t failures; /* transient ones in a row */
    int64_t failing_since_ms;
    int64_t uncertain_tries; /* presentations whose answer was lost since the last definite one */
    int64_t doubts;          /* refused without a verdict, in a row */
    int64_t doubts_since_ms;

    /* A verdict that is not sure yet. While dead_reason is none it is the one that would be told;
     * with dead_reason set it was told already, and is being checked again. Never without doubts
     * where it is not told: so it counts as retrying. */
    enum reason verdict_reason; /* REASON_NONE: none */
    int64_t verdict_ms;         /* when the provider gave it */
    int64_t held_ms; /* TIME_NONE: it settles; else the guard's hold that keeps it began then */

    /* When it is looked at next: the earliest of the three below (core/agenda.h). */
    int64_t due_ms;
    int64_t refresh_due_ms; /* TIME_NONE: see unscheduled */
    int64_t probe_due_ms;   /* when its grant is checked between refreshes; TIME_NONE: not */
    int64_t notice_due_ms;  /* when its refresh token's end is told ahead; TIME_NONE: not */
    int64_t notice_lead_ms; /* how far ahead that was told last; 0: not yet */
    bool refresh_extends;   /* each refresh puts the refresh token's end off */
    enum suspected_by suspected_by;
    enum unscheduled unscheduled;
    int64_t last_success_ms;
    int64_t last_attempt_ms;
    int64_t last_read_ms;
    int64_t attempts; /* tries since the last success */

    struct history_entry history[REFRESH_HISTORY_MAX]; /* oldest first */
    size_t history_count;

    /* The attempt that is open: written before the request, gone with its answer. */
    uint64_t attempt_id; /* 0: none */
    int64_t attempt_started_ms;

    int64_t version; /* of the row: compare-and-set; 0 for one that is not stored yet */
    struct record_mark mark;
};

/** The state shown, by precedence. @blocked what connector_blocked_reason() says */
enum connection_state connection_state_of(const struct connection *connection, enum reason blocked);
/** The reason shown with that state; REASON_NONE where there is nothing to say. */
enum reason connection_reason_of(const struct connection *connection, enum reason blocked);
/** Until when its access token may be used, whoever holds it; TIME_NONE: not at all, or its end is
 * not known. Needs no tokens in the record. */
int64_t connection_usable_until(const struct connection *connection, int64_t now_ms);
/** May its access token be handed out at this time? */
bool connection_serves_token(const struct connection *connection, int64_t now_ms);
/** The credential whose client its refresh token belongs to; 0: not known. */
int64_t connection_client_version(const struct connection *connection);
/** Has a refresh failed that is tried again? */
bool connection_is_retrying(const struct connection *connection);
/** Does the grant live, as far as is known? */
bool connection_grant_alive(const struct connection *connection);

void connection_history_push(struct connection *connection, struct history_entry entry);

/** One key per owner for look-ups, "app:crm", "superagent:sa-1", "app:crm/user:u-77". A shared
 * connection has one for each app. Writes to text, at most OWNER_KEY_MAX with its NUL. */
enum { OWNER_KEY_MAX = 280 };
struct str owner_key_app(struct str app, char text[OWNER_KEY_MAX]);
struct str owner_key_superagent(struct str superagent, char text[OWNER_KEY_MAX]);
struct str owner_key_app_user(struct str app, struct str user, char text[OWNER_KEY_MAX]);

#endif
