/* Clocks and random bytes: little to judge, but that they are what they say. */
#include "io/clock.h"
#include "io/entropy.h"

#include "common/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void both_clocks_go_on(void **state UNUSED)
{
    struct clock_reading before = clock_read();
    int64_t before_us = clock_monotonic_us();
    usleep(20000);
    struct clock_reading after = clock_read();
    assert_in_range(after.boot_ms - before.boot_ms, 19, 2000);
    assert_in_range(clock_monotonic_us() - before_us, 19000, 2000000);
    int64_t wall_s = (int64_t)time(NULL);
    assert_in_range(after.wall_ms / 1000, wall_s - 1, wall_s + 1);
}

static void the_boot_has_a_name(void **state UNUSED)
{
    char one[CLOCK_BOOT_ID_SIZE], two[CLOCK_BOOT_ID_SIZE];
    struct error err;
    assert_int_equal(clock_boot_id(one, &err), STATUS_OK);
    assert_int_equal(clock_boot_id(two, &err), STATUS_OK);
    assert_string_equal(one, two);
    assert_int_equal(strlen(one), 36);
}

static void random_bytes_differ(void **state UNUSED)
{
    struct entropy_port entropy = entropy_port();
    static unsigned char one[1000], two[1000];
    entropy.fill(entropy.ctx, one, sizeof(one));
    entropy.fill(entropy.ctx, two, sizeof(two));
    assert_int_not_equal(memcmp(one, two, sizeof(one)), 0);
    int zeros = 0;
    for (size_t i = 0; i < sizeof(one); i++)
        zeros += one[i] == 0;
    assert_in_range(zeros, 0, 30); /* all of it was filled */
    entropy.fill(entropy.ctx, one, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_clocks_go_on),
        cmocka_unit_test(the_boot_has_a_name),
        cmocka_unit_test(random_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
