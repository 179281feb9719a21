/* The words that subscribers see. A row that has to change here changes the contract. */
#include "core/connector.h"
#include "core/types.h"

#include "unit/common/rows.h"

struct reason_row {
    const char *name; /* the text itself */
    enum reason reason;
    const char *class_;
};

static const struct reason_row reason_rows[] = {
    {"account_disconnected", REASON_ACCOUNT_DISCONNECTED, "account_disconnected"},
    {"access_revoked", REASON_ACCESS_REVOKED, "access_revoked"},
    {"scopes_changed", REASON_SCOPES_CHANGED, "permissions_changed"},
    {"scopes_reduced", REASON_SCOPES_REDUCED, "permissions_changed"},
    {"grant_rejected", REASON_GRANT_REJECTED, "cannot_refresh"},
    {"secret_rotated", REASON_SECRET_ROTATED, "cannot_refresh"},
    {"client_replaced", REASON_CLIENT_REPLACED, "cannot_refresh"},
    {"refresh_token_expired", REASON_REFRESH_TOKEN_EXPIRED, "cannot_refresh"},
    {"refresh_token_missing", REASON_REFRESH_TOKEN_MISSING, "cannot_refresh"},
    {"refresh_exhausted", REASON_REFRESH_EXHAUSTED, "cannot_refresh"},
    {"rotation_lost", REASON_ROTATION_LOST, "cannot_refresh"},
    {"reauthorization_required", REASON_REAUTHORIZATION_REQUIRED, "authorization_required"},
    {"client_rejected", REASON_CLIENT_REJECTED, "setup"},
    {"policy_blocked", REASON_POLICY_BLOCKED, "setup"},
};

static void check_reason(void **state)
{
    const struct reason_row *row = *state;
    enum reason parsed = REASON_NONE;
    assert_string_equal(reason_text(row->reason), row->name);
    assert_string_equal(reason_class_text(reason_class_of(row->reason)), row->class_);
    assert_int_equal(reason_parse(str_c(row->name), &parsed), STATUS_OK);
    assert_int_equal(parsed, row->reason);
}

struct word_row {
    const char *name; /* the text itself */
    unsigned value;
};

static const struct word_row state_rows[] = {
    {"pending", STATE_PENDING},
    {"active", STATE_ACTIVE},
    {"retrying", STATE_RETRYING},
    {"blocked", STATE_BLOCKED},
    {"needs_reconnect", STATE_NEEDS_RECONNECT},
    {"disconnected", STATE_DISCONNECTED},
};

static void check_state(void **state)
{
    const struct word_row *row = *state;
    enum connection_state parsed = STATE_COUNT;
    assert_string_equal(connection_state_text((enum connection_state)row->value), row->name);
    assert_int_equal(connection_state_parse(str_c(row->name), &parsed), STATUS_OK);
    assert_int_equal(parsed, row->value);
}

static const struct word_row connector_type_rows[] = {
    {"shared", CONNECTOR_SHARED},
    {"superagent", CONNECTOR_SUPERAGENT},
    {"app_user", CONNECTOR_APP_USER},
};

static void check_connector_type(void **state)
{
    const struct word_row *row = *state;
    enum connector_type parsed = CONNECTOR_TYPE_COUNT;
    assert_string_equal(connector_type_text((enum connector_type)row->value), row->name);
    assert_int_equal(connector_type_parse(str_c(row->name), &parsed), STATUS_OK);
    assert_int_equal(parsed, row->value);
}

static const struct word_row outcome_rows[] = {
    {"refreshed", OUTCOME_REFRESHED},
    {"grant_dead", OUTCOME_GRANT_DEAD},
    {"reauth_required", OUTCOME_REAUTH_REQUIRED},
    {"client_rejected", OUTCOME_CLIENT_REJECTED},
    {"scope_problem", OUTCOME_SCOPE_PROBLEM},
    {"rate_limited", OUTCOME_RATE_LIMITED},
    {"transient", OUTCOME_TRANSIENT},
    {"refused", OUTCOME_REFUSED},
    {"malformed", OUTCOME_MALFORMED},
};

static void check_outcome(void **state)
{
    const struct word_row *row = *state;
    assert_string_equal(outcome_text((enum outcome)row->value), row->name);
}

static const struct word_row auth_method_rows[] = {
    {"client_secret_basic", AUTH_CLIENT_SECRET_BASIC},
    {"client_secret_post", AUTH_CLIENT_SECRET_POST},
    {"none", AUTH_NONE},
    {"client_secret_jwt", AUTH_CLIENT_SECRET_JWT},
    {"private_key_jwt", AUTH_PRIVATE_KEY_JWT},
    {"tls_client_auth", AUTH_TLS_CLIENT_AUTH},
};

static void check_auth_method(void **state)
{
    const struct word_row *row = *state;
    enum auth_method parsed = AUTH_METHOD_COUNT;
    assert_string_equal(auth_method_text((enum auth_method)row->value), row->name);
    assert_int_equal(auth_method_parse(str_c(row->name), &parsed), STATUS_OK);
    assert_int_equal(parsed, row->value);
}

static const struct word_row credential_state_rows[] = {
    {"current", CREDENTIAL_CURRENT},
    {"retiring", CREDENTIAL_RETIRING},
    {"retired", CREDENTIAL_RETIRED},
};

static void check_credential_state(void **state)
{
    const struct word_row *row = *state;
    assert_string_equal(credential_state_text((enum credential_state)row->value), row->name);
}

struct unknown_row {
    const char *name;
    struct str text;
};

static const struct unknown_row unknown_rows[] = {
    {"another word", STR_INIT("expired")},
    {"another case", STR_INIT("ACTIVE")},
    {"a prefix", STR_INIT("needs")},
    {"nothing", STR_INIT("")},
    {"no reason is no word", STR_INIT("no reason")},
};

static void check_unknown(void **state)
{
    const struct unknown_row *row = *state;
    enum connection_state connection_state = STATE_COUNT;
    enum reason reason = REASON_COUNT;
    enum connector_type type = CONNECTOR_TYPE_COUNT;
    enum auth_method method = AUTH_METHOD_COUNT;
    assert_int_equal(connection_state_parse(row->text, &connection_state), STATUS_INVALID);
    assert_int_equal(reason_parse(row->text, &reason), STATUS_INVALID);
    assert_int_equal(connector_type_parse(row->text, &type), STATUS_INVALID);
    assert_int_equal(auth_method_parse(row->text, &method), STATUS_INVALID);
    assert_int_equal(reason, REASON_COUNT);
}

static void test_none_is_no_reason(void **state)
{
    (void)state;
    enum reason reason = REASON_COUNT;
    assert_int_equal(reason_parse(STR("none"), &reason), STATUS_INVALID);
    assert_int_equal(reason_class_of(REASON_NONE), CLASS_NONE);
}

static void test_tables_are_whole(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_LEN(reason_rows), REASON_COUNT - 1);
    assert_int_equal(ARRAY_LEN(state_rows), STATE_COUNT);
    assert_int_equal(ARRAY_LEN(outcome_rows), OUTCOME_COUNT);
    assert_int_equal(ARRAY_LEN(auth_method_rows), AUTH_METHOD_COUNT);
    assert_int_equal(ARRAY_LEN(connector_type_rows), CONNECTOR_TYPE_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none_is_no_reason),
        cmocka_unit_test(test_tables_are_whole),
    };
    int failed = RUN_ROWS(reason_rows, check_reason);
    failed += RUN_ROWS(state_rows, check_state);
    failed += RUN_ROWS(connector_type_rows, check_connector_type);
    failed += RUN_ROWS(outcome_rows, check_outcome);
    failed += RUN_ROWS(auth_method_rows, check_auth_method);
    failed += RUN_ROWS(credential_state_rows, check_credential_state);
    failed += RUN_ROWS(unknown_rows, check_unknown);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
