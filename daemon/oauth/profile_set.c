#include "oauth/profile.h"

#include "common/assert.h"
#include "common/memory.h"

#include <stdlib.h>

/** A few hundred at most, read at start and looked up per registration: a list will do. */
struct profile_set {
    struct profile **profiles;
    size_t count, capacity;
};

struct profile_set *profile_set_new(void)
{
    return memory_new(sizeof(struct profile_set));
}

void profile_set_free(struct profile_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++)
        profile_free(set->profiles[i]);
    free(set->profiles);
    free(set);
}

void profile_set_freep(struct profile_set **set)
{
    profile_set_free(*set);
    *set = NULL;
}

void profile_set_add(struct profile_set *set, struct profile *take_profile)
{
    ASSERT(take_profile != NULL);
    for (size_t i = 0; i < set->count; i++) {
        if (str_eq(profile_id(set->profiles[i]), profile_id(take_profile))) {
            profile_free(set->profiles[i]);
            set->profiles[i] = take_profile;
            return;
        }
    }
    if (set->count == set->capacity) {
        set->capacity = set->capacity == 0 ? 64 : set->capacity * 2;
        set->profiles = memory_grow(set->profiles, set->capacity * sizeof(struct profile *));
    }
    set->profiles[set->count++] = take_profile;
}

const struct profile *profile_set_find(const struct profile_set *set, struct str id)
{
    for (size_t i = 0; i < set->count; i++) {
        if (str_eq(profile_id(set->profiles[i]), id))
            return set->profiles[i];
    }
    return NULL;
}

const struct profile *profile_set_at(const struct profile_set *set, size_t index)
{
    ASSERT(index < set->count);
    return set->profiles[index];
}

size_t profile_set_count(const struct profile_set *set)
{
    return set->count;
}
