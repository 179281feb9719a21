/**
 * Times and spans as text. Milliseconds since 1970 everywhere. Reads no clock, no locale, no time
 * zone.
 *
 *     char text[TIME_TEXT_SIZE];
 *     time_text_rfc3339(now_ms, text); // "2026-11-23T02:03:04.567Z"
 */
#ifndef COMMON_TIME_TEXT_H
#define COMMON_TIME_TEXT_H

#include "common/str.h"

/** "2026-11-23T02:03:04.567Z" and its NUL. */
enum { TIME_TEXT_SIZE = 32 };

/** RFC 3339, UTC, milliseconds. Years 0001 to 9999; outside them the nearest end. */
void time_text_rfc3339(int64_t wall_ms, char ret_text[TIME_TEXT_SIZE]);
/** RFC 3339 §5.6 with any offset and fraction; finer than a millisecond is cut. A leap second is
 * the first of the next minute. */
MUST_CHECK enum status time_text_parse_rfc3339(struct str text, int64_t *ret_wall_ms);
/** HTTP-date, all three forms of RFC 9110 §5.6.7. A year of two digits is one of 1970 to 2069. */
MUST_CHECK enum status time_text_parse_http_date(struct str text, int64_t *ret_wall_ms);
/** As systemd writes spans: "5min 30s", "1d", "500ms", a bare number is seconds, "infinity" is
 * INT64_MAX. Finer than a millisecond is cut; a month is 30.44 days, a year 365.25. */
MUST_CHECK enum status time_text_parse_span(struct str text, int64_t *ret_ms);
/** "5min 30s": the two largest units of d, h, min, s, ms. */
enum { TIME_SPAN_SIZE = 40 };
void time_text_span(int64_t span_ms, char ret_text[TIME_SPAN_SIZE]);

#endif
