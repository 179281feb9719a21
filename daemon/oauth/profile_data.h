/**
 * A profile from the inside, for the files of this folder only; everybody else has profile.h.
 * Texts and lists live in the profile's arena and never change after profile_parse().
 */
#ifndef OAUTH_PROFILE_DATA_H
#define OAUTH_PROFILE_DATA_H

#include "common/arena.h"
#include "common/secret.h"
#include "oauth/profile.h"

#include <regex.h>

struct str_list {
    const struct str *items;
    size_t count;
};

/** Name and value pairs, in the file's order. */
struct text_pair {
    struct str name, value;
};
struct text_map {
    const struct text_pair *items;
    size_t count;
};

enum { PROFILE_FIELD_NAMES_MAX = 6, PROFILE_EXPIRY_SOURCES_MAX = 6 };

/** Dotted paths under which a value may sit; the first that is there counts. */
struct field {
    struct str names[PROFILE_FIELD_NAMES_MAX];
    size_t count;
};

enum expiry_form {
    EXPIRY_RELATIVE_S,
    EXPIRY_RELATIVE_MS,
    EXPIRY_DURATION_DHM, /* "177:05:38": days, hours, minutes; plain numbers are seconds */
    EXPIRY_ABSOLUTE,     /* seconds or milliseconds since 1970, or ISO 8601 */
    EXPIRY_NONE,         /* never said: access_token.lifetime_s is assumed */
    EXPIRY_NEVER,        /* not said means that it does not end */
};

struct expiry_source {
    enum expiry_form form;
    struct str path;
};

struct expiry_rule {
    struct expiry_source sources[PROFILE_EXPIRY_SOURCES_MAX];
    size_t count;
};

enum body_kind {
    BODY_ANY, /* in a rule: whatever it is */
    BODY_EMPTY,
    BODY_OBJECT, /* a JSON object, or a form read as one */
    BODY_HTML,
    BODY_OTHER,
};

struct number_range {
    int64_t low, high;
};

/** A member whose scalar, as text, is one of these (ASCII case does not count). */
struct member_condition {
    struct str path;
    struct str_list values;
};

/** One line of an error table: all that is set must hold; the first line that holds decides. */
struct error_rule {
    const struct number_range *statuses; /* none: 2xx and 4xx but 408 and 429 */
    size_t status_count;
    struct str_list errors; /* the error word is one of them */
    struct str_list description_contains, text_contains;
    struct str description_equals;
    struct str www_authenticate_contains;
    const struct member_condition *members;
    size_t member_count;
    const struct number_range *numbers;
    size_t number_count;
    enum body_kind body;

    enum outcome outcome;
    struct str reason; /* the finer word, "{}" stands for what was matched; empty: that alone */
    enum reason dead_reason;
    int64_t retry_after_s; /* where the answer says none; -1 */
    bool confirm, reread_store, rotation_may_be_lost;
};

enum { PROFILE_PATTERNS_MAX = 8 };

/** A variable of endpoint URLs, headers and parameters. */
struct profile_var {
    struct str name;
    struct str patterns[PROFILE_PATTERNS_MAX]; /* POSIX extended, for the whole value */
    regex_t regexes[PROFILE_PATTERNS_MAX];
    size_t pattern_count;
    struct str_list one_of;
    struct str fallback;       /* STR_NONE: it must be given */
    struct field learned_from; /* members of an answer that tell it; none: it is not learned */
    bool is_per_connection;    /* a connector need not give it */
};

enum http_method { METHOD_POST, METHOD_GET, METHOD_DELETE };
enum body_format { FORMAT_FORM, FORMAT_JSON, FORMAT_QUERY, FORMAT_NONE };
/** How the client says who it is where it revokes: as at the token endpoint, by HTTP Basic, by the
 * token itself, or not at all. */
enum revoke_auth { REVOKE_AUTH_CLIENT, REVOKE_AUTH_BASIC, REVOKE_AUTH_BEARER, REVOKE_AUTH_NONE };
enum revoke_token { REVOKE_TOKEN_REFRESH, REVOKE_TOKEN_ACCESS };
enum scope_format { SCOPE_SPACE, SCOPE_COMMA, SCOPE_PIPE };

struct profile {
    struct arena arena;
    struct str file;
    struct str id, name, issuer;
    struct str token_endpoint, authorization_endpoint, revocation_endpoint, introspection_endpoint,
        userinfo_endpoint, jwks_uri;
    enum auth_method auth_method, secret_auth_method;
    bool response_names_issuer;   /* RFC 9207 §3 */
    struct str_list signing_algs; /* token_endpoint_auth_signing_alg_values_supported */
    struct {                      /* RFC 8705 §5 */
        struct str token, revocation, introspection, userinfo;
    } mtls_aliases;

    struct {
        struct str endpoint; /* empty: token_endpoint */
        int method, body_format;
        struct text_map extra_params, extra_headers, renamed_params, authorize_params;
        struct str_list omitted_params;
        struct str scope_separator;
        bool send_scope;
        bool presents_access_token;
        struct str assertion_audience, assertion_issuer;
        struct str basic_user, basic_password;
        struct str signature_header, signature_text; /* HMAC-SHA256 under the client secret */
        bool signature_is_base64;                    /* else in hexadecimal digits */
    } request;
    struct {
        int rotation, replay;
        int64_t replay_window_s, reuse_grace_s, lifetime_s, idle_lifetime_s, hard_lifetime_s;
        bool resets_on_use, counts_from_grant, kills_access_token;
    } refresh_token;
    struct {
        int64_t lifetime_s, not_before_s;
    } access_token;
    struct {
        struct expiry_rule expires, refresh_expires, refresh_hard_expires;
        struct str_list nesting;
        struct text_map grants; /* value of the variable "grant" → object that holds its tokens */
        struct field access_token, refresh_token, token_type, id_token, scope;
        struct member_condition success;
        struct field error, description, trace;
        struct str trace_header;
        int scope_format;
        struct field number_members;
        struct str number_prefix;
        bool zero_expiry_is_never, token_optional;
    } response;
    struct {
        struct str source, id, label;
    } identity;
    struct {
        struct str endpoint; /* empty: RFC 7009 at revocation_endpoint */
        struct str token_param;
        int method, body_format, auth, token;
    } revoke;
    struct {
        struct str issuer, poll_endpoint, jwks_uri, audience, token_file;
        int64_t poll_every_s;
        struct secret *token; /* what token_file holds; NULL: not read */
    } security_events;
    const struct error_rule *rules;
    size_t rule_count;
    struct profile_var *vars;
    size_t var_count;
};

const struct profile_var *profile_find_var(const struct profile *profile, struct str name);

#endif
