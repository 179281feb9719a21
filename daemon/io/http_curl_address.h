/**
 * Which addresses a request may go to. Judged on the resolved address, when the socket is opened
 * and again when the request is about to be sent, so that a name which resolves differently the
 * second time gets nowhere (DNS rebinding), nor a connection kept alive for somebody with more
 * rights.
 *
 *     if (address_kind(sockaddr) == ADDRESS_FORBIDDEN) …
 */
#ifndef IO_HTTP_CURL_ADDRESS_H
#define IO_HTTP_CURL_ADDRESS_H

#include <sys/socket.h>

enum address_kind {
    ADDRESS_PUBLIC,
    ADDRESS_PRIVATE,   /* RFC 1918, RFC 4193, RFC 6598 and others never routed */
    ADDRESS_LOOPBACK,  /* 127.0.0.0/8, ::1 */
    ADDRESS_FORBIDDEN, /* link-local, cloud metadata, unspecified, multicast, not IP at all */
};

/** IPv4 addresses within IPv6 ones (mapped, NAT64, 6to4) are judged as themselves. */
enum address_kind address_kind(const struct sockaddr *address);
/** The same for "192.0.2.1" or "2001:db8::1"; ADDRESS_FORBIDDEN for another text. */
enum address_kind address_kind_text(const char *text);

#endif
