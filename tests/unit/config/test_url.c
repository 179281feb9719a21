/* Addresses: texts in, parts out. */
#include "config/config_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

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
    {"redis://.internal", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
    {"redis://%eth0", NONE, NULL, NULL, NULL, NULL, 0, 0, false},
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

struct sentinel_row {
    const char *text;
    const char *sentinels; /* "host port, host port"; NULL: refused */
    const char *master, *username, *password;
    int64_t database;
    bool tls;
};

static const struct sentinel_row sentinel_rows[] = {
    {"redis+sentinel://h/m", "h 26379", "m", NULL, NULL, 0, false},
    {"redis+sentinel://h/m/", "h 26379", "m", NULL, NULL, 0, false},
    {"rediss+sentinel://h,i:1/m/2", "h 26379, i 1", "m", NULL, NULL, 2, true},
    {"rediss+sentinel://h", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h:1,[::1]:2,[::2],i/m/3", "h 1, ::1 2, ::2 26379, i 26379", "m", NULL, NULL,
     3, false},
    {"redis+sentinel://ana:p@q@h,i/m", "h 26379, i 26379", "m", "ana", "p@q", 0, false},
    {"redis+sentinel://:p%2C%2f@h/m", "h 26379", "m", NULL, "p,/", 0, false},
    {"redis+sentinel://h/my-master_1.a", "h 26379", "my-master_1.a", NULL, NULL, 0, false},
    {"redis+sentinel://h/a%2Fb/1", "h 26379", "a/b", NULL, NULL, 1, false},
    {"redis+sentinel://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p/m",
     "a 26379, b 26379, c 26379, d 26379, e 26379, f 26379, g 26379, h 26379, i 26379, j 26379, "
     "k 26379, l 26379, m 26379, n 26379, o 26379, p 26379",
     "m", NULL, NULL, 0, false},
    {"redis+sentinel://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q/m", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h:1,h:2,i:1/m", "h 1, h 2, i 1", "m", NULL, NULL, 0, false},
    {"redis+sentinel://h,h/m", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h,i:26379,H:26379/m", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://[::1]:1,i,[::1]:1/m", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h/", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h//0", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel:///m", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h,/m", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://,h/m", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h,,i/m", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h, i/m", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h:0/m", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h:65536/m", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://::1/m", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://[::1/m", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h/a b", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h/a%20b", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h/a%0", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h/m/x", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h/m/-1", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://h/m/0/0", NULL, NULL, NULL, NULL, 0, false},
    {"redis+sentinel://ana@h/m", NULL, NULL, NULL, NULL, 0, false},
    {"redis-sentinel://h/m", NULL, NULL, NULL, NULL, 0, false},
};

static const char *sentinels_text(const struct config_redis_url *url, char *text, size_t size)
{
    text[0] = '\0';
    for (size_t i = 0; i < url->sentinel_count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, size - used, "%s" STR_FMT " %lld", i > 0 ? ", " : "",
                 STR_ARG(url->sentinels[i].host), (long long)url->sentinels[i].port);
    }
    return text;
}

static void sentinel_urls(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(sentinel_rows); i++) {
        const struct sentinel_row *row = &sentinel_rows[i];
        struct arena arena = {0};
        struct config_redis_url url = {0};
        struct error err = {0};
        char text[400];
        bool good = row->sentinels != NULL;
        print_message("  %s\n", row->text);
        enum status status = config_redis_url_parse(str_c(row->text), &arena, &url, &err);
        assert_int_equal(status, good ? STATUS_OK : STATUS_INVALID);
        assert_int_equal(url.kind, good ? CONFIG_REDIS_SENTINEL : CONFIG_REDIS_NONE);
        assert_string_equal(sentinels_text(&url, text, sizeof(text)), good ? row->sentinels : "");
        assert_int_equal(url.tls, row->tls);
        assert_true(str_eq(url.master_name, str_c(row->master)));
        assert_true(str_eq(url.username, str_c(row->username)));
        assert_true(str_eq(url.password, str_c(row->password)));
        assert_int_equal(url.database, row->database);
        arena_deinit(&arena);
    }
}

static void says_which_sentinel_stands_twice(void **state UNUSED)
{
    struct arena arena = {0};
    struct config_redis_url url = {0};
    struct error err = {0};
    assert_int_equal(
        config_redis_url_parse(STR("redis+sentinel://h,i,h:26379/m"), &arena, &url, &err),
        STATUS_INVALID);
    assert_string_equal(err.text, "each sentinel once, since most of them decide (h port 26379 "
                                  "stands twice)");
    arena_deinit(&arena);
}

static void a_master_has_a_name_of_128_at_most(void **state UNUSED)
{
    char text[] = "redis+sentinel://h/"
                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct arena arena = {0};
    struct config_redis_url url = {0};
    assert_int_equal(config_redis_url_parse(str_c(text), &arena, &url, NULL), STATUS_INVALID);
    text[sizeof(text) - 2] = '\0';
    assert_int_equal(config_redis_url_parse(str_c(text), &arena, &url, NULL), STATUS_OK);
    assert_int_equal(url.master_name.len, CONFIG_MASTER_NAME_MAX);
    arena_deinit(&arena);
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
        cmocka_unit_test(sentinel_urls),
        cmocka_unit_test(says_which_sentinel_stands_twice),
        cmocka_unit_test(a_master_has_a_name_of_128_at_most),
        cmocka_unit_test(store_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
