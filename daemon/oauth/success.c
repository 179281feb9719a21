#include "oauth/success.h"

#include "oauth/grant_config.h"
#include "oauth/lifetime.h"
#include "oauth/rules.h"
#include "oauth/url_template.h"

#include <string.h>

static const struct field rfc_access_token = {.names = {STR_INIT("access_token")}, .count = 1};
static const struct field rfc_refresh_token = {.names = {STR_INIT("refresh_token")}, .count = 1};
static const struct field rfc_token_type = {.names = {STR_INIT("token_type")}, .count = 1};
static const struct field rfc_id_token = {.names = {STR_INIT("id_token")}, .count = 1};
static const struct field rfc_scope = {.names = {STR_INIT("scope")}, .count = 1};

/** Where a profile says nothing: RFC 6749 §5.1, and what servers send beside it. */
static const struct expiry_rule expires_default = {
    .sources = {{EXPIRY_RELATIVE_S, STR_INIT("expires_in")},
                {EXPIRY_ABSOLUTE, STR_INIT("expires_at")}},
    .count = 2,
};
static const struct expiry_rule refresh_expires_default = {
    .sources = {{EXPIRY_RELATIVE_S, STR_INIT("refresh_token_expires_in")},
                {EXPIRY_RELATIVE_S, STR_INIT("refresh_expires_in")},
                {EXPIRY_ABSOLUTE, STR_INIT("refresh_token_expires_at")}},
    .count = 3,
};

static const struct json *find_member(const struct json *tokens, const struct field *renamed,
                                      const struct field *rfc)
{
    const struct json *value;
    if (renamed->count > 0 && answer_find(tokens, renamed, &value) && value != NULL)
        return value;
    (void)answer_find(tokens, rfc, &value);
    return value;
}

static const struct json *find_access_token(const struct profile *profile,
                                            const struct json *tokens)
{
    return find_member(tokens, &profile->response.access_token, &rfc_access_token);
}

static const struct json *tokens_at(const struct profile *profile, const struct json *whole,
                                    struct str place)
{
    const struct json *tokens = str_eq(place, STR(".")) ? whole : json_get_path(whole, place);
    return find_access_token(profile, tokens) != NULL ? tokens : NULL;
}

/** Of several grants in one answer (a bot's and a person's) the one that this connection is: the
 * variable "grant" tells. NULL: not there, or there is only one kind. */
static const struct json *find_grant(const struct profile *profile, const struct json *config,
                                     const struct json *whole)
{
    const struct text_map *grants = &profile->response.grants;
    const struct profile_var *var = profile_find_var(profile, STR("grant"));
    struct str grant;
    if (grants->count == 0 || var == NULL ||
        profile_var_value(var, config, &grant, NULL) != STATUS_OK)
        return NULL;
    for (size_t i = 0; i < grants->count; i++) {
        if (str_eq(grants->items[i].name, grant))
            return tokens_at(profile, whole, grants->items[i].value);
    }
    return NULL;
}

/** The object that holds the tokens: the grant's own place, else the first of the profile's places
 * that has one, else the body. */
static const struct json *find_tokens(const struct profile *profile, const struct json *config,
                                      const struct json *whole)
{
    const struct json *tokens = find_grant(profile, config, whole);
    for (size_t i = 0; tokens == NULL && i < profile->response.nesting.count; i++)
        tokens = tokens_at(profile, whole, profile->response.nesting.items[i]);
    return tokens != NULL ? tokens : whole;
}

bool success_has_token(const struct profile *profile, const struct answer *read)
{
    return find_access_token(profile, find_tokens(profile, NULL, read->json)) != NULL;
}

/** Tokens are long, and nearly always plain: no byte below the blank, no DEL, none above ASCII, in
 * blocks that the compiler makes one step each. */
static size_t plain_blocks_len(struct str text)
{
    enum { BLOCK = 64 };
    size_t at = 0;
    for (; text.len - at >= BLOCK; at += BLOCK) {
        unsigned char special = 0;
        for (size_t i = 0; i < BLOCK; i++) {
            signed char byte = (signed char)text.data[at + i]; /* negative above ASCII */
            special |= (unsigned char)((byte < ' ') | (byte == 0x7f));
        }
        if (special != 0)
            break;
    }
    return at;
}

/** C0, DEL and C1: what would end a header line, or a C string, early. */
static bool has_control(struct str text)
{
    for (size_t i = plain_blocks_len(text); i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < ' ' || c == 0x7f)
            return true;
        if (c == 0xC2 && i + 1 < text.len && (unsigned char)text.data[i + 1] < 0xA0)
            return true;
    }
    return false;
}

/** A profile may promise success without a token (the one in use lives on), by a marker alone. */
static bool may_lack_token(const struct profile *profile, const struct answer *read,
                           struct arena *arena)
{
    struct str value;
    return profile->response.token_optional &&
           (!str_is_set(profile->response.success.path) ||
            rules_member_matches(&profile->response.success, read->json, arena, &value));
}

static const char *read_access_token(const struct profile *profile, const struct answer *read,
                                     const struct json *tokens, struct oauth_verdict *verdict)
{
    const struct json *value = find_access_token(profile, tokens);
    struct str token = json_text(value);
    if (value == NULL || (str_is_set(token) && str_trim(token).len == 0))
        return may_lack_token(profile, read, &verdict->arena) ? NULL : "missing_access_token";
    if (!str_is_set(token))
        return "wrong_type_access_token";
    if (has_control(token))
        return "control_character_in_token";
    verdict->access_token = arena_copy(&verdict->arena, token);
    return NULL;
}

static const char *read_refresh_token(const struct profile *profile, const struct json *tokens,
                                      struct oauth_verdict *verdict)
{
    const struct json *value =
        find_member(tokens, &profile->response.refresh_token, &rfc_refresh_token);
    struct str token = json_text(value);
    if (value != NULL && !str_is_set(token))
        str_copy_cut(STR("refresh_token_wrong_type"), verdict->reason, sizeof(verdict->reason));
    if (str_trim(token).len == 0)
        return NULL;
    if (has_control(token))
        return "control_character_in_token";
    verdict->refresh_token = arena_copy(&verdict->arena, token);
    return NULL;
}

static struct str scope_separators(const struct profile *profile)
{
    switch ((enum scope_format)profile->response.scope_format) {
    case SCOPE_SPACE:
        return STR(" \t\r\n");
    case SCOPE_COMMA:
        return STR(", \t\r\n");
    case SCOPE_PIPE:
        return STR("| \t\r\n");
    }
    return STR(" ");
}

/** Adds the text's scopes, one blank between any two; to has room for them. */
static size_t add_scopes(char *to, size_t used, struct str text, struct str separators)
{
    struct str word;
    while (str_next_word(&text, separators, &word)) {
        if (used > 0)
            to[used++] = ' ';
        memcpy(to + used, word.data, word.len);
        used += word.len;
    }
    return used;
}

/** A text with the profile's separator, or an array of texts; anything else says nothing. */
static struct str read_scope(const struct profile *profile, const struct json *tokens,
                             struct arena *arena)
{
    const struct json *value = find_member(tokens, &profile->response.scope, &rfc_scope);
    struct str separators = scope_separators(profile);
    bool is_array = json_type(value) == JSON_ARRAY;
    if (!is_array && json_type(value) != JSON_TEXT)
        return STR_NONE;
    size_t count = is_array ? json_count(value) : 1;
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        const struct json *item = is_array ? json_at(value, i) : value;
        if (json_type(item) != JSON_TEXT)
            return STR_NONE;
        len += json_text(item).len + 1;
    }
    char *text = arena_alloc(arena, len + 1);
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        used = add_scopes(text, used, json_text(is_array ? json_at(value, i) : value), separators);
    return (struct str){.data = text, .len = used};
}

static const char *lifetime_reason(const struct profile *profile, struct lifetime life,
                                   struct oauth_verdict *verdict)
{
    switch (life.kind) {
    case LIFETIME_MISSING:
        if (profile->access_token.lifetime_s == 0)
            return "ok";
        verdict->expires_in_s = profile->access_token.lifetime_s;
        verdict->expires_assumed = true;
        return "assumed_expiry";
    case LIFETIME_ZERO:
        return profile->response.zero_expiry_is_never ? "ok" : "expiry_invalid";
    case LIFETIME_INVALID:
        return "expiry_invalid";
    case LIFETIME_CLAMPED:
        return "expiry_clamped";
    case LIFETIME_PAST:
        return "already_expired";
    case LIFETIME_NULL:
    case LIFETIME_NEVER:
    case LIFETIME_KNOWN:
        return "ok";
    }
    return "ok";
}

static void read_lifetimes(const struct profile *profile, const struct oauth_answer *answer,
                           const struct answer *read, const struct json *tokens,
                           struct oauth_verdict *verdict)
{
    const struct expiry_rule *rule = &profile->response.expires;
    struct lifetime life = lifetime_read(rule->count > 0 ? rule : &expires_default, tokens,
                                         read->json, answer->now_wall_ms);
    verdict->expires_in_s = life.seconds;
    const char *reason = lifetime_reason(profile, life, verdict);
    if (verdict->reason[0] == '\0')
        str_copy_cut(str_c(reason), verdict->reason, sizeof(verdict->reason));
    rule = &profile->response.refresh_expires;
    life = lifetime_read(rule->count > 0 ? rule : &refresh_expires_default, tokens, read->json,
                         answer->now_wall_ms);
    verdict->refresh_expires_in_s = life.seconds;
    rule = &profile->response.refresh_hard_expires;
    life = lifetime_read(rule, tokens, read->json, answer->now_wall_ms);
    bool is_sooner = life.seconds >= 0 && (verdict->refresh_expires_in_s < 0 ||
                                           life.seconds < verdict->refresh_expires_in_s);
    if (is_sooner)
        verdict->refresh_expires_in_s = life.seconds;
}

const char *success_read(const struct profile *profile, const struct oauth_answer *answer,
                         const struct answer *read, struct oauth_verdict *verdict)
{
    const struct json *tokens = find_tokens(profile, answer->config, read->json);
    const char *fault = read_access_token(profile, read, tokens, verdict);
    if (fault == NULL)
        fault = read_refresh_token(profile, tokens, verdict);
    if (fault != NULL)
        return fault;
    struct arena *arena = &verdict->arena;
    verdict->token_type = arena_copy(
        arena, json_text(find_member(tokens, &profile->response.token_type, &rfc_token_type)));
    verdict->id_token = arena_copy(
        arena, json_text(find_member(tokens, &profile->response.id_token, &rfc_id_token)));
    verdict->scope = read_scope(profile, tokens, arena);
    read_lifetimes(profile, answer, read, tokens, verdict);
    verdict->learned =
        grant_config_learn(profile, tokens, read->json, arena, &verdict->learned_refused);
    return NULL;
}
