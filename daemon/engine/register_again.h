/**
 * `register` for a connector that exists: what it says of the client and its scopes must be what is
 * stored, since those change by `rotate` and `rescope` alone. Whoever registers again and again
 * with the same values notices nothing; whoever gives others is told so, and nothing has changed.
 */
#ifndef ENGINE_REGISTER_AGAIN_H
#define ENGINE_REGISTER_AGAIN_H

#include "engine/op.h"

/** Of op->entry, what is given of: client_id, client_secret, private_key, certificate, key_id,
 * auth_method, scopes. Secrets are compared in constant time, and an error names no more than the
 * parameter. False: the op has failed. */
bool register_again_check(struct op *op);

#endif
