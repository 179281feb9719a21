/* TLS by itself: whom we trust, what we show, and how a handshake ends, whoever is there. */
#include "tls_bout.h"

/* Whom we trust. */

struct trust_row {
    const char *name, *certificate, *host;
    const char *ca;       /* NULL: the system's */
    const char *expected; /* NULL: it is who it should be */
    int version;
    const char *ciphers;
};

#define OLD_CIPHERS "ALL:@SECLEVEL=0"

static const struct trust_row trust_rows[] = {
    {"by name", "good", "redis.test", "ca.pem", NULL, 0, NULL},
    {"by name, TLS 1.2", "good", "redis.test", "ca.pem", NULL, TLS1_2_VERSION, NULL},
    {"by name, TLS 1.3", "good", "redis.test", "ca.pem", NULL, TLS1_3_VERSION, NULL},
    {"by name in capitals", "good", "REDIS.test", "ca.pem", NULL, 0, NULL},
    {"by name with the root's dot", "good", "redis.test.", "ca.pem", NULL, 0, NULL},
    {"by address", "good", "127.0.0.1", "ca.pem", NULL, 0, NULL},
    {"by IPv6 address", "good", "::1", "ca.pem", NULL, 0, NULL},
    {"by IPv6 address written otherwise", "good", "0:0::0:1", "ca.pem", NULL, 0, NULL},
    {"by IPv6 address with a zone", "good", "fe80::1%eth0", "ca.pem", NULL, 0, NULL},
    {"by a wildcard", "good", "a.wild.test", "ca.pem", NULL, 0, NULL},
    {"a wildcard is one label", "good", "a.b.wild.test", "ca.pem", "another name", 0, NULL},
    {"another name", "other", "redis.test", "ca.pem", "no subjectAltName in it is \"redis.test\"",
     0, NULL},
    {"another address", "other", "127.0.0.1", "ca.pem", "no subjectAltName in it is \"127.0.0.1\"",
     0, NULL},
    {"the name as common name only", "common", "redis.test", "ca.pem", "another name", 0, NULL},
    {"an address written as a name", "dotted", "127.0.0.1", "ca.pem", "another name", 0, NULL},
    {"expired", "old", "redis.test", "ca.pem",
     "its certificate is refused: certificate has expired", 0, NULL},
    {"a client's", "mismade", "redis.test", "ca.pem", "certificate purpose", 0, NULL},
    {"of another authority", "strange", "redis.test", "ca.pem", "nobody in [redis] ca_file /tmp/",
     0, NULL},
    {"of itself", "own", "redis.test", "ca.pem", "self-signed certificate", 0, NULL},
    {"of an authority that the system does not know", "good", "redis.test", NULL,
     "nobody in the system's certificates", 0, NULL},
    {"the file of another authority", "good", "redis.test", "stranger.pem", "vouches for", 0, NULL},
    {"several authorities in the file", "good", "redis.test", "both.pem", NULL, 0, NULL},
    {"TLS 1.1", "good", "redis.test", "ca.pem", "no version of TLS from 1.2 on", TLS1_1_VERSION,
     OLD_CIPHERS},
    {"TLS 1.0", "good", "redis.test", "ca.pem", "no version of TLS from 1.2 on", TLS1_VERSION,
     OLD_CIPHERS},
    {"no encryption", "good", "redis.test", "ca.pem", "handshake failure", TLS1_2_VERSION,
     "eNULL:@SECLEVEL=0"},
};

static void whom_we_trust(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    assert_true(tls_files_run("cat stranger.pem ca.pem > both.pem"));
    for (size_t i = 0; i < ARRAY_LEN(trust_rows); i++) {
        const struct trust_row *row = &trust_rows[i];
        struct bout bout;
        char ca[TLS_FILES_PATH_SIZE];
        const struct peer_options options = {
            .certificate = row->certificate, .version = row->version, .ciphers = row->ciphers};
        print_message("  %s\n", row->name);
        bout_start(&bout, &options, row->host, row->ca != NULL ? tls_files_path(ca, row->ca) : NULL,
                   NULL);
        enum publish_redis_tls_result result = bout_handshake(&bout);
        if (row->expected == NULL && result != TLS_DONE)
            fail_msg("%s", bout.err.text);
        if (row->expected != NULL) {
            assert_int_equal(result, TLS_OVER);
            assert_says(&bout, row->expected);
        }
        bout_stop(&bout);
    }
}

struct name_row {
    const char *host, *heard;
};

static const struct name_row name_rows[] = {
    {"redis.test", "redis.test"}, {"localhost.", "localhost"}, {"127.0.0.1", ""}, {"::1", ""}};

static void names_are_asked_for_and_addresses_are_not(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    for (size_t i = 0; i < ARRAY_LEN(name_rows); i++) {
        struct bout bout;
        bout_start(&bout, &(struct peer_options){.certificate = "good"}, name_rows[i].host, ca_path,
                   NULL);
        assert_int_equal(bout_handshake(&bout), TLS_DONE);
        const char *heard = SSL_get_servername(bout.peer.ssl, TLSEXT_NAMETYPE_host_name);
        assert_string_equal(heard != NULL ? heard : "", name_rows[i].heard);
        bout_stop(&bout);
    }
}

/** ".test" would be content with redis.test's certificate, no name at all with any. */
static void a_name_of_many_is_refused(void **state UNUSED)
{
    static const char *const hosts[] = {".test", ".", "", "%eth0"};
    if (!tls_files_are_there())
        skip();
    struct publish_redis_tls *tls =
        publish_redis_tls_new(&(struct publish_redis_tls_options){.ca_file = str_c(ca_path)});
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct publish_redis_tls_stream *stream = NULL;
        struct error err;
        assert_int_equal(publish_redis_tls_stream_new(tls, 0, str_c(hosts[i]), &stream, &err),
                         STATUS_UNAVAILABLE);
        assert_non_null(strstr(err.text, "no certificate can be for"));
        assert_null(stream);
    }
    publish_redis_tls_free(tls);
}

/* What we show. */

struct client_row {
    const char *name, *client;
    bool insists;
    int version;
    const char *expected; /* NULL: taken */
};

#define WANTS "it wants a client certificate: set [redis] client_certificate_file"
#define REFUSES "it refuses the certificate of [redis] client_certificate_file"

static const struct client_row client_rows[] = {
    {"asked and given", "client", true, TLS1_3_VERSION, NULL},
    {"asked and given, TLS 1.2", "client", true, TLS1_2_VERSION, NULL},
    {"with what leads up to its authority", "chain", true, 0, NULL},
    {"asked, not given, not needed", NULL, false, TLS1_3_VERSION, NULL},
    {"asked, not given, not needed, TLS 1.2", NULL, false, TLS1_2_VERSION, NULL},
    {"asked and not given", NULL, true, TLS1_3_VERSION, WANTS},
    {"asked and not given, TLS 1.2", NULL, true, TLS1_2_VERSION, WANTS},
    {"of an authority that the peer does not know", "own", true, TLS1_3_VERSION, REFUSES},
    {"the same, TLS 1.2", "own", true, TLS1_2_VERSION, REFUSES},
    {"expired", "client-old", true, TLS1_3_VERSION, "(certificate expired)"},
    {"a server's", "common", true, 0, NULL}, /* says nothing of what it is for */
};

/** With TLS 1.3 the peer's verdict comes when the handshake is over for us. */
static void what_we_show(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    assert_true(tls_files_run("cp -p client.key chain.key"));
    for (size_t i = 0; i < ARRAY_LEN(client_rows); i++) {
        const struct client_row *row = &client_rows[i];
        struct bout bout;
        const struct peer_options options = {
            .certificate = "good", .version = row->version, .asks = true, .insists = row->insists};
        print_message("  %s\n", row->name);
        bout_start(&bout, &options, "redis.test", ca_path, row->client);
        enum publish_redis_tls_result result = bout_handshake(&bout);
        if (row->expected == NULL) {
            assert_int_equal(result, TLS_DONE);
            peer_turn(&bout.peer);
            peer_say(&bout.peer, "+OK\r\n", 5);
            assert_hears(&bout, "+OK\r\n");
        } else {
            char text[PUBLISH_REDIS_TLS_READ_SIZE];
            size_t len;
            if (result == TLS_DONE)
                result = bout_read(&bout, text, &len);
            assert_int_equal(result, TLS_OVER);
            assert_says(&bout, row->expected);
        }
        bout_stop(&bout);
    }
}

/** The peer's word on it may be lost with the connection. */
static void a_verdict_that_is_lost_is_guessed(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    const struct peer_options options = {.certificate = "good", .asks = true, .insists = true};
    struct bout bout;
    char text[PUBLISH_REDIS_TLS_READ_SIZE];
    size_t len;
    bout_start(&bout, &options, "redis.test", ca_path, NULL);
    assert_int_equal(bout_handshake(&bout), TLS_DONE);
    peer_close(&bout.peer);
    assert_int_equal(bout_read(&bout, text, &len), TLS_OVER);
    assert_says(&bout, "it had asked for a client certificate");
    bout_stop(&bout);
}

/* The way there and back. */

static void a_handshake_in_pieces(void **state UNUSED)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    if (!tls_files_are_there())
        skip();
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct bout bout;
        const struct peer_options options = {
            .certificate = "good", .version = versions[i], .asks = true, .chunk = 1};
        bout_start(&bout, &options, "redis.test", ca_path, "client");
        assert_int_equal(bout_handshake(&bout), TLS_DONE);
        bout_say(&bout, "PING");
        assert_peer_hears(&bout, "PING");
        peer_say(&bout.peer, "+PONG\r\n", 7);
        assert_hears(&bout, "+PONG\r\n");
        bout_stop(&bout);
    }
}

static void closed_in_mid_handshake(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    for (int turns = 0; turns < 60; turns++) {
        struct bout bout;
        const struct peer_options options = {.certificate = "good", .chunk = 40};
        enum publish_redis_tls_result result = TLS_WANTS_READ;
        bout_start(&bout, &options, "redis.test", ca_path, NULL);
        for (int i = 0; i <= turns && result != TLS_DONE; i++) {
            result = publish_redis_tls_handshake(bout.stream, &bout.err);
            assert_int_not_equal(result, TLS_OVER);
            peer_turn(&bout.peer);
        }
        peer_close(&bout.peer);
        if (result != TLS_DONE) {
            do
                result = publish_redis_tls_handshake(bout.stream, &bout.err);
            while (result == TLS_WANTS_READ || result == TLS_WANTS_WRITE);
            assert_int_equal(result, TLS_OVER);
            assert_says(&bout, "in the middle of the TLS handshake");
        }
        bout_stop(&bout);
    }
}

/* Who does not speak TLS. */

struct stranger_row {
    const char *name, *says;
    size_t len;
    bool hangs_up;
    const char *expected;
};

static const struct stranger_row stranger_rows[] = {
    {"a plain Redis", "-ERR unknown command\r\n", 22, false, "it does not speak TLS"},
    {"a plain Redis that is full", "-ERR max number of clients reached\r\n", 36, true,
     "it does not speak TLS"},
    {"another trade", "HTTP/1.1 400 Bad Request\r\n\r\n", 28, true, "it does not speak TLS"},
    {"nothing", "", 0, true, "in the middle of the TLS handshake"},
    {"no version", "\x15\x03\x01\x00\x02\x02\x46", 7, true, "no version of TLS from 1.2 on"},
    {"an alert", "\x15\x03\x03\x00\x02\x02\x28", 7, true,
     "it refuses TLS with us (handshake failure)"},
    {"an endless record", "\x16\x03\x03\xff\xff\x02\x00\x00\x00", 9, false, "TLS"},
    {"a goodbye", "\x15\x03\x03\x00\x02\x01\x00", 7, true, "closed the connection"},
};

static void who_does_not_speak_tls(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    for (size_t i = 0; i < ARRAY_LEN(stranger_rows); i++) {
        const struct stranger_row *row = &stranger_rows[i];
        struct bout bout;
        print_message("  %s\n", row->name);
        bout_start(&bout, &(struct peer_options){.certificate = "good"}, "redis.test", ca_path,
                   NULL);
        assert_int_equal(publish_redis_tls_handshake(bout.stream, &bout.err), TLS_WANTS_READ);
        peer_say_plain(&bout.peer, row->says, row->len);
        if (row->hangs_up)
            peer_close(&bout.peer);
        assert_int_equal(publish_redis_tls_handshake(bout.stream, &bout.err), TLS_OVER);
        assert_says(&bout, row->expected);
        bout_stop(&bout);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whom_we_trust),
        cmocka_unit_test(names_are_asked_for_and_addresses_are_not),
        cmocka_unit_test(a_name_of_many_is_refused),
        cmocka_unit_test(what_we_show),
        cmocka_unit_test(a_verdict_that_is_lost_is_guessed),
        cmocka_unit_test(a_handshake_in_pieces),
        cmocka_unit_test(closed_in_mid_handshake),
        cmocka_unit_test(who_does_not_speak_tls),
    };
    return cmocka_run_group_tests(tests, bout_make_files, bout_clean_files);
}
