#include "engine/view.h"

#include "common/assert.h"
#include "common/time_text.h"
#include "core/timeline.h"
#include "oauth/scope_set.h"

#include <limits.h>

enum { VIEW_DEPTH_MAX = 8 };

void view_set_wall_time(struct json *object, const char *name, int64_t wall_ms)
{
    char text[TIME_TEXT_SIZE];
    if (wall_ms == TIME_NONE) {
        json_set_null(object, name);
        return;
    }
    time_text_rfc3339(wall_ms, text);
    json_set_text(object, name, str_c(text));
}

void view_set_time(struct json *object, const char *name, int64_t timeline_time_ms, struct now now)
{
    view_set_wall_time(object, name, timeline_to_wall(now, timeline_time_ms));
}

/* ---- connections: written as text, which is what becomes of most of them ---- */

/* The writer's text as a tree, for who goes on with one. */
static struct json *tree_of(const struct buf *text)
{
    struct json *json = NULL;
    const struct json_limits limits = {
        .bytes_max = INT_MAX, .depth_max = VIEW_DEPTH_MAX, .values_max = SIZE_MAX};
    enum status status = json_parse(buf_str(text), limits, &json, NULL);
    ASSERT(status == STATUS_OK);
    return json;
}

static void write_wall_time(struct json_writer *json, const char *name, int64_t wall_ms)
{
    char text[TIME_TEXT_SIZE];
    if (wall_ms == TIME_NONE) {
        json_writer_null(json, name);
        return;
    }
    time_text_rfc3339(wall_ms, text);
    json_writer_text(json, name, str_c(text));
}

static void write_time(struct json_writer *json, const char *name, int64_t timeline_time_ms,
                       struct now now)
{
    write_wall_time(json, name, timeline_to_wall(now, timeline_time_ms));
}

/* Empty texts of a record mean "not known": null, not "". */
static void write_known_text(struct json_writer *json, const char *name, struct str text)
{
    json_writer_text(json, name, str_is_empty(text) ? STR_NONE : text);
}

void view_write_words(struct json_writer *json, const char *name, struct str words)
{
    json_writer_open_array(json, name);
    struct str word;
    while (str_next_word(&words, STR(" "), &word))
        json_writer_text(json, NULL, word);
    json_writer_close_array(json);
}

static void write_owner(struct json_writer *json, enum connector_type type,
                        const struct owner *owner)
{
    json_writer_open_object(json, "owner");
    switch (type) {
    case CONNECTOR_SHARED:
        view_write_words(json, "apps", owner->apps);
        break;
    case CONNECTOR_SUPERAGENT:
        json_writer_text(json, "superagent", owner->superagent);
        break;
    case CONNECTOR_APP_USER:
        json_writer_text(json, "app", owner->app);
        json_writer_text(json, "user", owner->user);
        break;
    case CONNECTOR_TYPE_COUNT:
        break;
    }
    json_writer_close_object(json);
}

void view_write_remedy(struct json_writer *json, const char *name, enum reason reason,
                       const struct connector *connector, const struct connection *connection)
{
    struct remedy remedy;
    if (!remedy_for(reason, connector, connection, &remedy)) {
        json_writer_null(json, name);
        return;
    }
    json_writer_open_object(json, name);
    json_writer_text(json, "action", str_c(remedy.action));
    json_writer_text(json, "actor", str_c(remedy.actor));
    write_known_text(json, "actor_id", remedy.actor_id);
    json_writer_text(json, "surface", str_c(remedy.surface));
    json_writer_open_array(json, "path");
    for (size_t i = 0; i < remedy.path_len; i++)
        json_writer_text(json, NULL, remedy.path[i]);
    json_writer_close_array(json);
    json_writer_bool(json, "sign_in_required", remedy.sign_in_required);
    write_known_text(json, "app_hint", remedy.app_hint);
    if (str_is_set(remedy.scopes))
        view_write_words(json, "scopes", remedy.scopes);
    else
        json_writer_null(json, "scopes");
    json_writer_text(json, "field", str_c(remedy.field));
    json_writer_close_object(json);
}

struct json *view_remedy(enum reason reason, const struct connector *connector,
                         const struct connection *connection)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    struct json_writer json = {.out = &text};
    view_write_remedy(&json, NULL, reason, connector, connection);
    return tree_of(&text);
}

const char *view_severity(const struct connection *connection)
{
    bool mild = connection->dead_reason == REASON_NONE && connection->advisory_is_mild;
    return mild ? "advisory" : "action";
}

static void write_account(struct json_writer *json, const struct connection *connection,
                          bool labels)
{
    if (str_is_empty(connection->account_id)) {
        json_writer_null(json, "account");
        return;
    }
    json_writer_open_object(json, "account");
    json_writer_text(json, "id", connection->account_id);
    if (labels && !str_is_empty(connection->account_label))
        json_writer_text(json, "label", connection->account_label);
    if (!connection->account_verified) /* it came later, and nobody knows whether it is the same */
        json_writer_bool(json, "verified", false);
    json_writer_close_object(json);
}

static void write_provider_error(struct json_writer *json, const struct connection *connection)
{
    if (connection->provider_error_status == 0 && str_is_empty(connection->provider_error_code)) {
        json_writer_null(json, "provider_error");
        return;
    }
    json_writer_open_object(json, "provider_error");
    json_writer_i64(json, "status", connection->provider_error_status);
    write_known_text(json, "code", connection->provider_error_code);
    write_known_text(json, "message", connection->provider_error_message);
    json_writer_close_object(json);
}

void view_write_event_id(struct json_writer *json, const char *name, int64_t seq)
{
    if (seq == 0) {
        json_writer_null(json, name);
        return;
    }
    CLEANUP(buf_deinit) struct buf text = {0};
    buf_append_i64(&text, seq);
    json_writer_text(json, name, buf_str(&text));
}

static void write_cause(struct json_writer *json, enum reason reason,
                        const struct connector *connector)
{
    int64_t seq = 0;
    if (reason == REASON_SCOPES_CHANGED)
        seq = connector->rescoped_seq;
    else if (reason == REASON_SECRET_ROTATED || reason == REASON_CLIENT_REPLACED)
        seq = connector->rotated_seq;
    view_write_event_id(json, "cause", seq);
}

static void write_reason(struct json_writer *json, enum reason reason)
{
    bool is_none = reason == REASON_NONE;
    json_writer_text(json, "class",
                     is_none ? STR_NONE : str_c(reason_class_text(reason_class_of(reason))));
    json_writer_text(json, "reason", is_none ? STR_NONE : str_c(reason_text(reason)));
}

/* What a connection is, and who can do something about it. An end that is told ahead has the remedy
 * of one that has come: the same person, the same place, only earlier. */
struct facts_of {
    enum reason blocked;
    bool is_expiring;
};

static void write_facts(struct json_writer *json, const struct connection *connection,
                        const struct connector *connector, struct facts_of of, bool account_labels,
                        struct now now)
{
    enum reason blocked = of.blocked;
    enum reason reason = connection_reason_of(connection, blocked);
    enum connection_state state = connection_state_of(connection, blocked);
    json_writer_text(json, "connection", connection->id);
    json_writer_i64(json, "generation", connection->generation);
    json_writer_text(json, "connector", connection->connector);
    json_writer_text(json, "provider", connector->provider);
    json_writer_text(json, "connector_type", str_c(connector_type_text(connector->type)));
    write_owner(json, connector->type, &connection->owner);
    write_account(json, connection, account_labels);
    json_writer_text(json, "state", str_c(connection_state_text(state)));
    write_reason(json, reason);
    write_known_text(json, "detail", connection->detail);
    struct str severity = of.is_expiring ? STR("advisory") : str_c(view_severity(connection));
    json_writer_text(json, "severity",
                     reason == REASON_NONE && !of.is_expiring ? STR_NONE : severity);
    if (reason == REASON_SCOPES_CHANGED || reason == REASON_SCOPES_REDUCED) {
        view_write_words(json, "added", connection->scopes_added);
        view_write_words(json, "removed", connection->scopes_removed);
    }
    write_provider_error(json, connection);
    if (!str_is_empty(connection->claims)) /* rare, and nobody else's business */
        json_writer_text(json, "claims", connection->claims);
    view_write_remedy(json, "remedy", of.is_expiring ? REASON_REFRESH_TOKEN_EXPIRED : reason,
                      connector, connection);
    json_writer_bool(json, "grant_alive", connection_grant_alive(connection));
    write_time(json, "token_usable_until", connection_usable_until(connection, now.ms), now);
    write_time(json, "last_success_at", connection->last_success_ms, now);
    json_writer_i64(json, "attempts", connection->attempts);
    write_cause(json, reason, connector);
}

void view_write_connection_facts(struct json_writer *json, const struct connection *connection,
                                 const struct connector *connector, enum reason blocked,
                                 bool account_labels, struct now now)
{
    write_facts(json, connection, connector, (struct facts_of){.blocked = blocked}, account_labels,
                now);
}

void view_write_expiring_facts(struct json_writer *json, const struct connection *connection,
                               const struct connector *connector, bool account_labels,
                               struct now now)
{
    write_facts(json, connection, connector, (struct facts_of){.is_expiring = true}, account_labels,
                now);
    write_time(json, "refresh_expires_at", connection->refresh_expires_ms, now);
}

static void write_history(struct json_writer *json, const struct connection *connection,
                          struct now now)
{
    json_writer_open_array(json, "history");
    for (size_t i = connection->history_count; i > 0; i--) {
        const struct history_entry *entry = &connection->history[i - 1];
        json_writer_open_object(json, NULL);
        write_time(json, "at", entry->started_ms, now);
        json_writer_i64(json, "took_ms", entry->took_ms);
        if (entry->transport == TRANSPORT_ANSWERED) {
            json_writer_text(json, "outcome", str_c(outcome_text((enum outcome)entry->outcome)));
            json_writer_i64(json, "status", entry->status);
        } else {
            bool is_lost = entry->transport == TRANSPORT_LOST;
            json_writer_text(json, "outcome", is_lost ? STR("uncertain") : STR("not_sent"));
            json_writer_null(json, "status");
        }
        json_writer_close_object(json);
    }
    json_writer_close_array(json);
}

static void write_schedule(struct json_writer *json, const struct connection *connection,
                           enum reason blocked, struct now now)
{
    enum unscheduled why = connection->unscheduled;
    bool is_kept_alive = why == UNSCHEDULED_IDLE && connection->refresh_due_ms != TIME_NONE &&
                         connection->refresh_due_ms != connection->refresh_expires_ms;
    if (is_kept_alive)
        why = UNSCHEDULED_NOT;
    if (why == UNSCHEDULED_NOT && blocked != REASON_NONE && connection_grant_alive(connection))
        why = UNSCHEDULED_BLOCKED;
    else if (why == UNSCHEDULED_NOT && connection->attempt_id != 0)
        why = UNSCHEDULED_IN_FLIGHT;
    write_time(json, "next_refresh_at",
               why == UNSCHEDULED_NOT ? connection->refresh_due_ms : TIME_NONE, now);
    json_writer_text(json, "not_scheduled_because",
                     why == UNSCHEDULED_NOT ? STR_NONE : str_c(unscheduled_text(why)));
}

/* The grant's own variables; null where it has none. */
static void write_config(struct json_writer *json, struct str text)
{
    CLEANUP(json_freep) struct json *config = NULL;
    if (str_is_empty(text) || json_parse(text, JSON_LIMITS_DEFAULT, &config, NULL) != STATUS_OK) {
        json_writer_null(json, "config");
        return;
    }
    size_t index = 0;
    struct str name;
    const struct json *value;
    json_writer_open_object(json, "config");
    while (json_next_member(config, &index, &name, &value)) {
        CLEANUP(buf_deinit) struct buf member = {0};
        buf_append(&member, name);
        json_writer_text(json, buf_c(&member), json_text(value));
    }
    json_writer_close_object(json);
}

/* What the provider said of the grant, while nobody believes it yet. */
static void write_verdict(struct json_writer *json, const struct connection *connection,
                          struct now now)
{
    if (connection->verdict_reason == REASON_NONE) {
        json_writer_null(json, "verdict");
        return;
    }
    json_writer_open_object(json, "verdict");
    json_writer_text(json, "reason", str_c(reason_text(connection->verdict_reason)));
    write_time(json, "since", connection->verdict_ms, now);
    json_writer_bool(json, "held", connection->held_ms != TIME_NONE);
    json_writer_close_object(json);
}

struct json *view_connection(const struct engine *engine, const struct connection *connection,
                             const struct catalog_entry *entry, bool history, struct now now)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    struct json_writer json = {.out = &text};
    enum reason blocked = connector_blocked_reason(&entry->connector);
    json_writer_open_object(&json, NULL);
    view_write_connection_facts(&json, connection, &entry->connector, blocked,
                                engine->settings.account_labels, now);
    json_writer_bool(&json, "connector_blocked", blocked != REASON_NONE);
    write_time(&json, "expires_at", connection->expires_ms, now);
    write_time(&json, "refresh_expires_at", connection->refresh_expires_ms, now);
    write_schedule(&json, connection, blocked, now);
    write_verdict(&json, connection, now);
    view_write_words(&json, "scopes_asked", connection->scopes_asked);
    view_write_words(&json, "scopes_granted", connection->scopes_granted);
    write_time(&json, "requested_at", connection->requested_ms, now);
    write_time(&json, "created_at", connection->created_ms, now);
    write_config(&json, connection->config_json);
    if (history)
        write_history(&json, connection, now);
    json_writer_close_object(&json);
    return tree_of(&text);
}

/* ---- connectors ---- */

static struct json *credentials_to_json(const struct catalog_entry *entry, struct now now)
{
    struct json *array = json_new_array();
    for (size_t i = 0; i < entry->credential_count; i++) {
        const struct credential *credential = &entry->credentials[i];
        struct json *json = json_new_object();
        json_set_i64(json, "version", credential->version);
        json_set_text(json, "state", str_c(credential_state_text(credential->state)));
        json_set_text(json, "client_id", credential->client_id);
        json_set_text(json, "auth_method", str_c(auth_method_text(credential->method)));
        view_set_time(json, "created_at", credential->created_ms, now);
        view_set_time(json, "retires_at", credential->retires_ms, now);
        view_set_time(json, "last_success_at", credential->last_success_ms, now);
        view_set_time(json, "rejected_at", credential->rejected_ms, now);
        json_append(array, json);
    }
    return array;
}

enum connection_state view_state_of_count(const struct count_row *row, enum reason blocked)
{
    const struct connection alike = {
        .phase = row->phase,
        .dead_reason = row->dead_reason,
        .advisory_reason = row->advisory_reason,
        .failures = row->retrying ? 1 : 0,
    };
    return connection_state_of(&alike, blocked);
}

static struct json *counts_to_json(const struct catalog_entry *entry,
                                   const struct count_row *counts, size_t count_count)
{
    int64_t states[STATE_COUNT] = {0};
    for (size_t i = 0; i < count_count; i++)
        states[view_state_of_count(&counts[i], connector_blocked_reason(&entry->connector))] +=
            counts[i].count;
    struct json *json = json_new_object();
    for (unsigned i = 0; i < STATE_COUNT; i++)
        json_set_i64(json, connection_state_text((enum connection_state)i), states[i]);
    return json;
}

static struct json *ids_to_json(const struct str *ids, size_t count)
{
    struct json *array = json_new_array();
    for (size_t i = 0; i < count; i++)
        json_append_text(array, ids[i]);
    return array;
}

static struct view_refused count_refused(const struct view_counts *counts)
{
    struct view_refused all = {0};
    for (size_t i = 0; i < counts->count; i++) {
        if (counts->rows[i].phase == PHASE_CONNECTED &&
            counts->rows[i].dead_reason == REASON_SECRET_ROTATED)
            all.count += counts->rows[i].count;
    }
    return all;
}

/* How far one rotation has come: who has refreshed under that credential, or a later one. A grant
 * made since then has yet to prove anything, and has nothing to come either: it is not counted. */
static struct json *rotation_to_json(const struct credential *credential,
                                     const struct view_counts *counts,
                                     const struct view_refused *refused, bool names, struct now now)
{
    int64_t version = credential->version, refreshed = 0, waiting = 0;
    for (size_t i = 0; i < counts->count; i++) {
        const struct count_row *row = &counts->rows[i];
        bool is_live = row->phase == PHASE_CONNECTED && row->dead_reason == REASON_NONE;
        if (row->phase == PHASE_CONNECTED && row->credential_version >= version)
            refreshed += row->count;
        else if (is_live && row->credential_version > -version)
            waiting += row->count;
    }
    struct json *json = json_new_object();
    json_set_i64(json, "credential_version", version);
    view_set_time(json, "rotated_at", credential->created_ms, now);
    json_set_i64(json, "refreshed", refreshed);
    json_set_i64(json, "waiting", waiting);
    json_set_i64(json, "refused", refused->count);
    if (names)
        json_set(json, "refused_connections", ids_to_json(refused->ids, refused->id_count));
    return json;
}

/* The last rotation; and, where it is known who was refused, each that there was, newest first. The
 * oldest credential came with the registration. */
static void set_rotations(struct json *json, const struct catalog_entry *entry,
                          const struct view_counts *counts, struct now now)
{
    if (entry->credential_count < 2) {
        json_set_null(json, "rotation");
        return;
    }
    const struct view_refused all = count_refused(counts);
    const struct view_refused *newest = counts->refused != NULL ? counts->refused : &all;
    json_set(json, "rotation",
             rotation_to_json(entry->credentials, counts, newest, counts->refused != NULL, now));
    if (counts->refused == NULL)
        return;
    struct json *rotations = json_new_array();
    size_t count = MIN_OF(entry->credential_count - 1, (size_t)VIEW_ROTATIONS_MAX);
    for (size_t i = 0; i < count; i++)
        json_append(rotations, rotation_to_json(&entry->credentials[i], counts, &counts->refused[i],
                                                true, now));
    json_set(json, "rotations", rotations);
}

static struct json *sweep_to_json(const struct sweep *sweep)
{
    if (sweep->scopes_version == 0)
        return NULL;
    struct json *json = json_new_object();
    json_set_i64(json, "scopes_version", sweep->scopes_version);
    json_set_i64(json, "done", sweep->done);
    json_set_i64(json, "total", sweep->total);
    json_set_i64(json, "affected", sweep->affected);
    return json;
}

/* null: what the configuration says. */
static void set_as_configured(struct json *json, const char *name, int64_t value_ms,
                              bool is_configured)
{
    if (is_configured)
        json_set_null(json, name);
    else
        json_set_i64(json, name, value_ms / 1000);
}

static struct json *policy_to_json(const struct connector *connector)
{
    struct json *json = json_new_object();
    json_set_text(json, "refresh",
                  connector->policy == REFRESH_EAGER ? STR("eager") : STR("on_demand"));
    set_as_configured(json, "idle_after_s", connector->idle_after_ms,
                      connector->idle_after_ms == 0);
    set_as_configured(json, "probe_every_s", connector->probe_every_ms,
                      connector->probe_every_ms == CONNECTOR_PROBE_AS_CONFIGURED);
    json_set_bool(json, "refreshed_events", connector->refreshed_events);
    return json;
}

static void set_blocked(struct json *json, const struct connector *connector, struct now now)
{
    enum reason blocked = connector_blocked_reason(connector);
    json_set_text(json, "blocked_reason",
                  blocked == REASON_NONE ? STR_NONE : str_c(reason_text(blocked)));
    json_set(json, "remedy", view_remedy(blocked, connector, NULL));
    view_set_time(json, "rejected_at", connector->rejected_ms, now);
    view_set_time(json, "probe_at", connector->probe_due_ms, now);
}

struct json *view_connector(const struct catalog_entry *entry, const struct view_counts *counts,
                            struct now now)
{
    const struct connector *connector = &entry->connector;
    const struct credential *current = catalog_credential(entry, connector->credential_version);
    struct json *json = json_new_object();
    json_set_text(json, "connector", connector->id);
    json_set_text(json, "name", connector->name);
    json_set_text(json, "type", str_c(connector_type_text(connector->type)));
    json_set_text(json, "provider", connector->provider);
    json_set_text(json, "client_id", current != NULL ? current->client_id : STR_NONE);
    json_set(json, "scopes", scope_set_to_json(connector->scopes));
    json_set_i64(json, "scopes_version", connector->scopes_version);
    json_set_i64(json, "credential_version", connector->credential_version);
    json_set(json, "credentials", credentials_to_json(entry, now));
    if (counts != NULL) {
        json_set(json, "counts", counts_to_json(entry, counts->rows, counts->count));
        set_rotations(json, entry, counts, now);
    }
    json_set(json, "sweep", sweep_to_json(&connector->sweep));
    json_set(json, "policy", policy_to_json(connector));
    json_set_text(json, "app_hint",
                  str_is_empty(connector->app_hint) ? STR_NONE : connector->app_hint);
    json_set(json, "config", entry->config != NULL ? json_copy(entry->config) : NULL);
    json_set_bool(json, "disabled", connector->disabled);
    set_blocked(json, connector, now);
    view_set_time(json, "created_at", connector->created_ms, now);
    return json;
}
