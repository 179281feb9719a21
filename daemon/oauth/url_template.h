/**
 * Endpoint URLs, and other texts, with variables: `https://{tenant}.example.com/token`. A value
 * fills a place inside the host or the path; it can't move the request elsewhere: scheme and port
 * stand in the profile, and the registered domain stands there too, or in a closed list of values,
 * or at the literal end of the variable's pattern.
 *
 *     url_template_check(profile, url, false, &expected);        // once, when the profile is read
 *     url_template_expand(profile, url, config, &arena, &to, err); // at each request
 */
#ifndef OAUTH_URL_TEMPLATE_H
#define OAUTH_URL_TEMPLATE_H

#include "oauth/profile_data.h"

/**
 * Is it an endpoint that a request may go to? https, or http to a literal loopback address where
 * that is allowed; no user name, no fragment; each variable declared and unable to leave its
 * domain.
 *
 * @ret_expected  on false: what was expected, a static text
 */
bool url_template_check(const struct profile *profile, struct str url, bool allow_plain_loopback,
                        const char **ret_expected);

/** STATUS_INVALID names the variable and what was expected of its value. */
MUST_CHECK enum status url_template_expand(const struct profile *profile, struct str url,
                                           const struct json *config, struct arena *arena,
                                           struct str *ret_url, struct error *err);

/** The same for an endpoint whose path may also hold values of the request itself: {client_id}. */
bool url_template_check_with(const struct profile *profile, struct str url,
                             const struct str_list *path_names, bool allow_plain_loopback,
                             const char **ret_expected);
struct template_extras;
MUST_CHECK enum status url_template_expand_with(const struct profile *profile, struct str url,
                                                const struct json *config,
                                                const struct template_extras *path_extras,
                                                struct arena *arena, struct str *ret_url,
                                                struct error *err);

/** 127.0.0.0/8 in four decimal parts, [::1], localhost: nothing that a resolver could bend. */
bool url_host_is_loopback(struct str host);
/** Could this URL have come of the template? Its variables are those of config, or, where config
 * does not say, anything that their patterns allow within one label or segment. */
bool url_template_matches(const struct profile *profile, struct str url_template,
                          const struct json *config, struct str url);
/** Does a variable stand in the host of this template? */
bool url_host_has_variable(struct str url);

/** Values that a request has besides the connector's variables: {refresh_token}, {uuid} … */
struct template_extras {
    const struct text_pair *items;
    size_t count;
};

/** A header's or parameter's text; values go in as they are, without control characters. */
MUST_CHECK enum status text_template_expand(const struct profile *profile, struct str text,
                                            const struct json *config,
                                            const struct template_extras *extras,
                                            struct arena *arena, struct str *ret_text,
                                            struct error *err);
/** Are all its variables declared, or among the extras' names? */
bool text_template_check(const struct profile *profile, struct str text);

/** What config says, or the variable's default; STATUS_INVALID: neither, or it does not match. */
MUST_CHECK enum status profile_var_value(const struct profile_var *var, const struct json *config,
                                         struct str *ret_value, struct error *err);
/** May this variable have that value? */
bool profile_var_accepts(const struct profile_var *var, struct str value);
/** Does every value of this variable end in a registered domain that the profile names? */
bool profile_var_keeps_domain(const struct profile_var *var);
/** ".example.com", ".example.co.uk": at least one label below a public suffix. */
bool url_suffix_is_domain(struct str suffix);

#endif
