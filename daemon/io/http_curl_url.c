#include "io/http_curl_url.h"

#include <string.h>

enum status http_curl_url_parse(struct str url, struct http_curl_url *ret, struct error *err)
{
    struct http_curl_url parts = {0};
    struct str rest;
    if (str_eq_nocase(str_slice(url, 0, 8), STR("https://"))) {
        rest = str_slice(url, 8, url.len);
    } else if (str_eq_nocase(str_slice(url, 0, 7), STR("http://"))) {
        rest = str_slice(url, 7, url.len);
        parts.plain = true;
    } else {
        return error_set(err, STATUS_INVALID, "expected an https:// endpoint");
    }
    size_t end = MIN_OF(str_find_byte(rest, '/'), str_find_byte(rest, '?'));
    parts.authority = str_slice(rest, 0, MIN_OF(end, str_find_byte(rest, '#')));
    if (str_find_byte(parts.authority, '@') < parts.authority.len || parts.authority.len == 0)
        return error_set(err, STATUS_INVALID, "expected an endpoint with a host and no user name");
    if (parts.authority.data[0] == '[')
        parts.host = str_slice(parts.authority, 1, str_find_byte(parts.authority, ']') - 1);
    else
        parts.host = str_slice(parts.authority, 0, str_find_byte(parts.authority, ':'));
    *ret = parts;
    return STATUS_OK;
}

enum address_kind http_curl_url_host_kind(struct str host)
{
    char text[64];
    if (str_eq_nocase(host, STR("localhost")) ||
        (host.len > 10 && str_eq_nocase(str_slice(host, host.len - 10, 10), STR(".localhost"))))
        return ADDRESS_LOOPBACK;
    bool is_literal = host.len < sizeof(text) && host.len > 0 &&
                      strspn(host.data, "0123456789abcdefABCDEF.:") >= host.len;
    if (!is_literal)
        return ADDRESS_PUBLIC;
    str_copy_cut(host, text, sizeof(text));
    return address_kind_text(text);
}
