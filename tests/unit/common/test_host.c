#include "common/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static const struct {
    const char *name;
    struct str host;
    bool is_valid;
} rows[] = {
    {"a name", STR_INIT("redis.internal"), true},
    {"of one word, with what people use", STR_INIT("Redis_1-b"), true},
    {"IPv4", STR_INIT("10.0.0.5"), true},
    {"IPv6", STR_INIT("::1"), true},
    {"IPv6 of one link", STR_INIT("fe80::1%eth0"), true},
    {"nothing", STR_INIT(""), false},
    {"everything below a domain", STR_INIT(".internal"), false},
    {"a zone alone", STR_INIT("%eth0"), false},
    {"a blank", STR_INIT("h h"), false},
    {"brackets", STR_INIT("[::1]"), false},
    {"a path", STR_INIT("h/x"), false},
    {"a NUL in it", STR_INIT("h\0h"), false},
    {"a letter beyond ASCII", STR_INIT("\xc3\xa9.internal"), false},
};

static void tells_hosts(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].name);
        assert_int_equal(host_is_valid(rows[i].host), rows[i].is_valid);
    }
}

static void a_host_has_253_bytes_at_most(void **state UNUSED)
{
    char text[HOST_BYTES_MAX + 1];
    memset(text, 'a', sizeof(text));
    assert_true(host_is_valid((struct str){.data = text, .len = HOST_BYTES_MAX}));
    assert_false(host_is_valid((struct str){.data = text, .len = HOST_BYTES_MAX + 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_hosts),
        cmocka_unit_test(a_host_has_253_bytes_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
