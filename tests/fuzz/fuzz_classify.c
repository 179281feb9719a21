/*
 * Any bytes as an answer. The first byte picks the profile, the second the status, the third the
 * content type; the rest is the body. What must hold whatever they are: no crash, no verdict on a
 * grant out of a status that can't give one, no success without a token, no byte in a token that
 * could end a header line.
 *
 *     clang … && ./fuzz_classify -max_len=4096 corpus/
 */
#include "common/assert.h"
#include "oauth/classify.h"

#include <string.h>

static const char *const profile_texts[] = {
    "{\"id\":\"plain\",\"token_endpoint\":\"https://as.example/t\"}",
    "{\"id\":\"table\",\"token_endpoint\":\"https://as.example/t\",\"habits\":{"
    "\"response\":{\"nesting\":[\"data\"],\"success_marker\":{\"ok\":true},"
    "\"renamed_fields\":{\"access_token\":[\"token\"],\"error\":[\"errors.0.code\"]},"
    "\"error_numbers\":{\"members\":[\"error_codes\",\"code\"],\"text_prefix\":\"AADSTS\"},"
    "\"expires\":[\"duration_dhm:expires_in\",\"absolute_epoch:expires_at\"],"
    "\"scope_format\":\"comma\"},"
    "\"errors\":[{\"match\":{\"number_any\":[\"1-9\"]},\"class\":\"grant_dead\","
    "\"reason\":\"n_{}\"},"
    "{\"match\":{\"text_contains\":\"gone\"},\"class\":\"grant_dead\"},"
    "{\"match\":{\"json\":{\"a.b\":1}},\"class\":\"reauth_required\"}]}}",
    "{\"id\":\"learning\",\"token_endpoint\":\"https://{host}/{shop}\",\"habits\":{"
    "\"response\":{\"nesting\":[\".\",\"user\"],\"grants\":{\"a\":\".\",\"b\":\"user\"},"
    "\"refresh_hard_expires\":[\"relative_ms:hard\",\"absolute_iso8601:until\"],"
    "\"zero_expiry\":\"never\",\"scope_format\":\"pipe\"},"
    "\"vars\":{\"grant\":{\"one_of\":[\"a\",\"b\"],\"default\":\"b\"},"
    "\"host\":{\"pattern\":[\"[a-z0-9.-]+\\\\.eu\\\\.example\",\"[a-z]+\\\\.us\\\\.example\"],"
    "\"learned_from\":[\"host\",\"user.host\"]},"
    "\"shop\":{\"pattern\":\"[a-z0-9-]+\",\"learned_from\":\"shop\"}}}}",
};

static const int statuses[] = {200, 201, 204, 302, 400, 401, 403, 404, 408, 409, 429, 500, 503};
static const char *const content_types[] = {"application/json", "text/html", "text/plain",
                                            "application/x-www-form-urlencoded"};

static struct profile *make_profile(const char *text)
{
    struct json *json = NULL;
    struct profile *profile = NULL;
    enum status status = json_parse(str_c(text), JSON_LIMITS_DEFAULT, &json, NULL);
    if (status == STATUS_OK)
        status = profile_parse(json, STR("fuzz"), false, &profile, NULL);
    ASSERT(status == STATUS_OK);
    json_free(json);
    return profile;
}

static void check_token(struct str token)
{
    for (size_t i = 0; i < token.len; i++)
        ASSERT((unsigned char)token.data[i] >= ' ' && token.data[i] != 0x7f);
}

/** What an answer tells of endpoints stays in the domains that the profile names. */
static void check_learned(struct str learned)
{
    struct json *json = NULL;
    if (!str_is_set(learned))
        return;
    enum status status = json_parse(learned, JSON_LIMITS_DEFAULT, &json, NULL);
    ASSERT(status == STATUS_OK);
    struct str host = json_text(json_get(json, "host"));
    ASSERT(!str_is_set(host) || str_ends_with(host, STR(".eu.example")) ||
           str_ends_with(host, STR(".us.example")));
    ASSERT(str_find_byte(host, '/') == host.len && str_find_byte(host, ':') == host.len);
    struct str shop = json_text(json_get(json, "shop"));
    ASSERT(str_find_byte(shop, '/') == shop.len && str_find_byte(shop, '.') == shop.len);
    json_free(json);
}

static void check(const struct oauth_answer *answer, const struct oauth_verdict *verdict)
{
    int status = answer->status;
    bool can_judge =
        status < 300 || (status >= 400 && status < 500 && status != 408 && status != 429);
    if (verdict->outcome == OUTCOME_GRANT_DEAD || verdict->outcome == OUTCOME_REAUTH_REQUIRED)
        ASSERT(can_judge);
    ASSERT((verdict->outcome == OUTCOME_REFRESHED) == str_is_set(verdict->access_token));
    ASSERT((verdict->outcome == OUTCOME_GRANT_DEAD) == (verdict->dead_reason != REASON_NONE));
    ASSERT(verdict->reason[0] != '\0');
    ASSERT(verdict->retry_after_s >= -1 && verdict->retry_after_s <= 3600);
    ASSERT(verdict->expires_in_s >= -1 && verdict->expires_in_s <= 315360000);
    ASSERT(verdict->refresh_expires_in_s >= -1 && verdict->refresh_expires_in_s <= 315360000);
    ASSERT(!str_is_set(verdict->learned) || verdict->outcome == OUTCOME_REFRESHED);
    check_learned(verdict->learned);
    check_token(verdict->access_token);
    check_token(verdict->refresh_token);
    check_token(str_c(verdict->provider_message));
    check_token(str_c(verdict->provider_code));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { HEAD = 3 };
    if (size < HEAD)
        return 0;
    struct profile *profile = make_profile(profile_texts[data[0] % ARRAY_LEN(profile_texts)]);
    /* The body is the challenge as well, where there is none to read. */
    bool is_challenge = data[2] >= 128;
    struct str rest = {(const char *)data + HEAD, size - HEAD};
    struct str challenge = is_challenge ? rest : STR("Basic realm=\"x\"");
    const struct oauth_header headers[] = {
        {STR("Content-Type"), str_c(content_types[data[2] % ARRAY_LEN(content_types)])},
        {STR("Retry-After"), {(const char *)data, HEAD}},
        {STR("WWW-Authenticate"), challenge},
    };
    const struct oauth_answer answer = {
        .status = statuses[data[1] % ARRAY_LEN(statuses)],
        .headers = headers,
        .header_count = ARRAY_LEN(headers),
        .body = is_challenge ? STR("") : rest,
        .now_wall_ms = 1750000000000,
    };
    struct oauth_verdict verdict = {0};
    oauth_classify(profile, &answer, &verdict);
    check(&answer, &verdict);
    const struct str secrets[] = {rest, STR("secret")};
    oauth_scrub(secrets, ARRAY_LEN(secrets), verdict.provider_message);
    oauth_verdict_deinit(&verdict);
    profile_free(profile);
    return 0;
}
