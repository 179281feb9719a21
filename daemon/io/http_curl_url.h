/**
 * What has to be known of an endpoint's URL before libcurl sees it. Not a parser for everybody:
 * libcurl parses it again and judges the rest.
 *
 *     status = http_curl_url_parse(STR("https://idp.example:8443/token?x=y"), &url, &err);
 *     // url.authority "idp.example:8443", url.host "idp.example", url.plain false
 */
#ifndef IO_HTTP_CURL_URL_H
#define IO_HTTP_CURL_URL_H

#include "common/str.h"
#include "io/http_curl_address.h"

/** Parts of an absolute URL, borrowed from it. */
struct http_curl_url {
    bool plain;           /* http, not https */
    struct str authority; /* "host:port" */
    struct str host;      /* without port and brackets */
};

/** STATUS_INVALID: neither http nor https, no host, a user name. err holds nothing of the URL. */
MUST_CHECK enum status http_curl_url_parse(struct str url, struct http_curl_url *ret,
                                           struct error *err);

/** What a host's text tells without looking it up: names count as public but for localhost. For a
 * proxy, which looks names up itself. */
enum address_kind http_curl_url_host_kind(struct str host);

#endif
