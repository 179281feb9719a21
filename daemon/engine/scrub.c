#include "engine/scrub.h"

#include "common/assert.h"
#include "common/encoding.h"

void scrub_add(struct scrub *scrub, struct str secret)
{
    if (str_is_empty(secret))
        return;
    ASSERT(scrub->count < ARRAY_LEN(scrub->list));
    scrub->list[scrub->count++] = arena_copy(&scrub->arena, secret);
}

/* What follows "Basic " (RFC 6749 §2.3.1), both halves form-encoded. In its other forms the secret
 * is found by itself; and the client id, which is none, may stay where it stands alone. */
static void add_basic(struct scrub *scrub, struct str client_id, struct str secret)
{
    static void (*const encodings[])(struct str bytes, struct buf * out) = {encoding_base64,
                                                                            encoding_base64url};
    CLEANUP(buf_deinit) struct buf pair = {.secret = true};
    encoding_form(client_id, &pair);
    buf_append_byte(&pair, ':');
    encoding_form(secret, &pair);
    for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
        CLEANUP(buf_deinit) struct buf encoded = {.secret = true};
        encodings[i](buf_str(&pair), &encoded);
        while (encoded.len > 0 && encoded.data[encoded.len - 1] == '=')
            encoded.len--; /* the padding may be left out */
        scrub_add(scrub, buf_str(&encoded));
    }
}

void scrub_add_client(struct scrub *scrub, const struct engine *engine,
                      const struct catalog_entry *entry)
{
    for (size_t i = 0; i < entry->credential_count; i++) {
        const struct credential *credential = &entry->credentials[i];
        CLEANUP(secret_freep) struct secret *secret = NULL;
        if (scrub->credentials == SCRUB_CREDENTIALS_MAX)
            return;
        if (catalog_open_secret(engine, credential, &secret, NULL) != STATUS_OK || secret == NULL)
            continue;
        scrub->credentials++;
        scrub_add(scrub, secret_str(secret));
        add_basic(scrub, credential->client_id, secret_str(secret));
    }
}

void scrub_verdict(const struct scrub *scrub, struct oauth_verdict *verdict)
{
    oauth_scrub(scrub->list, scrub->count, verdict->provider_code);
    oauth_scrub(scrub->list, scrub->count, verdict->provider_message);
}

void scrub_deinit(struct scrub *scrub)
{
    arena_deinit(&scrub->arena);
}
