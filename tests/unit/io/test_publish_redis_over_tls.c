/* The publisher over TLS: a real redis-server with a TLS port, and peers that break off, stay
 * silent or say too much behind a perfect handshake. */
#include "publish_redis_bed.h"

#include "tls_files.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <openssl/ssl.h>

static int make(void **state UNUSED)
{
    return tls_files_make();
}

static int clean(void **state UNUSED)
{
    return tls_files_clean();
}

/* How long refreshd waits for its peer. Where a test is about that, it ends soon; everywhere else a
 * machine that is busy with other things must not be taken for a peer that is silent. */
enum { SOON_MS = 500, PATIENT_MS = BED_PATIENCE_MS / 2 };

/** Of what refreshd runs out of patience. */
enum awaited { OF_NOTHING, OF_TLS, OF_ANSWERS };

/* A Redis with TLS on `port`, and refreshd's end of it. */

struct scene {
    struct bed bed;
    uint16_t port;
    char port_text[8];
    char path[6][TLS_FILES_PATH_SIZE];
};

/** Listens on a free port; closed again, it is most likely still free. */
static int listen_anywhere(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static struct str path_of(struct scene *scene, size_t slot, const char *name, const char *ending)
{
    char file[64];
    if (name == NULL)
        return STR_NONE;
    snprintf(file, sizeof(file), "%s.%s", name, ending);
    return str_c(tls_files_path(scene->path[slot], file));
}

/** What differs from a good configuration. */
struct setting {
    const char *certificate; /* Redis', NULL: it has no TLS; "good" */
    const char *auth_clients;
    bool in_the_clear; /* we */
    const char *host, *ca, *client;
    enum awaited runs_out;
};

static void scene_init(struct scene *scene, const struct setting *setting)
{
    bed_init(&scene->bed);
    close(listen_anywhere(&scene->port));
    snprintf(scene->port_text, sizeof(scene->port_text), "%u", (unsigned)scene->port);
    struct publish_redis_options *options = &scene->bed.options;
    options->socket_path = STR_NONE;
    options->host = str_c(setting->host);
    options->port = scene->port;
    options->connect_timeout_ms = setting->runs_out == OF_TLS ? SOON_MS : PATIENT_MS;
    options->command_timeout_ms = setting->runs_out == OF_ANSWERS ? SOON_MS : PATIENT_MS;
    options->tls = !setting->in_the_clear;
    options->ca_file = path_of(scene, 0, setting->ca, "pem");
    options->certificate_file = path_of(scene, 1, setting->client, "pem");
    options->key_file = path_of(scene, 2, setting->client, "key");
}

static void scene_server(struct scene *scene, const struct setting *setting)
{
    const char *tls = setting->certificate;
    const char *settings[] = {tls != NULL ? "--tls-port" : "--port",
                              scene->port_text,
                              "--tls-cert-file",
                              path_of(scene, 3, tls != NULL ? tls : "good", "pem").data,
                              "--tls-key-file",
                              path_of(scene, 4, tls != NULL ? tls : "good", "key").data,
                              "--tls-ca-cert-file",
                              tls_files_path(scene->path[5], "ca.pem"),
                              "--tls-auth-clients",
                              setting->auth_clients,
                              NULL};
    bed_server_start(&scene->bed, settings);
}

static const struct setting good = {"good", "yes", false, "127.0.0.1", "ca", "client", OF_NOTHING};

static void scene_start(struct scene *scene, const struct setting *setting)
{
    scene_init(scene, setting);
    scene_server(scene, setting);
    bed_publisher_start(&scene->bed);
}

static void assert_fails(struct scene *scene, const char *expected)
{
    struct publish_request *request = bed_events(PUBLISH_EVENTS, 0, 1, 1);
    assert_int_equal(bed_ask(&scene->bed, request), STATUS_UNAVAILABLE);
    if (strstr(request->error.text, expected) == NULL)
        fail_msg("\"%s\" does not hold \"%s\"", request->error.text, expected);
    struct publisher_health health;
    scene->bed.port.health(scene->bed.port.ctx, &health);
    assert_true(str_contains(health.last_error, str_c(expected)));
    assert_non_null(strstr(scene->bed.logged, expected));
    publish_request_free(request);
}

/** A try that finds Redis starting may fail: as the outbox does, once more. */
static void publish_at_last(struct scene *scene, int64_t expected, int64_t from, int64_t to)
{
    for (int64_t end = bed_now_ms() + BED_PATIENCE_MS; bed_now_ms() < end;) {
        if (bed_publish(&scene->bed, expected, from, to) == STATUS_OK)
            return;
    }
    fail_msg("%s", scene->bed.logged);
}

/* A Redis. */

static void events_arrive_by_mutual_tls(void **state UNUSED)
{
    struct scene scene;
    if (!tls_files_are_there())
        skip();
    scene_start(&scene, &good);
    assert_int_equal(bed_publish(&scene.bed, 0, 1, 3), STATUS_OK);
    assert_string_equal(bed_stream(&scene.bed), "1-0 2-0 3-0");
    assert_string_equal(bed_say(&scene.bed, "HKEYS t:needs_reconnect"), "c-3");
    assert_string_equal(scene.bed.logged, "redis.connected connected to Redis\n");
    bed_stop(&scene.bed);
}

static void a_long_pipeline(void **state UNUSED)
{
    enum { BATCHES = 40, BATCH = 200 };
    struct scene scene;
    struct publish_request *requests[BATCHES];
    bool done[BATCHES];
    if (!tls_files_are_there())
        skip();
    scene_init(&scene, &good);
    scene.bed.options.stream_maxlen = 1000000;
    scene_server(&scene, &good);
    bed_publisher_start(&scene.bed);
    for (int i = 0; i < BATCHES; i++) {
        requests[i] =
            bed_events(PUBLISH_EVENTS, (int64_t)i * BATCH, (int64_t)i * BATCH + 1, (i + 1) * BATCH);
        bed_send(&scene.bed, requests[i], &done[i]);
    }
    for (int i = 0; i < BATCHES; i++) {
        bed_wait(&scene.bed, &done[i]);
        assert_int_equal(requests[i]->status, STATUS_OK);
        publish_request_free(requests[i]);
    }
    assert_string_equal(bed_say(&scene.bed, "XLEN t:events"), "8000");
    bed_stop(&scene.bed);
}

struct wrong_row {
    const char *name;
    struct setting setting;
    const char *expected;
};

static const struct wrong_row wrong_rows[] = {
    {"another authority",
     {"good", "no", false, "127.0.0.1", "stranger", NULL, OF_NOTHING},
     "vouches for"},
    {"another name",
     {"other", "no", false, "127.0.0.1", "ca", NULL, OF_NOTHING},
     "is \"127.0.0.1\""},
    {"a name where the address is meant",
     {"other", "no", false, "localhost", "ca", NULL, OF_NOTHING},
     "is \"localhost\""},
    {"expired",
     {"old", "no", false, "127.0.0.1", "ca", NULL, OF_NOTHING},
     "certificate has expired"},
    {"no certificate of ours",
     {"good", "yes", false, "127.0.0.1", "ca", NULL, OF_NOTHING},
     " a client certificate"},
    {"another one of ours",
     {"good", "yes", false, "127.0.0.1", "ca", "own", OF_NOTHING},
     "it refuses the certificate of [redis] client_certificate_file"},
    {"no such file",
     {"good", "yes", false, "127.0.0.1", "ca", "none", OF_NOTHING},
     "[redis] client_certificate_file /tmp/"},
    {"a plain Redis",
     {NULL, "no", false, "127.0.0.1", "ca", NULL, OF_TLS},
     "no TLS (if it has none: url = redis://…) within 500 ms"},
    {"TLS where we expect none",
     {"good", "no", true, "127.0.0.1", NULL, NULL, OF_NOTHING},
     "if it expects TLS: url = rediss://…"},
};

static void what_is_wrong_is_told(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    for (size_t i = 0; i < ARRAY_LEN(wrong_rows); i++) {
        struct scene scene;
        print_message("  %s\n", wrong_rows[i].name);
        scene_start(&scene, &wrong_rows[i].setting);
        assert_fails(&scene, wrong_rows[i].expected);
        assert_fails(&scene, wrong_rows[i].expected);
        assert_string_equal(bed_say(&scene.bed, "XLEN t:events"), "0");
        bed_stop(&scene.bed);
    }
}

/** The system's resolver is asked, each address is tried; the name is what is verified. */
static void a_redis_by_name(void **state UNUSED)
{
    struct setting setting = good;
    struct scene scene;
    if (!tls_files_are_there())
        skip();
    setting.host = "localhost";
    scene_start(&scene, &setting);
    assert_int_equal(bed_publish(&scene.bed, 0, 1, 1), STATUS_OK);
    bed_stop(&scene.bed);
}

static void a_redis_that_is_killed_and_comes_back(void **state UNUSED)
{
    struct scene scene;
    if (!tls_files_are_there())
        skip();
    scene_start(&scene, &good);
    assert_int_equal(bed_publish(&scene.bed, 0, 1, 3), STATUS_OK);
    bed_server_kill(&scene.bed);
    assert_int_equal(bed_publish(&scene.bed, 3, 4, 4), STATUS_UNAVAILABLE);
    scene_server(&scene, &good);
    publish_at_last(&scene, 0, 1, 4);
    assert_string_equal(bed_stream(&scene.bed), "1-0 2-0 3-0 4-0");
    bed_stop(&scene.bed);
}

/** Both ends get new certificates below a new authority; nobody restarts refreshd. */
static void certificates_that_are_renewed(void **state UNUSED)
{
    struct setting setting = {"r-server", "yes",      false,     "127.0.0.1",
                              "r-ca",     "r-client", OF_NOTHING};
    struct scene scene;
    if (!tls_files_are_there())
        skip();
    assert_true(tls_files_run("for end in pem key; do cp -p good.$end r-server.$end;"
                              " cp -p client.$end r-client.$end; done; cp ca.pem r-ca.pem"));
    scene_start(&scene, &setting);
    assert_int_equal(bed_publish(&scene.bed, 0, 1, 1), STATUS_OK);
    bed_server_kill(&scene.bed);
    assert_true(tls_files_run("for end in pem key; do cp -p strange.$end r-server.$end;"
                              " cp -p client2.$end next.$end; mv next.$end r-client.$end; done;"
                              " cp stranger.pem r-ca.pem"));
    scene_server(&scene, &setting);
    publish_at_last(&scene, 0, 1, 2);
    bed_stop(&scene.bed);
}

/* What is no Redis behind the handshake. */

static const char greeting[] = "+OK\r\n"                                             /* SETNAME */
                               "$40\r\n0123456789012345678901234567890123456789\r\n" /* SCRIPT */
                               "-ERR syntax error\r\n"                               /* SET */
                               ":0\r\n"                                              /* HDEL */
                               "-ERR wrong number of arguments\r\n"                  /* HSET */
                               ":0\r\n"                                              /* DEL */
                               "-ERR no such key\r\n"                                /* RENAME */
                               "-ERR The ID specified in XADD must be greater than 0-0\r\n";

enum peer_way {
    PEER_SAYS,       /* its words, over and over */
    PEER_IS_MUTE,    /* accepts, and not even a handshake */
    PEER_DRIPS,      /* a byte of a handshake now and then */
    PEER_UPDATES,    /* says it wants other keys, on and on */
    PEER_CUTS,       /* its words, then the socket is closed without TLS's goodbye */
    PEER_SAYS_CLEAR, /* its words past TLS */
};

struct hostile_row {
    const char *name;
    enum peer_way way;
    bool greets;
    const char *says;
    unsigned times;
    const char *expected;
    enum awaited runs_out;
};

static const struct hostile_row hostile_rows[] = {
    {"not even a handshake", PEER_IS_MUTE, false, "", 0,
     "no TLS (if it has none: url = redis://…) within", OF_TLS},
    {"a handshake that drips", PEER_DRIPS, false, "", 0,
     "no TLS (if it has none: url = redis://…) within", OF_TLS},
    {"silent behind the handshake", PEER_SAYS, false, "", 0, "no answer within 500 ms", OF_ANSWERS},
    {"silent behind the greeting", PEER_SAYS, true, "", 0, "no answer within 500 ms", OF_ANSWERS},
    {"half an answer", PEER_SAYS, true, "*4\r\n$2\r\nOK", 1, "no answer within 500 ms", OF_ANSWERS},
    {"half an answer, cut off", PEER_CUTS, true, "*4\r\n$2\r\nOK", 1, "closed the connection",
     OF_NOTHING},
    {"hangs up at once", PEER_CUTS, false, "", 0, "closed the connection", OF_NOTHING},
    {"more than was asked for", PEER_SAYS, true, "+OK\r\n", 100000, "", OF_NOTHING},
    {"an answer without end", PEER_SAYS, true, "$1000000000\r\n0123456789012345678901234", 100000,
     "larger than any", OF_NOTHING},
    {"an endless line", PEER_SAYS, true, "+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 100000,
     "larger than any", OF_NOTHING},
    {"arrays in arrays", PEER_SAYS, true, "*2\r\n", 100, "larger than any", OF_NOTHING},
    {"another trade", PEER_SAYS, false, "HTTP/1.1 400 Bad Request\r\n\r\n", 1, "Protocol error",
     OF_NOTHING},
    {"past TLS", PEER_SAYS_CLEAR, true, "*4\r\n$2\r\nOK\r\n$7\r\nlog-a 1\r\n", 1,
     "TLS went wrong (wrong version number)", OF_NOTHING},
    {"new keys for ever", PEER_UPDATES, true, "", 1000000, "Redis at", OF_ANSWERS},
};

static void peer_tls(int fd, SSL *ssl, const struct hostile_row *row)
{
    char heard[16 * 1024];
    if (SSL_accept(ssl) != 1)
        return;
    if (row->greets) {
        for (int all = 0, got = 1; all < 500 && got > 0; all += got)
            got = SSL_read(ssl, heard, sizeof(heard));
        SSL_write(ssl, greeting, (int)strlen(greeting));
    }
    if (SSL_read(ssl, heard, sizeof(heard)) <= 0)
        return;
    if (row->way == PEER_SAYS_CLEAR && write(fd, row->says, strlen(row->says)) < 0)
        return;
    for (unsigned i = 0; i < row->times && row->way == PEER_UPDATES; i++) {
        if (SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) != 1 || SSL_do_handshake(ssl) != 1)
            return;
    }
    for (unsigned i = 0; i < row->times && row->says[0] != '\0'; i++) {
        if (row->way != PEER_SAYS_CLEAR && SSL_write(ssl, row->says, (int)strlen(row->says)) <= 0)
            return;
    }
    while (row->way != PEER_CUTS && SSL_read(ssl, heard, sizeof(heard)) > 0)
        continue;
}

static void peer_plain(int fd, const struct hostile_row *row)
{
    static const char record[] = "\x16\x03\x03\x10\x10\x02\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10";
    char heard[4096];
    for (size_t i = 0; row->way == PEER_DRIPS && i < sizeof(record); i++) {
        if (write(fd, record + i, 1) != 1)
            return;
        usleep(100 * 1000);
    }
    while (read(fd, heard, sizeof(heard)) > 0)
        continue;
}

static void serve(int listener, const struct hostile_row *row)
{
    char path[TLS_FILES_PATH_SIZE];
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_file(context, tls_files_path(path, "good.pem"), SSL_FILETYPE_PEM) !=
            1 ||
        SSL_CTX_use_PrivateKey_file(context, tls_files_path(path, "good.key"), SSL_FILETYPE_PEM) !=
            1)
        _exit(1);
    while (true) {
        int fd = accept(listener, NULL, NULL);
        SSL *ssl = SSL_new(context);
        SSL_set_fd(ssl, fd);
        if (row->way == PEER_IS_MUTE || row->way == PEER_DRIPS)
            peer_plain(fd, row);
        else
            peer_tls(fd, ssl, row);
        SSL_free(ssl);
        close(fd);
    }
}

static void peers_that_are_no_redis(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    for (size_t i = 0; i < ARRAY_LEN(hostile_rows); i++) {
        struct scene scene;
        struct setting setting = good;
        setting.runs_out = hostile_rows[i].runs_out;
        print_message("  %s\n", hostile_rows[i].name);
        scene_init(&scene, &setting);
        int listener = listen_anywhere(&scene.bed.options.port);
        pid_t peer = fork();
        assert_true(peer >= 0);
        if (peer == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve(listener, &hostile_rows[i]);
        }
        close(listener);
        bed_publisher_start(&scene.bed);
        for (int again = 0; again < 2; again++)
            assert_fails(&scene, hostile_rows[i].expected);
        kill(peer, SIGKILL);
        waitpid(peer, NULL, 0);
        bed_stop(&scene.bed);
    }
}

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

/** With requests waiting, at every step of a connection. */
static void freed_at_any_time(void **state UNUSED)
{
    struct scene scene;
    if (!tls_files_are_there())
        skip();
    scene_init(&scene, &good);
    scene_server(&scene, &good);
    size_t before = count_descriptors();
    for (int rounds = 0; rounds < 40; rounds++) {
        struct publish_request *request = bed_events(PUBLISH_EVENTS, 0, 1, 1);
        bool done;
        bed_publisher_start(&scene.bed);
        bed_send(&scene.bed, request, &done);
        for (int i = 0; i < rounds && !done; i++)
            loop_run_once(scene.bed.loop);
        bed_publisher_stop(&scene.bed);
        assert_true(done);
        publish_request_free(request);
        bed_say(&scene.bed, "FLUSHALL");
        assert_int_equal(count_descriptors(), before);
    }
    bed_stop(&scene.bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_arrive_by_mutual_tls),
        cmocka_unit_test(a_long_pipeline),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(a_redis_by_name),
        cmocka_unit_test(a_redis_that_is_killed_and_comes_back),
        cmocka_unit_test(certificates_that_are_renewed),
        cmocka_unit_test(peers_that_are_no_redis),
        cmocka_unit_test(freed_at_any_time),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
