#include "common/secret.h"

#include "common/assert.h"
#include "common/memory.h"
#include "common/spares.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct secret {
    size_t others; /* who share it */
    size_t len;
    size_t capacity; /* without the NUL; what lies behind len was never written or is wiped */
    char data[];
};

/* Tokens and answers that are longer than what malloc() keeps at hand share kept blocks. */
enum { SHORT_MAX = 1000, USUAL_MAX = 4000 };

static _Thread_local struct spares spare_secrets = {.size = sizeof(struct secret) + USUAL_MAX + 1};

static bool is_usual(size_t capacity)
{
    return capacity > SHORT_MAX && capacity <= USUAL_MAX;
}

/** Uninitialised but for its NUL. */
static struct secret *make(size_t len)
{
    ASSERT(len < SIZE_MAX - sizeof(struct secret) - 1);
    bool is_kept = is_usual(len);
    struct secret *secret =
        is_kept ? spares_take(&spare_secrets) : memory_grow(NULL, sizeof(*secret) + len + 1);
    secret->others = 0;
    secret->len = len;
    secret->capacity = is_kept ? USUAL_MAX : len;
    secret->data[len] = '\0';
    return secret;
}

struct secret *secret_new(size_t len)
{
    struct secret *secret = make(len);
    memset(secret->data, 0, len);
    return secret;
}

struct secret *secret_copy(struct str bytes)
{
    struct secret *secret = make(bytes.len);
    if (bytes.len > 0)
        memcpy(secret->data, bytes.data, bytes.len);
    return secret;
}

struct secret *secret_append(struct secret *take_secret, struct str bytes)
{
    if (take_secret == NULL)
        return secret_copy(bytes);
    ASSERT(take_secret->others == 0);
    struct secret *secret = take_secret;
    size_t len = secret->len, room = secret->capacity - len;
    if (bytes.len > room) {
        ASSERT(bytes.len < SIZE_MAX / 4 && len < SIZE_MAX / 4);
        secret =
            make(MAX_OF(len + bytes.len, 2 * len)); /* so that many small ones move it seldom */
        secret->len = len;
        memcpy(secret->data, take_secret->data, len);
        secret_free(take_secret);
    }
    if (bytes.len > 0)
        memcpy(secret->data + len, bytes.data, bytes.len);
    secret->len = len + bytes.len;
    secret->data[secret->len] = '\0';
    return secret;
}

struct secret *secret_share(struct secret *secret)
{
    if (secret != NULL)
        secret->others++;
    return secret;
}

bool secret_is_shared(const struct secret *secret)
{
    return secret != NULL && secret->others > 0;
}

void secret_free(struct secret *secret)
{
    if (secret == NULL)
        return;
    if (secret->others > 0) {
        secret->others--;
        return;
    }
    bool is_kept = is_usual(secret->capacity);
    sodium_memzero(secret->data, secret->len);
    if (is_kept)
        spares_give(&spare_secrets, secret);
    else
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
    ASSERT(secret != NULL && secret->others == 0 && len <= secret->len);
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
