/**
 * Parameters of a token request on their way into a form, a JSON object or a query: under the
 * names that the profile gives them, without those that it leaves out.
 *
 *     struct request_params params = {.profile = profile};
 *     request_params_add(&params, STR("grant_type"), STR("refresh_token"));
 *     message->body = request_params_form(&params);
 */
#ifndef OAUTH_REQUEST_PARAMS_H
#define OAUTH_REQUEST_PARAMS_H

#include "common/secret.h"
#include "oauth/profile_data.h"

enum { REQUEST_PARAMS_MAX = 32 };

struct request_params {
    const struct profile *profile;
    struct text_pair items[REQUEST_PARAMS_MAX]; /* borrowed */
    size_t count;
};

/** By its RFC name; renamed or left out as the profile says. */
void request_params_add(struct request_params *params, struct str name, struct str value);
/** By its name on the wire; replaces one of the same name. */
void request_params_set(struct request_params *params, struct str name, struct str value);
/** Each gives a new secret. */
struct secret *request_params_form(const struct request_params *params);
struct secret *request_params_json(const struct request_params *params);
/** The URL with the parameters behind it. */
struct str request_params_query(const struct request_params *params, struct str url,
                                struct arena *arena);
/** A set of scopes, blank-separated, in the provider's own way of writing one. */
struct str request_params_scopes(const struct profile *profile, struct str scopes,
                                 struct arena *arena);

#endif
