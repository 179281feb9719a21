/* The listener that a browser comes back to: what it takes, and what does not hold it up. */
#include "ctl/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
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

static int dial(const struct loopback *loopback)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(loopback_port(loopback)),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static int say(const struct loopback *loopback, const char *head)
{
    int fd = dial(loopback);
    assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
    return fd;
}

static void assert_answered(int fd, const char *status)
{
    char text[4096] = "";
    size_t len = 0;
    ssize_t got;
    while ((got = recv(fd, text + len, sizeof(text) - 1 - len, 0)) > 0)
        len += (size_t)got;
    close(fd);
    assert_memory_equal(text, "HTTP/1.1 ", 9);
    assert_memory_equal(text + 9, status, strlen(status));
}

static struct loopback *open_any(void)
{
    struct loopback *loopback = NULL;
    struct error err = {0};
    assert_int_equal(loopback_open(0, &loopback, &err), STATUS_OK);
    assert_int_not_equal(loopback_port(loopback), 0);
    return loopback;
}

#define GOOD "GET /callback?code=a%2Fb&state=ST HTTP/1.1\r\nHost: x\r\n\r\n"

static void the_right_state_ends_the_wait(void **state)
{
    (void)state;
    CLEANUP(loopback_freep) struct loopback *loopback = open_any();
    CLEANUP(buf_deinit) struct buf query = {0};
    CLEANUP(buf_deinit) struct buf value = {0};
    int browser = say(loopback, GOOD);
    assert_int_equal(loopback_wait(loopback, STR("ST"), 5000, &query), LOOPBACK_CAME);
    assert_true(str_eq(loopback_param(buf_str(&query), "code", &value), STR("a/b")));
    assert_false(str_is_set(loopback_param(buf_str(&query), "iss", &value)));
    loopback_answer(loopback, true);
    assert_answered(browser, "200");
}

static void whatever_else_comes_is_turned_away(void **state)
{
    (void)state;
    static const char *const others[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET /favicon.ico HTTP/1.1\r\n\r\n",
        "GET /callback HTTP/1.1\r\n\r\n",
        "GET /callback?code=x&state=guess HTTP/1.1\r\n\r\n",
        "GET /callback?code=x&xstate=ST HTTP/1.1\r\n\r\n",
        "GET /callback?state=%zz HTTP/1.1\r\n\r\n",
        "POST /callback?code=x&state=ST HTTP/1.1\r\n\r\n",
        "\r\n\r\n",
    };
    CLEANUP(loopback_freep) struct loopback *loopback = open_any();
    CLEANUP(buf_deinit) struct buf query = {0};
    int silent = dial(loopback);
    int half = say(loopback, "GET /callback?code=x&sta");
    int asked[ARRAY_LEN(others)];
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        asked[i] = say(loopback, others[i]);
    assert_int_equal(loopback_wait(loopback, STR("ST"), 300, &query), LOOPBACK_TIMEOUT);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_answered(asked[i], "404");
    int browser = say(loopback, GOOD);
    assert_int_equal(loopback_wait(loopback, STR("ST"), 5000, &query), LOOPBACK_CAME);
    loopback_answer(loopback, false);
    assert_answered(browser, "200");
    close(silent);
    close(half);
}

static void a_crowd_of_silent_ones_makes_way(void **state)
{
    (void)state;
    CLEANUP(loopback_freep) struct loopback *loopback = open_any();
    CLEANUP(buf_deinit) struct buf query = {0};
    int crowd[2 * LOOPBACK_BROWSERS_MAX];
    for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
        crowd[i] = dial(loopback);
        assert_int_equal(loopback_wait(loopback, STR("ST"), 5, &query), LOOPBACK_TIMEOUT);
    }
    say(loopback, GOOD);
    assert_int_equal(loopback_wait(loopback, STR("ST"), 5000, &query), LOOPBACK_CAME);
    for (size_t i = 0; i < ARRAY_LEN(crowd); i++)
        close(crowd[i]);
}

static void a_head_without_end_is_hung_up_on(void **state)
{
    (void)state;
    static char head[LOOPBACK_REQUEST_MAX + 4096];
    CLEANUP(loopback_freep) struct loopback *loopback = open_any();
    CLEANUP(buf_deinit) struct buf query = {0};
    memset(head, 'x', sizeof(head));
    int fd = dial(loopback);
    assert_int_equal(send(fd, head, sizeof(head), MSG_NOSIGNAL), sizeof(head));
    assert_int_equal(loopback_wait(loopback, STR("ST"), 200, &query), LOOPBACK_TIMEOUT);
    char byte;
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    close(fd);
}

static void an_interrupt_ends_the_wait_and_not_the_process(void **state)
{
    (void)state;
    CLEANUP(loopback_freep) struct loopback *loopback = open_any();
    CLEANUP(buf_deinit) struct buf query = {0};
    raise(SIGINT);
    assert_int_equal(loopback_wait(loopback, STR("ST"), 5000, &query), LOOPBACK_INTERRUPTED);
}

static void a_port_in_use_is_told(void **state)
{
    (void)state;
    CLEANUP(loopback_freep) struct loopback *first = open_any();
    struct loopback *second = NULL;
    struct error err = {0};
    assert_int_equal(loopback_open(loopback_port(first), &second, &err), STATUS_UNAVAILABLE);
    assert_null(second);
    assert_non_null(strstr(err.text, "in use"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_state_ends_the_wait),
        cmocka_unit_test(whatever_else_comes_is_turned_away),
        cmocka_unit_test(a_crowd_of_silent_ones_makes_way),
        cmocka_unit_test(a_head_without_end_is_hung_up_on),
        cmocka_unit_test(an_interrupt_ends_the_wait_and_not_the_process),
        cmocka_unit_test(a_port_in_use_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
