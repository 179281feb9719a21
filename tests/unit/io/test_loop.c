/* Rounds, wake-ups from everywhere, timers, descriptors, signals. */
#include "io/loop.h"

#include "io/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct bed {
    struct loop *loop;
    int turns;
    int nows;
    int after_turns;
    int timers;
    int signals;
    int reads;
    int64_t wake_in_ms; /* what the next turn asks for; TIME_NONE: nothing */
    struct now last, in_callback;
    struct loop_watch *watch;
    struct loop_timer *timer;
};

static struct now read_now(void *ctx)
{
    struct bed *bed = ctx;
    bed->nows++;
    return (struct now){.ms = clock_read().boot_ms + 1000000}; /* a timeline of its own */
}

static int64_t run(void *ctx, struct now now)
{
    struct bed *bed = ctx;
    bed->turns++;
    bed->last = now;
    return bed->wake_in_ms == TIME_NONE ? TIME_NONE : now.ms + bed->wake_in_ms;
}

static void bed_init(struct bed *bed)
{
    *bed = (struct bed){0};
    bed->loop = loop_new((struct loop_turn){.ctx = bed, .read_now = read_now, .run = run});
    loop_run_once(bed->loop); /* the first does not wait */
    assert_int_equal(bed->turns, 1);
}

static int64_t elapsed_since(int64_t start_ms)
{
    return clock_read().boot_ms - start_ms;
}

static void turns_come_when_they_asked(void **state UNUSED)
{
    struct bed bed;
    bed_init(&bed);
    bed.wake_in_ms = 30;
    loop_wake(bed.loop);
    loop_run_once(bed.loop);
    int64_t start_ms = clock_read().boot_ms;
    bed.wake_in_ms = TIME_NONE;
    loop_run_once(bed.loop);
    assert_in_range(elapsed_since(start_ms), 28, 500);
    assert_int_equal(bed.turns, 3);
    loop_free(bed.loop);
}

static void a_turn_in_the_past_comes_at_once(void **state UNUSED)
{
    struct bed bed;
    bed_init(&bed);
    bed.wake_in_ms = -5;
    loop_wake(bed.loop);
    int64_t start_ms = clock_read().boot_ms;
    for (int i = 0; i < 100; i++)
        loop_run_once(bed.loop);
    assert_true(elapsed_since(start_ms) < 500);
    assert_int_equal(bed.turns, 101);
    loop_free(bed.loop);
}

/* An earlier wish replaces a later one; a later one leaves a turn too many and then comes. */
static void the_earliest_wish_counts(void **state UNUSED)
{
    struct bed bed;
    bed_init(&bed);
    bed.wake_in_ms = 10 * 1000;
    loop_wake(bed.loop);
    loop_run_once(bed.loop);
    bed.wake_in_ms = 20;
    loop_wake(bed.loop);
    loop_run_once(bed.loop);
    int64_t start_ms = clock_read().boot_ms;
    loop_run_once(bed.loop);
    assert_in_range(elapsed_since(start_ms), 18, 500);
    loop_free(bed.loop);
}

static void *wake_from_afar(void *arg)
{
    usleep(20000);
    loop_wake(arg);
    return NULL;
}

static void any_thread_wakes(void **state UNUSED)
{
    struct bed bed;
    bed_init(&bed);
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, wake_from_afar, bed.loop), 0);
        loop_run_once(bed.loop);
        pthread_join(thread, NULL);
    }
    assert_int_equal(bed.turns, 4);
    loop_free(bed.loop);
}

static void on_timer(void *ctx)
{
    struct bed *bed = ctx;
    bed->timers++;
    bed->in_callback = loop_now(bed->loop);
    loop_wake(bed->loop); /* a turn follows anyway: none too many */
}

static void one_now_a_round(void **state UNUSED)
{
    struct bed bed;
    bed_init(&bed);
    int nows = bed.nows;
    struct loop_timer *timer = loop_timer_new(bed.loop, on_timer, &bed);
    loop_timer_set(timer, 5);
    loop_run_once(bed.loop);
    assert_int_equal(bed.timers, 1);
    assert_int_equal(bed.nows, nows + 1);
    assert_int_equal(bed.in_callback.ms, bed.last.ms);
    bed.wake_in_ms = 50;
    int64_t start_ms = clock_read().boot_ms;
    loop_timer_set(timer, 1);
    loop_run_once(bed.loop);
    loop_run_once(bed.loop);
    assert_in_range(elapsed_since(start_ms), 48, 500);
    loop_timer_free(timer);
    loop_free(bed.loop);
}

static void timers_can_be_moved_and_cleared(void **state UNUSED)
{
    struct bed bed;
    bed_init(&bed);
    struct loop_timer *timer = loop_timer_new(bed.loop, on_timer, &bed);
    loop_timer_set(timer, 5);
    loop_timer_set(timer, 40);
    bed.wake_in_ms = 20;
    loop_wake(bed.loop);
    loop_run_once(bed.loop);
    loop_run_once(bed.loop);
    assert_int_equal(bed.timers, 0);
    loop_timer_clear(timer);
    bed.wake_in_ms = 40;
    loop_run_once(bed.loop);
    loop_run_once(bed.loop);
    assert_int_equal(bed.timers, 0);
    loop_timer_set(timer, -3);
    loop_run_once(bed.loop);
    assert_int_equal(bed.timers, 1);
    loop_timer_free(timer);
    loop_free(bed.loop);
}

static void on_read_and_free(void *ctx, int fd, unsigned events)
{
    struct bed *bed = ctx;
    char byte;
    assert_int_equal(events, LOOP_READ);
    assert_int_equal(read(fd, &byte, 1), 1);
    bed->reads++;
    loop_watch_free(bed->watch);
    bed->watch = NULL;
}

static void watches_can_be_freed_in_their_callback(void **state UNUSED)
{
    struct bed bed;
    int fds[2];
    bed_init(&bed);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    bed.watch = loop_watch_new(bed.loop, fds[0], on_read_and_free, &bed);
    loop_watch_set(bed.watch, LOOP_READ);
    loop_watch_set(bed.watch, LOOP_READ);
    assert_int_equal(write(fds[1], "ab", 2), 2);
    loop_run_once(bed.loop);
    loop_wake(bed.loop);
    loop_run_once(bed.loop);
    assert_int_equal(bed.reads, 1);
    close(fds[0]);
    close(fds[1]);
    loop_free(bed.loop);
}

static void on_write(void *ctx, int fd UNUSED, unsigned events)
{
    struct bed *bed = ctx;
    assert_int_equal(events, LOOP_WRITE);
    bed->reads++;
    loop_watch_set(bed->watch, 0);
}

static void watches_watch_what_was_asked(void **state UNUSED)
{
    struct bed bed;
    int fds[2];
    bed_init(&bed);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(write(fds[1], "a", 1), 1);
    bed.watch = loop_watch_new(bed.loop, fds[0], on_write, &bed);
    bed.wake_in_ms = 10;
    loop_wake(bed.loop);
    loop_run_once(bed.loop);
    loop_run_once(bed.loop);
    assert_int_equal(bed.reads, 0); /* nothing asked */
    loop_watch_set(bed.watch, LOOP_WRITE);
    loop_run_once(bed.loop);
    loop_run_once(bed.loop);
    assert_int_equal(bed.reads, 1);
    loop_watch_free(bed.watch);
    close(fds[0]);
    close(fds[1]);
    loop_free(bed.loop);
}

static void on_signal(void *ctx, int signal_number)
{
    struct bed *bed = ctx;
    bed->signals += signal_number;
    loop_stop(bed->loop);
}

static void signals_end_the_run(void **state UNUSED)
{
    struct bed bed;
    bed_init(&bed);
    struct loop_signal *watch = loop_signal_new(bed.loop, SIGTERM, on_signal, &bed);
    raise(SIGTERM);
    loop_run(bed.loop);
    assert_int_equal(bed.signals, SIGTERM);
    assert_int_equal(bed.turns, 2); /* the turn of that round still runs */
    loop_signal_free(watch);
    loop_free(bed.loop);
}

static void count_after_turn(void *ctx)
{
    struct bed *bed = ctx;
    bed->after_turns++;
    assert_true(bed->turns >= bed->after_turns);
}

static void after_each_turn(void **state UNUSED)
{
    struct bed bed;
    bed_init(&bed);
    bed.turns = 0;
    loop_after_turn(bed.loop, count_after_turn, &bed);
    loop_wake(bed.loop);
    loop_run_once(bed.loop);
    loop_want_after_turn(bed.loop); /* outside of a round: the next one does not wait */
    loop_run_once(bed.loop);
    assert_int_equal(bed.after_turns, 2);
    loop_after_turn_remove(bed.loop, count_after_turn, &bed);
    loop_wake(bed.loop);
    loop_run_once(bed.loop);
    assert_int_equal(bed.after_turns, 2);
    loop_free(bed.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_come_when_they_asked),
        cmocka_unit_test(a_turn_in_the_past_comes_at_once),
        cmocka_unit_test(the_earliest_wish_counts),
        cmocka_unit_test(any_thread_wakes),
        cmocka_unit_test(one_now_a_round),
        cmocka_unit_test(timers_can_be_moved_and_cleared),
        cmocka_unit_test(watches_can_be_freed_in_their_callback),
        cmocka_unit_test(watches_watch_what_was_asked),
        cmocka_unit_test(signals_end_the_run),
        cmocka_unit_test(after_each_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
