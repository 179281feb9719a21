#include "core/connection.h"

#include "common/assert.h"

#include <stdio.h>
#include <string.h>

static const char *const unscheduled_texts[UNSCHEDULED_COUNT] = {
    [UNSCHEDULED_NOT] = "scheduled",
    [UNSCHEDULED_NO_GRANT] = "no_grant",
    [UNSCHEDULED_GRANT_DEAD] = "grant_dead",
    [UNSCHEDULED_BLOCKED] = "blocked",
    [UNSCHEDULED_NO_REFRESH_TOKEN] = "no_refresh_token",
    [UNSCHEDULED_UNKNOWN_LIFETIME] = "unknown_lifetime",
    [UNSCHEDULED_NEVER_EXPIRES] = "never_expires",
    [UNSCHEDULED_IN_FLIGHT] = "in_flight",
    [UNSCHEDULED_IDLE] = "idle",
};

const char *unscheduled_text(enum unscheduled why)
{
    ASSERT((unsigned)why < UNSCHEDULED_COUNT);
    return unscheduled_texts[why];
}

static const char *const suspected_by_details[SUSPECTED_BY_COUNT] = {
    [SUSPECTED_BY_REPORT] = "after_report",
    [SUSPECTED_BY_PROBE] = "after_probe",
    [SUSPECTED_BY_SECURITY_EVENT] = "after_security_event",
};

struct str suspected_by_detail(enum suspected_by by)
{
    ASSERT((unsigned)by < SUSPECTED_BY_COUNT);
    return by == SUSPECTED_BY_NOBODY ? STR_NONE : str_c(suspected_by_details[by]);
}

bool connection_is_retrying(const struct connection *connection)
{
    return connection->failures > 0 || connection->uncertain_tries > 0 || connection->doubts > 0;
}

enum connection_state connection_state_of(const struct connection *connection, enum reason blocked)
{
    if (connection->phase == PHASE_DISCONNECTED)
        return STATE_DISCONNECTED;
    if (connection->phase == PHASE_PENDING)
        return STATE_PENDING;
    if (connection->dead_reason != REASON_NONE)
        return STATE_NEEDS_RECONNECT;
    if (blocked != REASON_NONE)
        return STATE_BLOCKED;
    if (connection->advisory_reason != REASON_NONE)
        return STATE_NEEDS_RECONNECT;
    return connection_is_retrying(connection) ? STATE_RETRYING : STATE_ACTIVE;
}

enum reason connection_reason_of(const struct connection *connection, enum reason blocked)
{
    if (connection->phase == PHASE_DISCONNECTED)
        return REASON_ACCOUNT_DISCONNECTED;
    if (connection->phase == PHASE_PENDING)
        return REASON_NONE;
    if (connection->dead_reason != REASON_NONE)
        return connection->dead_reason;
    return blocked != REASON_NONE ? blocked : connection->advisory_reason;
}

int64_t connection_client_version(const struct connection *connection)
{
    int64_t version = connection->credential_version;
    return version < 0 ? -version : version;
}

bool connection_grant_alive(const struct connection *connection)
{
    return connection->phase == PHASE_CONNECTED && connection->dead_reason == REASON_NONE;
}

/* The provider has withdrawn the access itself, or the refresh that failed was made because the
 * access token no longer worked: it is not worth handing out, however long it was meant to last. */
static bool access_token_is_dead(const struct connection *connection)
{
    if (connection->dead_reason == REASON_NONE)
        return false;
    if (connection->suspected_by != SUSPECTED_BY_NOBODY)
        return true;
    for (unsigned by = SUSPECTED_BY_NOBODY + 1; by < SUSPECTED_BY_COUNT; by++) {
        if (str_eq(connection->detail, suspected_by_detail((enum suspected_by)by)))
            return true;
    }
    return connection->dead_reason == REASON_ACCESS_REVOKED ||
           connection->dead_reason == REASON_ACCOUNT_DISCONNECTED;
}

int64_t connection_usable_until(const struct connection *connection, int64_t now_ms)
{
    if (connection->phase != PHASE_CONNECTED || access_token_is_dead(connection) ||
        now_ms >= connection->expires_ms)
        return TIME_NONE;
    return connection->expires_ms;
}

bool connection_serves_token(const struct connection *connection, int64_t now_ms)
{
    if (connection->phase != PHASE_CONNECTED || str_is_empty(connection->sealed_access))
        return false;
    if (access_token_is_dead(connection))
        return false;
    return connection->expires_ms == TIME_NONE || now_ms < connection->expires_ms;
}

void connection_history_push(struct connection *connection, struct history_entry entry)
{
    if (connection->history_count == REFRESH_HISTORY_MAX) {
        memmove(connection->history, connection->history + 1,
                sizeof(connection->history) - sizeof(connection->history[0]));
        connection->history_count--;
    }
    connection->history[connection->history_count++] = entry;
}

static struct str key_text(const char text[OWNER_KEY_MAX], int len)
{
    ASSERT(len > 0 && len < OWNER_KEY_MAX); /* ids are at most 128 bytes: common/rpc_methods.h */
    return (struct str){.data = text, .len = (size_t)len};
}

struct str owner_key_app(struct str app, char text[OWNER_KEY_MAX])
{
    return key_text(text, snprintf(text, OWNER_KEY_MAX, "app:" STR_FMT, STR_ARG(app)));
}

struct str owner_key_superagent(struct str superagent, char text[OWNER_KEY_MAX])
{
    return key_text(text,
                    snprintf(text, OWNER_KEY_MAX, "superagent:" STR_FMT, STR_ARG(superagent)));
}

struct str owner_key_app_user(struct str app, struct str user, char text[OWNER_KEY_MAX])
{
    return key_text(text, snprintf(text, OWNER_KEY_MAX, "app:" STR_FMT "/user:" STR_FMT,
                                   STR_ARG(app), STR_ARG(user)));
}
