/**
 * One authorization under way: begun by `authorize`, ended by `complete`, or forgotten after its
 * time. Plain data; what stands here was fixed when the person was sent off, and decides what the
 * grant that comes back is for, whatever changes meanwhile.
 */
#ifndef CORE_FLOW_H
#define CORE_FLOW_H

#include "core/connection.h"

enum {
    FLOW_LIFETIME_MS = 10 * 60 * 1000,
    FLOWS_MAX = 10 * 1000,       /* open at a time */
    FLOWS_OF_CONNECTION_MAX = 32 /* of them for one connection */
};

/** What a new grant is for. */
enum intent {
    INTENT_CONNECT,   /* a new connection */
    INTENT_RECONNECT, /* the account that is connected grants again */
    INTENT_SWITCH,    /* another account takes the connection's place */
    INTENT_COUNT,
};
const char *intent_text(enum intent intent);
/** STATUS_INVALID for another word. */
MUST_CHECK enum status intent_parse(struct str text, enum intent *ret);

struct flow {
    struct str print; /* keyed hash of `state`: what it is found by */
    struct str connector;
    struct str connection; /* its id, one that is pending included */
    struct owner owner;
    enum intent intent;
    bool revoke;             /* switch: revoke the old grant at its provider */
    struct str redirect_uri; /* sent again, byte for byte, with the code (RFC 6749 §4.1.3) */
    struct str scopes_asked;
    int64_t scopes_version;     /* of the connector when asked */
    int64_t credential_version; /* whose client id the URL named */
    struct str config_json;     /* endpoint variables of the grant; empty: none */
    struct str sealed_secrets;  /* PKCE verifier and nonce */
    int64_t created_ms, expires_ms;
};

#endif
