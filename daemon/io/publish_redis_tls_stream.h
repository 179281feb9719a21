/**
 * TLS over one connected, non-blocking socket: each call does what it can without waiting and says
 * what to wait for. The socket is the caller's, and so are all time limits.
 *
 *     switch (publish_redis_tls_handshake(stream, &err)) {
 *     case TLS_DONE: …             // the peer is who it should be: nothing was sent before
 *     case TLS_WANTS_READ: …       // call again when the socket can be read
 *     case TLS_WANTS_WRITE: …      // … written
 *     case TLS_OVER: …             // err says why, in words for the operator
 *     }
 *
 * The host name (or address) is checked against subjectAltName (RFC 9525; addresses: RFC 5280
 * §4.2.1.6), the subject's common name is not looked at. A renegotiation is refused. A call takes
 * one record at most, so that TLS_WANTS_READ is never said while something has already been read.
 * The process ignores SIGPIPE.
 */
#ifndef IO_PUBLISH_REDIS_TLS_STREAM_H
#define IO_PUBLISH_REDIS_TLS_STREAM_H

#include "io/publish_redis_tls.h"

struct publish_redis_tls_stream;

enum publish_redis_tls_result {
    TLS_DONE,
    TLS_WANTS_READ,
    TLS_WANTS_WRITE,
    TLS_OVER, /* only publish_redis_tls_stream_free() may follow */
};

enum { PUBLISH_REDIS_TLS_READ_SIZE = 16 * 1024 }; /* what one record may hold (RFC 8446 §5.1) */

/**
 * Loads what tls names; sends nothing yet.
 *
 * @tls   borrowed as long as the stream lives
 * @fd    borrowed: closed after publish_redis_tls_stream_free()
 * @host  a name or an address; copied
 * @out   must point to NULL; on STATUS_OK the caller owns *out
 * STATUS_UNAVAILABLE: publish_redis_tls_load()'s reasons, or host is not one host's name.
 */
MUST_CHECK enum status publish_redis_tls_stream_new(struct publish_redis_tls *tls, int fd,
                                                    struct str host,
                                                    struct publish_redis_tls_stream **out,
                                                    struct error *err);
/** Says goodbye (close_notify) where that is possible at once. Takes NULL. */
void publish_redis_tls_stream_free(struct publish_redis_tls_stream *stream);

/* Each: err is filled with TLS_OVER, without the peer's name. */

MUST_CHECK enum publish_redis_tls_result
publish_redis_tls_handshake(struct publish_redis_tls_stream *stream, struct error *err);
/** @to at least PUBLISH_REDIS_TLS_READ_SIZE bytes @ret_len set with TLS_DONE, above 0 */
MUST_CHECK enum publish_redis_tls_result
publish_redis_tls_read(struct publish_redis_tls_stream *stream, char *to, size_t *ret_len,
                       struct error *err);
/** Part of it, perhaps. After TLS_WANTS_…: again with the same bytes, or more behind them.
 * @ret_len set with TLS_DONE, above 0 */
MUST_CHECK enum publish_redis_tls_result
publish_redis_tls_write(struct publish_redis_tls_stream *stream, struct str bytes, size_t *ret_len,
                        struct error *err);

#endif
