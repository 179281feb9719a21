#include "engine/endpoint.h"

#include "common/assert.h"
#include "common/memory.h"
#include "oauth/url_template.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const struct endpoint *left = a;
    const struct endpoint *right = b;
    return strcmp(left->key, right->key);
}

/* As its template says where a variable is a single grant's own. */
static struct str url_of(struct engine *engine, const struct catalog_entry *entry,
                         struct arena *arena)
{
    const struct profile *profile = catalog_profile(engine, entry);
    if (profile == NULL)
        return STR("unknown");
    struct str url_template = profile_refresh_endpoint(profile), url;
    struct error err = {0};
    if (url_template_expand(profile, url_template, entry->config, arena, &url, &err) != STATUS_OK)
        return url_template;
    return url;
}

struct endpoint *endpoint_find(const struct engine *engine, struct str key)
{
    char *text = memory_copy_str(key);
    struct endpoint like = {.key = text};
    struct endpoint **found = tfind(&like, &engine->endpoints, compare);
    free(text);
    return found != NULL ? *found : NULL;
}

static struct endpoint *make(struct engine *engine, struct str key, struct str provider,
                             struct str url)
{
    struct endpoint *endpoint = memory_new(sizeof(*endpoint));
    endpoint->key = memory_copy_str(key);
    endpoint->provider = memory_copy_str(provider);
    endpoint->url = memory_copy_str(url);
    ASSERT(tsearch(endpoint, &engine->endpoints, compare) != NULL);
    return endpoint;
}

static void join(struct endpoint *endpoint, struct catalog_entry *entry)
{
    if (endpoint->entry_count == endpoint->entry_capacity) {
        endpoint->entry_capacity = MAX_OF(endpoint->entry_capacity * 2, (size_t)1);
        endpoint->entries = memory_grow(endpoint->entries,
                                        endpoint->entry_capacity * sizeof(struct catalog_entry *));
    }
    endpoint->entries[endpoint->entry_count++] = entry;
    entry->endpoint = endpoint;
}

struct endpoint *endpoint_of(struct engine *engine, struct catalog_entry *entry)
{
    if (entry->endpoint != NULL)
        return entry->endpoint;
    struct arena arena = {0};
    struct str provider = entry->connector.provider;
    struct str url = url_of(engine, entry, &arena);
    struct str key = arena_printf(&arena, STR_FMT " " STR_FMT, STR_ARG(provider), STR_ARG(url));
    struct endpoint *endpoint = endpoint_find(engine, key);
    if (endpoint == NULL)
        endpoint = make(engine, key, provider, url);
    join(endpoint, entry);
    arena_deinit(&arena);
    return endpoint;
}

static void endpoint_free(void *node)
{
    struct endpoint *endpoint = node;
    free(endpoint->key);
    free(endpoint->provider);
    free(endpoint->url);
    free(endpoint->entries);
    free(endpoint);
}

static void free_if_unused(struct engine *engine, struct endpoint *endpoint)
{
    if (endpoint->entry_count > 0 || endpoint->refs > 0)
        return;
    tdelete(endpoint, &engine->endpoints, compare);
    endpoint_free(endpoint);
}

void endpoint_free_all(struct engine *engine)
{
    tdestroy(engine->endpoints, endpoint_free);
    engine->endpoints = NULL;
}

void endpoint_ref(struct endpoint *endpoint)
{
    endpoint->refs++;
}

void endpoint_unref(struct engine *engine, struct endpoint *endpoint)
{
    ASSERT(endpoint->refs > 0);
    endpoint->refs--;
    free_if_unused(engine, endpoint);
}

void endpoint_leave(struct engine *engine, struct catalog_entry *entry)
{
    struct endpoint *endpoint = entry->endpoint;
    if (endpoint == NULL)
        return;
    entry->endpoint = NULL;
    for (size_t i = 0; i < endpoint->entry_count; i++) {
        if (endpoint->entries[i] != entry)
            continue;
        endpoint->entries[i] = endpoint->entries[--endpoint->entry_count];
        break;
    }
    free_if_unused(engine, endpoint);
}

struct listing {
    const struct endpoint **list;
    size_t count, max;
};

static void list_one(const void *node, VISIT visit, void *closure)
{
    struct listing *listing = closure;
    if ((visit == postorder || visit == leaf) && listing->count < listing->max)
        listing->list[listing->count++] = *(struct endpoint *const *)node;
}

size_t endpoint_list(const struct engine *engine, const struct endpoint **ret_list, size_t max)
{
    struct listing listing = {.list = ret_list, .max = max};
    twalk_r(engine->endpoints, list_one, &listing);
    return listing.count;
}
