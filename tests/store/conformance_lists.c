/* The schedule, pages and counts over several connections. */
#include "store/cmocka_all.h"
#include "store/conformance.h"

#include <stdio.h>

/** Ids of a read's rows, as "c-1 c-2". */
static void due_ids(const struct store_read *read, char text[256])
{
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < read->due_count; i++)
        len += (size_t)snprintf(text + len, 256 - len, "%s" STR_FMT, i > 0 ? " " : "",
                                STR_ARG(read->due[i].id));
}

static void test_due_window(void **state)
{
    struct harness *h = *state;
    static const struct {
        const char *id, *connector;
        int64_t due_ms;
    } stored[] = {
        {"c-5", "gcal", 10}, {"c-1", "gcal", 20},  {"c-2", "slack", 20},
        {"c-3", "gcal", 20}, {"c-4", "slack", 30}, {"c-6", "gcal", TIME_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(stored); i++) {
        struct connection c = sample_connection(stored[i].id);
        c.connector = str_c(stored[i].connector);
        c.due_ms = stored[i].due_ms;
        c.expires_ms = stored[i].due_ms + 5;
        assert_int_equal(put_connection(h, &c), STATUS_OK);
    }
    static const struct {
        const char *name;
        const char *connector;
        int64_t after_due_ms;
        const char *cursor;
        int64_t until_ms;
        size_t limit;
        const char *expected;
    } rows[] = {
        {"all, in order", "", 0, "", INT64_MAX, 0, "c-5 c-1 c-2 c-3 c-4"},
        {"up to a time", "", 0, "", 20, 0, "c-5 c-1 c-2 c-3"},
        {"a page", "", 0, "", INT64_MAX, 2, "c-5 c-1"},
        {"the next page, amid equals", "", 20, "c-1", INT64_MAX, 2, "c-2 c-3"},
        {"the last page", "", 20, "c-3", INT64_MAX, 2, "c-4"},
        {"behind a time", "", 10, "c-5", 20, 0, "c-1 c-2 c-3"},
        {"of one connector", "slack", 0, "", INT64_MAX, 0, "c-2 c-4"},
        {"a page of one connector", "gcal", 10, "c-5", INT64_MAX, 1, "c-1"},
        {"of no connector", "none", 0, "", INT64_MAX, 0, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct store_read *read = store_read_new(STORE_READ_DUE);
        read->connector = str_c(rows[i].connector);
        read->after_due_ms = rows[i].after_due_ms;
        read->cursor = str_c(rows[i].cursor);
        read->until_ms = rows[i].until_ms;
        read->limit = rows[i].limit;
        assert_int_equal(harness_read(h, read), STATUS_OK);
        char text[256];
        due_ids(read, text);
        if (!str_eq(str_c(text), str_c(rows[i].expected)))
            fail_msg("%s: %s", rows[i].name, text);
        for (size_t j = 0; j < read->due_count; j++)
            assert_int_equal(read->due[j].expires_ms, read->due[j].due_ms + 5);
        store_read_free(read);
    }
}

static void test_due_of_a_small_connector(void **state)
{
    struct harness *h = *state;
    for (int i = 0; i < 120; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%03d", i);
        struct connection c = sample_connection(id);
        c.connector = i == 77 ? STR("rare") : STR("gcal");
        c.due_ms = 1000 - i;
        assert_int_equal(put_connection(h, &c), STATUS_OK);
    }
    struct store_read *read = store_read_new(STORE_READ_DUE);
    read->connector = STR("rare");
    read->until_ms = INT64_MAX;
    read->limit = 4;
    assert_int_equal(harness_read(h, read), STATUS_OK);
    assert_int_equal(read->due_count, 1);
    assert_str(read->due[0].id, STR("c-077"));
    store_read_free(read);
}

/* ---- filters: against the rules of core, over everything that decides them ---- */

static const struct connector filter_connectors[] = {
    {.id = STR_INIT("fine"), .name = STR_INIT("Fine")},
    {.id = STR_INIT("off"), .name = STR_INIT("Off"), .disabled = true},
    {.id = STR_INIT("refused"), .name = STR_INIT("Refused"), .rejected_ms = 5},
    {.id = STR_INIT("both"), .name = STR_INIT("Both"), .disabled = true, .rejected_ms = 5},
};
enum { VARIANTS = 3 * 3 * 3 * 4 };

/** The i-th of all kinds of connection under a connector. */
static struct connection variant(const struct connector *connector, unsigned i, char id[32])
{
    static const enum reason dead[] = {REASON_NONE, REASON_GRANT_REJECTED,
                                       REASON_ACCOUNT_DISCONNECTED};
    static const enum reason advisory[] = {REASON_NONE, REASON_SCOPES_CHANGED,
                                           REASON_CLIENT_REPLACED};
    snprintf(id, 32, STR_FMT "-%03u", STR_ARG(connector->id), i);
    struct connection c = sample_connection(id);
    c.connector = connector->id;
    c.phase = (enum phase)(i % 3);
    c.dead_reason = dead[i / 3 % 3];
    c.advisory_reason = advisory[i / 9 % 3];
    c.failures = i / 27 == 1;
    c.uncertain_tries = i / 27 == 2;
    c.doubts = i / 27 == 3;
    return c;
}

static void store_variants(struct harness *h)
{
    for (size_t k = 0; k < ARRAY_LEN(filter_connectors); k++) {
        assert_int_equal(put_connector(h, &filter_connectors[k]), STATUS_OK);
        struct store_write *write = store_write_new(T0);
        for (unsigned i = 0; i < VARIANTS; i++) {
            char id[32];
            struct connection c = variant(&filter_connectors[k], i, id);
            store_write_put_connection(write, &c);
        }
        assert_int_equal(harness_write(h, write), STATUS_OK);
        store_write_free(write);
    }
}

static size_t expected_count(int state, int reason)
{
    size_t count = 0;
    for (size_t k = 0; k < ARRAY_LEN(filter_connectors); k++) {
        enum reason blocked = connector_blocked_reason(&filter_connectors[k]);
        for (unsigned i = 0; i < VARIANTS; i++) {
            char id[32];
            struct connection c = variant(&filter_connectors[k], i, id);
            bool fits = state < 0 || (int)connection_state_of(&c, blocked) == state;
            fits = fits && (reason < 0 || (int)connection_reason_of(&c, blocked) == reason);
            count += fits ? 1 : 0;
        }
    }
    return count;
}

static void test_filters_follow_the_rules_of_core(void **state)
{
    struct harness *h = *state;
    store_variants(h);
    for (int wanted = -1; wanted < STATE_COUNT; wanted++) {
        for (int reason = -1; reason < REASON_COUNT; reason++) {
            struct store_read *read = store_read_new(STORE_READ_CONNECTION_PAGE);
            read->filter.state = wanted;
            read->filter.reason = reason;
            assert_int_equal(harness_read(h, read), STATUS_OK);
            size_t expected = expected_count(wanted, reason);
            if (read->connection_count != expected)
                fail_msg("state %d, reason %d: %zu instead of %zu", wanted, reason,
                         read->connection_count, expected);
            store_read_free(read);
        }
    }
}

static void test_pages(void **state)
{
    struct harness *h = *state;
    struct connector gcal = sample_connector("gcal"), slack = sample_connector("slack");
    assert_int_equal(put_connector(h, &gcal), STATUS_OK);
    assert_int_equal(put_connector(h, &slack), STATUS_OK);
    struct connection stored[] = {sample_connection("c-1"), sample_connection("c-2"),
                                  sample_connection("c-3"), sample_connection("c-4")};
    stored[0].owner = (struct owner){.apps = STR("crm shop")};
    stored[1].connector = STR("slack");
    stored[1].refresh_expires_ms = 50;
    stored[2].owner = (struct owner){.app = STR("crm"), .user = STR("u-1")};
    stored[2].refresh_expires_ms = 500;
    stored[3].owner = (struct owner){.app = STR("crm0"), .user = STR("u-1")};
    stored[3].verdict_reason = REASON_GRANT_REJECTED;
    for (size_t i = 0; i < ARRAY_LEN(stored); i++)
        assert_int_equal(put_connection(h, &stored[i]), STATUS_OK);
    static const struct {
        const char *name, *cursor, *connector, *owner_key, *app;
        int64_t expiring;
        size_t limit;
        const char *expected;
        bool has_verdict;
    } rows[] = {
        {"all", "", "", "", "", 0, 0, "c-1 c-2 c-3 c-4", false},
        {"a page", "", "", "", "", 0, 2, "c-1 c-2", false},
        {"the next", "c-2", "", "", "", 0, 2, "c-3 c-4", false},
        {"of a connector", "", "gcal", "", "", 0, 0, "c-1 c-3 c-4", false},
        {"a page of a connector", "c-1", "gcal", "", "", 0, 1, "c-3", false},
        {"of an owner", "", "", "app:crm/user:u-1", "", 0, 0, "c-3", false},
        {"of an app that shares it", "", "", "app:shop", "", 0, 0, "c-1", false},
        {"of an app, its people's too", "", "", "", "crm", 0, 0, "c-1 c-2 c-3", false},
        {"of an app and a connector", "", "slack", "", "crm", 0, 0, "c-2", false},
        {"of an owner under another connector", "", "slack", "app:shop", "", 0, 0, "", false},
        {"whose refresh token ends soon", "", "", "", "", 100, 0, "c-2", false},
        {"whose verdict is not sure", "", "", "", "", 0, 0, "c-4", true},
        {"of a connector without such", "", "slack", "", "", 0, 0, "", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct store_read *read = store_read_new(STORE_READ_CONNECTION_PAGE);
        read->cursor = str_c(rows[i].cursor);
        read->limit = rows[i].limit;
        read->filter.connector = str_c(rows[i].connector);
        read->filter.owner_key = str_c(rows[i].owner_key);
        read->filter.app = str_c(rows[i].app);
        read->filter.expiring_before_ms = rows[i].expiring;
        read->filter.has_verdict = rows[i].has_verdict;
        assert_int_equal(harness_read(h, read), STATUS_OK);
        char text[256] = "";
        size_t len = 0;
        for (size_t j = 0; j < read->connection_count; j++) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s" STR_FMT, j > 0 ? " " : "",
                                    STR_ARG(read->connections[j].id));
            assert_true(str_is_empty(read->connections[j].sealed_access));
            assert_true(str_is_empty(read->connections[j].sealed_refresh));
        }
        if (!str_eq(str_c(text), str_c(rows[i].expected)))
            fail_msg("%s: %s", rows[i].name, text);
        store_read_free(read);
    }
}

static int64_t count_of(struct harness *h, const char *connector, const struct count_row *like)
{
    struct store_read *read = store_read_new(STORE_READ_COUNTS);
    read->connector = str_c(connector);
    assert_int_equal(harness_read(h, read), STATUS_OK);
    int64_t count = 0;
    for (size_t i = 0; i < read->count_count; i++) {
        const struct count_row *row = &read->counts[i];
        if (row->phase == like->phase && row->dead_reason == like->dead_reason &&
            row->advisory_reason == like->advisory_reason && row->retrying == like->retrying &&
            row->credential_version == like->credential_version)
            count += row->count;
    }
    store_read_free(read);
    return count;
}

static void test_counts(void **state)
{
    struct harness *h = *state;
    struct connection a = sample_connection("c-1"), b = sample_connection("c-2");
    const struct count_row fine = {.phase = PHASE_CONNECTED, .credential_version = 1},
                           retrying = {.phase = PHASE_CONNECTED,
                                       .credential_version = 1,
                                       .retrying = true},
                           dead = {.phase = PHASE_CONNECTED,
                                   .credential_version = 1,
                                   .dead_reason = REASON_GRANT_REJECTED};
    b.connector = STR("slack");
    assert_int_equal(put_connection(h, &a), STATUS_OK);
    assert_int_equal(put_connection(h, &b), STATUS_OK);
    assert_int_equal(count_of(h, "", &fine), 2);
    assert_int_equal(count_of(h, "gcal", &fine), 1);
    a.version = 1;
    a.failures = 3;
    assert_int_equal(put_connection(h, &a), STATUS_OK);
    assert_int_equal(count_of(h, "gcal", &retrying), 1);
    a.version = 2;
    a.failures = 0;
    a.dead_reason = REASON_GRANT_REJECTED;
    assert_int_equal(put_connection(h, &a), STATUS_OK);
    a.version = 2; /* a conflict counts nothing */
    assert_int_equal(put_connection(h, &a), STATUS_CONFLICT);
    harness_restart(h);
    assert_int_equal(count_of(h, "gcal", &dead), 1);
    assert_int_equal(count_of(h, "gcal", &fine), 0);
    assert_int_equal(count_of(h, "slack", &fine), 1);
}

int conformance_lists_run(const struct store_backend *backend)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_due_window, backend),
        STORE_TEST(test_due_of_a_small_connector, backend),
        STORE_TEST(test_filters_follow_the_rules_of_core, backend),
        STORE_TEST(test_pages, backend),
        STORE_TEST(test_counts, backend),
    };
    return cmocka_run_group_tests_name("lists", tests, NULL, NULL);
}
