/**
 * Bytes that must not stay behind: tokens, client secrets, keys. They are wiped when freed, and
 * this type has no formatter, so that they can't slip into a log line. (Swap and core dumps are
 * closed off once for the whole process at start: mlockall, PR_SET_DUMPABLE.)
 *
 * The daemon calls sodium_init() before anything else; nothing here does. Nothing here blocks or
 * fails: without memory the process aborts (common/memory.h).
 *
 *     CLEANUP(secret_freep) struct secret *token = secret_copy(value);
 */
#ifndef COMMON_SECRET_H
#define COMMON_SECRET_H

#include "common/str.h"

struct secret;

/** Zeroed, with a NUL behind the last byte; free with secret_free(). */
struct secret *secret_new(size_t len);
/** A copy of the bytes; the source is the caller's to wipe. */
struct secret *secret_copy(struct str bytes);
/** The same secret with these bytes behind it, as realloc() has it: it may have moved, and nothing
 * of it is left where it was. NULL stands for one of no bytes. */
struct secret *secret_append(struct secret *take_secret, struct str bytes);
/** The same secret for one holder more: it is wiped when the last of them frees it. It is not
 * changed any more from then on. Of one thread; NULL stays NULL. */
struct secret *secret_share(struct secret *secret);
/** Does anybody hold it besides? */
bool secret_is_shared(const struct secret *secret);
/** Wipe and free, unless others share it; takes NULL. */
void secret_free(struct secret *secret);
void secret_freep(struct secret **secret);
/** Borrow the bytes. */
struct str secret_str(const struct secret *secret);
char *secret_data(struct secret *secret);
/** Shorten to len, which is at most the length; the rest is wiped. */
void secret_cut(struct secret *secret, size_t len);
/** In constant time for equal lengths. */
bool secret_eq(struct str a, struct str b);
/** Wipe memory in a way that the compiler keeps. */
void secret_wipe(void *bytes, size_t len);

/** SHA-256 (FIPS 180-4) of the bytes: how a token is named where it must not be told. */
enum { SECRET_HASH_BYTES = 32, SECRET_HASH_HEX = 64 };
void secret_sha256(struct str bytes, uint8_t ret_hash[SECRET_HASH_BYTES]);

#endif
