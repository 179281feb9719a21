#include "common/assert.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static struct iovec piece(const char *text)
{
    /* writev() takes the bytes as mutable and leaves them alone. */
    union {
        const char *borrowed;
        void *base;
    } bytes = {.borrowed = text};
    return (struct iovec){.iov_base = bytes.base, .iov_len = strlen(text)};
}

/** The digits of a positive number, written from the end of text. */
static const char *decimal(unsigned number, char text[16])
{
    char *at = text + 15;
    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return at;
}

void assert_failed(const char *condition, const char *file, int line, const char *func)
{
    char digits[16];
    const struct iovec pieces[] = {
        piece("assertion failed: "),
        piece(condition),
        piece(" in "),
        piece(func),
        piece("(), "),
        piece(file),
        piece(":"),
        piece(decimal((unsigned)line, digits)),
        piece("\n"),
    };
    if (writev(STDERR_FILENO, pieces, (int)ARRAY_LEN(pieces)) < 0)
        abort(); /* nowhere to say it */
    abort();
}
