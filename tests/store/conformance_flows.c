/* Authorizations under way: taken once, forgotten in time; connections that wait for one. */
#include "store/cmocka_all.h"
#include "store/conformance.h"

#include <stdio.h>

static struct flow sample_flow(const char *print)
{
    return (struct flow){
        .print = str_c(print),
        .connector = STR("gcal"),
        .connection = STR("c-1"),
        .owner = {.app = STR("crm"), .user = STR("u-1")},
        .intent = INTENT_SWITCH,
        .revoke = true,
        .redirect_uri = STR("https://app.example/cb"),
        .scopes_asked = STR("calendar openid"),
        .scopes_version = 4,
        .credential_version = 2,
        .config_json = STR("{\"shop\":\"a\"}"),
        .sealed_secrets = STR("sealed\0secrets"),
        .created_ms = T0,
        .expires_ms = T0 + FLOW_LIFETIME_MS,
    };
}

static enum status put_flow(struct harness *h, const struct flow *flow)
{
    struct store_write *write = store_write_new(T0);
    store_write_put_flow(write, flow);
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

static enum status take_flow(struct harness *h, const char *print)
{
    struct store_write *write = store_write_new(T0);
    store_write_take_flow(write, str_c(print));
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

static void purge(struct harness *h, int64_t now_ms)
{
    struct store_write *write = store_write_new(T0);
    store_write_purge_flows(write, now_ms);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
}

static enum status drop_pending(struct harness *h, const char *id)
{
    struct store_write *write = store_write_new(T0);
    store_write_drop_pending(write, str_c(id));
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

static bool has_flow(struct harness *h, const char *print)
{
    struct store_read *read = store_read_new(STORE_READ_FLOW);
    read->name = arena_copy(&read->arena, str_c(print));
    assert_int_equal(harness_read(h, read), STATUS_OK);
    bool has = read->flow != NULL;
    store_read_free(read);
    return has;
}

static struct flow_bounds bounds_of(struct harness *h, const char *connection, int64_t now_ms)
{
    struct store_read *read = store_read_new(STORE_READ_FLOW_BOUNDS);
    read->subject = arena_copy(&read->arena, str_c(connection));
    read->until_ms = now_ms;
    assert_int_equal(harness_read(h, read), STATUS_OK);
    struct flow_bounds bounds = read->flow_bounds;
    store_read_free(read);
    return bounds;
}

static size_t count_connections(struct harness *h, const char *id)
{
    struct store_read *read = get_connection(h, id);
    size_t count = read->connection_count;
    store_read_free(read);
    return count;
}

static struct connection pending_connection(const char *id, int64_t requested_ms)
{
    return (struct connection){
        .id = str_c(id),
        .connector = STR("gcal"),
        .owner = {.app = STR("crm"), .user = str_c(id)},
        .phase = PHASE_PENDING,
        .unscheduled = UNSCHEDULED_NO_GRANT,
        .created_ms = requested_ms,
        .requested_ms = requested_ms,
    };
}

static void test_a_flow_comes_back_whole(void **state)
{
    struct harness *h = *state;
    const struct flow wanted = sample_flow("print-1");
    assert_int_equal(put_flow(h, &wanted), STATUS_OK);
    harness_restart(h);
    struct store_read *read = store_read_new(STORE_READ_FLOW);
    read->name = STR("print-1");
    assert_int_equal(harness_read(h, read), STATUS_OK);
    assert_non_null(read->flow);
    const struct flow *found = read->flow;
    assert_str(found->connector, wanted.connector);
    assert_str(found->connection, wanted.connection);
    assert_str(found->owner.app, wanted.owner.app);
    assert_str(found->owner.user, wanted.owner.user);
    assert_true(str_is_empty(found->owner.apps) && str_is_empty(found->owner.superagent));
    assert_str(found->redirect_uri, wanted.redirect_uri);
    assert_str(found->scopes_asked, wanted.scopes_asked);
    assert_str(found->config_json, wanted.config_json);
    assert_str(found->sealed_secrets, wanted.sealed_secrets);
    assert_true(found->intent == INTENT_SWITCH && found->revoke && found->scopes_version == 4 &&
                found->credential_version == 2 && found->created_ms == T0 &&
                found->expires_ms == wanted.expires_ms);
    store_read_free(read);
}

static void test_a_flow_is_taken_once(void **state)
{
    struct harness *h = *state;
    const struct flow flow = sample_flow("print-1");
    assert_int_equal(take_flow(h, "print-1"), STATUS_CONFLICT);
    assert_int_equal(put_flow(h, &flow), STATUS_OK);
    assert_int_equal(put_flow(h, &flow), STATUS_CONFLICT);
    assert_int_equal(take_flow(h, "print-1"), STATUS_OK);
    assert_false(has_flow(h, "print-1"));
    assert_int_equal(take_flow(h, "print-1"), STATUS_CONFLICT);
}

static void test_of_two_who_take_one_gets_it(void **state)
{
    struct harness *h = *state;
    const struct flow flow = sample_flow("print-1");
    assert_int_equal(put_flow(h, &flow), STATUS_OK);
    struct store_write *writes[2];
    for (size_t i = 0; i < 2; i++) {
        writes[i] = store_write_new(T0);
        store_write_take_flow(writes[i], STR("print-1"));
        harness_send_write(h, writes[i]);
    }
    harness_wait(h, 2);
    assert_int_equal(writes[0]->status, STATUS_OK);
    assert_int_equal(writes[1]->status, STATUS_CONFLICT);
    store_write_free(writes[0]);
    store_write_free(writes[1]);
}

static void test_flows_are_forgotten_in_their_time(void **state)
{
    struct harness *h = *state;
    struct flow first = sample_flow("print-1"), second = sample_flow("print-2");
    second.connection = STR("c-2");
    second.expires_ms = first.expires_ms + 1;
    assert_int_equal(bounds_of(h, "c-1", T0).first_end_ms, TIME_NONE);
    assert_int_equal(put_flow(h, &first), STATUS_OK);
    assert_int_equal(put_flow(h, &second), STATUS_OK);
    struct flow_bounds bounds = bounds_of(h, "c-1", T0);
    assert_true(bounds.open == 2 && bounds.of_connection == 1 &&
                bounds.first_end_ms == first.expires_ms);
    bounds = bounds_of(h, "c-1", first.expires_ms); /* over, and not yet dropped */
    assert_true(bounds.open == 1 && bounds.of_connection == 0);
    purge(h, first.expires_ms - 1);
    assert_true(has_flow(h, "print-1"));
    purge(h, first.expires_ms);
    assert_false(has_flow(h, "print-1"));
    assert_true(has_flow(h, "print-2"));
    assert_int_equal(bounds_of(h, "c-1", T0).first_end_ms, second.expires_ms);
}

static void test_a_pending_connection_is_forgotten_with_its_owner_key(void **state)
{
    struct harness *h = *state;
    const struct connection pending = pending_connection("c-1", T0);
    assert_int_equal(put_connection(h, &pending), STATUS_OK);
    assert_int_equal(bounds_of(h, "c-1", T0).first_end_ms, T0 + FLOW_LIFETIME_MS);
    purge(h, T0 + FLOW_LIFETIME_MS - 1);
    assert_int_equal(count_connections(h, "c-1"), 1);
    purge(h, T0 + FLOW_LIFETIME_MS);
    assert_int_equal(count_connections(h, "c-1"), 0);
    assert_int_equal(bounds_of(h, "c-1", T0).first_end_ms, TIME_NONE);
    assert_int_equal(put_connection(h, &pending), STATUS_OK); /* its owner is free again */
    struct store_read *counts = store_read_new(STORE_READ_COUNTS);
    assert_int_equal(harness_read(h, counts), STATUS_OK);
    assert_int_equal(counts->count_count, 1);
    assert_int_equal(counts->counts[0].count, 1);
    store_read_free(counts);
}

static void test_only_what_is_pending_is_dropped(void **state)
{
    struct harness *h = *state;
    const struct connection pending = pending_connection("c-1", T0);
    const struct connection connected = sample_connection("c-2");
    const struct flow flow = sample_flow("print-1");
    assert_int_equal(put_connection(h, &pending), STATUS_OK);
    assert_int_equal(put_connection(h, &connected), STATUS_OK);
    assert_int_equal(put_flow(h, &flow), STATUS_OK);
    assert_int_equal(drop_pending(h, "c-2"), STATUS_CONFLICT);
    assert_int_equal(drop_pending(h, "c-9"), STATUS_CONFLICT);
    assert_int_equal(drop_pending(h, "c-1"), STATUS_OK);
    assert_int_equal(count_connections(h, "c-1"), 0);
    assert_int_equal(count_connections(h, "c-2"), 1);
    assert_false(has_flow(h, "print-1"));
    purge(h, INT64_MAX / 2);
    assert_int_equal(count_connections(h, "c-2"), 1);
}

static void test_a_pending_connection_makes_way_in_one_write(void **state)
{
    struct harness *h = *state;
    const struct connection pending = pending_connection("c-1", T0);
    struct connection other = sample_connection("c-2");
    other.owner = pending.owner;
    assert_int_equal(put_connection(h, &pending), STATUS_OK);
    assert_int_equal(put_connection(h, &other), STATUS_CONFLICT);
    struct store_write *write = store_write_new(T0);
    store_write_drop_pending(write, pending.id);
    store_write_put_connection(write, &other);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
    assert_int_equal(count_connections(h, "c-1"), 0);
    assert_int_equal(count_connections(h, "c-2"), 1);
}

static void test_one_purge_is_bounded(void **state)
{
    struct harness *h = *state;
    enum { MORE = STORE_FLOWS_PURGED_MAX + 20 };
    struct store_write *write = store_write_new(T0);
    char prints[MORE][16];
    for (int i = 0; i < MORE; i++) {
        snprintf(prints[i], sizeof(prints[i]), "print-%d", i);
        const struct flow flow = sample_flow(prints[i]);
        const struct connection pending = pending_connection(prints[i], T0);
        store_write_put_flow(write, &flow);
        store_write_put_connection(write, &pending);
    }
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
    purge(h, T0 + FLOW_LIFETIME_MS);
    assert_int_equal(bounds_of(h, "c-1", T0).open, 20);
    purge(h, T0 + FLOW_LIFETIME_MS);
    assert_int_equal(bounds_of(h, "c-1", T0).open, 0);
    assert_int_equal(bounds_of(h, "c-1", T0).first_end_ms, TIME_NONE);
}

static void test_a_connector_takes_its_flows_along(void **state)
{
    struct harness *h = *state;
    struct connector connector = sample_connector("gcal");
    const struct connection pending = pending_connection("c-1", T0);
    const struct flow flow = sample_flow("print-1");
    assert_int_equal(put_connector(h, &connector), STATUS_OK);
    assert_int_equal(put_connection(h, &pending), STATUS_OK); /* waiting hinders nobody */
    assert_int_equal(put_flow(h, &flow), STATUS_OK);
    struct store_write *write = store_write_new(T0);
    store_write_delete_connector(write, connector.id, 1);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
    assert_false(has_flow(h, "print-1"));
    assert_int_equal(count_connections(h, "c-1"), 0);
}

static void test_the_issuer_of_an_account_is_kept(void **state)
{
    struct harness *h = *state;
    struct connection connection = sample_connection("c-1");
    connection.account_issuer = STR("https://as.example");
    assert_int_equal(put_connection(h, &connection), STATUS_OK);
    struct store_read *read = get_connection(h, "c-1");
    assert_str(read->connections[0].account_issuer, connection.account_issuer);
    store_read_free(read);
}

int conformance_flows_run(const struct store_backend *backend)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_flow_comes_back_whole, backend),
        STORE_TEST(test_a_flow_is_taken_once, backend),
        STORE_TEST(test_of_two_who_take_one_gets_it, backend),
        STORE_TEST(test_flows_are_forgotten_in_their_time, backend),
        STORE_TEST(test_a_pending_connection_is_forgotten_with_its_owner_key, backend),
        STORE_TEST(test_only_what_is_pending_is_dropped, backend),
        STORE_TEST(test_a_pending_connection_makes_way_in_one_write, backend),
        STORE_TEST(test_one_purge_is_bounded, backend),
        STORE_TEST(test_a_connector_takes_its_flows_along, backend),
        STORE_TEST(test_the_issuer_of_an_account_is_kept, backend),
    };
    return cmocka_run_group_tests_name("flows", tests, NULL, NULL);
}
