/* One connection: every field, compare-and-set, owners, the open attempt. */
#include "store/cmocka_all.h"
#include "store/conformance.h"

/** A connection in which every field differs from what an empty one has. */
static struct connection full_connection(void)
{
    struct connection c = sample_connection("c-full");
    c.owner = (struct owner){.apps = STR("billing crm"),
                             .superagent = STR("sa-1"),
                             .app = STR("shop"),
                             .user = STR("u-77")};
    c.phase = PHASE_DISCONNECTED;
    c.sealed_access = (struct str){"\0\xff sealed", 9};
    c.dead_reason = REASON_ROTATION_LOST;
    c.advisory_reason = REASON_SCOPES_REDUCED;
    c.advisory_is_mild = true;
    c.scopes_added = STR("a");
    c.scopes_removed = STR("");
    c.trouble_ms = -5;
    c.detail = STR("gr\xc3\xbc\xc3\x9f dich");
    c.claims = STR("{\"access_token\":{\"acrs\":{\"essential\":true}}}");
    c.config_json = STR("{\"host\":\"api.eu1.example.com\"}");
    c.provider_error_status = 400;
    c.provider_error_code = STR("invalid_grant");
    c.provider_error_message = STR("Token has been expired or revoked.");
    c.alert_seq = 18;
    c.refresh_expires_ms = INT64_MAX;
    c.no_rotation_count = 3;
    c.failures = 4;
    c.failing_since_ms = 5;
    c.uncertain_tries = 6;
    c.doubts = 7;
    c.doubts_since_ms = 8;
    c.verdict_reason = REASON_SECRET_ROTATED;
    c.verdict_ms = 12;
    c.held_ms = 13;
    c.unscheduled = UNSCHEDULED_IN_FLIGHT;
    c.last_attempt_ms = 9;
    c.last_read_ms = 10;
    c.refresh_due_ms = 12;
    c.probe_due_ms = 13;
    c.notice_due_ms = 14;
    c.notice_lead_ms = 15;
    c.refresh_extends = true;
    c.suspected_by = SUSPECTED_BY_SECURITY_EVENT;
    c.attempts = 11;
    for (int i = 0; i < REFRESH_HISTORY_MAX + 2; i++)
        connection_history_push(&c, (struct history_entry){.started_ms = INT64_MIN + i,
                                                           .took_ms = -i,
                                                           .status = (int16_t)(500 + i),
                                                           .outcome = OUTCOME_MALFORMED,
                                                           .transport = TRANSPORT_LOST});
    return c;
}

static void assert_same_texts(const struct connection *a, const struct connection *b)
{
    const struct {
        struct str a, b;
    } pairs[] = {
        {a->id, b->id},
        {a->connector, b->connector},
        {a->owner.apps, b->owner.apps},
        {a->owner.superagent, b->owner.superagent},
        {a->owner.app, b->owner.app},
        {a->owner.user, b->owner.user},
        {a->account_id, b->account_id},
        {a->account_label, b->account_label},
        {a->sealed_access, b->sealed_access},
        {a->sealed_refresh, b->sealed_refresh},
        {a->refresh_print, b->refresh_print},
        {a->token_type, b->token_type},
        {a->scopes_asked, b->scopes_asked},
        {a->scopes_granted, b->scopes_granted},
        {a->scopes_added, b->scopes_added},
        {a->scopes_removed, b->scopes_removed},
        {a->detail, b->detail},
        {a->claims, b->claims},
        {a->config_json, b->config_json},
        {a->provider_error_code, b->provider_error_code},
        {a->provider_error_message, b->provider_error_message},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        assert_str(pairs[i].a, pairs[i].b);
        assert_int_equal(str_is_set(pairs[i].a), str_is_set(pairs[i].b));
    }
}

static void assert_same_numbers(const struct connection *a, const struct connection *b)
{
#define SAME(member) assert_true(a->member == b->member)
    SAME(account_verified);
    SAME(phase);
    SAME(created_ms);
    SAME(requested_ms);
    SAME(generation);
    SAME(issued_ms);
    SAME(lifetime_ms);
    SAME(expires_ms);
    SAME(refresh_expires_ms);
    SAME(scopes_version);
    SAME(credential_version);
    SAME(no_rotation_count);
    SAME(dead_reason);
    SAME(advisory_reason);
    SAME(advisory_is_mild);
    SAME(trouble_ms);
    SAME(provider_error_status);
    SAME(alert_seq);
    SAME(failures);
    SAME(failing_since_ms);
    SAME(uncertain_tries);
    SAME(doubts);
    SAME(doubts_since_ms);
    SAME(verdict_reason);
    SAME(verdict_ms);
    SAME(held_ms);
    SAME(due_ms);
    SAME(unscheduled);
    SAME(last_success_ms);
    SAME(last_attempt_ms);
    SAME(last_read_ms);
    SAME(refresh_due_ms);
    SAME(probe_due_ms);
    SAME(notice_due_ms);
    SAME(notice_lead_ms);
    SAME(refresh_extends);
    SAME(suspected_by);
    SAME(attempts);
    SAME(history_count);
    SAME(attempt_id);
    SAME(attempt_started_ms);
#undef SAME
    assert_memory_equal(a->history, b->history, sizeof(a->history));
}

static void test_every_field_comes_back(void **state)
{
    struct harness *h = *state;
    struct connection wanted[] = {full_connection(),
                                  {.id = STR("c-empty"), .connector = STR("gcal")}};
    wanted[0].credential_version = -3; /* given under it, not yet refreshed under it */
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        assert_int_equal(put_connection(h, &wanted[i]), STATUS_OK);
        struct store_read *read = get_connection(h, wanted[i].id.data);
        assert_int_equal(read->status, STATUS_OK);
        assert_int_equal(read->connection_count, 1);
        assert_int_equal(read->connections[0].version, 1);
        assert_same_texts(&read->connections[0], &wanted[i]);
        assert_same_numbers(&read->connections[0], &wanted[i]);
        store_read_free(read);
    }
}

static void test_an_update_replaces_every_field(void **state)
{
    struct harness *h = *state;
    struct connection c = full_connection();
    assert_int_equal(put_connection(h, &c), STATUS_OK);
    struct connection next = {.id = c.id, .connector = c.connector, .version = 1};
    next.last_read_ms = c.last_read_ms; /* which alone never goes back */
    assert_int_equal(put_connection(h, &next), STATUS_OK);
    struct store_read *read = get_connection(h, "c-full");
    assert_int_equal(read->connections[0].version, 2);
    assert_same_texts(&read->connections[0], &next);
    assert_same_numbers(&read->connections[0], &next);
    store_read_free(read);
}

static void test_compare_and_set(void **state)
{
    static const struct {
        const char *name;
        int64_t version;
        enum status status;
    } rows[] = {
        {"the stored version goes", 1, STATUS_OK},
        {"the one before does not", 1, STATUS_CONFLICT},
        {"one that is not there yet does not", 7, STATUS_CONFLICT},
        {"inserting again does not", 0, STATUS_CONFLICT},
        {"the stored version goes again", 2, STATUS_OK},
    };
    struct harness *h = *state;
    struct connection c = sample_connection("c-1");
    assert_int_equal(put_connection(h, &c), STATUS_OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        c.version = rows[i].version;
        if (put_connection(h, &c) != rows[i].status)
            fail_msg("%s", rows[i].name);
    }
    struct connection missing = sample_connection("c-none");
    missing.version = 1;
    assert_int_equal(put_connection(h, &missing), STATUS_CONFLICT);
}

static size_t count_by_owner(struct harness *h, const char *connector, const char *key)
{
    struct store_read *read = store_read_new(STORE_READ_CONNECTION_OWNER);
    read->connector = arena_copy(&read->arena, str_c(connector));
    read->owner_key = arena_copy(&read->arena, str_c(key));
    assert_int_equal(harness_read(h, read), STATUS_OK);
    size_t count = read->connection_count;
    store_read_free(read);
    return count;
}

static void test_owner_keys(void **state)
{
    struct harness *h = *state;
    struct connection shared = sample_connection("c-shared");
    shared.owner = (struct owner){.apps = STR("billing crm")};
    struct connection agent = sample_connection("c-agent");
    agent.owner = (struct owner){.superagent = STR("sa-1")};
    struct connection person = sample_connection("c-person");
    assert_int_equal(put_connection(h, &shared), STATUS_OK);
    assert_int_equal(put_connection(h, &agent), STATUS_OK);
    assert_int_equal(put_connection(h, &person), STATUS_OK);
    static const struct {
        const char *connector, *key;
        size_t count;
    } rows[] = {
        {"gcal", "app:billing", 1},     {"gcal", "app:crm", 1},
        {"gcal", "superagent:sa-1", 1}, {"gcal", "app:crm/user:c-person", 1},
        {"gcal", "app:none", 0},        {"slack", "app:crm", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(count_by_owner(h, rows[i].connector, rows[i].key), rows[i].count);
    struct connection rival = sample_connection("c-rival");
    rival.owner = (struct owner){.apps = STR("crm sales")};
    assert_int_equal(put_connection(h, &rival), STATUS_CONFLICT);
    assert_int_equal(count_by_owner(h, "gcal", "app:sales"), 0);
    rival.connector = STR("slack");
    assert_int_equal(put_connection(h, &rival), STATUS_OK);
}

static void test_owner_keys_follow_the_owner(void **state)
{
    struct harness *h = *state;
    struct connection shared = sample_connection("c-1");
    shared.owner = (struct owner){.apps = STR("billing crm")};
    assert_int_equal(put_connection(h, &shared), STATUS_OK);
    shared.owner.apps = STR("crm sales");
    shared.version = 1;
    assert_int_equal(put_connection(h, &shared), STATUS_OK);
    assert_int_equal(count_by_owner(h, "gcal", "app:billing"), 0);
    assert_int_equal(count_by_owner(h, "gcal", "app:crm"), 1);
    assert_int_equal(count_by_owner(h, "gcal", "app:sales"), 1);
}

static enum status open_attempt(struct harness *h, const char *id, int64_t version,
                                uint64_t attempt)
{
    struct store_write *write = store_write_new(T0 + 5);
    store_write_open_attempt(write, str_c(id), version, attempt, STR("print"));
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

static enum status close_attempt(struct harness *h, const char *id, uint64_t attempt)
{
    struct store_write *write = store_write_new(T0);
    store_write_close_attempt(write, str_c(id), attempt);
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

static void test_attempts(void **state)
{
    static const uint64_t high = UINT64_MAX - 3;
    static const struct {
        const char *name;
        bool open;
        const char *id;
        int64_t version;
        uint64_t attempt;
        enum status status;
        uint64_t left; /* the open one afterwards, of c-1 */
    } rows[] = {
        {"close none", false, "c-1", 0, 5, STATUS_CONFLICT, 0},
        {"open for another version", true, "c-1", 2, 5, STATUS_CONFLICT, 0},
        {"open for nobody", true, "c-0", 1, 5, STATUS_CONFLICT, 0},
        {"open", true, "c-1", 1, high, STATUS_OK, high},
        {"open a second", true, "c-1", 1, 6, STATUS_CONFLICT, high},
        {"close another", false, "c-1", 0, 6, STATUS_CONFLICT, high},
        {"close", false, "c-1", 0, high, STATUS_OK, 0},
        {"open again", true, "c-1", 1, 6, STATUS_OK, 6},
    };
    struct harness *h = *state;
    struct connection c = sample_connection("c-1");
    assert_int_equal(put_connection(h, &c), STATUS_OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum status status = rows[i].open
                                 ? open_attempt(h, rows[i].id, rows[i].version, rows[i].attempt)
                                 : close_attempt(h, rows[i].id, rows[i].attempt);
        struct store_read *read = get_connection(h, "c-1");
        if (status != rows[i].status || read->connections[0].attempt_id != rows[i].left)
            fail_msg("%s", rows[i].name);
        assert_int_equal(read->connections[0].attempt_started_ms, rows[i].left != 0 ? T0 + 5 : 0);
        assert_int_equal(read->connections[0].version, 1);
        store_read_free(read);
    }
}

static void test_a_put_leaves_the_attempt(void **state)
{
    struct harness *h = *state;
    struct connection c = sample_connection("c-1");
    assert_int_equal(put_connection(h, &c), STATUS_OK);
    assert_int_equal(open_attempt(h, "c-1", 1, 9), STATUS_OK);
    c.version = 1;
    assert_int_equal(put_connection(h, &c), STATUS_OK);
    struct store_read *read = get_connection(h, "c-1");
    assert_int_equal(read->connections[0].attempt_id, 9);
    store_read_free(read);
}

static void test_open_attempts_are_paged(void **state)
{
    struct harness *h = *state;
    static const char *const ids[] = {"c-1", "c-2", "c-3", "c-4"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct connection c = sample_connection(ids[i]);
        assert_int_equal(put_connection(h, &c), STATUS_OK);
        if (i != 1)
            assert_int_equal(open_attempt(h, ids[i], 1, i + 1), STATUS_OK);
    }
    const char *cursor = "", *const expected[] = {"c-1", "c-3", "c-4"};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        struct store_read *read = store_read_new(STORE_READ_OPEN_ATTEMPTS);
        read->limit = 1;
        read->cursor = str_c(cursor);
        assert_int_equal(harness_read(h, read), STATUS_OK);
        assert_int_equal(read->connection_count, 1);
        assert_str(read->connections[0].id, str_c(expected[i]));
        assert_false(str_is_empty(read->connections[0].sealed_refresh));
        store_read_free(read);
        cursor = expected[i];
    }
}

static void test_missing_ids_are_left_out(void **state)
{
    struct harness *h = *state;
    struct connection c = sample_connection("c-1");
    assert_int_equal(put_connection(h, &c), STATUS_OK);
    struct store_read *read = store_read_new(STORE_READ_CONNECTIONS);
    struct str ids[] = {STR("c-0"), STR("c-1"), STR("c-2")};
    read->ids = ids;
    read->id_count = ARRAY_LEN(ids);
    assert_int_equal(harness_read(h, read), STATUS_OK);
    assert_int_equal(read->connection_count, 1);
    store_read_free(read);
}

static void test_all_of_it_survives_a_restart(void **state)
{
    struct harness *h = *state;
    struct connection c = full_connection();
    assert_int_equal(put_connection(h, &c), STATUS_OK);
    assert_int_equal(open_attempt(h, "c-full", 1, 9), STATUS_OK);
    harness_restart(h);
    struct store_read *read = get_connection(h, "c-full");
    assert_int_equal(read->connection_count, 1);
    assert_same_texts(&read->connections[0], &c);
    assert_int_equal(read->connections[0].attempt_id, 9);
    store_read_free(read);
    assert_int_equal(count_by_owner(h, "gcal", "superagent:sa-1"), 1);
}

int conformance_connections_run(const struct store_backend *backend)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_every_field_comes_back, backend),
        STORE_TEST(test_an_update_replaces_every_field, backend),
        STORE_TEST(test_compare_and_set, backend),
        STORE_TEST(test_owner_keys, backend),
        STORE_TEST(test_owner_keys_follow_the_owner, backend),
        STORE_TEST(test_attempts, backend),
        STORE_TEST(test_a_put_leaves_the_attempt, backend),
        STORE_TEST(test_open_attempts_are_paged, backend),
        STORE_TEST(test_missing_ids_are_left_out, backend),
        STORE_TEST(test_all_of_it_survives_a_restart, backend),
    };
    return cmocka_run_group_tests_name("connections", tests, NULL, NULL);
}
