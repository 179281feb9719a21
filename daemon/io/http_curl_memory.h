/**
 * Memory for libcurl that is wiped when given back: requests and answers pass through its buffers,
 * and it frees them as they are.
 *
 *     code = http_curl_memory_init();    // instead of curl_global_init(), before any other call
 */
#ifndef IO_HTTP_CURL_MEMORY_H
#define IO_HTTP_CURL_MEMORY_H

#include <curl/curl.h>

/** Balanced by curl_global_cleanup(). Only the first call of a process has an effect. */
CURLcode http_curl_memory_init(void);

#endif
