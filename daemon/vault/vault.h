/**
 * Seal and open with the master key: XChaCha20-Poly1305 (libsodium), a fresh random nonce each
 * time, and the record's identity as associated data, so that no row can stand in for another.
 *
 *     aad = "connection\0c-81f2\0refresh_token\0" "3"       (vault_aad)
 *     vault_seal(vault, aad, token, &sealed);
 *     vault_open(vault, aad, sealed, &secret, &err);
 */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include "common/buf.h"
#include "common/secret.h"

enum {
    VAULT_KEY_BYTES = 32,
    VAULT_OVERHEAD = 1 + 24 + 16, /* format and key number, nonce, tag */
    VAULT_PRINT_BYTES = 16,
};

struct vault;

/** @key VAULT_KEY_BYTES bytes, copied; the caller wipes his own. */
struct vault *vault_new(const uint8_t key[VAULT_KEY_BYTES]);
void vault_free(struct vault *vault);
void vault_freep(struct vault **vault);

/**
 * A key file's content: 32 raw bytes, or base64 or hex of 32 bytes with white space around it.
 * STATUS_INVALID says how many bytes were found and what is expected.
 */
MUST_CHECK enum status vault_parse_key(struct str content, uint8_t ret_key[VAULT_KEY_BYTES],
                                       struct error *err);

enum { VAULT_AAD_USUAL = 128 }; /* bytes that the associated data of most records fits into */

/** Associated data from parts, each ended by a NUL so that no two lists of parts read the same. */
void vault_aad(struct buf *out, const struct str *parts, size_t count);

/** Append format || nonce || box to sealed. */
void vault_seal(const struct vault *vault, struct str aad, struct str plain, struct buf *sealed);

/**
 * Does not log or block.
 * @out must point to NULL; on STATUS_OK the caller owns *out: secret_free()
 * STATUS_INVALID: too short, an unknown format, or it does not authenticate.
 */
MUST_CHECK enum status vault_open(const struct vault *vault, struct str aad, struct str sealed,
                                  struct secret **out, struct error *err);

/** A keyed hash (BLAKE2b): names a token in the store without telling it. */
void vault_print(const struct vault *vault, struct str token, uint8_t ret_print[VAULT_PRINT_BYTES]);

/** A value to keep in a new store and to check at each later start: STATUS_INVALID: another key. */
void vault_key_check_make(const struct vault *vault, struct str store_id, struct buf *ret_check);
MUST_CHECK enum status vault_key_check(const struct vault *vault, struct str store_id,
                                       struct str check);

#endif
