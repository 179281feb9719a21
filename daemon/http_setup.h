/** Requests to providers, as the configuration wants them. */
#ifndef HTTP_SETUP_H
#define HTTP_SETUP_H

#include "daemon_parts.h"

/** daemon->http; EXIT_STATUS_OK, or a line on standard error and what the process ends with. */
enum exit_status http_setup_make(struct daemon *daemon);

#endif
