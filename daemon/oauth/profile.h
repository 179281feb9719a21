/**
 * What refreshd knows of one provider: an authorization server's metadata under RFC 8414's names,
 * and `habits` for all that differs from the RFCs. Read-only once parsed.
 */
#ifndef OAUTH_PROFILE_H
#define OAUTH_PROFILE_H

#include "common/json.h"
#include "core/connector.h"

struct profile;

enum rotation { ROTATION_UNKNOWN, ROTATION_ALWAYS, ROTATION_NEVER, ROTATION_SOMETIMES };
enum replay { REPLAY_DEFAULT, REPLAY_WINDOW, REPLAY_SAFE, REPLAY_HOLD };

/**
 * Check and take in one profile.
 *
 * @file  for error texts: "config/providers/slack.json"
 * @allow_plain_loopback  http:// endpoints on 127.0.0.0/8, [::1] and localhost are accepted
 *
 * STATUS_INVALID names file, member and what was expected.
 */
MUST_CHECK enum status profile_parse(const struct json *json, struct str file,
                                     bool allow_plain_loopback, struct profile **out,
                                     struct error *err);
void profile_free(struct profile *profile);
void profile_freep(struct profile **profile);

struct str profile_id(const struct profile *profile);
struct str profile_name(const struct profile *profile);
enum rotation profile_rotation(const struct profile *profile);
enum replay profile_replay(const struct profile *profile);
/** With REPLAY_WINDOW: how long a just-rotated token is still good. */
int64_t profile_replay_window_ms(const struct profile *profile);
/** Used where an answer says nothing; 0: unknown. */
int64_t profile_access_lifetime_ms(const struct profile *profile);
int64_t profile_refresh_lifetime_ms(const struct profile *profile);
/** How long a refresh token lives without being used; 0: unknown. */
int64_t profile_refresh_idle_lifetime_ms(const struct profile *profile);
/** Does each use give a refresh token its whole life again? Else it counts from the grant. */
bool profile_refresh_resets_on_use(const struct profile *profile);
/**
 * How long the refresh token that is held after a success still lives, by what was said and by the
 * profile: the earliest of its ends. 0: not known.
 *
 * @since_grant_ms  since the person granted; some lives count from there, whatever is issued later
 * @is_new          the answer brought another token; else the one presented lives on
 * @said_ms         what the answer says; 0: nothing
 */
int64_t profile_refresh_left_ms(const struct profile *profile, int64_t since_grant_ms, bool is_new,
                                int64_t said_ms);
/** Refreshing is refused, or useless, before only so much of the access token's life is left; 0: no
 * such rule. */
int64_t profile_access_not_before_ms(const struct profile *profile);
/** Can a grant be checked without refreshing: by introspection (RFC 7662) or at userinfo? */
bool profile_can_probe(const struct profile *profile);
/** There is no refresh token: the access token in use is presented and renews itself. */
bool profile_presents_access_token(const struct profile *profile);
/** Which of a grant's tokens a refresh presents, and is kept for it; empty: nothing can renew it.
 */
struct str profile_presented_token(const struct profile *profile, struct str access_token,
                                   struct str refresh_token);
/** Does a refresh request hold the access token in use, as what is presented or in a template? */
bool profile_uses_access_token(const struct profile *profile);
/** The first of token_endpoint_auth_methods_supported that refreshd can do; RFC 8414's default is
 * client_secret_basic. */
enum auth_method profile_default_auth_method(const struct profile *profile);
/** The first of them that shows a client secret, in whatever place; the default is the same. */
enum auth_method profile_secret_auth_method(const struct profile *profile);
/** Empty where the profile has none. */
struct str profile_token_endpoint(const struct profile *profile);
/** Where refreshes go: the token endpoint, unless the profile names another. */
struct str profile_refresh_endpoint(const struct profile *profile);
struct str profile_authorization_endpoint(const struct profile *profile);
struct str profile_revocation_endpoint(const struct profile *profile);
struct str profile_issuer(const struct profile *profile);
/** Whose variables: a connector may leave out those that its connections bring. */
enum config_of { CONFIG_OF_CONNECTOR, CONFIG_OF_CONNECTION };

/** Do the `config` values fill every variable and match the profile's patterns?
 * @config  of a connection: merged with its connector's (oauth/grant_config.h) */
MUST_CHECK enum status profile_check_config(const struct profile *profile, enum config_of of,
                                            const struct json *config, struct error *err);

/** All profiles by id; a later one replaces an earlier one of the same id. */
/** Where security events of this provider's accounts are polled from (RFC 8936). */
struct profile_security_events {
    struct str issuer, audience; /* of the events */
    struct str poll_endpoint, jwks_uri;
    struct str token_file; /* a path; who loads the profile reads it */
    struct str token;      /* what it holds; STR_NONE: not read */
    int64_t poll_every_ms;
};
/** False: nowhere. Borrowed from the profile. */
bool profile_security_events(const struct profile *profile, struct profile_security_events *ret);
/** What token_file holds, without white space around it. */
void profile_take_events_token(struct profile *profile, struct str token);

struct profile_set;
struct profile_set *profile_set_new(void);
void profile_set_free(struct profile_set *set);
void profile_set_freep(struct profile_set **set);
void profile_set_add(struct profile_set *set, struct profile *take_profile);
const struct profile *profile_set_find(const struct profile_set *set, struct str id);
size_t profile_set_count(const struct profile_set *set);
/** In no particular order. */
const struct profile *profile_set_at(const struct profile_set *set, size_t index);

#endif
