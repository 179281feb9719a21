/**
 * The connectors, in memory: few, needed all the time. The store is the truth; an entry is replaced
 * only when a write has been committed.
 */
#ifndef ENGINE_CATALOG_H
#define ENGINE_CATALOG_H

#include "core/guard.h"
#include "engine/state.h"
#include "oauth/token_request.h"

/** While what has gathered behind a block is let go (engine/lane_pace.h). */
struct lane_pace {
    bool is_on;
    int64_t blocked_ms;
    int64_t interval_us, next_us; /* timeline, in microseconds */
};

/** What of a connector is due and not started, and what holds it up. */
struct lane {
    struct heap ready;       /* of tasks, by the end of their access token */
    size_t in_flight;        /* jobs of which the provider is, or will be, asked something */
    int64_t closed_until_ms; /* Retry-After: the whole client waits */
    bool overflow;           /* more is due than is kept here … */
    int64_t overflow_due_ms; /* … from this due time on */
    bool reading;            /* that, from reading_due_ms on */
    int64_t reading_due_ms, retry_read_ms;
    struct lane_pace pace;
    struct secret *client_secret;  /* what jobs present, shared with them; NULL: none does */
    int64_t client_secret_version; /* of that credential */
};

/** How sure we are that the credentials are refused (engine/credentials.h). */
enum suspicion {
    SUSPICION_NONE,
    SUSPICION_UNCONFIRMED, /* one connection was told so: one other is asked */
};

/** What is to be written to the connector's row as soon as no other write of it is under way. */
enum row_wish { ROW_WISH_NONE, ROW_WISH_BLOCK, ROW_WISH_PROBE_LATER, ROW_WISH_RECOVER };

/** Whose connections: refresh tokens belong to a client id (RFC 6749 §6), and so do refusals. */
enum client { CLIENT_CURRENT, CLIENT_REPLACED, CLIENT_COUNT };

/** What the connections of one client went through, as far as it is remembered: it tells whose
 * fault a refusal without a verdict is. */
struct client_facts {
    int64_t last_success_ms; /* of any of them */
    struct refused_once {
        char connection[144];
        int64_t at_ms;
    } refused[2];       /* without a verdict: the last ones of two connections, newest first */
    int64_t live;       /* grants */
    int64_t counted_ms; /* those; TIME_NONE: not yet */
};

enum { CREDENTIALS_ASKED_MAX = 8 };

struct catalog_entry {
    struct connector connector;     /* texts in arena */
    struct credential *credentials; /* newest first; texts in arena */
    size_t credential_count;
    struct arena arena;
    struct profile *own_profile;       /* inline; NULL: one of the set */
    const struct profile *set_profile; /* the set's; NULL: not loaded */
    struct json *config;               /* endpoint variables; NULL: none */

    struct lane lane;
    struct endpoint *endpoint;     /* endpoint_of(); NULL: not looked up yet */
    struct guard_answers *answers; /* to its connections, for the guard; NULL: none yet */
    size_t refs;                   /* tasks, operations and errands that point here */
    size_t background_errands;     /* of its own, under way */
    bool gone;                     /* unregistered: freed with its last reference */
    bool leaving;                  /* its unregister is being written: no new connection begins */
    bool row_busy;                 /* a write of its row is under way */
    int64_t preferred_version;     /* the credential that works, where it is not the current; 0 */
    int64_t proven_version;    /* the newest that a provider's answer has shown to be accepted */
    int64_t blocked_since_ms;  /* of the block that is being lifted */
    int64_t disabled_since_ms; /* by an admin, since this start; TIME_NONE: not, or longer */
    struct client_facts facts[CLIENT_COUNT];
    bool counting; /* the live ones */
    enum suspicion suspicion;
    char suspect_connection[144]; /* whose answer began the suspicion */
    int64_t acquitted_until_ms;   /* its refusal was its own affair */
    bool probing;                 /* a connection is being looked for, or asked */
    bool saw_own, saw_foreign;    /* what the search has met: of the current client, of another */
    char asked[CREDENTIALS_ASKED_MAX][144]; /* without a definite answer */
    size_t asked_count;
    int64_t probe_retry_ms;
    enum row_wish row_wish;
    int64_t wish_retry_ms;
    char rejection_code[64], rejection_message[208];
    int64_t rejection_status;
    int64_t rejected_version; /* credential */
    bool sweeping;            /* a sweep's page is under way */
    int64_t sweep_retry_ms;
    int64_t persisted_success_ms; /* what the row of the current credential says */
};

struct catalog_entry *catalog_find(const struct engine *engine, struct str id);
/** Take in what was committed: @credentials all that it has now, NULL: those it had stay. */
struct catalog_entry *catalog_put(struct engine *engine, const struct connector *connector,
                                  const struct credential *credentials, size_t credential_count);
/** Take in a row as it was read, with its credentials among those of STORE_READ_CONNECTORS. */
struct catalog_entry *catalog_take(struct engine *engine, const struct connector *connector,
                                   struct store_read *read);
/** The set of profiles is another one. */
void catalog_find_profiles(struct engine *engine);
/** The store moved all events from `first` on up to new_first: rows that name one moved along. */
void catalog_renumber(struct engine *engine, int64_t first, int64_t new_first);
void catalog_remove(struct engine *engine, struct catalog_entry *entry);
void catalog_clear(struct engine *engine);
void catalog_ref(struct catalog_entry *entry);
void catalog_unref(struct catalog_entry *entry);

/** Its profile; NULL where that is not loaded any more. */
const struct profile *catalog_profile(const struct engine *engine,
                                      const struct catalog_entry *entry);
/** [refresh] of the configuration with what its policy and its profile say besides. */
struct schedule_rules catalog_rules(const struct engine *engine, const struct catalog_entry *entry);
/** NULL where there is none of that version. */
const struct credential *catalog_credential(const struct catalog_entry *entry, int64_t version);
/** The version to use now: the preferred one, else the current. */
int64_t catalog_working_version(const struct catalog_entry *entry);
/** The credential for a connection whose last success was under `version` (0: none yet): the
 * working one, or, since refresh tokens belong to a client, the newest of its own client id. */
const struct credential *catalog_credential_for(const struct catalog_entry *entry, int64_t version,
                                                int64_t now_ms);
/** Is this credential one of a client id that was replaced? What becomes of it says nothing of the
 * current one. */
bool catalog_is_of_old_client(const struct catalog_entry *entry, int64_t version);
enum client catalog_client_of(const struct catalog_entry *entry, int64_t version);
/** Has the credential to use now yet to prove itself, with another of its client to fall back to?
 * Then one request goes ahead alone: its answer is learned for the whole connector. */
bool catalog_is_unproven(const struct catalog_entry *entry, int64_t now_ms);
/** Is none left of the client id that this credential belongs to, which was replaced? Nobody can
 * use its refresh tokens any more (RFC 6749 §6). */
bool catalog_client_is_gone(const struct catalog_entry *entry, int64_t version, int64_t now_ms);
/** The newest usable one with the client id of `tried[0]` that is not among those tried. */
const struct credential *catalog_fallback_credential(const struct catalog_entry *entry,
                                                     const int64_t *tried, size_t tried_count,
                                                     int64_t now_ms);

/** Open a credential's secret; *out stays NULL where it has none. */
MUST_CHECK enum status catalog_open_secret(const struct engine *engine,
                                           const struct credential *credential, struct secret **out,
                                           struct error *err);
/** Is it this one? Compared in constant time; a credential without one has "". *ret_same is set on
 * STATUS_OK alone: STATUS_INVALID, STATUS_INTERNAL where the stored one can't be opened. */
MUST_CHECK enum status catalog_compare_secret(const struct engine *engine,
                                              const struct credential *credential,
                                              struct str secret, bool *ret_same, struct error *err);
/** Seal one for (connector, version). */
void catalog_seal_secret(const struct engine *engine, struct str connector, int64_t version,
                         struct str secret, struct buf *sealed);

#endif
