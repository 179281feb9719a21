#include "port/inbox.h"

#include "common/macros.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void count_wake(void *ctx)
{
    (*(int *)ctx)++;
}

static void test_oldest_first(void **state)
{
    (void)state;
    struct inbox *inbox = inbox_new(NULL, NULL);
    struct completion items[3] = {0};
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        inbox_put(inbox, &items[i]);
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        assert_ptr_equal(inbox_take(inbox), &items[i]);
    assert_null(inbox_take(inbox));
    inbox_free(inbox);
}

static void test_wakes_when_it_stops_being_empty(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        char step; /* p put, c a chain of two, t take */
        int wakes;
    } rows[] = {
        {"the first wakes", 'p', 1},
        {"the second does not", 'p', 1},
        {"taking does not", 't', 1},
        {"one is left: putting does not", 'p', 1},
        {"taking one", 't', 1},
        {"taking the last", 't', 1},
        {"the first again wakes", 'p', 2},
        {"taking it", 't', 2},
        {"a chain wakes once", 'c', 3},
        {"a chain behind others does not", 'c', 3},
    };
    int wakes = 0;
    struct inbox *inbox = inbox_new(count_wake, &wakes);
    struct completion items[16] = {0};
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].step == 'p') {
            inbox_put(inbox, &items[used++]);
        } else if (rows[i].step == 'c') {
            items[used].next = &items[used + 1];
            inbox_put_chain(inbox, &items[used]);
            used += 2;
        } else {
            assert_non_null(inbox_take(inbox));
        }
        if (wakes != rows[i].wakes)
            fail_msg("%s: %d", rows[i].name, wakes);
    }
    for (int left = 4; left > 0; left--)
        assert_non_null(inbox_take(inbox));
    assert_null(inbox_take(inbox));
    inbox_free(inbox);
}

enum { THREADS = 4, EACH = 2000 };

struct item {
    struct completion completion; /* first */
    int thread, number;
};

struct feeder {
    struct inbox *inbox;
    struct item *items;
};

static void *feed(void *arg)
{
    struct feeder *feeder = arg;
    for (int i = 0; i < EACH; i++)
        inbox_put(feeder->inbox, &feeder->items[i].completion);
    return NULL;
}

static void test_from_several_threads(void **state)
{
    (void)state;
    struct inbox *inbox = inbox_new(NULL, NULL);
    pthread_t threads[THREADS];
    struct feeder feeders[THREADS];
    for (int t = 0; t < THREADS; t++) {
        feeders[t].inbox = inbox;
        feeders[t].items = calloc(EACH, sizeof(struct item));
        for (int i = 0; i < EACH; i++) {
            feeders[t].items[i].thread = t;
            feeders[t].items[i].number = i;
        }
        assert_int_equal(pthread_create(&threads[t], NULL, feed, &feeders[t]), 0);
    }
    int next[THREADS] = {0};
    for (int taken = 0; taken < THREADS * EACH;) {
        struct completion *done = inbox_take(inbox);
        if (done == NULL)
            continue;
        struct item *item = CONTAINER_OF(done, struct item, completion);
        assert_int_equal(item->number, next[item->thread]++);
        taken++;
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        free(feeders[t].items);
    }
    inbox_free(inbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oldest_first),
        cmocka_unit_test(test_wakes_when_it_stops_being_empty),
        cmocka_unit_test(test_from_several_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
