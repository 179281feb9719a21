#include "io/http_curl_address.h"

#include "common/macros.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct network {
    unsigned char address[16];
    unsigned bits;
    enum address_kind kind;
};

/* The first that fits decides. */
static const struct network networks4[] = {
    {{169, 254}, 16, ADDRESS_FORBIDDEN},           /* link-local: metadata of most clouds */
    {{168, 63, 129, 16}, 32, ADDRESS_FORBIDDEN},   /* metadata, Azure */
    {{100, 100, 100, 200}, 32, ADDRESS_FORBIDDEN}, /* metadata, Alibaba */
    {{192, 0, 0, 192}, 32, ADDRESS_FORBIDDEN},     /* metadata, Oracle */
    {{0}, 8, ADDRESS_FORBIDDEN},                   /* "this network", RFC 1122 */
    {{224}, 3, ADDRESS_FORBIDDEN},                 /* multicast, reserved, broadcast */
    {{127}, 8, ADDRESS_LOOPBACK},                  /* */
    {{10}, 8, ADDRESS_PRIVATE},                    /* RFC 1918 */
    {{172, 16}, 12, ADDRESS_PRIVATE},              /* */
    {{192, 168}, 16, ADDRESS_PRIVATE},             /* */
    {{100, 64}, 10, ADDRESS_PRIVATE},              /* RFC 6598 */
    {{192, 0, 0}, 24, ADDRESS_PRIVATE},            /* RFC 6890 */
    {{192, 0, 2}, 24, ADDRESS_PRIVATE},            /* documentation, RFC 5737 */
    {{198, 51, 100}, 24, ADDRESS_PRIVATE},         /* */
    {{203, 0, 113}, 24, ADDRESS_PRIVATE},          /* */
    {{198, 18}, 15, ADDRESS_PRIVATE},              /* benchmarks, RFC 2544 */
};

static const struct network networks6[] = {
    {{0xfe, 0x80}, 10, ADDRESS_FORBIDDEN}, /* link-local */
    {{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54},
     128,
     ADDRESS_FORBIDDEN}, /* metadata, AWS */
    {{0xfd, 0x20, 0, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54},
     128,
     ADDRESS_FORBIDDEN},            /* metadata, Google */
    {{0xff}, 8, ADDRESS_FORBIDDEN}, /* multicast */
    {{0}, 128, ADDRESS_FORBIDDEN},  /* unspecified */
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, ADDRESS_LOOPBACK},
    {{0xfc}, 7, ADDRESS_PRIVATE},                    /* RFC 4193 */
    {{0xfe, 0xc0}, 10, ADDRESS_PRIVATE},             /* site-local, RFC 3879 */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, ADDRESS_PRIVATE}, /* documentation, RFC 3849 */
    {{0x01}, 64, ADDRESS_PRIVATE},                   /* discard only, RFC 6666 */
};

/** Where an IPv6 address holds an IPv4 one. */
static const struct {
    unsigned char prefix[12];
    unsigned bits;
    unsigned at;
} embeddings[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12}, /* mapped, RFC 4291 */
    {{0, 0x64, 0xff, 0x9b}, 96, 12},                      /* NAT64, RFC 6052 */
    {{0x20, 0x02}, 16, 2},                                /* 6to4, RFC 3056 */
};

static bool has_prefix(const unsigned char *address, const unsigned char *prefix, unsigned bits)
{
    unsigned bytes = bits / 8;
    if (memcmp(address, prefix, bytes) != 0)
        return false;
    unsigned rest = bits % 8;
    unsigned mask = (0xffU << (8 - rest)) & 0xffU;
    return rest == 0 || (address[bytes] & mask) == (prefix[bytes] & mask);
}

static enum address_kind kind_in(const struct network *networks, size_t count,
                                 const unsigned char *address)
{
    for (size_t i = 0; i < count; i++) {
        if (has_prefix(address, networks[i].address, networks[i].bits))
            return networks[i].kind;
    }
    return ADDRESS_PUBLIC;
}

static enum address_kind kind4(const unsigned char *address)
{
    return kind_in(networks4, ARRAY_LEN(networks4), address);
}

static enum address_kind kind6(const unsigned char *address)
{
    for (size_t i = 0; i < ARRAY_LEN(embeddings); i++) {
        if (has_prefix(address, embeddings[i].prefix, embeddings[i].bits))
            return kind4(address + embeddings[i].at);
    }
    return kind_in(networks6, ARRAY_LEN(networks6), address);
}

enum address_kind address_kind(const struct sockaddr *address)
{
    unsigned char bytes[16];
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        memcpy(bytes, &in.sin_addr, 4);
        return kind4(bytes);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof(in));
        memcpy(bytes, &in.sin6_addr, 16);
        return kind6(bytes);
    }
    return ADDRESS_FORBIDDEN;
}

enum address_kind address_kind_text(const char *text)
{
    unsigned char bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1)
        return kind4(bytes);
    if (inet_pton(AF_INET6, text, bytes) == 1)
        return kind6(bytes);
    return ADDRESS_FORBIDDEN;
}
