/**
 * Authorizations under way, in the store from `authorize` to `complete` (core/flow.h): what `state`
 * is found by, what of a flow is sealed, and the sweeping out of those whose time is over, together
 * with the connections that waited for them.
 */
#ifndef ENGINE_FLOW_H
#define ENGINE_FLOW_H

#include "core/flow.h"
#include "engine/state.h"

enum {
    FLOW_SECRET_BYTES = 32, /* of entropy in state and verifier */
    FLOW_TEXT_LEN = 43,     /* those in base64url (RFC 7636 §4.1: 43 at least) */
    FLOW_NONCE_LEN = 22,    /* 16 bytes of it */
    FLOW_SECRETS_LEN = FLOW_TEXT_LEN + FLOW_NONCE_LEN,
};

/** What is said to the browser, or kept from it. Texts in the caller's arena. */
struct flow_secrets {
    struct str verifier, nonce;
};

/** A fresh text of base64url. @len FLOW_TEXT_LEN or FLOW_NONCE_LEN */
struct str flow_new_text(struct engine *engine, struct arena *arena, size_t len);
/** The print of a state: keyed, so that who reads the store can't test guesses. */
struct str flow_print(const struct engine *engine, struct str state, struct arena *arena);
struct str flow_seal(const struct engine *engine, struct str print,
                     const struct flow_secrets *secrets, struct arena *arena);
MUST_CHECK enum status flow_open(const struct engine *engine, const struct flow *flow,
                                 struct arena *arena, struct flow_secrets *ret, struct error *err);

/** One was begun that ends then. */
void flow_note_end(struct engine *engine, int64_t end_ms);
void flow_turn(struct engine *engine, struct now now);
int64_t flow_next_ms(const struct engine *engine);

#endif
