#include "oauth/grant_probe.h"

#include "common/assert.h"
#include "oauth/answer.h"
#include "oauth/challenge.h"
#include "oauth/request_builder.h"

#include <string.h>

bool profile_has_introspection(const struct profile *profile)
{
    return str_is_set(profile->introspection_endpoint);
}

static enum status build(const struct oauth_introspection *about, struct oauth_message *message,
                         struct error *err)
{
    struct request_from from = {.profile = about->profile,
                                .client = about->client,
                                .config = about->config,
                                .now_wall_ms = about->now_wall_ms};
    memcpy(from.random, about->random, sizeof(from.random));
    struct request_builder builder;
    enum status status = request_builder_begin(
        &builder, &from, about->profile->introspection_endpoint, message, err);
    if (status != STATUS_OK)
        return status;
    request_params_set(&builder.params, STR("token"), about->token);
    request_params_set(&builder.params, STR("token_type_hint"),
                       about->is_access_token ? STR("access_token") : STR("refresh_token"));
    status = request_builder_add_client(&builder);
    if (status == STATUS_OK)
        status = request_builder_add_headers(&builder);
    return status == STATUS_OK ? request_builder_finish(&builder, METHOD_POST, FORMAT_FORM)
                               : status;
}

enum status oauth_build_introspection(const struct oauth_introspection *about,
                                      struct oauth_message *ret_message, struct error *err)
{
    ASSERT(about->profile != NULL && about->client != NULL);
    if (!profile_has_introspection(about->profile))
        return error_set(err, STATUS_INVALID,
                         "profile \"" STR_FMT "\" names no introspection_endpoint",
                         STR_ARG(about->profile->id));
    struct oauth_message message = {0};
    enum status status = build(about, &message, err);
    if (status == STATUS_OK)
        *ret_message = message;
    else
        oauth_message_deinit(&message);
    return status;
}

enum grant_probe oauth_read_introspection(const struct profile *profile,
                                          const struct oauth_answer *answer)
{
    if (answer->status != 200 || answer->body_too_large)
        return GRANT_PROBE_NOTHING;
    CLEANUP(arena_deinit) struct arena arena = {0};
    CLEANUP(answer_deinit) struct answer read = {0};
    answer_read(profile, answer, &arena, &read);
    const struct json *active = read.kind == BODY_OBJECT ? json_get(read.json, "active") : NULL;
    if (active == NULL || json_type(active) != JSON_BOOL)
        return GRANT_PROBE_NOTHING;
    return json_bool(active, true) ? GRANT_PROBE_ALIVE : GRANT_PROBE_SUSPICIOUS;
}

bool oauth_status_blames_token(int64_t status, struct str challenge)
{
    return status == 401 || (status == 403 && challenge_says(challenge, STR("invalid_token")));
}

enum grant_probe oauth_read_userinfo_probe(const struct oauth_answer *answer)
{
    /* Challenges may come in several headers (RFC 9110 §11.6.1). */
    bool is_blamed = oauth_status_blames_token(answer->status, STR_NONE);
    for (size_t i = 0; i < answer->header_count && !is_blamed; i++) {
        if (str_eq_nocase(answer->headers[i].name, STR("www-authenticate")))
            is_blamed = oauth_status_blames_token(answer->status, answer->headers[i].value);
    }
    if (is_blamed)
        return GRANT_PROBE_SUSPICIOUS;
    return answer->status >= 200 && answer->status < 300 ? GRANT_PROBE_ALIVE : GRANT_PROBE_NOTHING;
}
