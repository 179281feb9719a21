/**
 * What an answer means: one pure function of (profile, HTTP status, headers, body). It never
 * guesses in favour of a verdict: what no rule names is `refused`, `transient` or `malformed`, and
 * none of these ends a grant.
 *
 *     CLEANUP(oauth_verdict_deinit) struct oauth_verdict verdict = {0};
 *     oauth_classify(profile, &answer, &verdict);
 *     if (verdict.outcome == OUTCOME_REFRESHED) store(verdict.access_token, …)
 */
#ifndef OAUTH_CLASSIFY_H
#define OAUTH_CLASSIFY_H

#include "common/arena.h"
#include "core/types.h"
#include "oauth/message.h"
#include "oauth/profile.h"

struct oauth_answer {
    int status;
    const struct oauth_header *headers;
    size_t header_count;
    struct str body;
    bool body_too_large;
    int64_t now_wall_ms;       /* for absolute expiries and HTTP dates */
    const struct json *config; /* the grant's variables: which of several grants is meant; may be
                                  NULL */
};

enum { OAUTH_REASON_MAX = 64, OAUTH_PROVIDER_TEXT_MAX = 200 };

struct oauth_verdict {
    enum outcome outcome;
    char reason[OAUTH_REASON_MAX]; /* finer word: "ok", "invalid_grant", "http_503",
                                      "json_truncated" */
    enum reason dead_reason;       /* with GRANT_DEAD: what a profile's rule says (access_revoked,
                                      refresh_token_expired, account_disconnected), else grant_rejected */
    bool bare_invalid_client;  /* CLIENT_REJECTED by the word invalid_client or the profile's own
                                  table: evidence against the credentials. Without: one of the words
                                  that servers also use for one foreign token (a doubt only) */
    bool confirm;              /* a verdict that needs a second, later refusal */
    bool reread_store;         /* somebody else may have refreshed: read before trying again */
    bool rotation_may_be_lost; /* the answer may have held the only new token */
    int64_t retry_after_s;     /* -1: none said; else 0..3600 */
    struct str access_token;   /* REFRESHED; borrowed from arena, as are all texts here. STR_NONE
                                  with REFRESHED: the one in use lives on (token_optional) */
    struct str refresh_token;  /* STR_NONE: the stored one stays */
    struct str token_type, id_token;
    struct str scope;                     /* blank-separated; STR_NONE: not said */
    int64_t expires_in_s;                 /* -1: not known */
    bool expires_assumed;                 /* expires_in_s is the profile's, not the answer's: a
                                             JWT's exp and the last known one know better */
    int64_t refresh_expires_in_s;         /* -1: not known */
    char provider_code[OAUTH_REASON_MAX]; /* the provider's own error word, cleaned */
    char provider_message[OAUTH_PROVIDER_TEXT_MAX +
                          1]; /* cleaned: printable, cut, no secret in it */
    struct str claims;        /* Entra's conditional access challenge, for whoever reconnects */
    struct str trace_id;
    struct str learned; /* REFRESHED: endpoint variables that it tells, JSON text; STR_NONE: none */
    bool learned_refused; /* it told one that the profile does not accept: a host elsewhere, say */
    struct arena arena;
};

void oauth_classify(const struct profile *profile, const struct oauth_answer *answer,
                    struct oauth_verdict *ret_verdict);
void oauth_verdict_deinit(struct oauth_verdict *verdict);

/**
 * Put "***" for each of the secrets (shorter ones than 4 bytes are left out) that stands in text,
 * whole or cut off at its end, as it is or in form encoding, base64 or hex. Meant for provider_code
 * and provider_message, since some servers repeat the token that they refuse.
 */
void oauth_scrub(const struct str *secrets, size_t count, char *text);

#endif
