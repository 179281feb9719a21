/* What others may ask of a profile. */
#include "oauth/profile_data.h"

struct str profile_id(const struct profile *profile)
{
    return profile->id;
}

struct str profile_name(const struct profile *profile)
{
    return profile->name;
}

enum rotation profile_rotation(const struct profile *profile)
{
    return (enum rotation)profile->refresh_token.rotation;
}

enum replay profile_replay(const struct profile *profile)
{
    return (enum replay)profile->refresh_token.replay;
}

int64_t profile_replay_window_ms(const struct profile *profile)
{
    return profile->refresh_token.replay_window_s * 1000;
}

int64_t profile_access_lifetime_ms(const struct profile *profile)
{
    return profile->access_token.lifetime_s * 1000;
}

int64_t profile_access_not_before_ms(const struct profile *profile)
{
    return profile->access_token.not_before_s * 1000;
}

int64_t profile_refresh_lifetime_ms(const struct profile *profile)
{
    return profile->refresh_token.lifetime_s * 1000;
}

int64_t profile_refresh_idle_lifetime_ms(const struct profile *profile)
{
    return profile->refresh_token.idle_lifetime_s * 1000;
}

bool profile_refresh_resets_on_use(const struct profile *profile)
{
    return profile->refresh_token.resets_on_use;
}

/** The sooner of two ends; one that is not ahead is known to be wrong, since there was a success.
 */
static int64_t sooner(int64_t left_ms, int64_t other_ms)
{
    if (other_ms <= 0)
        return left_ms;
    return left_ms == 0 ? other_ms : MIN_OF(left_ms, other_ms);
}

int64_t profile_refresh_left_ms(const struct profile *profile, int64_t since_grant_ms, bool is_new,
                                int64_t said_ms)
{
    int64_t lifetime_ms = profile->refresh_token.lifetime_s * 1000;
    int64_t hard_ms = profile->refresh_token.hard_lifetime_s * 1000;
    int64_t left_ms = said_ms;
    if (said_ms == 0 && profile->refresh_token.counts_from_grant)
        left_ms = sooner(left_ms, lifetime_ms - since_grant_ms);
    else if (said_ms == 0 && (is_new || profile->refresh_token.resets_on_use))
        left_ms = sooner(left_ms, lifetime_ms);
    left_ms = sooner(left_ms, profile_refresh_idle_lifetime_ms(profile));
    return hard_ms > 0 ? sooner(left_ms, hard_ms - since_grant_ms) : left_ms;
}

struct str profile_presented_token(const struct profile *profile, struct str access_token,
                                   struct str refresh_token)
{
    return profile->request.presents_access_token ? access_token : refresh_token;
}

bool profile_security_events(const struct profile *profile, struct profile_security_events *ret)
{
    if (!str_is_set(profile->security_events.poll_endpoint))
        return false;
    const struct secret *token = profile->security_events.token;
    *ret = (struct profile_security_events){
        .issuer = profile->security_events.issuer,
        .audience = profile->security_events.audience,
        .poll_endpoint = profile->security_events.poll_endpoint,
        .jwks_uri = profile->security_events.jwks_uri,
        .token_file = profile->security_events.token_file,
        .token = token != NULL ? secret_str(token) : STR_NONE,
        .poll_every_ms = profile->security_events.poll_every_s * 1000,
    };
    return true;
}

void profile_take_events_token(struct profile *profile, struct str token)
{
    secret_free(profile->security_events.token);
    profile->security_events.token = secret_copy(str_trim(token));
}

bool profile_can_probe(const struct profile *profile)
{
    return str_is_set(profile->introspection_endpoint) || str_is_set(profile->userinfo_endpoint);
}

bool profile_presents_access_token(const struct profile *profile)
{
    return profile->request.presents_access_token;
}

static bool names_access_token(struct str text)
{
    return str_contains(text, STR("{access_token}"));
}

static bool map_names_access_token(const struct text_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        if (names_access_token(map->items[i].value))
            return true;
    }
    return false;
}

bool profile_uses_access_token(const struct profile *profile)
{
    return profile->request.presents_access_token ||
           names_access_token(profile->request.basic_user) ||
           names_access_token(profile->request.basic_password) ||
           map_names_access_token(&profile->request.extra_params) ||
           map_names_access_token(&profile->request.extra_headers);
}

enum auth_method profile_default_auth_method(const struct profile *profile)
{
    return profile->auth_method;
}

enum auth_method profile_secret_auth_method(const struct profile *profile)
{
    return profile->secret_auth_method;
}

struct str profile_token_endpoint(const struct profile *profile)
{
    return profile->token_endpoint;
}

struct str profile_refresh_endpoint(const struct profile *profile)
{
    return str_is_set(profile->request.endpoint) ? profile->request.endpoint
                                                 : profile->token_endpoint;
}

struct str profile_authorization_endpoint(const struct profile *profile)
{
    return profile->authorization_endpoint;
}

struct str profile_revocation_endpoint(const struct profile *profile)
{
    return profile->revocation_endpoint;
}

struct str profile_issuer(const struct profile *profile)
{
    return profile->issuer;
}
