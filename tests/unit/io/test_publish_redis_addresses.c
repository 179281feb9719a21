/* A name with two addresses, the first of which swallows what is sent there (an IPv6 that leads
 * nowhere, a machine that is off). The resolver is ours here; its answer never changes. */
#include "unit/io/publish_redis_bed.h"

#include "io/publish_redis_resolve.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const char silent[] = "127.0.0.2", alive[] = "127.0.0.1";

/* The resolver. */

struct publish_redis_resolver {
    struct loop *loop;
};

struct publish_redis_resolver *publish_redis_resolver_new(struct loop *loop)
{
    struct publish_redis_resolver *resolver = malloc(sizeof(*resolver));
    resolver->loop = loop;
    return resolver;
}

void publish_redis_resolver_free(struct publish_redis_resolver *resolver)
{
    free(resolver);
}

struct publish_redis_lookup {
    struct loop_timer *timer;
    publish_redis_resolve_fn *fn;
    void *ctx;
};

void publish_redis_resolve_cancel(struct publish_redis_lookup *lookup)
{
    if (lookup == NULL)
        return;
    loop_timer_free(lookup->timer);
    free(lookup);
}

static void answer(void *ctx)
{
    struct publish_redis_lookup lookup = *(struct publish_redis_lookup *)ctx;
    struct publish_redis_addresses addresses = {.count = 2};
    snprintf(addresses.text[0], PUBLISH_REDIS_ADDRESS_SIZE, "%s", silent);
    snprintf(addresses.text[1], PUBLISH_REDIS_ADDRESS_SIZE, "%s", alive);
    publish_redis_resolve_cancel(ctx);
    lookup.fn(lookup.ctx, &addresses);
}

struct publish_redis_lookup *publish_redis_resolve(struct publish_redis_resolver *resolver,
                                                   struct str host UNUSED,
                                                   publish_redis_resolve_fn *fn, void *ctx,
                                                   struct error *err UNUSED)
{
    struct publish_redis_lookup *lookup = malloc(sizeof(*lookup));
    *lookup = (struct publish_redis_lookup){.fn = fn, .ctx = ctx};
    lookup->timer = loop_timer_new(resolver->loop, answer, lookup);
    loop_timer_set(lookup->timer, 1);
    return lookup;
}

bool publish_redis_address_is_numeric(struct str host UNUSED)
{
    return false;
}

/* The address that swallows: its queue is full, so the kernel drops who knocks. */

enum { KNOCKS = 4 };

struct hole {
    int listener, knocks[KNOCKS];
    uint16_t port;
};

static void hole_open(struct hole *hole)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    assert_int_equal(inet_pton(AF_INET, silent, &address.sin_addr), 1);
    hole->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(hole->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(hole->listener, 0), 0);
    assert_int_equal(getsockname(hole->listener, (struct sockaddr *)&address, &size), 0);
    for (size_t i = 0; i < KNOCKS; i++) {
        hole->knocks[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(hole->knocks[i], (struct sockaddr *)&address, size);
    }
    hole->port = ntohs(address.sin_port);
}

static void hole_close(struct hole *hole)
{
    for (size_t i = 0; i < KNOCKS; i++)
        close(hole->knocks[i]);
    close(hole->listener);
}

static void the_address_behind_a_silent_one_is_reached(void **state UNUSED)
{
    struct bed bed;
    struct hole hole;
    char port[8];
    bed_init(&bed);
    hole_open(&hole);
    snprintf(port, sizeof(port), "%u", (unsigned)hole.port);
    bed_server_start(&bed, (const char *const[]){"--bind", alive, "--port", port, NULL});
    bed.options.socket_path = STR_NONE;
    bed.options.host = STR("two.test");
    bed.options.port = hole.port;
    bed_publisher_start(&bed);
    struct publish_request *request = publish_request_new(PUBLISH_PROBE);
    assert_int_equal(bed_ask(&bed, request), STATUS_UNAVAILABLE);
    assert_non_null(strstr(request->error.text, "no connection within 500 ms"));
    publish_request_free(request);
    assert_int_equal(bed_publish(&bed, 0, 1, 3), STATUS_OK);
    assert_string_equal(bed_stream(&bed), "1-0 2-0 3-0");
    bed_stop(&bed);
    hole_close(&hole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_address_behind_a_silent_one_is_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
