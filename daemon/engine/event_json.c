#include "engine/event_json.h"

#include "common/assert.h"
#include "common/time_text.h"
#include "core/timeline.h"
#include "engine/view.h"
#include "port/publisher.h"

enum { FACT_USUAL = 1536 }; /* bytes that the data of most facts fits into */

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
    case FACT_EXPIRING:
        return STR("connection.expiring");
    }
    UNREACHABLE("a fact");
    return STR_NONE;
}

static void append(struct store_write *write, struct str type, struct str subject,
                   const struct buf *data, enum event_stamp stamp, struct now now)
{
    const struct event_draft draft = {
        .type = type, .subject = subject, .wall_ms = now.wall_ms, .data = buf_str(data)};
    store_write_append_event(write, &draft, stamp);
}

/* A verdict that only settled is no state that anybody has seen before it. */
static enum connection_state state_before(const struct connection *before)
{
    bool only_settled =
        lifecycle_verdict_waits(before) && before->held_ms == TIME_NONE && before->doubts == 1;
    if (!only_settled)
        return connection_state_of(before, REASON_NONE);
    struct connection without = *before;
    without.doubts = 0;
    return connection_state_of(&without, REASON_NONE);
}

static void append_fact(const struct engine *engine, struct store_write *write,
                        const struct catalog_entry *entry, const struct connection *before,
                        const struct connection *after, enum fact_kind kind, struct now now)
{
    char room[FACT_USUAL];
    CLEANUP(buf_deinit) struct buf text = {0};
    buf_lend(&text, room, sizeof(room));
    struct json_writer data = {.out = &text};
    enum connection_state previous = state_before(before);
    json_writer_open_object(&data, NULL);
    if (kind == FACT_EXPIRING)
        view_write_expiring_facts(&data, after, &entry->connector, engine->settings.account_labels,
                                  now);
    else
        view_write_connection_facts(&data, after, &entry->connector, REASON_NONE,
                                    engine->settings.account_labels, now);
    json_writer_text(&data, "previous_state", str_c(connection_state_text(previous)));
    json_writer_close_object(&data);
    append(write, fact_type(kind), after->id, &text,
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

static void write_setup_reason(struct json_writer *data, enum reason reason,
                               const struct connector *connector)
{
    json_writer_text(data, "class", str_c(reason_class_text(CLASS_SETUP)));
    json_writer_text(data, "reason", str_c(reason_text(reason)));
    view_write_remedy(data, "remedy", reason, connector, NULL);
}

static void write_connector_data(struct json_writer *data, enum connector_event event,
                                 const struct connector *connector, int64_t affected)
{
    json_writer_text(data, "connector", connector->id);
    json_writer_text(data, "provider", connector->provider);
    json_writer_text(data, "connector_type", str_c(connector_type_text(connector->type)));
    if (event == EVENT_CONNECTOR_RESCOPED) {
        json_writer_i64(data, "scopes_version", connector->scopes_version);
        view_write_words(data, "added", connector->scopes_added);
        view_write_words(data, "removed", connector->scopes_removed);
    } else {
        json_writer_i64(data, "credential_version", connector->credential_version);
    }
    if (affected >= 0)
        json_writer_i64(data, "affected", affected);
    if (event == EVENT_CONNECTOR_DISABLED)
        write_setup_reason(data, REASON_POLICY_BLOCKED, connector);
}

void event_append_connector(struct store_write *write, enum connector_event event,
                            const struct connector *connector, int64_t affected, struct now now)
{
    ASSERT(event != EVENT_CREDENTIALS_REJECTED && event != EVENT_CREDENTIALS_RECOVERED);
    CLEANUP(buf_deinit) struct buf text = {0};
    struct json_writer data = {.out = &text};
    enum event_stamp stamp = event == EVENT_CONNECTOR_RESCOPED  ? STAMP_CONNECTOR_RESCOPED
                             : event == EVENT_CONNECTOR_ROTATED ? STAMP_CONNECTOR_ROTATED
                                                                : STAMP_NONE;
    json_writer_open_object(&data, NULL);
    write_connector_data(&data, event, connector, affected);
    json_writer_close_object(&data);
    append(write, connector_event_type(event), connector->id, &text, stamp, now);
}

static void write_refusal(struct json_writer *data, const struct connector *connector)
{
    write_setup_reason(data, REASON_CLIENT_REJECTED, connector);
    json_writer_open_object(data, "provider_error");
    json_writer_i64(data, "status", connector->provider_error_status);
    json_writer_text(data, "code", connector->provider_error_code);
    json_writer_text(data, "message", connector->provider_error_message);
    json_writer_close_object(data);
}

void event_append_credentials(struct store_write *write, enum connector_event event,
                              const struct connector *connector, int64_t cause, struct now now)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    struct json_writer data = {.out = &text};
    json_writer_open_object(&data, NULL);
    write_connector_data(&data, event, connector, -1);
    if (event == EVENT_CREDENTIALS_REJECTED)
        write_refusal(&data, connector);
    view_write_event_id(&data, "cause", cause);
    json_writer_close_object(&data);
    append(write, connector_event_type(event), connector->id, &text, STAMP_NONE, now);
}

static void write_time(struct json_writer *data, const char *name, int64_t time_ms, struct now now)
{
    char text[TIME_TEXT_SIZE];
    if (time_ms == TIME_NONE) {
        json_writer_text(data, name, STR_NONE);
        return;
    }
    time_text_rfc3339(timeline_to_wall(now, time_ms), text);
    json_writer_text(data, name, str_c(text));
}

void event_append_provider(struct store_write *write, bool is_suspect,
                           const struct provider_event *event, struct now now)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    struct json_writer data = {.out = &text};
    json_writer_open_object(&data, NULL);
    json_writer_text(&data, "connector", event->connector);
    json_writer_text(&data, "provider", event->provider);
    json_writer_i64(&data, "held", event->held);
    json_writer_i64(&data, "window_s", event->window_ms / 1000);
    write_time(&data, "until", event->until_ms, now);
    json_writer_close_object(&data);
    append(write, is_suspect ? STR("provider.suspect") : STR("provider.recovered"), event->provider,
           &text, STAMP_NONE, now);
}

/* Put together by hand around the stored `data`, which is JSON already: an event that goes to Redis
 * is byte for byte the one that was written with the change. Types, subjects and the source hold
 * nothing that JSON escapes (ids: common/rpc_methods.h; source: checked by the configuration). */
void event_write_cloudevent(const struct stored_event *event, struct str source, struct buf *out)
{
    char time[TIME_TEXT_SIZE];
    time_text_rfc3339(event->draft.wall_ms, time);
    buf_append(out, STR("{\"specversion\":\"1.0\",\"id\":\""));
    buf_append_i64(out, event->seq);
    const struct str parts[] = {
        STR("\",\"source\":\""),
        source,
        STR("\",\"type\":\""),
        event->draft.type,
        STR("\",\"subject\":\""),
        event->draft.subject,
        STR("\",\"time\":\""),
        str_c(time),
        STR("\",\"datacontenttype\":\"application/json\",\"data\":"),
        event->draft.data,
        STR("}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        buf_append(out, parts[i]);
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
