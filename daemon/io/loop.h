/**
 * The event loop: descriptors, timers, signals, and the turn. No other file knows which library
 * waits for the kernel.
 *
 * A round: wait until something is due → callbacks (they read, write and queue) → one turn, which
 * does the work with one `now` and says when it must run next → what wants to be written out at
 * the end of a turn is written out. A turn runs at the end of every round, however many callbacks
 * there were.
 *
 *     struct loop *loop = loop_new(turn);               // turn = {ctx, read_now, run}
 *     struct inbox *inbox = inbox_new(loop_wake, loop); // any thread may end the wait
 *     struct loop_signal *term = loop_signal_new(loop, SIGTERM, on_term, daemon);
 *     loop_run(loop);                                   // until loop_stop()
 *
 * Everything but loop_wake() belongs to the thread that calls loop_run(). Objects may be freed in
 * any callback, their own included. Nothing here fails but for want of memory or descriptors, which
 * aborts: a daemon without its loop has nothing to go on with.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include "core/types.h"

struct loop;

struct loop_turn {
    void *ctx;
    /** The time on the timeline; asked once a round. */
    struct now (*read_now)(void *ctx);
    /** The work of one turn. Returns when it must run next on the timeline (in the past: at once),
     * or TIME_NONE: when something happens. */
    int64_t (*run)(void *ctx, struct now now);
};

struct loop *loop_new(struct loop_turn turn);
/** Everything made from the loop is freed before. Takes NULL. */
void loop_free(struct loop *loop);
/** Rounds until loop_stop(); the turn of the round in which it is called still runs. */
void loop_run(struct loop *loop);
/** One round; for tests and for the last steps of a shutdown. */
void loop_run_once(struct loop *loop);
void loop_stop(struct loop *loop);

/** End the wait, from any thread or from within a round: there is a turn after this call.
 * @loop is a struct loop; void so that it fits inbox_new(). Never blocks. */
void loop_wake(void *ctx);

/** The time of this round: the same for every callback and for the turn. */
struct now loop_now(struct loop *loop);

/** Call fn at the end of every turn: how output that many callbacks made leaves in one write. */
enum { LOOP_AFTER_TURN_MAX = 8 };
void loop_after_turn(struct loop *loop, void (*fn)(void *ctx), void *ctx);
/** They are to run soon: at the end of this round, or of one that does not wait. */
void loop_want_after_turn(struct loop *loop);
void loop_after_turn_remove(struct loop *loop, void (*fn)(void *ctx), void *ctx);

/* Descriptors. */
enum { LOOP_READ = 1 << 0, LOOP_WRITE = 1 << 1 };

struct loop_watch;
typedef void loop_watch_fn(void *ctx, int fd, unsigned events);

/** Watches nothing yet. @fd borrowed: freed before it is closed. */
struct loop_watch *loop_watch_new(struct loop *loop, int fd, loop_watch_fn *fn, void *ctx);
/** @events of LOOP_READ, LOOP_WRITE; 0: none. Level-triggered; the same set again costs nothing. */
void loop_watch_set(struct loop_watch *watch, unsigned events);
/** Takes NULL. */
void loop_watch_free(struct loop_watch *watch);

/* Timers: one shot, in time that stands still during suspend; what must be right across a suspend
 * is the turn's (its wake-up is kept on CLOCK_BOOTTIME). */
struct loop_timer;
typedef void loop_timer_fn(void *ctx);

struct loop_timer *loop_timer_new(struct loop *loop, loop_timer_fn *fn, void *ctx);
/** Instead of what was set before. @in_ms from now; negative counts as 0. */
void loop_timer_set(struct loop_timer *timer, int64_t in_ms);
void loop_timer_clear(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer);

/* Signals. */
struct loop_signal;
typedef void loop_signal_fn(void *ctx, int signal_number);

struct loop_signal *loop_signal_new(struct loop *loop, int signal_number, loop_signal_fn *fn,
                                    void *ctx);
void loop_signal_free(struct loop_signal *watch);

#endif
