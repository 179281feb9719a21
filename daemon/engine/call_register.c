/* register, unregister, disable, enable. */
#include "engine/calls.h"
#include "engine/connector_write.h"
#include "engine/credentials.h"
#include "engine/event_json.h"
#include "engine/lane_pace.h"
#include "engine/register_again.h"
#include "engine/view.h"
#include "oauth/scope_set.h"
#include "oauth/token_request.h"

/* ---- what the parameters say ---- */

static struct str json_to_text(struct arena *arena, const struct json *json)
{
    if (json_type(json) != JSON_OBJECT || json_count(json) == 0)
        return STR_NONE;
    CLEANUP(buf_deinit) struct buf text = {0};
    json_write(json, &text);
    return arena_copy(arena, buf_str(&text));
}

static void take_policy(const struct json *policy, struct connector *next)
{
    struct str refresh = json_text(json_get(policy, "refresh"));
    if (str_is_set(refresh))
        next->policy = str_eq(refresh, STR("eager")) ? REFRESH_EAGER : REFRESH_ON_DEMAND;
    if (json_get(policy, "idle_after_s") != NULL)
        next->idle_after_ms = json_i64(json_get(policy, "idle_after_s"), 0) * 1000;
    if (json_get(policy, "probe_every_s") != NULL)
        next->probe_every_ms = json_i64(json_get(policy, "probe_every_s"), 0) * 1000;
    next->refreshed_events =
        json_bool(json_get(policy, "refreshed_events"), next->refreshed_events);
}

/* What a later `register` may change too. */
static void take_description(struct op *op, struct connector_write *change)
{
    struct connector *next = &change->next;
    struct arena *arena = &change->arena;
    if (json_get(op->params, "name") != NULL)
        next->name = arena_copy(arena, op_text(op, "name"));
    if (str_is_empty(next->name))
        next->name = next->id;
    if (json_has(op->params, "app_hint"))
        next->app_hint = arena_copy(arena, op_text(op, "app_hint"));
    if (json_get(op->params, "config") != NULL)
        next->config_json = json_to_text(arena, json_get(op->params, "config"));
    if (json_get(op->params, "profile") != NULL) {
        next->profile_json = json_to_text(arena, json_get(op->params, "profile"));
        next->provider = arena_copy(arena, json_text(json_get_path(op->params, STR("profile.id"))));
    } else if (json_get(op->params, "provider") != NULL) {
        next->provider = arena_copy(arena, op_text(op, "provider"));
        next->profile_json = STR_NONE;
    }
    take_policy(json_get(op->params, "policy"), next);
}

/* ---- is it usable? ---- */

/* False: the op has failed. An inline profile is parsed here only to be judged. */
static bool check_profile(struct op *op, const struct connector *next, struct profile **ret_inline,
                          const struct profile **ret_profile)
{
    struct error err = {0};
    const struct json *document = json_get(op->params, "profile");
    if (document != NULL) {
        if (profile_parse(document, STR("profile"), op->engine->settings.allow_plain_loopback,
                          ret_inline, &err) != STATUS_OK) {
            op_fail_params(op, "profile", "a provider profile: %s", err.text);
            return false;
        }
        struct profile_security_events events;
        if (profile_security_events(*ret_inline, &events)) { /* it names a file of this host */
            op_fail_params(op, "profile.habits.security_events",
                           "nothing: only profiles in files may name a transmitter");
            return false;
        }
        *ret_profile = *ret_inline;
    } else {
        *ret_profile = op->entry != NULL && json_get(op->params, "provider") == NULL
                           ? catalog_profile(op->engine, op->entry)
                           : profile_set_find(op->engine->profiles, next->provider);
    }
    if (*ret_profile == NULL) {
        op_fail_params(op, "provider",
                       "the id of a loaded profile, or \"profile\" with one inline");
        return false;
    }
    const struct json *config = json_get(op->params, "config");
    if (config == NULL && op->entry != NULL)
        config = op->entry->config;
    if (profile_check_config(*ret_profile, CONFIG_OF_CONNECTOR, config, &err) != STATUS_OK) {
        op_fail_params(op, "config", "the variables of this provider: %s", err.text);
        return false;
    }
    return true;
}

/* What the client authenticates with, from what was given. */
static enum auth_method choose_method(const struct op *op, const struct profile *profile)
{
    enum auth_method method = AUTH_NONE;
    struct str named = op_text(op, "auth_method");
    if (str_is_set(named) && auth_method_parse(named, &method) == STATUS_OK)
        return method;
    if (json_get(op->params, "private_key") != NULL)
        return json_get(op->params, "certificate") != NULL ? AUTH_TLS_CLIENT_AUTH
                                                           : AUTH_PRIVATE_KEY_JWT;
    if (json_get(op->params, "client_secret") == NULL)
        return AUTH_NONE;
    return profile_secret_auth_method(profile);
}

static bool add_first_credential(struct op *op, struct connector_write *change,
                                 const struct profile *profile, struct now now)
{
    bool has_key = json_get(op->params, "private_key") != NULL;
    struct str secret = op_text(op, has_key ? "private_key" : "client_secret");
    const struct oauth_client client = {
        .client_id = op_text(op, "client_id"),
        .method = choose_method(op, profile),
        .secret = secret,
        .certificate = op_text(op, "certificate"),
        .key_id = op_text(op, "key_id"),
    };
    struct error err = {0};
    if (oauth_client_check(&client, &err) != STATUS_OK) {
        op_fail_params_as(op, &err);
        return false;
    }
    CLEANUP(buf_deinit) struct buf sealed = {0};
    if (!str_is_empty(secret))
        catalog_seal_secret(op->engine, change->next.id, 1, secret, &sealed);
    const struct credential credential = {
        .connector = change->next.id,
        .version = 1,
        .state = CREDENTIAL_CURRENT,
        .client_id = arena_copy(&change->arena, client.client_id),
        .method = client.method,
        .sealed_secret = arena_copy(&change->arena, buf_str(&sealed)),
        .certificate = arena_copy(&change->arena, client.certificate),
        .key_id = arena_copy(&change->arena, client.key_id),
        .created_ms = now.ms,
    };
    connector_write_add_credential(change, &credential);
    change->next.credential_version = 1;
    return true;
}

/* ---- register ---- */

static void on_registered(struct connector_write *change, enum status status,
                          const struct error *err, struct now now)
{
    struct op *op = change->user;
    if (status == STATUS_CONFLICT) {
        op_again(op, now);
        return;
    }
    if (status != STATUS_OK) {
        op_fail_store(op, err);
        return;
    }
    const struct catalog_entry *entry = catalog_find(op->engine, change->next.id);
    op_result(op, view_connector(entry, NULL, now), now);
}

static bool begin_new(struct op *op, struct connector_write *change, struct now now)
{
    struct connector *next = &change->next;
    struct error err = {0};
    next->id = arena_copy(&change->arena, op_text(op, "connector"));
    if (connector_type_parse(op_text(op, "type"), &next->type) != STATUS_OK) {
        op_fail_params(op, "type", "\"shared\", \"superagent\" or \"app_user\"");
        return false;
    }
    if (str_is_empty(op_text(op, "client_id"))) {
        op_fail_params(op, "client_id", "the client id that the provider gave");
        return false;
    }
    if (scope_set_from_json(&change->arena, json_get(op->params, "scopes"), &next->scopes, &err) !=
        STATUS_OK) {
        op_fail_params(op, "scopes", "an array of scope tokens: %s", err.text);
        return false;
    }
    next->scopes_version = 1;
    next->created_ms = now.ms;
    next->probe_every_ms = CONNECTOR_PROBE_AS_CONFIGURED;
    return true;
}

static bool same_description(const struct connector *a, const struct connector *b)
{
    return str_eq(a->name, b->name) && str_eq(a->app_hint, b->app_hint) &&
           str_eq(a->config_json, b->config_json) && str_eq(a->provider, b->provider) &&
           str_eq(a->profile_json, b->profile_json) && a->policy == b->policy &&
           a->idle_after_ms == b->idle_after_ms && a->probe_every_ms == b->probe_every_ms &&
           a->refreshed_events == b->refreshed_events;
}

/* "https://host:port" of a URL or template. */
static struct str origin_of(struct str url)
{
    size_t scheme = str_find_byte(url, ':') + 3;
    struct str rest = str_slice(url, scheme, url.len);
    return str_slice(url, 0, scheme + str_find_byte(rest, '/'));
}

static bool has_connections(const struct store_read *counts)
{
    for (size_t i = 0; counts != NULL && i < counts->count_count; i++) {
        if (counts->counts[i].phase == PHASE_CONNECTED && counts->counts[i].count > 0)
            return true;
    }
    return false;
}

/* Grants are pinned to where they came from: a refresh token must not go to another server because
 * a description was edited. False: the op has failed. */
static bool check_origin(struct op *op, const struct connector *next, const struct profile *profile)
{
    const struct profile *before = catalog_profile(op->engine, op->entry);
    if (before == NULL || !has_connections(op->read))
        return true;
    struct str from = origin_of(profile_refresh_endpoint(before));
    struct str to = origin_of(profile_refresh_endpoint(profile));
    bool is_made = str_find_byte(from, '{') != from.len;
    bool same_config = str_eq(op->entry->connector.config_json, next->config_json);
    if (str_eq(from, to) && (!is_made || same_config))
        return true;
    op_fail(op, RPC_CODE_EXISTS,
            "connections exist whose refresh tokens belong to " STR_FMT
            ": disconnect them first, or register another connector",
            STR_ARG(from));
    return false;
}

/* People see these on one line, in a terminal too. */
static bool check_seen(struct op *op, const char *name)
{
    struct str text = op_text(op, name);
    for (size_t i = 0; str_is_set(text) && i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < ' ' || c == 0x7f) {
            op_fail_params(op, name, "text without control characters");
            return false;
        }
    }
    return true;
}

static bool prepare(struct op *op, struct connector_write *change, struct now now)
{
    if (!op_check_one_secret(op) || !check_seen(op, "name") || !check_seen(op, "app_hint"))
        return false;
    bool is_new = op->entry == NULL;
    if (is_new && !begin_new(op, change, now))
        return false;
    enum connector_type type = change->next.type;
    if (!is_new && json_get(op->params, "type") != NULL &&
        (connector_type_parse(op_text(op, "type"), &type) != STATUS_OK ||
         type != change->next.type)) {
        op_fail_params(op, "type", "\"%s\": a connector's type does not change",
                       connector_type_text(change->next.type));
        return false;
    }
    if (!is_new && !register_again_check(op))
        return false;
    take_description(op, change);
    CLEANUP(profile_freep) struct profile *inline_profile = NULL;
    const struct profile *profile = NULL;
    if (!check_profile(op, &change->next, &inline_profile, &profile))
        return false;
    return is_new ? add_first_credential(op, change, profile, now)
                  : check_origin(op, &change->next, profile);
}

static void register_now(struct op *op, struct now now);

static void on_connections_counted(struct op *op, struct now now)
{
    if (op->read->status != STATUS_OK)
        op_fail_store(op, &op->read->error);
    else
        register_now(op, now);
}

void call_register(struct op *op, struct now now)
{
    struct str id = op_text(op, "connector");
    if (catalog_find(op->engine, id) == NULL) {
        register_now(op, now);
        return;
    }
    struct store_read *read = store_read_new(STORE_READ_COUNTS);
    read->connector = arena_copy(&read->arena, id);
    op_read(op, read, on_connections_counted);
}

static void register_now(struct op *op, struct now now)
{
    if (op->entry != NULL) /* begun anew */
        catalog_unref(op->entry);
    op->entry = catalog_find(op->engine, op_text(op, "connector"));
    if (op->entry != NULL)
        catalog_ref(op->entry);
    struct connector_write *change = connector_write_begin(op->engine, op->entry, now);
    if (change == NULL) {
        op_again(op, now);
        return;
    }
    if (!prepare(op, change, now)) { /* the op is gone */
        connector_write_abandon(change);
        return;
    }
    if (op->entry != NULL && same_description(&op->entry->connector, &change->next)) {
        connector_write_abandon(change);
        op_result(op, view_connector(op->entry, NULL, now), now);
        return;
    }
    event_append_connector(change->write,
                           op->entry == NULL ? EVENT_CONNECTOR_REGISTERED : EVENT_CONNECTOR_UPDATED,
                           &change->next, -1, now);
    op_audit(op, change->write, change->next.id, NULL, now);
    connector_write_commit(change, on_registered, op);
}

/* ---- disable, enable ---- */

/* What has gathered meanwhile comes back bit by bit. */
static void note_toggled(struct op *op, struct now now)
{
    struct catalog_entry *entry = op->entry;
    if (entry->connector.disabled) {
        entry->disabled_since_ms = now.ms;
        return;
    }
    lane_pace_begin(op->engine, entry, entry->disabled_since_ms, now);
    entry->disabled_since_ms = TIME_NONE;
}

static void on_toggled(struct connector_write *change, enum status status, const struct error *err,
                       struct now now)
{
    struct op *op = change->user;
    if (status == STATUS_OK)
        note_toggled(op, now);
    if (status == STATUS_CONFLICT)
        op_again(op, now);
    else if (status != STATUS_OK)
        op_fail_store(op, err);
    else
        op_result(op, view_connector(op->entry, NULL, now), now);
}

static void toggle(struct op *op, bool disabled, struct now now)
{
    if (!op_take_entry(op))
        return;
    if (op->entry->connector.disabled == disabled) {
        op_result(op, view_connector(op->entry, NULL, now), now);
        return;
    }
    struct connector_write *change = connector_write_begin(op->engine, op->entry, now);
    if (change == NULL) {
        op_again(op, now);
        return;
    }
    change->next.disabled = disabled;
    event_append_connector(change->write,
                           disabled ? EVENT_CONNECTOR_DISABLED : EVENT_CONNECTOR_ENABLED,
                           &change->next, -1, now);
    op_audit(op, change->write, change->next.id, NULL, now);
    connector_write_commit(change, on_toggled, op);
}

void call_disable(struct op *op, struct now now)
{
    toggle(op, true, now);
}

void call_enable(struct op *op, struct now now)
{
    toggle(op, false, now);
}

/* ---- unregister ---- */

static void on_unregistered(struct connector_write *change, enum status status,
                            const struct error *err, struct now now)
{
    struct op *op = change->user;
    if (status == STATUS_CONFLICT) {
        op_fail(op, RPC_CODE_EXISTS,
                "connector " STR_FMT " still has connections: disconnect them first, or use force",
                STR_ARG(change->next.id));
        return;
    }
    if (status != STATUS_OK) {
        op_fail_store(op, err);
        return;
    }
    struct json *result = json_new_object();
    json_set_text(result, "connector", change->next.id);
    json_set_bool(result, "unregistered", true);
    op_result(op, result, now);
}

static void unregister_now(struct op *op, struct now now)
{
    struct connector_write *change = connector_write_begin(op->engine, op->entry, now);
    if (change == NULL) {
        op_again(op, now);
        return;
    }
    change->removes = true;
    event_append_connector(change->write, EVENT_CONNECTOR_UNREGISTERED, &change->next, -1, now);
    op_audit(op, change->write, change->next.id, NULL, now);
    connector_write_commit(change, on_unregistered, op);
}

/* Their requests need the client that goes with the connector. */
static void on_revocations(struct op *op, struct now now)
{
    if (op->read->status != STATUS_OK) {
        op_fail_store(op, &op->read->error);
        return;
    }
    bool any = op->read->revocation_count > 0;
    if (any && !op_bool(op, "force", false)) {
        op_fail(op, RPC_CODE_EXISTS,
                "grants of connector " STR_FMT
                " are being revoked at the provider: wait, or give that up with force",
                STR_ARG(op->entry->connector.id));
        return;
    }
    if (any)
        log_write(op->engine->log, LOG_LEVEL_WARNING, "revocation.given_up",
                  "grants that were to be revoked at the provider may still be good there",
                  LOG_TEXT("connector", op->entry->connector.id),
                  LOG_I64("count", op->read->revocation_count),
                  LOG_TEXT("reason", STR("unregistered")));
    unregister_now(op, now);
}

static void read_revocations(struct op *op)
{
    struct store_read *read = store_read_new(STORE_READ_REVOCATIONS);
    read->connector = arena_copy(&read->arena, op->entry->connector.id);
    read->until_ms = INT64_MAX;
    op_read(op, read, on_revocations);
}

static void read_next_page(struct op *op, struct now now);

/* How far a forced unregister has come; op->extra. */
struct page_cursor {
    struct str id;
};

static void on_page_disconnected(struct op *op, struct now now)
{
    enum status status = op->write->status;
    if (status == STATUS_OK || status == STATUS_CONFLICT)
        read_next_page(op, now); /* the same page again: what is done is passed over */
    else
        op_fail_store(op, &op->write->error);
}

/* force: each connection is disconnected, in pages, and told so. */
static void on_page(struct op *op, struct now now)
{
    struct page_cursor *cursor = op->extra;
    if (op->read->status != STATUS_OK) {
        op_fail_store(op, &op->read->error);
        return;
    }
    if (op->read->connection_count == 0) {
        read_revocations(op);
        return;
    }
    struct store_write *write = store_write_new(now.ms);
    for (size_t i = 0; i < op->read->connection_count; i++) {
        const struct connection *connection = &op->read->connections[i];
        struct decision decision;
        lifecycle_disconnected(connection, now, &decision);
        if (decision.fact_count == 0)
            continue;
        store_write_put_connection(write, &decision.next);
        event_append_facts(op->engine, write, op->entry, connection, &decision, now);
        op_audit(op, write, connection->id, NULL, now);
    }
    if (write->op_count == 0) {
        store_write_free(write);
        cursor->id =
            arena_copy(&op->arena, op->read->connections[op->read->connection_count - 1].id);
        read_next_page(op, now);
        return;
    }
    op_write(op, write, on_page_disconnected);
}

static void read_next_page(struct op *op, struct now now)
{
    (void)now;
    const struct page_cursor *cursor = op->extra;
    struct store_read *read = store_read_new(STORE_READ_CONNECTION_PAGE);
    read->filter = (struct connection_filter){
        .connector = arena_copy(&read->arena, op->entry->connector.id),
        .state = -1,
        .reason = -1,
    };
    read->cursor = arena_copy(&read->arena, cursor->id);
    read->limit = 100;
    op_read(op, read, on_page);
}

void call_unregister(struct op *op, struct now now)
{
    if (!op_take_entry(op))
        return;
    op->extra = arena_alloc(&op->arena, sizeof(struct page_cursor));
    if (op_bool(op, "force", false))
        read_next_page(op, now);
    else
        read_revocations(op);
}
