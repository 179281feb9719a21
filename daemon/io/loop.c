#include "io/loop.h"

#include "common/assert.h"
#include "common/memory.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct after_turn {
    void (*fn)(void *ctx);
    void *ctx;
};

struct loop {
    struct event_base *base;
    struct loop_turn turn;
    pthread_t thread;
    bool stopping;
    bool before_after_turn; /* in a round, and those of after[] are still to run */

    struct now now;
    bool now_is_read; /* in this round */

    /* The turn's next run, kept by a descriptor of CLOCK_BOOTTIME: libevent's own timers would
     * sleep on by as long as the machine was suspended. */
    int wake_fd;
    struct event wake_event;
    int64_t armed_ms; /* on the timeline; TIME_NONE: not armed */
    bool again;       /* a turn is owed: the next round does not wait */

    /* loop_wake() from other threads. */
    int poke_fd;
    struct event poke_event;
    atomic_bool poked;

    struct after_turn after[LOOP_AFTER_TURN_MAX];
    size_t after_count;
};

/** Take the counter off an eventfd or timerfd. Nothing to read is fine. */
static void drain(int fd)
{
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof(count));
    ASSERT(got == sizeof(count) || errno == EAGAIN || errno == EINTR);
}

static void on_wake_time(evutil_socket_t fd, short what UNUSED, void *arg)
{
    struct loop *loop = arg;
    drain(fd);
    loop->armed_ms = TIME_NONE;
}

static void on_poke(evutil_socket_t fd, short what UNUSED, void *arg)
{
    struct loop *loop = arg;
    drain(fd);
    /* Before the turn looks: whoever hands in something after this pokes anew. */
    atomic_store(&loop->poked, false);
}

static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    ASSERT(config != NULL);
    /* One thread only; and a descriptor that is dropped and taken up again within one round, as
     * libcurl does with each request, costs no system call. */
    int failed = event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK |
                                                   EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST |
                                                   EVENT_BASE_FLAG_IGNORE_ENV);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    ASSERT(failed == 0 && base != NULL);
    return base;
}

static void watch_own(struct loop *loop, struct event *event, int fd, event_callback_fn fn)
{
    ASSERT(fd >= 0);
    int failed = event_assign(event, loop->base, fd, EV_READ | EV_PERSIST, fn, loop);
    ASSERT(failed == 0);
    failed = event_add(event, NULL);
    ASSERT(failed == 0);
}

struct loop *loop_new(struct loop_turn turn)
{
    ASSERT(turn.read_now != NULL && turn.run != NULL);
    struct loop *loop = memory_new(sizeof(*loop));
    loop->turn = turn;
    loop->base = base_new();
    loop->thread = pthread_self();
    atomic_init(&loop->poked, false);
    loop->again = true; /* the first turn waits for nothing */
    loop->wake_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    watch_own(loop, &loop->wake_event, loop->wake_fd, on_wake_time);
    loop->poke_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    watch_own(loop, &loop->poke_event, loop->poke_fd, on_poke);
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    event_del(&loop->wake_event);
    event_del(&loop->poke_event);
    close(loop->wake_fd);
    close(loop->poke_fd);
    event_base_free(loop->base);
    free(loop);
}

struct now loop_now(struct loop *loop)
{
    if (!loop->now_is_read) {
        loop->now = loop->turn.read_now(loop->turn.ctx);
        loop->now_is_read = true;
    }
    return loop->now;
}

/** A wake-up too early is a turn with nothing to do; so only an earlier one is worth a call. */
static void arm(struct loop *loop, int64_t wake_ms)
{
    if (wake_ms == TIME_NONE || (loop->armed_ms != TIME_NONE && loop->armed_ms <= wake_ms))
        return;
    int64_t in_ms = wake_ms - loop->now.ms;
    if (in_ms <= 0) {
        loop->again = true;
        return;
    }
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(in_ms / 1000), .tv_nsec = (long)(in_ms % 1000) * 1000000}};
    int failed = timerfd_settime(loop->wake_fd, 0, &when, NULL);
    ASSERT(failed == 0);
    loop->armed_ms = wake_ms;
}

static void run_after_turn(struct loop *loop)
{
    loop->before_after_turn = false;
    for (size_t i = 0; i < loop->after_count; i++)
        loop->after[i].fn(loop->after[i].ctx);
}

void loop_run_once(struct loop *loop)
{
    loop->now_is_read = false;
    loop->before_after_turn = true;
    int failed = event_base_loop(loop->base, EVLOOP_ONCE | (loop->again ? EVLOOP_NONBLOCK : 0));
    ASSERT(failed >= 0);
    loop->again = false;
    int64_t wake_ms = loop->turn.run(loop->turn.ctx, loop_now(loop));
    arm(loop, wake_ms);
    run_after_turn(loop);
}

void loop_run(struct loop *loop)
{
    ASSERT(pthread_equal(loop->thread, pthread_self()));
    loop->stopping = false;
    while (!loop->stopping)
        loop_run_once(loop);
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
    loop->again = true;
}

void loop_wake(void *ctx)
{
    struct loop *loop = ctx;
    if (pthread_equal(loop->thread, pthread_self())) {
        loop->again = true; /* cleared before the turn, so a turn is either due or owed */
        return;
    }
    if (atomic_exchange(&loop->poked, true))
        return;
    uint64_t one = 1;
    ssize_t put = write(loop->poke_fd, &one, sizeof(one));
    ASSERT(put == sizeof(one) || errno == EAGAIN);
}

void loop_after_turn(struct loop *loop, void (*fn)(void *ctx), void *ctx)
{
    ASSERT(loop->after_count < LOOP_AFTER_TURN_MAX);
    loop->after[loop->after_count++] = (struct after_turn){.fn = fn, .ctx = ctx};
}

void loop_want_after_turn(struct loop *loop)
{
    if (!loop->before_after_turn)
        loop->again = true;
}

void loop_after_turn_remove(struct loop *loop, void (*fn)(void *ctx), void *ctx)
{
    for (size_t i = 0; i < loop->after_count; i++) {
        if (loop->after[i].fn == fn && loop->after[i].ctx == ctx) {
            loop->after[i] = loop->after[--loop->after_count];
            return;
        }
    }
}

struct loop_watch {
    struct event event;
    struct loop *loop;
    int fd;
    unsigned events;
    loop_watch_fn *fn;
    void *ctx;
};

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct loop_watch *watch = arg;
    unsigned events = ((what & EV_READ) != 0 ? (unsigned)LOOP_READ : 0) |
                      ((what & EV_WRITE) != 0 ? (unsigned)LOOP_WRITE : 0);
    watch->fn(watch->ctx, fd, events); /* may free the watch */
}

struct loop_watch *loop_watch_new(struct loop *loop, int fd, loop_watch_fn *fn, void *ctx)
{
    ASSERT(fd >= 0 && fn != NULL);
    struct loop_watch *watch = memory_new(sizeof(*watch));
    watch->loop = loop;
    watch->fd = fd;
    watch->fn = fn;
    watch->ctx = ctx;
    return watch;
}

void loop_watch_set(struct loop_watch *watch, unsigned events)
{
    if (events == watch->events)
        return;
    if (watch->events != 0)
        event_del(&watch->event);
    watch->events = events;
    if (events == 0)
        return;
    int what = EV_PERSIST | ((events & LOOP_READ) != 0 ? EV_READ : 0) |
               ((events & LOOP_WRITE) != 0 ? EV_WRITE : 0);
    int failed =
        event_assign(&watch->event, watch->loop->base, watch->fd, (short)what, on_ready, watch);
    ASSERT(failed == 0);
    failed = event_add(&watch->event, NULL);
    ASSERT(failed == 0);
}

void loop_watch_free(struct loop_watch *watch)
{
    if (watch == NULL)
        return;
    loop_watch_set(watch, 0);
    free(watch);
}

struct loop_timer {
    struct event event;
    loop_timer_fn *fn;
    void *ctx;
};

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct loop_timer *timer = arg;
    timer->fn(timer->ctx); /* may free the timer */
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_fn *fn, void *ctx)
{
    struct loop_timer *timer = memory_new(sizeof(*timer));
    timer->fn = fn;
    timer->ctx = ctx;
    int failed = event_assign(&timer->event, loop->base, -1, 0, on_timer, timer);
    ASSERT(failed == 0);
    return timer;
}

void loop_timer_set(struct loop_timer *timer, int64_t in_ms)
{
    in_ms = MAX_OF(in_ms, (int64_t)0);
    struct timeval in = {.tv_sec = (time_t)(in_ms / 1000),
                         .tv_usec = (suseconds_t)(in_ms % 1000) * 1000};
    int failed = event_add(&timer->event, &in);
    ASSERT(failed == 0);
}

void loop_timer_clear(struct loop_timer *timer)
{
    event_del(&timer->event);
}

void loop_timer_free(struct loop_timer *timer)
{
    if (timer == NULL)
        return;
    loop_timer_clear(timer);
    free(timer);
}

struct loop_signal {
    struct event event;
    loop_signal_fn *fn;
    void *ctx;
};

static void on_signal(evutil_socket_t number, short what UNUSED, void *arg)
{
    struct loop_signal *watch = arg;
    watch->fn(watch->ctx, number);
}

struct loop_signal *loop_signal_new(struct loop *loop, int signal_number, loop_signal_fn *fn,
                                    void *ctx)
{
    struct loop_signal *watch = memory_new(sizeof(*watch));
    watch->fn = fn;
    watch->ctx = ctx;
    int failed = event_assign(&watch->event, loop->base, signal_number, EV_SIGNAL | EV_PERSIST,
                              on_signal, watch);
    ASSERT(failed == 0);
    failed = event_add(&watch->event, NULL);
    ASSERT(failed == 0);
    return watch;
}

void loop_signal_free(struct loop_signal *watch)
{
    if (watch == NULL)
        return;
    event_del(&watch->event);
    free(watch);
}
