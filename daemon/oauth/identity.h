/**
 * Whose grant is it? An ID token that came from the token endpoint, the token response itself, or
 * the userinfo endpoint says so; which of them counts is the profile's to say.
 *
 *     enum status status = oauth_identity_from_id_token(&expected, verdict.id_token, &arena, &who,
 * err); status = oauth_identity_from_answer(profile, &answer, &arena, &who);
 */
#ifndef OAUTH_IDENTITY_H
#define OAUTH_IDENTITY_H

#include "oauth/classify.h"

enum { OAUTH_ACCOUNT_MAX = 1024 }; /* bytes of an id, a label, an issuer */

/** STR_NONE: not known. */
struct oauth_identity {
    struct str issuer; /* of an ID token; else the profile's, where it names one */
    struct str id;     /* stable; within its issuer */
    struct str label;  /* as people know it */
};

/** Where this provider says whose grant it is. */
enum identity_source {
    IDENTITY_ID_TOKEN, /* where one came */
    IDENTITY_RESPONSE,
    IDENTITY_USERINFO,
};
/** What the profile says; without a word of it: an ID token where one comes, else userinfo. */
enum identity_source profile_identity_source(const struct profile *profile);
/** Is an account's id the subject that OpenID Connect knows, so that an ID token and userinfo must
 * say the same (Core §5.3.2)? Else the profile has a path of its own. */
bool profile_identity_is_subject(const struct profile *profile);
/** May the userinfo endpoint be asked? */
bool profile_has_userinfo(const struct profile *profile);

/** What an ID token must say (OpenID Connect Core §3.1.3.7). All borrowed. */
struct oauth_id_token_rules {
    const struct profile *profile;
    const struct json *config; /* the connector's variables; NULL: none */
    struct str client_id;      /* in `aud` */
    struct str nonce;          /* STR_NONE: none was sent */
    int64_t now_wall_ms;
};

/**
 * Issuer, audience, expiry and nonce are looked at; the signature is not, since the token came
 * from the token endpoint over TLS (§3.1.3.7, 6).
 *
 * @ret  texts in arena
 * STATUS_INVALID says what is wrong with it.
 */
MUST_CHECK enum status oauth_identity_from_id_token(const struct oauth_id_token_rules *rules,
                                                    struct str id_token, struct arena *arena,
                                                    struct oauth_identity *ret, struct error *err);

/** A JSON answer of the token endpoint or of userinfo: by the profile's paths, else the claims that
 * OpenID Connect Core §5.1 names (`sub`, `email` …) or a plain `id`. Members stay STR_NONE where it
 * does not say; an answer that is no JSON object says nothing. */
void oauth_identity_from_answer(const struct profile *profile, const struct oauth_answer *answer,
                                struct arena *arena, struct oauth_identity *ret);

/** Is this issuer the profile's own (RFC 9207 §2.4)? True where the profile names none. */
bool oauth_issuer_matches(const struct profile *profile, const struct json *config,
                          struct str issuer);
/** Must an authorization response name its issuer (RFC 9207 §3)? */
bool profile_response_names_issuer(const struct profile *profile);

/**
 * OpenID Connect Core §5.3.1: GET, the access token as Bearer.
 *
 * @ret_message zeroed by the caller; on STATUS_OK the caller deinits it
 * STATUS_INVALID: the profile names no such endpoint, or a variable is missing.
 */
MUST_CHECK enum status oauth_build_userinfo(const struct profile *profile,
                                            const struct json *config, struct str access_token,
                                            struct oauth_message *ret_message, struct error *err);

#endif
