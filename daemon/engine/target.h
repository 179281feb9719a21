/**
 * Which connection a new grant is for, or the authorization that is to bring one: the connection
 * that is named, or the one that its owner has; and whether whoever asks may do so. The same for
 * `import`, `authorize` and `complete`.
 *
 *     target->intent = INTENT_RECONNECT;  target->owner = owner;  target->found = on_found;
 *     if (target_may_act(op, target))
 *         target_find(op, target);
 *     on_found: connection == NULL: there is none yet, target_make_new() makes one
 */
#ifndef ENGINE_TARGET_H
#define ENGINE_TARGET_H

#include "core/flow.h"
#include "engine/op.h"

struct target {
    enum intent intent;
    struct owner owner;
    struct str named; /* its id, or the id that a new one gets; STR_NONE: by its owner */
    /** @connection  borrowed until the op's next read; NULL: a new one */
    void (*found)(struct op *op, const struct connection *connection, struct now now);
    /* Of the search. */
    bool by_owner;
    struct str apps_left;  /* of a shared owner, not looked up yet */
    struct str supersedes; /* the owner's pending connection, where a new one has another id; it
                              goes with the write that makes the new one */
};

/** The parameter `intent`; connect where it is not said. */
enum intent target_intent(const struct op *op);

/**
 * A personal account is its person's: who acts as the app's back end names that person
 * (`acting_user`; for `complete` that was done when the flow began), and who is an admin only may
 * bring in the first grant, no more. False: the op has failed.
 */
bool target_may_act(struct op *op, const struct target *target);

/** Calls target->found, or fails the op: unknown_connection, exists, not_connected, invalid_owner,
 * personal_connection. @target lives as long as the op; op->entry is taken. */
void target_find(struct op *op, struct target *target);

/** A record for a connection that does not exist yet; texts in the op's arena. */
void target_make_new(struct op *op, const struct target *target, struct now now,
                     struct connection *ret);

#endif
