/**
 * What libcurl is told about each request: manners that never change, the configuration's rules,
 * and the request itself.
 *
 *     code = http_curl_options_set(exchange, 15000);    // then curl_multi_add_handle()
 */
#ifndef IO_HTTP_CURL_OPTIONS_H
#define IO_HTTP_CURL_OPTIONS_H

#include "io/http_curl_exchange.h"

/** Set one option of `easy`, or return libcurl's code from the function around. */
#define SET(option, value)                                              \
    do {                                                                \
        CURLcode set_code_ = curl_easy_setopt(easy, (option), (value)); \
        if (set_code_ != CURLE_OK)                                      \
            return set_code_;                                           \
    } while (0)

/** Make or set up exchange->easy for exchange->request under exchange->rules. What has not changed
 * since the last request on this handle is left alone. */
MUST_CHECK CURLcode http_curl_options_set(struct exchange *exchange, int64_t timeout_ms);

#endif
