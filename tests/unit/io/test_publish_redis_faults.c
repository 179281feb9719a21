/* A Redis that is down, silent, full, read-only, closed to us, or gone in between. Each time: a
 * clear word within seconds, nothing doubled, and it goes on by itself afterwards. */
#include "unit/io/publish_redis_bed.h"

#include <fcntl.h>
#include <sys/stat.h>

static int set_up(void **state)
{
    struct bed *bed = malloc(sizeof(*bed));
    bed_start(bed, NULL);
    *state = bed;
    return 0;
}

static int tear_down(void **state)
{
    bed_stop(*state);
    free(*state);
    return 0;
}

static const char *last_error(struct bed *bed)
{
    struct publisher_health health;
    bed->port.health(bed->port.ctx, &health);
    return str_is_set(health.last_error) ? health.last_error.data : "";
}

static bool is_connected(struct bed *bed)
{
    struct publisher_health health;
    bed->port.health(bed->port.ctx, &health);
    return health.connected;
}

/** A request's text, kept beyond the request. */
static const char *refusal(struct bed *bed, struct publish_request *request)
{
    static char text[ERROR_TEXT_MAX];
    assert_int_equal(bed_ask(bed, request), STATUS_UNAVAILABLE);
    str_copy_cut(str_c(request->error.text), text, sizeof(text));
    publish_request_free(request);
    return text;
}

static const char *probe_refusal(struct bed *bed)
{
    return refusal(bed, publish_request_new(PUBLISH_PROBE));
}

static void assert_holds(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" does not hold \"%s\"", text, part);
}

static void assert_works(struct bed *bed)
{
    struct publish_request *request = publish_request_new(PUBLISH_PROBE);
    if (bed_ask(bed, request) != STATUS_OK)
        fail_msg("%s", request->error.text);
    publish_request_free(request);
}

/* Not there. */

static void nothing_listens(void **state)
{
    struct bed *bed = *state;
    bed_server_kill(bed);
    assert_holds(probe_refusal(bed), bed->socket);
    assert_holds(last_error(bed), "Connection refused");
    assert_false(is_connected(bed));
    bed_server_start(bed, NULL);
    assert_works(bed);
    assert_true(is_connected(bed));
    assert_string_equal(last_error(bed), "");
}

static void no_such_socket(void **state)
{
    struct bed *bed = *state;
    bed_server_kill(bed);
    unlink(bed->socket);
    assert_holds(probe_refusal(bed), "No such file or directory");
}

/** The same trouble is one line in the log, however often it is met. */
static void trouble_is_logged_once(void **state)
{
    struct bed *bed = *state;
    bed_server_kill(bed);
    for (int i = 0; i < 4; i++)
        (void)probe_refusal(bed);
    assert_holds(bed->logged, "redis.trouble");
    assert_null(strstr(strstr(bed->logged, "redis.trouble") + 1, "redis.trouble"));
    bed_server_start(bed, NULL);
    assert_works(bed);
    assert_holds(bed->logged, "redis.connected");
}

static void a_restart_is_survived(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_publish(bed, 0, 1, 2), STATUS_OK);
    bed_server_kill(bed);
    bed_idle(bed, 100);
    assert_false(is_connected(bed));
    bed_server_start(bed, NULL);
    assert_int_equal(bed_publish(bed, 2, 3, 3), STATUS_CONFLICT); /* it has forgotten all */
    assert_int_equal(bed_publish_kind(bed, PUBLISH_HISTORY, 0, 1, 2), STATUS_OK);
    assert_int_equal(bed_publish(bed, 2, 3, 3), STATUS_OK);
    struct publisher_health health;
    bed->port.health(bed->port.ctx, &health);
    assert_int_equal(health.reconnects, 1);
}

static void killed_clients_come_back(void **state)
{
    struct bed *bed = *state;
    for (int64_t seq = 1; seq <= 5; seq++) {
        assert_int_equal(bed_publish(bed, seq - 1, seq, seq), STATUS_OK);
        bed_say(bed, "CLIENT KILL TYPE normal SKIPME yes");
        bed_idle(bed, 20);
    }
    assert_string_equal(bed_stream(bed), "1-0 2-0 3-0 4-0 5-0");
}

/* Silent. */

static void a_stopped_redis_is_given_up(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_publish(bed, 0, 1, 1), STATUS_OK);
    kill(bed->server, SIGSTOP);
    int64_t begin = bed_now_ms();
    assert_holds(refusal(bed, bed_events(PUBLISH_EVENTS, 1, 2, 2)), "no answer within 500 ms");
    assert_in_range(bed_now_ms() - begin, 400, 1500);
    assert_holds(probe_refusal(bed), "no answer within 500 ms"); /* connects; the kernel answers */
    kill(bed->server, SIGCONT);
    /* What was sent before the stop was carried out by now: once, whoever asks again. */
    assert_works(bed);
    enum status again = bed_publish(bed, 1, 2, 2);
    assert_true(again == STATUS_OK || again == STATUS_CONFLICT);
    assert_int_equal(bed_publish(bed, 2, 3, 3), STATUS_OK);
    assert_string_equal(bed_stream(bed), "1-0 2-0 3-0");
}

static void a_pause_is_waited_for(void **state)
{
    struct bed *bed = *state;
    assert_works(bed);
    bed_say(bed, "CLIENT PAUSE 200");
    assert_int_equal(bed_publish(bed, 0, 1, 1), STATUS_OK);
}

static void more_than_can_wait_is_refused(void **state)
{
    enum { SENT = PUBLISH_REDIS_QUEUE_MAX + 20 };
    struct bed *bed = *state;
    assert_works(bed);
    kill(bed->server, SIGSTOP);
    static struct publish_request *requests[SENT];
    static bool done[SENT];
    for (int i = 0; i < SENT; i++) {
        requests[i] = publish_request_new(PUBLISH_PROBE);
        bed_send(bed, requests[i], &done[i]);
    }
    bed_wait(bed, &done[SENT - 1]);
    assert_holds(requests[SENT - 1]->error.text, "requests wait for Redis");
    assert_false(done[0]);
    bed_wait(bed, &done[PUBLISH_REDIS_QUEUE_MAX - 1]);
    kill(bed->server, SIGCONT);
    for (int i = 0; i < SENT; i++) {
        assert_true(done[i]);
        assert_int_equal(requests[i]->status, STATUS_UNAVAILABLE);
        publish_request_free(requests[i]);
    }
}

static void letting_go_answers_what_is_under_way(void **state)
{
    struct bed *bed = *state;
    assert_works(bed);
    kill(bed->server, SIGSTOP);
    struct publish_request *requests[3];
    bool done[3];
    for (int i = 0; i < 3; i++) {
        requests[i] = publish_request_new(PUBLISH_PROBE);
        bed_send(bed, requests[i], &done[i]);
    }
    bed_publisher_stop(bed);
    kill(bed->server, SIGCONT);
    for (int i = 0; i < 3; i++) {
        assert_true(done[i]);
        assert_int_equal(requests[i]->status, STATUS_UNAVAILABLE);
        publish_request_free(requests[i]);
    }
}

/* It refuses. What is said to it, what status shows, and what ends it. */
struct refusal_row {
    const char *name;
    const char *cause[3], *end[3];
    const char *expected;
};

static const struct refusal_row refusals[] = {
    {"out of memory",
     {"CONFIG SET maxmemory-policy noeviction", "CONFIG SET maxmemory 1"},
     {"CONFIG SET maxmemory 0"},
     "Redis is out of memory"},
    {"read-only replica", {"REPLICAOF 127.0.0.1 1"}, {"REPLICAOF NO ONE"}, "read-only replica"},
    {"too few replicas",
     {"CONFIG SET min-replicas-to-write 1"},
     {"CONFIG SET min-replicas-to-write 0"},
     "without enough good replicas"},
    {"can't save", /* dump.rdb is a directory */
     {"save on", "BGSAVE"},
     {"save off"},
     "can't save to disk"},
    {"no right to XADD",
     {"ACL SETUSER default -xadd"},
     {"ACL SETUSER default +xadd"},
     "ACL user lacks a right"},
    {"no right to the keys",
     {"ACL SETUSER default resetkeys"},
     {"ACL SETUSER default allkeys"},
     "ACL user lacks a right"},
    {"stream is a string", {"SET t:events x"}, {"DEL t:events"}, "somebody else's"},
    {"hash is a string", {"SET t:needs_reconnect x"}, {"DEL t:needs_reconnect"}, "somebody else's"},
    {"log is a list", {"RPUSH t:log x"}, {"DEL t:log"}, "somebody else's"},
};

static void say_each(struct bed *bed, const char *const *commands)
{
    for (size_t i = 0; i < 3 && commands[i] != NULL; i++) {
        if (strcmp(commands[i], "save on") == 0)
            bed_say(bed, "CONFIG SET save %s", "3600 1");
        else if (strcmp(commands[i], "save off") == 0)
            bed_say(bed, "CONFIG SET save %s", "");
        else
            bed_say(bed, commands[i]);
    }
}

static void make_saving_fail(struct bed *bed)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/dump.rdb", bed->directory);
    mkdir(path, 0700);
}

/** Both while it is connected and when it connects. */
static void each_refusal_is_told(void **state)
{
    struct bed *bed = *state;
    make_saving_fail(bed);
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        const struct refusal_row *row = &refusals[i];
        print_message("  %s\n", row->name);
        bed_say(bed, "FLUSHALL");
        assert_works(bed);
        say_each(bed, row->cause);
        bed_idle(bed, 150);
        assert_holds(refusal(bed, bed_events(PUBLISH_EVENTS, 0, 1, 1)), row->expected);
        assert_holds(last_error(bed), row->expected);
        bed_say(bed, "CLIENT KILL TYPE normal SKIPME yes");
        bed_idle(bed, 50);
        assert_holds(refusal(bed, bed_events(PUBLISH_EVENTS, 0, 1, 1)), row->expected);
        say_each(bed, row->end);
        assert_works(bed);
        assert_int_equal(bed_publish(bed, 0, 1, 1), STATUS_OK);
        assert_string_equal(bed_stream(bed), "1-0");
        assert_string_equal(last_error(bed), "");
    }
}

/** Refused in the middle of the script, at one write after the other: the retry makes it whole. */
static void a_script_refused_half_way_is_made_whole(void **state)
{
    static const char *const writes[] = {"hset", "xadd", "set"};
    struct bed *bed = *state;
    for (size_t i = 0; i < ARRAY_LEN(writes); i++) {
        print_message("  %s\n", writes[i]);
        bed_say(bed, "FLUSHALL");
        assert_int_equal(bed_publish(bed, 0, 1, 2), STATUS_OK);
        bed_say(bed, "ACL SETUSER default -%s", writes[i]);
        assert_holds(refusal(bed, bed_events(PUBLISH_EVENTS, 2, 3, 5)), "ACL user lacks a right");
        bed_say(bed, "ACL SETUSER default +%s", writes[i]);
        assert_int_equal(bed_publish(bed, 2, 3, 5), STATUS_OK);
        assert_string_equal(bed_stream(bed), "1-0 2-0 3-0 4-0 5-0");
        assert_string_equal(bed_say(bed, "GET t:log"), "log-a 5");
        assert_string_equal(bed_say(bed, "HGETALL t:needs_reconnect"), "c-5 {\"id\":\"5\"}");
    }
}

static void a_refused_publish_is_told_and_nothing_else(void **state)
{
    struct bed *bed = *state;
    assert_works(bed);
    bed_say(bed, "ACL SETUSER default -publish");
    assert_int_equal(bed_publish(bed, 0, 1, 1), STATUS_OK);
    assert_holds(last_error(bed), "PUBLISH: the ACL user lacks a right");
    assert_string_equal(bed_stream(bed), "1-0");
    bed_say(bed, "ACL SETUSER default +publish");
    assert_int_equal(bed_publish(bed, 1, 2, 2), STATUS_OK);
    assert_string_equal(last_error(bed), "");
}

static void somebodys_endless_script(void **state)
{
    struct bed *bed = *state;
    bed_say(bed, "CONFIG SET busy-reply-threshold 20");
    assert_works(bed);
    redisContext *other = redisConnectUnixNonBlock(bed->socket);
    int done = 0;
    redisAppendCommand(other, "EVAL %s 0", "while true do end");
    while (!done)
        redisBufferWrite(other, &done);
    usleep(100000);
    assert_holds(refusal(bed, bed_events(PUBLISH_EVENTS, 0, 1, 1)), "busy running a script");
    bed_say(bed, "SCRIPT KILL");
    while (strcmp(bed_say(bed, "PING"), "PONG") != 0)
        usleep(1000);
    redisFree(other);
    assert_int_equal(bed_publish(bed, 0, 1, 1), STATUS_OK);
}

/* Users and passwords. */

static void put_password(struct bed *bed, const char *text)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/password", bed->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    bed->options.password_file = str_c(path);
}

static void restart_publisher(struct bed *bed)
{
    bed_publisher_stop(bed);
    bed_publisher_start(bed);
}

struct password_row {
    const char *name;
    const char *username, *password, *file; /* NULL: not given */
    const char *expected;                   /* NULL: works */
};

static const struct password_row passwords[] = {
    {"none", NULL, NULL, NULL, "Redis asks for a password"},
    {"wrong", NULL, "hunter2", NULL, "refuses the user or the password"},
    {"right", NULL, "sesame", NULL, NULL},
    {"in a file", NULL, NULL, "sesame\n", NULL},
    {"in a file of Windows", NULL, NULL, "sesame\r\nmore\n", NULL},
    {"in a file, wrong", NULL, NULL, "hunter2", "refuses the user or the password"},
    {"in an empty file", NULL, NULL, "\n", "expected one line"},
    {"of a user", "ana", "open", NULL, NULL},
    {"of a user, wrong", "ana", "hunter2", NULL, "refuses the user or the password"},
    {"of nobody", "bob", "hunter2", NULL, "refuses the user or the password"},
};

static void passwords_open_or_are_refused(void **state)
{
    struct bed *bed = *state;
    bed_say(bed, "ACL SETUSER ana on >open ~* &* +@all");
    bed_say(bed, "CONFIG SET requirepass sesame");
    for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
        const struct password_row *row = &passwords[i];
        print_message("  %s\n", row->name);
        bed->options.username = str_c(row->username);
        bed->options.password = str_c(row->password);
        bed->options.password_file = STR_NONE;
        if (row->file != NULL)
            put_password(bed, row->file);
        restart_publisher(bed);
        if (row->expected == NULL)
            assert_works(bed);
        else
            assert_holds(probe_refusal(bed), row->expected);
        assert_null(strstr(last_error(bed), "hunter2"));
        assert_null(strstr(bed->logged, "hunter2"));
    }
}

/** Of several that sentinels lead to, it says which. */
static void a_refused_connection_names_its_redis(void **state)
{
    struct bed *bed = *state;
    bed->options.password = STR("hunter2");
    bed_say(bed, "CONFIG SET requirepass sesame");
    restart_publisher(bed);
    const char *text = probe_refusal(bed);
    assert_holds(text, bed->socket);
    assert_holds(text, ": AUTH: Redis refuses the user or the password");
}

static void a_changed_password_is_read_at_the_next_connection(void **state)
{
    struct bed *bed = *state;
    put_password(bed, "sesame");
    bed_say(bed, "CONFIG SET requirepass sesame");
    restart_publisher(bed);
    assert_works(bed);
    bed_say(bed, "CONFIG SET requirepass open");
    put_password(bed, "open");
    bed_say(bed, "CLIENT KILL TYPE normal SKIPME yes");
    bed_idle(bed, 50);
    assert_works(bed);
}

static void a_missing_password_file_is_told(void **state)
{
    struct bed *bed = *state;
    bed->options.password_file = STR("/nonexistent/password");
    restart_publisher(bed);
    assert_holds(probe_refusal(bed), "/nonexistent/password: No such file or directory");
}

/** A Redis without AUTH repeats the words it does not know, and the password is one of them. */
static void an_unknown_auth_keeps_the_password(void **state)
{
    struct bed *bed = *state;
    bed_server_kill(bed);
    bed_server_start(bed, (const char *const[]){"--rename-command", "AUTH", "", NULL});
    bed->options.password = STR("hunter2");
    restart_publisher(bed);
    assert_holds(probe_refusal(bed), "AUTH: ");
    assert_null(strstr(last_error(bed), "hunter2"));
    assert_null(strstr(bed->logged, "hunter2"));
}

/* The rights of docs/redis.md: these are enough, and each is missed. */

#define RIGHTS                                                                                \
    "~t:* &t:* -@all +ping +auth +hello +select +client +evalsha +script|load +xinfo|stream " \
    "+xadd +hset +hdel +hgetall +publish +get +set +del +rename"

static void log_in_with_rights(struct bed *bed)
{
    assert_string_equal(bed_say(bed, "ACL SETUSER pub reset on >pw " RIGHTS), "OK");
    bed->options.username = STR("pub");
    bed->options.password = STR("pw");
    bed->options.database = 3;
    restart_publisher(bed);
}

static void the_documented_rights_are_enough(void **state)
{
    struct bed *bed = *state;
    log_in_with_rights(bed);
    assert_works(bed);
    assert_int_equal(bed_publish_kind(bed, PUBLISH_HISTORY, 0, 1, 2), STATUS_OK);
    assert_int_equal(bed_publish(bed, 2, 3, 4), STATUS_OK);
    assert_string_equal(last_error(bed), ""); /* PUBLISH too */
    assert_int_equal(bed_publish_kind(bed, PUBLISH_HASH_BEGIN, 0, 1, 0), STATUS_OK);
    assert_int_equal(bed_publish_kind(bed, PUBLISH_HASH_ADD, 0, 3, 3), STATUS_OK);
    assert_int_equal(bed_publish_kind(bed, PUBLISH_HASH_COMMIT, 0, 1, 0), STATUS_OK);
    bed_say(bed, "SCRIPT FLUSH");
    assert_int_equal(bed_publish(bed, 4, 5, 5), STATUS_OK);
    bed_say(bed, "SELECT 3");
    assert_string_equal(bed_stream(bed), "1-0 2-0 3-0 4-0 5-0");
    assert_non_null(strstr(bed_say(bed, "CLIENT LIST"), "name=refreshd"));
}

static void each_missing_right_is_noticed(void **state)
{
    static const char *const rights[] = {"select", "evalsha", "script|load", "xinfo|stream",
                                         "xadd",   "hset",    "hdel",        "get",
                                         "set",    "del",     "rename"};
    struct bed *bed = *state;
    log_in_with_rights(bed);
    for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
        print_message("  %s\n", rights[i]);
        bed_say(bed, "ACL SETUSER pub -%s", rights[i]);
        restart_publisher(bed);
        assert_holds(probe_refusal(bed), "ACL user lacks a right");
        bed_say(bed, "ACL SETUSER pub +%s", rights[i]);
    }
    restart_publisher(bed);
    assert_works(bed);
}

static void a_database_that_is_not_there(void **state)
{
    struct bed *bed = *state;
    bed->options.database = 99;
    restart_publisher(bed);
    assert_holds(probe_refusal(bed), "SELECT: ");
}

/* Again and again. */

static enum status go_on(struct bed *bed, int64_t newest)
{
    struct publish_request *request = publish_request_new(PUBLISH_PROBE);
    enum status status = bed_ask(bed, request);
    int64_t at = request->stream_last;
    publish_request_free(request);
    for (; status == STATUS_OK && at < newest; at += 10)
        status = bed_publish(bed, at, at + 1, MIN_OF(at + 10, newest));
    return status;
}

static void disturb(struct bed *bed, int how, const char *const *settings)
{
    switch (how) {
    case 0:
        bed_say(bed, "CLIENT KILL TYPE normal SKIPME yes");
        return;
    case 1:
        bed_say(bed, "SCRIPT FLUSH");
        return;
    case 2:
        bed_server_kill(bed);
        bed_server_start(bed, settings);
        return;
    default:
        kill(bed->server, SIGSTOP);
        bed_idle(bed, 600);
        kill(bed->server, SIGCONT);
    }
}

/** In the middle of a pipeline. At the end the stream is the log: no gap, no double. */
static void disturbed_again_and_again(void **state)
{
    static const char *const settings[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};
    enum { ROUNDS = 24, EACH = 40, BATCHES = 8 };
    struct bed *bed = *state;
    const char *wish = getenv("REFRESHD_SEED");
    unsigned seed = wish != NULL ? (unsigned)strtoul(wish, NULL, 10) : (unsigned)time(NULL);
    print_message("  REFRESHD_SEED=%u\n", seed);
    bed_server_kill(bed);
    bed_server_start(bed, settings);
    bed->options.stream_maxlen = 100000;
    restart_publisher(bed);
    for (int64_t newest = EACH; newest <= ROUNDS * EACH; newest += EACH) {
        struct publish_request *requests[BATCHES];
        bool done[BATCHES];
        for (int i = 0; i < BATCHES; i++) {
            int64_t before = newest - EACH + (int64_t)i * (EACH / BATCHES);
            requests[i] = bed_events(PUBLISH_EVENTS, before, before + 1, before + EACH / BATCHES);
            bed_send(bed, requests[i], &done[i]);
        }
        for (int turns = (int)(rand_r(&seed) % 4); turns > 0; turns--)
            loop_run_once(bed->loop);
        disturb(bed, (int)(rand_r(&seed) % 4), settings);
        for (int i = 0; i < BATCHES; i++) {
            bed_wait(bed, &done[i]);
            publish_request_free(requests[i]);
        }
        while (go_on(bed, newest) != STATUS_OK)
            continue;
    }
    redisReply *reply = redisCommand(bed->side, "XRANGE t:events - +");
    assert_int_equal(reply->elements, ROUNDS * EACH);
    for (size_t i = 0; i < reply->elements; i++)
        assert_int_equal(atoll(reply->element[i]->element[0]->str), i + 1);
    freeReplyObject(reply);
    assert_string_equal(bed_say(bed, "HGETALL t:needs_reconnect"), "");
}

#define WITH_REDIS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REDIS(nothing_listens),
        WITH_REDIS(no_such_socket),
        WITH_REDIS(trouble_is_logged_once),
        WITH_REDIS(a_restart_is_survived),
        WITH_REDIS(killed_clients_come_back),
        WITH_REDIS(a_stopped_redis_is_given_up),
        WITH_REDIS(a_pause_is_waited_for),
        WITH_REDIS(more_than_can_wait_is_refused),
        WITH_REDIS(letting_go_answers_what_is_under_way),
        WITH_REDIS(each_refusal_is_told),
        WITH_REDIS(a_script_refused_half_way_is_made_whole),
        WITH_REDIS(a_refused_publish_is_told_and_nothing_else),
        WITH_REDIS(somebodys_endless_script),
        WITH_REDIS(passwords_open_or_are_refused),
        WITH_REDIS(a_refused_connection_names_its_redis),
        WITH_REDIS(a_changed_password_is_read_at_the_next_connection),
        WITH_REDIS(a_missing_password_file_is_told),
        WITH_REDIS(an_unknown_auth_keeps_the_password),
        WITH_REDIS(the_documented_rights_are_enough),
        WITH_REDIS(each_missing_right_is_noticed),
        WITH_REDIS(a_database_that_is_not_there),
        WITH_REDIS(disturbed_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
