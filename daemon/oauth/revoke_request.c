#include "oauth/revoke_request.h"

#include "common/assert.h"
#include "common/encoding.h"
#include "oauth/answer.h"
#include "oauth/provider_text.h"
#include "oauth/request_builder.h"
#include "oauth/retry_after.h"

#include <stdio.h>
#include <string.h>

static struct str endpoint_of(const struct profile *profile)
{
    return str_is_set(profile->revoke.endpoint) ? profile->revoke.endpoint
                                                : profile->revocation_endpoint;
}

bool profile_can_revoke(const struct profile *profile)
{
    return str_is_set(endpoint_of(profile));
}

bool profile_revokes_access_token(const struct profile *profile)
{
    return profile->revoke.token == REVOKE_TOKEN_ACCESS;
}

/* ---- the request ---- */

static enum status add_bearer(struct request_builder *b, struct str token)
{
    CLEANUP(buf_deinit) struct buf header = {.secret = true};
    buf_append(&header, STR("Bearer "));
    buf_append(&header, token);
    return request_builder_set_header(b, STR("Authorization"),
                                      arena_copy(&b->message->arena, buf_str(&header)));
}

static enum status authenticate(struct request_builder *b, struct str token)
{
    switch ((enum revoke_auth)b->from.profile->revoke.auth) {
    case REVOKE_AUTH_CLIENT:
        return request_builder_add_client(b);
    case REVOKE_AUTH_BASIC:
        return request_builder_add_basic(b);
    case REVOKE_AUTH_BEARER:
        return add_bearer(b, token);
    case REVOKE_AUTH_NONE:
        return STATUS_OK;
    }
    return error_set(b->err, STATUS_INTERNAL, "no such way to authenticate");
}

/* Some take the token from the path or the Authorization header, and no parameter then. */
static void add_token(struct request_builder *b, const struct oauth_revocation *revocation)
{
    bool is_plain = !str_is_set(b->from.profile->revoke.endpoint);
    struct str name = b->from.profile->revoke.token_param;
    if (!str_is_set(name) && b->from.profile->revoke.auth == REVOKE_AUTH_BEARER)
        return;
    request_params_set(&b->params, str_is_set(name) ? name : STR("token"), revocation->token);
    if (is_plain)
        request_params_set(&b->params, STR("token_type_hint"),
                           revocation->is_access_token ? STR("access_token")
                                                       : STR("refresh_token"));
}

static enum status build(const struct oauth_revocation *revocation, struct oauth_message *message,
                         struct error *err)
{
    const struct profile *profile = revocation->profile;
    const struct text_pair items[] = {
        {STR("client_id"), revocation->client->client_id},
        {STR("token"), revocation->token},
    };
    const struct template_extras path = {.items = items, .count = ARRAY_LEN(items)};
    struct request_from from = {.profile = profile,
                                .client = revocation->client,
                                .config = revocation->config,
                                .path = &path,
                                .now_wall_ms = revocation->now_wall_ms};
    memcpy(from.random, revocation->random, sizeof(from.random));
    if (revocation->is_access_token)
        from.access_token = revocation->token;
    else
        from.refresh_token = revocation->token;
    struct request_builder builder;
    enum status status = request_builder_begin(&builder, &from, endpoint_of(profile), message, err);
    if (status != STATUS_OK)
        return status;
    if (profile->revoke.body_format != FORMAT_NONE)
        add_token(&builder, revocation);
    status = authenticate(&builder, revocation->token);
    if (status == STATUS_OK)
        status = request_builder_add_headers(&builder);
    if (status != STATUS_OK)
        return status;
    return request_builder_finish(&builder, (enum http_method)profile->revoke.method,
                                  (enum body_format)profile->revoke.body_format);
}

enum status oauth_build_revocation(const struct oauth_revocation *revocation,
                                   struct oauth_message *ret_message, struct error *err)
{
    const struct profile *profile = revocation->profile;
    ASSERT(profile != NULL && revocation->client != NULL);
    if (!profile_can_revoke(profile))
        return error_set(err, STATUS_INVALID,
                         "profile \"" STR_FMT "\" names no revocation_endpoint",
                         STR_ARG(profile->id));
    struct oauth_message message = {0};
    enum status status = build(revocation, &message, err);
    if (status == STATUS_OK)
        *ret_message = message;
    else
        oauth_message_deinit(&message);
    return status;
}

/* ---- the answer ---- */

static bool is_word(struct str error, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq_nocase(error, str_c(words[i])))
            return true;
    }
    return false;
}

/* The token is not good any more: that is what was wanted. */
static bool says_gone(struct str error)
{
    static const char *const words[] = {"invalid_token", "invalid_grant",         "token_revoked",
                                        "token_expired", "invalid_refresh_token", "not_found"};
    return is_word(error, words, ARRAY_LEN(words));
}

/* About the client or the moment, not about the token. */
static bool says_later(struct str error)
{
    static const char *const words[] = {"invalid_client", "unauthorized_client",
                                        "server_error",   "temporarily_unavailable",
                                        "slow_down",      "ratelimited"};
    return is_word(error, words, ARRAY_LEN(words));
}

static bool says_no(const struct answer *read)
{
    static const char *const names[] = {"ok", "success"};
    for (size_t i = 0; i < ARRAY_LEN(names) && read->kind == BODY_OBJECT; i++) {
        const struct json *value = json_get(read->json, names[i]);
        if (json_type(value) == JSON_BOOL && !json_bool(value, true))
            return true;
    }
    return false;
}

static enum revoke_outcome judge(const struct profile *profile, int status,
                                 const struct answer *read)
{
    bool is_2xx = status >= 200 && status < 300;
    if (status == 408 || status == 425 || status == 429 || status >= 500 || status < 200)
        return REVOKE_LATER;
    if (is_2xx && str_is_empty(read->error) && !says_no(read))
        return REVOKE_DONE;
    if (says_gone(read->error))
        return REVOKE_DONE;
    if (says_later(read->error) || status == 401 || (status >= 300 && status < 400))
        return REVOKE_LATER;
    if (profile->revoke.method == METHOD_DELETE && (status == 404 || status == 410))
        return REVOKE_DONE;
    return REVOKE_REFUSED;
}

void oauth_read_revocation(const struct profile *profile, const struct oauth_answer *answer,
                           struct revoke_verdict *ret_verdict)
{
    CLEANUP(arena_deinit) struct arena arena = {0};
    CLEANUP(answer_deinit) struct answer read = {0};
    answer_read(profile, answer, &arena, &read);
    *ret_verdict = (struct revoke_verdict){
        .outcome = judge(profile, answer->status, &read),
        .retry_after_s =
            retry_after_parse(answer_header(answer, STR("retry-after")), answer->now_wall_ms),
    };
    if (!str_is_empty(read.error))
        provider_text_word(read.error, ret_verdict->reason, sizeof(ret_verdict->reason));
    else if (answer->status >= 200 && answer->status < 300 && !says_no(&read))
        (void)snprintf(ret_verdict->reason, sizeof(ret_verdict->reason), "ok");
    else
        (void)snprintf(ret_verdict->reason, sizeof(ret_verdict->reason), "http_%d", answer->status);
}
