/**
 * A code becomes a grant: the exchange at the token endpoint (RFC 6749 §4.1.3), what its answer
 * means, whose account it is, and on into the store. A code is sent once; only where the client was
 * refused, which uses no code up, is it sent again under a credential that is still retiring.
 *
 *     code_exchange_begin(op, exchange, now);   // ends the op
 */
#ifndef ENGINE_CODE_EXCHANGE_H
#define ENGINE_CODE_EXCHANGE_H

#include "engine/errand.h"
#include "engine/flow.h"
#include "engine/incoming.h"
#include "oauth/identity.h"

enum { CODE_EXCHANGE_CREDENTIALS_MAX = 4 };

struct code_exchange {
    struct incoming incoming;
    struct flow flow; /* texts in the op's arena, as all here */
    struct flow_secrets secrets;
    int64_t tried[CODE_EXCHANGE_CREDENTIALS_MAX]; /* credentials, the last one under way */
    size_t tried_count;
    struct oauth_identity who;
};

/** The flow is taken out of the store already. @exchange its flow, secrets and target are set */
void code_exchange_begin(struct op *op, struct code_exchange *exchange, struct now now);

#endif
