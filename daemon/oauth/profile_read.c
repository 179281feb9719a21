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
