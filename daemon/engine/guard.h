/**
 * The mass-failure guard: when many grants of one connector, or at one token endpoint, seem to die
 * at once, it holds their verdicts and tells the operator, once. Whether many die is core/guard.h's
 * to say, what becomes of one connection core/lifecycle.h's; here stands what is held, durably.
 *
 *     answer saved → guard_note(DIES) → it trips: a hold, `provider.suspect`, and a sweep that has
 *                    the verdicts told a short while ago checked again
 *     verdict settled → guard_word_for(entry).holds → it is held, and presented again in its time
 *     nothing held any more → the hold is over: `provider.recovered`, or the provider means it, and
 *                    verdicts of this place are told as they come until others live again
 *
 * A hold concerns a whole endpoint where its answers say so, else one connector. The holds stand in
 * the store as one value (STORE_META_GUARD), written together with their events.
 */
#ifndef ENGINE_GUARD_H
#define ENGINE_GUARD_H

#include "engine/endpoint.h"

#define STORE_META_GUARD "guard"

enum {
    GUARD_HOLDS_MAX = 1000, /* at a time; past it no further one begins */
    GUARD_RETRY_MS = 250,
    GUARD_LOOK_MS = 2000, /* after one is settled: are there others? */
    GUARD_PAGE = 100,
};

enum hold_kind {
    HOLD_GRANTS, /* many grants seem to die */
    HOLD_OUTAGE, /* for days nobody's refresh worked: nothing is held, somebody is told */
};

enum hold_state {
    HOLD_HOLDS,
    HOLD_BELIEVED, /* the provider, or an operator, means it: verdicts are told as they come */
    HOLD_CLEARED,  /* an operator says it is a mistake; over when all have been let go */
};

/** What a sweep does with each of a connector's verdicts. */
enum guard_action {
    GUARD_ACTION_NONE,
    GUARD_ACTION_RECHECK, /* those told a short while ago are asked about again */
    GUARD_ACTION_CONFIRM,
    GUARD_ACTION_CLEAR,
};

struct hold {
    struct hold *next;
    char *endpoint;  /* its key */
    char *connector; /* id; NULL: all of the endpoint */
    char *named;     /* the only connector concerned when it began; NULL: several are */
    char *provider;
    enum hold_kind kind;
    enum hold_state state;
    enum guard_action todo; /* by sweeps that are not over */
    size_t sweeps;          /* of those, how many */
    int64_t since_ms, until_ms;
    int64_t held;       /* verdicts that were, in all */
    int64_t saved_held; /* of them, what the last save knew */
    bool any_lived;     /* one of them was a mistake */
    bool is_told, is_over;
    bool saved_told, saved_over; /* as the save that is under way has it */
    int64_t look_ms;             /* when to see whether anything is held yet */
};

/** Before anything is refreshed: what was held when the process ended. Calls back when known. */
void guard_load(struct engine *engine, struct now now,
                void (*done)(struct engine *engine, enum status status, const struct error *err));

/** A definite answer about a connection is durable. */
void guard_note(struct engine *engine, struct catalog_entry *entry, struct str connection,
                enum guard_note note, struct now now);
/** A verdict has begun to be held; a held one is told or was a mistake. */
void guard_note_held(struct engine *engine, struct catalog_entry *entry, struct now now);
void guard_note_settled(struct engine *engine, struct catalog_entry *entry, bool lives,
                        struct now now);
/** Days past expiry nobody's refresh under this connector works: told once. */
void guard_note_outage(struct engine *engine, struct catalog_entry *entry, struct now now);

/** The hold that keeps this connector's verdicts; NULL: none does. */
const struct hold *guard_hold_of(struct engine *engine, struct catalog_entry *entry);
struct guard_word guard_word_for(struct engine *engine, struct catalog_entry *entry);

/** An operator ends the hold that guard_hold_of() tells of: the decision and the audit record are
 * one write. Not while guard_is_busy().
 * @take_write  the audit record is in it; other operations of the guard's are added
 * @done        called on a later turn */
void guard_decide(struct engine *engine, struct catalog_entry *entry, enum guard_action action,
                  struct store_write *take_write,
                  void (*done)(void *user, enum status status, const struct error *err,
                               struct now now),
                  void *user, struct now now);
/** Is a save under way, so that guard_decide() would have to wait? */
bool guard_is_busy(const struct engine *engine);

/** The catalog and the holds are there: what a crash cut short goes on. */
void guard_resume(struct engine *engine);
void guard_turn(struct engine *engine, struct now now);
int64_t guard_next_ms(const struct engine *engine);
void guard_free(struct engine *engine);

#endif
