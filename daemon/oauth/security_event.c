#include "oauth/security_event.h"

#include "common/encoding.h"
#include "oauth/jws_verify.h"

/** RFC 7515 §3.1, taken apart. */
struct jws {
    struct str input; /* "header.claims" */
    struct json *header, *claims;
    struct buf signature;
};

static void jws_deinit(struct jws *jws)
{
    json_free(jws->header);
    json_free(jws->claims);
    buf_deinit(&jws->signature);
}

static enum security_event_verdict bad(struct security_event *ret, const char *error,
                                       const char *because)
{
    ret->error = error;
    ret->because = because;
    return SECURITY_EVENT_BAD;
}

static bool read_object(struct str part, struct json **out)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    return encoding_unbase64url(part, &text) == STATUS_OK &&
           json_parse(buf_str(&text), JSON_LIMITS_DEFAULT, out, NULL) == STATUS_OK &&
           json_type(*out) == JSON_OBJECT;
}

static bool split(struct str jwt, struct jws *jws)
{
    size_t first = str_find_byte(jwt, '.');
    if (jwt.len > SECURITY_EVENT_MAX || first == jwt.len)
        return false;
    struct str rest = str_slice(jwt, first + 1, jwt.len);
    size_t second = str_find_byte(rest, '.');
    struct str signature = str_slice(rest, second + 1, rest.len);
    if (second == rest.len || str_find_byte(signature, '.') != signature.len)
        return false;
    jws->input = str_slice(jwt, 0, first + 1 + second);
    return read_object(str_slice(jwt, 0, first), &jws->header) &&
           read_object(str_slice(rest, 0, second), &jws->claims) &&
           encoding_unbase64url(signature, &jws->signature) == STATUS_OK;
}

/* ---- the signature ---- */

/* RFC 8417 §2.3 has the type without "application/" or with it (RFC 7515 §4.1.9). */
static bool is_typed(struct str type)
{
    return str_eq_nocase(type, STR("secevent+jwt")) ||
           str_eq_nocase(type, STR("application/secevent+jwt"));
}

/* By its id where the header names one, else the only one that fits. */
static const struct json *find_key(const struct json *keys, const struct json *header,
                                   struct str algorithm)
{
    const struct json *list = json_get(keys, "keys"), *found = NULL;
    bool has_id = json_has(header, "kid");
    struct str id = json_text(json_get(header, "kid"));
    for (size_t i = 0; i < json_count(list) && i < SECURITY_EVENT_KEYS_MAX; i++) {
        const struct json *key = json_at(list, i);
        if (has_id && !str_eq(json_text(json_get(key, "kid")), id))
            continue;
        if (!has_id && !jws_key_fits(key, algorithm))
            continue;
        if (has_id)
            return key;
        if (found != NULL)
            return NULL;
        found = key;
    }
    return found;
}

static enum security_event_verdict check_signature(const struct security_event_rules *rules,
                                                   const struct jws *jws,
                                                   struct security_event *ret)
{
    struct str algorithm = json_text(json_get(jws->header, "alg"));
    if (!is_typed(json_text(json_get(jws->header, "typ"))))
        return bad(ret, "invalid_request", "its typ is not secevent+jwt");
    if (json_has(jws->header, "crit"))
        return bad(ret, "invalid_request", "it has critical headers that are not understood");
    if (!str_eq(algorithm, STR("RS256")) && !str_eq(algorithm, STR("ES256")))
        return bad(ret, "invalid_key", "its algorithm is neither RS256 nor ES256");
    const struct json *key = find_key(rules->keys, jws->header, algorithm);
    if (key == NULL) {
        bad(ret, "invalid_key", "its key is none of the transmitter's");
        return SECURITY_EVENT_UNKNOWN_KEY;
    }
    if (!jws_key_fits(key, algorithm))
        return bad(ret, "invalid_key", "its key is not for that algorithm");
    if (jws_verify(algorithm, key, jws->input, buf_str(&jws->signature)) != STATUS_OK)
        return bad(ret, "authentication_failed", "its signature does not hold");
    return SECURITY_EVENT_GOOD;
}

/* ---- the claims ---- */

static bool is_for(const struct json *audience, struct str wanted)
{
    if (json_type(audience) == JSON_TEXT)
        return str_eq(json_text(audience), wanted);
    for (size_t i = 0; i < json_count(audience) && json_type(audience) == JSON_ARRAY; i++) {
        if (str_eq(json_text(json_at(audience, i)), wanted))
            return true;
    }
    return false;
}

static enum security_event_verdict check_claims(const struct security_event_rules *rules,
                                                struct str id, const struct json *claims,
                                                struct security_event *ret)
{
    int64_t now_s = rules->now_wall_ms / 1000;
    int64_t issued_s = json_i64(json_get(claims, "iat"), -1);
    if (!str_eq(json_text(json_get(claims, "iss")), rules->issuer))
        return bad(ret, "invalid_issuer", "it is another issuer's");
    if (!is_for(json_get(claims, "aud"), rules->audience))
        return bad(ret, "invalid_audience", "it is meant for somebody else");
    if (!str_eq(json_text(json_get(claims, "jti")), id))
        return bad(ret, "invalid_request", "its jti is not the one that it came under");
    if (issued_s < 0 || issued_s > now_s + SECURITY_EVENT_SKEW_S)
        return bad(ret, "invalid_request", "its iat is not a time in the past");
    if (issued_s < now_s - SECURITY_EVENT_AGE_MAX_S)
        return bad(ret, "invalid_request", "it is older than seven days");
    if (json_type(json_get(claims, "events")) != JSON_OBJECT ||
        json_count(json_get(claims, "events")) == 0)
        return bad(ret, "invalid_request", "it holds no event");
    return SECURITY_EVENT_GOOD;
}

/* ---- what it is about ---- */

/* OpenID CAEP 1.0 §3.1, RISC 1.0 §2, and RISC's event types for OAuth tokens. */
static bool is_of_concern(struct str type)
{
    static const char *const types[] = {
        "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
        "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked",
        "https://schemas.openid.net/secevent/risc/event-type/account-disabled",
        "https://schemas.openid.net/secevent/risc/event-type/account-purged",
        "https://schemas.openid.net/secevent/risc/event-type/token-revoked",
        "https://schemas.openid.net/secevent/oauth/event-type/token-revoked",
        "https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked",
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (str_eq(type, str_c(types[i])))
            return true;
    }
    return false;
}

/* RFC 9493; RISC's older "subject_type" says the same with a hyphen. Of a complex subject
 * (SSF 1.0 §3.2) its user counts. */
static bool take_subject(const struct json *subject, struct arena *arena,
                         struct security_event *ret)
{
    const struct json *user = json_get(subject, "user");
    if (json_type(user) == JSON_OBJECT)
        subject = user;
    struct str issuer = json_text(json_get(subject, "iss"));
    struct str id = json_text(json_get(subject, "sub"));
    struct str email = json_text(json_get(subject, "email"));
    if (!str_is_empty(issuer) && !str_is_empty(id)) {
        ret->issuer = arena_copy(arena, issuer);
        ret->subject = arena_copy(arena, id);
    } else if (!str_is_empty(email)) {
        ret->email = arena_copy(arena, email);
    }
    return str_is_set(ret->subject) || str_is_set(ret->email);
}

static void take_events(const struct json *claims, struct arena *arena, struct security_event *ret)
{
    const struct json *events = json_get(claims, "events"), *event;
    struct str type;
    for (size_t at = 0; json_next_member(events, &at, &type, &event);) {
        if (str_is_set(ret->type) && (ret->concerns || !is_of_concern(type)))
            continue;
        ret->type = arena_copy(arena, type);
        ret->concerns = is_of_concern(type);
        if (ret->concerns && !take_subject(json_get(event, "subject"), arena, ret))
            (void)take_subject(json_get(claims, "sub_id"), arena, ret);
    }
}

enum security_event_verdict security_event_read(const struct security_event_rules *rules,
                                                struct str id, struct str jwt, struct arena *arena,
                                                struct security_event *ret)
{
    *ret = (struct security_event){0};
    CLEANUP(jws_deinit) struct jws jws = {0};
    if (str_is_empty(id) || id.len > SECURITY_EVENT_ID_MAX || !split(jwt, &jws))
        return bad(ret, "invalid_request", "it is no signed token that can be read");
    enum security_event_verdict verdict = check_signature(rules, &jws, ret);
    if (verdict == SECURITY_EVENT_GOOD)
        verdict = check_claims(rules, id, jws.claims, ret);
    if (verdict == SECURITY_EVENT_GOOD)
        take_events(jws.claims, arena, ret);
    return verdict;
}
