#include "engine/event_json.h"

#include "common/assert.h"
#include "common/time_text.h"
#include "engine/view.h"
#include "oauth/scope_set.h"
#include "port/publisher.h"

static struct str fact_type(enum fact_kind kind)
{
    switch (kind) {
    case FACT_NEEDS_RECONNECT:
        return STR("connection.needs_reconnect");
    case FACT_RECOVERED:
        return STR("connection.recovered");
    case FACT_CONNECTED:
        return STR("connection.connected");
    case FACT_RECONNECTED:
        return STR("connection.reconnected");
    case FACT_SWITCHED:
        return STR("connection.switched");
    case FACT_DISCONNECTED:
        return STR("connection.disconnected");
    case FACT_REFRESHED:
        return STR("connection.refreshed");
    }
    UNREACHABLE("a fact");
    return STR_NONE;
}

static void append(struct store_write *write, struct str type, struct str subject,
                   const struct json *data, enum event_stamp stamp, struct now now)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    json_write(data, &text);
    const struct event_draft draft = {
        .type = type, .subject = subject, .wall_ms = now.wall_ms, .data = buf_str(&text)};
    store_write_append_event(write, &draft, stamp);
}

static void append_fact(const struct engine *engine, struct store_write *write,
                        const struct catalog_entry *entry, const struct connection *before,
                        const struct connection *after, enum fact_kind kind, struct now now)
{
    CLEANUP(json_freep)
    struct json *data = view_connection_facts(after, &entry->connector, REASON_NONE,
                                              engine->settings.account_labels, now);
    enum connection_state previous = connection_state_of(before, REASON_NONE);
    json_set_text(data, "previous_state", str_c(connection_state_text(previous)));
    append(write, fact_type(kind), after->id, data,
           kind == FACT_NEEDS_RECONNECT ? STAMP_CONNECTION_ALERT : STAMP_NONE, now);
}

void event_append_facts(const struct engine *engine, struct store_write *write,
                        const struct catalog_entry *entry, const struct connection *before,
                        const struct decision *decision, struct now now)
{
    for (size_t i = 0; i < decision->fact_count; i++) {
        if (decision->facts[i] == FACT_REFRESHED && !entry->connector.refreshed_events)
            continue;
        append_fact(engine, write, entry, before, &decision->next, decision->facts[i], now);
    }
}

static struct str connector_event_type(enum connector_event event)
{
    switch (event) {
    case EVENT_CONNECTOR_REGISTERED:
        return STR("connector.registered");
    case EVENT_CONNECTOR_UPDATED:
        return STR("connector.updated");
    case EVENT_CONNECTOR_UNREGISTERED:
        return STR("connector.unregistered");
    case EVENT_CONNECTOR_ROTATED:
        return STR("connector.rotated");
    case EVENT_CONNECTOR_RESCOPED:
        return STR("connector.rescoped");
    case EVENT_CONNECTOR_DISABLED:
        return STR("connector.disabled");
    case EVENT_CONNECTOR_ENABLED:
        return STR("connector.enabled");
    case EVENT_CREDENTIALS_REJECTED:
        return STR("connector.credentials_rejected");
    case EVENT_CREDENTIALS_RECOVERED:
        return STR("connector.credentials_recovered");
    }
    UNREACHABLE("a connector event");
    return STR_NONE;
}

static void set_setup_reason(struct json *data, enum reason reason,
                             const struct connector *connector)
{
    json_set_text(data, "class", str_c(reason_class_text(CLASS_SETUP)));
    json_set_text(data, "reason", str_c(reason_text(reason)));
    json_set(data, "remedy", view_remedy(reason, connector, NULL));
}

void event_append_connector(const struct engine *engine, struct store_write *write,
                            enum connector_event event, const struct connector *connector,
                            int64_t affected, struct now now)
{
    (void)engine;
    CLEANUP(json_freep) struct json *data = json_new_object();
    json_set_text(data, "connector", connector->id);
    json_set_text(data, "provider", connector->provider);
    json_set_text(data, "connector_type", str_c(connector_type_text(connector->type)));
    enum event_stamp stamp = STAMP_NONE;
    if (event == EVENT_CONNECTOR_RESCOPED) {
        json_set_i64(data, "scopes_version", connector->scopes_version);
        json_set(data, "added", scope_set_to_json(connector->scopes_added));
        json_set(data, "removed", scope_set_to_json(connector->scopes_removed));
        stamp = STAMP_CONNECTOR_RESCOPED;
    } else {
        json_set_i64(data, "credential_version", connector->credential_version);
    }
    if (event == EVENT_CONNECTOR_ROTATED)
        stamp = STAMP_CONNECTOR_ROTATED;
    if (affected >= 0)
        json_set_i64(data, "affected", affected);
    if (event == EVENT_CREDENTIALS_REJECTED) {
        set_setup_reason(data, REASON_CLIENT_REJECTED, connector);
        struct json *error = json_new_object();
        json_set_i64(error, "status", connector->provider_error_status);
        json_set_text(error, "code", connector->provider_error_code);
        json_set_text(error, "message", connector->provider_error_message);
        json_set(data, "provider_error", error);
    } else if (event == EVENT_CONNECTOR_DISABLED) {
        set_setup_reason(data, REASON_POLICY_BLOCKED, connector);
    }
    append(write, connector_event_type(event), connector->id, data, stamp, now);
}

/* Put together by hand around the stored `data`, which is JSON already: an event that goes to Redis
 * is byte for byte the one that was written with the change. Types, subjects and the source hold
 * nothing that JSON escapes (ids: common/rpc_methods.h; source: checked by the configuration). */
void event_write_cloudevent(const struct stored_event *event, struct str source, struct buf *out)
{
    char time[TIME_TEXT_SIZE];
    time_text_rfc3339(event->draft.wall_ms, time);
    buf_printf(out,
               "{\"specversion\":\"1.0\",\"id\":\"%lld\",\"source\":\"" STR_FMT
               "\",\"type\":\"" STR_FMT "\",\"subject\":\"" STR_FMT
               "\",\"time\":\"%s\",\"datacontenttype\":\"application/json\",\"data\":",
               (long long)event->seq, STR_ARG(source), STR_ARG(event->draft.type),
               STR_ARG(event->draft.subject), time);
    buf_append(out, event->draft.data);
    buf_append_byte(out, '}');
}

enum hash_change event_hash_change(struct str type)
{
    static const char *const deleting[] = {
        "connection.recovered", "connection.connected",    "connection.reconnected",
        "connection.switched",  "connection.disconnected",
    };
    if (str_eq(type, STR("connection.needs_reconnect")))
        return HASH_SET;
    for (size_t i = 0; i < ARRAY_LEN(deleting); i++) {
        if (str_eq(type, str_c(deleting[i])))
            return HASH_DELETE;
    }
    return HASH_KEEP;
}
