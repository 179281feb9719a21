/**
 * One TLS connection of ours against OpenSSL's server side in this process, for the tests of
 * io/publish_redis_tls*: nothing blocks, and nothing is left behind in OpenSSL's queue of errors.
 *
 *     bout_shake(&bout, &(struct peer_options){.certificate = "good"});
 *     peer_say(&bout.peer, "+OK\r\n", 5);
 *     assert_hears(&bout, "+OK\r\n");
 *     bout_stop(&bout);
 */
#ifndef UNIT_IO_TLS_BOUT_H
#define UNIT_IO_TLS_BOUT_H

#include "io/publish_redis_tls_stream.h"

#include "tls_peer.h"

#include <signal.h>

static char ca_path[TLS_FILES_PATH_SIZE];

static inline int bout_make_files(void **state UNUSED)
{
    signal(SIGPIPE, SIG_IGN);
    int status = tls_files_make();
    tls_files_path(ca_path, "ca.pem");
    return status;
}

static inline int bout_clean_files(void **state UNUSED)
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
static inline void bout_start(struct bout *bout, const struct peer_options *options,
                              const char *host, const char *ca, const char *client)
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

static inline void bout_stop(struct bout *bout)
{
    publish_redis_tls_stream_free(bout->stream);
    assert_int_equal(ERR_peek_error(), 0);
    publish_redis_tls_free(bout->tls);
    peer_stop(&bout->peer);
}

static inline enum publish_redis_tls_result bout_handshake(struct bout *bout)
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
static inline enum publish_redis_tls_result bout_read(struct bout *bout, char *text, size_t *len)
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

static inline void assert_says(const struct bout *bout, const char *expected)
{
    if (strstr(bout->err.text, expected) == NULL)
        fail_msg("\"%s\" does not hold \"%s\"", bout->err.text, expected);
}

static inline void assert_hears(struct bout *bout, const char *expected)
{
    char text[PUBLISH_REDIS_TLS_READ_SIZE];
    size_t len = 0;
    if (bout_read(bout, text, &len) != TLS_DONE)
        fail_msg("%s", bout->err.text);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(text, expected, len);
}

static inline void bout_say(struct bout *bout, const char *text)
{
    size_t len = 0;
    assert_int_equal(publish_redis_tls_write(bout->stream, str_c(text), &len, &bout->err),
                     TLS_DONE);
    assert_int_equal(len, strlen(text));
}

static inline void assert_peer_hears(struct bout *bout, const char *expected)
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

static inline void bout_shake(struct bout *bout, const struct peer_options *options)
{
    bout_start(bout, options, "redis.test", ca_path, NULL);
    assert_int_equal(bout_handshake(bout), TLS_DONE);
    for (int i = 0; i < 3; i++)
        peer_turn(&bout->peer);
}

#endif
