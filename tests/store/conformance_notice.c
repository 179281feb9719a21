/* What early notice needs: who reads, whose account it is, which security events were acted on. */
#include "store/cmocka_all.h"
#include "store/conformance.h"

#include <stdio.h>
#include <string.h>

static void note_read(struct harness *h, const char *connection, int64_t at_ms)
{
    struct store_write *write = store_write_new(T0);
    store_write_note_read(write, str_c(connection), at_ms);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
}

static void assert_last_read(struct harness *h, int64_t at_ms, int64_t version)
{
    struct store_read *read = get_connection(h, "c-1");
    assert_int_equal(read->connections[0].last_read_ms, at_ms);
    assert_int_equal(read->connections[0].version, version);
    store_read_free(read);
}

static void test_a_reading_is_noted_beside_the_version(void **state)
{
    struct harness *h = *state;
    struct connection c = sample_connection("c-1");
    assert_int_equal(put_connection(h, &c), STATUS_OK);
    note_read(h, "c-1", T0 + 5);
    assert_last_read(h, T0 + 5, 1);
    note_read(h, "c-1", T0 + 3); /* never back */
    assert_last_read(h, T0 + 5, 1);
    note_read(h, "c-unknown", T0); /* no matter */
    c.version = 1;
    c.last_read_ms = T0 + 1; /* a record that was read before */
    assert_int_equal(put_connection(h, &c), STATUS_OK);
    assert_last_read(h, T0 + 5, 2);
    c.version = 2;
    c.last_read_ms = T0 + 9;
    assert_int_equal(put_connection(h, &c), STATUS_OK);
    assert_last_read(h, T0 + 9, 3);
}

/* ---- accounts ---- */

static void list_account(struct harness *h, const char *id, const char *label, char found[200])
{
    char cursor[64] = "";
    found[0] = '\0';
    for (;;) { /* a page holds one: the cursor is tried as well */
        struct store_read *read = store_read_new(STORE_READ_ACCOUNT);
        read->limit = 1;
        read->subject = arena_copy(&read->arena, str_c(id));
        read->name = arena_copy(&read->arena, str_c(label));
        read->cursor = arena_copy(&read->arena, str_c(cursor));
        assert_int_equal(harness_read(h, read), STATUS_OK);
        size_t count = read->connection_count;
        if (count > 0) {
            str_copy_cut(read->connections[0].id, cursor, sizeof(cursor));
            snprintf(found + strlen(found), 200 - strlen(found), "%s ", cursor);
        }
        store_read_free(read);
        if (count == 0)
            return;
    }
}

static void put_account(struct harness *h, const char *id, int64_t version, const char *account,
                        const char *label)
{
    struct connection c = sample_connection(id);
    char user[64];
    snprintf(user, sizeof(user), "u-%s", id);
    c.owner = (struct owner){.app = STR("crm"), .user = str_c(user)};
    c.account_id = str_c(account);
    c.account_label = str_c(label);
    c.version = version;
    assert_int_equal(put_connection(h, &c), STATUS_OK);
}

static void test_connections_by_their_account(void **state)
{
    struct harness *h = *state;
    struct connector connector = sample_connector("gcal");
    assert_int_equal(put_connector(h, &connector), STATUS_OK);
    put_account(h, "c-2", 0, "1093", "ana@example.com");
    put_account(h, "c-1", 0, "1093", "ana@example.com");
    put_account(h, "c-3", 0, "2000", "ben@example.com");
    put_account(h, "c-4", 0, "", "");
    static const struct {
        const char *name, *id, *label, *expected;
    } rows[] = {
        {"two of one account", "1093", "", "c-1 c-2 "},
        {"by label", "", "ben@example.com", "c-3 "},
        {"nobody's", "9999", "", ""},
        {"a label is no id", "ben@example.com", "", ""},
    };
    char found[200];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        list_account(h, rows[i].id, rows[i].label, found);
        if (strcmp(found, rows[i].expected) != 0)
            fail_msg("%s: \"%s\"", rows[i].name, found);
    }
    put_account(h, "c-2", 1, "3000", "cy@example.com"); /* a switch */
    list_account(h, "1093", "", found);
    assert_string_equal(found, "c-1 ");
    list_account(h, "3000", "", found);
    assert_string_equal(found, "c-2 ");
}

/* ---- what was acted on ---- */

static enum status put_seen(struct harness *h, const char *source, const char *id, int64_t until_ms)
{
    struct store_write *write = store_write_new(T0);
    store_write_put_seen(write, str_c(source), str_c(id), until_ms);
    store_write_put_meta(write, STR("beside"), str_c(id));
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

static void assert_beside(struct harness *h, const char *expected)
{
    struct store_read *read = store_read_new(STORE_READ_META);
    read->name = arena_copy(&read->arena, STR("beside"));
    assert_int_equal(harness_read(h, read), STATUS_OK);
    assert_str(read->value, str_c(expected));
    store_read_free(read);
}

static bool is_seen(struct harness *h, const char *source, const char *id)
{
    struct store_read *read = store_read_new(STORE_READ_SEEN);
    read->name = arena_copy(&read->arena, str_c(source));
    read->subject = arena_copy(&read->arena, str_c(id));
    assert_int_equal(harness_read(h, read), STATUS_OK);
    bool is_set = str_is_set(read->value);
    store_read_free(read);
    return is_set;
}

static void test_the_same_is_acted_on_once(void **state)
{
    struct harness *h = *state;
    assert_int_equal(put_seen(h, "google", "jti-1", T0 + 10), STATUS_OK);
    assert_int_equal(put_seen(h, "google", "jti-2", T0 + 20), STATUS_OK);
    assert_int_equal(put_seen(h, "other", "jti-1", T0 + 20), STATUS_OK);
    assert_true(is_seen(h, "google", "jti-1"));
    assert_false(is_seen(h, "other", "jti-2"));
    assert_beside(h, "jti-1");
    assert_int_equal(put_seen(h, "google", "jti-2", T0 + 30), STATUS_CONFLICT);
    assert_beside(h, "jti-1"); /* the whole write did not happen */
    struct store_write *write = store_write_new(T0);
    store_write_purge_seen(write, T0 + 10);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
    assert_int_equal(put_seen(h, "google", "jti-1", T0 + 40), STATUS_OK);
    assert_int_equal(put_seen(h, "google", "jti-2", T0 + 40), STATUS_CONFLICT);
}

int conformance_notice_run(const struct store_backend *backend)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_reading_is_noted_beside_the_version, backend),
        STORE_TEST(test_connections_by_their_account, backend),
        STORE_TEST(test_the_same_is_acted_on_once, backend),
    };
    return cmocka_run_group_tests_name("early notice", tests, NULL, NULL);
}
