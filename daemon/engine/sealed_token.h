/**
 * A connection's tokens as the store has them: sealed for this connection, this field and this
 * generation, so that none can be put in another's place.
 *
 *     sealed_token_make(engine, id, "refresh_token", generation, token, &sealed);
 *     status = sealed_token_open(engine, id, "refresh_token", generation, sealed, &secret, &err);
 */
#ifndef ENGINE_SEALED_TOKEN_H
#define ENGINE_SEALED_TOKEN_H

#include "common/buf.h"
#include "common/error.h"
#include "common/secret.h"

struct engine;

/** @field "access_token", "refresh_token" or "rescue" */
void sealed_token_make(const struct engine *engine, struct str connection, const char *field,
                       int64_t generation, struct str token, struct buf *sealed);
/** @out owned; INVALID with the reason: another key, another place, or changed bytes */
MUST_CHECK enum status sealed_token_open(const struct engine *engine, struct str connection,
                                         const char *field, int64_t generation, struct str sealed,
                                         struct secret **out, struct error *err);

#endif
