/** One HTTP request as oauth builds it: no connection, no clock, only what is to be said. */
#ifndef OAUTH_MESSAGE_H
#define OAUTH_MESSAGE_H

#include "common/arena.h"
#include "common/secret.h"

struct oauth_header {
    struct str name, value;
};

enum { OAUTH_HEADERS_MAX = 16 };

/** Texts live in arena (wiped at the end, since a header may hold a secret). */
struct oauth_message {
    struct str method; /* "POST" */
    struct str url;
    struct oauth_header headers[OAUTH_HEADERS_MAX];
    size_t header_count;
    struct secret *body; /* NULL: none */
    bool host_is_made;   /* from the connector's variables: no loopback, no private address */
    bool url_is_secret;  /* a token may stand in its path or query */
    /* tls_client_auth (RFC 8705 §2.1): PEM, borrowed from arena; empty: none. */
    struct str tls_certificate, tls_key;
    struct arena arena;
};

void oauth_message_deinit(struct oauth_message *message);

#endif
