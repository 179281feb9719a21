/* Connectors and their credentials. */
#include "store/cmocka_all.h"
#include "store/conformance.h"

static struct connector full_connector(void)
{
    struct connector c = sample_connector("gcal");
    c.profile_json = STR("{\"id\":\"google\"}");
    c.config_json = STR("{\"tenant\":\"x\"}");
    c.app_hint = STR("Settings");
    c.scopes_version = 4;
    c.scopes_changed_ms = 5;
    c.scopes_added = STR("a");
    c.scopes_removed = STR("b");
    c.only_missing = true;
    c.policy = REFRESH_ON_DEMAND;
    c.idle_after_ms = 6;
    c.probe_every_ms = 7;
    c.refreshed_events = true;
    c.credential_version = 8;
    c.rotated_ms = 9;
    c.rotated_seq = 10;
    c.rescoped_seq = 11;
    c.disabled = true;
    c.rejected_ms = 12;
    c.probe_due_ms = 13;
    c.probe_interval_ms = 14;
    c.provider_error_code = STR("invalid_client");
    c.provider_error_message = STR("The OAuth client was not found.");
    c.provider_error_status = 401;
    c.sweep = (struct sweep){
        .scopes_version = 15, .cursor = STR("c-9"), .done = 16, .affected = 17, .total = 18};
    return c;
}

static void assert_same(const struct connector *a, const struct connector *b)
{
#define TEXT(member) assert_str(a->member, b->member)
#define SAME(member) assert_true(a->member == b->member)
    TEXT(id);
    TEXT(name);
    SAME(type);
    TEXT(provider);
    TEXT(profile_json);
    TEXT(config_json);
    TEXT(app_hint);
    TEXT(scopes);
    SAME(scopes_version);
    SAME(scopes_changed_ms);
    TEXT(scopes_added);
    TEXT(scopes_removed);
    SAME(only_missing);
    SAME(policy);
    SAME(idle_after_ms);
    SAME(probe_every_ms);
    SAME(refreshed_events);
    SAME(credential_version);
    SAME(rotated_ms);
    SAME(rotated_seq);
    SAME(rescoped_seq);
    SAME(disabled);
    SAME(rejected_ms);
    SAME(probe_due_ms);
    SAME(probe_interval_ms);
    TEXT(provider_error_code);
    TEXT(provider_error_message);
    SAME(provider_error_status);
    SAME(sweep.scopes_version);
    TEXT(sweep.cursor);
    SAME(sweep.done);
    SAME(sweep.affected);
    SAME(sweep.total);
    SAME(created_ms);
#undef TEXT
#undef SAME
}

static struct store_read *read_connectors(struct harness *h)
{
    struct store_read *read = store_read_new(STORE_READ_CONNECTORS);
    assert_int_equal(harness_read(h, read), STATUS_OK);
    return read;
}

static void test_every_field_comes_back(void **state)
{
    struct harness *h = *state;
    struct connector wanted[] = {full_connector(), {.id = STR("gcal"), .version = 1}};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        assert_int_equal(put_connector(h, &wanted[i]), STATUS_OK);
        struct store_read *read = read_connectors(h);
        assert_int_equal(read->connector_count, 1);
        assert_int_equal(read->connectors[0].version, i + 1);
        assert_same(&read->connectors[0], &wanted[i]);
        store_read_free(read);
    }
}

static void test_compare_and_set(void **state)
{
    static const struct {
        const char *name;
        int64_t version;
        enum status status;
    } rows[] = {
        {"update what is not there", 1, STATUS_CONFLICT},
        {"insert", 0, STATUS_OK},
        {"insert again", 0, STATUS_CONFLICT},
        {"update", 1, STATUS_OK},
        {"update the old one", 1, STATUS_CONFLICT},
    };
    struct harness *h = *state;
    struct connector c = sample_connector("gcal");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        c.version = rows[i].version;
        if (put_connector(h, &c) != rows[i].status)
            fail_msg("%s", rows[i].name);
    }
}

static enum status put_credential(struct harness *h, const struct credential *credential)
{
    struct store_write *write = store_write_new(T0);
    store_write_put_credential(write, credential);
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

static void test_credentials(void **state)
{
    struct harness *h = *state;
    struct credential one = {.connector = STR("gcal"),
                             .version = 1,
                             .state = CREDENTIAL_RETIRING,
                             .client_id = STR("id-1"),
                             .method = AUTH_TLS_CLIENT_AUTH,
                             .sealed_secret = STR("sealed\0secret"),
                             .certificate = STR("PEM"),
                             .key_id = STR("2026-a"),
                             .created_ms = 1,
                             .retires_ms = 2,
                             .last_success_ms = 3,
                             .rejected_ms = 4};
    struct credential two = {.connector = STR("gcal"), .version = 2};
    assert_int_equal(put_credential(h, &two), STATUS_OK);
    assert_int_equal(put_credential(h, &two), STATUS_OK); /* replaces */
    assert_int_equal(put_credential(h, &one), STATUS_OK);
    struct store_read *read = read_connectors(h);
    assert_int_equal(read->credential_count, 2);
    bool first_is_one = read->credentials[0].version == 1;
    const struct credential *found = &read->credentials[first_is_one ? 0 : 1];
    assert_str(found->connector, one.connector);
    assert_int_equal(found->state, one.state);
    assert_str(found->client_id, one.client_id);
    assert_int_equal(found->method, one.method);
    assert_str(found->sealed_secret, one.sealed_secret);
    assert_str(found->certificate, one.certificate);
    assert_str(found->key_id, one.key_id);
    assert_true(found->created_ms == 1 && found->retires_ms == 2 && found->last_success_ms == 3 &&
                found->rejected_ms == 4);
    store_read_free(read);
}

static enum status delete_connector(struct harness *h, int64_t version)
{
    struct store_write *write = store_write_new(T0);
    store_write_delete_connector(write, STR("gcal"), version);
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

static void test_deleting(void **state)
{
    struct harness *h = *state;
    struct connector connector = sample_connector("gcal");
    struct credential credential = {.connector = STR("gcal"), .version = 1};
    struct connection c = sample_connection("c-1");
    assert_int_equal(put_connector(h, &connector), STATUS_OK);
    assert_int_equal(put_credential(h, &credential), STATUS_OK);
    assert_int_equal(put_connection(h, &c), STATUS_OK);
    assert_int_equal(delete_connector(h, 1), STATUS_CONFLICT); /* a live connection */
    c.version = 1;
    c.phase = PHASE_DISCONNECTED;
    assert_int_equal(put_connection(h, &c), STATUS_OK);
    assert_int_equal(delete_connector(h, 2), STATUS_CONFLICT); /* another version */
    assert_int_equal(delete_connector(h, 1), STATUS_OK);
    struct store_read *read = read_connectors(h);
    assert_int_equal(read->connector_count, 0);
    assert_int_equal(read->credential_count, 0);
    store_read_free(read);
    read = get_connection(h, "c-1");
    assert_int_equal(read->connection_count, 0);
    store_read_free(read);
    read = store_read_new(STORE_READ_COUNTS);
    assert_int_equal(harness_read(h, read), STATUS_OK);
    assert_int_equal(read->count_count, 0);
    store_read_free(read);
    c.version = 0;
    assert_int_equal(put_connection(h, &c), STATUS_OK); /* its owner's key is free again */
}

int conformance_connectors_run(const struct store_backend *backend)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_every_field_comes_back, backend),
        STORE_TEST(test_compare_and_set, backend),
        STORE_TEST(test_credentials, backend),
        STORE_TEST(test_deleting, backend),
    };
    return cmocka_run_group_tests_name("connectors", tests, NULL, NULL);
}
