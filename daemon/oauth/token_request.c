#include "oauth/token_request.h"

#include "common/assert.h"
#include "oauth/request_builder.h"

#include <string.h>

/** RFC 6749 §6. */
static void add_grant(struct request_builder *b, const struct oauth_refresh *refresh)
{
    const struct profile *profile = refresh->profile;
    request_params_add(&b->params, STR("grant_type"), STR("refresh_token"));
    if (!profile->request.presents_access_token)
        request_params_add(&b->params, STR("refresh_token"), refresh->refresh_token);
    if (profile->request.send_scope && refresh->scopes.len > 0)
        request_params_add(&b->params, STR("scope"),
                           request_params_scopes(profile, refresh->scopes, &b->message->arena));
}

static enum status check(const struct oauth_refresh *refresh, struct error *err)
{
    const struct profile *profile = refresh->profile;
    if (!str_is_set(profile->token_endpoint) && !str_is_set(profile->request.endpoint))
        return error_set(err, STATUS_INVALID,
                         "profile \"" STR_FMT "\" names no token_endpoint to refresh at",
                         STR_ARG(profile->id));
    if (profile->request.presents_access_token && refresh->access_token.len == 0)
        return error_set(err, STATUS_INVALID, "this provider renews access tokens: there is none");
    if (!profile->request.presents_access_token && refresh->refresh_token.len == 0)
        return error_set(err, STATUS_INVALID, "expected a refresh token, there is none");
    return STATUS_OK;
}

static enum status build(const struct oauth_refresh *refresh, struct oauth_message *message,
                         struct error *err)
{
    const struct profile *profile = refresh->profile;
    struct request_from from = {
        .profile = profile,
        .client = refresh->client,
        .config = refresh->config,
        .refresh_token = refresh->refresh_token,
        .access_token = refresh->access_token,
        .now_wall_ms = refresh->now_wall_ms,
    };
    memcpy(from.random, refresh->random, sizeof(from.random));
    struct request_builder b;
    enum status status =
        request_builder_begin(&b, &from, profile_refresh_endpoint(profile), message, err);
    if (status != STATUS_OK)
        return status;
    add_grant(&b, refresh);
    status = request_builder_add_client(&b);
    if (status == STATUS_OK)
        status = request_builder_add_params(&b, &profile->request.extra_params);
    if (status == STATUS_OK)
        status = request_builder_add_headers(&b);
    if (status != STATUS_OK)
        return status;
    return request_builder_finish(&b, (enum http_method)profile->request.method,
                                  (enum body_format)profile->request.body_format);
}

enum status oauth_build_refresh(const struct oauth_refresh *refresh,
                                struct oauth_message *ret_message, struct error *err)
{
    ASSERT(refresh != NULL && refresh->profile != NULL && refresh->client != NULL);
    struct oauth_message message = {0};
    enum status status = check(refresh, err);
    if (status == STATUS_OK)
        status = build(refresh, &message, err);
    if (status == STATUS_OK)
        *ret_message = message;
    else
        oauth_message_deinit(&message);
    return status;
}

/* Does the profile's way of refreshing say how its token endpoint is spoken to? */
static bool refreshes_at_token_endpoint(const struct profile *profile)
{
    return !profile->request.presents_access_token &&
           (!str_is_set(profile->request.endpoint) ||
            str_eq(profile->request.endpoint, profile->token_endpoint));
}

static enum status build_exchange(const struct oauth_code_exchange *exchange,
                                  struct oauth_message *message, struct error *err)
{
    const struct profile *profile = exchange->profile;
    struct request_from from = {
        .profile = profile,
        .client = exchange->client,
        .config = exchange->config,
        .now_wall_ms = exchange->now_wall_ms,
    };
    memcpy(from.random, exchange->random, sizeof(from.random));
    struct request_builder b;
    enum status status = request_builder_begin(&b, &from, profile->token_endpoint, message, err);
    if (status != STATUS_OK)
        return status;
    request_params_set(&b.params, STR("grant_type"), STR("authorization_code"));
    request_params_set(&b.params, STR("code"), exchange->code);
    request_params_set(&b.params, STR("redirect_uri"), exchange->redirect_uri);
    request_params_set(&b.params, STR("code_verifier"), exchange->verifier);
    status = request_builder_add_client(&b);
    if (status == STATUS_OK)
        status = request_builder_add_headers(&b);
    if (status != STATUS_OK)
        return status;
    bool alike =
        refreshes_at_token_endpoint(profile) && profile->request.body_format != FORMAT_NONE;
    return request_builder_finish(
        &b, alike ? (enum http_method)profile->request.method : METHOD_POST,
        alike ? (enum body_format)profile->request.body_format : FORMAT_FORM);
}

enum status oauth_build_code_exchange(const struct oauth_code_exchange *exchange,
                                      struct oauth_message *ret_message, struct error *err)
{
    ASSERT(exchange != NULL && exchange->profile != NULL && exchange->client != NULL);
    if (!str_is_set(exchange->profile->token_endpoint))
        return error_set(err, STATUS_INVALID,
                         "profile \"" STR_FMT "\" names no token_endpoint for codes",
                         STR_ARG(exchange->profile->id));
    struct oauth_message message = {0};
    enum status status = build_exchange(exchange, &message, err);
    if (status == STATUS_OK)
        *ret_message = message;
    else
        oauth_message_deinit(&message);
    return status;
}
