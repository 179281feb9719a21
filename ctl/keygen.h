/**
 * A new master key in a new file: 32 random bytes from the kernel as one line of base64, mode 0600.
 *
 *     if (keygen_write("/etc/refreshd/master.key", &err) != STATUS_OK) …
 */
#ifndef CTL_KEYGEN_H
#define CTL_KEYGEN_H

#include "common/error.h"

enum { KEYGEN_BYTES = 32 };

/**
 * On STATUS_OK the file is whole and on disk (fsync); on failure it is not there.
 * STATUS_CONFLICT: there is a file of that name, which is left alone: a store that was sealed with
 * it could never be opened again. STATUS_INVALID: it cannot be made there. STATUS_INTERNAL: it
 * can't be written, or there is no randomness. Blocks.
 */
MUST_CHECK enum status keygen_write(const char *path, struct error *err);

#endif
