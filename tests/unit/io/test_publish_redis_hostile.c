/* What is no Redis, or lies: each is given up with a word, and none takes the process with it. And
 * the ways to a Redis by name and by address. */
#include "unit/io/publish_redis_bed.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>

/* A peer that says one thing, over and over, whatever it is told. */

struct peer_row {
    const char *name;
    const char *says;
    unsigned times;       /* at most; it ends sooner when we hang up */
    bool speaks_unasked;  /* before it has heard anything */
    bool hangs_up;        /* afterwards; else it stays silent */
    const char *expected; /* in the error */
};

static const struct peer_row peers[] = {
    {"says nothing", "", 0, false, false, "no answer within 500 ms"},
    {"hangs up", "", 0, true, true, "Redis at"},
    {"hangs up when asked", "", 0, false, true, "Redis at"},
    {"half an answer", "$40\r\nabc", 1, false, false, "no answer within 500 ms"},
    {"speaks first", "+OK\r\n", 1, true, false, "Redis at"},
    {"another trade", "HTTP/1.1 400 Bad Request\r\n\r\n", 1, false, true, "Protocol error"},
    {"an alert of TLS", "\x15\x03\x01\x02\x02\x46", 1, false, true,
     "it answers by TLS: url = rediss://…"},
    {"NUL bytes", "+\\0\\0", 50, false, false, "Redis at"},
    {"OK for ever", "+OK\r\n", 1000000, false, false, ""},
    {"numbers for ever", ":1\r\n", 1000000, false, false, ""},
    {"errors for ever", "-ERR no\r\n", 1000000, false, false, ""},
    {"nil for ever", "$-1\r\n", 1000000, false, false, ""},
    {"a bulk of 1 GB", "$1000000000\r\nxxxxxxxxxxxxxxxx", 1, false, false, "no answer"},
    {"a bulk of 1 GB, sent", "$1000000000\r\n0123456789012345678901234567890", 1000000, false,
     false, "larger than any"},
    {"a bulk of more than there are numbers", "$99999999999999999999\r\n", 1, false, false,
     "Redis at"},
    {"a bulk of less than nothing", "$-5\r\n", 1, false, false, "Redis at"},
    {"an array of 2^31", "*2147483647\r\n", 1, false, false, "larger than any"},
    {"an array of 2^61", "*2305843009213693952\r\n", 1, false, false, "Redis at"},
    {"an array of 100", "*100\r\n", 1, false, false, "larger than any"},
    {"arrays in arrays", "*2\r\n", 100, false, false, "larger than any"},
    {"an endless line", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 1000000, false, false,
     "Redis at"},
    {"an endless status", "+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 1000000, false,
     false, "larger than any"},
    {"elsewhere", "-MOVED 1 10.0.0.1:6379\r\n", 100, false, false, "Redis Cluster"},
    {"too many clients", "-ERR max number of clients reached\r\n", 1, true, true, "Redis"},
    {"Redis 7 maps", "%1\r\n+a\r\n+b\r\n", 1, false, false, "Protocol error"},
};

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 8), 0);
    return listener;
}

static void serve(int listener, const struct peer_row *row)
{
    while (true) {
        char heard[4096];
        int fd = accept(listener, NULL, NULL);
        if (!row->speaks_unasked && read(fd, heard, sizeof(heard)) < 0)
            _exit(1);
        for (unsigned i = 0; i < row->times; i++) {
            if (write(fd, row->says, strlen(row->says)) < 0)
                break;
        }
        while (!row->hangs_up && read(fd, heard, sizeof(heard)) > 0)
            continue;
        close(fd);
    }
}

static pid_t start_peer(const struct bed *bed, const struct peer_row *row)
{
    int listener = listen_at(bed->socket);
    pid_t peer = fork();
    assert_true(peer >= 0);
    if (peer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(listener, row);
    }
    close(listener);
    return peer;
}

static void peers_that_are_no_redis(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
        struct bed bed;
        print_message("  %s\n", peers[i].name);
        bed_init(&bed);
        pid_t peer = start_peer(&bed, &peers[i]);
        bed_publisher_start(&bed);
        for (int again = 0; again < 2; again++) {
            struct publish_request *request = bed_events(PUBLISH_EVENTS, 0, 1, 1);
            assert_int_equal(bed_ask(&bed, request), STATUS_UNAVAILABLE);
            if (strstr(request->error.text, peers[i].expected) == NULL)
                fail_msg("\"%s\" does not hold \"%s\"", request->error.text, peers[i].expected);
            publish_request_free(request);
        }
        kill(peer, SIGKILL);
        waitpid(peer, NULL, 0);
        bed_stop(&bed);
    }
}

/* A peer that greets as Redis does, and then answers the script with something else. */

static const char greeting[] = "+OK\r\n"                                             /* SETNAME */
                               "$40\r\n0123456789012345678901234567890123456789\r\n" /* SCRIPT */
                               "-ERR syntax error\r\n"                               /* SET */
                               ":0\r\n"                                              /* HDEL */
                               "-ERR wrong number of arguments\r\n"                  /* HSET */
                               ":0\r\n"                                              /* DEL */
                               "-ERR no such key\r\n"                                /* RENAME */
                               "-ERR The ID specified in XADD must be greater than 0-0\r\n";

/* As 5.0.0 to 5.0.6 word it. */
static const char old_greeting[] =
    "+OK\r\n$40\r\n0123456789012345678901234567890123456789\r\n"
    "-ERR syntax error\r\n:0\r\n-ERR wrong number of arguments for HMSET\r\n:0\r\n"
    "-ERR no such key\r\n"
    "-ERR The ID specified in XADD is equal or smaller than the target stream top item\r\n";

struct answer_row {
    const char *name, *answer;
    enum status status;
    const char *expected; /* in the error, for UNAVAILABLE */
    const char *greeting; /* NULL: that of today */
};

static const struct answer_row answers[] = {
    {"as it should be", "*4\r\n$2\r\nOK\r\n$7\r\nlog-a 1\r\n$3\r\n1-0\r\n$-1\r\n", STATUS_OK, "",
     NULL},
    {"an early 5.0", "*4\r\n$2\r\nOK\r\n$7\r\nlog-a 1\r\n$3\r\n1-0\r\n$-1\r\n", STATUS_OK, "",
     old_greeting},
    {"a status", "+OK\r\n", STATUS_UNAVAILABLE, "something else", NULL},
    {"a number", ":1\r\n", STATUS_UNAVAILABLE, "something else", NULL},
    {"nil", "$-1\r\n", STATUS_UNAVAILABLE, "something else", NULL},
    {"no array at all", "*-1\r\n", STATUS_UNAVAILABLE, "something else", NULL},
    {"an empty array", "*0\r\n", STATUS_UNAVAILABLE, "something else", NULL},
    {"three of four", "*3\r\n$2\r\nOK\r\n$-1\r\n$3\r\n1-0\r\n", STATUS_UNAVAILABLE,
     "something else", NULL},
    {"another word", "*4\r\n$2\r\nNO\r\n$-1\r\n$3\r\n1-0\r\n$-1\r\n", STATUS_UNAVAILABLE,
     "something else", NULL},
    {"numbers for words", "*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n", STATUS_UNAVAILABLE, "something else",
     NULL},
    {"no id", "*4\r\n$2\r\nOK\r\n$-1\r\n$-1\r\n$-1\r\n", STATUS_UNAVAILABLE, "a stream id", NULL},
    {"half an id", "*4\r\n$2\r\nOK\r\n$-1\r\n$2\r\n1-\r\n$-1\r\n", STATUS_UNAVAILABLE,
     "a stream id", NULL},
    {"an id below nothing", "*4\r\n$2\r\nOK\r\n$-1\r\n$4\r\n-1-0\r\n$-1\r\n", STATUS_UNAVAILABLE,
     "a stream id", NULL},
    {"an id above all", "*4\r\n$2\r\nOK\r\n$-1\r\n$22\r\n18446744073709551615-0\r\n$-1\r\n",
     STATUS_UNAVAILABLE, "delete the stream", NULL},
    {"an error", "-LOADING Redis is loading\r\n", STATUS_UNAVAILABLE, "is loading its data", NULL},
    {"no script, again and again", "-NOSCRIPT No\r\n$1\r\nx\r\n-NOSCRIPT No\r\n",
     STATUS_UNAVAILABLE, "has lost the script", NULL},
    {"one answer too many", "+OK\r\n+OK\r\n", STATUS_UNAVAILABLE, "something else", NULL},
};

static void answer_once(int fd, const struct answer_row *row)
{
    char heard[65536];
    size_t len = 0;
    ssize_t got;
    bool greeted = false;
    const char *welcome = row->greeting != NULL ? row->greeting : greeting;
    while ((got = read(fd, heard + len, sizeof(heard) - 1 - len)) > 0) {
        len += (size_t)got;
        heard[len] = '\0';
        if (!greeted && strstr(heard, "0-0\r\n$1") != NULL)
            greeted = write(fd, welcome, strlen(welcome)) > 0;
        if (strstr(heard, "EVALSHA") != NULL) {
            if (write(fd, row->answer, strlen(row->answer)) < 0)
                return;
            len = 0;
        }
    }
}

static void answers_that_no_script_gives(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct bed bed;
        print_message("  %s\n", answers[i].name);
        bed_init(&bed);
        int listener = listen_at(bed.socket);
        pid_t peer = fork();
        if (peer == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            answer_once(accept(listener, NULL, NULL), &answers[i]);
            _exit(0);
        }
        close(listener);
        bed_publisher_start(&bed);
        struct publish_request *request = bed_events(PUBLISH_EVENTS, 0, 1, 1);
        if (bed_ask(&bed, request) != answers[i].status)
            fail_msg("%s", request->error.text);
        if (strstr(request->error.text, answers[i].expected) == NULL)
            fail_msg("\"%s\" does not hold \"%s\"", request->error.text, answers[i].expected);
        publish_request_free(request);
        bed_idle(&bed, 30);
        kill(peer, SIGKILL);
        waitpid(peer, NULL, 0);
        bed_stop(&bed);
    }
}

/* Names and addresses. */

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

struct name_row {
    const char *host;
    bool wrong_port;
    const char *expected; /* NULL: works */
};

static const struct name_row names[] = {
    {"127.0.0.1", false, NULL},
    {"localhost", false, NULL},
    {"127.0.0.1", true, "Connection refused"},
    {"localhost", true, "Connection refused"},
    {"::1", true, "Redis at"},
    {"no-such-host.invalid", false, "no-such-host.invalid"},
};

static void names_and_addresses(void **state UNUSED)
{
    struct bed bed;
    char port_text[8];
    uint16_t port = free_port();
    snprintf(port_text, sizeof(port_text), "%u", (unsigned)port);
    bed_init(&bed);
    bed_server_start(&bed, (const char *const[]){"--port", port_text, NULL});
    bed.options.socket_path = STR_NONE;
    bed.options.connect_timeout_ms = 3000;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        print_message("  %s%s\n", names[i].host, names[i].wrong_port ? ", another port" : "");
        bed.options.host = str_c(names[i].host);
        bed.options.port = names[i].wrong_port ? 1 : port;
        bed_publisher_start(&bed);
        struct publish_request *request = publish_request_new(PUBLISH_PROBE);
        enum status status = bed_ask(&bed, request);
        if ((status == STATUS_OK) != (names[i].expected == NULL))
            fail_msg("%s", request->error.text);
        if (names[i].expected != NULL && strstr(request->error.text, names[i].expected) == NULL)
            fail_msg("%s", request->error.text);
        publish_request_free(request);
        bed_publisher_stop(&bed);
    }
    bed_stop(&bed);
}

/** The resolver's thread goes on alone; what it finds concerns nobody any more. */
static void letting_go_while_a_name_is_resolved(void **state UNUSED)
{
    struct bed bed;
    bool done;
    bed_init(&bed);
    bed.options.socket_path = STR_NONE;
    bed.options.host = STR("no-such-host.invalid");
    bed.options.port = 1;
    bed_publisher_start(&bed);
    struct publish_request *request = publish_request_new(PUBLISH_PROBE);
    bed_send(&bed, request, &done);
    bed_publisher_stop(&bed);
    assert_true(done);
    publish_request_free(request);
    bed_stop(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_that_are_no_redis),
        cmocka_unit_test(answers_that_no_script_gives),
        cmocka_unit_test(names_and_addresses),
        cmocka_unit_test(letting_go_while_a_name_is_resolved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
