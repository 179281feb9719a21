/**
 * The other end of a TLS connection, in the test's own process: OpenSSL's server side over memory,
 * joined to a socket by hand, so that a test decides how many bytes arrive and when.
 *
 *     struct peer peer;
 *     peer_start(&peer, &(struct peer_options){.certificate = "good"});
 *     … a client on peer.client_fd …
 *     peer_turn(&peer);                   // takes what came, does its part of the handshake,
 * answers peer_stop(&peer);
 */
#ifndef UNIT_IO_TLS_PEER_H
#define UNIT_IO_TLS_PEER_H

#include "tls_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

struct peer_options {
    const char *certificate;
    int version;             /* the only one; 0: any */
    const char *ciphers;     /* for versions that are switched off; NULL: the usual */
    bool asks, insists;      /* on a client certificate below ca */
    size_t chunk;            /* bytes passed on at a time, to and fro; 0: all */
    int client_buffer_bytes; /* of the client's socket; 0: the usual */
};

struct peer {
    int client_fd, fd;
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;
    size_t chunk;
    bool is_closed; /* its end of the socket */
};

static inline void peer_make_context(struct peer *peer, const struct peer_options *options)
{
    char path[TLS_FILES_PATH_SIZE], name[64];
    peer->context = SSL_CTX_new(TLS_server_method());
    assert_non_null(peer->context);
    if (options->ciphers != NULL)
        assert_int_equal(SSL_CTX_set_cipher_list(peer->context, options->ciphers), 1);
    if (options->version != 0) {
        SSL_CTX_set_min_proto_version(peer->context, options->version);
        SSL_CTX_set_max_proto_version(peer->context, options->version);
    }
    snprintf(name, sizeof(name), "%s.pem", options->certificate);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(peer->context, tls_files_path(path, name)),
                     1);
    snprintf(name, sizeof(name), "%s.key", options->certificate);
    assert_int_equal(
        SSL_CTX_use_PrivateKey_file(peer->context, tls_files_path(path, name), SSL_FILETYPE_PEM),
        1);
    assert_int_equal(SSL_CTX_load_verify_file(peer->context, tls_files_path(path, "ca.pem")), 1);
    if (options->asks)
        SSL_CTX_set_verify(
            peer->context,
            SSL_VERIFY_PEER | (options->insists ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
}

static inline void peer_start(struct peer *peer, const struct peer_options *options)
{
    int pair[2];
    *peer = (struct peer){.chunk = options->chunk > 0 ? options->chunk : SIZE_MAX};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    peer->client_fd = pair[0];
    peer->fd = pair[1];
    if (options->client_buffer_bytes > 0)
        setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &options->client_buffer_bytes, sizeof(int));
    peer_make_context(peer, options);
    peer->ssl = SSL_new(peer->context);
    peer->in = BIO_new(BIO_s_mem());
    peer->out = BIO_new(BIO_s_mem());
    SSL_set_bio(peer->ssl, peer->in, peer->out);
    SSL_set_accept_state(peer->ssl);
}

static inline void peer_close(struct peer *peer)
{
    if (!peer->is_closed)
        close(peer->fd);
    peer->is_closed = true;
}

static inline void peer_stop(struct peer *peer)
{
    peer_close(peer);
    close(peer->client_fd);
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->context);
    ERR_clear_error();
}

/** What the client has sent: at most one chunk. */
static inline void peer_take(struct peer *peer)
{
    char bytes[64 * 1024];
    ssize_t got =
        recv(peer->fd, bytes, peer->chunk < sizeof(bytes) ? peer->chunk : sizeof(bytes), 0);
    if (got > 0)
        assert_int_equal(BIO_write(peer->in, bytes, (int)got), (int)got);
}

/** What is to be sent: at most one chunk. */
static inline void peer_give(struct peer *peer)
{
    char *bytes;
    long len = BIO_get_mem_data(peer->out, &bytes);
    size_t some = (size_t)len < peer->chunk ? (size_t)len : peer->chunk;
    ssize_t put = some > 0 ? send(peer->fd, bytes, some, MSG_NOSIGNAL) : 0;
    char taken[64 * 1024];
    for (ssize_t left = put; left > 0;)
        left -= BIO_read(peer->out, taken, (int)(left < 65536 ? left : 65536));
}

static inline void peer_turn(struct peer *peer)
{
    peer_take(peer);
    if (!SSL_is_init_finished(peer->ssl))
        (void)SSL_do_handshake(peer->ssl);
    peer_give(peer);
    ERR_clear_error();
}

static inline void peer_say(struct peer *peer, const void *bytes, size_t len)
{
    assert_int_equal(SSL_write(peer->ssl, bytes, (int)len), (int)len);
    peer_give(peer);
}

/** Bytes as they are, past TLS. */
static inline void peer_say_plain(struct peer *peer, const char *bytes, size_t len)
{
    assert_int_equal(send(peer->fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

#endif
