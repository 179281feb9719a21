#include "common/secret.h"

#include "common/assert.h"
#include "common/memory.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct secret {
    size_t len;
    size_t capacity;
    char data[];
};

struct secret *secret_new(size_t len)
{
    ASSERT(len < SIZE_MAX - sizeof(struct secret) - 1);
    struct secret *secret = memory_new(sizeof(*secret) + len + 1);
    secret->len = len;
    secret->capacity = len;
    return secret;
}

struct secret *secret_copy(struct str bytes)
{
    struct secret *secret = secret_new(bytes.len);
    if (bytes.len > 0)
        memcpy(secret->data, bytes.data, bytes.len);
    return secret;
}

void secret_free(struct secret *secret)
{
    if (secret == NULL)
        return;
    sodium_memzero(secret, sizeof(*secret) + secret->capacity);
    free(secret);
}

void secret_freep(struct secret **secret)
{
    secret_free(*secret);
    *secret = NULL;
}

struct str secret_str(const struct secret *secret)
{
    return secret == NULL ? STR_NONE : (struct str){.data = secret->data, .len = secret->len};
}

char *secret_data(struct secret *secret)
{
    ASSERT(secret != NULL);
    return secret->data;
}

void secret_cut(struct secret *secret, size_t len)
{
    ASSERT(secret != NULL && len <= secret->len);
    sodium_memzero(secret->data + len, secret->len - len);
    secret->len = len;
}

bool secret_eq(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    return a.len == 0 || sodium_memcmp(a.data, b.data, a.len) == 0;
}

void secret_wipe(void *bytes, size_t len)
{
    if (len > 0)
        sodium_memzero(bytes, len);
}

void secret_sha256(struct str bytes, uint8_t ret_hash[SECRET_HASH_BYTES])
{
    static const unsigned char nothing[1] = {0};
    const unsigned char *from = bytes.len > 0 ? (const unsigned char *)bytes.data : nothing;
    int result = crypto_hash_sha256(ret_hash, from, bytes.len);
    ASSERT(result == 0);
}
