#include "io/store_sqlite_places.h"

#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

struct hint {
    uint64_t hash; /* of the id */
    int64_t place; /* 0: none */
};

/* Each id has one slot; who comes later stays. */
struct sqlite_places {
    struct hint hints[SQLITE_PLACES_MAX];
};

struct sqlite_places *sqlite_places_new(void)
{
    return memory_new(sizeof(struct sqlite_places));
}

void sqlite_places_free(struct sqlite_places *places)
{
    free(places);
}

static uint64_t hash_of(struct str id)
{
    uint64_t hash = str_hash(id);
    return hash ^ (hash >> 32);
}

void sqlite_places_note(struct sqlite_places *places, struct str id, int64_t place)
{
    uint64_t hash = hash_of(id);
    places->hints[hash % SQLITE_PLACES_MAX] = (struct hint){.hash = hash, .place = place};
}

int64_t sqlite_places_find(const struct sqlite_places *places, struct str id)
{
    uint64_t hash = hash_of(id);
    const struct hint *hint = &places->hints[hash % SQLITE_PLACES_MAX];
    return hint->hash == hash ? hint->place : 0;
}

void sqlite_places_forget(struct sqlite_places *places)
{
    memset(places->hints, 0, sizeof(places->hints));
}
