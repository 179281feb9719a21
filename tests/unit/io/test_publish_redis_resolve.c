/* Look-ups while the system's resolver answers nobody: how many threads may wait for it. It is ours
 * here, and answers one question for each permit that is given. */
#include "io/publish_redis_resolve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netdb.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static int permits; /* a semaphore */

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc has its own */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    (void)node, (void)service, (void)hints, (void)result;
    eventfd_t taken;
    (void)eventfd_read(permits, &taken);
    return EAI_AGAIN;
}

static struct now read_now(void *ctx UNUSED)
{
    return (struct now){0};
}

static int64_t run_nothing(void *ctx UNUSED, struct now now UNUSED)
{
    return INT64_MAX;
}

static void stop(void *ctx)
{
    loop_stop(ctx);
}

static void on_addresses(void *ctx, const struct publish_redis_addresses *addresses)
{
    assert_int_equal(addresses->count, 0);
    loop_stop(ctx);
}

static void wait_ms(struct loop *loop, int64_t ms)
{
    struct loop_timer *timer = loop_timer_new(loop, stop, loop);
    loop_timer_set(timer, ms);
    loop_run(loop);
    loop_timer_free(timer);
}

static struct publish_redis_lookup *ask(struct publish_redis_resolver *resolver, struct loop *loop,
                                        struct error *err)
{
    return publish_redis_resolve(resolver, STR("redis.internal"), on_addresses, loop, err);
}

/** The threads let go a moment after their permit. */
static struct publish_redis_lookup *ask_patiently(struct publish_redis_resolver *resolver,
                                                  struct loop *loop)
{
    struct publish_redis_lookup *lookup = NULL;
    for (int i = 0; lookup == NULL && i < 500; i++) {
        lookup = ask(resolver, loop, NULL);
        if (lookup == NULL)
            wait_ms(loop, 10);
    }
    return lookup;
}

static void gathers_so_many_threads_and_no_more(void **state UNUSED)
{
    permits = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
    struct loop *loop = loop_new((struct loop_turn){.read_now = read_now, .run = run_nothing});
    struct publish_redis_resolver *resolver = publish_redis_resolver_new(loop);
    struct error err = {0};
    for (int i = 0; i < PUBLISH_REDIS_LOOKUPS_MAX; i++) {
        struct publish_redis_lookup *lookup = ask(resolver, loop, &err);
        assert_non_null(lookup);
        publish_redis_resolve_cancel(lookup);
    }
    assert_null(ask(resolver, loop, &err));
    assert_int_equal(err.status, STATUS_UNAVAILABLE);
    assert_string_equal(err.text, "name not resolved: 4 look-ups given up before still wait for "
                                  "the resolver");

    assert_int_equal(eventfd_write(permits, 1), 0);
    struct publish_redis_lookup *next = ask_patiently(resolver, loop);
    assert_non_null(next);
    assert_null(ask(resolver, loop, &err));

    assert_int_equal(eventfd_write(permits, PUBLISH_REDIS_LOOKUPS_MAX), 0);
    loop_run(loop); /* until it is answered */
    publish_redis_resolve_cancel(ask_patiently(resolver, loop));
    publish_redis_resolver_free(resolver); /* before its last thread has ended */
    assert_int_equal(eventfd_write(permits, 1), 0);
    wait_ms(loop, 50);
    loop_free(loop);
    close(permits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gathers_so_many_threads_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
