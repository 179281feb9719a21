/**
 * Memory for libcurl that is wiped when given back: requests and answers pass through its buffers,
 * and it frees them as they are.
 *
 *     code = http_curl_memory_init();    // instead of curl_global_init(), before any other call
 */
#ifndef IO_HTTP_CURL_MEMORY_H
#define IO_HTTP_CURL_MEMORY_H

#include <curl/curl.h>

/** Bytes of the buffers that each transfer has; io/filled_buffers.h keeps them for the next. */
enum {
    HTTP_CURL_READ_BUFFER = 4 * 1024,
    HTTP_CURL_SEND_BUFFER = 16 * 1024, /* libcurl's minimum */
};

/** Balanced by curl_global_cleanup(). Only the first call of a process has an effect. */
CURLcode http_curl_memory_init(void);

#endif
