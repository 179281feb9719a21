/* The publisher against a real redis-server: what a batch does, and where it refuses to. */
#include "unit/io/publish_redis_bed.h"

static int set_up(void **state)
{
    struct bed *bed = malloc(sizeof(*bed));
    bed_start(bed, NULL);
    *state = bed;
    return 0;
}

static int tear_down(void **state)
{
    bed_stop(*state);
    free(*state);
    return 0;
}

static void a_batch_lands(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_publish(bed, 0, 1, 3), STATUS_OK);
    assert_string_equal(bed_stream(bed), "1-0 2-0 3-0");
    assert_string_equal(bed_say(bed, "XRANGE t:events 2-0 2-0"),
                        "2-0 type connection.needs_reconnect subject c-1 event {\"id\":\"2\"}");
    assert_string_equal(bed_say(bed, "HGETALL t:needs_reconnect"), "c-3 {\"id\":\"3\"}");
    assert_string_equal(bed_say(bed, "GET t:log"), "log-a 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_batch_lands, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
