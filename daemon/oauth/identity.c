#include "oauth/identity.h"

#include "oauth/answer.h"
#include "oauth/jwt_claims.h"
#include "oauth/url_template.h"

enum { CLOCK_LEEWAY_S = 300 };

enum identity_source profile_identity_source(const struct profile *profile)
{
    struct str source = profile->identity.source;
    if (str_eq(source, STR("response")))
        return IDENTITY_RESPONSE;
    return str_eq(source, STR("userinfo")) ? IDENTITY_USERINFO : IDENTITY_ID_TOKEN;
}

bool profile_identity_is_subject(const struct profile *profile)
{
    return !str_is_set(profile->identity.id) || str_eq(profile->identity.id, STR("sub"));
}

bool profile_has_userinfo(const struct profile *profile)
{
    return str_is_set(profile->userinfo_endpoint);
}

bool profile_response_names_issuer(const struct profile *profile)
{
    return profile->response_names_issuer;
}

bool oauth_issuer_matches(const struct profile *profile, const struct json *config,
                          struct str issuer)
{
    return !str_is_set(profile->issuer) ||
           url_template_matches(profile, profile->issuer, config, issuer);
}

/* ---- claims ---- */

/* Text that may be kept and shown: no control characters, not too long. */
static struct str sound_text(struct str text)
{
    if (text.len == 0 || text.len > OAUTH_ACCOUNT_MAX || !str_is_utf8(text))
        return STR_NONE;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < 0x20 || byte == 0x7f)
            return STR_NONE;
    }
    return text;
}

static struct str find_text(const struct json *json, struct str path, struct arena *arena)
{
    return arena_copy(arena, sound_text(answer_scalar(json_get_path(json, path), arena)));
}

static struct str first_of(const struct json *json, const char *const *names, size_t count,
                           struct arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        struct str text = find_text(json, str_c(names[i]), arena);
        if (str_is_set(text))
            return text;
    }
    return STR_NONE;
}

static struct str find_label(const struct profile *profile, const struct json *json,
                             struct arena *arena)
{
    static const char *const names[] = {"email", "preferred_username", "name"};
    if (str_is_set(profile->identity.label))
        return find_text(json, profile->identity.label, arena);
    return first_of(json, names, ARRAY_LEN(names), arena);
}

/* Without the profile's word only what the standard says is stable is taken from a token response;
 * userinfo endpoints that know no `sub` commonly have `id`. */
static struct str find_id(const struct profile *profile, const struct json *json,
                          struct arena *arena)
{
    static const char *const names[] = {"sub", "id"};
    if (str_is_set(profile->identity.id))
        return find_text(json, profile->identity.id, arena);
    return first_of(json, names, ARRAY_LEN(names), arena);
}

/* ---- the ID token ---- */

static bool is_for_client(const struct json *claims, struct str client_id)
{
    const struct json *audience = json_get(claims, "aud");
    struct str party = json_text(json_get(claims, "azp"));
    bool is_named = str_eq(json_text(audience), client_id);
    for (size_t i = 0; json_type(audience) == JSON_ARRAY && i < json_count(audience); i++)
        is_named = is_named || str_eq(json_text(json_at(audience, i)), client_id);
    return is_named && (!str_is_set(party) || str_eq(party, client_id));
}

static enum status check_claims(const struct oauth_id_token_rules *rules, const struct json *claims,
                                struct error *err)
{
    struct str issuer = json_text(json_get(claims, "iss"));
    struct str subject = json_text(json_get(claims, "sub"));
    int64_t ends_s = json_i64(json_get(claims, "exp"), -1);
    if (!str_is_set(sound_text(issuer)) || !str_is_set(sound_text(subject)))
        return error_set(err, STATUS_INVALID, "the ID token names no issuer or no subject");
    if (!oauth_issuer_matches(rules->profile, rules->config, issuer))
        return error_set(err, STATUS_INVALID, "the ID token is another issuer's");
    if (!is_for_client(claims, rules->client_id))
        return error_set(err, STATUS_INVALID, "the ID token is meant for another client");
    if (ends_s < 0 || ends_s + CLOCK_LEEWAY_S <= rules->now_wall_ms / 1000)
        return error_set(err, STATUS_INVALID, "the ID token has expired");
    if (str_is_set(rules->nonce) && !str_eq(json_text(json_get(claims, "nonce")), rules->nonce))
        return error_set(err, STATUS_INVALID, "the ID token was made for another sign-in (nonce)");
    return STATUS_OK;
}

enum status oauth_identity_from_id_token(const struct oauth_id_token_rules *rules,
                                         struct str id_token, struct arena *arena,
                                         struct oauth_identity *ret, struct error *err)
{
    CLEANUP(json_freep) struct json *claims = NULL;
    if (jwt_claims_read(id_token, &claims) != STATUS_OK)
        return error_set(err, STATUS_INVALID, "the ID token is no JWT");
    enum status status = check_claims(rules, claims, err);
    if (status != STATUS_OK)
        return status;
    const struct profile *profile = rules->profile;
    bool has_own_path = profile_identity_source(profile) == IDENTITY_ID_TOKEN;
    struct str id = has_own_path ? find_id(profile, claims, arena) : STR_NONE;
    *ret = (struct oauth_identity){
        .issuer = find_text(claims, STR("iss"), arena),
        .id = str_is_set(id) ? id : find_text(claims, STR("sub"), arena),
        .label = find_label(profile, claims, arena),
    };
    return STATUS_OK;
}

/* ---- answers ---- */

void oauth_identity_from_answer(const struct profile *profile, const struct oauth_answer *answer,
                                struct arena *arena, struct oauth_identity *ret)
{
    CLEANUP(answer_deinit) struct answer read = {0};
    *ret = (struct oauth_identity){0};
    answer_read(profile, answer, arena, &read);
    if (read.kind != BODY_OBJECT)
        return;
    ret->id = find_id(profile, read.json, arena);
    ret->label = find_label(profile, read.json, arena);
}

enum status oauth_build_userinfo(const struct profile *profile, const struct json *config,
                                 struct str access_token, struct oauth_message *ret_message,
                                 struct error *err)
{
    if (!profile_has_userinfo(profile))
        return error_set(err, STATUS_INVALID, "profile \"" STR_FMT "\" names no userinfo_endpoint",
                         STR_ARG(profile->id));
    struct oauth_message message = {.method = STR("GET")};
    enum status status = url_template_expand(profile, profile->userinfo_endpoint, config,
                                             &message.arena, &message.url, err);
    if (status != STATUS_OK) {
        oauth_message_deinit(&message);
        return status;
    }
    message.host_is_made = url_host_has_variable(profile->userinfo_endpoint);
    message.headers[message.header_count++] =
        (struct oauth_header){.name = STR("Accept"), .value = STR("application/json")};
    message.headers[message.header_count++] = (struct oauth_header){
        .name = STR("Authorization"),
        .value = arena_printf(&message.arena, "Bearer " STR_FMT, STR_ARG(access_token))};
    *ret_message = message;
    return STATUS_OK;
}
