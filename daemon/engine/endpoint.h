/**
 * What is known of one provider's token endpoint, whatever connectors use it: how fast it may be
 * asked (core/pacing.h), what it answered last (core/guard.h). A connector's endpoint is that of
 * its profile with its own variables filled in; variables of a single grant make no difference.
 *
 *     struct endpoint *endpoint = endpoint_of(engine, entry);   // borrowed; never NULL
 */
#ifndef ENGINE_ENDPOINT_H
#define ENGINE_ENDPOINT_H

#include "core/guard.h"
#include "core/pacing.h"
#include "engine/catalog.h"

struct endpoint {
    char *key;      /* provider and URL */
    char *provider; /* the profile's id */
    char *url;
    struct pacer pacer;
    struct job *waiting; /* for a place on the wire (engine/job_pace.h) */
    struct job **waiting_end;
    struct guard_answers answers;
    struct catalog_entry **entries; /* that use it */
    size_t entry_count, entry_capacity;
    size_t probe_place; /* whose turn it is to send the breaker's probe */
    size_t refs;        /* of jobs, beside the entries */
};

struct endpoint *endpoint_of(struct engine *engine, struct catalog_entry *entry);
/** Keep it while a request is under way. */
void endpoint_ref(struct endpoint *endpoint);
void endpoint_unref(struct engine *engine, struct endpoint *endpoint);
/** The entry is about to go, or its profile or variables changed: endpoint_of() looks anew. */
void endpoint_leave(struct engine *engine, struct catalog_entry *entry);
void endpoint_free_all(struct engine *engine);
/** Up to `max` of those in use, in order of provider and URL. */
size_t endpoint_list(const struct engine *engine, const struct endpoint **ret_list, size_t max);
/** NULL where no connector uses it. */
struct endpoint *endpoint_find(const struct engine *engine, struct str key);

#endif
