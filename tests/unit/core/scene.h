/**
 * One connection in a named condition, an hour-long token, and the usual rules: rows say only what
 * differs. The present is SCENE_NOW; the token came 50 minutes before and ends 10 minutes later.
 *
 *     struct connection before = scene_connection(COND_ACTIVE);
 *     struct refresh_answer answer = scene_answer(ANSWER_REFRESHED);
 */
#ifndef TESTS_UNIT_CORE_SCENE_H
#define TESTS_UNIT_CORE_SCENE_H

#include "core/lifecycle.h"

#include "unit/common/rows.h"

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    HOUR = 60 * MINUTE,
    DAY = 24 * HOUR,
};
#define SCENE_NOW INT64_C(1800000000000)
#define SCENE_ISSUED (SCENE_NOW - 50 * MINUTE)
#define SCENE_EXPIRES (SCENE_NOW + 10 * MINUTE)

static const struct schedule_rules scene_rules = {
    .margin_ms = 300 * SECOND,
    .jitter_permille = 100,
    .backoff_min_ms = SECOND,
    .backoff_max_ms = 5 * MINUTE,
    .exhausted_after_ms = 4 * (int64_t)DAY,
};

static inline struct now scene_now(int64_t after_ms)
{
    return (struct now){.ms = SCENE_NOW + after_ms, .wall_ms = SCENE_NOW + after_ms};
}

static inline struct connector scene_connector(void)
{
    return (struct connector){.id = STR("gcal"),
                              .name = STR("Calendar"),
                              .scopes = STR("calendar openid"),
                              .scopes_version = 2,
                              .credential_version = 3};
}

/* Conditions a connection may be in when something happens to it. */
enum condition {
    COND_PENDING,
    COND_ACTIVE,
    COND_RETRYING,
    COND_UNCERTAIN, /* one presentation got lost */
    COND_DOUBTED,   /* refused twice, since eleven minutes */
    COND_REDUCED,   /* scopes_reduced: lost "openid" */
    COND_RESCOPED,  /* scopes_changed: "mail" is wanted too */
    COND_REPLACED,  /* client_replaced */
    COND_REAUTH,    /* dead, tried daily */
    COND_EXHAUSTED, /* dead, tried daily */
    COND_DEAD,      /* grant_rejected */
    COND_DISCONNECTED,
};

static inline void scene_kill(struct connection *connection, enum reason reason)
{
    connection->dead_reason = reason;
    connection->trouble_ms = SCENE_NOW - DAY;
    connection->alert_seq = 17;
    connection->due_ms = connection->refresh_due_ms = TIME_NONE;
    connection->unscheduled = UNSCHEDULED_GRANT_DEAD;
    if (reason == REASON_REAUTHORIZATION_REQUIRED || reason == REASON_REFRESH_EXHAUSTED) {
        connection->due_ms = connection->refresh_due_ms = SCENE_NOW;
        connection->unscheduled = UNSCHEDULED_NOT;
    }
}

static inline void scene_advise(struct connection *connection, enum reason reason, struct str added,
                                struct str removed)
{
    connection->advisory_reason = reason;
    connection->advisory_is_mild = added.len == 0;
    connection->scopes_added = added;
    connection->scopes_removed = removed;
    connection->trouble_ms = SCENE_NOW - DAY;
    connection->alert_seq = 17;
}

static inline void scene_fail(struct connection *connection)
{
    connection->failures = 2;
    connection->failing_since_ms = SCENE_NOW - 11 * MINUTE;
}

static inline void scene_unconnect(struct connection *connection, enum phase phase)
{
    connection->phase = phase;
    connection->sealed_access = connection->sealed_refresh = STR_NONE;
    connection->refresh_print = STR_NONE;
    connection->due_ms = connection->refresh_due_ms = connection->expires_ms = TIME_NONE;
    connection->unscheduled = UNSCHEDULED_NO_GRANT;
}

static inline struct connection scene_connection(enum condition condition)
{
    struct connection connection = {
        .id = STR("c-81f2"),
        .connector = STR("gcal"),
        .owner = {.app = STR("crm"), .user = STR("u-77")},
        .account_id = STR("1093"),
        .account_label = STR("ana@example.com"),
        .phase = PHASE_CONNECTED,
        .generation = 3,
        .sealed_access = STR("sealed access"),
        .sealed_refresh = STR("sealed refresh"),
        .refresh_print = STR("print of refresh"),
        .token_type = STR("Bearer"),
        .issued_ms = SCENE_ISSUED,
        .lifetime_ms = HOUR,
        .expires_ms = SCENE_EXPIRES,
        .scopes_asked = STR("calendar openid"),
        .scopes_granted = STR("calendar openid"),
        .scopes_version = 1,
        .credential_version = 3,
        .due_ms = SCENE_NOW,
        .refresh_due_ms = SCENE_NOW,
        .last_success_ms = SCENE_ISSUED,
        .version = 9,
    };
    switch (condition) {
    case COND_ACTIVE:
        break;
    case COND_PENDING:
        scene_unconnect(&connection, PHASE_PENDING);
        connection.generation = 0;
        break;
    case COND_RETRYING:
        scene_fail(&connection);
        break;
    case COND_UNCERTAIN:
        connection.uncertain_tries = 1;
        connection.failing_since_ms = SCENE_NOW - SECOND;
        break;
    case COND_DOUBTED:
        scene_fail(&connection);
        connection.doubts = 2;
        connection.doubts_since_ms = SCENE_NOW - 11 * MINUTE;
        break;
    case COND_REDUCED:
        scene_advise(&connection, REASON_SCOPES_REDUCED, STR_NONE, STR("openid"));
        connection.scopes_granted = STR("calendar");
        break;
    case COND_RESCOPED:
        scene_advise(&connection, REASON_SCOPES_CHANGED, STR("mail"), STR_NONE);
        break;
    case COND_REPLACED:
        scene_advise(&connection, REASON_CLIENT_REPLACED, STR_NONE, STR_NONE);
        break;
    case COND_REAUTH:
        scene_kill(&connection, REASON_REAUTHORIZATION_REQUIRED);
        break;
    case COND_EXHAUSTED:
        scene_kill(&connection, REASON_REFRESH_EXHAUSTED);
        break;
    case COND_DEAD:
        scene_kill(&connection, REASON_GRANT_REJECTED);
        break;
    case COND_DISCONNECTED:
        scene_unconnect(&connection, PHASE_DISCONNECTED);
        break;
    }
    return connection;
}

/* Answers as the classifier hands them over. */
enum answer_kind {
    ANSWER_REFRESHED,
    ANSWER_ROTATED,
    ANSWER_REJECTED, /* invalid_grant, nothing more */
    ANSWER_REVOKED,  /* a code that says revoked */
    ANSWER_EXPIRED,  /* a code that says expired */
    ANSWER_ACCOUNT,  /* a code that says the account is gone */
    ANSWER_REAUTH,
    ANSWER_BAD_CLIENT, /* invalid_client */
    ANSWER_ODD_CLIENT, /* unauthorized_client */
    ANSWER_SCOPE,
    ANSWER_LIMITED, /* 429 */
    ANSWER_500,
    ANSWER_503_LATER, /* 503, Retry-After: 30 */
    ANSWER_408,
    ANSWER_REFUSED,
    ANSWER_MALFORMED,
    ANSWER_LOST,
    ANSWER_UNSENT,
};

static inline struct refresh_answer scene_answer(enum answer_kind kind)
{
    static const struct {
        enum outcome outcome;
        enum reason dead_reason;
        int64_t status;
    } kinds[] = {
        [ANSWER_REFRESHED] = {OUTCOME_REFRESHED, REASON_NONE, 200},
        [ANSWER_ROTATED] = {OUTCOME_REFRESHED, REASON_NONE, 200},
        [ANSWER_REJECTED] = {OUTCOME_GRANT_DEAD, REASON_GRANT_REJECTED, 400},
        [ANSWER_REVOKED] = {OUTCOME_GRANT_DEAD, REASON_ACCESS_REVOKED, 400},
        [ANSWER_EXPIRED] = {OUTCOME_GRANT_DEAD, REASON_REFRESH_TOKEN_EXPIRED, 400},
        [ANSWER_ACCOUNT] = {OUTCOME_GRANT_DEAD, REASON_ACCOUNT_DISCONNECTED, 400},
        [ANSWER_REAUTH] = {OUTCOME_REAUTH_REQUIRED, REASON_NONE, 400},
        [ANSWER_BAD_CLIENT] = {OUTCOME_CLIENT_REJECTED, REASON_NONE, 401},
        [ANSWER_ODD_CLIENT] = {OUTCOME_CLIENT_REJECTED, REASON_NONE, 400},
        [ANSWER_SCOPE] = {OUTCOME_SCOPE_PROBLEM, REASON_NONE, 400},
        [ANSWER_LIMITED] = {OUTCOME_RATE_LIMITED, REASON_NONE, 429},
        [ANSWER_500] = {OUTCOME_TRANSIENT, REASON_NONE, 500},
        [ANSWER_503_LATER] = {OUTCOME_TRANSIENT, REASON_NONE, 503},
        [ANSWER_408] = {OUTCOME_TRANSIENT, REASON_NONE, 408},
        [ANSWER_REFUSED] = {OUTCOME_REFUSED, REASON_NONE, 400},
        [ANSWER_MALFORMED] = {OUTCOME_MALFORMED, REASON_NONE, 200},
        [ANSWER_LOST] = {OUTCOME_TRANSIENT, REASON_NONE, 0},
        [ANSWER_UNSENT] = {OUTCOME_TRANSIENT, REASON_NONE, 0},
    };
    struct refresh_answer answer = {
        .end = kind == ANSWER_LOST     ? TRANSPORT_LOST
               : kind == ANSWER_UNSENT ? TRANSPORT_NOT_SENT
                                       : TRANSPORT_ANSWERED,
        .outcome = kinds[kind].outcome,
        .dead_reason = kinds[kind].dead_reason,
        .bare_invalid_client = kind == ANSWER_BAD_CLIENT,
        .status = kinds[kind].status,
        .retry_after_ms = kind == ANSWER_503_LATER ? 30 * SECOND : -1,
        .provider_code = STR("code"),
        .provider_message = STR("message"),
        .started_ms = SCENE_NOW - SECOND,
        .took_ms = SECOND,
        .credential_version = 3,
        .replay = {.rotates = true},
    };
    if (answer.outcome == OUTCOME_REFRESHED) {
        answer.sealed_access = STR("new access");
        answer.lifetime_ms = HOUR;
    }
    if (kind == ANSWER_ROTATED) {
        answer.sealed_refresh = STR("new refresh");
        answer.refresh_print = STR("print of new");
    }
    return answer;
}

static inline const char *scene_fact_text(enum fact_kind kind)
{
    static const char *const texts[] = {
        [FACT_NEEDS_RECONNECT] = "needs_reconnect",
        [FACT_RECOVERED] = "recovered",
        [FACT_CONNECTED] = "connected",
        [FACT_RECONNECTED] = "reconnected",
        [FACT_SWITCHED] = "switched",
        [FACT_DISCONNECTED] = "disconnected",
        [FACT_REFRESHED] = "refreshed",
        [FACT_EXPIRING] = "expiring",
    };
    return texts[kind];
}

/** The facts in order, blank-separated, as rows write them; "" for none. */
static inline void assert_facts(const struct decision *decision, const char *expected)
{
    char text[128] = "";
    for (size_t i = 0; i < decision->fact_count; i++) {
        if (i > 0)
            strcat(text, " ");
        strcat(text, scene_fact_text(decision->facts[i]));
    }
    assert_string_equal(text, expected);
}

static inline void assert_between(int64_t value, int64_t low, int64_t high)
{
    if (value < low || value > high)
        fail_msg("%lld is not within %lld and %lld", (long long)value, (long long)low,
                 (long long)high);
}

#endif
