/**
 * Which events are shown. Those that follow the log ask the daemon for all of them and choose here:
 * so they always know how far they are, and what retention drops of the others while they wait does
 * not come between. Pure.
 *
 *     struct event_filter filter;
 *     event_filter_init(&filter, params, "types");
 *     if (event_filter_passes(&filter, event)) …
 */
#ifndef CTL_EVENT_FILTER_H
#define CTL_EVENT_FILTER_H

#include "common/json.h"

struct event_filter {
    const struct json *types; /* NULL: any */
    struct str connection;    /* empty: any */
    int64_t since_ms;         /* wall time; INT64_MIN: any */
};

/**
 * @params  borrowed as long as the filter: members `connection`, `since`, and the list of types
 * @types   that member's name
 */
void event_filter_init(struct event_filter *filter, const struct json *params, const char *types);
/** An event whose time can't be read passes `since`: better shown than lost. */
bool event_filter_passes(const struct event_filter *filter, const struct json *event);

#endif
