#include "common/error.h"

#include "common/assert.h"
#include "common/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/**
 * One line of well-formed UTF-8, whatever the arguments were: bytes from outside must not forge a
 * second log line, and a cut must not leave half a character.
 */
static void make_one_line(char *text, bool was_cut)
{
    size_t len = strlen(text);
    for (size_t at = 0; at < len;) {
        size_t good = str_utf8_len((struct str){.data = text + at, .len = len - at});
        for (size_t i = at; i < at + good; i++) {
            if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
                text[i] = ' ';
        }
        at += good;
        if (at < len && was_cut && len - at < 4) {
            text[at] = '\0';
            return;
        }
        if (at < len)
            text[at++] = '?';
    }
}

enum status error_set(struct error *err, enum status status, const char *format, ...)
{
    ASSERT(status != STATUS_OK);
    if (err == NULL)
        return status;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    err->status = status;
    make_one_line(err->text, len >= (int)sizeof(err->text));
    return status;
}

void error_prefix(struct error *err, const char *format, ...)
{
    if (err == NULL)
        return;
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    ASSERT(len >= 0);
    size_t used = MIN_OF((size_t)len, sizeof(text) - 1);
    int rest = snprintf(text + used, sizeof(text) - used, ": %s", err->text);
    memcpy(err->text, text, sizeof(text));
    make_one_line(err->text, rest >= (int)(sizeof(text) - used));
}

const char *status_text(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_NOT_FOUND:
        return "not found";
    case STATUS_CONFLICT:
        return "conflict";
    case STATUS_UNAVAILABLE:
        return "unavailable";
    case STATUS_UNCERTAIN:
        return "uncertain";
    case STATUS_INVALID:
        return "invalid";
    case STATUS_INTERNAL:
        return "internal";
    }
    return "unknown";
}
