#include "vault/vault.h"

#include "common/assert.h"
#include "common/encoding.h"
#include "common/random.h"

#include <sodium.h>
#include <string.h>

_Static_assert(VAULT_KEY_BYTES == crypto_kdf_KEYBYTES, "the master key is the KDF's key");
_Static_assert(VAULT_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key size");

enum {
    FORMAT = 0x10, /* high half: the format, 1; low half: the key's number, 0 until rekey */
    NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    CHECK_BYTES = 32,
};
_Static_assert(VAULT_OVERHEAD == 1 + NONCE_BYTES + TAG_BYTES, "overhead");

/* One key for one purpose, derived from the master key. */
enum { SUBKEY_SEAL = 1, SUBKEY_PRINT = 2, SUBKEY_CHECK = 3 };
static const char kdf_context[crypto_kdf_CONTEXTBYTES] = {'r', 'e', 'f', 'r', 'e', 's', 'h', 'd'};

struct vault {
    uint8_t seal_key[VAULT_KEY_BYTES];
    uint8_t print_key[VAULT_KEY_BYTES];
    uint8_t check_key[VAULT_KEY_BYTES];
};

static void derive(uint8_t out[VAULT_KEY_BYTES], uint64_t number,
                   const uint8_t master[VAULT_KEY_BYTES])
{
    int result = crypto_kdf_derive_from_key(out, VAULT_KEY_BYTES, number, kdf_context, master);
    ASSERT(result == 0);
}

struct vault *vault_new(const uint8_t key[VAULT_KEY_BYTES])
{
    int result = sodium_init();
    ASSERT(result >= 0);
    /* Locked, between guard pages, left out of core dumps. */
    struct vault *vault = sodium_malloc(sizeof(*vault));
    ASSERT(vault != NULL);
    derive(vault->seal_key, SUBKEY_SEAL, key);
    derive(vault->print_key, SUBKEY_PRINT, key);
    derive(vault->check_key, SUBKEY_CHECK, key);
    result = sodium_mprotect_readonly(vault);
    ASSERT(result == 0);
    return vault;
}

void vault_free(struct vault *vault)
{
    sodium_free(vault); /* wipes; takes NULL */
}

void vault_freep(struct vault **vault)
{
    vault_free(*vault);
    *vault = NULL;
}

enum status vault_parse_key(struct str content, uint8_t ret_key[VAULT_KEY_BYTES], struct error *err)
{
    if (content.len == VAULT_KEY_BYTES) {
        memcpy(ret_key, content.data, VAULT_KEY_BYTES);
        return STATUS_OK;
    }
    struct str text = str_trim(content);
    CLEANUP(buf_deinit) struct buf key = {.secret = true};
    enum status status = text.len == 2 * VAULT_KEY_BYTES ? encoding_unhex(text, &key)
                                                         : encoding_unbase64(text, &key);
    if (status != STATUS_OK || key.len != VAULT_KEY_BYTES) {
        return error_set(err, STATUS_INVALID,
                         "a key is 32 raw bytes, 64 hex digits or 44 characters of base64; "
                         "found %zu bytes that are none of these",
                         content.len);
    }
    memcpy(ret_key, key.data, VAULT_KEY_BYTES);
    return STATUS_OK;
}

void vault_aad(struct buf *out, const struct str *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool fits = buf_append(out, parts[i]) && buf_append_byte(out, '\0');
        ASSERT(fits);
    }
}

static const unsigned char *bytes_of(struct str s)
{
    return (const unsigned char *)s.data;
}

void vault_seal(const struct vault *vault, struct str aad, struct str plain, struct buf *sealed)
{
    ASSERT(vault != NULL);
    unsigned char *room = (unsigned char *)buf_extend(sealed, VAULT_OVERHEAD + plain.len);
    ASSERT(room != NULL);
    unsigned char *nonce = room + 1;
    unsigned char *box = nonce + NONCE_BYTES;
    room[0] = FORMAT;
    /* 192 random bits: two alike will not be seen, whatever is restored, cloned or rolled back. */
    random_fill(nonce, NONCE_BYTES);
    int result = crypto_aead_xchacha20poly1305_ietf_encrypt(box, NULL, bytes_of(plain), plain.len,
                                                            bytes_of(aad), aad.len, NULL, nonce,
                                                            vault->seal_key);
    ASSERT(result == 0);
}

enum status vault_open(const struct vault *vault, struct str aad, struct str sealed,
                       struct secret **out, struct error *err)
{
    ASSERT(vault != NULL && out != NULL && *out == NULL);
    if (sealed.len < VAULT_OVERHEAD)
        return error_set(err, STATUS_INVALID, "sealed value too short: %zu bytes", sealed.len);
    if ((uint8_t)sealed.data[0] != FORMAT)
        return error_set(err, STATUS_INVALID, "sealed value of an unknown format: 0x%02x",
                         (unsigned)(uint8_t)sealed.data[0]);
    const unsigned char *nonce = bytes_of(sealed) + 1;
    const unsigned char *box = nonce + NONCE_BYTES;
    CLEANUP(secret_freep) struct secret *plain = secret_new(sealed.len - VAULT_OVERHEAD);
    int result = crypto_aead_xchacha20poly1305_ietf_decrypt(
        (unsigned char *)secret_data(plain), NULL, NULL, box, sealed.len - 1 - NONCE_BYTES,
        bytes_of(aad), aad.len, nonce, vault->seal_key);
    if (result != 0)
        return error_set(
            err, STATUS_INVALID,
            "sealed value does not open: another key, another record, or changed bytes");
    *out = TAKE_PTR(plain);
    return STATUS_OK;
}

void vault_print(const struct vault *vault, struct str token, uint8_t ret_print[VAULT_PRINT_BYTES])
{
    ASSERT(vault != NULL);
    int result = crypto_generichash(ret_print, VAULT_PRINT_BYTES, bytes_of(token), token.len,
                                    vault->print_key, sizeof(vault->print_key));
    ASSERT(result == 0);
}

static void check_value(const struct vault *vault, struct str store_id,
                        unsigned char out[CHECK_BYTES])
{
    ASSERT(vault != NULL);
    int result = crypto_generichash(out, CHECK_BYTES, bytes_of(store_id), store_id.len,
                                    vault->check_key, sizeof(vault->check_key));
    ASSERT(result == 0);
}

void vault_key_check_make(const struct vault *vault, struct str store_id, struct buf *ret_check)
{
    unsigned char *room = (unsigned char *)buf_extend(ret_check, CHECK_BYTES);
    ASSERT(room != NULL);
    check_value(vault, store_id, room);
}

enum status vault_key_check(const struct vault *vault, struct str store_id, struct str check)
{
    unsigned char expected[CHECK_BYTES];
    check_value(vault, store_id, expected);
    struct str wanted = {.data = (const char *)expected, .len = sizeof(expected)};
    return secret_eq(wanted, check) ? STATUS_OK : STATUS_INVALID;
}
