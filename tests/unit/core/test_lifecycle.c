/* Due, new tokens, scopes, new grants, disconnecting, rescoping (docs/behaviour.md "States and
 * reasons", "Refreshing", "Rescope", "Connecting"). */
#include "core/lifecycle.h"

#include "scene.h"

/* ---- due ---- */

enum hindrance { OPEN, DISABLED, REJECTED };

struct due_row {
    const char *name;
    enum condition condition;
    int64_t after_ms; /* now, relative to SCENE_NOW, when it is due */
    bool has_refresh;
    int64_t refresh_end_ms; /* relative to SCENE_NOW; 0: unknown */
    enum hindrance hindrance;
    enum due_asker asker;
    enum due_verdict verdict;
    enum reason reason;
};

static const struct due_row due_rows[] = {
    {"its time has come", COND_ACTIVE, 0, true, 0, OPEN, DUE_ON_TIME, DUE_SEND, REASON_NONE},
    {"not yet", COND_ACTIVE, -1, true, 0, OPEN, DUE_ON_TIME, DUE_NOTHING, REASON_NONE},
    {"not yet, but asked for", COND_ACTIVE, -1, true, 0, OPEN, DUE_ASKED, DUE_SEND, REASON_NONE},
    {"a retrying one", COND_RETRYING, 0, true, 0, OPEN, DUE_ON_TIME, DUE_SEND, REASON_NONE},
    {"a rescoped one is refreshed meanwhile", COND_RESCOPED, 0, true, 0, OPEN, DUE_ON_TIME,
     DUE_SEND, REASON_NONE},
    {"one of a replaced client is refreshed meanwhile", COND_REPLACED, 0, true, 0, OPEN,
     DUE_ON_TIME, DUE_SEND, REASON_NONE},
    {"a pending one has nothing to refresh", COND_PENDING, 0, false, 0, OPEN, DUE_ASKED,
     DUE_NOTHING, REASON_NONE},
    {"a disconnected one never", COND_DISCONNECTED, 0, false, 0, OPEN, DUE_ASKED, DUE_NOTHING,
     REASON_NONE},
    {"a dead one is never tried again", COND_DEAD, DAY, true, 0, OPEN, DUE_ON_TIME, DUE_NOTHING,
     REASON_GRANT_REJECTED},
    {"nor when asked for", COND_DEAD, 0, true, 0, OPEN, DUE_ASKED, DUE_NOTHING,
     REASON_GRANT_REJECTED},
    {"but for an operator's force", COND_DEAD, 0, true, 0, OPEN, DUE_INSISTED, DUE_SEND,
     REASON_GRANT_REJECTED},
    {"reauthorization_required is tried daily", COND_REAUTH, 0, true, 0, OPEN, DUE_ON_TIME,
     DUE_SEND, REASON_REAUTHORIZATION_REQUIRED},
    {"and not before the day is over", COND_REAUTH, -1, true, 0, OPEN, DUE_ON_TIME, DUE_NOTHING,
     REASON_REAUTHORIZATION_REQUIRED},
    {"refresh_exhausted is tried daily", COND_EXHAUSTED, 0, true, 0, OPEN, DUE_ON_TIME, DUE_SEND,
     REASON_REFRESH_EXHAUSTED},
    {"an admin's disable stops it", COND_ACTIVE, 0, true, 0, DISABLED, DUE_ON_TIME, DUE_NOTHING,
     REASON_NONE},
    {"whoever asks", COND_ACTIVE, 0, true, 0, DISABLED, DUE_ASKED, DUE_NOTHING, REASON_NONE},
    {"a probe passes where credentials are refused", COND_ACTIVE, 0, true, 0, REJECTED, DUE_ASKED,
     DUE_SEND, REASON_NONE},
    {"no refresh token, and the access token lasts", COND_ACTIVE, 9 * MINUTE, false, 0, OPEN,
     DUE_ASKED, DUE_NOTHING, REASON_NONE},
    {"no refresh token, and the access token expires", COND_ACTIVE, 10 * MINUTE, false, 0, OPEN,
     DUE_ON_TIME, DUE_CHANGED, REASON_REFRESH_TOKEN_MISSING},
    {"the refresh token's known end has passed", COND_ACTIVE, 0, true, -1, OPEN, DUE_ON_TIME,
     DUE_CHANGED, REASON_REFRESH_TOKEN_EXPIRED},
    {"it is not sent when asked for either", COND_ACTIVE, -1, true, -1, OPEN, DUE_ASKED,
     DUE_CHANGED, REASON_REFRESH_TOKEN_EXPIRED},
    {"the refresh token's end is a second away", COND_ACTIVE, 0, true, SECOND, OPEN, DUE_ON_TIME,
     DUE_SEND, REASON_NONE},
    {"an expiry of the access token with a live refresh token is never one", COND_ACTIVE, DAY, true,
     0, OPEN, DUE_ON_TIME, DUE_SEND, REASON_NONE},
};

static void check_due(void **state)
{
    const struct due_row *row = *state;
    struct connection before = scene_connection(row->condition);
    if (!row->has_refresh)
        before.sealed_refresh = STR_NONE;
    if (row->refresh_end_ms != 0)
        before.refresh_expires_ms = SCENE_NOW + row->refresh_end_ms;
    before.provider_error_code = STR("server_error");
    struct connector connector = scene_connector();
    connector.disabled = row->hindrance == DISABLED;
    connector.rejected_ms = row->hindrance == REJECTED ? SCENE_NOW - HOUR : TIME_NONE;
    struct decision decision;
    enum due_verdict verdict = lifecycle_due(&before, &connector, row->asker, &scene_rules,
                                             scene_now(row->after_ms), &decision);
    assert_int_equal(verdict, row->verdict);
    const struct connection *after = verdict == DUE_CHANGED ? &decision.next : &before;
    assert_string_equal(reason_text(after->dead_reason), reason_text(row->reason));
    if (verdict == DUE_CHANGED) { /* a date said it, not the provider */
        assert_facts(&decision, "needs_reconnect");
        assert_false(str_is_set(decision.next.provider_error_code));
        assert_int_equal(decision.next.due_ms, TIME_NONE);
        assert_int_equal(decision.next.unscheduled, UNSCHEDULED_GRANT_DEAD);
    }
}

/* ---- what a success brings ---- */

struct token_row {
    const char *name;
    enum answer_kind kind;
    int64_t lifetime_ms, refresh_lifetime_ms; /* of the answer; 0: not said */
    int64_t old_refresh_end_ms;               /* relative to now; 0: unknown */
    const char *refresh_token;
    int64_t expires_ms, refresh_end_ms; /* relative to now; 0: unknown */
};

static const struct token_row token_rows[] = {
    {"no refresh token in the answer: the old one stays", ANSWER_REFRESHED, HOUR, 0, 0,
     "sealed refresh", HOUR, 0},
    {"a new one replaces it", ANSWER_ROTATED, HOUR, 0, 0, "new refresh", HOUR, 0},
    {"no lifetime said: the last known one", ANSWER_REFRESHED, 0, 0, 0, "sealed refresh", HOUR, 0},
    {"a shorter lifetime counts from receipt", ANSWER_REFRESHED, MINUTE, 0, 0, "sealed refresh",
     MINUTE, 0},
    {"the old refresh token keeps its known end", ANSWER_REFRESHED, HOUR, 0, DAY, "sealed refresh",
     HOUR, DAY},
    {"its end may be put off", ANSWER_REFRESHED, HOUR, 9 * (int64_t)DAY, DAY, "sealed refresh",
     HOUR, 9 * (int64_t)DAY},
    {"a new one has an end of its own", ANSWER_ROTATED, HOUR, 9 * (int64_t)DAY, DAY, "new refresh",
     HOUR, 9 * (int64_t)DAY},
    {"the old one's end is not the new one's", ANSWER_ROTATED, HOUR, 0, DAY, "new refresh", HOUR,
     0},
};

static void check_tokens(void **state)
{
    const struct token_row *row = *state;
    struct connection before = scene_connection(COND_RETRYING);
    before.attempts = 4;
    before.provider_error_code = STR("server_error");
    if (row->old_refresh_end_ms != 0)
        before.refresh_expires_ms = SCENE_NOW + row->old_refresh_end_ms;
    struct refresh_answer answer = scene_answer(row->kind);
    answer.lifetime_ms = row->lifetime_ms;
    answer.refresh_lifetime_ms = row->refresh_lifetime_ms;
    struct decision decision;
    lifecycle_answered(&before, &answer, &scene_rules, scene_now(0), 0, &decision);
    const struct connection *next = &decision.next;
    assert_str_is(next->sealed_access, STR("new access"));
    assert_str_is(next->sealed_refresh, str_c(row->refresh_token));
    assert_int_equal(next->issued_ms, SCENE_NOW);
    assert_int_equal(next->expires_ms, SCENE_NOW + row->expires_ms);
    assert_int_equal(next->refresh_expires_ms,
                     row->refresh_end_ms == 0 ? TIME_NONE : SCENE_NOW + row->refresh_end_ms);
    assert_int_equal(next->no_rotation_count, row->kind == ANSWER_REFRESHED);
    assert_int_equal(next->attempts, 0);
    assert_false(str_is_set(next->provider_error_code));
    assert_str_is(next->token_type, STR("Bearer"));
}

struct next_due_row {
    const char *name;
    int64_t lifetime_ms, refresh_lifetime_ms;
    bool has_refresh;
    int64_t low_ms, high_ms; /* both 0: no due time */
    enum unscheduled unscheduled;
};

static const struct next_due_row next_due_rows[] = {
    {"four fifths of an hour, and jitter", HOUR, 0, true, 48 * MINUTE, 51 * MINUTE,
     UNSCHEDULED_NOT},
    {"a short one not before half of it", 10 * SECOND, 0, true, 5 * SECOND, 6250, UNSCHEDULED_NOT},
    {"a refresh token that ends first is used before", 30 * (int64_t)DAY, DAY, true, DAY / 2,
     DAY - 1, UNSCHEDULED_NOT},
    {"no lifetime known: on report only", 0, 0, true, 0, 0, UNSCHEDULED_UNKNOWN_LIFETIME},
    {"no refresh token: looked at when the access token ends", HOUR, 0, false, HOUR, HOUR,
     UNSCHEDULED_NO_REFRESH_TOKEN},
    {"no refresh token and no end: nothing to do", 0, 0, false, 0, 0, UNSCHEDULED_NEVER_EXPIRES},
};

static struct new_grant scene_grant(void)
{
    return (struct new_grant){
        .sealed_access = STR("granted access"),
        .sealed_refresh = STR("granted refresh"),
        .refresh_print = STR("granted print"),
        .token_type = STR("bearer"),
        .lifetime_ms = HOUR,
        .scopes_asked = STR("calendar openid"),
        .scopes_granted = STR("calendar"),
        .account_id = STR("1093"),
        .requested_ms = SCENE_NOW - MINUTE,
    };
}

static void check_next_due(void **state)
{
    const struct next_due_row *row = *state;
    struct connection before = scene_connection(COND_PENDING);
    struct connector connector = scene_connector();
    struct new_grant grant = scene_grant();
    grant.lifetime_ms = row->lifetime_ms;
    grant.refresh_lifetime_ms = row->refresh_lifetime_ms;
    if (!row->has_refresh)
        grant.sealed_refresh = STR_NONE;
    struct decision decision;
    lifecycle_granted(&before, &connector, &grant, &scene_rules, scene_now(0), &decision);
    if (row->high_ms == 0)
        assert_int_equal(decision.next.due_ms, TIME_NONE);
    else
        assert_between(decision.next.due_ms - SCENE_NOW, row->low_ms, row->high_ms);
    assert_int_equal(decision.next.unscheduled, row->unscheduled);
}

/* ---- scopes that a success brings or does not ---- */

struct scope_row {
    const char *name;
    enum condition condition;
    bool said;
    const char *scope, *lost;
    enum reason advisory;
    const char *removed; /* what the record says is lost; NULL: nothing */
    const char *facts;
};

static const struct scope_row scope_rows[] = {
    {"nothing said: nothing changed", COND_ACTIVE, false, "calendar openid", "", REASON_NONE, NULL,
     "refreshed"},
    {"the same as before", COND_ACTIVE, true, "calendar openid", "", REASON_NONE, NULL,
     "refreshed"},
    {"fewer than before is scopes_reduced", COND_ACTIVE, true, "calendar", "openid",
     REASON_SCOPES_REDUCED, "openid", "needs_reconnect refreshed"},
    {"said once per loss", COND_REDUCED, true, "calendar", "openid", REASON_SCOPES_REDUCED,
     "openid", "refreshed"},
    {"nothing said keeps it, untold", COND_REDUCED, false, "calendar", "", REASON_SCOPES_REDUCED,
     "openid", "refreshed"},
    {"another loss is said", COND_REDUCED, true, "", "calendar openid", REASON_SCOPES_REDUCED,
     "calendar openid", "needs_reconnect refreshed"},
    {"one comes back, another goes: said", COND_REDUCED, true, "openid", "calendar",
     REASON_SCOPES_REDUCED, "calendar", "needs_reconnect refreshed"},
    {"over when an answer restores them", COND_REDUCED, true, "calendar openid", "", REASON_NONE,
     NULL, "recovered refreshed"},
    {"what was asked of the person includes what got lost", COND_RESCOPED, true, "calendar",
     "openid", REASON_SCOPES_CHANGED, NULL, "refreshed"},
};

static void check_scopes(void **state)
{
    const struct scope_row *row = *state;
    struct connection before = scene_connection(row->condition);
    struct refresh_answer answer = scene_answer(ANSWER_REFRESHED);
    answer.scope_said = row->said;
    answer.scope = str_c(row->scope);
    answer.scope_lost = str_c(row->lost);
    struct decision decision;
    lifecycle_answered(&before, &answer, &scene_rules, scene_now(0), 0, &decision);
    assert_string_equal(reason_text(decision.next.advisory_reason), reason_text(row->advisory));
    assert_str_is(decision.next.scopes_removed, str_c(row->removed));
    assert_facts(&decision, row->facts);
    assert_true(connection_grant_alive(&decision.next));
    if (row->advisory == REASON_SCOPES_REDUCED)
        assert_true(decision.next.advisory_is_mild);
    if (row->said)
        assert_str_is(decision.next.scopes_granted, str_c(row->scope));
}

/* Some came back: the record follows, nobody is asked. */
static void test_partly_restored(void **state)
{
    (void)state;
    struct connection before = scene_connection(COND_REDUCED);
    before.scopes_removed = STR("mail openid");
    struct refresh_answer answer = scene_answer(ANSWER_REFRESHED);
    answer.scope_said = true;
    answer.scope = STR("calendar openid");
    answer.scope_lost = STR("mail");
    struct decision decision;
    lifecycle_answered(&before, &answer, &scene_rules, scene_now(0), 0, &decision);
    assert_str_is(decision.next.scopes_removed, STR("mail"));
    assert_facts(&decision, "refreshed");
}

/* ---- new grants ---- */

struct grant_row {
    const char *name;
    enum condition condition;
    bool is_switch;
    const char *account, *label; /* of the grant; NULL: not known */
    const char *added;           /* asked for by a rescope since; NULL: nothing */
    const char *facts;
    const char *account_after, *label_after;
};

static const struct grant_row grant_rows[] = {
    {"the first grant connects", COND_PENDING, false, "1093", NULL, NULL, "connected", "1093",
     "ana@example.com"},
    {"one after disconnect connects", COND_DISCONNECTED, false, "1093", NULL, NULL, "connected",
     "1093", "ana@example.com"},
    {"one for a live connection reconnects", COND_ACTIVE, false, "1093", NULL, NULL, "reconnected",
     "1093", "ana@example.com"},
    {"one for a dead connection reconnects it, no recovery", COND_DEAD, false, "1093", NULL, NULL,
     "reconnected", "1093", "ana@example.com"},
    {"one for a rescoped connection ends the request", COND_RESCOPED, false, "1093", NULL, NULL,
     "reconnected", "1093", "ana@example.com"},
    {"another account takes its place", COND_ACTIVE, true, "2000", "bo@example.com", NULL,
     "switched", "2000", "bo@example.com"},
    {"its label does not stay behind", COND_ACTIVE, true, "2000", NULL, NULL, "switched", "2000",
     NULL},
    {"nor does its id", COND_ACTIVE, true, NULL, NULL, NULL, "switched", NULL, NULL},
    {"an unknown account keeps the known one", COND_ACTIVE, false, NULL, NULL, NULL, "reconnected",
     "1093", "ana@example.com"},
    {"a flow older than a rescope still lacks its scopes", COND_DEAD, false, "1093", NULL, "mail",
     "reconnected needs_reconnect", "1093", "ana@example.com"},
    {"and says so anew for the new grant", COND_RESCOPED, false, "1093", NULL, "mail",
     "reconnected needs_reconnect", "1093", "ana@example.com"},
};

static void check_grant(void **state)
{
    const struct grant_row *row = *state;
    struct connection before = scene_connection(row->condition);
    before.failures = before.uncertain_tries = before.doubts = 2;
    before.no_rotation_count = 3;
    before.refresh_expires_ms = SCENE_NOW - 1;
    struct connector connector = scene_connector();
    struct new_grant grant = scene_grant();
    grant.is_switch = row->is_switch;
    grant.account_id = str_c(row->account);
    grant.account_label = str_c(row->label);
    grant.scopes_added = str_c(row->added);
    struct decision decision;
    lifecycle_granted(&before, &connector, &grant, &scene_rules, scene_now(0), &decision);
    const struct connection *next = &decision.next;
    assert_facts(&decision, row->facts);
    assert_int_equal(connection_state_of(next, REASON_NONE),
                     row->added != NULL ? STATE_NEEDS_RECONNECT : STATE_ACTIVE);
    assert_int_equal(next->generation, before.generation + 1);
    assert_str_is(next->account_id, str_c(row->account_after));
    assert_str_is(next->account_label, str_c(row->label_after));
    assert_str_is(next->sealed_refresh, STR("granted refresh"));
    assert_str_is(next->scopes_granted, STR("calendar"));
    assert_int_equal(next->scopes_version, connector.scopes_version);
    assert_int_equal(next->credential_version, -connector.credential_version);
    assert_int_equal(connection_client_version(next), connector.credential_version);
    assert_int_equal(next->refresh_expires_ms, TIME_NONE);
    assert_int_equal(next->no_rotation_count, 0);
    assert_int_equal(next->uncertain_tries, 0);
    assert_int_equal(next->requested_ms, SCENE_NOW - MINUTE);
    if (row->added == NULL)
        assert_int_equal(next->alert_seq, 0);
}

/* Whose grant it was is not known, or now is; and whether that can be relied on. */
static void test_what_is_known_of_an_account(void **state)
{
    (void)state;
    static const struct {
        enum condition condition;
        const char *id, *issuer; /* stored */
        bool verified;
        const char *new_id, *new_issuer;
        const char *id_after, *issuer_after;
        bool verified_after;
    } rows[] = {
        {COND_ACTIVE, NULL, NULL, false, "7", "https://as", "7", "https://as", false},
        {COND_ACTIVE, NULL, NULL, false, NULL, NULL, NULL, NULL, false},
        {COND_ACTIVE, "7", NULL, true, "7", "https://as", "7", "https://as", true},
        {COND_ACTIVE, "7", "https://as", false, "7", NULL, "7", "https://as", false},
        {COND_DISCONNECTED, "7", "https://as", true, NULL, NULL, NULL, NULL, false},
        {COND_DISCONNECTED, "7", "https://as", true, "8", NULL, "8", NULL, true},
        {COND_PENDING, NULL, NULL, false, "7", "https://as", "7", "https://as", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct connection before = scene_connection(rows[i].condition);
        before.account_id = str_c(rows[i].id);
        before.account_issuer = str_c(rows[i].issuer);
        before.account_verified = rows[i].verified;
        struct connector connector = scene_connector();
        struct new_grant grant = scene_grant();
        grant.account_id = str_c(rows[i].new_id);
        grant.account_issuer = str_c(rows[i].new_issuer);
        grant.account_verified = rows[i].new_id != NULL;
        struct decision decision;
        lifecycle_granted(&before, &connector, &grant, &scene_rules, scene_now(0), &decision);
        assert_str_is(decision.next.account_id, str_c(rows[i].id_after));
        assert_str_is(decision.next.account_issuer, str_c(rows[i].issuer_after));
        assert_int_equal(decision.next.account_verified, rows[i].verified_after);
    }
}

/* A flow that began a while ago: what it asked for, and under which credential it was granted. */
static void test_a_grant_remembers_its_flow(void **state)
{
    (void)state;
    struct connection before = scene_connection(COND_ACTIVE);
    struct connector connector = scene_connector();
    struct new_grant grant = scene_grant();
    connector.scopes_version = 9;
    connector.credential_version = 5;
    grant.scopes_version = 8;
    grant.credential_version = 4;
    struct decision decision;
    lifecycle_granted(&before, &connector, &grant, &scene_rules, scene_now(0), &decision);
    assert_int_equal(decision.next.scopes_version, 8);
    assert_int_equal(decision.next.credential_version, -4);
}

static void test_import_of_an_expired_access_token(void **state)
{
    (void)state;
    struct connection before = scene_connection(COND_PENDING);
    struct connector connector = scene_connector();
    struct new_grant grant = scene_grant();
    grant.already_expired = true;
    grant.lifetime_ms = 0;
    struct decision decision;
    lifecycle_granted(&before, &connector, &grant, &scene_rules, scene_now(0), &decision);
    assert_int_equal(decision.next.due_ms, SCENE_NOW);
    assert_int_equal(decision.next.unscheduled, UNSCHEDULED_NOT);
    assert_false(connection_serves_token(&decision.next, SCENE_NOW));
    assert_int_equal(connection_state_of(&decision.next, REASON_NONE), STATE_ACTIVE);
    struct decision due;
    assert_int_equal(
        lifecycle_due(&decision.next, &connector, DUE_ON_TIME, &scene_rules, scene_now(0), &due),
        DUE_SEND);
}

/* ---- disconnecting ---- */

struct disconnect_row {
    const char *name;
    enum condition condition;
    const char *facts;
};

static const struct disconnect_row disconnect_rows[] = {
    {"an active one", COND_ACTIVE, "disconnected"},
    {"a pending one", COND_PENDING, "disconnected"},
    {"a dead one: no recovery", COND_DEAD, "disconnected"},
    {"a rescoped one: no recovery", COND_RESCOPED, "disconnected"},
    {"a disconnected one: nothing", COND_DISCONNECTED, ""},
};

static void check_disconnect(void **state)
{
    const struct disconnect_row *row = *state;
    struct connection before = scene_connection(row->condition);
    struct decision decision;
    lifecycle_disconnected(&before, scene_now(0), &decision);
    const struct connection *next = &decision.next;
    assert_facts(&decision, row->facts);
    assert_int_equal(connection_state_of(next, REASON_NONE), STATE_DISCONNECTED);
    assert_string_equal(reason_text(connection_reason_of(next, REASON_NONE)),
                        "account_disconnected");
    assert_true(str_is_empty(next->sealed_access));
    assert_true(str_is_empty(next->sealed_refresh));
    assert_false(connection_serves_token(next, SCENE_NOW));
    assert_int_equal(next->due_ms, TIME_NONE);
    assert_int_equal(next->unscheduled, UNSCHEDULED_NO_GRANT);
    assert_int_equal(next->alert_seq, 0);
    assert_int_equal(next->generation, before.generation); /* it numbers grants */
}

/* ---- rescope ---- */

struct rescope_row {
    const char *name;
    enum condition condition;
    int64_t scopes_version; /* of the grant; the connector's is 2 */
    const char *added, *removed;
    bool spared;
    bool changed;
    enum reason advisory;
    bool mild;
    const char *facts;
};

static const struct rescope_row rescope_rows[] = {
    {"more scopes are asked for", COND_ACTIVE, 1, "mail", "", false, true, REASON_SCOPES_CHANGED,
     false, "needs_reconnect"},
    {"a change that only removes is advisory", COND_ACTIVE, 1, "", "openid", false, true,
     REASON_SCOPES_CHANGED, true, "needs_reconnect"},
    {"some come, some go", COND_ACTIVE, 1, "mail", "openid", false, true, REASON_SCOPES_CHANGED,
     false, "needs_reconnect"},
    {"the same set changes nothing", COND_ACTIVE, 1, "", "", false, false, REASON_NONE, false, ""},
    {"only_missing spares those that have them", COND_ACTIVE, 1, "mail", "", true, false,
     REASON_NONE, false, ""},
    {"a second rescope replaces the first request", COND_RESCOPED, 1, "drive", "", false, true,
     REASON_SCOPES_CHANGED, false, "needs_reconnect"},
    {"the same request is not repeated", COND_RESCOPED, 1, "mail", "", false, false,
     REASON_SCOPES_CHANGED, false, ""},
    {"one that restores the old set clears it", COND_RESCOPED, 1, "", "", false, true, REASON_NONE,
     false, "recovered"},
    {"one that the grant covers clears it", COND_RESCOPED, 1, "drive", "", true, true, REASON_NONE,
     false, "recovered"},
    {"a grant made after the rescope gets none", COND_ACTIVE, 3, "mail", "", false, false,
     REASON_NONE, false, ""},
    {"a retrying one is asked too", COND_RETRYING, 1, "mail", "", false, true,
     REASON_SCOPES_CHANGED, false, "needs_reconnect"},
    {"a lost scope makes way for the wanted one", COND_REDUCED, 1, "mail", "", false, true,
     REASON_SCOPES_CHANGED, false, "needs_reconnect"},
    {"a rescope that wants nothing of it leaves a loss alone", COND_REDUCED, 1, "", "", false,
     false, REASON_SCOPES_REDUCED, true, ""},
    {"a dead one remembers it and is not asked twice", COND_REAUTH, 1, "mail", "", false, true,
     REASON_SCOPES_CHANGED, false, ""},
    {"a pending one asks for the new ones anyway", COND_PENDING, 1, "mail", "", false, false,
     REASON_NONE, false, ""},
    {"a disconnected one hears nothing", COND_DISCONNECTED, 1, "mail", "", false, false,
     REASON_NONE, false, ""},
};

static void check_rescope(void **state)
{
    const struct rescope_row *row = *state;
    struct connection before = scene_connection(row->condition);
    before.scopes_version = row->scopes_version;
    struct connector connector = scene_connector();
    struct decision decision;
    bool changed = lifecycle_rescoped(&before, &connector, str_c(row->added), str_c(row->removed),
                                      row->spared, scene_now(0), &decision);
    assert_int_equal(changed, row->changed);
    assert_string_equal(reason_text(decision.next.advisory_reason), reason_text(row->advisory));
    assert_int_equal(decision.next.advisory_is_mild, row->mild);
    assert_facts(&decision, row->facts);
    assert_int_equal(decision.next.due_ms, before.due_ms);
    assert_int_equal(decision.next.dead_reason, before.dead_reason);
    assert_int_equal(connection_serves_token(&decision.next, SCENE_NOW),
                     connection_serves_token(&before, SCENE_NOW));
}

/* What a dead grant kept to itself is said when it comes back to life. */
static void test_rescoped_while_dead(void **state)
{
    (void)state;
    struct connection before = scene_connection(COND_REAUTH);
    struct connector connector = scene_connector();
    struct decision rescoped;
    assert_true(lifecycle_rescoped(&before, &connector, STR("mail"), STR(""), false, scene_now(0),
                                   &rescoped));
    struct refresh_answer answer = scene_answer(ANSWER_REFRESHED);
    struct decision decision;
    lifecycle_answered(&rescoped.next, &answer, &scene_rules, scene_now(0), 0, &decision);
    assert_facts(&decision, "needs_reconnect refreshed");
    assert_int_equal(connection_reason_of(&decision.next, REASON_NONE), REASON_SCOPES_CHANGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partly_restored),
        cmocka_unit_test(test_what_is_known_of_an_account),
        cmocka_unit_test(test_a_grant_remembers_its_flow),
        cmocka_unit_test(test_import_of_an_expired_access_token),
        cmocka_unit_test(test_rescoped_while_dead),
    };
    int failed = RUN_ROWS(due_rows, check_due);
    failed += RUN_ROWS(token_rows, check_tokens);
    failed += RUN_ROWS(next_due_rows, check_next_due);
    failed += RUN_ROWS(scope_rows, check_scopes);
    failed += RUN_ROWS(grant_rows, check_grant);
    failed += RUN_ROWS(disconnect_rows, check_disconnect);
    failed += RUN_ROWS(rescope_rows, check_rescope);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
