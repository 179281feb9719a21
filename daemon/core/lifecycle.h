/**
 * The refresh state machine: what happens to a connection. Each function takes the facts as they
 * are and says what the record becomes and what is to be told; nothing is done here. The engine
 * saves the decision in one transaction and acts on it only then.
 *
 *     struct decision decision;
 *     lifecycle_answered(&connection, &answer, &rules, now, random, &decision);
 *     → decision.next          the record to save
 *     → decision.facts[]       the events of the same transaction
 *     → decision.signal        what the connector's other connections learn from it
 *
 * Events are never listed by hand: they follow from comparing the record before and after
 * (lifecycle_facts), so that no change goes untold and nothing is told twice.
 */
#ifndef CORE_LIFECYCLE_H
#define CORE_LIFECYCLE_H

#include "core/connection.h"
#include "core/connector.h"
#include "core/schedule.h"

/** An event that is due, as a fact; engine/event_json.h puts it into words. */
enum fact_kind {
    FACT_NEEDS_RECONNECT,
    FACT_RECOVERED,
    FACT_CONNECTED,
    FACT_RECONNECTED,
    FACT_SWITCHED,
    FACT_DISCONNECTED,
    FACT_REFRESHED,
    FACT_EXPIRING,
};

enum { LIFECYCLE_FACTS_MAX = 3 };

/** What an answer says about the client credentials that were used. */
enum connector_signal {
    SIGNAL_NONE,
    SIGNAL_CREDENTIAL_WORKS,    /* a definite answer that is not about the client */
    SIGNAL_CREDENTIAL_REJECTED, /* invalid_client, or the profile's equivalent */
    SIGNAL_THROTTLED,           /* leave the whole client in peace until throttled_until_ms */
};

/** What a definite answer says about the grant, for the mass-failure guard (core/guard.h). */
enum guard_note {
    GUARD_NOTE_NONE,
    GUARD_NOTE_LIVES,
    GUARD_NOTE_DIES,
};

struct decision {
    struct connection next;
    enum fact_kind facts[LIFECYCLE_FACTS_MAX];
    size_t fact_count;
    enum connector_signal signal;
    int64_t throttled_until_ms;
    bool keep_answer; /* it could not be used and may hold the only new token: rescue it */
    enum guard_note guard_note;
    bool none_succeeds; /* long past expiry, and nobody's refresh under its connector works */
};

/** How uncertain answers of this provider are treated: the profile's `replay` and what was seen. */
struct replay_rules {
    bool rotates;      /* a success replaces the refresh token, or nobody knows better */
    bool safe;         /* it can be sent again at will */
    bool hold;         /* not again before the access token has ended */
    int64_t window_ms; /* 0: not known */
};

/** One answer, classified, its tokens sealed. Texts are borrowed. */
struct refresh_answer {
    enum transport_end end;
    enum outcome outcome;     /* with TRANSPORT_ANSWERED */
    enum reason dead_reason;  /* with OUTCOME_GRANT_DEAD */
    bool bare_invalid_client; /* with OUTCOME_CLIENT_REJECTED: it is about the credentials */
    bool client_replaced; /* … of a client id that was replaced, none of which is left to try */
    bool confirm;         /* a verdict that needs a second, later refusal */
    bool maybe_rotated;   /* what was answered may have been the only new token */
    int64_t status;
    int64_t retry_after_ms; /* -1: none */
    struct str provider_code, provider_message;
    struct str detail; /* finer cause; STR_NONE: none */
    struct str claims; /* what the provider asks of the person; STR_NONE: nothing */
    /* With OUTCOME_REFRESHED. */
    struct str sealed_access, sealed_refresh, refresh_print; /* STR_NONE keeps the old */
    struct str token_type;
    bool scope_said;
    struct str scope, scope_lost; /* canonical; lost: granted before and not now */
    int64_t lifetime_ms;          /* 0: not known by any means */
    int64_t refresh_lifetime_ms;  /* 0: not said */
    struct str config_json;       /* the grant's variables with what was learned; STR_NONE keeps */
    /* The exchange. */
    int64_t started_ms, took_ms;
    int64_t credential_version;
    bool first_after_rotation; /* the credential is newer than the one that last worked here */
    bool others_succeed;       /* another connection of this connector succeeded since it fails */
    bool others_fail; /* others were refused under this credential since then, and none succeeded */
    bool has_no_others;   /* the connector has no other live connection to compare with */
    bool endpoint_unsure; /* too many of its recent answers were lost: no quick repetition */
    struct replay_rules replay;
};

/** What to do with a connection whose time has come. */
enum due_verdict {
    DUE_SEND,    /* present the refresh token */
    DUE_PROBE,   /* check whether its grant lives, without presenting it */
    DUE_CHANGED, /* nothing to send: decision.next says what became of it; save that */
    DUE_NOTHING, /* not due, not refreshable, or not any more */
};

/** Who wants it refreshed. */
enum due_asker {
    DUE_ON_TIME,  /* its time has come */
    DUE_ASKED,    /* `token`, `refresh` or a probe: due time and gap do not matter */
    DUE_INSISTED, /* `refresh --force`: not even that the grant was refused for good */
};

/** @ret_decision written with DUE_CHANGED alone */
enum due_verdict lifecycle_due(const struct connection *connection,
                               const struct connector *connector, enum due_asker asker,
                               const struct schedule_rules *rules, struct now now,
                               struct decision *ret_decision);

/** Somebody says that its access token is no good: at most an early refresh, whose answer decides.
 * Of a grant that is dead already, its access token is not served any more.
 * False: nothing changes. It is not connected, or nothing can renew it. */
bool lifecycle_suspected(const struct connection *connection, enum suspected_by by, struct now now,
                         struct decision *ret_decision);

/** A check between refreshes is over. @is_suspicious the provider says that the token is not good
 */
void lifecycle_probed(const struct connection *connection, bool is_suspicious,
                      const struct schedule_rules *rules, struct now now,
                      struct decision *ret_decision);

/** An answer came, or will not come any more. @random 64 uniform bits, for the back-off */
void lifecycle_answered(const struct connection *connection, const struct refresh_answer *answer,
                        const struct schedule_rules *rules, struct now now, uint64_t random,
                        struct decision *ret_decision);

/** Does a verdict that is not sure yet wait here, untold? */
bool lifecycle_verdict_waits(const struct connection *connection);

/** What the mass-failure guard says of the place that a verdict comes from. */
struct guard_word {
    bool holds;       /* verdicts are not to be told now */
    int64_t since_ms; /* since when */
};

/**
 * A connection with a verdict that is not sure yet is looked at. One that has settled is told
 * (DUE_CHANGED), or held where the guard says so; one that is held is presented again (DUE_SEND).
 * Only for those with verdict_reason.
 */
enum due_verdict lifecycle_verdict_due(const struct connection *connection, enum due_asker asker,
                                       struct guard_word guard, const struct schedule_rules *rules,
                                       struct now now, struct decision *ret_decision);
/** The guard trips: a verdict that was told at or after since_ms is checked again, the grant being
 * dead meanwhile as before. False: this connection is not concerned. */
bool lifecycle_verdict_recheck(const struct connection *connection, int64_t told_since_ms,
                               struct guard_word guard, const struct schedule_rules *rules,
                               struct now now, struct decision *ret_decision);
/** An operator ends a hold. @stands the verdict is told; else it was a mistake, and the grant is
 * refreshed at due_ms. False: this connection is not concerned. */
bool lifecycle_verdict_end(const struct connection *connection, bool stands, int64_t due_ms,
                           struct now now, struct decision *ret_decision);

/** Refused, in words that are no verdict: what others go through meanwhile says whose fault it is.
 */
bool lifecycle_is_doubtful(const struct refresh_answer *answer);
/** It may have arrived, and what was answered be lost. */
bool lifecycle_is_uncertain(const struct refresh_answer *answer);

/** The attempt was open when the process died: whether it was sent is not known. One that is older
 * than the grant changes nothing. */
void lifecycle_attempt_lost(const struct connection *connection, const struct replay_rules *replay,
                            struct now now, struct decision *ret_decision);

/** A new grant, its tokens sealed. */
struct new_grant {
    struct str sealed_access, sealed_refresh, refresh_print, token_type;
    int64_t lifetime_ms, refresh_lifetime_ms; /* 0: unknown */
    bool already_expired; /* the access token; only the refresh token is of use */
    struct str scopes_asked, scopes_granted;
    struct str config_json; /* its own variables; STR_NONE keeps those before, but for a switch */
    struct str account_id, account_label, account_issuer;
    bool account_verified;
    bool is_switch;
    int64_t scopes_version;     /* of the connector when asked; 0: now */
    int64_t credential_version; /* under which it was granted; 0: the current one */
    int64_t requested_ms;
    /* What the connector asks for now and this grant did not, and the other way round: its flow
     * began before a rescope. Canonical, empty: nothing. */
    struct str scopes_added, scopes_removed;
};
/** A connection's first fact is that it has a new grant; needs_reconnect may follow. */
void lifecycle_granted(const struct connection *connection, const struct connector *connector,
                       const struct new_grant *grant, const struct schedule_rules *rules,
                       struct now now, struct decision *ret_decision);

/** Erases the tokens. The generation stays: it numbers grants. An answer that is under way finds a
 * disconnected record, and lifecycle_answered() changes nothing there. */
void lifecycle_disconnected(const struct connection *connection, struct now now,
                            struct decision *ret_decision);

/** The connector asks for other scopes now; `added` and `removed` are against what this grant asked
 * for, canonical, empty for none. @spared only_missing, and its grant covers the new ones
 * False: nothing changes for this connection, nothing is to be saved. True without a fact: a dead
 * connection remembers it, and nobody is asked twice. */
bool lifecycle_rescoped(const struct connection *connection, const struct connector *connector,
                        struct str added, struct str removed, bool spared, struct now now,
                        struct decision *ret_decision);

/** The connector's client id changed, or changed back. @replaced this grant belongs to another one:
 * an advisory, its grant lives while the old credential works.
 * False: nothing changes for this connection. */
bool lifecycle_client_changed(const struct connection *connection, bool replaced, struct now now,
                              struct decision *ret_decision);

/** No credential is left of the client id that this grant belongs to: nobody can present its
 * refresh token any more (RFC 6749 §6). */
void lifecycle_client_gone(const struct connection *connection, struct now now,
                           struct decision *ret_decision);

/** Compare before and after; called by all of the above. */
void lifecycle_facts(const struct connection *before, struct decision *decision);

#endif
