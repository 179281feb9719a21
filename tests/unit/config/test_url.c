/* Addresses: texts in, parts out. */
#include "config/config_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct redis_row {
    const char *text;
    enum config_redis_kind kind; /* NONE: refused */
    const char *host, *path, *username, *password;
    int64_t port, database;
    bool tls;
};

#define TCP CONFIG_REDIS_TCP
#define UNIX CONFIG_REDIS_UNIX
#define NONE CONFIG_REDIS_NONE

static const struct redis_row redis_rows[] = {
    {"redis://h", TCP, "h", NULL, NULL, NULL, 6379, 0, false},
    {"redis://h/", TCP, "h", NULL, NULL, NULL, 6379, 0, false},
    {"redis://h:7000/3", TCP, "h", NULL, NULL, NULL, 7000, 3, false},
    {"redis://[::1]:7000/3", TCP, "::1", NULL, NULL, NULL, 7000, 3, false},
    {"redis://[fe80::1%eth0]", TCP, "fe80::1%eth0", NULL, NULL, NULL, 6379, 0, false},
    {"redis://:pw@h", TCP, "h", NULL, NULL, "pw", 6379, 0, false},
    {"redis://ana:pw@h:1", TCP, "h", NULL, "ana", "pw", 1, 0, false},
    {"redis://ana:p%40%3a%2F@h", TCP, "h", NULL, "ana", "p@:/", 6379, 0, false},
    {"redis://ana:p@q@h", TCP, "h", NULL, "ana", "p@q", 6379, 0, false},
    {"rediss://h", TCP, "h", NULL, NULL, NULL, 6379, 0, true},
    {"rediss://ana:pw@h:7000/3", TCP, "h", NULL, "ana", "pw", 7000, 3, true},
    {"rediss://[::1]", TCP, "::1", NULL, NULL, NULL, 6379, 0, true},
    {"unix:/run/r.sock", UNIX, NULL, "/run/r.sock", NULL, NULL, 0, 0, false},
    {"unix:///run/r.sock?db=2", UNIX, NULL, "/run/r.sock", NULL, NULL, 0, 2, false},
    {"unix:/run/r.sock?db=15", UNIX, NULL, "/run/r.sock", NULL, NULL, 0, 15, false},
    {"redis://", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"redis://h:0", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"redis://h:65536", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"redis://h:", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"redis://h/x", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"redis://h/-1", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"redis://h/0/1", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"redis://[::1", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"redis://::1", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"redis://h h", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"redis://ana@h", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"redis://ana:@h", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"redis://ana:%4@h", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"redis://ana:%00@h", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"rediss://", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"rediss://h:0", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"redissx://h", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"rediss:h", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"unix:relative", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"unix:/run/r.sock?x=1", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"/run/r.sock", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"http://h", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
};

static void redis_urls(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(redis_rows); i++) {
        const struct redis_row *row = &redis_rows[i];
        struct arena arena = {0};
        struct config_redis_url url = {0};
        struct error err = {0};
        print_message("  %s\n", row->text);
        enum status status = config_redis_url_parse(str_c(row->text), &arena, &url, &err);
        assert_int_equal(status, row->kind == NONE ? STATUS_INVALID : STATUS_OK);
        assert_int_equal(url.kind, row->kind);
        assert_true(str_eq(url.host, str_c(row->host)));
        assert_true(str_eq(url.socket_path, str_c(row->path)));
        assert_true(str_eq(url.username, str_c(row->username)));
        assert_true(str_eq(url.password, str_c(row->password)));
        assert_int_equal(url.port, row->port);
        assert_int_equal(url.database, row->database);
        assert_int_equal(url.tls, row->tls);
        arena_deinit(&arena);
    }
}

struct store_row {
    const char *text, *path, *url; /* both NULL: refused */
};

static const struct store_row store_rows[] = {
    {"sqlite:/var/lib/refreshd/refreshd.db", "/var/lib/refreshd/refreshd.db", NULL},
    {"sqlite:///x.db", "///x.db", NULL},
    {"postgresql://u:p@h/db?sslmode=require", NULL, "postgresql://u:p@h/db?sslmode=require"},
    {"postgres:///db", NULL, "postgres:///db"},
    {"sqlite:x.db", NULL, NULL},
    {"sqlite:", NULL, NULL},
    {"sqlite:/", NULL, NULL},
    {"sqlite:/dir/", NULL, NULL},
    {"/x.db", NULL, NULL},
    {"mysql://h", NULL, NULL},
};

static void store_urls(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(store_rows); i++) {
        const struct store_row *row = &store_rows[i];
        struct arena arena = {0};
        struct config_store_url url = {0};
        bool good = row->path != NULL || row->url != NULL;
        print_message("  %s\n", row->text);
        assert_int_equal(config_store_url_parse(str_c(row->text), &arena, &url, NULL),
                         good ? STATUS_OK : STATUS_INVALID);
        assert_true(str_eq(url.path, str_c(row->path)));
        assert_true(str_eq(url.url, str_c(row->url)));
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redis_urls),
        cmocka_unit_test(store_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
