/* TLS by itself, against OpenSSL's server side in this process: whom we trust, what we show, and
 * whatever a network and a peer may do in between. None of it may block or leave an error behind in
 * OpenSSL's queue. */
#include "io/publish_redis_tls_stream.h"

#include "tls_peer.h"

#include <signal.h>

static char ca_path[TLS_FILES_PATH_SIZE];

static int make(void **state UNUSED)
{
    signal(SIGPIPE, SIG_IGN);
    int status = tls_files_make();
    tls_files_path(ca_path, "ca.pem");
    return status;
}

static int clean(void **state UNUSED)
{
    return tls_files_clean();
}

/* A connection. */

enum { TURNS_MAX = 20000 };

struct bout {
    struct peer peer;
    struct publish_redis_tls *tls;
    struct publish_redis_tls_stream *stream;
    struct error err;
    char certificate[TLS_FILES_PATH_SIZE], key[TLS_FILES_PATH_SIZE];
};

/** @client NULL: no certificate of ours @ca NULL: the system's */
static void bout_start(struct bout *bout, const struct peer_options *options, const char *host,
                       const char *ca, const char *client)
{
    char name[64];
    *bout = (struct bout){0};
    struct publish_redis_tls_options own = {.ca_file = str_c(ca)};
    if (client != NULL) {
        snprintf(name, sizeof(name), "%s.pem", client);
        own.certificate_file = str_c(tls_files_path(bout->certificate, name));
        snprintf(name, sizeof(name), "%s.key", client);
        own.key_file = str_c(tls_files_path(bout->key, name));
    }
    peer_start(&bout->peer, options);
    bout->tls = publish_redis_tls_new(&own);
    enum status status = publish_redis_tls_stream_new(bout->tls, bout->peer.client_fd, str_c(host),
                                                      &bout->stream, &bout->err);
    if (status != STATUS_OK)
        fail_msg("%s", bout->err.text);
    assert_int_equal(ERR_peek_error(), 0);
}

static void bout_stop(struct bout *bout)
{
    publish_redis_tls_stream_free(bout->stream);
    assert_int_equal(ERR_peek_error(), 0);
    publish_redis_tls_free(bout->tls);
    peer_stop(&bout->peer);
}

static enum publish_redis_tls_result bout_handshake(struct bout *bout)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        enum publish_redis_tls_result result =
            publish_redis_tls_handshake(bout->stream, &bout->err);
        assert_int_equal(ERR_peek_error(), 0);
        if (result == TLS_DONE || result == TLS_OVER)
            return result;
        peer_turn(&bout->peer);
    }
    fail_msg("the handshake never ends");
    return TLS_OVER;
}

/** Until something is read or all is over; the peer takes its turns. */
static enum publish_redis_tls_result bout_read(struct bout *bout, char *text, size_t *len)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        enum publish_redis_tls_result result =
            publish_redis_tls_read(bout->stream, text, len, &bout->err);
        assert_int_equal(ERR_peek_error(), 0);
        if (result == TLS_DONE || result == TLS_OVER)
            return result;
        peer_turn(&bout->peer);
    }
    fail_msg("nothing ever comes");
    return TLS_OVER;
}

static void assert_says(const struct bout *bout, const char *expected)
{
    if (strstr(bout->err.text, expected) == NULL)
        fail_msg("\"%s\" does not hold \"%s\"", bout->err.text, expected);
}

static void assert_hears(struct bout *bout, const char *expected)
{
    char text[PUBLISH_REDIS_TLS_READ_SIZE];
    size_t len = 0;
    if (bout_read(bout, text, &len) != TLS_DONE)
        fail_msg("%s", bout->err.text);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(text, expected, len);
}

static void bout_say(struct bout *bout, const char *text)
{
    size_t len = 0;
    assert_int_equal(publish_redis_tls_write(bout->stream, str_c(text), &len, &bout->err),
                     TLS_DONE);
    assert_int_equal(len, strlen(text));
}

static void assert_peer_hears(struct bout *bout, const char *expected)
{
    char text[256];
    for (int i = 0; i < TURNS_MAX; i++) {
        peer_take(&bout->peer);
        int got = SSL_read(bout->peer.ssl, text, sizeof(text));
        peer_give(&bout->peer);
        if (got > 0) {
            assert_int_equal(got, strlen(expected));
            assert_memory_equal(text, expected, (size_t)got);
            ERR_clear_error();
            return;
        }
    }
    fail_msg("the peer never hears \"%s\"", expected);
}

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

static void shake(struct bout *bout, const struct peer_options *options)
{
    bout_start(bout, options, "redis.test", ca_path, NULL);
    assert_int_equal(bout_handshake(bout), TLS_DONE);
    for (int i = 0; i < 3; i++)
        peer_turn(&bout->peer);
}

static void the_peer_says_goodbye(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    struct bout bout;
    char text[PUBLISH_REDIS_TLS_READ_SIZE];
    size_t len;
    shake(&bout, &(struct peer_options){.certificate = "good"});
    peer_say(&bout.peer, "+OK\r\n", 5);
    (void)SSL_shutdown(bout.peer.ssl);
    peer_give(&bout.peer);
    peer_close(&bout.peer);
    assert_hears(&bout, "+OK\r\n"); /* what was said before counts */
    assert_int_equal(bout_read(&bout, text, &len), TLS_OVER);
    assert_string_equal(bout.err.text, "closed the connection");
    bout_stop(&bout);
}

static void the_peer_goes_without_goodbye(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    struct bout bout;
    char text[PUBLISH_REDIS_TLS_READ_SIZE];
    size_t len;
    shake(&bout, &(struct peer_options){.certificate = "good"});
    peer_close(&bout.peer);
    assert_int_equal(bout_read(&bout, text, &len), TLS_OVER);
    assert_says(&bout, "closed the connection without TLS's goodbye");
    bout_stop(&bout);
}

static void closed_in_mid_record(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    struct bout bout;
    char text[PUBLISH_REDIS_TLS_READ_SIZE];
    size_t len;
    shake(&bout, &(struct peer_options){.certificate = "good"});
    bout.peer.chunk = 10;
    peer_say(&bout.peer, "$3\r\nabc\r\n", 9);
    assert_int_equal(publish_redis_tls_read(bout.stream, text, &len, &bout.err), TLS_WANTS_READ);
    peer_close(&bout.peer);
    assert_int_equal(bout_read(&bout, text, &len), TLS_OVER);
    assert_says(&bout, "closed the connection");
    bout_stop(&bout);
}

static void a_record_that_was_changed_on_its_way(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    struct bout bout;
    char text[PUBLISH_REDIS_TLS_READ_SIZE], *bytes;
    size_t len;
    shake(&bout, &(struct peer_options){.certificate = "good"});
    assert_int_equal(SSL_write(bout.peer.ssl, "+OK\r\n", 5), 5);
    long record = BIO_get_mem_data(bout.peer.out, &bytes);
    bytes[record - 1] = (char)(bytes[record - 1] ^ 1);
    peer_give(&bout.peer);
    assert_int_equal(bout_read(&bout, text, &len), TLS_OVER);
    assert_says(&bout, "TLS went wrong (");
    bout_stop(&bout);
}

static void we_say_goodbye(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    struct bout bout;
    char text[16];
    shake(&bout, &(struct peer_options){.certificate = "good"});
    publish_redis_tls_stream_free(bout.stream);
    bout.stream = NULL;
    peer_take(&bout.peer);
    int got = SSL_read(bout.peer.ssl, text, sizeof(text));
    assert_int_equal(SSL_get_error(bout.peer.ssl, got), SSL_ERROR_ZERO_RETURN);
    bout_stop(&bout);
}

/* Much of it, in both directions. */

enum { MUCH = 1024 * 1024 };

static void fill(char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)('a' + i % 23);
}

/** The buffer of the next try may be elsewhere and hold more, as a queue of commands does. */
static void much_is_written_through_a_narrow_socket(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    const struct peer_options options = {.certificate = "good", .client_buffer_bytes = 4096};
    struct bout bout;
    char *bytes = malloc(MUCH), *heard = malloc(MUCH);
    size_t sent = 0, got = 0, waits = 0;
    shake(&bout, &options);
    fill(bytes, MUCH);
    for (int i = 0; got < MUCH && i < TURNS_MAX; i++) {
        size_t known = MIN_OF((size_t)MUCH, sent + 20000 + (size_t)i * 10), put = 0;
        char *copy = malloc(known - sent + 1);
        memcpy(copy, bytes + sent, known - sent);
        enum publish_redis_tls_result result =
            known == sent ? TLS_WANTS_WRITE
                          : publish_redis_tls_write(bout.stream,
                                                    (struct str){.data = copy, .len = known - sent},
                                                    &put, &bout.err);
        free(copy);
        assert_true(result == TLS_DONE || result == TLS_WANTS_WRITE);
        sent += put;
        waits += result == TLS_WANTS_WRITE;
        if (result == TLS_DONE)
            continue;
        peer_take(&bout.peer);
        int taken;
        while ((taken = SSL_read(bout.peer.ssl, heard + got, (int)(MUCH - got))) > 0)
            got += (size_t)taken;
    }
    ERR_clear_error();
    assert_int_equal(got, MUCH);
    assert_memory_equal(bytes, heard, MUCH);
    assert_true(waits > 10);
    free(bytes);
    free(heard);
    bout_stop(&bout);
}

/** Who reads once whenever the socket has something, as the loop does, misses nothing. */
static void much_is_read_and_nothing_is_left_lying(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    struct bout bout;
    char *bytes = malloc(MUCH), *heard = malloc(MUCH + PUBLISH_REDIS_TLS_READ_SIZE), byte;
    size_t got = 0;
    shake(&bout, &(struct peer_options){.certificate = "good"});
    fill(bytes, MUCH);
    for (size_t said = 0; said < MUCH; said += 64 * 1024)
        assert_int_equal(SSL_write(bout.peer.ssl, bytes + said, 64 * 1024), 64 * 1024);
    while (peer_give(&bout.peer), recv(bout.peer.client_fd, &byte, 1, MSG_PEEK) == 1) {
        size_t len = 0;
        enum publish_redis_tls_result result =
            publish_redis_tls_read(bout.stream, heard + got, &len, &bout.err);
        assert_true(result == TLS_DONE || result == TLS_WANTS_READ);
        got += result == TLS_DONE ? len : 0;
        assert_true(got <= MUCH);
    }
    assert_int_equal(got, MUCH);
    assert_memory_equal(bytes, heard, MUCH);
    free(bytes);
    free(heard);
    bout_stop(&bout);
}

/* What a peer may do with the connection itself. */

static void new_keys_while_words_go_to_and_fro(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    struct bout bout;
    shake(&bout, &(struct peer_options){.certificate = "good", .version = TLS1_3_VERSION});
    for (int i = 0; i < 50; i++) {
        bool ours_too = i % 2 == 0;
        assert_int_equal(SSL_key_update(bout.peer.ssl, ours_too ? SSL_KEY_UPDATE_REQUESTED
                                                                : SSL_KEY_UPDATE_NOT_REQUESTED),
                         1);
        peer_say(&bout.peer, ":1\r\n", 4);
        assert_hears(&bout, ":1\r\n");
        bout_say(&bout, "PING");
        assert_peer_hears(&bout, "PING");
    }
    bout_stop(&bout);
}

/** Our half of the new keys has to wait behind a record that is stuck; reading goes on meanwhile.
 * (A second demand before we could answer the first ends the connection: OpenSSL 3.0 does that.) */
static void new_keys_while_nothing_can_be_written(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    const struct peer_options options = {
        .certificate = "good", .version = TLS1_3_VERSION, .client_buffer_bytes = 4096};
    struct bout bout;
    char block[8000], heard[16 * 1024];
    enum publish_redis_tls_result result;
    size_t len = 0, sent = 0, got = 0;
    shake(&bout, &options);
    fill(block, sizeof(block));
    do {
        sent += len;
        result = publish_redis_tls_write(
            bout.stream, (struct str){.data = block, .len = sizeof(block)}, &len, &bout.err);
    } while (result == TLS_DONE);
    assert_int_equal(result, TLS_WANTS_WRITE);
    assert_int_equal(SSL_key_update(bout.peer.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    for (int i = 0; i < 3; i++) {
        peer_say(&bout.peer, ":1\r\n", 4);
        assert_hears(&bout, ":1\r\n");
    }
    for (int i = 0; got < sent + sizeof(block) && i < TURNS_MAX; i++) {
        peer_take(&bout.peer);
        int taken = SSL_read(bout.peer.ssl, heard, sizeof(heard));
        got += taken > 0 ? (size_t)taken : 0;
        ERR_clear_error();
        if (result != TLS_DONE)
            result = publish_redis_tls_write(
                bout.stream, (struct str){.data = block, .len = sizeof(block)}, &len, &bout.err);
        assert_int_not_equal(result, TLS_OVER);
    }
    assert_int_equal(got, sent + sizeof(block));
    bout_say(&bout, "PING"); /* under our new keys */
    assert_peer_hears(&bout, "PING");
    bout_stop(&bout);
}

static void a_renegotiation_is_refused(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    struct bout bout;
    char text[PUBLISH_REDIS_TLS_READ_SIZE];
    size_t len;
    shake(&bout, &(struct peer_options){.certificate = "good", .version = TLS1_2_VERSION});
    assert_int_equal(SSL_renegotiate(bout.peer.ssl), 1);
    assert_int_equal(SSL_do_handshake(bout.peer.ssl), 1); /* says that it would like to */
    peer_give(&bout.peer);
    assert_int_equal(publish_redis_tls_read(bout.stream, text, &len, &bout.err), TLS_WANTS_READ);
    peer_take(&bout.peer);
    int got = SSL_read(bout.peer.ssl, text, sizeof(text));
    assert_true(got <= 0);
    /* RFC 5246 §7.2.2: a warning. OpenSSL's server side takes it as the end, others need not. */
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_NO_RENEGOTIATION);
    ERR_clear_error();
    bout_stop(&bout);
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

/* The files. */

struct file_row {
    const char *name, *ca, *certificate, *key;
    const char *expected;
};

static const struct file_row file_rows[] = {
    {"no such authority", "none.pem", NULL, NULL, "[redis] ca_file /tmp/"},
    {"no such certificate", "ca.pem", "none.pem", "client.key", "[redis] client_certificate_file"},
    {"no such key", "ca.pem", "client.pem", "none.key", "No such file"},
    {"a directory", ".", NULL, NULL, "expected a regular file"},
    {"a pipe", "pipe", NULL, NULL, "expected a regular file"},
    {"empty", "empty", NULL, NULL, "expected PEM, found no certificate"},
    {"a key as authority", "client.key", NULL, NULL, "expected PEM, found no certificate"},
    {"half a certificate", "half.pem", NULL, NULL, "damaged"},
    {"a good authority and half of one", "good-half.pem", NULL, NULL, "damaged"},
    {"too much", "big.pem", NULL, NULL, "expected at most"},
    {"a key as certificate", "ca.pem", "client.key", "client.key", "client_certificate_file /tmp/"},
    {"a certificate as key", "ca.pem", "client.pem", "client.pem", "mode 0644"},
    {"a certificate as key, kept well", "ca.pem", "client.pem", "kept.pem", "found no private key"},
    {"another's key", "ca.pem", "client.pem", "client2.key", "not the key of"},
    {"another kind of key", "ca.pem", "client.pem", "rsa.key", "not the key of"},
    {"a key with a passphrase", "ca.pem", "client.pem", "locked.key", "has a passphrase"},
    {"a key that others can read", "ca.pem", "client.pem", "loose.key", "mode 0640"},
};

static void files_that_do_not_fit(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    assert_true(tls_files_run(
        "touch empty; mkfifo pipe; head -c 300 ca.pem > half.pem\n"
        "cat ca.pem half.pem > good-half.pem; head -c 1100000 /dev/zero > big.pem\n"
        "cp client.pem kept.pem; chmod 600 kept.pem; cp client.key loose.key; chmod 640 loose.key\n"
        "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key\n"
        "chmod 644 client.pem; chmod 600 rsa.key locked.key"));
    for (size_t i = 0; i < ARRAY_LEN(file_rows); i++) {
        const struct file_row *row = &file_rows[i];
        char paths[3][TLS_FILES_PATH_SIZE];
        const struct publish_redis_tls_options options = {
            .ca_file = str_c(tls_files_path(paths[0], row->ca)),
            .certificate_file =
                str_c(row->certificate != NULL ? tls_files_path(paths[1], row->certificate) : NULL),
            .key_file = str_c(row->key != NULL ? tls_files_path(paths[2], row->key) : NULL),
        };
        struct publish_redis_tls *tls = publish_redis_tls_new(&options);
        struct publish_redis_tls_stream *stream = NULL;
        struct error err;
        print_message("  %s\n", row->name);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(publish_redis_tls_stream_new(tls, 0, STR("h"), &stream, &err),
                             STATUS_UNAVAILABLE);
            if (strstr(err.text, row->expected) == NULL || strstr(err.text, "[redis] ") != err.text)
                fail_msg("\"%s\" does not hold \"%s\"", err.text, row->expected);
            assert_int_equal(ERR_peek_error(), 0);
        }
        publish_redis_tls_free(tls);
    }
}

/** systemd's directory keeps others out by itself; the group bits there are an access list's. */
static void a_key_among_systemds_credentials(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    assert_true(tls_files_run("cp client.key loose.key; chmod 440 loose.key"));
    char paths[3][TLS_FILES_PATH_SIZE];
    struct publish_redis_tls_options options = {
        .ca_file = str_c(ca_path),
        .certificate_file = str_c(tls_files_path(paths[1], "client.pem")),
        .key_file = str_c(tls_files_path(paths[2], "loose.key")),
        .private_directory = tls_files_directory,
    };
    struct publish_redis_tls *tls = publish_redis_tls_new(&options);
    struct ssl_ctx_st *context;
    struct error err;
    assert_int_equal(publish_redis_tls_load(tls, &context, &err), STATUS_OK);
    publish_redis_tls_free(tls);
}

/** Parsed once; again when a file says something else, however it was put there. */
static void changed_files_are_read_again(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    char paths[3][TLS_FILES_PATH_SIZE];
    assert_true(tls_files_run(
        "cp -p ca.pem now-ca.pem; cp -p client.pem now.pem; cp -p client.key now.key"));
    struct publish_redis_tls_options options = {
        .ca_file = str_c(tls_files_path(paths[0], "now-ca.pem")),
        .certificate_file = str_c(tls_files_path(paths[1], "now.pem")),
        .key_file = str_c(tls_files_path(paths[2], "now.key")),
    };
    struct publish_redis_tls *tls = publish_redis_tls_new(&options);
    struct ssl_ctx_st *first = NULL, *context = NULL;
    struct error err;
    assert_int_equal(publish_redis_tls_load(tls, &first, &err), STATUS_OK);
    SSL_CTX_up_ref(first); /* so that no other one gets its address */
    assert_true(tls_files_run("touch now.pem"));
    assert_int_equal(publish_redis_tls_load(tls, &context, &err), STATUS_OK);
    assert_ptr_equal(context, first);
    assert_true(tls_files_run("cp client2.pem now.pem")); /* half-way through a renewal */
    assert_int_equal(publish_redis_tls_load(tls, &context, &err), STATUS_UNAVAILABLE);
    assert_true(tls_files_run("cp -p client2.key next.key; mv next.key now.key"));
    assert_int_equal(publish_redis_tls_load(tls, &context, &err), STATUS_OK);
    assert_ptr_not_equal(context, first);
    assert_true(tls_files_run("ln -sf stranger.pem now-ca.pem"));
    struct ssl_ctx_st *second = context;
    SSL_CTX_up_ref(second);
    assert_int_equal(publish_redis_tls_load(tls, &context, &err), STATUS_OK);
    assert_ptr_not_equal(context, second);
    SSL_CTX_free(first);
    SSL_CTX_free(second);
    publish_redis_tls_free(tls);
}

/** OpenSSL remembers what it once found there. */
static void the_systems_certificates_are_looked_at_anew(void **state UNUSED)
{
    struct publish_redis_tls *tls = publish_redis_tls_new(&(struct publish_redis_tls_options){0});
    struct ssl_ctx_st *first = NULL, *second = NULL;
    struct error err;
    assert_int_equal(publish_redis_tls_load(tls, &first, &err), STATUS_OK);
    SSL_CTX_up_ref(first); /* so that no other one gets its address */
    assert_int_equal(publish_redis_tls_load(tls, &second, &err), STATUS_OK);
    assert_ptr_not_equal(first, second);
    SSL_CTX_free(first);
    publish_redis_tls_free(tls);
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
        cmocka_unit_test(the_peer_says_goodbye),
        cmocka_unit_test(the_peer_goes_without_goodbye),
        cmocka_unit_test(closed_in_mid_record),
        cmocka_unit_test(a_record_that_was_changed_on_its_way),
        cmocka_unit_test(we_say_goodbye),
        cmocka_unit_test(much_is_written_through_a_narrow_socket),
        cmocka_unit_test(much_is_read_and_nothing_is_left_lying),
        cmocka_unit_test(new_keys_while_words_go_to_and_fro),
        cmocka_unit_test(new_keys_while_nothing_can_be_written),
        cmocka_unit_test(a_renegotiation_is_refused),
        cmocka_unit_test(who_does_not_speak_tls),
        cmocka_unit_test(files_that_do_not_fit),
        cmocka_unit_test(a_key_among_systemds_credentials),
        cmocka_unit_test(changed_files_are_read_again),
        cmocka_unit_test(the_systems_certificates_are_looked_at_anew),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
