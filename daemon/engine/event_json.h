/** Facts put into words: drafts of events for the store, and the CloudEvents 1.0 object around
 * them. */
#ifndef ENGINE_EVENT_JSON_H
#define ENGINE_EVENT_JSON_H

#include "engine/catalog.h"

/** Append the events of a decision to the write that saves it. @before the record before it */
void event_append_facts(const struct engine *engine, struct store_write *write,
                        const struct catalog_entry *entry, const struct connection *before,
                        const struct decision *decision, struct now now);

enum connector_event {
    EVENT_CONNECTOR_REGISTERED,
    EVENT_CONNECTOR_UPDATED,
    EVENT_CONNECTOR_UNREGISTERED,
    EVENT_CONNECTOR_ROTATED,
    EVENT_CONNECTOR_RESCOPED,
    EVENT_CONNECTOR_DISABLED,
    EVENT_CONNECTOR_ENABLED,
    EVENT_CREDENTIALS_REJECTED,
    EVENT_CREDENTIALS_RECOVERED,
};

/** Not of credentials. @affected connections that a rescope concerns; -1: no matter */
void event_append_connector(struct store_write *write, enum connector_event event,
                            const struct connector *connector, int64_t affected, struct now now);

/** EVENT_CREDENTIALS_REJECTED or _RECOVERED. @cause the number of the connector.rotated that led
 * there; 0: none did */
void event_append_credentials(struct store_write *write, enum connector_event event,
                              const struct connector *connector, int64_t cause, struct now now);

/** The mass-failure guard's. */
struct provider_event {
    struct str provider;
    struct str connector; /* STR_NONE: several are concerned */
    int64_t held;         /* verdicts */
    int64_t window_ms;    /* how far back told verdicts are checked again; of an outage, how long */
    int64_t until_ms;     /* timeline; TIME_NONE: until a refresh works */
};
/** @is_suspect `provider.suspect`, else `provider.recovered` */
void event_append_provider(struct store_write *write, bool is_suspect,
                           const struct provider_event *event, struct now now);

/** The whole CloudEvents object as one line of JSON. */
void event_write_cloudevent(const struct stored_event *event, struct str source, struct buf *out);

/** What the hash of connections in need does with an event of this type. */
enum hash_change event_hash_change(struct str type);

#endif
