/** Retry-After (RFC 9110 §10.2.3): seconds or an HTTP-date, brought within 0 and one hour. */
#ifndef OAUTH_RETRY_AFTER_H
#define OAUTH_RETRY_AFTER_H

#include "common/str.h"

enum { RETRY_AFTER_MAX_S = 3600 };

/** -1: none, or one that can't be read. A date that has been is 0. */
int64_t retry_after_parse(struct str value, int64_t now_wall_ms);

#endif
