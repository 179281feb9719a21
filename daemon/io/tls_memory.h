/**
 * OpenSSL's memory. Its record buffers, into which answers are decrypted, are taken and given up
 * with each record (SSL_MODE_RELEASE_BUFFERS, which libcurl sets: an idle connection holds none).
 * They are wiped when given up, which OpenSSL leaves out, and kept for the next record of whichever
 * connection, which malloc() would not do. All other memory is malloc()'s, as ever.
 *
 *     tls_memory_init();    // once, before anything else calls OpenSSL
 *
 * For the whole process, and for each of its threads.
 */
#ifndef IO_TLS_MEMORY_H
#define IO_TLS_MEMORY_H

#include "common/macros.h"

#include <stdbool.h>

/** False: OpenSSL has taken memory already, and goes on as it began. */
MUST_CHECK bool tls_memory_init(void);

#endif
