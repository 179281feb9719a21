/**
 * What must not stay in the words of a provider: it may repeat whatever it was sent, and whatever
 * else it knows of the client. One place for all that show such words.
 *
 *     CLEANUP(scrub_deinit) struct scrub scrub = {0};
 *     scrub_add(&scrub, code);
 *     scrub_add_client(&scrub, engine, entry);
 *     scrub_verdict(&scrub, &verdict);
 */
#ifndef ENGINE_SCRUB_H
#define ENGINE_SCRUB_H

#include "engine/catalog.h"
#include "oauth/classify.h"

enum { SCRUB_OWN_MAX = 8, SCRUB_CREDENTIALS_MAX = 8 };

struct scrub {
    struct arena arena;
    /* a client secret by itself, and with its client id as behind "Basic ", in two alphabets */
    struct str list[SCRUB_OWN_MAX + 3 * SCRUB_CREDENTIALS_MAX];
    size_t count, credentials;
};

/** @secret copied; one that is empty or not set is passed over. At most SCRUB_OWN_MAX */
void scrub_add(struct scrub *scrub, struct str secret);
/** The connector's client secrets, those that retire among them; opening them costs. */
void scrub_add_client(struct scrub *scrub, const struct engine *engine,
                      const struct catalog_entry *entry);
void scrub_verdict(const struct scrub *scrub, struct oauth_verdict *verdict);
void scrub_deinit(struct scrub *scrub);

#endif
