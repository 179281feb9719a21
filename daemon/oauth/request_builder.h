/**
 * A request to an authorization server that proves who its client is, put together bit by bit: its
 * endpoint, its parameters, the client's authentication as the profile wants it. What is asked for
 * is the caller's (oauth/token_request.h, say); this file knows how it is sent.
 *
 *     struct request_builder b;
 *     status = request_builder_begin(&b, &from, profile->revocation_endpoint, &message, err);
 *     request_params_add(&b.params, STR("token"), token);
 *     if (status == STATUS_OK)
 *         status = request_builder_add_client(&b);
 *     if (status == STATUS_OK)
 *         status = request_builder_finish(&b, METHOD_POST, FORMAT_FORM);
 *
 * Of a builder that failed, the caller deinits the message. For the files of this folder.
 */
#ifndef OAUTH_REQUEST_BUILDER_H
#define OAUTH_REQUEST_BUILDER_H

#include "oauth/request_params.h"
#include "oauth/token_request.h"
#include "oauth/url_template.h"

enum { REQUEST_EXTRAS_COUNT = 7 };

/** What a request is made from. All borrowed, for as long as its builder. */
struct request_from {
    const struct profile *profile;
    const struct oauth_client *client;
    const struct json *config;              /* the connector's variables; NULL: none */
    struct str refresh_token, access_token; /* for the profile's templates; STR_NONE: none */
    const struct template_extras *path; /* what the endpoint's path may hold besides; NULL: none */
    int64_t now_wall_ms;                /* iat of assertions */
    uint8_t random[16];                 /* jti of assertions, correlation ids */
};

struct request_builder {
    struct request_from from;
    struct oauth_message *message;
    struct request_params params;
    struct text_pair extra_items[REQUEST_EXTRAS_COUNT];
    struct template_extras extras;
    struct str uuid;
    struct str url; /* expanded */
    struct error *err;
};

/** Expand the endpoint; JSON is asked for. @message zeroed by the caller
 * STATUS_INVALID names the variable that is missing or does not match. */
MUST_CHECK enum status request_builder_begin(struct request_builder *b,
                                             const struct request_from *from, struct str endpoint,
                                             struct oauth_message *message, struct error *err);
/** Replaces a header of the same name. STATUS_INVALID: more than OAUTH_HEADERS_MAX. */
MUST_CHECK enum status request_builder_set_header(struct request_builder *b, struct str name,
                                                  struct str value);
/** RFC 6749 §2.3, RFC 7523 §2.2 or RFC 8705 §2, by the client's method. */
MUST_CHECK enum status request_builder_add_client(struct request_builder *b);
/** By HTTP Basic, whatever the client's method (RFC 6749 §2.3.1). */
MUST_CHECK enum status request_builder_add_basic(struct request_builder *b);
/** Templates, under their names on the wire; each replaces one of its name. */
MUST_CHECK enum status request_builder_add_params(struct request_builder *b,
                                                  const struct text_map *params);
/** The profile's own headers, but for those that hold a token which this request has not. */
MUST_CHECK enum status request_builder_add_headers(struct request_builder *b);
/** Write the parameters where they belong. Parameters of a GET go into the query. */
MUST_CHECK enum status request_builder_finish(struct request_builder *b, enum http_method method,
                                              enum body_format format);

#endif
