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
    const struct oauth_header headers[] = {
        {STR("Content-Type"), str_c(content_types[data[2] % ARRAY_LEN(content_types)])},
        {STR("Retry-After"), {(const char *)data, HEAD}},
    };
    const struct oauth_answer answer = {
        .status = statuses[data[1] % ARRAY_LEN(statuses)],
        .headers = headers,
        .header_count = ARRAY_LEN(headers),
        .body = {(const char *)data + HEAD, size - HEAD},
        .now_wall_ms = 1750000000000,
    };
    struct oauth_verdict verdict = {0};
    oauth_classify(profile, &answer, &verdict);
    check(&answer, &verdict);
    const struct str secrets[] = {answer.body, STR("secret")};
    oauth_scrub(secrets, ARRAY_LEN(secrets), verdict.provider_message);
    oauth_verdict_deinit(&verdict);
    profile_free(profile);
    return 0;
}
