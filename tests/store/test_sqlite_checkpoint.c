/* When the log is copied into the database: not while more is about to come, but before long. */
#include "store/cmocka_all.h"
#include "store/sqlite_fixture.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* A load of events, a page or more each: over 2000 pages in a few groups of many writes. */
enum { GROUPS = 3, WRITES = 32, EVENTS = 24, EVENT_BYTES = 9000, QUIET_TRIES = 100 };

static struct store_write *send_write(struct sqlite_bed *bed, struct str data)
{
    struct store_write *write = store_write_new(T0);
    struct event_draft event = sample_event("connection.refreshed", "c-1");
    event.data = data;
    for (size_t i = 0; i < EVENTS; i++)
        store_write_append_event(write, &event, STAMP_NONE);
    harness_send_write(&bed->h, write);
    return write;
}

static void load(struct sqlite_bed *bed)
{
    static char text[EVENT_BYTES];
    memset(text, 'x', sizeof(text));
    for (size_t group = 0; group < GROUPS; group++) {
        struct store_write *writes[WRITES];
        for (size_t i = 0; i < WRITES; i++)
            writes[i] = send_write(bed, (struct str){text, sizeof(text)});
        harness_wait(&bed->h, WRITES);
        for (size_t i = 0; i < WRITES; i++) {
            assert_int_equal(writes[i]->status, STATUS_OK);
            store_write_free(writes[i]);
        }
    }
}

/** Bytes in the database itself, without its log. */
static int64_t database_bytes(const struct sqlite_bed *bed)
{
    struct stat file;
    assert_int_equal(stat(bed->fixture.path, &file), 0);
    return (int64_t)file.st_size;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void a_load_is_copied_when_it_is_over(void **state)
{
    struct sqlite_bed *bed = *state;
    const int64_t before = database_bytes(bed);
    const int64_t whole = before + (int64_t)GROUPS * WRITES * EVENTS * EVENT_BYTES;
    load(bed);
    const double end = seconds();
    const struct timespec moment = {.tv_nsec = 100 * 1000 * 1000};
    for (size_t i = 0; i < QUIET_TRIES && database_bytes(bed) < whole; i++) {
        nanosleep(&moment, NULL);
        int64_t bytes = database_bytes(bed);
        assert_true(bytes == before || seconds() > end + 0.9); /* a second is waited for more */
    }
    assert_in_range(database_bytes(bed), whole, INT64_MAX);
}

/** The quiet is broken while the thread waits in it. */
static void who_comes_in_the_quiet_is_answered_at_once(void **state)
{
    struct sqlite_bed *bed = *state;
    load(bed);
    const struct timespec moment = {.tv_nsec = 50 * 1000 * 1000};
    for (size_t i = 0; i < 10; i++) {
        nanosleep(&moment, NULL);
        assert_int_equal(get_bounds(&bed->h).newest, (int64_t)GROUPS * WRITES * EVENTS);
    }
}

#define ROW(function) \
    cmocka_unit_test_setup_teardown(function, sqlite_bed_setup, sqlite_bed_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_load_is_copied_when_it_is_over),
        ROW(who_comes_in_the_quiet_is_answered_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
