#include "io/publish_redis_tls_stream.h"

#include "common/assert.h"
#include "common/memory.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_SIZE = 256 };

struct publish_redis_tls_stream {
    const struct publish_redis_tls *tls;
    SSL *ssl;
    char host[HOST_SIZE];       /* as it is verified */
    bool asked_for_certificate; /* the peer wants to know who we are */
    bool has_shaken;            /* hands; SSL_is_init_finished() forgets it when all is over */
    bool has_heard;             /* something of the peer's own, behind the handshake */
    bool is_over;
};

/* Making one. */

static int on_certificate_request(SSL *ssl UNUSED, void *ctx)
{
    struct publish_redis_tls_stream *stream = ctx;
    stream->asked_for_certificate = true;
    return 1;
}

/** Without what only our own resolver and routing need: the root's dot, an address' zone. */
static void copy_host(struct publish_redis_tls_stream *stream, struct str host)
{
    size_t zone = str_find_byte(host, '%');
    host = str_slice(host, 0, zone);
    if (host.len > 1 && str_ends_with(host, STR(".")))
        host.len--;
    str_copy_cut(host, stream->host, sizeof(stream->host));
}

/** OpenSSL takes no name for any name, and one that begins with a dot for all below it. */
static bool is_one_host(const char *host)
{
    return host[0] != '\0' && host[0] != '.';
}

/** RFC 6066 §3: an address is not a server name. */
static bool expect_host(struct publish_redis_tls_stream *stream)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(stream->ssl);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, stream->host) == 1)
        return true;
    return X509_VERIFY_PARAM_set1_host(param, stream->host, 0) == 1 &&
           SSL_set_tlsext_host_name(stream->ssl, stream->host) == 1;
}

enum status publish_redis_tls_stream_new(struct publish_redis_tls *tls, int fd, struct str host,
                                         struct publish_redis_tls_stream **out, struct error *err)
{
    ASSERT(*out == NULL);
    SSL_CTX *context;
    ERR_clear_error();
    enum status status = publish_redis_tls_load(tls, &context, err);
    if (status != STATUS_OK)
        return status;
    struct publish_redis_tls_stream *stream = memory_new(sizeof(*stream));
    stream->tls = tls;
    copy_host(stream, host);
    if (!is_one_host(stream->host)) {
        error_set(err, STATUS_UNAVAILABLE, "no certificate can be for \"%s\"", stream->host);
        free(stream);
        return STATUS_UNAVAILABLE;
    }
    stream->ssl = SSL_new(context);
    if (stream->ssl == NULL || SSL_set_fd(stream->ssl, fd) != 1 || !expect_host(stream)) {
        SSL_free(stream->ssl);
        free(stream);
        ERR_clear_error();
        return error_set(err, STATUS_UNAVAILABLE, "OpenSSL takes no further connection");
    }
    SSL_set_cert_cb(stream->ssl, on_certificate_request, stream);
    SSL_set_connect_state(stream->ssl);
    ERR_clear_error(); /* set1_ip_asc() leaves a word where the host is a name */
    *out = stream;
    return STATUS_OK;
}

void publish_redis_tls_stream_free(struct publish_redis_tls_stream *stream)
{
    if (stream == NULL)
        return;
    if (!stream->is_over && stream->has_shaken)
        (void)SSL_shutdown(stream->ssl);
    SSL_free(stream->ssl);
    ERR_clear_error();
    free(stream);
}

/* What went wrong, in words. */

static void explain_certificate(const struct publish_redis_tls_stream *stream, struct error *err)
{
    const char *trust = publish_redis_tls_trust_text(stream->tls);
    long verdict = SSL_get_verify_result(stream->ssl);
    const char *text = X509_verify_cert_error_string(verdict);
    switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        error_set(err, STATUS_UNAVAILABLE,
                  "its certificate is for another name: no subjectAltName in it is \"%s\"",
                  stream->host);
        return;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        error_set(err, STATUS_UNAVAILABLE, "nobody in %s vouches for its certificate (%s)", trust,
                  text);
        return;
    default:
        error_set(err, STATUS_UNAVAILABLE, "its certificate is refused: %s", text);
    }
}

/** It may be about our certificate, or the lack of one. */
static bool is_about_certificate(int alert)
{
    static const int alerts[] = {
        SSL_AD_HANDSHAKE_FAILURE,   SSL_AD_BAD_CERTIFICATE,     SSL_AD_UNSUPPORTED_CERTIFICATE,
        SSL_AD_CERTIFICATE_REVOKED, SSL_AD_CERTIFICATE_EXPIRED, SSL_AD_CERTIFICATE_UNKNOWN,
        SSL_AD_UNKNOWN_CA,          SSL_AD_ACCESS_DENIED,       SSL_AD_DECRYPT_ERROR,
        SSL_AD_CERTIFICATE_REQUIRED};
    for (size_t i = 0; i < ARRAY_LEN(alerts); i++) {
        if (alert == alerts[i])
            return true;
    }
    return false;
}

static const char wants_certificate[] =
    "it wants a client certificate: set [redis] client_certificate_file and client_key_file";

static void explain_alert(const struct publish_redis_tls_stream *stream, int alert,
                          struct error *err)
{
    const char *text = SSL_alert_desc_string_long(alert);
    bool about_ours = stream->asked_for_certificate && is_about_certificate(alert);
    if (about_ours && !publish_redis_tls_has_certificate(stream->tls))
        error_set(err, STATUS_UNAVAILABLE, "%s", wants_certificate);
    else if (about_ours)
        error_set(err, STATUS_UNAVAILABLE,
                  "it refuses the certificate of [redis] client_certificate_file (%s)", text);
    else if (alert == SSL_AD_PROTOCOL_VERSION)
        error_set(err, STATUS_UNAVAILABLE, "it has no version of TLS from 1.2 on");
    else
        error_set(err, STATUS_UNAVAILABLE, "it refuses TLS with us (%s)", text);
}

/** It went away. With TLS 1.3 it judges our certificate when the handshake is over for us, and its
 * word on it may be lost with the connection (RFC 8446 §4.4.2.4). */
static void explain_end(const struct publish_redis_tls_stream *stream, const char *how,
                        struct error *err)
{
    bool unheard = !stream->has_heard && stream->asked_for_certificate;
    if (unheard && !publish_redis_tls_has_certificate(stream->tls))
        error_set(err, STATUS_UNAVAILABLE,
                  "%s (it had asked for a client certificate: [redis] client_certificate_file)",
                  how);
    else if (!stream->has_shaken)
        error_set(err, STATUS_UNAVAILABLE, "%s in the middle of the TLS handshake", how);
    else
        error_set(err, STATUS_UNAVAILABLE, "%s", how);
}

static void explain_error(const struct publish_redis_tls_stream *stream, struct error *err)
{
    unsigned long error = ERR_peek_last_error();
    int reason = ERR_GET_REASON(error);
    bool is_first = SSL_get_state(stream->ssl) == TLS_ST_CW_CLNT_HELLO;
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET) {
        explain_alert(stream, reason - SSL_AD_REASON_OFFSET, err);
        return;
    }
    switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
        explain_certificate(stream, err);
        return;
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        explain_end(stream, "closed the connection without TLS's goodbye", err);
        return;
    case SSL_R_UNSUPPORTED_PROTOCOL:
        error_set(err, STATUS_UNAVAILABLE, "it has no version of TLS from 1.2 on");
        return;
    default:
        break;
    }
    const char *text = ERR_reason_error_string(error);
    error_set(err, STATUS_UNAVAILABLE,
              is_first ? "it does not speak TLS (%s): url = redis://…" : "TLS went wrong (%s)",
              text != NULL ? text : "no reason given");
}

/* Going on. */

/** After a call that returned so much; leaves OpenSSL's queue empty. */
static enum publish_redis_tls_result judge(struct publish_redis_tls_stream *stream, int returned,
                                           struct error *err)
{
    int system_error = errno;
    int what = SSL_get_error(stream->ssl, returned);
    switch (what) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        explain_end(stream, "closed the connection", err);
        break;
    case SSL_ERROR_SYSCALL:
        explain_end(stream, system_error != 0 ? strerror(system_error) : "closed the connection",
                    err);
        break;
    default:
        explain_error(stream, err);
    }
    stream->is_over = true;
    ERR_clear_error();
    return TLS_OVER;
}

/** SSL_get_error() looks at the queue and at errno. */
static void begin(const struct publish_redis_tls_stream *stream)
{
    ASSERT(!stream->is_over);
    ERR_clear_error();
    errno = 0;
}

enum publish_redis_tls_result publish_redis_tls_handshake(struct publish_redis_tls_stream *stream,
                                                          struct error *err)
{
    begin(stream);
    enum publish_redis_tls_result result = judge(stream, SSL_do_handshake(stream->ssl), err);
    stream->has_shaken = result == TLS_DONE;
    return result;
}

enum publish_redis_tls_result publish_redis_tls_read(struct publish_redis_tls_stream *stream,
                                                     char *to, size_t *ret_len, struct error *err)
{
    begin(stream);
    int got = SSL_read(stream->ssl, to, PUBLISH_REDIS_TLS_READ_SIZE);
    if (got <= 0)
        return judge(stream, got, err);
    stream->has_heard = true;
    *ret_len = (size_t)got;
    return TLS_DONE;
}

enum publish_redis_tls_result publish_redis_tls_write(struct publish_redis_tls_stream *stream,
                                                      struct str bytes, size_t *ret_len,
                                                      struct error *err)
{
    ASSERT(bytes.len > 0);
    begin(stream);
    int put = SSL_write(stream->ssl, bytes.data, (int)MIN_OF(bytes.len, (size_t)INT_MAX));
    if (put <= 0)
        return judge(stream, put, err);
    *ret_len = (size_t)put;
    return TLS_DONE;
}
