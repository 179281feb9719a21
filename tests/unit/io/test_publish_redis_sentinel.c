/* Sentinels: real bytes from peers that say what the row wants. Most of them name a master, or none
 * does and each one's reason is told; whatever they say, an answer comes. And the publisher that
 * follows them from one Redis to another. */
#include "unit/io/publish_redis_bed.h"

#include "io/publish_redis_sentinel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { SAYINGS_MAX = 5, TIMEOUT_MS = 500 };

#define AT(port) "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n" #port "\r\n"

/** A peer in a process of its own, which may be told something else later. */
struct sentinel {
    pid_t pid;
    uint16_t port;
};

static int listen_on_loopback(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(listen(fd, 8), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static const char dead[] = "dead", silent[] = "silent", endless[] = "endless";

/** To each connection: hears something, says it, waits for the end. */
static void serve(int listener, const char *says)
{
    while (true) {
        char heard[4096];
        int fd = accept(listener, NULL, NULL);
        if (fd < 0 || read(fd, heard, sizeof(heard)) < 0)
            _exit(1);
        do {
            if (says != silent && write(fd, says == endless ? "$99999\r\n" : says,
                                        strlen(says == endless ? "$99999\r\n" : says)) < 0)
                break;
        } while (says == endless);
        while (says != silent && read(fd, heard, sizeof(heard)) > 0)
            continue;
        if (says != silent)
            close(fd);
    }
}

static struct sentinel sentinel_start(const char *says)
{
    struct sentinel sentinel;
    int listener = listen_on_loopback(&sentinel.port);
    sentinel.pid = says == dead ? 0 : fork();
    assert_true(sentinel.pid >= 0);
    if (says != dead && sentinel.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        serve(listener, says);
    }
    close(listener);
    return sentinel;
}

static void sentinel_stop(struct sentinel *sentinel)
{
    if (sentinel->pid <= 0)
        return;
    kill(sentinel->pid, SIGKILL);
    waitpid(sentinel->pid, NULL, 0);
}

/* Asking. */

struct heard {
    int count;
    struct publish_redis_master master; /* host empty: none */
    struct error why;
};

static void on_master(void *ctx, const struct publish_redis_master *master, const struct error *why)
{
    struct heard *heard = ctx;
    heard->count++;
    assert_true((master == NULL) == (why != NULL));
    heard->master = master != NULL ? *master : (struct publish_redis_master){0};
    heard->why = why != NULL ? *why : (struct error){0};
}

static void wait_for(struct bed *bed, const struct heard *heard, int count)
{
    for (int64_t end = bed_now_ms() + BED_PATIENCE_MS; heard->count < count;) {
        assert_true(bed_now_ms() < end);
        loop_run_once(bed->loop);
    }
}

static struct publish_redis_sentinels *ask_those(struct bed *bed, const char *const *says,
                                                 struct sentinel *peers,
                                                 struct publish_redis_sentinel *addresses,
                                                 struct heard *heard)
{
    size_t count = 0;
    for (; count < SAYINGS_MAX && says[count] != NULL; count++) {
        peers[count] = sentinel_start(says[count]);
        addresses[count] =
            (struct publish_redis_sentinel){.host = STR("127.0.0.1"), .port = peers[count].port};
    }
    const struct publish_redis_sentinels_options options = {
        .loop = bed->loop,
        .sentinels = addresses,
        .count = count,
        .master_name = STR("events"),
        .timeout_ms = TIMEOUT_MS,
    };
    return publish_redis_sentinels_new(&options, on_master, heard);
}

struct row {
    const char *name;
    const char *says[SAYINGS_MAX];
    uint16_t port;      /* that of the master; 0: none is named */
    bool at_once;       /* without waiting for those who are silent */
    const char *why[3]; /* what the reason holds, where there is none */
    uint16_t current;   /* who wins where as many name another */
};

static const char unknown_master[] = "*-1\r\n";

static const struct row rows[] = {
    {.name = "one", .says = {AT(7001)}, .port = 7001, .at_once = true},
    {.name = "all agree", .says = {AT(7001), AT(7001), AT(7001)}, .port = 7001, .at_once = true},
    {.name = "the first is dead",
     .says = {dead, AT(7001), AT(7001)},
     .port = 7001,
     .at_once = true},
    {.name = "the first is silent",
     .says = {silent, AT(7001), AT(7001)},
     .port = 7001,
     .at_once = true},
    {.name = "all but one are dead", .says = {dead, dead, AT(7001)}, .port = 7001, .at_once = true},
    {.name = "all but one are silent", .says = {silent, AT(7001), silent}, .port = 7001},
    {.name = "the first is behind",
     .says = {AT(7001), AT(7002), AT(7002)},
     .port = 7002,
     .at_once = true},
    {.name = "the first does not know it",
     .says = {unknown_master, AT(7001), AT(7001)},
     .port = 7001,
     .at_once = true},
    {.name = "one each: where we are",
     .says = {AT(7001), AT(7002)},
     .port = 7002,
     .at_once = true,
     .current = 7002},
    {.name = "most against where we are",
     .says = {AT(7001), AT(7001), AT(7002), silent, silent},
     .port = 7001,
     .current = 7002},
    {.name = "none knows it",
     .says = {unknown_master, unknown_master},
     .at_once = true,
     .why = {"no master \"events\"", "it knows no master of that name; sentinel at"}},
    {.name = "nobody is there",
     .says = {dead, dead},
     .at_once = true,
     .why = {"no master \"events\" by the sentinels: sentinel at 127.0.0.1:",
             "Connection refused; sentinel at 127.0.0.1:"}},
    {.name = "nobody answers", .says = {silent, dead}, .why = {"no answer within 500 ms"}},
    {.name = "a password is asked for",
     .says = {"-NOAUTH Authentication required.\r\n"},
     .at_once = true,
     .why = {"set [redis] sentinel_password_file"}},
    {.name = "no right",
     .says = {"-NOPERM this user has no permissions to run the 'sentinel' command\r\n"},
     .at_once = true,
     .why = {"the ACL user lacks a right"}},
    {.name = "a Redis",
     .says = {"-ERR unknown command 'SENTINEL', with args beginning with: 'get'\r\n"},
     .at_once = true,
     .why = {"this is no sentinel"}},
    {.name = "any other error",
     .says = {"-ERR no\r\n"},
     .at_once = true,
     .why = {"SENTINEL: Redis answers: ERR no"}},
    {.name = "a text",
     .says = {"$14\r\n127.0.0.1:7001\r\n"},
     .at_once = true,
     .why = {"no sentinel gives"}},
    {.name = "a number", .says = {":7001\r\n"}, .at_once = true, .why = {"no sentinel gives"}},
    {.name = "no element", .says = {"*0\r\n"}, .at_once = true, .why = {"no sentinel gives"}},
    {.name = "a host alone",
     .says = {"*1\r\n$9\r\n127.0.0.1\r\n"},
     .at_once = true,
     .why = {"no sentinel gives"}},
    {.name = "three of two",
     .says = {"*3\r\n$1\r\nh\r\n$1\r\n1\r\n$1\r\n1\r\n"},
     .at_once = true,
     .why = {"no sentinel gives"}},
    {.name = "a port as a number",
     .says = {"*2\r\n$1\r\nh\r\n:1\r\n"},
     .at_once = true,
     .why = {"no sentinel gives"}},
    {.name = "port 0",
     .says = {"*2\r\n$1\r\nh\r\n$1\r\n0\r\n"},
     .at_once = true,
     .why = {"no sentinel gives"}},
    {.name = "port 65536",
     .says = {"*2\r\n$1\r\nh\r\n$5\r\n65536\r\n"},
     .at_once = true,
     .why = {"no sentinel gives"}},
    {.name = "no host",
     .says = {"*2\r\n$0\r\n\r\n$1\r\n1\r\n"},
     .at_once = true,
     .why = {"no sentinel gives"}},
    {.name = "a host that is none",
     .says = {"*2\r\n$3\r\na\nb\r\n$1\r\n1\r\n"},
     .at_once = true,
     .why = {"no sentinel gives"}},
    {.name = "an array in the array",
     .says = {"*2\r\n*1\r\n:1\r\n$1\r\n1\r\n"},
     .at_once = true,
     .why = {"larger than any"}},
    {.name = "an array of 2^31",
     .says = {"*2147483647\r\n"},
     .at_once = true,
     .why = {"larger than any"}},
    {.name = "another trade",
     .says = {"HTTP/1.1 400 Bad Request\r\n\r\n"},
     .at_once = true,
     .why = {"Protocol error"}},
    {.name = "half an answer", .says = {"*2\r\n$9\r\n127.0"}, .why = {"no answer within 500 ms"}},
    {.name = "a bulk without end", .says = {endless}, .at_once = true, .why = {"larger than any"}},
    {.name = "one lies, the others do not",
     .says = {endless, AT(7001), AT(7001)},
     .port = 7001,
     .at_once = true},
};

static void assert_answer(const struct row *row, const struct heard *heard)
{
    assert_int_equal(heard->count, 1);
    assert_int_equal(heard->master.port, row->port);
    if (row->port != 0)
        assert_string_equal(heard->master.host, "127.0.0.1");
    for (size_t i = 0; i < ARRAY_LEN(row->why) && row->why[i] != NULL; i++) {
        if (strstr(heard->why.text, row->why[i]) == NULL)
            fail_msg("\"%s\" does not hold \"%s\"", heard->why.text, row->why[i]);
    }
}

static void what_sentinels_may_say(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct bed bed;
        struct sentinel peers[SAYINGS_MAX] = {0};
        struct publish_redis_sentinel addresses[SAYINGS_MAX];
        struct heard heard = {0};
        const struct publish_redis_master current = {.host = "127.0.0.1", .port = row->current};
        print_message("  %s\n", row->name);
        bed_init(&bed);
        struct publish_redis_sentinels *sentinels =
            ask_those(&bed, row->says, peers, addresses, &heard);
        int64_t began = bed_now_ms();
        publish_redis_sentinels_ask(sentinels, row->current != 0 ? &current : NULL);
        assert_int_equal(heard.count, 0);
        wait_for(&bed, &heard, 1);
        int64_t took = bed_now_ms() - began;
        if (row->at_once != (took < TIMEOUT_MS - 20))
            fail_msg("answered after %lld ms", (long long)took);
        bed_idle(&bed, 20);
        assert_answer(row, &heard);
        publish_redis_sentinels_free(sentinels);
        for (size_t p = 0; p < SAYINGS_MAX; p++)
            sentinel_stop(&peers[p]);
        bed_stop(&bed);
    }
}

/** Two that contradict each other: now one, now the other, so that a dead master is not for ever.
 */
static void equals_take_turns(void **state UNUSED)
{
    struct bed bed;
    struct sentinel peers[SAYINGS_MAX] = {0};
    struct publish_redis_sentinel addresses[SAYINGS_MAX];
    struct heard heard = {0};
    bed_init(&bed);
    struct publish_redis_sentinels *sentinels = ask_those(
        &bed, (const char *const[SAYINGS_MAX]){AT(7001), AT(7002)}, peers, addresses, &heard);
    uint16_t first = 0;
    for (int time = 1; time <= 4; time++) {
        publish_redis_sentinels_ask(sentinels, NULL);
        wait_for(&bed, &heard, time);
        if (time == 1)
            first = heard.master.port;
        assert_int_equal(heard.master.port == first, time % 2 == 1);
    }
    publish_redis_sentinels_free(sentinels);
    sentinel_stop(&peers[0]);
    sentinel_stop(&peers[1]);
    bed_stop(&bed);
}

static void a_question_taken_back_is_not_answered(void **state UNUSED)
{
    struct bed bed;
    struct sentinel peers[SAYINGS_MAX] = {0};
    struct publish_redis_sentinel addresses[SAYINGS_MAX];
    struct heard heard = {0};
    bed_init(&bed);
    struct publish_redis_sentinels *sentinels =
        ask_those(&bed, (const char *const[SAYINGS_MAX]){AT(7001)}, peers, addresses, &heard);
    publish_redis_sentinels_ask(sentinels, NULL);
    publish_redis_sentinels_cancel(sentinels);
    bed_idle(&bed, 50);
    assert_int_equal(heard.count, 0);
    publish_redis_sentinels_ask(sentinels, NULL);
    publish_redis_sentinels_cancel(sentinels);
    publish_redis_sentinels_ask(sentinels, NULL); /* while the one before is being hung up on */
    publish_redis_sentinels_ask(sentinels, NULL);
    wait_for(&bed, &heard, 1);
    assert_int_equal(heard.master.port, 7001);
    bed_idle(&bed, 50);
    assert_int_equal(heard.count, 1);
    publish_redis_sentinels_ask(sentinels, NULL);
    publish_redis_sentinels_free(sentinels); /* nor one that is under way */
    assert_int_equal(heard.count, 1);
    sentinel_stop(&peers[0]);
    bed_stop(&bed);
}

/* Who we are at the sentinels. */

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

struct auth_row {
    const char *name, *username;
    const char *password; /* NULL: there is no such file */
    const char *says;
    const char *why; /* NULL: a master is named */
};

static const struct auth_row auth_rows[] = {
    {"password alone", NULL, "geheim\n", "+OK\r\n" AT(7001), NULL},
    {"user and password", "s", "geheim\n", "+OK\r\n" AT(7001), NULL},
    {"refused", "s", "geheim",
     "-WRONGPASS invalid username-password pair\r\n-NOAUTH Authentication required.\r\n",
     "sentinel_username, sentinel_password_file"},
    {"refused without a word", "s", "geheim", "-ERR geheim\r\n-ERR geheim\r\n", "Redis refuses it"},
    {"no file", NULL, NULL, "", "[redis] sentinel_password_file /"},
    {"an empty file", NULL, "\n", "", "expected one line of at most"},
};

static void who_we_are_at_the_sentinels(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(auth_rows); i++) {
        const struct auth_row *row = &auth_rows[i];
        struct bed bed;
        char path[128];
        struct heard heard = {0};
        print_message("  %s\n", row->name);
        bed_init(&bed);
        snprintf(path, sizeof(path), "%s/password", bed.directory);
        if (row->password != NULL)
            write_file(path, row->password);
        struct sentinel peer = sentinel_start(row->says);
        const struct publish_redis_sentinel address = {.host = STR("127.0.0.1"), .port = peer.port};
        const struct publish_redis_sentinels_options options = {
            .loop = bed.loop,
            .sentinels = &address,
            .count = 1,
            .master_name = STR("events"),
            .username = str_c(row->username),
            .password_file = str_c(path),
            .timeout_ms = TIMEOUT_MS,
        };
        struct publish_redis_sentinels *sentinels =
            publish_redis_sentinels_new(&options, on_master, &heard);
        publish_redis_sentinels_ask(sentinels, NULL);
        wait_for(&bed, &heard, 1);
        assert_int_equal(heard.master.port, row->why == NULL ? 7001 : 0);
        if (row->why != NULL && strstr(heard.why.text, row->why) == NULL)
            fail_msg("\"%s\" does not hold \"%s\"", heard.why.text, row->why);
        assert_null(strstr(heard.why.text, "geheim"));
        publish_redis_sentinels_free(sentinels);
        sentinel_stop(&peer);
        bed_stop(&bed);
    }
}

/* The publisher, led from one real Redis to another. */

/** What a sentinel says is a file, so that it may say something else later. */
static void serve_file(int listener, const char *path)
{
    while (true) {
        char text[256];
        int fd = accept(listener, NULL, NULL);
        if (fd < 0 || read(fd, text, sizeof(text)) < 0)
            _exit(1);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t len = file >= 0 ? read(file, text, sizeof(text)) : 0;
        if (len > 0 && write(fd, text, (size_t)len) < 0)
            _exit(1);
        close(file);
        if (len > 0 && read(fd, text, sizeof(text)) < 0)
            _exit(1);
        close(fd);
    }
}

static struct sentinel start_guide(const char *path)
{
    struct sentinel sentinel;
    int listener = listen_on_loopback(&sentinel.port);
    sentinel.pid = fork();
    assert_true(sentinel.pid >= 0);
    if (sentinel.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve_file(listener, path);
    }
    close(listener);
    return sentinel;
}

static void lead_to(const char *path, uint16_t port)
{
    char text[64], number[8], next[160];
    snprintf(number, sizeof(number), "%u", (unsigned)port);
    snprintf(text, sizeof(text), "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(number), number);
    snprintf(next, sizeof(next), "%s.next", path);
    write_file(next, text);
    assert_int_equal(rename(next, path), 0);
}

static uint16_t start_server(struct bed *bed)
{
    uint16_t port;
    char port_text[8];
    close(listen_on_loopback(&port));
    snprintf(port_text, sizeof(port_text), "%u", (unsigned)port);
    bed_server_start(bed, (const char *const[]){"--port", port_text, NULL});
    return port;
}

static struct publisher_health health_of(const struct bed *bed)
{
    struct publisher_health health;
    bed->port.health(bed->port.ctx, &health);
    return health;
}

static enum status probe(struct bed *bed)
{
    struct publish_request *request = publish_request_new(PUBLISH_PROBE);
    enum status status = bed_ask(bed, request);
    publish_request_free(request);
    return status;
}

static void the_publisher_is_led_to_the_master_and_to_the_next(void **state UNUSED)
{
    struct bed first, second;
    char path[128], expected[64];
    bed_init(&first);
    bed_init(&second);
    uint16_t first_port = start_server(&first), second_port = start_server(&second);
    snprintf(path, sizeof(path), "%s/answer", first.directory);
    write_file(path, unknown_master);
    struct sentinel guide = start_guide(path);
    const struct publish_redis_sentinel address = {.host = STR("127.0.0.1"), .port = guide.port};
    first.options.socket_path = STR_NONE;
    first.options.sentinels = &address;
    first.options.sentinel_count = 1;
    first.options.master_name = STR("events");
    bed_publisher_start(&first);

    assert_int_equal(probe(&first), STATUS_UNAVAILABLE);
    assert_non_null(strstr(health_of(&first).last_error.data, "it knows no master of that name"));
    assert_false(str_is_set(health_of(&first).address));

    lead_to(path, first_port);
    bed_idle(&first, 150);
    assert_int_equal(bed_publish(&first, 0, 1, 2), STATUS_OK);
    snprintf(expected, sizeof(expected), "127.0.0.1:%u", (unsigned)first_port);
    assert_string_equal(health_of(&first).address.data, expected);

    /* Replaced, though it lives and takes everything. */
    lead_to(path, second_port);
    bed_idle(&first, PUBLISH_REDIS_LOOK_MS + 200);
    assert_false(health_of(&first).connected);
    assert_int_equal(bed_publish(&first, 0, 1, 2), STATUS_OK);
    assert_string_equal(bed_stream(&second), "1-0 2-0");
    snprintf(expected, sizeof(expected), "127.0.0.1:%u", (unsigned)second_port);
    assert_string_equal(health_of(&first).address.data, expected);
    assert_int_equal(health_of(&first).master_changes, 1);
    assert_non_null(strstr(first.logged, "redis.master_changed"));

    /* The sentinels are gone: all goes on, and it is told. */
    sentinel_stop(&guide);
    bed_idle(&first, PUBLISH_REDIS_LOOK_MS + 200);
    assert_int_equal(bed_publish(&first, 2, 3, 3), STATUS_OK);
    assert_true(health_of(&first).connected);
    assert_non_null(strstr(health_of(&first).last_error.data, "Connection refused"));

    bed_stop(&first);
    bed_stop(&second);
}

/** It says so by itself: nobody waits for the next look. */
static void a_master_made_replica_is_left_at_once(void **state UNUSED)
{
    struct bed first, second;
    char path[128];
    bed_init(&first);
    bed_init(&second);
    uint16_t first_port = start_server(&first), second_port = start_server(&second);
    snprintf(path, sizeof(path), "%s/answer", first.directory);
    lead_to(path, first_port);
    struct sentinel guide = start_guide(path);
    const struct publish_redis_sentinel address = {.host = STR("127.0.0.1"), .port = guide.port};
    first.options.socket_path = STR_NONE;
    first.options.sentinels = &address;
    first.options.sentinel_count = 1;
    first.options.master_name = STR("events");
    bed_publisher_start(&first);
    assert_int_equal(bed_publish(&first, 0, 1, 1), STATUS_OK);

    assert_string_equal(bed_say(&first, "REPLICAOF 127.0.0.1 %u", (unsigned)second_port), "OK");
    lead_to(path, second_port);
    int64_t began = bed_now_ms();
    assert_int_equal(bed_publish(&first, 1, 2, 2), STATUS_UNAVAILABLE);
    assert_non_null(strstr(health_of(&first).last_error.data, "read-only replica"));
    bed_idle(&first, 100);
    assert_int_equal(bed_publish(&first, 0, 1, 2), STATUS_OK);
    assert_true(bed_now_ms() - began < PUBLISH_REDIS_LOOK_MS);
    assert_string_equal(bed_stream(&second), "1-0 2-0");
    sentinel_stop(&guide);
    bed_stop(&first);
    bed_stop(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_sentinels_may_say),
        cmocka_unit_test(equals_take_turns),
        cmocka_unit_test(a_question_taken_back_is_not_answered),
        cmocka_unit_test(who_we_are_at_the_sentinels),
        cmocka_unit_test(the_publisher_is_led_to_the_master_and_to_the_next),
        cmocka_unit_test(a_master_made_replica_is_left_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
