/**
 * The certificates trusted: the system's bundle and, added to it, one file of the operator's. Both
 * are read into one memory file, since libcurl keeps a parsed store for all connections only where
 * the trust comes from a single file name (parsing the system's bundle costs 20 ms; libcurl 7.88,
 * Curl_ssl_setup_x509_store). The name changes with the content, so that nothing old is kept.
 *
 *     struct http_curl_trust trust = HTTP_CURL_TRUST_INIT;
 *     status = http_curl_trust_load(&trust, "/etc/refreshd/ca.pem", &has_system, &err);
 *     curl_easy_setopt(easy, CURLOPT_CAINFO, trust.path);
 */
#ifndef IO_HTTP_CURL_TRUST_H
#define IO_HTTP_CURL_TRUST_H

#include "common/secret.h"

enum { HTTP_CURL_TRUST_PATH_SIZE = 128 };

struct http_curl_trust {
    int fd; /* -1: nothing is loaded */
    unsigned loads;
    char path[HTTP_CURL_TRUST_PATH_SIZE];
    uint8_t hash[SECRET_HASH_BYTES];
};

#define HTTP_CURL_TRUST_INIT ((struct http_curl_trust){.fd = -1})

/**
 * Load or load again; the same content changes nothing. Reads files.
 * @ca_file     NULL: the system's bundle only
 * @ret_system  false where this system has no bundle
 *
 * STATUS_INVALID: ca_file can't be read or holds no certificate; all stays as it was.
 */
MUST_CHECK enum status http_curl_trust_load(struct http_curl_trust *trust, const char *ca_file,
                                            bool *ret_system, struct error *err);
void http_curl_trust_deinit(struct http_curl_trust *trust);

#endif
