/*
 * Any bytes as what an authorization brings: an ID token, an answer that names an account, an
 * issuer, a redirect URI. The first byte picks which. What must hold whatever they are: no crash;
 * an account only from a token that is for us; no control character in what is kept; no redirect to
 * a plain http address that is not loopback.
 *
 *     clang … && ./fuzz_authorization -max_len=4096 corpus/
 */
#include "common/assert.h"
#include "common/encoding.h"
#include "oauth/authorization.h"
#include "oauth/identity.h"

#include <string.h>

static struct profile *make_profile(void)
{
    static const char text[] =
        "{\"id\":\"p\",\"issuer\":\"https://as.example/{t}/v2\",\"token_endpoint\":"
        "\"https://as.example/t\",\"habits\":{\"identity\":{\"label\":\"a.b\"},"
        "\"vars\":{\"t\":{\"pattern\":\"[a-z0-9-]+\",\"default\":\"x\"}}}}";
    struct json *json = NULL;
    struct profile *profile = NULL;
    enum status status = json_parse(str_c(text), JSON_LIMITS_DEFAULT, &json, NULL);
    if (status == STATUS_OK)
        status = profile_parse(json, STR("fuzz"), false, &profile, NULL);
    ASSERT(status == STATUS_OK);
    json_free(json);
    return profile;
}

static void check_text(struct str text)
{
    ASSERT(text.len <= OAUTH_ACCOUNT_MAX);
    for (size_t i = 0; i < text.len; i++)
        ASSERT((unsigned char)text.data[i] >= 0x20 && text.data[i] != 0x7f);
}

/* As it came, and as the claims of a token that is whole otherwise: the second finds more. */
static void try_token(const struct profile *profile, struct str bytes, bool is_claims)
{
    CLEANUP(buf_deinit) struct buf token = {0};
    if (is_claims) {
        buf_append(&token, STR("e30."));
        encoding_base64url(bytes, &token);
        buf_append(&token, STR(".x"));
    } else {
        buf_append(&token, bytes);
    }
    const struct oauth_id_token_rules rules = {.profile = profile,
                                               .client_id = STR("id"),
                                               .nonce = STR("NO"),
                                               .now_wall_ms = INT64_C(1750000000000)};
    struct arena arena = {0};
    struct oauth_identity who = {0};
    if (oauth_identity_from_id_token(&rules, buf_str(&token), &arena, &who, NULL) == STATUS_OK) {
        ASSERT(!str_is_empty(who.id) && oauth_issuer_matches(profile, NULL, who.issuer));
        ASSERT(!is_claims || (str_contains(bytes, STR("NO")) && str_contains(bytes, STR("id"))));
    }
    check_text(who.id);
    check_text(who.label);
    check_text(who.issuer);
    arena_deinit(&arena);
}

static void try_answer(const struct profile *profile, struct str bytes)
{
    const struct oauth_answer answer = {.status = 200, .body = bytes};
    struct arena arena = {0};
    struct oauth_identity who;
    oauth_identity_from_answer(profile, &answer, &arena, &who);
    check_text(who.id);
    check_text(who.label);
    arena_deinit(&arena);
}

static void try_redirect(struct str bytes)
{
    const char *expected = NULL;
    bool is_good = oauth_redirect_uri_check(bytes, &expected);
    ASSERT(expected != NULL);
    ASSERT(!is_good || !str_starts_with(bytes, STR("http://")) ||
           str_starts_with(bytes, STR("http://127.")) ||
           str_starts_with(bytes, STR("http://[::1]")) ||
           str_starts_with(bytes, STR("http://localhost")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct profile *profile = make_profile();
    struct str bytes = {.data = (const char *)data + 1, .len = size - 1};
    switch (data[0] % 5) {
    case 0:
        try_token(profile, bytes, false);
        break;
    case 1:
        try_token(profile, bytes, true);
        break;
    case 2:
        try_answer(profile, bytes);
        break;
    case 3:
        try_redirect(bytes);
        break;
    default:
        (void)oauth_issuer_matches(profile, NULL, bytes);
        break;
    }
    profile_free(profile);
    return 0;
}
