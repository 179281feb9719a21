/**
 * A new grant on its way into the store, whoever brought it: `import`, or `complete`. Finds its
 * connection, holds its account against the one that is connected, and saves record, events and
 * audit in one write.
 *
 *     incoming->target = (struct target){.intent = …, .owner = …};
 *     incoming->grant = …;  incoming->access_token = …;   // texts in the op's arena
 *     incoming_save(op, incoming);                        // ends the op
 */
#ifndef ENGINE_INCOMING_H
#define ENGINE_INCOMING_H

#include "core/lifecycle.h"
#include "engine/target.h"

struct incoming {
    struct target target;
    struct new_grant grant; /* but for what is sealed, is_switch and the scopes' comparison */
    struct str access_token, refresh_token; /* STR_NONE: none */
    bool revoke;                            /* a switch ends the old grant at its provider */
    const char *account_unread; /* why nobody could say whose grant it is, where that may be
                                   otherwise another time; NULL: it may not */
    /* Of the saving. */
    struct connection saved;
    bool revokes; /* the old grant's end is queued with it */
};

/** Begins anew where it loses a race: op->begin must come here again. */
void incoming_save(struct op *op, struct incoming *incoming);

#endif
