/**
 * What went wrong in the machinery, and the caller's next move. An answer of an authorization
 * server (`invalid_grant`, say) is an outcome, a value like any other, and never a status.
 *
 *     if (text.len == 0)
 *         return error_set(err, STATUS_INVALID, "expected a connector id, got an empty string");
 */
#ifndef COMMON_ERROR_H
#define COMMON_ERROR_H

#include "common/macros.h"

enum status {
    STATUS_OK,
    STATUS_NOT_FOUND,   /* there is no such thing: say so */
    STATUS_CONFLICT,    /* somebody else was first: read again, decide again */
    STATUS_UNAVAILABLE, /* nothing happened: try later */
    STATUS_UNCERTAIN,   /* it may have happened: read before anything else */
    STATUS_INVALID,     /* the input is at fault: tell whoever sent it */
    STATUS_INTERNAL,    /* we are at fault or out of a resource: give up this operation */
};

enum { ERROR_TEXT_MAX = 384 };

struct error {
    enum status status;
    char text[ERROR_TEXT_MAX]; /* one line, for people; never secret bytes */
};

/** Fill err (which may be NULL) and return the status, for `return error_set(…)`. */
enum status error_set(struct error *err, enum status status, const char *format, ...)
    PRINTF_LIKE(3, 4);

/** Put "context: " before the text that is there. */
void error_prefix(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/** The status as a word: "not found", "conflict" … */
const char *status_text(enum status status);

#endif
