/* Which addresses a request may go to. */
#include "io/http_curl_address.h"

#include "common/macros.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static const struct {
    const char *address;
    enum address_kind kind;
} rows[] = {
    {"8.8.8.8", ADDRESS_PUBLIC},
    {"1.1.1.1", ADDRESS_PUBLIC},
    {"172.15.255.255", ADDRESS_PUBLIC},
    {"172.32.0.0", ADDRESS_PUBLIC},
    {"100.63.255.255", ADDRESS_PUBLIC},
    {"100.128.0.0", ADDRESS_PUBLIC},
    {"169.253.255.255", ADDRESS_PUBLIC},
    {"223.255.255.255", ADDRESS_PUBLIC},
    {"2606:4700::1111", ADDRESS_PUBLIC},
    {"64:ff9b::8.8.8.8", ADDRESS_PUBLIC},
    {"10.0.0.1", ADDRESS_PRIVATE},
    {"172.16.0.1", ADDRESS_PRIVATE},
    {"172.31.255.255", ADDRESS_PRIVATE},
    {"192.168.1.1", ADDRESS_PRIVATE},
    {"100.64.0.1", ADDRESS_PRIVATE},
    {"192.0.2.1", ADDRESS_PRIVATE},
    {"198.19.255.255", ADDRESS_PRIVATE},
    {"fc00::1", ADDRESS_PRIVATE},
    {"fdff::1", ADDRESS_PRIVATE},
    {"fec0::1", ADDRESS_PRIVATE},
    {"2001:db8::1", ADDRESS_PRIVATE},
    {"::ffff:10.0.0.1", ADDRESS_PRIVATE},
    {"64:ff9b::192.168.0.1", ADDRESS_PRIVATE},
    {"127.0.0.1", ADDRESS_LOOPBACK},
    {"127.255.255.254", ADDRESS_LOOPBACK},
    {"::1", ADDRESS_LOOPBACK},
    {"::ffff:127.0.0.1", ADDRESS_LOOPBACK},
    {"2002:7f00:1::", ADDRESS_LOOPBACK},
    {"169.254.0.0", ADDRESS_FORBIDDEN},
    {"169.254.169.254", ADDRESS_FORBIDDEN},
    {"168.63.129.16", ADDRESS_FORBIDDEN},
    {"100.100.100.200", ADDRESS_FORBIDDEN},
    {"192.0.0.192", ADDRESS_FORBIDDEN},
    {"0.0.0.0", ADDRESS_FORBIDDEN},
    {"0.1.2.3", ADDRESS_FORBIDDEN},
    {"224.0.0.1", ADDRESS_FORBIDDEN},
    {"240.0.0.1", ADDRESS_FORBIDDEN},
    {"255.255.255.255", ADDRESS_FORBIDDEN},
    {"fe80::1", ADDRESS_FORBIDDEN},
    {"febf::1", ADDRESS_FORBIDDEN},
    {"fd00:ec2::254", ADDRESS_FORBIDDEN},
    {"fd20:ce::254", ADDRESS_FORBIDDEN},
    {"ff02::1", ADDRESS_FORBIDDEN},
    {"::", ADDRESS_FORBIDDEN},
    {"::ffff:169.254.169.254", ADDRESS_FORBIDDEN},
    {"64:ff9b::169.254.169.254", ADDRESS_FORBIDDEN},
    {"2002:a9fe:a9fe::1", ADDRESS_FORBIDDEN},
};

static void texts(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (address_kind_text(rows[i].address) != rows[i].kind)
            fail_msg("%s: %d", rows[i].address, address_kind_text(rows[i].address));
    }
    static const char *const none[] = {"", "localhost", "127.1", "fe80::1%lo", "1.2.3.4:80", "/x"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_int_equal(address_kind_text(none[i]), ADDRESS_FORBIDDEN);
}

static void resolved_addresses(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sockaddr_in in = {.sin_family = AF_INET};
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
        const struct sockaddr *address = inet_pton(AF_INET, rows[i].address, &in.sin_addr) == 1
                                             ? (const struct sockaddr *)&in
                                             : (const struct sockaddr *)&in6;
        if (address != (const struct sockaddr *)&in)
            assert_int_equal(inet_pton(AF_INET6, rows[i].address, &in6.sin6_addr), 1);
        assert_int_equal(address_kind(address), rows[i].kind);
    }
    const struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
    assert_int_equal(address_kind((const struct sockaddr *)&local), ADDRESS_FORBIDDEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(resolved_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
