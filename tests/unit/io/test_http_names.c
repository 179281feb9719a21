/* A name server that is silent. The system's resolver waits for it, half a minute if need be, on a
 * thread of libcurl's; no request and no stop waits with it. The resolver is ours here. */
#include "http_fixture.h"

#include <netdb.h>
#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

enum { GIVES_UP_MS = 30 * 1000 };

static int release[2]; /* to be read from: the resolver may go on */
static atomic_int waiting, over;

int getaddrinfo(const char *name UNUSED, const char *service UNUSED,
                const struct addrinfo *req UNUSED, struct addrinfo **pai UNUSED)
{
    struct pollfd released = {.fd = release[0], .events = POLLIN};
    atomic_fetch_add(&waiting, 1);
    (void)poll(&released, 1, GIVES_UP_MS);
    atomic_fetch_add(&over, 1);
    return EAI_AGAIN;
}

static int make(void **state UNUSED)
{
    return pipe(release);
}

/** The threads end before the process does: what they hold is theirs to free. */
static int clean(void **state UNUSED)
{
    if (write(release[1], "x", 1) != 1)
        return -1;
    while (atomic_load(&over) < atomic_load(&waiting))
        usleep(1000);
    return 0;
}

static void a_request_ends_at_its_deadline(void **state UNUSED)
{
    struct fixture fixture;
    fixture_init(&fixture, &(struct http_curl_config){0});
    struct http_request *request = fixture_do(&fixture, "https://silent.test/token", 300);
    assert_int_equal(request->end, TRANSPORT_NOT_SENT);
    assert_int_equal(atomic_load(&over), 0);
    http_request_free(request);
    fixture_deinit(&fixture);
}

static void a_stop_waits_for_no_name(void **state UNUSED)
{
    struct fixture fixture;
    int before = atomic_load(&waiting);
    fixture_init(&fixture, &(struct http_curl_config){0});
    struct http_request *request = fixture_request("https://mute.test/token", GIVES_UP_MS);
    fixture_send(&fixture, request);
    while (atomic_load(&waiting) == before)
        loop_run_once(fixture.loop);
    http_curl_free(fixture.http);
    assert_int_equal(request->end, TRANSPORT_NOT_SENT);
    assert_int_equal(atomic_load(&over), 0);
    while (inbox_take(fixture.inbox) != NULL)
        continue;
    http_request_free(request);
    inbox_free(fixture.inbox);
    loop_free(fixture.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_ends_at_its_deadline),
        cmocka_unit_test(a_stop_waits_for_no_name),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
