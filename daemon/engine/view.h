/**
 * Records as the JSON that people and programs see: the same names in events, results and errors.
 * Never a token, a secret or a sealed byte.
 */
#ifndef ENGINE_VIEW_H
#define ENGINE_VIEW_H

#include "common/json_writer.h"
#include "core/remedy.h"
#include "engine/catalog.h"

/** RFC 3339 of a timeline time as the wall clock has it now; null for TIME_NONE. */
void view_set_time(struct json *object, const char *name, int64_t timeline_time_ms, struct now now);
/** RFC 3339 of a wall-clock time. */
void view_set_wall_time(struct json *object, const char *name, int64_t wall_ms);

/** The number of an event as text, as `id` has it; null for 0. */
void view_write_event_id(struct json_writer *json, const char *name, int64_t seq);

/** An array of blank-separated words: scopes, apps. */
void view_write_words(struct json_writer *json, const char *name, struct str words);

/** null where there is nothing to do. */
void view_write_remedy(struct json_writer *json, const char *name, enum reason reason,
                       const struct connector *connector, const struct connection *connection);
/** The same as a tree: NULL where there is nothing to do. */
struct json *view_remedy(enum reason reason, const struct connector *connector,
                         const struct connection *connection);

/**
 * The members that an event's data and a connection object share.
 * @blocked what to take the connector's blocking for: REASON_NONE in events, which are about the
 *          connection alone
 */
void view_write_connection_facts(struct json_writer *json, const struct connection *connection,
                                 const struct connector *connector, enum reason blocked,
                                 bool account_labels, struct now now);
/** The same for connection.expiring: with its end, and the remedy of one whose end has come. */
void view_write_expiring_facts(struct json_writer *json, const struct connection *connection,
                               const struct connector *connector, bool account_labels,
                               struct now now);
/** A connection object. @history with the last refreshes, for show-connection */
struct json *view_connection(const struct engine *engine, const struct connection *connection,
                             const struct catalog_entry *entry, bool history, struct now now);
/** So many of those refused are named, of so many rotations. */
enum { VIEW_REFUSED_MAX = 20, VIEW_ROTATIONS_MAX = 10 };
/** Whom the provider refused after one rotation. */
struct view_refused {
    int64_t count;
    struct str ids[VIEW_REFUSED_MAX];
    size_t id_count;
};
/** What was counted of a connector's connections, all borrowed. */
struct view_counts {
    const struct count_row *rows; /* of STORE_READ_COUNTS */
    size_t count;
    const struct view_refused *refused; /* VIEW_ROTATIONS_MAX, newest first; NULL: left out */
};
/** A connector object. @counts NULL: left out */
struct json *view_connector(const struct catalog_entry *entry, const struct view_counts *counts,
                            struct now now);

/** The state that all connections of a row are in. */
enum connection_state view_state_of_count(const struct count_row *row, enum reason blocked);

/** "advisory" or "action". */
const char *view_severity(const struct connection *connection);

#endif
