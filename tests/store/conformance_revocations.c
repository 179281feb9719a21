/* Grants that wait to be revoked; who was handed tokens; what the audit is asked for. */
#include "store/cmocka_all.h"
#include "store/conformance.h"

#include <stdio.h>
#include <string.h>

static struct revocation sample_revocation(const char *connection, int64_t generation,
                                           int64_t due_ms)
{
    return (struct revocation){.connector = STR("gcal"),
                               .connection = str_c(connection),
                               .generation = generation,
                               .credential_version = 3,
                               .sealed_token = STR("sealed\0token"),
                               .is_access_token = true,
                               .created_ms = T0,
                               .due_ms = due_ms,
                               .tries = 2};
}

static void put_revocation(struct harness *h, const struct revocation *revocation)
{
    struct store_write *write = store_write_new(T0);
    store_write_put_revocation(write, revocation);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
}

static void drop_revocation(struct harness *h, const char *connection, int64_t generation)
{
    struct store_write *write = store_write_new(T0);
    store_write_drop_revocation(write, str_c(connection), generation);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
}

static struct store_read *read_revocations(struct harness *h, const char *connector,
                                           int64_t until_ms)
{
    struct store_read *read = store_read_new(STORE_READ_REVOCATIONS);
    read->connector = arena_copy(&read->arena, str_c(connector));
    read->until_ms = until_ms;
    assert_int_equal(harness_read(h, read), STATUS_OK);
    return read;
}

static void test_a_revocation_comes_back_whole(void **state)
{
    struct harness *h = *state;
    const struct revocation wanted = sample_revocation("c-1", 4, T0 + 9);
    put_revocation(h, &wanted);
    struct store_read *read = read_revocations(h, "", T0 + 9);
    assert_int_equal(read->revocation_count, 1);
    const struct revocation *found = &read->revocations[0];
    assert_str(found->connector, wanted.connector);
    assert_str(found->connection, wanted.connection);
    assert_str(found->sealed_token, wanted.sealed_token);
    assert_true(found->generation == 4 && found->credential_version == 3 &&
                found->is_access_token && found->created_ms == T0 && found->due_ms == T0 + 9 &&
                found->tries == 2);
    store_read_free(read);
}

static void test_revocations_by_their_time(void **state)
{
    struct harness *h = *state;
    struct revocation other = sample_revocation("d-1", 1, T0 + 2);
    other.connector = STR("crm");
    const struct revocation rows[] = {sample_revocation("c-2", 1, T0 + 3),
                                      sample_revocation("c-1", 1, T0 + 1),
                                      sample_revocation("c-1", 2, T0 + 1), other};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        put_revocation(h, &rows[i]);
    static const struct {
        const char *name, *connector, *expected;
        int64_t until_ms;
    } cases[] = {
        {"those due, earliest first", "", "c-1/1 c-1/2 d-1/1 ", T0 + 2},
        {"of one connector", "gcal", "c-1/1 c-1/2 c-2/1 ", INT64_MAX},
        {"none yet", "", "", T0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_read *read = read_revocations(h, cases[i].connector, cases[i].until_ms);
        char found[100] = "";
        for (size_t j = 0; j < read->revocation_count; j++)
            snprintf(found + strlen(found), sizeof(found) - strlen(found), STR_FMT "/%d ",
                     STR_ARG(read->revocations[j].connection),
                     (int)read->revocations[j].generation);
        if (strcmp(found, cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].name, found);
        store_read_free(read);
    }
}

static void test_a_revocation_is_replaced_and_dropped(void **state)
{
    struct harness *h = *state;
    struct revocation one = sample_revocation("c-1", 1, T0);
    put_revocation(h, &one);
    one.tries = 7;
    put_revocation(h, &one);
    const struct revocation two = sample_revocation("c-1", 2, T0);
    put_revocation(h, &two);
    struct store_read *read = read_revocations(h, "", T0);
    assert_int_equal(read->revocation_count, 2);
    assert_int_equal(read->revocations[0].tries, 7);
    store_read_free(read);
    drop_revocation(h, "c-1", 1);
    drop_revocation(h, "c-1", 1); /* no matter */
    read = read_revocations(h, "", T0);
    assert_int_equal(read->revocation_count, 1);
    assert_int_equal(read->revocations[0].generation, 2);
    store_read_free(read);
}

static void test_revocations_go_with_their_connector(void **state)
{
    struct harness *h = *state;
    struct connector connector = sample_connector("gcal");
    assert_int_equal(put_connector(h, &connector), STATUS_OK);
    const struct revocation one = sample_revocation("c-1", 1, T0);
    put_revocation(h, &one);
    struct store_write *write = store_write_new(T0);
    store_write_delete_connector(write, STR("gcal"), 1);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
    struct store_read *read = read_revocations(h, "", INT64_MAX);
    assert_int_equal(read->revocation_count, 0);
    store_read_free(read);
}

/* ---- token uses ---- */

static void add_use(struct harness *h, int64_t uid, const char *connection, int64_t hour_wall_ms,
                    int64_t count)
{
    struct store_write *write = store_write_new(T0);
    const struct token_use use = {
        .uid = uid, .connection = str_c(connection), .hour_wall_ms = hour_wall_ms, .count = count};
    store_write_add_token_use(write, &use);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
}

static void list_uses(struct harness *h, const char *subject, int64_t uid, char *found, size_t size)
{
    struct store_read *last = NULL;
    found[0] = '\0';
    for (;;) { /* a page holds one: the cursor is tried as well */
        struct store_read *read = store_read_new(STORE_READ_TOKEN_USES);
        read->limit = 1;
        read->audit_filter.subject = arena_copy(&read->arena, str_c(subject));
        read->audit_filter.uid = uid;
        if (last != NULL) {
            read->after = last->token_uses[0].hour_wall_ms;
            read->cursor = arena_copy(&read->arena, last->token_uses[0].connection);
            read->after_uid = last->token_uses[0].uid;
        }
        assert_int_equal(harness_read(h, read), STATUS_OK);
        store_read_free(last);
        last = read;
        if (read->token_use_count == 0)
            break;
        const struct token_use *use = &read->token_uses[0];
        snprintf(found + strlen(found), size - strlen(found), "%d:" STR_FMT ":%d=%d ",
                 (int)use->hour_wall_ms, STR_ARG(use->connection), (int)use->uid, (int)use->count);
    }
    store_read_free(last);
}

static void test_token_uses_are_counted(void **state)
{
    struct harness *h = *state;
    add_use(h, 1000, "c-2", 3600, 5);
    add_use(h, 1000, "c-1", 3600, 2);
    add_use(h, 1000, "c-1", 3600, 3);
    add_use(h, 1001, "c-1", 3600, 1);
    add_use(h, 1000, "c-1", 7200, 4);
    char found[200];
    list_uses(h, "", -1, found, sizeof(found));
    assert_string_equal(found, "3600:c-1:1000=5 3600:c-1:1001=1 3600:c-2:1000=5 7200:c-1:1000=4 ");
    list_uses(h, "c-1", 1000, found, sizeof(found));
    assert_string_equal(found, "3600:c-1:1000=5 7200:c-1:1000=4 ");
}

/* ---- the audit's filters and its end ---- */

static void append_audit(struct harness *h, int64_t wall_ms, int64_t uid, const char *method,
                         const char *subject, const char *outcome)
{
    struct store_write *write = store_write_new(T0);
    const struct audit_entry entry = {.wall_ms = wall_ms,
                                      .uid = uid,
                                      .method = str_c(method),
                                      .subject = str_c(subject),
                                      .outcome = str_c(outcome),
                                      .detail = STR("{}")};
    store_write_append_audit(write, &entry);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
}

static size_t count_audit(struct harness *h, struct audit_filter filter)
{
    struct store_read *read = store_read_new(STORE_READ_AUDIT);
    read->audit_filter = filter;
    assert_int_equal(harness_read(h, read), STATUS_OK);
    size_t count = read->audit_count;
    store_read_free(read);
    return count;
}

static void test_audit_filters(void **state)
{
    struct harness *h = *state;
    append_audit(h, T0, 0, "rotate", "gcal", "ok");
    append_audit(h, T0, 1000, "rotate", "gcal", "check_failed");
    append_audit(h, T0, 1000, "disconnect", "c-1", "ok");
    static const struct {
        const char *name;
        struct audit_filter filter;
        size_t expected;
    } rows[] = {
        {"all", {.uid = -1}, 3},
        {"of a method", {.method = {.data = "rotate", .len = 6}, .uid = -1}, 2},
        {"of a subject", {.subject = {.data = "c-1", .len = 3}, .uid = -1}, 1},
        {"of an outcome", {.outcome = {.data = "ok", .len = 2}, .uid = -1}, 2},
        {"of a user", {.uid = 1000}, 2},
        {"of root", {.uid = 0}, 1},
        {"of all at once", {.method = {.data = "rotate", .len = 6}, .uid = 1000}, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (count_audit(h, rows[i].filter) != rows[i].expected)
            fail_msg("%s", rows[i].name);
    }
}

static void purge_audit(struct harness *h, int64_t before_wall_ms)
{
    struct store_write *write = store_write_new(T0);
    store_write_purge_audit(write, before_wall_ms);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    store_write_free(write);
}

static void test_old_audit_goes_and_no_number_comes_twice(void **state)
{
    struct harness *h = *state;
    append_audit(h, 10, 0, "rotate", "gcal", "ok");
    append_audit(h, 20, 0, "rotate", "gcal", "ok");
    append_audit(h, 30, 0, "rotate", "gcal", "ok");
    add_use(h, 1, "c-1", 10, 1);
    add_use(h, 1, "c-1", 30, 1);
    purge_audit(h, 20);
    assert_int_equal(count_audit(h, (struct audit_filter){.uid = -1}), 2);
    char found[100];
    list_uses(h, "", -1, found, sizeof(found));
    assert_string_equal(found, "30:c-1:1=1 ");
    purge_audit(h, 1000); /* the newest stays */
    append_audit(h, 40, 0, "rotate", "gcal", "ok");
    struct store_read *read = store_read_new(STORE_READ_AUDIT);
    assert_int_equal(harness_read(h, read), STATUS_OK);
    assert_int_equal(read->audit_count, 2);
    assert_int_equal(read->audit[1].seq, 4);
    store_read_free(read);
}

int conformance_revocations_run(const struct store_backend *backend)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_revocation_comes_back_whole, backend),
        STORE_TEST(test_revocations_by_their_time, backend),
        STORE_TEST(test_a_revocation_is_replaced_and_dropped, backend),
        STORE_TEST(test_revocations_go_with_their_connector, backend),
        STORE_TEST(test_token_uses_are_counted, backend),
        STORE_TEST(test_audit_filters, backend),
        STORE_TEST(test_old_audit_goes_and_no_number_comes_twice, backend),
    };
    return cmocka_run_group_tests_name("revocations and audit", tests, NULL, NULL);
}
